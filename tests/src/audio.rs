//! What a recording holds: is this tone there, clear and without gaps, and is that one not?
//!
//! A tone is fitted by least squares to windows of 40 ms. A window is *clear* when the fitted sine has 100 times the power
//! (20 dB) of everything else in the window and is not merely faint. A dropout makes every window that touches it
//! unclear, so the gap is the time between the end of the last clear window and the start of the next.

use std::f64::consts::TAU;

use crate::tone::Tone;
use crate::wav::Recording;

/// 20 dB as a ratio of powers.
const CLEAR: f64 = 100.0;
/// -40 dB of full scale as an amplitude: fainter is not "heard".
const AUDIBLE: f64 = 0.01;
const WINDOW: f64 = 0.040;
const HOP: f64 = 0.005;

/// A stretch of a recording, in seconds from its start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
}

impl Stretch {
    /// Its length.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.to - self.from
    }
}

/// One sine fitted to one window.
#[derive(Debug, Clone, Copy)]
struct Fit {
    amplitude: f64,
    /// Power of the sine over the power of the rest.
    ratio: f64,
}

/// The stretches in which `tone` is clear, each without a gap of more than `max_gap` seconds, in order.
#[must_use]
pub fn clear_stretches(recording: &Recording, tone: Tone, max_gap: f64) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for (from, window) in windows(recording, WINDOW, HOP) {
        let fit = fit(window, recording.rate, tone);
        if fit.ratio < CLEAR || fit.amplitude < AUDIBLE {
            continue;
        }
        let to = from + WINDOW;
        match stretches.last_mut() {
            Some(last) if from - last.to <= max_gap => last.to = to,
            _ => stretches.push(Stretch { from, to }),
        }
    }
    stretches
}

/// The longest of [`clear_stretches`]; empty (0..0) when the tone is nowhere clear.
#[must_use]
pub fn longest_clear(recording: &Recording, tone: Tone, max_gap: f64) -> Stretch {
    let longest = |a: Stretch, b: Stretch| if b.seconds() > a.seconds() { b } else { a };
    let none = Stretch { from: 0.0, to: 0.0 };
    clear_stretches(recording, tone, max_gap)
        .into_iter()
        .fold(none, longest)
}

/// The loudest that `tone` gets in any window of `window` seconds, as an amplitude (1.0 is full scale). The window is
/// weighted (Hann), so that a strong tone elsewhere in the band does not leak in.
#[must_use]
pub fn loudest(recording: &Recording, tone: Tone, window: f64) -> f64 {
    let levels = windows(recording, window, window / 4.0);
    levels
        .map(|(_, samples)| hann_amplitude(samples, recording.rate, tone))
        .fold(0.0, f64::max)
}

/// The longest stretch in which nothing is louder than -50 dB of full scale (RMS over 20 ms).
#[must_use]
pub fn longest_silence(recording: &Recording) -> Stretch {
    let mut longest = Stretch { from: 0.0, to: 0.0 };
    let mut current: Option<Stretch> = None;
    for (from, window) in windows(recording, 0.020, 0.010) {
        if rms(window) < 0.003 {
            let start = current.map_or(from, |stretch: Stretch| stretch.from);
            let stretch = Stretch {
                from: start,
                to: from + 0.020,
            };
            if stretch.seconds() > longest.seconds() {
                longest = stretch;
            }
            current = Some(stretch);
        } else {
            current = None;
        }
    }
    longest
}

/// Decibels of one amplitude over another.
#[must_use]
pub fn decibels(amplitude: f64, over: f64) -> f64 {
    20.0 * (amplitude.max(1e-9) / over.max(1e-9)).log10()
}

/// The checks of one direction of a call, with a sentence about each that failed.
///
/// `heard` must be clear for 2 s without a gap over 60 ms; during it `own` stays 30 dB and Chromium's fake beep 20 dB
/// below.
pub fn check_heard(recording: &Recording, heard: Tone, own: Tone) -> Result<Stretch, String> {
    check_heard_for(recording, heard, own, 2.0)
}

