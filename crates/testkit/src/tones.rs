//! Tones to send and to find again: what a call sounds like, in numbers.
//!
//! Sine and linear chirp with a fade at both ends; the level of a tone against the rest of the
//! band (Goertzel, no FFT); gaps; where in a recording a chirp begins. PCM is mono `f32` in -1..=1;
//! [`from_i16`] and [`to_i16`] convert.

use std::f64::consts::TAU;

/// Length of the analysis window, ms: bins of 20 Hz.
const WINDOW_MS: usize = 50;

/// Samples of -1..=1 from 16-bit PCM.
pub fn from_i16(pcm: &[i16]) -> Vec<f32> {
    pcm.iter().map(|&s| f32::from(s) / 32_768.0).collect()
}

/// 16-bit PCM, clipped.
pub fn to_i16(pcm: &[f32]) -> Vec<i16> {
    pcm.iter().map(|&s| (s * 32_767.0) as i16).collect()
}

/// A sine of `frequency_hz` and `amplitude` 0..=1, with a fade of 5 ms at both ends.
pub fn sine(frequency_hz: f64, amplitude: f64, ms: usize, clock_hz: u32) -> Vec<f32> {
    let phase = |t: f64| TAU * frequency_hz * t;
    generate(phase, amplitude, ms, clock_hz)
}

/// A linear sweep from `from_hz` to `to_hz`, with a fade of 5 ms at the end only: its first sample
/// is part of what a test looks for.
pub fn chirp(from_hz: f64, to_hz: f64, amplitude: f64, ms: usize, clock_hz: u32) -> Vec<f32> {
    let seconds = ms as f64 / 1000.0;
    let phase = |t: f64| TAU * (from_hz * t + (to_hz - from_hz) * t * t / (2.0 * seconds));
    let mut pcm = generate(phase, amplitude, ms, clock_hz);
    // The fade at the start, taken back.
    for (n, sample) in pcm.iter_mut().enumerate().take(fade_samples(clock_hz)) {
        let t = n as f64 / f64::from(clock_hz);
        *sample = (amplitude * phase(t).sin()) as f32;
    }
    pcm
}

fn generate(phase: impl Fn(f64) -> f64, amplitude: f64, ms: usize, clock_hz: u32) -> Vec<f32> {
    let samples = samples(ms, clock_hz);
    let fade = fade_samples(clock_hz);
    (0..samples)
        .map(|n| {
            let edge = n.min(samples - 1 - n).min(fade) as f64 / fade as f64;
            let t = n as f64 / f64::from(clock_hz);
            (amplitude * edge * phase(t).sin()) as f32
        })
        .collect()
}

fn fade_samples(clock_hz: u32) -> usize {
    samples(5, clock_hz).max(1)
}

/// Level of one tone in a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Its power in dB below full scale.
    pub dbfs: f64,
    /// Its power against everything else in the recording, dB.
    pub above_rest_db: f64,
}

/// How loud `frequency_hz` is, by itself and against the rest of the band, over the whole of `pcm`.
///
/// Tone and rest are taken in windows of 50 ms (Hann), so that the slow drift of two clocks, or a
/// jump of phase at a lost packet, does not smear the tone into the rest.
pub fn level(pcm: &[f32], frequency_hz: f64, clock_hz: u32) -> Level {
    let (mut tone, mut all, mut windows) = (0.0, 0.0, 0_usize);
    for window in pcm.chunks_exact(samples(WINDOW_MS, clock_hz).max(1)) {
        let (power, total) = window_power(window, frequency_hz, clock_hz);
        tone += power;
        all += total;
        windows += 1;
    }
    let windows = windows.max(1) as f64;
    let (tone, all) = (tone / windows, all / windows);
    Level {
        dbfs: db(tone),
        above_rest_db: db(tone / (all - tone).max(1e-12)),
    }
}

/// The frequency of those given that is loudest.
pub fn loudest(pcm: &[f32], frequencies_hz: &[f64], clock_hz: u32) -> Option<f64> {
    let level_of = |frequency: f64| level(pcm, frequency, clock_hz).dbfs;
    frequencies_hz
        .iter()
        .copied()
        .max_by(|a, b| level_of(*a).total_cmp(&level_of(*b)))
}

/// A stretch of a recording, ms from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First ms.
    pub from_ms: usize,
    /// First ms after it.
    pub to_ms: usize,
}

impl Span {
    /// Length, ms.
    pub fn ms(&self) -> usize {
        self.to_ms - self.from_ms
    }
}

