//! One m-line of a bridge: its numbers toward both sides and what it counts.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use sdp::{Encoding, MediaKind, Route, Treatment};

use super::remote::{Remote, clocks_to_browser, clocks_to_sip};
use super::stand_in::StandIn;
use super::strays::Strays;
use super::{BridgeOutput, Browser, LineCounters, OutRtp, RtpOrRtcp};
use crate::dtmf4733::{rescale_duration, start_of};
use crate::early::{EarlyBuffer, Inbound};
use crate::key_frame::{KeyFrameAsk, begins_key_frame};
use crate::rebase::{Clocks, Numbering, Payload, Placed, Placing, Rebase};
use crate::rtp::{Header, Receiver, RtpPacket, Sender};
use crate::settings::BridgeSettings;
use crate::video_gen::CLOCK_HZ;

/// Silence begins when the browser has sent no audio for so long. Browsers that save silence (DTX)
/// send a packet each 400 ms.
const BROWSER_SILENT: Duration = Duration::from_millis(500);

/// ... and so long after the SIP leg is connected, if the browser has not sent by then.
const BROWSER_LATE: Duration = Duration::from_millis(200);

/// What fits behind a header in the largest datagram.
const MAX_PAYLOAD: usize = crate::MAX_DATAGRAM - crate::rtp::HEADER_BYTES;

#[derive(Debug)]
pub(super) struct Line {
    pub(super) kind: MediaKind,
    pub(super) strays: Strays,
    /// Toward the browser.
    early: EarlyBuffer,
    to_browser: Rebase,
    pub(super) stand_in: StandIn,
    /// Toward the SIP peer.
    to_sip: Rebase,
    pub(super) sender: Sender,
    /// Clock of the last packet to the SIP peer.
    sent_clock_hz: u32,
    /// The SIP peer's present source.
    pub(super) receiver: Option<Receiver>,
    pub(super) sip_key_frame: KeyFrameAsk,
    pub(super) browser_key_frame: KeyFrameAsk,
    pub(super) fir_number: u8,
    pub(super) next_report: Option<Instant>,
    /// When the next packet of silence is due.
    next_silence: Option<Instant>,
    /// We hold the call: nothing of the browser goes to the SIP peer.
    held: bool,
    /// SSRC and timestamp of the browser's last telephone event.
    event: Option<(u32, u32)>,
    /// For payloads that change on their way to the SIP peer.
    scratch: Vec<u8>,
    pub(super) counts: LineCounters,
}

impl Line {
    pub(super) fn new(kind: MediaKind, settings: &BridgeSettings, rng: &mut ChaCha20Rng) -> Self {
        Self {
            kind,
            strays: Strays::new(settings.early_buffer),
            early: EarlyBuffer::new(kind, settings.early_buffer),
            to_browser: Rebase::new(Numbering::new(rng)),
            stand_in: StandIn::default(),
            to_sip: Rebase::new(Numbering::new(rng)),
            sender: Sender::new(rng),
            sent_clock_hz: 0,
            receiver: None,
            sip_key_frame: KeyFrameAsk::default(),
            browser_key_frame: KeyFrameAsk::default(),
            fir_number: rng.random(),
            next_report: None,
            next_silence: None,
            held: false,
            event: None,
            scratch: Vec::new(),
            counts: LineCounters::default(),
        }
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.sender.ssrc()
    }

    pub(super) fn counters(&self) -> LineCounters {
        let mut counts = self.counts.clone();
        if let Some(receiver) = &self.receiver {
            counts.reception = receiver.reception();
        }
        counts
    }

    /// The peer is connected, or connected anew.
    pub(super) fn begin(&mut self, remote: &Remote, rng: &mut ChaCha20Rng, now: Instant) {
        if self.next_report.is_none() {
            let first = Duration::from_millis(rng.random_range(800..1200));
            self.next_report = Some(now + first);
        }
        match self.kind {
            MediaKind::Audio => {
                let late = now + BROWSER_LATE;
                self.next_silence = Some(self.next_silence.map_or(late, |at| at.min(late)));
            }
            MediaKind::Video => {
                if remote.receives() {
                    self.sip_key_frame.need(now);
                }
                self.want_browser_key_frame(Some(remote), now);
            }
        }
    }

    /// We hold the call, or no longer do.
    pub(super) fn set_hold(&mut self, held: bool, remote: Option<&Remote>, now: Instant) {
        if self.held == held {
            return;
        }
        self.held = held;
        match self.kind {
            // Silence takes the browser's place at once. At the end it gives way by itself.
            MediaKind::Audio if held => {
                let soon = now + remote.map_or(BROWSER_LATE, Remote::ptime);
                self.next_silence = Some(self.next_silence.map_or(soon, |at| at.min(soon)));
            }
            MediaKind::Audio => {}
            MediaKind::Video => self.want_browser_key_frame(remote, now),
        }
    }

