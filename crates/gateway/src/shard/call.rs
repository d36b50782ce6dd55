//! One call on its shard: the bridge, the sockets of its SIP leg, and its browser legs.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use media::ports::Ports;
use media::{Bridge, BridgeOutput, Numbers, RtpOrRtcp};
use mio::Token;
use mio::net::UdpSocket;
use sdp::{MediaKind, Plan};
use session::media::{BrowserLegMode, CallId, LegId, MediaEvent, MediaFailure, StreamId};
use webrtc::{Leg, LegConfig, LegFailure, LegOutput};

use super::demux::{Demux, Key};
use super::events::Events;
use super::inbox::Counts;
use super::sockets::BrowserSocket;

/// Datagrams read from one SIP socket before others have their turn.
const READS_PER_TURN: usize = 64;

/// What a step of a call may touch beside the call.
pub(super) struct Ctx<'a> {
    pub(super) now: Instant,
    pub(super) browser: &'a BrowserSocket,
    pub(super) demux: &'a mut Demux,
    pub(super) events: &'a mut Events,
    pub(super) counts: &'a Counts,
    pub(super) legs: &'a LegConfig,
    /// For one datagram of the SIP side.
    pub(super) buffer: &'a mut [u8],
}

/// One socket of the SIP leg.
pub(super) struct SipPort {
    pub(super) kind: MediaKind,
    pub(super) which: RtpOrRtcp,
    pub(super) token: Token,
    pub(super) socket: UdpSocket,
}

/// One call.
pub(super) struct Call {
    id: CallId,
    bridge: Bridge,
    pub(super) sockets: Vec<SipPort>,
    pub(super) ports: Vec<Ports>,
    legs: BTreeMap<LegId, Slot>,
    /// The leg that is heard.
    live: Option<LegId>,
    /// The live leg is up at the bridge.
    joined: bool,
    /// The deadline that counts, of those in the shard's heap.
    pub(super) deadline: Option<Instant>,
}

/// A browser leg in its call.
pub(super) struct Slot {
    leg: Leg,
    connected: bool,
    /// What the peer connection has seen, while it is not the live one.
    numbers: Option<Numbers>,
}

impl Call {
    pub(super) fn new(
        id: CallId,
        bridge: Bridge,
        sockets: Vec<SipPort>,
        ports: Vec<Ports>,
    ) -> Self {
        Self {
            id,
            bridge,
            sockets,
            ports,
            legs: BTreeMap::new(),
            live: None,
            joined: false,
            deadline: None,
        }
    }

    // --- Commands -----------------------------------------------------------------------------

    pub(super) fn open_leg(&mut self, leg: LegId, mode: BrowserLegMode, ctx: &mut Ctx<'_>) {
        let call = self.id;
        if self.legs.contains_key(&leg) {
            return;
        }
        let made = match &mode {
            BrowserLegMode::Answer { offer, plan } => Leg::answer(ctx.legs, offer, plan, ctx.now),
            BrowserLegMode::Offer { media } => Leg::offer(ctx.legs, media, ctx.now),
        };
        match made {
            Ok((made, sdp)) => {
                ctx.demux.add((call, leg), made.local_ufrag());
                self.legs.insert(
                    leg,
                    Slot {
                        leg: made,
                        connected: false,
                        numbers: None,
                    },
                );
                ctx.events.say(match mode {
                    BrowserLegMode::Answer { .. } => MediaEvent::BrowserAnswer { call, leg, sdp },
                    BrowserLegMode::Offer { .. } => MediaEvent::BrowserOffer { call, leg, sdp },
                });
                self.pump(ctx);
            }
            Err(error) => ctx.events.say(MediaEvent::BrowserFailed {
                call,
                leg,
                failure: MediaFailure::BadSdp(error.to_string()),
            }),
        }
    }

    pub(super) fn accept_answer(&mut self, leg: LegId, answer: &str, ctx: &mut Ctx<'_>) {
        let call = self.id;
        let Some(slot) = self.legs.get_mut(&leg) else {
            return;
        };
        match slot.leg.accept_answer(answer, ctx.now) {
            Ok(()) => {
                ctx.events.say(MediaEvent::BrowserAccepted { call, leg });
                self.pump(ctx);
            }
            Err(error) => {
                self.drop_leg(leg, ctx);
                ctx.events.say(MediaEvent::BrowserFailed {
                    call,
                    leg,
                    failure: MediaFailure::BadSdp(error.to_string()),
                });
            }
        }
    }

    pub(super) fn connect_sip(
        &mut self,
        stream: StreamId,
        plan: &Plan,
        signalling: &[IpAddr],
        ctx: &mut Ctx<'_>,
    ) {
        if !signalling.is_empty() {
            self.bridge.signalling_sources(stream.0, signalling);
        }
        self.bridge.connect_sip(stream.0, plan, ctx.now);
        self.pump(ctx);
    }

