//! The tones by which each direction of a call is known: chosen anew in every run.

use std::f64::consts::TAU;

use rand::RngExt as _;

use crate::wav::Recording;

/// What Chromium's fake microphone beeps (a 20 ms square wave of 400 Hz twice a second).
pub const FAKE_BEEP: Tone = Tone { hertz: 400.0 };

/// A sine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// Its frequency.
    pub hertz: f64,
}

impl Tone {
    /// Two tones of a telephone's band that neither are near one another, nor near one another's octave, nor near the
    /// fake beep or one of its odd overtones.
    #[must_use]
    pub fn pick_two() -> (Self, Self) {
        let [one, two] = Self::pick();
        (one, two)
    }

    /// The same for any number of tones, of which no two are alike; more than four are hard to find.
    #[must_use]
    pub fn pick<const COUNT: usize>() -> [Self; COUNT] {
        let mut rng = rand::rng();
        loop {
            let tones = [(); COUNT].map(|()| f64::from(rng.random_range(52..260u32)) * 10.0);
            let pairs = |fits: &dyn Fn(f64, f64) -> bool| {
                let mut others = tones.iter().enumerate();
                others.all(|(n, one)| tones[n + 1..].iter().all(|two| fits(*one, *two)))
            };
            let lone = |hertz: &f64| {
                [400.0, 1200.0, 2000.0, 2800.0]
                    .iter()
                    .all(|beep| f64::abs(hertz - beep) > 100.0)
            };
            let no_overtone = |low: f64, high: f64| {
                [2.0, 3.0, 4.0]
                    .iter()
                    .all(|times| f64::abs(low * times - high) > 100.0)
            };
            let apart = |one: f64, two: f64| {
                (one - two).abs() > 300.0 && no_overtone(one, two) && no_overtone(two, one)
            };
            if tones.iter().all(lone) && pairs(&apart) {
                return tones.map(|hertz| Self { hertz });
            }
        }
    }

    /// The tone as sound, at `level` (0.0..=1.0, peak).
    #[must_use]
    pub fn sound(self, rate: u32, seconds: f64, level: f64) -> Recording {
        let count = (seconds * f64::from(rate)) as usize;
        let step = TAU * self.hertz / f64::from(rate);
        let samples = (0..count)
            .map(|n| (level * (step * n as f64).sin()) as f32)
            .collect();
        Recording { rate, samples }
    }
}

/// A tone without end in packets of 20 ms of G.711 mu-law.
#[derive(Debug, Clone)]
pub struct Loop {
    /// 100 ms: each tone here has whole periods in them.
    bytes: Vec<u8>,
    at: usize,
}

impl Tone {
    /// The tone for an RTP stream of payload type 0.
    #[must_use]
    pub fn pcmu(self) -> Loop {
        let sound = self.sound(8000, 0.1, 0.5).samples;
        let law = codec::Law::Mu;
        let bytes = sound.iter().map(|s| law.compress((s * 32_767.0) as i16));
        Loop {
            bytes: bytes.collect(),
            at: 0,
        }
    }
}

impl Loop {
    /// The next 160 samples.
    pub fn packet(&mut self) -> Vec<u8> {
        let packet = self.bytes[self.at..self.at + 160].to_vec();
        self.at = (self.at + 160) % self.bytes.len();
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_can_be_told_apart() {
        for _ in 0..1000 {
            let (one, two) = Tone::pick_two();
            assert!((one.hertz - two.hertz).abs() > 300.0);
            assert!((300.0..3400.0).contains(&one.hertz) && (300.0..3400.0).contains(&two.hertz));
        }
    }
}
