//! The Hub owns every session, registration and call, and routes. It is a function of its seed and
//! its input log: the same log in another process gives the same outputs.
//!
//! No value here belongs to a socket task. A lost WebSocket is an input that starts the session's
//! detach timer. Each step of a value runs under [`Hub::step`]: a panic removes that value alone.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use signaling::{Feature, ServerMessage};
use sip::{Hop, InviteId, MessageId, RegistrationId, ResolveId, Target, Ua, UaConfig};

use crate::call::{Call, CallInput, CallRules, Effect};
use crate::ids::{CallId, LegId, SessionId, SocketId};
use crate::ladder::Ladders;
use crate::media::{MediaCommand, MediaEvent};
use crate::record::{Journal, Record};
use crate::registration::Registration;
use crate::session::Session;
use crate::socket::Socket;
use crate::timers::{Alarm, Timers};

/// All that can move the Hub.
#[derive(Debug, Clone)]
pub enum Input {
    /// A page opened a WebSocket.
    SocketOpened {
        /// The shell's number for it; never used before.
        socket: SocketId,
        /// Where it comes from.
        peer: IpAddr,
    },
    /// A text frame arrived.
    Frame {
        /// On this socket.
        socket: SocketId,
        /// Its text, at most 64 KiB.
        text: String,
    },
    /// The WebSocket is gone, whoever closed it.
    SocketClosed {
        /// The socket.
        socket: SocketId,
    },
    /// For the SIP user agent.
    Sip(sip::Input),
    /// Of the media side.
    Media(MediaEvent),
    /// The pool of RTP ports has run dry (`false`), or has room again. At the start it has room.
    PortsFree(bool),
    /// End all calls and registrations in good order.
    Shutdown,
}

/// All that the Hub can do to the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send a text frame.
    Frame {
        /// On this socket.
        socket: SocketId,
        /// Its text.
        text: String,
    },
    /// Close a WebSocket; the shell answers with `SocketClosed`.
    Close {
        /// The socket.
        socket: SocketId,
        /// RFC 6455 §7.4 code.
        code: u16,
        /// For a person.
        reason: String,
    },
    /// Resolve a name -> `sip::Input::Resolved`.
    Resolve {
        /// To be given back.
        id: ResolveId,
        /// What to look up (RFC 3263).
        target: Target,
    },
    /// Send a SIP message -> `sip::Input::SendFailed` if it can't be.
    Send {
        /// Where to, and how.
        hop: Hop,
        /// The message.
        bytes: Bytes,
    },
    /// For the media shards.
    Media(MediaCommand),
    /// Something happened to a call: for the log.
    Record(Record),
}

/// How the Hub behaves.
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// The SIP user agent's.
    pub ua: UaConfig,
    /// The calls'.
    pub calls: CallRules,
    /// `keep_alive.server_interval`.
    pub ping_interval: Duration,
    /// `keep_alive.probes`: pings without a pong before the socket is closed.
    pub ping_probes: u32,
    /// How long a session outlives its WebSocket.
    pub detach_after: Duration,
    /// A socket must say `connection` within this.
    pub greeting_timeout: Duration,
    /// Transport to SIP servers that a page names without one; `None`: as RFC 3263 finds it, UDP by default.
    pub sip_transport: Option<sip::Transport>,
}

impl HubConfig {
    /// Defaults around a user agent's configuration.
    pub fn new(ua: UaConfig) -> Self {
        Self {
            ua,
            calls: CallRules::default(),
            ping_interval: Duration::from_secs(5),
            ping_probes: 10,
            detach_after: Duration::ZERO,
            greeting_timeout: Duration::from_secs(30),
            sip_transport: None,
        }
    }
}

/// How much there is of everything; all zero when nothing is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Open WebSockets.
    pub sockets: usize,
    /// Sessions.
    pub sessions: usize,
    /// Sessions with an attached page.
    pub attached: usize,
    /// Registrations.
    pub registrations: usize,
    /// Calls, those that are ending included.
    pub calls: usize,
    /// Browser legs of calls: pages that ring or talk.
    pub legs: usize,
    /// Armed alarms of the Hub.
    pub alarms: usize,
    /// What the user agent holds.
    pub sip: sip::Counts,
}

