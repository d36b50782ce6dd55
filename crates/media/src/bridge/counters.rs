//! What a bridge counts.

use std::time::Duration;

use crate::rtp::Reception;

/// What has happened so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// The audio m-line.
    pub audio: LineCounters,
    /// The video m-line.
    pub video: LineCounters,
}

/// What has happened on one m-line. All count packets unless they say otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineCounters {
    /// From the SIP peer, believed.
    pub sip_received: u64,
    /// To the browser.
    pub to_browser: u64,
    /// Pictures of our own to the browser, frames.
    pub generated: u64,
    /// Of the SIP peer's video, dropped since no key frame had come.
    pub before_key_frame: u64,
    /// From the browser.
    pub browser_received: u64,
    /// To the SIP peer, silence not counted.
    pub to_sip: u64,
    /// Silence of our own to the SIP peer.
    pub silence: u64,
    /// Neither RTP nor RTCP.
    pub malformed: u64,
    /// Larger than [`MAX_DATAGRAM`](crate::MAX_DATAGRAM), either direction.
    pub oversize: u64,
    /// From a source that is not the peer's.
    pub foreign: u64,
    /// From a source that may become the peer's. They are kept for the case that it does.
    pub undecided: u64,
    /// From an early dialog that is not selected.
    pub other_stream: u64,
    /// With a payload type nobody negotiated, either direction.
    pub unknown_payload_type: u64,
    /// Against the negotiated direction (hold), either direction.
    pub against_direction: u64,
    /// From the browser while we hold the call.
    pub held: u64,
    /// Without payload (probes), either direction.
    pub empty: u64,
    /// Came twice, either direction.
    pub duplicates: u64,
    /// Came when their place was gone, either direction.
    pub too_late: u64,
    /// Dropped because there was no browser, or the early buffer was off or full.
    pub no_browser: u64,
    /// Dropped because there is nowhere to send: no plan yet, or a NAT not yet heard from.
    pub no_peer: u64,
    /// Changes and jumps of a source that were absorbed, either direction.
    pub switches: u64,
    /// Changes of the peer's address that were followed, the first one counted.
    pub moves: u64,
    /// Key frames asked of the SIP peer, requests.
    pub key_frames_asked: u64,
    /// Reception from the SIP peer's present source.
    pub reception: Reception,
    /// RTCP of the SIP leg.
    pub rtcp: RtcpSummary,
}

/// RTCP of one m-line of the SIP leg.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RtcpSummary {
    /// Compounds sent.
    pub sent: u64,
    /// Compounds received and believed.
    pub received: u64,
    /// From the peer's last report about us.
    pub round_trip: Option<Duration>,
    /// Packets of ours the peer says it lost.
    pub peer_lost: Option<i32>,
    /// Of 256, in the peer's last interval.
    pub peer_fraction_lost: Option<u8>,
}
