//! Where a SIP peer's RTCP comes from. It follows the RTP source.

use std::net::SocketAddr;

use super::{Latch, SymmetricRtp, canonical};

/// The RTCP source of one m-line of one SIP peer.
#[derive(Debug, Clone)]
pub struct RtcpLatch {
    sdp: SocketAddr,
    learned: Option<Learned>,
}

/// An RTCP source is worth something beside the RTP source it was learned with.
#[derive(Debug, Clone, Copy)]
struct Learned {
    rtp: SocketAddr,
    rtcp: SocketAddr,
}

impl RtcpLatch {
    /// `sdp`: where the peer's SDP wants its RTCP (RFC 3605, else RTP port + 1, or mux).
    pub fn new(sdp: SocketAddr) -> Self {
        Self {
            sdp: canonical(sdp),
            learned: None,
        }
    }

    /// The address of the SDP.
    pub fn sdp(&self) -> SocketAddr {
        self.sdp
    }

    /// Whether a compound from `from` is the peer's. `sender`: the SSRC in its first packet.
    pub fn judge(&mut self, from: SocketAddr, sender: Option<u32>, rtp: &Latch) -> bool {
        // What comes from the SDP's address is believed and teaches nothing: where our reports go
        // is not a spoofed packet's to say.
        if from == self.sdp || from == rtp.sdp {
            return true;
        }
        if rtp.mode == SymmetricRtp::Strict {
            return false;
        }
        if rtp.source() == Some(from) || self.learned(rtp) == Some(from) {
            return true;
        }
        // A new port is believed when its IP is the one RTP comes from and it speaks of that stream.
        match &rtp.current {
            Some(source) if source.addr.ip() == from.ip() && sender == Some(source.ssrc) => {
                self.learned = Some(Learned {
                    rtp: source.addr,
                    rtcp: from,
                });
                true
            }
            Some(_) => false,
            None => rtp.matches(from).is_some(),
        }
    }

    /// Where to send RTCP that is not multiplexed.
    pub fn target(&self, rtp: &Latch) -> Option<SocketAddr> {
        match (rtp.mode, rtp.source()) {
            (SymmetricRtp::Strict, _) => Some(self.sdp),
            (SymmetricRtp::Auto, None) => rtp.target().map(|_| self.sdp),
            (SymmetricRtp::Auto, Some(source)) => Some(match self.learned(rtp) {
                Some(learned) => learned,
                // Behind a NAT the SDP's address leads nowhere. The port beside the source is a
                // guess, and the only one there is.
                None if source.ip() != rtp.sdp.ip() => {
                    SocketAddr::new(source.ip(), source.port().saturating_add(1))
                }
                None => self.sdp,
            }),
        }
    }

    fn learned(&self, rtp: &Latch) -> Option<SocketAddr> {
        let learned = self.learned.filter(|l| rtp.source() == Some(l.rtp))?;
        Some(learned.rtcp)
    }
}