/// Stretches between the first and the last sound of `frequency_hz` in which it is absent: 20 dB
/// below its median level. Resolution 5 ms; a tone needs two periods in 10 ms, so from 200 Hz on.
pub fn gaps(pcm: &[f32], frequency_hz: f64, clock_hz: u32) -> Vec<Span> {
    let (hop, window) = (samples(5, clock_hz).max(1), samples(10, clock_hz).max(1));
    let powers: Vec<f64> = (0..)
        .map(|n| n * hop)
        .take_while(|at| at + window <= pcm.len())
        .map(|at| goertzel(&pcm[at..at + window], frequency_hz, clock_hz))
        .collect();
    let loud: Vec<f64> = powers.iter().copied().filter(|p| *p > 1e-6).collect();
    let Some(median) = median(loud) else {
        return Vec::new();
    };
    let heard = |power: &f64| *power > median / 100.0;
    let (Some(first), Some(last)) = (
        powers.iter().position(heard),
        powers.iter().rposition(heard),
    ) else {
        return Vec::new();
    };
    let mut gaps = Vec::new();
    let mut begun = None;
    for (n, power) in powers.iter().enumerate().take(last + 1).skip(first) {
        match (heard(power), begun) {
            (false, None) => begun = Some(n),
            // A window that is silent tells of its own 10 ms: from its start to its end.
            (true, Some(from)) => {
                gaps.push(Span {
                    from_ms: from * 5,
                    to_ms: (n - 1) * 5 + 10,
                });
                begun = None;
            }
            _ => {}
        }
    }
    gaps
}

/// The longest of [`gaps`], ms.
pub fn longest_gap_ms(pcm: &[f32], frequency_hz: f64, clock_hz: u32) -> usize {
    let gaps = gaps(pcm, frequency_hz, clock_hz);
    gaps.iter().map(Span::ms).max().unwrap_or(0)
}

/// Where `reference` is in a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// Sample of the recording at which sample 0 of the reference would be; negative if the
    /// recording begins after it.
    pub at: i64,
    /// Normalised correlation there, 0..=1.
    pub correlation: f64,
}

/// Finds `reference` in `recording` by normalised cross-correlation, if it is there at all
/// (correlation >= 0.5, over at least a tenth of the reference).
///
/// The search goes at about 8 kHz, then by sample around the best place: the reference should have
/// its energy below 3.4 kHz. A second of it in ten seconds takes some seconds in a debug build.
pub fn find(recording: &[f32], reference: &[f32], clock_hz: u32) -> Option<Match> {
    let factor = (clock_hz as usize / 8000).max(1);
    let (coarse_x, coarse_y) = (decimate(recording, factor), decimate(reference, factor));
    let least = coarse_y.len() as i64 / 10;
    let all = least - coarse_y.len() as i64..=coarse_x.len() as i64 - least;
    let coarse = best_match(&coarse_x, &coarse_y, all)?;
    let around = (factor as i64 * 2).max(1);
    let center = coarse.at * factor as i64;
    let fine = best_match(recording, reference, center - around..=center + around)?;
    (fine.correlation >= 0.5).then_some(fine)
}

fn decimate(pcm: &[f32], factor: usize) -> Vec<f32> {
    let mean = |chunk: &[f32]| chunk.iter().sum::<f32>() / factor as f32;
    pcm.chunks_exact(factor).map(mean).collect()
}

fn best_match(
    recording: &[f32],
    reference: &[f32],
    places: std::ops::RangeInclusive<i64>,
) -> Option<Match> {
    let (xx, yy) = (energies(recording), energies(reference));
    let whole = *yy.last()?;
    let mut best: Option<Match> = None;
    for at in places {
        let (from, skip) = (at.max(0) as usize, (-at).max(0) as usize);
        let (Some(x), Some(y)) = (recording.get(from..), reference.get(skip..)) else {
            continue;
        };
        let length = x.len().min(y.len());
        let energy = |sums: &[f64], from: usize| sums[from + length] - sums[from];
        let (x_energy, y_energy) = (energy(&xx, from), energy(&yy, skip));
        if x_energy < 1e-9 || y_energy < 1e-9 {
            continue;
        }
        let mut dot = 0.0_f32;
        for n in 0..length {
            dot += x[n] * y[n];
        }
        // Over part of the reference a match is worth that part of it.
        let correlation = f64::from(dot) / (x_energy * whole).sqrt();
        if best.is_none_or(|best| correlation > best.correlation) {
            best = Some(Match { at, correlation });
        }
    }
    best
}

/// Energy of the first n samples, for each n.
fn energies(pcm: &[f32]) -> Vec<f64> {
    let mut sum = 0.0;
    let rest = pcm.iter().map(|&s| {
        sum += f64::from(s).powi(2);
        sum
    });
    std::iter::once(0.0).chain(rest).collect()
}

