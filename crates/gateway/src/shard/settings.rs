//! What the operator set, as the shards need it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use media::SymmetricRtp;

/// Settings of all shards.
#[derive(Debug, Clone)]
pub struct ShardSettings {
    /// Number of threads; 0: one per core.
    pub shards: usize,
    /// UDP port of the first shard's browsers, shard `i` has `webrtc_port + i`; 0: any.
    pub webrtc_port: u16,
    /// Addresses at which browsers reach this server, most preferred first. Each is a candidate.
    pub candidates: Vec<IpAddr>,
    /// Address the SIP-side sockets and the browser sockets are bound to; unspecified: all.
    pub bind: IpAddr,
    /// Addresses for SIP-side SDP, the first of each family is used.
    pub advertised: Vec<IpAddr>,
    /// `media_port_from..=media_port_to`; 0: any.
    pub media_ports: (u16, u16),
    /// How much SIP media waits for the browser's DTLS.
    pub early_buffer: Duration,
    /// Which sources of RTP are believed.
    pub symmetric_rtp: SymmetricRtp,
    /// The addresses of this machine's interfaces.
    pub here: Arc<[IpAddr]>,
    /// Whether silence is sent to the SIP peer while the browser sends none.
    pub fill_silence: bool,
    /// Seed of SSRCs, sequence numbers, and the order of ports.
    pub seed: [u8; 32],
}

impl Default for ShardSettings {
    fn default() -> Self {
        let bridge = media::BridgeSettings::default();
        Self {
            shards: 0,
            webrtc_port: 0,
            candidates: vec![Ipv4Addr::LOCALHOST.into()],
            bind: Ipv4Addr::UNSPECIFIED.into(),
            advertised: vec![Ipv4Addr::LOCALHOST.into()],
            media_ports: (0, 0),
            early_buffer: bridge.early_buffer,
            symmetric_rtp: bridge.symmetric_rtp,
            here: bridge.here,
            fill_silence: bridge.fill_silence,
            seed: rand::random(),
        }
    }
}
