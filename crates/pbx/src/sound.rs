//! Sounds that a test can recognise, sample by sample at 8000 Hz.

use std::f64::consts::TAU;

/// Samples per second.
pub(crate) const RATE: u32 = 8000;

/// Peak, of 32,767: -8 dBFS.
const LEVEL: f64 = 13_000.0;

/// The sweep: from, to, how long, and the silence before it comes again.
const SWEEP_FROM_HZ: f64 = 300.0;
const SWEEP_TO_HZ: f64 = 3000.0;
const SWEEP_S: u32 = 2;
const PAUSE_S: u32 = 1;

/// Frequency of the steady tone.
const TONE_HZ: u32 = 440;

/// A sound without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sound {
    /// A sine whose frequency rises evenly from 300 to 3000 Hz within 2 s; then 1 s of silence.
    Sweep,
    /// 440 Hz.
    Tone,
}

impl Sound {
    /// The sample `position` / 8000 s after the sound began.
    pub(crate) fn sample(self, position: u64) -> i16 {
        let rate = f64::from(RATE);
        let phase = match self {
            Self::Tone => {
                // One second holds a whole number of periods.
                f64::from(TONE_HZ) * (position % u64::from(RATE)) as f64 / rate
            }
            Self::Sweep => {
                let within = position % u64::from((SWEEP_S + PAUSE_S) * RATE);
                if within >= u64::from(SWEEP_S * RATE) {
                    return 0;
                }
                let time = within as f64 / rate;
                let rise = (SWEEP_TO_HZ - SWEEP_FROM_HZ) / (2.0 * f64::from(SWEEP_S));
                SWEEP_FROM_HZ * time + rise * time * time
            }
        };
        ((TAU * phase).sin() * LEVEL) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Zero crossings upward between two times, so about the frequency times their distance.
    fn periods(sound: Sound, from: f64, to: f64) -> usize {
        let at = |time: f64| (time * f64::from(RATE)) as u64;
        (at(from)..at(to))
            .filter(|n| sound.sample(*n) < 0 && sound.sample(n + 1) >= 0)
            .count()
    }

    #[test]
    fn the_sweep_rises_evenly_and_comes_again() {
        for start in [0.0, 3.0, 300.0] {
            // 300 + 1350 * t Hz: 435 Hz on average in the first 0.2 s, 2865 Hz in the last.
            assert!(periods(Sound::Sweep, start, start + 0.2).abs_diff(87) <= 1);
            assert!(periods(Sound::Sweep, start + 0.9, start + 1.1).abs_diff(330) <= 1);
            assert!(periods(Sound::Sweep, start + 1.8, start + 2.0).abs_diff(573) <= 1);
            let pause = ((start + 2.0) * 8000.0) as u64..((start + 3.0) * 8000.0) as u64;
            assert!(pause.into_iter().all(|n| Sound::Sweep.sample(n) == 0));
        }
        assert!(
            (1..20).any(|n| Sound::Sweep.sample(n).abs() > 3000),
            "sound from the start"
        );
    }

    #[test]
    fn the_tone_is_steady() {
        assert_eq!(periods(Sound::Tone, 0.0, 1.0), 440);
        assert_eq!(periods(Sound::Tone, 100.5, 101.5), 440);
    }
}
