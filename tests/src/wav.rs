//! WAV files of 16-bit PCM: written for a peer's microphone, read from a peer's recording.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// One channel of sound; samples are -1.0..=1.0.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Samples per second.
    pub rate: u32,
    /// The samples.
    pub samples: Vec<f32>,
}

impl Recording {
    /// Its length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }

    /// The part between two times in seconds, cut to what is there.
    #[must_use]
    pub fn part(&self, from: f64, to: f64) -> Self {
        let index = |seconds: f64| {
            ((seconds.max(0.0) * f64::from(self.rate)) as usize).min(self.samples.len())
        };
        let (from, to) = (index(from), index(to));
        Self {
            rate: self.rate,
            samples: self.samples[from..to.max(from)].to_vec(),
        }
    }

    /// The length of a file that is still being written, in seconds, without reading it.
    pub fn seconds_in(path: &Path) -> Result<f64> {
        let mut head = [0; 44];
        let mut file = std::fs::File::open(path)?;
        file.read_exact(&mut head)?;
        let bytes_per_second = u32::from_le_bytes([head[28], head[29], head[30], head[31]]);
        Ok((file.metadata()?.len() - 44) as f64 / f64::from(bytes_per_second))
    }

    /// Writes it as a mono file.
    pub fn write(&self, path: &Path) -> Result<()> {
        let bytes = u32::try_from(self.samples.len() * 2)?;
        let mut out = Vec::with_capacity(44 + self.samples.len() * 2);
        out.extend_from_slice(b"RIFF");
        out.extend_from_slice(&(36 + bytes).to_le_bytes());
        out.extend_from_slice(b"WAVEfmt ");
        out.extend_from_slice(&16u32.to_le_bytes());
        out.extend_from_slice(&1u16.to_le_bytes());
        out.extend_from_slice(&1u16.to_le_bytes());
        out.extend_from_slice(&self.rate.to_le_bytes());
        out.extend_from_slice(&(self.rate * 2).to_le_bytes());
        out.extend_from_slice(&2u16.to_le_bytes());
        out.extend_from_slice(&16u16.to_le_bytes());
        out.extend_from_slice(b"data");
        out.extend_from_slice(&bytes.to_le_bytes());
        for sample in &self.samples {
            out.extend_from_slice(&((sample.clamp(-1.0, 1.0) * 32767.0) as i16).to_le_bytes());
        }
        std::fs::write(path, out).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads the first channel of a file. The data length in the header is not believed: a file still being written
    /// holds 0 there, so everything after the data header counts.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&bytes)
            .with_context(|| format!("{} is no WAV file of 16-bit PCM", path.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
            bail!("no RIFF header");
        }
        let mut at = 12;
        let mut shape = None;
        while let Some(head) = bytes.get(at..at + 8) {
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let body = &bytes[at + 8..];
            match &head[..4] {
                b"fmt " => {
                    let body = body.get(..16).context("short fmt")?;
                    if body[..2] != [1, 0] || body[14..16] != [16, 0] {
                        bail!("format {:?}", &body[..16]);
                    }
                    let rate = u32::from_le_bytes([body[4], body[5], body[6], body[7]]);
                    shape = Some((usize::from(body[2]).max(1), rate));
                }
                b"data" => {
                    let (channels, rate) = shape.context("data before fmt")?;
                    let samples = body.chunks_exact(2 * channels);
                    let samples =
                        samples.map(|s| f32::from(i16::from_le_bytes([s[0], s[1]])) / 32768.0);
                    return Ok(Self {
                        rate,
                        samples: samples.collect(),
                    });
                }
                _ => {}
            }
            at += 8 + length + length % 2;
        }
        bail!("no data");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = crate::folder::Folder::new().unwrap();
        let path = folder.path().join("a.wav");
        let samples = (0..800).map(|n| (n as f32 / 40.0).sin() * 0.5).collect();
        let written = Recording {
            rate: 8000,
            samples,
        };
        written.write(&path).unwrap();
        let read = Recording::read(&path).unwrap();
        assert_eq!((read.rate, read.samples.len()), (8000, 800));
        assert_eq!(Recording::seconds_in(&path).unwrap(), 0.1);
        for (a, b) in written.samples.iter().zip(&read.samples) {
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
    }
}