/// See the module.
#[derive(Debug)]
pub struct Hub {
    pub(crate) config: HubConfig,
    pub(crate) ua: Ua,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) sockets: BTreeMap<SocketId, Socket>,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    pub(crate) registrations: BTreeMap<RegistrationId, Registration>,
    pub(crate) calls: BTreeMap<CallId, Call>,
    /// Beside each call: what its record needs to know.
    pub(crate) journals: BTreeMap<CallId, Journal>,
    /// The SIP messages of each call.
    pub(crate) ladders: Ladders,
    /// MESSAGE requests of pages that have no answer yet: whose, and what the page calls them.
    pub(crate) messages: BTreeMap<MessageId, (SessionId, String)>,
    pub(crate) invites: BTreeMap<InviteId, CallId>,
    /// The same, the other way.
    pub(crate) invite_of: BTreeMap<CallId, InviteId>,
    pub(crate) timers: Timers,
    pub(crate) outputs: VecDeque<Output>,
    next_id: u64,
    #[cfg(feature = "faults")]
    planted: Option<PlantedPanic>,
}

/// Where the next panic strikes (tests of isolation).
#[cfg(feature = "faults")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlantedPanic {
    /// In the next step of this call.
    Step(CallId),
    /// While the effects of this call's next step are performed.
    Effects(CallId),
    /// In the next input or alarm, outside any call.
    Routing,
}

