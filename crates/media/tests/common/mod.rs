//! A bridge in simulated time, a SIP peer that sends what a test tells it, and plans to join them.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::wrong_self_convention,
    dead_code,
    unreachable_pub
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::rtcp::Rtcp;
use media::rtp::{self, Header};
use media::{Bridge, BridgeOutput, BridgeSettings, OutRtp, RtpOrRtcp, RtpPacket};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use sdp::{
    Direction, Encoding, Feedback, Format, MediaKind, MediaPlan, PayloadType, Plan, RemoteMedia,
    Route, Treatment,
};

pub use MediaKind::{Audio, Video};

/// Where the SIP peer's SDP wants its media.
pub const PEER: &str = "192.0.2.10:40000";

pub fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn format(payload_type: u8, name: &str, clock_hz: u32) -> Format {
    Format {
        payload_type: PayloadType::new(payload_type).unwrap(),
        encoding: Encoding::from_name(name),
        clock_hz,
        channels: 1,
        fmtp: None,
    }
}

/// A route between a browser's format and the SIP peer's, which has the same number both ways.
pub fn route(browser: Format, sip: Format) -> Route {
    let g711 = [Encoding::Pcmu, Encoding::Pcma];
    let table = browser.encoding != sip.encoding && g711.contains(&sip.encoding);
    Route {
        sip_send: sip.payload_type,
        sip_recv: sip.payload_type,
        browser,
        sip,
        treatment: if table {
            Treatment::G711Table
        } else {
            Treatment::Pass
        },
    }
}

pub fn media(kind: MediaKind, at: &str, routes: Vec<Route>) -> MediaPlan {
    let rtp = addr(at);
    MediaPlan {
        kind,
        accepted: true,
        browser: routes.iter().map(|route| route.browser.clone()).collect(),
        routes,
        remote: Some(RemoteMedia {
            rtp,
            rtcp: SocketAddr::new(rtp.ip(), rtp.port() + 1),
            rtcp_mux: false,
            feedback: Feedback {
                pli: true,
                fir: true,
                nack: false,
            },
        }),
        sip_direction: Direction::SendRecv,
        ptime_ms: 20,
        stand_in: false,
        reason: "test".into(),
    }
}

/// PCMU both sides, and telephone-event 101.
pub fn pcmu_plan() -> Plan {
    Plan {
        media: vec![media(
            Audio,
            PEER,
            vec![
                route(format(0, "PCMU", 8000), format(0, "PCMU", 8000)),
                route(
                    format(101, "telephone-event", 8000),
                    format(101, "telephone-event", 8000),
                ),
            ],
        )],
    }
}

/// Opus 111 in the browser, 96 at the SIP peer; VP8 96 in the browser, 97 at the SIP peer.
pub fn opus_vp8_plan() -> Plan {
    Plan {
        media: vec![
            media(
                Audio,
                PEER,
                vec![route(
                    format(111, "opus", 48_000),
                    format(96, "opus", 48_000),
                )],
            ),
            media(
                Video,
                "192.0.2.10:40002",
                vec![route(format(96, "VP8", 90_000), format(97, "VP8", 90_000))],
            ),
        ],
    }
}

/// A bridge, and what it has said so far.
pub struct World {
    pub bridge: Bridge,
    start: Instant,
    now: Duration,
    seen: Vec<(u64, BridgeOutput)>,
}

impl World {
    pub fn new(settings: BridgeSettings) -> Self {
        let start = Instant::now();
        Self {
            bridge: Bridge::new(ChaCha20Rng::seed_from_u64(7), settings, start),
            start,
            now: Duration::ZERO,
            seen: Vec::new(),
        }
    }

    /// Without silence of our own, which most tests do not look at.
    pub fn quiet() -> Self {
        Self::new(BridgeSettings {
            fill_silence: false,
            ..BridgeSettings::default()
        })
    }

    /// Connected to the peer of `plan`, browser up.
    pub fn connected(plan: &Plan) -> Self {
        let mut world = Self::quiet();
        world.connect(plan);
        world.browser_up();
        world
    }

    pub fn now(&self) -> Instant {
        self.start + self.now
    }

    pub fn now_ms(&self) -> u64 {
        self.now.as_millis() as u64
    }

    pub fn connect(&mut self, plan: &Plan) {
        let now = self.now();
        self.bridge.connect_sip(1, plan, now);
        self.drain();
    }

    pub fn browser_up(&mut self) {
        let now = self.now();
        self.bridge.browser_up(now);
        self.drain();
    }

    /// Lets time pass; timers fire when they are due.
    pub fn wait_ms(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some((at, why)) = self.bridge.poll_timeout() {
            if at > self.start + until {
                break;
            }
            let before = (at, why);
            self.now = self.now.max(at - self.start);
            let now = self.now();
            self.bridge.handle_timeout(now);
            self.drain();
            assert_ne!(self.bridge.poll_timeout(), Some(before), "the timer spins");
        }
        self.now = until;
    }