    /// The SIP peer is sent what the browser says.
    pub(super) fn hears_browser(&self, remote: &Remote) -> bool {
        remote.sends() && !self.held
    }

    /// Another early dialog is heard from now on: what waited of the one before is not.
    pub(super) fn source_gone(&mut self) {
        self.early.clear();
        self.receiver = None;
        self.stand_in.peer_gone();
    }

    /// Video of the browser is wanted by the SIP peer, from a key frame on.
    pub(super) fn want_browser_key_frame(&mut self, remote: Option<&Remote>, now: Instant) {
        if self.kind == MediaKind::Video && remote.is_some_and(|remote| self.hears_browser(remote))
        {
            self.browser_key_frame.need(now);
        }
    }

    /// The SIP peer asks for a key frame.
    pub(super) fn peer_wants_key_frame(&mut self, remote: &Remote, now: Instant) {
        if self.kind == MediaKind::Video && self.hears_browser(remote) {
            self.browser_key_frame.want(now);
        }
    }

    pub(super) fn want_sip_key_frame(&mut self, now: Instant) {
        self.sip_key_frame.want(now);
    }

    pub(super) fn renumber(&mut self, numbering: Numbering) -> Numbering {
        self.to_browser.renumber(numbering)
    }

    pub(super) fn browser_up(&mut self, outputs: &mut VecDeque<BridgeOutput>, now: Instant) {
        // What waits of video begins with a key frame; else the browser needs one.
        if self.kind == MediaKind::Video && self.early.is_empty() {
            self.sip_key_frame.need(now);
        }
        for inbound in self.early.take() {
            self.deliver(inbound, outputs);
        }
    }

    /// Pictures of ours while the peer is not seen; the browser is up.
    pub(super) fn show_stand_in(&mut self, outputs: &mut VecDeque<BridgeOutput>, now: Instant) {
        // What waits begins with a key frame.
        if self.early.is_empty() {
            self.stand_in.begin(now);
        }
        let Some((payload_type, frame)) = self.stand_in.frame(now) else {
            return;
        };
        let packets = frame.payloads.len();
        let (first, timestamp) = self.to_browser.fill_frame(packets, CLOCK_HZ, now);
        self.counts.generated += 1;
        for (sequence, (nth, payload)) in (first..).zip(frame.payloads.into_iter().enumerate()) {
            outputs.push_back(BridgeOutput::ToBrowser {
                kind: self.kind,
                packet: OutRtp {
                    payload_type,
                    marker: nth + 1 == packets,
                    sequence,
                    timestamp,
                    payload,
                    received: now,
                },
            });
        }
    }

    /// A packet of the peer, its source believed.
    pub(super) fn sip_packet(
        &mut self,
        remote: &Remote,
        header: &Header,
        payload: &[u8],
        browser: Browser,
        outputs: &mut VecDeque<BridgeOutput>,
        at: Instant,
    ) {
        self.counts.sip_received += 1;
        let mut inbound = Inbound {
            header: *header,
            payload: None,
            payload_type: 0,
            clocks: Clocks::same(8000),
            kind: self.any_payload(),
            key_frame: false,
            is_vp8: false,
            at,
        };
        if let Some(route) = remote.incoming(header.payload_type) {
            inbound.payload_type = route.browser.payload_type.get();
            inbound.clocks = clocks_to_browser(route);
            inbound.kind = remote.payload_kind(route);
            if payload.is_empty() {
                self.counts.empty += 1;
            } else if !remote.receives() {
                self.counts.against_direction += 1;
            } else {
                inbound.key_frame = begins_key_frame(&route.sip.encoding, payload);
                inbound.is_vp8 = route.browser.encoding == Encoding::Vp8;
                inbound.payload = Some(convert(route, payload, inbound.clocks));
                self.receive(header, &inbound);
            }
        } else {
            self.counts.unknown_payload_type += 1;
        }
        match browser {
            Browser::Up => self.deliver(inbound, outputs),
            Browser::Awaited => self.counts.no_browser += self.early.push(inbound) as u64,
            Browser::Gone => self.counts.no_browser += 1,
        }
    }

    /// Reception statistics, and key frames.
    fn receive(&mut self, header: &Header, inbound: &Inbound) {
        let clock_hz = inbound.clocks.from_hz;
        match &mut self.receiver {
            Some(receiver) if receiver.ssrc() == header.ssrc => {
                receiver.packet(header, clock_hz, inbound.at);
            }
            before => {
                let known = before.is_some();
                let mut receiver = Receiver::new(header, inbound.at);
                receiver.packet(header, clock_hz, inbound.at);
                *before = Some(receiver);
                if self.kind == MediaKind::Video && known {
                    self.sip_key_frame.want(inbound.at);
                } else if self.kind == MediaKind::Video {
                    self.sip_key_frame.want_by_name(inbound.at);
                }
            }
        }
        if inbound.key_frame {
            self.sip_key_frame.seen();
        }
    }