impl Hub {
    /// A Hub whose every random value comes from `seed`.
    pub fn new(config: HubConfig, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let ua = Ua::new(config.ua.clone(), ChaCha20Rng::from_rng(&mut rng));
        Self {
            config,
            ua,
            rng,
            sockets: BTreeMap::new(),
            sessions: BTreeMap::new(),
            registrations: BTreeMap::new(),
            calls: BTreeMap::new(),
            journals: BTreeMap::new(),
            ladders: Ladders::default(),
            messages: BTreeMap::new(),
            invites: BTreeMap::new(),
            invite_of: BTreeMap::new(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            next_id: 1,
            #[cfg(feature = "faults")]
            planted: None,
        }
    }

    /// Takes one input; then [`Hub::poll_output`] until it is empty.
    ///
    /// A defect in one input must not take the others' calls along: a panic outside a call's own
    /// step drops that input, and closes the socket it came from, whose page would wait for ever.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        let page = match &input {
            Input::SocketOpened { socket, .. } | Input::Frame { socket, .. } => Some(*socket),
            _ => None,
        };
        if !self.guarded(|hub| hub.route(input, now)) {
            self.give_up(page);
        }
        self.guarded(|hub| hub.drain_ua(now));
    }

    /// A page whose input or alarm was lost to a panic.
    fn give_up(&mut self, page: Option<SocketId>) {
        if let Some(socket) = page {
            let reason = "An internal error. Please report it, and connect again.";
            self.close(socket, 1011, reason);
        }
    }

    /// `false`: it panicked.
    pub(crate) fn guarded(&mut self, work: impl FnOnce(&mut Self)) -> bool {
        catch_unwind(AssertUnwindSafe(|| work(self))).is_ok()
    }

    fn route(&mut self, input: Input, now: Instant) {
        #[cfg(feature = "faults")]
        self.strike(PlantedPanic::Routing);
        match input {
            Input::SocketOpened { socket, peer } => self.socket_opened(socket, peer, now),
            Input::Frame { socket, text } => self.frame(socket, &text, now),
            Input::SocketClosed { socket } => self.socket_closed(socket, now),
            Input::Sip(input) => {
                if let sip::Input::Received { from, bytes, .. } = &input {
                    self.ladders.received(from, bytes, now);
                }
                self.ua.handle_input(input, now);
            }
            Input::Media(event) => self.step_call(event.call(), CallInput::Media(event), now),
            Input::PortsFree(free) => self.ua.set_ports_free(free),
            Input::Shutdown => self.shutdown(now),
        }
    }

    /// Fires what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(alarm) = self.timers.pop_due(now) {
            let page = match alarm {
                Alarm::Ping(socket) | Alarm::Greeting(socket) => Some(socket),
                Alarm::Detach(_) | Alarm::Call(..) => None,
            };
            if !self.guarded(|hub| hub.ring_alarm(alarm, now)) {
                self.give_up(page);
            }
        }
        self.guarded(|hub| hub.ua.handle_timeout(now));
        self.guarded(|hub| hub.drain_ua(now));
    }

    fn ring_alarm(&mut self, alarm: Alarm, now: Instant) {
        #[cfg(feature = "faults")]
        self.strike(PlantedPanic::Routing);
        match alarm {
            Alarm::Ping(socket) => self.ping(socket, now),
            Alarm::Greeting(socket) => self.close(socket, 1008, "No connection message came."),
            Alarm::Detach(session) => self.end_session(session, now),
            Alarm::Call(call, alarm) => self.step_call(call, CallInput::Alarm(alarm), now),
        }
    }

    /// What to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Hub::handle_timeout`] wants to be called, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        [self.timers.next(), self.ua.poll_timeout()]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }

    /// What is alive. It looks at every session and call, so it is for a look now and then.
    pub fn counts(&self) -> Counts {
        let sessions = self.sessions.values();
        Counts {
            sockets: self.sockets.len(),
            sessions: self.sessions.len(),
            attached: sessions.filter(|s| s.socket.is_some()).count(),
            registrations: self.registrations.len(),
            // An index that forgets less than its table shows here, too.
            calls: self
                .calls
                .len()
                .max(self.invites.len())
                .max(self.ladders.len()),
            legs: self.calls.values().map(Call::leg_count).sum(),
            alarms: self.timers.len(),
            sip: self.ua.counts(),
        }
    }

    /// After [`Input::Shutdown`]: the SIP side has confirmed every end.
    pub fn settled(&self) -> bool {
        self.calls.is_empty() && self.ua.settled()
    }

    /// The live calls, oldest first.
    pub fn call_ids(&self) -> Vec<CallId> {
        self.calls
            .iter()
            .filter(|(_, call)| !call.is_ending())
            .map(|(id, _)| *id)
            .collect()
    }

    /// Where a call stands, in the words of the picture in `call/mod.rs`.
    pub fn call_state(&self, call: CallId) -> Option<&'static str> {
        self.calls.get(&call).map(Call::state_name)
    }

    /// The session that a page's socket speaks for.
    pub fn session_of(&self, socket: SocketId) -> Option<SessionId> {
        self.sockets.get(&socket)?.session
    }

    /// Offers an established call to another session's page, which answers it as it would an
    /// incoming one; then the browser leg is replaced and the SIP leg goes on. Returns the
    /// `callId` that page will see.
    pub fn offer_to(&mut self, call: CallId, session: SessionId, now: Instant) -> String {
        let leg = self.new_leg();
        let wire_id = self.new_wire_id();
        if let Some(session) = self.sessions.get_mut(&session) {
            session.calls.insert(wire_id.clone(), (call, leg));
        }
        let input = CallInput::TakeOver {
            leg,
            session,
            wire_id: wire_id.clone(),
        };
        self.step_call(call, input, now);
        wire_id
    }

    /// The next panic strikes there (tests of isolation).
    #[cfg(feature = "faults")]
    pub fn plant(&mut self, panic: PlantedPanic) {
        self.planted = Some(panic);
    }

    /// Panics if that is what was planted here.
    #[cfg(feature = "faults")]
    pub(crate) fn strike(&mut self, here: PlantedPanic) {
        let strikes = self.planted.take_if(|planted| *planted == here).is_some();
        assert!(!strikes, "a planted panic");
    }

    fn shutdown(&mut self, now: Instant) {
        for call in self.calls.keys().copied().collect::<Vec<_>>() {
            self.step_call(call, CallInput::Shutdown, now);
        }
        for session in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.end_session(session, now);
        }
        for socket in self.sockets.keys().copied().collect::<Vec<_>>() {
            self.close(socket, 1001, "The server is stopping.");
        }
        self.ua.shutdown(now);
    }

    // ---- routing ------------------------------------------------------------------------------

    /// The user agent's outputs: some go out, some move our values (which may move it again).
    pub(crate) fn drain_ua(&mut self, now: Instant) {
        while let Some(output) = self.ua.poll_output() {
            match output {
                sip::Output::Resolve { id, target } => {
                    self.outputs.push_back(Output::Resolve { id, target });
                }
                sip::Output::Send { hop, bytes } => {
                    self.ladders.sent(&hop, &bytes, now);
                    self.outputs.push_back(Output::Send { hop, bytes });
                }
                sip::Output::Event(event) => self.sip_event(event, now),
            }
        }
    }

    fn sip_event(&mut self, event: sip::Event, now: Instant) {
        use sip::Event;
        let invite = match &event {
            Event::Registered { id, .. } => return self.registered(*id),
            Event::RegistrationFailed {
                id,
                cause,
                retry_in,
            } => {
                return self.registration_failed(*id, cause, *retry_in, now);
            }
            Event::Unregistered { .. } => return,
            Event::Incoming { .. } => return self.incoming(event, now),
            Event::Message { .. } => return self.message_received(event, now),
            Event::MessageSent { id, result } => return self.message_sent(*id, result.clone()),
            Event::MessageSummary {
                request,
                registration,
                body,
            } => return self.mailbox_changed(*request, *registration, body, now),
            Event::Located { id, .. }
            | Event::LargeDatagram { id, .. }
            | Event::Trying { id }
            | Event::Progress { id, .. }
            | Event::EarlyDialogEnded { id, .. }
            | Event::Answered { id, .. }
            | Event::Refused { id, .. }
            | Event::Confirmed { id, .. }
            | Event::OfferDue { id, .. }
            | Event::OfferPostponed { id }
            | Event::Offered { id, .. }
            | Event::OfferAnswered { id, .. }
            | Event::OfferRefused { id, .. }
            | Event::Info { id, .. }
            | Event::InfoDone { id, .. }
            | Event::Ended { id, .. } => *id,
        };
        let Some(call) = self.invites.get(&invite).copied() else {
            // Nobody is left to decide: the dialog is gone (RFC 3261 §12.2.2).
            if let Event::Offered { request, .. } | Event::Info { request, .. } = event {
                self.ua.respond(request, 481, &[], Bytes::new(), now);
            }
            return;
        };
        let last = matches!(event, Event::Refused { .. } | Event::Ended { .. });
        if last {
            self.invites.remove(&invite);
            self.invite_of.remove(&call);
        }
        self.step_call(call, CallInput::Sip(event), now);
        if last {
            // Should its step have panicked, nobody else would ever forget it.
            self.forget(call);
        }
    }

    pub(crate) fn step_call(&mut self, id: CallId, input: CallInput, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let rules = &self.config.calls;
        #[cfg(feature = "faults")]
        let poisoned = self
            .planted
            .take_if(|planted| *planted == PlantedPanic::Step(id))
            .is_some();
        let effects = Self::step(call, |call, out| {
            #[cfg(feature = "faults")]
            assert!(!poisoned, "a planted panic");
            call.handle(input, rules, out);
        });
        self.perform(id, effects, now);
    }

    /// Runs one step of a call. A panic drops the effects of that step, and ends that call alone.
    fn step(call: &mut Call, step: impl FnOnce(&mut Call, &mut Vec<Effect>)) -> Vec<Effect> {
        let done = catch_unwind(AssertUnwindSafe(|| {
            let mut out = Vec::new();
            step(call, &mut out);
            out
        }));
        done.unwrap_or_else(|_| {
            let mut out = Vec::new();
            call.abandon(&mut out);
            out
        })
    }

    // ---- toward the pages ----------------------------------------------------------------------

    /// A message to a session's page; nothing if no page is there, or if it has not asked for the
    /// extension that the message is of.
    pub(crate) fn tell(&mut self, session: SessionId, mut message: ServerMessage) {
        let Some(session) = self.sessions.get(&session) else {
            return;
        };
        let Some(socket) = session.socket else { return };
        if message
            .feature()
            .is_some_and(|feature| !session.has(feature))
        {
            return;
        }
        if !session.has(Feature::Cause)
            && let Some(cause) = message.cause_mut()
        {
            *cause = None;
        }
        self.send(socket, &message);
    }

    pub(crate) fn send(&mut self, socket: SocketId, message: &ServerMessage) {
        self.outputs.push_back(Output::Frame {
            socket,
            text: signaling::encode(message),
        });
    }

    pub(crate) fn close(&mut self, socket: SocketId, code: u16, reason: &str) {
        let Some(entry) = self.sockets.get_mut(&socket) else {
            return;
        };
        if !std::mem::replace(&mut entry.closing, true) {
            self.outputs.push_back(Output::Close {
                socket,
                code,
                reason: reason.into(),
            });
        }
    }

    // ---- fresh names ---------------------------------------------------------------------------

    pub(crate) fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    pub(crate) fn new_leg(&mut self) -> LegId {
        LegId(self.new_id())
    }

    /// A `callId` of ours: 128 random bits, in the shape of a UUID (RFC 9562 §5.4).
    pub(crate) fn new_wire_id(&mut self) -> String {
        let bits: u128 = self.rng.random();
        let text = format!("{bits:032x}");
        format!(
            "{}-{}-4{}-a{}-{}",
            &text[..8],
            &text[8..12],
            &text[13..16],
            &text[17..20],
            &text[20..]
        )
    }
}