    /// A datagram from the SIP peer's RTP address of that kind.
    pub fn sip(&mut self, kind: MediaKind, bytes: &[u8]) {
        let from = match kind {
            Audio => addr(PEER),
            Video => addr("192.0.2.10:40002"),
        };
        self.sip_from(kind, from, bytes);
    }

    pub fn sip_from(&mut self, kind: MediaKind, from: SocketAddr, bytes: &[u8]) {
        let now = self.now();
        self.bridge
            .sip_datagram(kind, RtpOrRtcp::Rtp, from, bytes, now);
        self.drain();
    }

    /// A compound from the SIP peer's RTCP address of that kind.
    pub fn sip_rtcp(&mut self, kind: MediaKind, packets: &[Rtcp]) {
        let from = match kind {
            Audio => addr("192.0.2.10:40001"),
            Video => addr("192.0.2.10:40003"),
        };
        let now = self.now();
        let bytes = media::rtcp::print(packets);
        self.bridge
            .sip_datagram(kind, RtpOrRtcp::Rtcp, from, &bytes, now);
        self.drain();
    }

    pub fn browser(&mut self, kind: MediaKind, bytes: &[u8]) {
        let packet = RtpPacket::parse(bytes).unwrap();
        let now = self.now();
        self.bridge.browser_rtp(kind, &packet, now);
        self.drain();
    }

    pub fn drain(&mut self) {
        let ms = self.now_ms();
        while let Some(output) = self.bridge.poll_output() {
            self.seen.push((ms, output));
        }
    }

    /// What was said since the last look, with the time in ms.
    pub fn take(&mut self) -> Vec<(u64, BridgeOutput)> {
        std::mem::take(&mut self.seen)
    }

    /// What the browser got since the last look; the rest is thrown away.
    pub fn to_browser(&mut self) -> Vec<OutRtp> {
        let packets = self
            .take()
            .into_iter()
            .filter_map(|(_, output)| match output {
                BridgeOutput::ToBrowser { packet, .. } => Some(packet),
                _ => None,
            });
        packets.collect()
    }

    /// RTP the SIP peer got since the last look, with destination; the rest is thrown away.
    pub fn to_sip(&mut self) -> Vec<(SocketAddr, RtpPacket)> {
        let packets = self
            .take()
            .into_iter()
            .filter_map(|(_, output)| match output {
                BridgeOutput::ToSip { to, bytes, .. } if !rtp::is_rtcp(&bytes) => {
                    Some((to, RtpPacket::parse(&bytes).unwrap()))
                }
                _ => None,
            });
        packets.collect()
    }

    /// Compounds the SIP peer got since the last look, with time, port and destination.
    pub fn rtcp_to_sip(&mut self) -> Vec<(u64, RtpOrRtcp, SocketAddr, Vec<Rtcp>)> {
        let packets = self
            .take()
            .into_iter()
            .filter_map(|(ms, output)| match output {
                BridgeOutput::ToSip {
                    to, bytes, port, ..
                } if rtp::is_rtcp(&bytes) => Some((ms, port, to, media::rtcp::parse(&bytes))),
                _ => None,
            });
        packets.collect()
    }
}

/// A sender of RTP whose numbers a test may change at will.
#[derive(Debug, Clone)]
pub struct Source {
    pub header: Header,
    pub step: u32,
    /// First byte of each payload; counts up, so that a test knows the packets apart.
    pub count: u32,
}

impl Source {
    pub fn new(payload_type: u8, step: u32) -> Self {
        Self {
            header: Header {
                payload_type,
                marker: false,
                sequence: 1000,
                timestamp: 50_000,
                ssrc: 0x5151_5151,
            },
            step,
            count: 0,
        }
    }

    /// The next packet; its payload is its number.
    pub fn next(&mut self) -> Bytes {
        let payload = self.count.to_be_bytes();
        self.next_with(&payload)
    }

    pub fn next_with(&mut self, payload: &[u8]) -> Bytes {
        let bytes = self.header.with_payload(payload);
        self.count += 1;
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(self.step);
        bytes
    }
}

/// The number a [`Source`] wrote into a payload.
pub fn count(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[..4].try_into().unwrap())
}

/// Sends `packets` packets, one each 20 ms.
pub fn talk(world: &mut World, source: &mut Source, packets: usize) {
    for _ in 0..packets {
        world.sip(Audio, &source.next());
        world.wait_ms(20);
    }
}

/// Fails unless the sequence grows by one and the timestamp by 20 ms of `clock_hz` per packet,
/// give or take `slack` ticks.
pub fn check_smooth(packets: &[OutRtp], clock_hz: u32, slack: u32) {
    for (n, pair) in packets.windows(2).enumerate() {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1, "after packet {n}");
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert!(
            step.abs_diff(clock_hz / 50) <= slack,
            "after packet {n} the timestamp steps by {step}"
        );
    }
}
