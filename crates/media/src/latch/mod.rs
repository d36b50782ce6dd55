//! Where a SIP peer's media really comes from (symmetric RTP, RFC 4961), and whom we believe.
//!
//! A port that sends wherever the last packet came from bleeds calls to whoever sprays it. With
//! `symmetric_rtp=auto` a source is believed only if it is *plausible*: its packets have a payload
//! type that was negotiated, and its address is one of these, best match first:
//!
//! 1. the address and port of the SDP;
//! 2. the IP of the SDP (a NAT rewrote the port);
//! 3. the IPs of the peer's signalling, in the order given (the SDP names an address of the inside).
//!
//! A peer at loopback is on this machine, and what it sends to the address of our SDP comes from
//! that address, so the machine's own addresses count as loopback then.
//!
//! The first plausible source is taken at once. Another one takes its place only with five packets
//! in a row of one SSRC, which are kept and played when it wins, and only in these cases:
//!
//! | when                     | which source               | after silence of the present one |
//! |--------------------------|----------------------------|----------------------------------|
//! | within 3 s after an SDP  | a better match             | none                             |
//! | within 3 s after an SDP  | any                        | 500 ms                           |
//! | later                    | SSRC and sequence go on    | 500 ms                           |
//! | later                    | any                        | 2 s                              |
//!
//! Later there is at most one change in 2 s. So a spoofed packet takes no live stream, not even one
//! from the SDP's own address, and a NAT that rebinds is heard again, in mid-stream and after hold.
//!
//! With `symmetric_rtp=strict` the address of the SDP is believed and nothing else.

mod candidate;
mod rtcp;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::candidate::Kept;
use self::candidate::{Candidates, IN_A_ROW};
pub use self::rtcp::RtcpLatch;
use crate::rtp::Header;

/// For so long after an SDP a better match needs no silence of the present source.
pub const SETTLING: Duration = Duration::from_secs(3);

/// A present source that was heard this recently is left for a better match only.
pub const SILENCE: Duration = Duration::from_millis(500);

/// Silence after which the present source is left for any plausible one.
pub const LONG_SILENCE: Duration = Duration::from_secs(2);

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

/// A packet whose source is to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// Where it came from.
    pub from: SocketAddr,
    /// Its RTP header.
    pub header: &'a Header,
    /// Whether its payload type is one of the peer's.
    pub negotiated: bool,
    /// The whole datagram, to be kept until its source is decided on.
    pub bytes: &'a [u8],
}

/// What a packet's source is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is the peer's, as before.
    Accepted,
    /// It is the peer's, and media goes there from now on. What it said while that was undecided
    /// comes before this packet, oldest first.
    Moved(Vec<Kept>),
    /// It may become the peer's. The packet is kept and must have no effect yet.
    Undecided,
    /// It is not the peer's: the packet must have no effect.
    Refused,
}

/// How well a source fits what SDP and signalling say; the best is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    SdpAddress,
    SdpIp,
    /// By position in the list of the signalling's IPs.
    Signalling(usize),
    /// What an earlier SDP or signalling made plausible.
    Outdated,
}

/// The RTP source of one m-line of one SIP peer.
#[derive(Debug, Clone)]
pub struct Latch {
    mode: SymmetricRtp,
    sdp: SocketAddr,
    /// When the last SDP came.
    sdp_came: Instant,
    signalling: Vec<IpAddr>,
    here: Arc<[IpAddr]>,
    current: Option<Source>,
    moved: Option<Instant>,
    candidates: Candidates,
}

#[derive(Debug, Clone)]
struct Source {
    addr: SocketAddr,
    ssrc: u32,
    sequence: u16,
    heard: Instant,
}

impl Latch {
    /// `sdp`: where the peer's SDP wants its RTP. `signalling`: the IPs of the peer's SIP, best
    /// first. `here`: the addresses of this machine.
    pub fn new(
        mode: SymmetricRtp,
        sdp: SocketAddr,
        signalling: &[IpAddr],
        here: Arc<[IpAddr]>,
        now: Instant,
    ) -> Self {
        let mut latch = Self {
            mode,
            sdp: canonical(sdp),
            sdp_came: now,
            signalling: Vec::new(),
            here,
            current: None,
            moved: None,
            candidates: Candidates::default(),
        };
        latch.set_signalling(signalling);
        latch
    }

    /// Another SDP came, and it names the same address.
    pub fn sdp_again(&mut self, now: Instant) {
        self.sdp_came = now;
    }

