//! Where a SIP peer's media really comes from (symmetric RTP, RFC 4961), and whom we believe.
//!
//! A port that sends wherever the last packet came from bleeds calls to whoever sprays it. So:
//!
//! - the address of the SDP is always believed;
//! - `auto`: before that, a packet from the IP of the SDP or of the SIP signalling, with a payload
//!   type that was negotiated, teaches us its address (a NAT rewrote the port, or the SDP names an
//!   address of the inside);
//! - a peer at loopback is on this machine, and what it sends to the address of our SDP comes from
//!   that address: the machine's own addresses count as loopback then;
//! - a learned source is left only when it has been silent for 500 ms and SSRC and sequence go on
//!   elsewhere (a NAT rebinding), at most once in 2 s; or for the address of the SDP itself;
//! - `strict`: the address of the SDP and nothing else.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::rtp::Header;

/// A source that was heard this recently is not left for another.
pub const SILENCE: Duration = Duration::from_millis(500);

/// Between two changes of the source.
pub const BETWEEN_MOVES: Duration = Duration::from_secs(2);

/// How far a sequence may have run on while the path was broken (RFC 3550 A.1, MAX_DROPOUT).
const MAX_DROPOUT: u16 = 3000;

/// The setting `symmetric_rtp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SymmetricRtp {
    /// Learn the source by the rules above.
    #[default]
    Auto,
    /// The address of the SDP and nothing else.
    Strict,
}

/// What a packet's source is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Ours; nothing new.
    Accepted,
    /// Ours, and media goes there from now on.
    Moved,
    /// Not ours: the packet must have no effect.
    Refused,
}

/// The RTP source of one m-line of one SIP peer.
#[derive(Debug, Clone)]
pub struct Latch {
    mode: SymmetricRtp,
    sdp: SocketAddr,
    signalling: Option<IpAddr>,
    here: Arc<[IpAddr]>,
    current: Option<Source>,
    moved: Option<Instant>,
}

#[derive(Debug, Clone)]
struct Source {
    addr: SocketAddr,
    ssrc: u32,
    sequence: u16,
    heard: Instant,
}

impl Latch {
    /// `sdp`: where the peer's SDP wants its RTP. `signalling`: the IP its SIP comes from. `here`: the addresses of this
    /// machine.
    pub fn new(
        mode: SymmetricRtp,
        sdp: SocketAddr,
        signalling: Option<IpAddr>,
        here: Arc<[IpAddr]>,
    ) -> Self {
        Self {
            mode,
            sdp: canonical(sdp),
            signalling: signalling.map(|ip| ip.to_canonical()),
            here,
            current: None,
            moved: None,
        }
    }

    /// The IP the peer's SIP comes from, learned late.
    pub fn set_signalling(&mut self, ip: IpAddr) {
        self.signalling = Some(ip.to_canonical());
    }

    /// The address of the SDP.
    pub fn sdp(&self) -> SocketAddr {
        self.sdp
    }

    /// The address media comes from, once heard.
    pub fn source(&self) -> Option<SocketAddr> {
        self.current.as_ref().map(|source| source.addr)
    }

    /// Whether `from` is this peer beyond doubt: the SDP's address or the one in use.
    pub fn owns(&self, from: SocketAddr) -> bool {
        from == self.sdp || self.source() == Some(from)
    }

    /// Judges a packet and learns from it. `negotiated`: its payload type is one of the peer's.
    pub fn judge(
        &mut self,
        from: SocketAddr,
        header: &Header,
        negotiated: bool,
        now: Instant,
    ) -> Judgement {
        let plausible = self.plausible(from.ip());
        match &mut self.current {
            Some(source) if source.addr == from => {
                source.ssrc = header.ssrc;
                source.sequence = header.sequence;
                source.heard = now;
                return Judgement::Accepted;
            }
            _ if from == self.sdp => {}
            _ if self.mode == SymmetricRtp::Strict || !negotiated => return Judgement::Refused,
            None if plausible => {}
            None => return Judgement::Refused,
            Some(source) => {
                let silent = now.saturating_duration_since(source.heard) >= SILENCE;
                let step = header.sequence.wrapping_sub(source.sequence);
                let goes_on = header.ssrc == source.ssrc && (1..=MAX_DROPOUT).contains(&step);
                let rested = self
                    .moved
                    .is_none_or(|at| now.saturating_duration_since(at) >= BETWEEN_MOVES);
                if !(silent && goes_on && rested) {
                    return Judgement::Refused;
                }
            }
        }
        if self.current.is_some() {
            self.moved = Some(now);
        }
        self.current = Some(Source {
            addr: from,
            ssrc: header.ssrc,
            sequence: header.sequence,
            heard: now,
        });
        Judgement::Moved
    }

    /// Where to send. None: the SDP names an inside address, the signalling came from outside, and
    /// nothing was heard yet; whoever has that inside address here is a stranger.
    pub fn target(&self) -> Option<SocketAddr> {
        if self.mode == SymmetricRtp::Strict {
            return Some(self.sdp);
        }
        if let Some(source) = self.source() {
            return Some(source);
        }
        let elsewhere = self
            .signalling
            .is_some_and(|ip| is_inside(self.sdp.ip()) && !is_inside(ip) && !ip.is_loopback());
        (!elsewhere).then_some(self.sdp)
    }

