//! G.711 mu-law and A-law (ITU-T G.711; RFC 3551 §4.5.14), bit-exact with the ITU-T G.191 reference.
//!
//! PCM is 16 bits left-justified: mu-law uses the upper 14, A-law the upper 13. Magnitudes of
//! negative values are taken by ones' complement, as G.191 does, so that -1 and 0 differ in sign only.
//! [`ulaw_to_alaw`] and [`alaw_to_ulaw`] are Tables 3 and 4 of G.711: not the same as decoding and
//! encoding again, and cheaper.

use crate::{Codec, Error};

/// Longest payload decoded, bytes: 200 ms.
const MAX_PAYLOAD: usize = 1600;

/// Which of the two laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// mu-law, PCMU, payload type 0.
    Mu,
    /// A-law, PCMA, payload type 8.
    A,
}

impl Law {
    /// The code word of digital silence.
    pub fn silence(self) -> u8 {
        match self {
            Law::Mu => 0xff,
            Law::A => 0xd5,
        }
    }

    /// One sample to its code word.
    pub fn compress(self, sample: i16) -> u8 {
        match self {
            Law::Mu => ulaw_compress(sample),
            Law::A => alaw_compress(sample),
        }
    }

    /// One code word to its sample.
    pub fn expand(self, code: u8) -> i16 {
        match self {
            Law::Mu => ulaw_expand(code),
            Law::A => alaw_expand(code),
        }
    }
}

impl Codec for Law {
    fn clock_hz(&self) -> u32 {
        8000
    }

    fn encode(&mut self, frame: &[i16], payload: &mut Vec<u8>) -> Result<(), Error> {
        let expected = self.frame_samples();
        if frame.len() != expected {
            return Err(Error::FrameLength {
                expected,
                got: frame.len(),
            });
        }
        payload.extend(frame.iter().map(|&sample| self.compress(sample)));
        Ok(())
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut Vec<i16>) -> Result<(), Error> {
        if payload.is_empty() || payload.len() > MAX_PAYLOAD {
            return Err(Error::PayloadLength(payload.len()));
        }
        pcm.extend(payload.iter().map(|&code| self.expand(code)));
        Ok(())
    }
}

/// G.711 Table 3: a mu-law code word as the A-law code word a digital exchange would send on.
pub fn ulaw_to_alaw(code: u8) -> u8 {
    // Code words are inverted on the line: mu-law all bits, A-law the even bits.
    let number = ULAW_TO_ALAW[usize::from(!code & 0x7f)] - 1;
    (code & 0x80) | (number ^ 0x55)
}

/// G.711 Table 4: an A-law code word as mu-law code word.
pub fn alaw_to_ulaw(code: u8) -> u8 {
    let number = ALAW_TO_ULAW[usize::from((code ^ 0x55) & 0x7f)];
    (code & 0x80) | (!number & 0x7f)
}

fn ulaw_compress(sample: i16) -> u8 {
    let magnitude = ((magnitude(sample) >> 2) + 33).min(0x1fff);
    // The segment is the position of the leading bit above the 33 of bias: 1..=8.
    let segment = 11 - (magnitude as u16).leading_zeros() as u16;
    let mantissa = (magnitude >> segment) & 0x0f;
    let code = ((8 - segment) << 4) as u8 | (0x0f - mantissa) as u8;
    if sample >= 0 { code | 0x80 } else { code }
}

