//! A leg, a plain `str0m` peer as the browser, and simulated time between them.
#![allow(dead_code, clippy::disallowed_methods)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sdp::{Direction, Encoding, Format, MediaKind, MediaPlan, PayloadType, Plan};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction as StrDirection, KeyframeRequestKind, MediaKind as StrKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpPacket as StrPacket, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc};
use webrtc::{Identity, Leg, LegConfig, LegOutput, OutRtp};

pub(crate) const GATEWAY: &str = "203.0.113.1:40000";
pub(crate) const BROWSER: &str = "198.51.100.7:50000";

pub(crate) fn config() -> LegConfig {
    LegConfig {
        candidates: vec![GATEWAY.parse().unwrap()],
        identity: Identity::generate().unwrap(),
    }
}

pub(crate) fn format(pt: u8, encoding: Encoding, clock_hz: u32, channels: u8) -> Format {
    Format {
        payload_type: PayloadType::new(pt).unwrap(),
        encoding,
        clock_hz,
        channels,
        fmtp: None,
    }
}

pub(crate) fn media_plan(kind: MediaKind, accepted: bool, browser: Vec<Format>) -> MediaPlan {
    MediaPlan {
        kind,
        accepted,
        browser,
        routes: Vec::new(),
        remote: None,
        stand_in: false,
        sip_direction: Direction::SendRecv,
        ptime_ms: 20,
        reason: String::new(),
    }
}

pub(crate) fn plan(media: Vec<MediaPlan>) -> Plan {
    Plan { media }
}

/// The browser of these tests.
pub(crate) struct Browser {
    pub(crate) rtc: Rtc,
    pub(crate) pending: Option<SdpPendingOffer>,
    pub(crate) mids: Vec<(StrKind, Mid)>,
    pub(crate) packets: Vec<StrPacket>,
    pub(crate) key_frames_wanted: usize,
    pub(crate) connected: bool,
}

impl Browser {
    pub(crate) fn new(now: Instant) -> Self {
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_pcmu(true, false)
            .enable_pcma(true, false)
            .enable_vp8(true);
        for (pt, clock) in [(126, 8_000), (110, 48_000)] {
            rtc.codec_config().add_config(
                pt.into(),
                None,
                str0m::format::Codec::Tele,
                str0m::media::Frequency::new(clock).unwrap(),
                None,
                Default::default(),
            );
        }
        let mut rtc = rtc.build(now);
        let candidate = Candidate::host(BROWSER.parse().unwrap(), "udp").unwrap();
        rtc.add_local_candidate(candidate);
        Self {
            rtc,
            pending: None,
            mids: Vec::new(),
            packets: Vec::new(),
            key_frames_wanted: 0,
            connected: false,
        }
    }

    /// An offer of these m-lines; candidates are left out, as the WebSDK does.
    pub(crate) fn offer(&mut self, lines: &[(StrKind, StrDirection)]) -> String {
        let mut api = self.rtc.sdp_api();
        for (kind, direction) in lines {
            let mid = api.add_media(*kind, *direction, None, None, None);
            self.mids.push((*kind, mid));
        }
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some(pending);
        without_candidates(&offer.to_sdp_string())
    }

    pub(crate) fn take_answer(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).expect("our answer parses");
        let pending = self.pending.take().unwrap();
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    }

    pub(crate) fn answer(&mut self, offer: &str) -> String {
        let offer = SdpOffer::from_sdp_string(offer).expect("our offer parses");
        let answer = self.rtc.sdp_api().accept_offer(offer).unwrap();
        without_candidates(&answer.to_sdp_string())
    }

    pub(crate) fn mid(&self, kind: StrKind) -> Mid {
        self.mids.iter().find(|(k, _)| *k == kind).unwrap().1
    }

    pub(crate) fn send(
        &mut self,
        kind: StrKind,
        pt: u8,
        sequence: u64,
        payload: &[u8],
        now: Instant,
    ) {
        let mid = self.mid(kind);
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None).expect("a send stream");
        let timestamp = (sequence * 960) as u32;
        stream.write_rtp(RtpWrite::new(
            pt.into(),
            sequence.into(),
            timestamp,
            now,
            payload,
        ));
    }

    pub(crate) fn want_key_frame(&mut self, kind: StrKind) {
        let mid = self.mid(kind);
        let mut api = self.rtc.direct_api();
        let stream = api.stream_rx_by_mid(mid, None).expect("a receive stream");
        stream.request_keyframe(KeyframeRequestKind::Pli);
    }
}

