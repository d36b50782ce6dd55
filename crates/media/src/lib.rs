//! The media of a call, without sockets and without clocks: RTP and RTCP in, RTP and RTCP out.
//!
//! [`Bridge`] joins the two legs of a call: SIP datagrams on one side, packets of the browser's
//! WebRTC leg on the other. Passthrough by payload type; PCMU and PCMA convert by table.
//! Time is an argument everywhere; random numbers come from a generator given at the start.

#![forbid(unsafe_code)]

mod bridge;
pub mod dtmf4733;
mod early;
pub mod key_frame;
pub mod latch;
pub mod ports;
pub mod rebase;
pub mod rtcp;
pub mod rtp;
mod settings;
mod time;
pub mod video_gen;

pub use bridge::{
    Bridge, BridgeOutput, Counters, LineCounters, Numbers, OutRtp, RtcpSummary, RtpOrRtcp,
};
pub use latch::SymmetricRtp;
pub use rtp::RtpPacket;
pub use settings::BridgeSettings;
pub use time::WallClock;

/// The largest datagram of media that is carried, in bytes, in either direction.
///
/// 200 ms of G.711 take 1,612 bytes, and video is cut to fit an Ethernet frame. Whatever is larger
/// is dropped and counted. A socket must be read with a buffer of at least one byte more, or a
/// truncated datagram looks like a whole one.
pub const MAX_DATAGRAM: usize = 1_800;

/// Why bytes are no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Shorter than the fixed header.
    #[error("shorter than an RTP header")]
    TooShort,
    /// Version other than 2.
    #[error("not RTP version 2")]
    Version,
    /// The CSRC list reaches past the end.
    #[error("the CSRC list reaches past the end")]
    Csrc,
    /// The header extension reaches past the end.
    #[error("the header extension reaches past the end")]
    Extension,
    /// The padding is zero or longer than what it pads.
    #[error("the padding is zero or longer than the payload")]
    Padding,
}