    /// The IPs of the peer's SIP, best first, learned late.
    pub fn set_signalling(&mut self, ips: &[IpAddr]) {
        self.signalling = ips.iter().map(IpAddr::to_canonical).collect();
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

    /// Judges a packet and learns from it.
    pub fn judge(&mut self, packet: &Datagram<'_>, now: Instant) -> Judgement {
        let Datagram { from, header, .. } = *packet;
        if let Some(source) = self.current.as_mut().filter(|source| source.addr == from) {
            source.ssrc = header.ssrc;
            source.sequence = header.sequence;
            source.heard = now;
            return Judgement::Accepted;
        }
        let Some(matches) = self.matches(from) else {
            return Judgement::Refused;
        };
        if !packet.negotiated {
            // The peer may say what we cannot use, but nothing is learned from it.
            return match self.current {
                None if from == self.sdp => Judgement::Accepted,
                _ => Judgement::Refused,
            };
        }
        let Some(current) = &self.current else {
            self.settle(packet, now);
            return Judgement::Moved(Vec::new());
        };
        let in_a_row = self.candidates.count(packet, current.ssrc, now);
        if in_a_row < IN_A_ROW || !self.may_leave(current, matches, header, now) {
            return Judgement::Undecided;
        }
        self.moved = Some(now);
        let kept = self.candidates.elect(from);
        self.settle(packet, now);
        Judgement::Moved(kept)
    }

    fn settle(&mut self, packet: &Datagram<'_>, now: Instant) {
        self.current = Some(Source {
            addr: packet.from,
            ssrc: packet.header.ssrc,
            sequence: packet.header.sequence,
            heard: now,
        });
    }

    /// Whether the present source may be left for one that matches so and sends this.
    fn may_leave(&self, current: &Source, matches: Match, header: &Header, now: Instant) -> bool {
        let silence = now.saturating_duration_since(current.heard);
        if now.saturating_duration_since(self.sdp_came) < SETTLING {
            let present = self.matches(current.addr).unwrap_or(Match::Outdated);
            return matches < present || silence >= SILENCE;
        }
        let step = header.sequence.wrapping_sub(current.sequence);
        let goes_on = header.ssrc == current.ssrc && (1..=MAX_DROPOUT).contains(&step);
        let rested = self
            .moved
            .is_none_or(|at| now.saturating_duration_since(at) >= BETWEEN_MOVES);
        rested && silence >= if goes_on { SILENCE } else { LONG_SILENCE }
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
        let outside = |ip: &IpAddr| !is_inside(*ip) && !ip.is_loopback();
        let elsewhere = is_inside(self.sdp.ip()) && self.signalling.last().is_some_and(outside);
        (!elsewhere).then_some(self.sdp)
    }

    /// How well a source fits; None: it is not plausible.
    fn matches(&self, from: SocketAddr) -> Option<Match> {
        if from == self.sdp {
            return Some(Match::SdpAddress);
        }
        if self.mode == SymmetricRtp::Strict {
            return None;
        }
        let ip = from.ip();
        let of_peer =
            |known: IpAddr| ip == known || (known.is_loopback() && self.here.contains(&ip));
        if of_peer(self.sdp.ip()) {
            return Some(Match::SdpIp);
        }
        let nth = self.signalling.iter().position(|known| of_peer(*known))?;
        Some(Match::Signalling(nth))
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
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn latch(sdp: &str, signalling: Option<&str>, now: Instant) -> Latch {
        let signalling: Vec<IpAddr> = signalling.iter().map(|ip| ip.parse().unwrap()).collect();
        let here = Arc::default();
        Latch::new(SymmetricRtp::Auto, addr(sdp), &signalling, here, now)
    }

    fn hears(latch: &mut Latch, from: &str, sequence: u16, now: Instant) -> Judgement {
        hears_of(latch, from, (77, sequence), now)
    }

    fn hears_of(
        latch: &mut Latch,
        from: &str,
        (ssrc, sequence): (u32, u16),
        now: Instant,
    ) -> Judgement {
        let header = Header {
            payload_type: 0,
            marker: false,
            sequence,
            timestamp: 0,
            ssrc,
        };
        let packet = Datagram {
            from: addr(from),
            header: &header,
            negotiated: true,
            bytes: &[],
        };
        latch.judge(&packet, now)
    }

    #[test]
    fn nothing_goes_to_an_inside_address_of_a_peer_outside() {
        let target = |sdp, signalling| latch(sdp, signalling, Instant::now()).target();
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
        let now = Instant::now();
        let mut rtp = latch("10.0.0.9:4000", Some("203.0.113.5"), now);
        let mut rtcp = RtcpLatch::new(addr("10.0.0.9:4001"));
        assert_eq!(rtcp.target(&rtp), None);
        let from = "203.0.113.5:61000";
        assert_eq!(hears(&mut rtp, from, 1, now), Judgement::Moved(Vec::new()));
        assert_eq!(rtcp.target(&rtp), Some(addr("203.0.113.5:61001")));
        let from = addr("203.0.113.5:62222");
        assert!(!rtcp.judge(from, Some(78), &rtp), "another stream");
        assert!(rtcp.judge(from, Some(77), &rtp));
        assert_eq!(rtcp.target(&rtp), Some(from));
        assert!(!rtcp.judge(addr("192.0.2.66:62222"), Some(77), &rtp));
        // A spoofed packet from the SDP's address does not take our reports away.
        assert!(rtcp.judge(addr("10.0.0.9:4001"), Some(1), &rtp));
        assert_eq!(rtcp.target(&rtp), Some(from));
        // RTP moves, and what was learned beside its old source is forgotten.
        let later = now + Duration::from_secs(60);
        for sequence in 1..=5 {
            hears(&mut rtp, "203.0.113.5:7000", sequence, later);
        }
        assert_eq!(rtp.source(), Some(addr("203.0.113.5:7000")));
        assert_eq!(rtcp.target(&rtp), Some(addr("203.0.113.5:7001")));
    }

    #[test]
    fn a_late_packet_and_a_duplicate_do_not_end_a_row() {
        let now = Instant::now();
        let mut rtp = latch("203.0.113.5:4000", None, now);
        hears(&mut rtp, "203.0.113.5:4000", 1, now);
        let later = now + Duration::from_secs(10);
        let other = "203.0.113.5:9000";
        for sequence in [65_534, 0, 1, 65_535, 1] {
            let judged = hears(&mut rtp, other, sequence, later);
            assert_eq!(judged, Judgement::Undecided);
        }
        hears(&mut rtp, other, 2, later);
        let Judgement::Moved(kept) = hears(&mut rtp, other, 3, later) else {
            panic!("not taken")
        };
        assert_eq!(kept.len(), 4);
    }

    /// After how many ms a peer that has rebound is found. It sends a packet of this SSRC each 20 ms, and after the n-th
    /// one come `strangers(n)` packets, each from a port and of an SSRC of its own. `filled`: other ports have been
    /// candidates before, and have fallen silent.
    fn found_after(ssrc: u32, strangers: fn(u16) -> usize, filled: bool) -> Option<u64> {
        let begin = Instant::now();
        let mut rtp = latch("203.0.113.5:4000", None, begin);
        hears(&mut rtp, "203.0.113.5:4000", 1, begin);
        let at = |ms: u64| begin + Duration::from_millis(ms);
        if filled {
            for port in 20_000..20_050 {
                for sequence in 1..=10 {
                    let from = format!("203.0.113.5:{port}");
                    hears_of(&mut rtp, &from, (port, sequence), at(10));
                }
            }
        }
        let mut ports = (1_u32..).map(|n| (10_000 + n % 40_000, 1_000 + n));
        (1..500_u16).find_map(|n| {
            let ms = 10_000 + u64::from(n) * 20;
            let peer = "203.0.113.5:9000";
            let judged = hears_of(&mut rtp, peer, (ssrc, 1 + n), at(ms));
            if let Judgement::Moved(kept) = judged {
                assert_eq!(kept.len(), 4);
                return Some(ms - 10_000);
            }
            for (port, stranger) in ports.by_ref().take(strangers(n)) {
                let from = format!("203.0.113.5:{port}");
                hears_of(&mut rtp, &from, (stranger, 1), at(ms + 1));
            }
            None
        })
    }

    /// The packets of the flood have the peer's own address, which their sender has forged.
    #[test]
    fn a_flood_of_new_ports_does_not_keep_a_peer_that_has_rebound_from_being_found() {
        for filled in [false, true] {
            // 1,500 in a second with a new SSRC, as many in bursts, and any number with the SSRC in use.
            let bursts = |n| if n % 2 == 0 { 60 } else { 0 };
            assert_eq!(found_after(78, |_| 30, filled), Some(100));
            assert_eq!(found_after(78, bursts, filled), Some(100));
            assert_eq!(found_after(77, |_| 1000, filled), Some(100));
        }
    }

    #[test]
    fn many_candidates_take_bounded_memory() {
        let now = Instant::now();
        let mut rtp = latch("203.0.113.5:4000", None, now);
        hears(&mut rtp, "203.0.113.5:4000", 1, now);
        for port in 10_000..11_000 {
            let judged = hears(&mut rtp, &format!("203.0.113.5:{port}"), 1, now);
            assert_eq!(judged, Judgement::Undecided);
        }
        // The table still has room for one that goes on.
        let later = now + Duration::from_secs(10);
        let judged: Vec<_> = (1..=5)
            .map(|n| hears(&mut rtp, "203.0.113.5:9000", n, later))
            .collect();
        let [.., Judgement::Moved(kept)] = &judged[..] else {
            panic!("{judged:?}")
        };
        assert_eq!(kept.len(), 4);
    }
}