/// The same for a call that is shorter: `heard` must be clear for `seconds`.
pub fn check_heard_for(
    recording: &Recording,
    heard: Tone,
    own: Tone,
    seconds: f64,
) -> Result<Stretch, String> {
    let stretch = longest_clear(recording, heard, 0.060);
    if stretch.seconds() < seconds {
        return Err(format!(
            "{} Hz is clear for {:.2} s only, of {:.2} s recorded (loudest: {:.1} dB of full scale, {} stretches)",
            heard.hertz,
            stretch.seconds(),
            recording.seconds(),
            decibels(loudest(recording, heard, 0.2), 1.0),
            clear_stretches(recording, heard, 0.060).len(),
        ));
    }
    let part = recording.part(stretch.from, stretch.to);
    let level = loudest(&part, heard, 0.2);
    for (name, tone, window, below) in [
        ("own tone", own, 0.2, -30.0),
        ("fake beep", crate::tone::FAKE_BEEP, 0.06, -20.0),
    ] {
        let found = decibels(loudest(&part, tone, window), level);
        if found > below {
            return Err(format!(
                "the {name} ({} Hz) is {found:.1} dB from the other's tone",
                tone.hertz
            ));
        }
    }
    Ok(stretch)
}

fn windows(recording: &Recording, length: f64, hop: f64) -> impl Iterator<Item = (f64, &[f32])> {
    let rate = f64::from(recording.rate);
    let count = (length * rate) as usize;
    let hop = ((hop * rate) as usize).max(1);
    let starts = (0..).map(move |n| n * hop);
    let starts = starts.take_while(move |start| start + count <= recording.samples.len());
    starts.map(move |start| {
        (
            start as f64 / rate,
            &recording.samples[start..start + count],
        )
    })
}

fn rms(samples: &[f32]) -> f64 {
    let sum: f64 = samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    (sum / samples.len().max(1) as f64).sqrt()
}

/// Least squares: sine and cosine of the tone against the window without its mean.
fn fit(samples: &[f32], rate: u32, tone: Tone) -> Fit {
    let step = TAU * tone.hertz / f64::from(rate);
    let (turn_sin, turn_cos) = step.sin_cos();
    let (mut sin, mut cos) = (0.0_f64, 1.0_f64);
    let (mut ss, mut sc, mut cc, mut xs, mut xc, mut xx) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    let mean = samples.iter().map(|s| f64::from(*s)).sum::<f64>() / samples.len().max(1) as f64;
    for sample in samples {
        let x = f64::from(*sample) - mean;
        ss += sin * sin;
        sc += sin * cos;
        cc += cos * cos;
        xs += x * sin;
        xc += x * cos;
        xx += x * x;
        (sin, cos) = (
            sin * turn_cos + cos * turn_sin,
            cos * turn_cos - sin * turn_sin,
        );
    }
    let det = ss * cc - sc * sc;
    if det <= 0.0 {
        return Fit {
            amplitude: 0.0,
            ratio: 0.0,
        };
    }
    let (a, b) = ((xs * cc - xc * sc) / det, (xc * ss - xs * sc) / det);
    let explained = a * xs + b * xc;
    Fit {
        amplitude: a.hypot(b),
        ratio: explained / (xx - explained).max(1e-12),
    }
}

fn hann_amplitude(samples: &[f32], rate: u32, tone: Tone) -> f64 {
    let step = TAU * tone.hertz / f64::from(rate);
    let wide = TAU / samples.len() as f64;
    let (mut re, mut im, mut weight) = (0.0, 0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let hann = 0.5 - 0.5 * (wide * n as f64).cos();
        let (sin, cos) = (step * n as f64).sin_cos();
        re += hann * f64::from(*sample) * cos;
        im += hann * f64::from(*sample) * sin;
        weight += hann;
    }
    2.0 * re.hypot(im) / weight.max(1e-9)
}

#[cfg(test)]
mod tests;
