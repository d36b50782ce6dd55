//! How much of a sweep's beginning is missing from a recording.
//!
//! The sound that is first heard is matched against the sweep at every offset; the offset that fits best says which
//! part of the sweep was heard first, so everything before it was lost. Silence before the sweep does not matter.
//!
//! A browser that has much to play catches up by leaving pitch periods out (Chromium's NetEq), and a long stretch with
//! such cuts fits nowhere. So the sweep is matched a short piece at a time, and each must be of a later part than the one
//! before.

use std::f64::consts::TAU;

use crate::wav::Recording;

/// A sine whose frequency rises evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sweep {
    /// Frequency at its start.
    pub from_hertz: f64,
    /// Frequency at its end.
    pub to_hertz: f64,
    /// How long it takes.
    pub seconds: f64,
}

/// How the start of a sweep was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    /// Seconds of the sweep that are missing before the first sound.
    pub missing: f64,
    /// When in the recording the first sound is, in seconds.
    pub heard_at: f64,
    /// How well the first pieces fit, on average: 1.0 is perfect, 0.0 is no sweep.
    pub fit: f64,
}

/// How much sound is matched at once, in seconds.
const PIECE: f64 = 0.050;
/// How many pieces from the first sound on.
const PIECES: usize = 3;
/// Offsets tried, in seconds; the last is far beyond what may be missing.
const STEP: f64 = 0.001;

impl Sweep {
    /// Phase in radians at `time` seconds after its start.
    fn phase(self, time: f64) -> f64 {
        TAU * (self.from_hertz * time
            + (self.to_hertz - self.from_hertz) * time * time / (2.0 * self.seconds))
    }

    /// The sweep as sound, at `level` (peak).
    #[must_use]
    pub fn sound(self, rate: u32, level: f64) -> Recording {
        let count = (self.seconds * f64::from(rate)) as usize;
        let samples =
            (0..count).map(|n| (level * self.phase(n as f64 / f64::from(rate)).sin()) as f32);
        Recording {
            rate,
            samples: samples.collect(),
        }
    }

    /// Finds where in the sweep the recording's first sound lies. `None` when there is no sound or too little of it.
    #[must_use]
    pub fn start_in(self, recording: &Recording) -> Option<Start> {
        let rate = f64::from(recording.rate);
        let first = onset(recording)?;
        let length = (PIECE * rate) as usize;
        let mut pieces = Vec::new();
        for n in 0..PIECES {
            let from = first + n * length;
            pieces.push(self.place(recording.samples.get(from..from + length)?, rate));
        }
        let rises = pieces.windows(2).all(|pair| pair[1].0 > pair[0].0);
        let fit = pieces.iter().map(|(_, fit)| fit).sum::<f64>() / PIECES as f64;
        let (offset, _) = pieces[0];
        Some(Start {
            missing: offset.max(0.0),
            heard_at: first as f64 / rate + (-offset).max(0.0),
            fit: if rises { fit } else { 0.0 },
        })
    }

    /// At which offset into the sweep a piece fits best, in seconds, and how well.
    fn place(self, heard: &[f32], rate: f64) -> (f64, f64) {
        let power: f64 = heard.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
        let mut best = (0.0, 0.0);
        let offsets = ((self.seconds - PIECE).max(0.0) / STEP) as usize;
        // The onset is found up to 5 ms early, so offsets a little before the sweep's start are tried too.
        for n in 0..=offsets + 10 {
            let offset = (n as f64 - 10.0) * STEP;
            let (mut sin, mut cos) = (0.0, 0.0);
            for (k, sample) in heard.iter().enumerate() {
                let (s, c) = self.phase(offset + k as f64 / rate).sin_cos();
                sin += f64::from(*sample) * s;
                cos += f64::from(*sample) * c;
            }
            let fit = (sin.hypot(cos) * (2.0 / (heard.len() as f64 * power)).sqrt()).min(1.0);
            if fit > best.1 {
                best = (offset, fit);
            }
        }
        best
    }
}

/// The first sample from which 5 ms are louder than -40 dB of the loudest.
fn onset(recording: &Recording) -> Option<usize> {
    let loudest = recording
        .samples
        .iter()
        .fold(0.0f32, |max, s| max.max(s.abs()));
    if loudest < 0.01 {
        return None;
    }
    let count = (recording.rate / 200) as usize;
    let limit = loudest * loudest * 1e-4;
    let loud = |window: &[f32]| window.iter().map(|s| s * s).sum::<f32>() / count as f32 > limit;
    let found = recording
        .samples
        .windows(count)
        .step_by(count / 5)
        .position(loud)?;
    Some(found * (count / 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWEEP: Sweep = Sweep {
        from_hertz: 300.0,
        to_hertz: 3000.0,
        seconds: 1.0,
    };

    fn heard(missing: f64, silence: f64) -> Recording {
        let sweep = SWEEP.sound(48_000, 0.3);
        let mut samples = vec![0.0; (silence * 48_000.0) as usize];
        samples.extend_from_slice(&sweep.part(missing, 9.0).samples);
        Recording {
            rate: 48_000,
            samples,
        }
    }

    #[test]
    fn nothing_is_missing() {
        let start = SWEEP.start_in(&heard(0.0, 0.7)).unwrap();
        assert!(start.missing <= 0.005 && start.fit > 0.95, "{start:?}");
        assert!((start.heard_at - 0.7).abs() < 0.01, "{start:?}");
    }

    #[test]
    fn what_is_missing_is_measured() {
        for missing in [0.020, 0.060, 0.300, 0.700] {
            let start = SWEEP.start_in(&heard(missing, 0.2)).unwrap();
            assert!(
                (start.missing - missing).abs() < 0.006,
                "{missing}: {start:?}"
            );
        }
    }

    #[test]
    fn a_sweep_that_is_caught_up_with_fits() {
        let mut samples = vec![0.0; 14_400];
        let mut time = 0.004;
        for _ in 0..40 {
            // 20 ms as they are, then a period is left out.
            for n in 0..960 {
                samples.push((0.3 * SWEEP.phase(time + f64::from(n) / 48_000.0).sin()) as f32);
            }
            time += 0.020;
            let cut = SWEEP.phase(time) + TAU;
            while SWEEP.phase(time) < cut {
                time += 1.0 / 48_000.0;
            }
        }
        let caught_up = Recording {
            rate: 48_000,
            samples,
        };
        let start = SWEEP.start_in(&caught_up).unwrap();
        assert!(start.missing < 0.012 && start.fit > 0.8, "{start:?}");
    }

    #[test]
    fn another_sound_does_not_fit() {
        let tone = crate::tone::Tone { hertz: 1000.0 }.sound(48_000, 1.0, 0.3);
        assert!(SWEEP.start_in(&tone).unwrap().fit < 0.7);
        assert!(
            SWEEP
                .start_in(&Recording {
                    rate: 48_000,
                    samples: vec![0.0; 48_000]
                })
                .is_none()
        );
    }
}