    /// Toward the browser, with its new numbers.
    fn deliver(&mut self, inbound: Inbound, outputs: &mut VecDeque<BridgeOutput>) {
        let Inbound {
            header,
            payload,
            payload_type,
            clocks,
            kind,
            key_frame,
            is_vp8,
            at,
        } = inbound;
        let Some(mut payload) = payload else {
            self.to_browser.skip(&header, kind, clocks.from_hz, at);
            return;
        };
        if !self.stand_in.admits(key_frame) {
            self.counts.before_key_frame += 1;
            return;
        }
        let placing = self.to_browser.place(&header, kind, clocks, at);
        if let Some(placed) = self.placed(placing) {
            self.counts.to_browser += 1;
            if is_vp8 {
                self.stand_in.rewrite_picture_id(&mut payload);
            }
            outputs.push_back(BridgeOutput::ToBrowser {
                kind: self.kind,
                packet: OutRtp {
                    payload_type,
                    marker: placed.marker,
                    sequence: placed.sequence,
                    timestamp: placed.timestamp,
                    payload: Bytes::from(payload),
                    received: at,
                },
            });
        }
    }

    fn placed(&mut self, placing: Placing) -> Option<Placed> {
        match placing {
            Placing::Placed(placed) => {
                self.counts.switches += u64::from(placed.switched);
                return Some(placed);
            }
            Placing::Duplicate => self.counts.duplicates += 1,
            Placing::TooLate => self.counts.too_late += 1,
        }
        None
    }

    /// A packet of the browser.
    pub(super) fn browser_packet(
        &mut self,
        remote: Option<&Remote>,
        packet: &RtpPacket,
        outputs: &mut VecDeque<BridgeOutput>,
        now: Instant,
    ) {
        self.counts.browser_received += 1;
        let header = packet.header();
        let Some(remote) = remote else {
            self.counts.no_peer += 1;
            return;
        };
        let route = remote.outgoing(header.payload_type);
        let target = remote.latch.target();
        let fits = (1..=MAX_PAYLOAD).contains(&packet.payload.len());
        let hears = self.hears_browser(remote);
        let (Some(route), Some(to), true, true) = (route, target, hears, fits) else {
            let reason = if self.held {
                &mut self.counts.held
            } else if route.is_none() {
                &mut self.counts.unknown_payload_type
            } else if packet.payload.is_empty() {
                &mut self.counts.empty
            } else if !fits {
                &mut self.counts.oversize
            } else if !remote.sends() {
                &mut self.counts.against_direction
            } else {
                &mut self.counts.no_peer
            };
            *reason += 1;
            let clock_hz = route.map_or(8000, |route| route.browser.clock_hz.max(1));
            let kind = self.any_payload();
            self.to_sip.skip(&header, kind, clock_hz, now);
            return;
        };
        if begins_key_frame(&route.browser.encoding, &packet.payload) {
            self.browser_key_frame.seen();
        }
        let clocks = clocks_to_sip(route);
        let kind = remote.payload_kind(route);
        let placing = self.to_sip.place(&header, kind, clocks, now);
        let Some(mut placed) = self.placed(placing) else {
            return;
        };
        if let Payload::Event { ptime_ms } = kind
            && self.begins_event(&header)
            && let Some(start) = start_of(&packet.payload, ptime_ms * (clocks.to_hz / 1000) as u16)
            && let Some(next) = self.to_sip.again(placed)
        {
            let header = Header {
                marker: true,
                ..self.to_sip_header(route, placed)
            };
            let bytes = self.sender.write(header, &start, clocks.to_hz, now);
            self.counts.to_sip += 1;
            outputs.push_back(BridgeOutput::ToSip {
                kind: self.kind,
                port: RtpOrRtcp::Rtp,
                to,
                bytes,
            });
            placed = next;
        }
        let header = self.to_sip_header(route, placed);
        let changes = route.treatment == Treatment::G711Table || clocks.from_hz != clocks.to_hz;
        let payload = if changes {
            self.scratch.clear();
            self.scratch.extend_from_slice(&packet.payload);
            convert_in_place(route, &mut self.scratch, clocks, &route.browser.encoding);
            &self.scratch[..]
        } else {
            &packet.payload[..]
        };
        let bytes = self.sender.write(header, payload, clocks.to_hz, now);
        self.counts.to_sip += 1;
        if self.kind == MediaKind::Audio {
            self.next_silence = Some(now + BROWSER_SILENT);
            if kind
                != (Payload::Event {
                    ptime_ms: remote.ptime_ms,
                })
            {
                // On a change of clock the peer learns at once how the timestamps go on.
                if self.sent_clock_hz != 0 && self.sent_clock_hz != clocks.to_hz {
                    self.next_report = Some(now);
                }
                self.sent_clock_hz = clocks.to_hz;
            }
        }
        outputs.push_back(BridgeOutput::ToSip {
            kind: self.kind,
            port: RtpOrRtcp::Rtp,
            to,
            bytes,
        });
    }

