//! What an operator can set about a bridge.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::latch::SymmetricRtp;

/// Settings of one bridge.
#[derive(Debug, Clone)]
pub struct BridgeSettings {
    /// How much SIP media waits for the browser's DTLS. Zero: none does, and the first syllable is lost.
    pub early_buffer: Duration,
    /// Which sources of RTP are believed.
    pub symmetric_rtp: SymmetricRtp,
    /// The addresses of this machine's interfaces: a peer that names loopback may speak from any of them.
    pub here: Arc<[IpAddr]>,
    /// The CNAME of our RTCP (RFC 7022): random per call, the same for its m-lines.
    pub cname: String,
    /// Time since 1970 at the bridge's start: what NTP timestamps are made from.
    pub unix_time: Duration,
    /// Whether silence is sent to the SIP peer while the browser sends no audio, so that NAT
    /// bindings, the peer's latching and its timers live.
    pub fill_silence: bool,
}

impl Default for BridgeSettings {
    fn default() -> Self {
        Self {
            early_buffer: Duration::from_secs(3),
            symmetric_rtp: SymmetricRtp::Auto,
            here: Arc::default(),
            cname: "ringdown".into(),
            unix_time: Duration::ZERO,
            fill_silence: true,
        }
    }
}