/// How much of the start of `reference` is missing from `recording`, ms: 0 if its first sample is
/// there. `None` if it is not there at all.
///
/// Looks at what sounds: the first stretch of the recording in which the reference is heard at the
/// place where it should be, in steps of 5 ms.
pub fn clipped_ms(recording: &[f32], reference: &[f32], clock_hz: u32) -> Option<usize> {
    let found = find(recording, reference, clock_hz)?;
    let (step, window) = (samples(5, clock_hz), samples(20, clock_hz));
    let heard = |skip: usize| {
        let at = usize::try_from(found.at + skip as i64).ok()?;
        let x = recording.get(at..at + window)?;
        let y = reference.get(skip..skip + window)?;
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
            products.sum()
        };
        let correlation = dot(x, y) / (dot(x, x) * dot(y, y)).sqrt().max(1e-9);
        Some(correlation > 0.5)
    };
    let skips = (0..reference.len().saturating_sub(window)).step_by(step.max(1));
    let first = skips.into_iter().find(|skip| heard(*skip) == Some(true))?;
    Some(first * 1000 / clock_hz as usize)
}

/// Power of one frequency in `pcm` (mean square of the sine), rectangular window.
pub fn goertzel(pcm: &[f32], frequency_hz: f64, clock_hz: u32) -> f64 {
    goertzel_of(
        pcm.iter().map(|&s| f64::from(s)),
        pcm.len(),
        frequency_hz,
        clock_hz,
    )
}

fn goertzel_of(
    pcm: impl Iterator<Item = f64>,
    length: usize,
    frequency_hz: f64,
    clock_hz: u32,
) -> f64 {
    let w = TAU * frequency_hz / f64::from(clock_hz);
    let coefficient = 2.0 * w.cos();
    let (mut s1, mut s2) = (0.0, 0.0);
    for sample in pcm {
        (s1, s2) = (sample + coefficient * s1 - s2, s1);
    }
    let power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
    2.0 * power / (length.max(1) as f64).powi(2)
}

/// Power of the tone and of everything in a window, both under a Hann window.
fn window_power(window: &[f32], frequency_hz: f64, clock_hz: u32) -> (f64, f64) {
    let length = window.len() as f64;
    let hann = |n: usize| 0.5 - 0.5 * (TAU * n as f64 / length).cos();
    let shaped = || {
        let samples = window.iter().enumerate();
        samples.map(|(n, &s)| f64::from(s) * hann(n))
    };
    // Hann halves the amplitude, takes 3/8 of the power, and spreads a tone over its neighbour bins.
    let bin = f64::from(clock_hz) / length;
    let power: f64 = [-1.0, 0.0, 1.0]
        .iter()
        .map(|side| {
            let frequency = frequency_hz + side * bin;
            goertzel_of(shaped(), window.len(), frequency, clock_hz)
        })
        .sum();
    let total: f64 = shaped().map(|s| s * s).sum::<f64>() / length;
    (power / 0.375, total / 0.375)
}