fn without_candidates(sdp: &str) -> String {
    sdp.lines()
        .filter(|l| !l.starts_with("a=candidate") && !l.starts_with("a=end-of"))
        .map(|l| format!("{l}\r\n"))
        .collect()
}

/// Both ends and a clock.
pub(crate) struct World {
    pub(crate) leg: Leg,
    pub(crate) browser: Browser,
    pub(crate) now: Instant,
    pub(crate) outputs: Vec<LegOutput>,
    /// Datagrams the leg refused.
    pub(crate) refused: usize,
    sequence: u64,
}

impl World {
    pub(crate) fn new(leg: Leg, browser: Browser, now: Instant) -> Self {
        Self {
            leg,
            browser,
            now,
            outputs: Vec::new(),
            refused: 0,
            sequence: 0,
        }
    }

    /// Run both ends for `span` in steps of 10 ms.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.now += Duration::from_millis(10);
            self.leg.handle_timeout(self.now);
            let _ = self.browser.rtc.handle_input(Input::Timeout(self.now));
            self.exchange();
        }
    }

    /// Deliver everything that both have to say.
    pub(crate) fn exchange(&mut self) {
        let gateway: SocketAddr = GATEWAY.parse().unwrap();
        let from: SocketAddr = BROWSER.parse().unwrap();
        loop {
            let mut quiet = true;
            while let Some(output) = self.leg.poll_output() {
                quiet = false;
                if let LegOutput::Transmit { to, bytes } = &output {
                    assert_eq!(*to, from, "only to the proved address");
                    let receive = Receive::new(Protocol::Udp, gateway, from, bytes).unwrap();
                    let _ = self
                        .browser
                        .rtc
                        .handle_input(Input::Receive(self.now, receive));
                } else {
                    self.outputs.push(output);
                }
            }
            loop {
                match self.browser.rtc.poll_output().unwrap() {
                    Output::Timeout(_) => break,
                    Output::Transmit(t) => {
                        quiet = false;
                        if self.leg.accepts(&t.contents, from, gateway) {
                            self.leg.handle_input(&t.contents, from, gateway, self.now);
                        } else {
                            self.refused += 1;
                        }
                    }
                    Output::Event(Event::Connected) => self.browser.connected = true,
                    Output::Event(Event::RtpPacket(p)) => self.browser.packets.push(p),
                    Output::Event(Event::KeyframeRequest(_)) => {
                        self.browser.key_frames_wanted += 1;
                    }
                    Output::Event(_) => {}
                }
            }
            if quiet {
                return;
            }
        }
    }

    pub(crate) fn send(&mut self, kind: MediaKind, payload_type: u8, payload: &[u8]) {
        self.sequence += 1;
        let packet = OutRtp {
            payload_type,
            marker: false,
            sequence: self.sequence,
            timestamp: (self.sequence * 160) as u32,
            captured: self.now,
            payload: payload.into(),
        };
        self.leg.send(kind, packet, self.now);
    }

    pub(crate) fn connected(&self) -> bool {
        self.outputs.contains(&LegOutput::Connected) && self.browser.connected
    }

    pub(crate) fn received(&self, kind: MediaKind) -> Vec<&webrtc::RtpPacket> {
        self.outputs
            .iter()
            .filter_map(|o| match o {
                LegOutput::Rtp { kind: k, packet } if *k == kind => Some(packet),
                _ => None,
            })
            .collect()
    }
}