    /// Whether this packet of an event is the first of it that came. Late ones of an earlier event are not.
    fn begins_event(&mut self, header: &Header) -> bool {
        let begins = self.event.is_none_or(|(ssrc, timestamp)| {
            ssrc != header.ssrc || (header.timestamp.wrapping_sub(timestamp) as i32) > 0
        });
        if begins {
            self.event = Some((header.ssrc, header.timestamp));
        }
        begins
    }

    fn to_sip_header(&self, route: &Route, placed: Placed) -> Header {
        Header {
            payload_type: route.sip_send.get(),
            marker: placed.marker,
            sequence: placed.sequence as u16,
            timestamp: placed.timestamp,
            ssrc: self.sender.ssrc(),
        }
    }

    /// Silence for the peer while the browser sends none of its own (the page listens only, its
    /// track ended, its leg is not up) and while we hold the call.
    pub(super) fn fill(
        &mut self,
        remote: &Remote,
        settings: &BridgeSettings,
        outputs: &mut VecDeque<BridgeOutput>,
        now: Instant,
    ) {
        let Some(due) = self.next_silence.filter(|at| *at <= now) else {
            return;
        };
        let silence = remote.silence.as_ref().filter(|_| settings.fill_silence);
        let Some(silence) = silence else {
            self.next_silence = None;
            return;
        };
        let Some(to) = remote.latch.target().filter(|_| remote.sends()) else {
            self.next_silence = Some(now + BROWSER_SILENT);
            return;
        };
        let placed = self.to_sip.fill(silence.clock_hz, silence.ms.into(), now);
        let header = Header {
            payload_type: silence.payload_type,
            marker: placed.marker,
            sequence: placed.sequence as u16,
            timestamp: placed.timestamp,
            ssrc: self.sender.ssrc(),
        };
        let bytes = self
            .sender
            .write(header, &silence.payload, silence.clock_hz, now);
        self.counts.silence += 1;
        // The step is exact unless the timer was so late that catching up would be a burst.
        let step = Duration::from_millis(silence.ms.into());
        let next = due + step;
        self.next_silence = Some(if next > now { next } else { now + step });
        outputs.push_back(BridgeOutput::ToSip {
            kind: self.kind,
            port: RtpOrRtcp::Rtp,
            to,
            bytes,
        });
    }

    /// All that this line waits for. Without a browser nobody asks it for key frames.
    pub(super) fn timeouts(
        &self,
        browser_up: bool,
    ) -> impl Iterator<Item = (Instant, &'static str)> {
        let browser_key_frame = self.browser_key_frame.at().filter(|_| browser_up);
        [
            (self.next_report, "RTCP report"),
            (self.next_silence, "silence for the SIP peer"),
            (self.sip_key_frame.at(), "key frame of the SIP peer"),
            (browser_key_frame, "key frame of the browser"),
        ]
        .into_iter()
        .filter_map(|(at, why)| Some((at?, why)))
    }

    /// What a packet without a route is taken for.
    fn any_payload(&self) -> Payload {
        match self.kind {
            MediaKind::Audio => Payload::Audio { ptime_ms: 20 },
            MediaKind::Video => Payload::Video,
        }
    }
}

/// A payload from the SIP peer as the browser gets it: one allocation.
fn convert(route: &Route, payload: &[u8], clocks: Clocks) -> Vec<u8> {
    let mut out = payload.to_vec();
    convert_in_place(route, &mut out, clocks, &route.sip.encoding);
    out
}

fn convert_in_place(route: &Route, payload: &mut [u8], clocks: Clocks, from: &Encoding) {
    match (route.treatment, from) {
        (Treatment::G711Table, Encoding::Pcmu) => {
            for byte in payload {
                *byte = codec::ulaw_to_alaw(*byte);
            }
        }
        (Treatment::G711Table, Encoding::Pcma) => {
            for byte in payload {
                *byte = codec::alaw_to_ulaw(*byte);
            }
        }
        (_, Encoding::TelephoneEvent) if clocks.from_hz != clocks.to_hz => {
            rescale_duration(payload, clocks.from_hz, clocks.to_hz);
        }
        _ => {}
    }
}