    fn plausible(&self, ip: IpAddr) -> bool {
        let of_peer =
            |known: IpAddr| ip == known || (known.is_loopback() && self.here.contains(&ip));
        of_peer(self.sdp.ip()) || self.signalling.is_some_and(of_peer)
    }
}

/// The RTCP source of one m-line of one SIP peer. Follows the RTP source.
#[derive(Debug, Clone)]
pub struct RtcpLatch {
    sdp: SocketAddr,
    learned: Option<SocketAddr>,
}

impl RtcpLatch {
    /// `sdp`: where the peer's SDP wants its RTCP (RFC 3605, else RTP port + 1, or mux).
    pub fn new(sdp: SocketAddr) -> Self {
        Self {
            sdp: canonical(sdp),
            learned: None,
        }
    }

    /// Whether a compound from `from` is the peer's. `sender`: the SSRC in its first packet.
    pub fn judge(&mut self, from: SocketAddr, sender: Option<u32>, rtp: &Latch) -> bool {
        if from == self.sdp || from == rtp.sdp {
            self.learned = None;
            return true;
        }
        if rtp.mode == SymmetricRtp::Strict {
            return false;
        }
        if rtp.source() == Some(from) || self.learned == Some(from) {
            return true;
        }
        // A new port is believed when its IP is the one RTP comes from and it speaks of that stream.
        match &rtp.current {
            Some(source) if source.addr.ip() == from.ip() && sender == Some(source.ssrc) => {
                self.learned = Some(from);
                true
            }
            Some(_) => false,
            None => rtp.plausible(from.ip()) || from.ip() == self.sdp.ip(),
        }
    }

    /// Where to send RTCP that is not multiplexed.
    pub fn target(&self, rtp: &Latch) -> Option<SocketAddr> {
        if rtp.mode == SymmetricRtp::Auto
            && let Some(learned) = self.learned
        {
            return Some(learned);
        }
        // Behind a NAT the SDP's address leads nowhere; the port beside the source is a guess, the
        // only one there is.
        match (rtp.mode, rtp.source()) {
            (SymmetricRtp::Auto, Some(source)) if source.ip() != rtp.sdp.ip() => Some(
                SocketAddr::new(source.ip(), source.port().saturating_add(1)),
            ),
            (SymmetricRtp::Auto, None) => rtp.target().map(|_| self.sdp),
            _ => Some(self.sdp),
        }
    }
}

/// IPv4 in its own form and no IPv6 flow label, so that addresses compare.
pub(crate) fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

/// RFC 1918, RFC 6598, link-local, and unique local IPv6.
fn is_inside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = u32::from(ip) & 0xffc0_0000 == u32::from(Ipv4Addr::new(100, 64, 0, 0));
            ip.is_private() || ip.is_link_local() || shared
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn nothing_goes_to_an_inside_address_of_a_peer_outside() {
        let target = |sdp: &str, signalling: Option<&str>| {
            let signalling = signalling.map(|ip| ip.parse().unwrap());
            Latch::new(SymmetricRtp::Auto, addr(sdp), signalling, Arc::default()).target()
        };
        let inside = Some(addr("10.0.0.9:4000"));
        assert_eq!(target("10.0.0.9:4000", Some("203.0.113.5")), None);
        assert_eq!(target("10.0.0.9:4000", Some("10.0.0.1")), inside);
        assert_eq!(target("10.0.0.9:4000", Some("127.0.0.1")), inside);
        assert_eq!(target("10.0.0.9:4000", None), inside);
        assert_eq!(target("100.64.1.1:4000", Some("203.0.113.5")), None);
        assert!(target("198.51.100.1:4000", Some("203.0.113.5")).is_some());
    }

    #[test]
    fn rtcp_follows_rtp_through_a_nat() {
        let mut rtp = Latch::new(
            SymmetricRtp::Auto,
            addr("10.0.0.9:4000"),
            Some("203.0.113.5".parse().unwrap()),
            Arc::default(),
        );
        let mut rtcp = RtcpLatch::new(addr("10.0.0.9:4001"));
        assert_eq!(rtcp.target(&rtp), None);
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        let header = Header {
            payload_type: 0,
            marker: false,
            sequence: 1,
            timestamp: 0,
            ssrc: 77,
        };
        let from = addr("203.0.113.5:61000");
        assert_eq!(rtp.judge(from, &header, true, now), Judgement::Moved);
        assert_eq!(rtcp.target(&rtp), Some(addr("203.0.113.5:61001")));
        let from = addr("203.0.113.5:62222");
        assert!(!rtcp.judge(from, Some(78), &rtp), "another stream");
        assert!(rtcp.judge(from, Some(77), &rtp));
        assert_eq!(rtcp.target(&rtp), Some(from));
        assert!(!rtcp.judge(addr("192.0.2.66:62222"), Some(77), &rtp));
    }
}