fn samples(ms: usize, clock_hz: u32) -> usize {
    ms * clock_hz as usize / 1000
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn db(power: f64) -> f64 {
    10.0 * power.max(1e-12).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix(parts: &[Vec<f32>]) -> Vec<f32> {
        let length = parts.iter().map(Vec::len).max().unwrap_or(0);
        let at = |n: usize| parts.iter().map(|part| part.get(n).unwrap_or(&0.0)).sum();
        (0..length).map(at).collect()
    }

    /// A reproducible noise of about `amplitude`.
    fn noise(amplitude: f32, length: usize) -> Vec<f32> {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            amplitude * ((state >> 8) as f32 / 8_388_608.0 - 1.0)
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn a_tone_is_found_with_its_level_whatever_its_place_in_the_bins() {
        for clock_hz in [8000, 16_000, 48_000] {
            for frequency in [313.0, 440.0, 1001.7, 2750.0] {
                let pcm = sine(frequency, 0.5, 2000, clock_hz);
                let found = level(&pcm, frequency, clock_hz);
                assert!((found.dbfs + 9.03).abs() < 0.3, "{frequency}: {found:?}");
                assert!(found.above_rest_db > 25.0, "{frequency}: {found:?}");
                let other = level(&pcm, frequency + 300.0, clock_hz);
                assert!(other.dbfs < -50.0, "{frequency}: {other:?}");
                assert!(other.above_rest_db < -40.0, "{frequency}: {other:?}");
            }
        }
    }

    #[test]
    fn the_rest_of_the_band_counts_against_it() {
        let tone = sine(700.0, 0.5, 2000, 8000);
        let beside = |amplitude| {
            level(
                &mix(&[tone.clone(), sine(1100.0, amplitude, 2000, 8000)]),
                700.0,
                8000,
            )
        };
        assert!((beside(0.05).above_rest_db - 20.0).abs() < 0.5);
        assert!((beside(0.5).above_rest_db).abs() < 0.5);
        let noisy = level(&mix(&[tone.clone(), noise(0.5, 16_000)]), 700.0, 8000);
        assert!((-1.0..4.0).contains(&noisy.above_rest_db), "{noisy:?}");
        assert!(level(&vec![0.0; 8000], 700.0, 8000).dbfs < -100.0);
    }

    #[test]
    fn gaps_are_measured() {
        let clock_hz = 48_000;
        let pcm = sine(600.0, 0.5, 3000, clock_hz);
        assert_eq!(gaps(&pcm, 600.0, clock_hz), []);
        for gap_ms in [25, 60, 200] {
            let mut pcm = pcm.clone();
            let from = samples(1000, clock_hz);
            pcm[from..from + samples(gap_ms, clock_hz)].fill(0.0);
            let found = gaps(&pcm, 600.0, clock_hz);
            assert_eq!(found.len(), 1, "{gap_ms}: {found:?}");
            assert!(found[0].ms().abs_diff(gap_ms) <= 10, "{gap_ms}: {found:?}");
            assert!(found[0].from_ms.abs_diff(1000) <= 10, "{found:?}");
            assert_eq!(longest_gap_ms(&pcm, 600.0, clock_hz), found[0].ms());
        }
        // Another tone does not fill a gap.
        let mut pcm = pcm;
        let other = sine(1400.0, 0.5, 100, clock_hz);
        pcm[48_000..52_800].copy_from_slice(&other);
        assert!(longest_gap_ms(&pcm, 600.0, clock_hz).abs_diff(100) <= 10);
    }

    #[test]
    fn silence_around_the_tone_is_no_gap() {
        let mut pcm = vec![0.0; 8000];
        pcm.extend(sine(600.0, 0.5, 1000, 8000));
        pcm.extend(vec![0.0; 8000]);
        assert_eq!(gaps(&pcm, 600.0, 8000), []);
        assert_eq!(gaps(&[0.0; 8000], 600.0, 8000), []);
        assert_eq!(gaps(&[], 600.0, 8000), []);
    }

    #[test]
    fn a_chirp_is_found_at_its_sample() {
        let reference = chirp(300.0, 3000.0, 0.5, 300, 8000);
        let mut recording = noise(0.05, 1234);
        recording.extend(&reference);
        recording.extend(noise(0.05, 800));
        let found = find(&recording, &reference, 8000).unwrap();
        assert!((found.at - 1234).abs() <= 1, "{found:?}");
        assert!(found.correlation > 0.95, "{found:?}");
        assert_eq!(clipped_ms(&recording, &reference, 8000), Some(0));
        let wide = chirp(300.0, 3000.0, 0.5, 300, 48_000);
        let mut recording = vec![0.0; 31_007];
        recording.extend(&wide);
        let found = find(&recording, &wide, 48_000).unwrap();
        assert!((found.at - 31_007).abs() <= 1, "{found:?}");
        assert_eq!(find(&noise(0.3, 4000), &reference, 8000), None);
    }

    #[test]
    fn what_is_clipped_is_measured() {
        let reference = chirp(300.0, 3000.0, 0.5, 300, 8000);
        for missing_ms in [20, 60, 150] {
            // Cut off at the start of the recording, or silence where the start should be.
            let cut = &reference[samples(missing_ms, 8000)..];
            let mut silent = vec![0.0; 400];
            silent.extend(vec![0.0; samples(missing_ms, 8000)]);
            silent.extend(cut);
            for recording in [cut.to_vec(), silent] {
                let clipped = clipped_ms(&recording, &reference, 8000).unwrap();
                assert!(
                    clipped.abs_diff(missing_ms) <= 15,
                    "{missing_ms}: {clipped}"
                );
            }
        }
    }

    #[test]
    fn the_loudest_of_several() {
        let pcm = mix(&[sine(500.0, 0.2, 500, 8000), sine(900.0, 0.4, 500, 8000)]);
        assert_eq!(loudest(&pcm, &[500.0, 700.0, 900.0], 8000), Some(900.0));
        assert_eq!(loudest(&pcm, &[], 8000), None);
        let back = from_i16(&to_i16(&pcm));
        assert!(pcm.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-4));
    }
}
