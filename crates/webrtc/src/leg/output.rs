//! What a leg says.

use std::net::SocketAddr;
use std::sync::Arc;

use sdp::MediaKind;

use crate::error::LegFailure;

/// What a leg says. Drain with [`Leg::poll_output`](super::Leg::poll_output) after every call that changes it.
#[derive(Debug, Clone, PartialEq)]
pub enum LegOutput {
    /// Send this datagram to the browser.
    Transmit {
        /// An address proved by an authenticated check.
        to: SocketAddr,
        /// STUN, DTLS, SRTP or SRTCP.
        bytes: Vec<u8>,
    },
    /// The browser's media, decrypted, as numbered by the browser.
    Rtp {
        /// Its m-line.
        kind: MediaKind,
        /// The packet.
        packet: RtpPacket,
    },
    /// The browser needs a key frame of what we send (PLI or FIR).
    KeyFrameWanted {
        /// Always video.
        kind: MediaKind,
    },
    /// ICE and DTLS are up; once.
    Connected,
    /// The leg ended; once, and nothing follows.
    Failed(LegFailure),
}

/// A decrypted RTP packet of the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpPacket {
    /// The browser's payload type.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number as on the wire.
    pub sequence: u16,
    /// Timestamp in the codec's clock.
    pub timestamp: u32,
    /// The browser's SSRC.
    pub ssrc: u32,
    /// Payload without padding and header extensions.
    pub payload: Arc<[u8]>,
}