fn ulaw_expand(code: u8) -> i16 {
    let exponent = (!code >> 4) & 0x07;
    let mantissa = i16::from(!code & 0x0f);
    let step = 8_i16 << exponent;
    let magnitude = (0x80 << exponent) - 4 * 33 + step * mantissa + step / 2;
    if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

fn alaw_compress(sample: i16) -> u8 {
    let mut magnitude = magnitude(sample) >> 4;
    if magnitude > 15 {
        let mut exponent = 1;
        while magnitude > 31 {
            magnitude >>= 1;
            exponent += 1;
        }
        magnitude += (exponent << 4) - 16;
    }
    let code = magnitude as u8;
    (if sample >= 0 { code | 0x80 } else { code }) ^ 0x55
}

fn alaw_expand(code: u8) -> i16 {
    let plain = code ^ 0x55;
    let exponent = (plain >> 4) & 0x07;
    let mantissa = i16::from(plain & 0x0f) + if exponent > 0 { 16 } else { 0 };
    let magnitude = ((mantissa << 4) + 8) << exponent.saturating_sub(1);
    if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

/// Ones' complement magnitude, 0..=32767.
fn magnitude(sample: i16) -> i16 {
    if sample < 0 { !sample } else { sample }
}

/// G.711 Table 3: A-law decoder output number (from 1) for mu-law number (index, from 0).
#[rustfmt::skip]
const ULAW_TO_ALAW: [u8; 128] = [
      1,   1,   2,   2,   3,   3,   4,   4,   5,   5,   6,   6,   7,   7,   8,   8,
      9,  10,  11,  12,  13,  14,  15,  16,  17,  18,  19,  20,  21,  22,  23,  24,
     25,  27,  29,  31,  33,  34,  35,  36,  37,  38,  39,  40,  41,  42,  43,  44,
     46,  48,  49,  50,  51,  52,  53,  54,  55,  56,  57,  58,  59,  60,  61,  62,
     64,  65,  66,  67,  68,  69,  70,  71,  72,  73,  74,  75,  76,  77,  78,  79,
     80,  82,  83,  84,  85,  86,  87,  88,  89,  90,  91,  92,  93,  94,  95,  96,
     97,  98,  99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112,
    113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128,
];

/// G.711 Table 4: mu-law decoder output number (from 0) for A-law number (index, from 0).
#[rustfmt::skip]
const ALAW_TO_ULAW: [u8; 128] = [
      1,   3,   5,   7,   9,  11,  13,  15,  16,  17,  18,  19,  20,  21,  22,  23,
     24,  25,  26,  27,  28,  29,  30,  31,  32,  32,  33,  33,  34,  34,  35,  35,
     36,  37,  38,  39,  40,  41,  42,  43,  44,  45,  46,  47,  48,  48,  49,  49,
     50,  51,  52,  53,  54,  55,  56,  57,  58,  59,  60,  61,  62,  63,  64,  64,
     65,  66,  67,  68,  69,  70,  71,  72,  73,  74,  75,  76,  77,  78,  79,  80,
     80,  81,  82,  83,  84,  85,  86,  87,  88,  89,  90,  91,  92,  93,  94,  95,
     96,  97,  98,  99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111,
    112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // (sample, mu-law, A-law), from the G.191 reference.
        for (sample, mu, a) in [
            (0, 0xff, 0xd5),
            (-1, 0x7f, 0x55),
            (7, 0xfe, 0xd5),
            (8, 0xfe, 0xd5),
            (16, 0xfd, 0xd4),
            (-16, 0x7d, 0x55),
            (-17, 0x7d, 0x54),
            (1000, 0xce, 0xfa),
            (-1000, 0x4e, 0x7a),
            (8159, 0x9f, 0x8a),
            (32767, 0x80, 0xaa),
            (-32768, 0x00, 0x2a),
        ] {
            assert_eq!(Law::Mu.compress(sample), mu, "mu-law of {sample}");
            assert_eq!(Law::A.compress(sample), a, "A-law of {sample}");
        }
        for (code, mu, a) in [
            (0x00, -32124, -5504),
            (0x80, 32124, 5504),
            (0xff, 0, 848),
            (0x7f, 0, -848),
            (0x2a, -5372, -32256),
            (0xaa, 5372, 32256),
            (0xd5, 716, 8),
        ] {
            assert_eq!(Law::Mu.expand(code), mu, "mu-law {code:#x}");
            assert_eq!(Law::A.expand(code), a, "A-law {code:#x}");
        }
    }

    #[test]
    fn every_code_word_survives_expand_and_compress() {
        for code in 0..=255 {
            assert_eq!(Law::A.compress(Law::A.expand(code)), code);
            let again = Law::Mu.compress(Law::Mu.expand(code));
            // 0x7f is negative zero: 16-bit PCM has no such value.
            assert_eq!(again, if code == 0x7f { 0xff } else { code });
        }
    }

    /// FNV-1a over all 65,536 code words, computed with the G.191 formulas in C.
    #[test]
    fn every_sample_is_coded_as_the_reference_does() {
        let hash = |law: Law| {
            (i16::MIN..=i16::MAX).fold(2_166_136_261_u32, |hash, sample| {
                (hash ^ u32::from(law.compress(sample))).wrapping_mul(16_777_619)
            })
        };
        assert_eq!(hash(Law::Mu), 0xd161_f34d);
        assert_eq!(hash(Law::A), 0x826f_e2c5);
    }

    #[test]
    fn compress_is_monotone() {
        for law in [Law::Mu, Law::A] {
            let mut last = i16::MIN;
            for sample in i16::MIN..=i16::MAX {
                let value = law.expand(law.compress(sample));
                assert!(value >= last, "{law:?} at {sample}: {value} after {last}");
                last = value;
            }
        }
    }

    #[test]
    fn a_sine_comes_back_well_above_its_error() {
        for mut law in [Law::Mu, Law::A] {
            for amplitude in [20000.0, 2000.0, 600.0] {
                let frame: Vec<i16> = (0..160)
                    .map(|n| (f64::from(n) * 0.797).sin() * amplitude)
                    .map(|sample| sample as i16)
                    .collect();
                let (mut payload, mut back) = (Vec::new(), Vec::new());
                law.encode(&frame, &mut payload).unwrap();
                law.decode(&payload, &mut back).unwrap();
                let energy = |samples: &mut dyn Iterator<Item = f64>| -> f64 {
                    samples.map(|sample| sample * sample).sum()
                };
                let signal = energy(&mut frame.iter().map(|&sample| f64::from(sample)));
                let error = energy(
                    &mut frame
                        .iter()
                        .zip(&back)
                        .map(|(&a, &b)| f64::from(a) - f64::from(b)),
                );
                let snr = 10.0 * (signal / error).log10();
                let floor = if amplitude > 1000.0 { 36.0 } else { 30.0 };
                assert!(snr > floor, "{law:?} at {amplitude}: {snr:.1} dB");
            }
        }
    }

    #[test]
    fn table_conversion_stays_within_one_step_of_the_decoded_value() {
        for code in 0..=255_u8 {
            let (a, mu) = (ulaw_to_alaw(code), alaw_to_ulaw(code));
            let near = |x: i16, y: i16| (i32::from(x) - i32::from(y)).abs();
            let was = Law::Mu.expand(code);
            assert!(
                near(was, Law::A.expand(a)) <= i32::from(was.unsigned_abs() / 16 + 16),
                "mu {code:#x} -> A {a:#x}"
            );
            let was = Law::A.expand(code);
            assert!(
                near(was, Law::Mu.expand(mu)) <= i32::from(was.unsigned_abs() / 16 + 16),
                "A {code:#x} -> mu {mu:#x}"
            );
        }
    }

    /// Table 4 maps eight pairs of A-law numbers onto one mu-law number each; all others come back.
    #[test]
    fn table_conversion_there_and_back() {
        let changed = |f: fn(u8) -> u8, g: fn(u8) -> u8| -> Vec<u8> {
            (0..=255).filter(|&code| g(f(code)) != code).collect()
        };
        let a_mu_a = changed(alaw_to_ulaw, ulaw_to_alaw);
        assert_eq!(a_mu_a.len(), 16, "{a_mu_a:x?}");
        assert_eq!(ulaw_to_alaw(0xff), 0xd5, "silence stays silence");
        assert_eq!(
            alaw_to_ulaw(0xd5),
            0xfe,
            "A-law has no zero: 8 becomes number 1"
        );
    }

    #[test]
    fn a_frame_of_the_wrong_length_is_refused() {
        let mut payload = Vec::new();
        assert_eq!(
            Law::Mu.encode(&[0; 80], &mut payload),
            Err(Error::FrameLength {
                expected: 160,
                got: 80
            })
        );
        assert_eq!(
            Law::A.decode(&[], &mut Vec::new()),
            Err(Error::PayloadLength(0))
        );
    }
}
