//! The browser leg of a call: one peer connection (ICE-lite, DTLS-SRTP, BUNDLE) over `str0m`.
//!
//! Pure: bytes and instants go in, [`LegOutput`]s come out. The seam to `str0m` is this crate alone.
//! `str0m` runs in RTP mode and through its direct API: the SDP of the browser is read, and ours is
//! written, here (`description`, `write`), so that the browser's payload types, our order of
//! codecs and one SSRC per m-line are exactly what the call's plan says.
//!
//! ```text
//!   Leg::answer(offer, plan) ──────────────────────► our answer        state: Connecting
//!   Leg::offer(media) ──► our offer ──► accept_answer(browser's SDP)   state: Connecting
//!   datagram ─► accepts()? ─► handle_input ─► poll_output: Transmit | Rtp | KeyFrameWanted
//!                                             Connected (once) | Failed (once, last)
//! ```
#![forbid(unsafe_code)]

mod codecs;
mod config;
mod description;
mod error;
mod leg;
mod negotiate;
mod stun;
mod write;

pub use config::{Identity, LegConfig};
pub use error::{Error, LegFailure};
pub use leg::{Leg, LegOutput, MAX_PAYLOAD, OutRtp, RtpPacket};
pub use stun::username_for_us;
