//! Audio codecs behind one trait, one file per codec.
//!
//! This is the only crate of the workspace that may hold C and `unsafe`; today it holds neither.
//! Today's codecs: G.711 mu-law and A-law ([`g711`]), which also convert into each other by table
//! without decoding.

pub mod g711;

pub use g711::{Law, alaw_to_ulaw, ulaw_to_alaw};

/// Why a frame could not be coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `encode` was given another number of samples than one frame has.
    #[error("a frame has {expected} samples, not {got}")]
    FrameLength {
        /// Samples of one frame: `clock_hz` * `ptime_ms` / 1000.
        expected: usize,
        /// Samples given.
        got: usize,
    },
    /// `decode` was given no bytes, or more than any packet of this codec has.
    #[error("a payload of {0} bytes is none of this codec")]
    PayloadLength(usize),
}

/// One direction pair of an audio codec: 20 ms frames of mono 16-bit samples in, payloads out, and back.
///
/// A value belongs to one stream: codecs keep state from frame to frame (G.711 alone has none).
pub trait Codec: Send {
    /// Samples per second of the PCM side. G.722 will say 16000 here; its RTP clock is 8000 (RFC 3551 §4.5.2).
    fn clock_hz(&self) -> u32;

    /// Length of the frame `encode` takes, ms.
    fn ptime_ms(&self) -> u16 {
        20
    }

    /// Samples of one frame.
    fn frame_samples(&self) -> usize {
        self.clock_hz() as usize * usize::from(self.ptime_ms()) / 1000
    }

    /// Appends the payload of one frame to `payload`.
    fn encode(&mut self, frame: &[i16], payload: &mut Vec<u8>) -> Result<(), Error>;

    /// Appends the samples of one payload, of any number of frames, to `pcm`.
    fn decode(&mut self, payload: &[u8], pcm: &mut Vec<i16>) -> Result<(), Error>;
}