    pub(super) fn set_hold(&mut self, held: bool, ctx: &mut Ctx<'_>) {
        self.bridge.set_hold(held, ctx.now);
        self.pump(ctx);
    }

    pub(super) fn select_stream(&mut self, stream: StreamId, ctx: &mut Ctx<'_>) {
        self.bridge.select_stream(stream.0, ctx.now);
        self.pump(ctx);
    }

    pub(super) fn select_leg(&mut self, leg: LegId, ctx: &mut Ctx<'_>) {
        if !self.legs.contains_key(&leg) {
            return;
        }
        if self.live != Some(leg) {
            self.leave_live(ctx.now);
            self.live = Some(leg);
        }
        self.join(ctx.now);
        self.pump(ctx);
    }

    pub(super) fn close_leg(&mut self, leg: LegId, ctx: &mut Ctx<'_>) {
        self.drop_leg(leg, ctx);
        self.pump(ctx);
    }

    /// The call ends: RTCP BYE to the SIP peer. The page closes its own side.
    pub(super) fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.bridge.bye(ctx.now);
        self.pump(ctx);
    }

    /// A leg leaves for another call.
    pub(super) fn take_leg(&mut self, leg: LegId, ctx: &mut Ctx<'_>) -> Option<Slot> {
        if self.live == Some(leg) {
            self.leave_live(ctx.now);
            self.live = None;
        }
        let slot = self.legs.remove(&leg);
        self.pump(ctx);
        slot
    }

    /// A leg comes from another call.
    pub(super) fn give_leg(&mut self, leg: LegId, slot: Slot, ctx: &mut Ctx<'_>) {
        self.legs.insert(leg, slot);
        self.live_by_default(leg, ctx.now);
        self.pump(ctx);
    }

    // --- Input --------------------------------------------------------------------------------

    /// A browser's datagram that the demultiplexer brought here. `false`: not accepted, not seen
    /// by anything.
    pub(super) fn browser_datagram(
        &mut self,
        leg: LegId,
        datagram: &super::sockets::Datagram<'_>,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        let Some(slot) = self.legs.get_mut(&leg) else {
            return false;
        };
        let (from, to) = (datagram.from, datagram.to);
        if !slot.leg.accepts(datagram.bytes, from, to) {
            return false;
        }
        let key: Key = (self.id, leg);
        ctx.demux.learn(from, key, datagram.local);
        slot.leg.handle_input(datagram.bytes, from, to, ctx.now);
        self.pump(ctx);
        true
    }

    /// Reads the SIP socket of `token`. `true`: there may be more.
    pub(super) fn read_sip(&mut self, token: Token, ctx: &mut Ctx<'_>) -> bool {
        for _ in 0..READS_PER_TURN {
            let Some(port) = self.sockets.iter().find(|p| p.token == token) else {
                return false;
            };
            let (kind, which) = (port.kind, port.which);
            match port.socket.recv_from(ctx.buffer) {
                Ok((length, from)) => {
                    let bytes = &ctx.buffer[..length];
                    if length > media::MAX_DATAGRAM {
                        Counts::add(&ctx.counts.oversize, 1);
                    }
                    self.bridge.sip_datagram(kind, which, from, bytes, ctx.now);
                    self.pump(ctx);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // An ICMP error of an earlier send (RFC 1122 §4.1.3.3): the next read goes on.
                Err(_) => {}
            }
        }
        true
    }

    pub(super) fn handle_timeout(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now;
        for slot in self.legs.values_mut() {
            if slot.leg.poll_timeout().is_some_and(|at| at <= now) {
                slot.leg.handle_timeout(now);
            }
        }
        if self.bridge.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.bridge.handle_timeout(now);
        }
        self.pump(ctx);
    }

    pub(super) fn leg_count(&self) -> usize {
        self.legs.len()
    }

    /// When [`Call::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let legs = self
            .legs
            .values()
            .filter_map(|slot| slot.leg.poll_timeout());
        let bridge = self.bridge.poll_timeout().map(|(at, _)| at);
        legs.chain(bridge).min()
    }

    // --- Within -------------------------------------------------------------------------------

    /// Carries outputs between the legs, the bridge and the sockets until nobody has any.
    fn pump(&mut self, ctx: &mut Ctx<'_>) {
        loop {
            let legs = self.pump_legs(ctx);
            let bridge = self.pump_bridge(ctx);
            if legs && bridge {
                return;
            }
        }
    }

    /// `true`: no leg had anything to say.
    fn pump_legs(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let mut quiet = true;
        let mut next = self.legs.keys().next().copied();
        while let Some(leg) = next {
            while let Some(output) = self.legs.get_mut(&leg).and_then(|s| s.leg.poll_output()) {
                quiet = false;
                self.leg_output(leg, output, ctx);
            }
            next = self
                .legs
                .range((after(leg), std::ops::Bound::Unbounded))
                .next()
                .map(|(leg, _)| *leg);
        }
        quiet
    }

    fn leg_output(&mut self, leg: LegId, output: LegOutput, ctx: &mut Ctx<'_>) {
        let call = self.id;
        let is_live = self.live == Some(leg);
        match output {
            LegOutput::Transmit { to, bytes } => {
                let from = ctx.demux.local(to);
                if !ctx.browser.send(to, from, &bytes) {
                    Counts::add(&ctx.counts.unsent, 1);
                }
            }
            LegOutput::Rtp { kind, packet } if is_live => {
                let packet = media::RtpPacket {
                    payload_type: packet.payload_type,
                    marker: packet.marker,
                    sequence: packet.sequence,
                    timestamp: packet.timestamp,
                    ssrc: packet.ssrc,
                    payload: Bytes::from_owner(packet.payload),
                };
                self.bridge.browser_rtp(kind, &packet, ctx.now);
            }
            LegOutput::KeyFrameWanted { kind } if is_live => {
                self.bridge.browser_key_frame_wanted(kind, ctx.now);
            }
            LegOutput::Rtp { .. } | LegOutput::KeyFrameWanted { .. } => {}
            LegOutput::Connected => {
                if let Some(slot) = self.legs.get_mut(&leg) {
                    slot.connected = true;
                }
                ctx.events.say(MediaEvent::BrowserConnected { call, leg });
                self.live_by_default(leg, ctx.now);
            }
            LegOutput::Failed(failure) => {
                self.drop_leg(leg, ctx);
                let failure = match failure {
                    LegFailure::Ice => MediaFailure::Ice,
                    LegFailure::Dtls(why) => MediaFailure::Dtls(why),
                    LegFailure::Closed => MediaFailure::Closed,
                };
                ctx.events
                    .say(MediaEvent::BrowserFailed { call, leg, failure });
            }
        }
    }

    /// `true`: the bridge had nothing to say.
    fn pump_bridge(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let mut quiet = true;
        while let Some(output) = self.bridge.poll_output() {
            quiet = false;
            match output {
                BridgeOutput::ToBrowser { kind, packet } => {
                    if let Some(slot) = self.live.and_then(|leg| self.legs.get_mut(&leg)) {
                        let packet = webrtc::OutRtp {
                            payload_type: packet.payload_type,
                            marker: packet.marker,
                            sequence: packet.sequence,
                            timestamp: packet.timestamp,
                            captured: packet.received,
                            payload: Arc::from(&packet.payload[..]),
                        };
                        slot.leg.send(kind, packet, ctx.now);
                    }
                }
                BridgeOutput::ToSip {
                    kind,
                    port,
                    to,
                    bytes,
                } => self.send_sip(kind, port, to, &bytes, ctx),
                BridgeOutput::WantBrowserKeyFrame { kind } => {
                    if let Some(slot) = self.live.and_then(|leg| self.legs.get_mut(&leg)) {
                        slot.leg.request_key_frame(kind, ctx.now);
                    }
                }
            }
        }
        quiet
    }

    fn send_sip(
        &self,
        kind: MediaKind,
        which: RtpOrRtcp,
        to: SocketAddr,
        bytes: &[u8],
        ctx: &Ctx<'_>,
    ) {
        let port = self
            .sockets
            .iter()
            .find(|p| p.kind == kind && p.which == which);
        if port.is_some_and(|p| p.socket.send_to(bytes, to).is_err()) {
            Counts::add(&ctx.counts.unsent, 1);
        }
    }

    /// The first leg that is connected is the live one, until one is selected.
    fn live_by_default(&mut self, leg: LegId, now: Instant) {
        let connected = self.legs.get(&leg).is_some_and(|slot| slot.connected);
        if self.live.is_none() && connected {
            self.live = Some(leg);
        }
        if self.live == Some(leg) {
            self.join(now);
        }
    }

    /// The live leg, if it is connected, is up at the bridge.
    fn join(&mut self, now: Instant) {
        let slot = self.live.and_then(|leg| self.legs.get_mut(&leg));
        let Some(slot) = slot.filter(|slot| slot.connected && !self.joined) else {
            return;
        };
        self.joined = true;
        match slot.numbers.take() {
            Some(numbers) => self.bridge.browser_up_with(numbers, now),
            None => self.bridge.browser_up(now),
        }
    }

    fn leave_live(&mut self, now: Instant) {
        if !std::mem::take(&mut self.joined) {
            return;
        }
        let numbers = self.bridge.browser_down(now);
        if let Some(slot) = self.live.and_then(|leg| self.legs.get_mut(&leg)) {
            slot.numbers = numbers;
        }
    }

    fn drop_leg(&mut self, leg: LegId, ctx: &mut Ctx<'_>) {
        if self.live == Some(leg) {
            self.leave_live(ctx.now);
            self.live = None;
        }
        self.legs.remove(&leg);
        ctx.demux.remove((self.id, leg));
    }
}

fn after(leg: LegId) -> std::ops::Bound<LegId> {
    std::ops::Bound::Excluded(leg)
}
