//! The thread of a shard: poll, sockets, timers, and the one place where a call's step may panic.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use media::{Bridge, BridgeSettings, RtpOrRtcp};
use mio::{Interest, Poll, Token};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use sdp::{LocalMedia, MediaKind};
use session::media::{CallId, Family, LegId, MediaCommand, MediaEvent, MediaFailure};
use webrtc::LegConfig;

use super::call::{Call, Ctx, SipPort};
use super::demux::Demux;
use super::directory::Shared;
use super::events::Events;
use super::inbox::{Counts, Inbox, Item};
use super::sockets::{Batch, BrowserSocket, bind_pair};
use super::timers::Timers;

/// Tokens of the poll.
pub(super) const INBOX: Token = Token(0);
const BROWSERS: Token = Token(1);
const FIRST_SIP: usize = 2;
/// Batches of browser datagrams before timers and SIP sockets have their turn.
const BATCHES_PER_TURN: usize = 8;
/// Between two timeouts of one call.
const LEAST_WAIT: Duration = Duration::from_millis(1);
/// How soon the event channel is tried again when it was full.
const FULL_CHANNEL: Duration = Duration::from_millis(5);
/// Room for one byte more than the largest datagram of media: the kernel truncates what is longer,
/// and a datagram that fills the buffer is known to be oversize.
const SIP_BUFFER: usize = media::MAX_DATAGRAM + 1;

/// Whether another turn follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Next,
    Last,
}

/// One shard.
pub(super) struct Worker {
    poll: Poll,
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
    browser: BrowserSocket,
    legs: LegConfig,
    rng: ChaCha20Rng,
    calls: BTreeMap<CallId, Call>,
    tokens: HashMap<Token, CallId>,
    next_token: usize,
    demux: Demux,
    timers: Timers,
    events: Events,
    /// Taken from the inbox and not done yet.
    taken: VecDeque<Item>,
    batch: Batch,
    buffer: Vec<u8>,
    /// Edge-triggered sockets that were not read to the end.
    browsers_ready: bool,
    sip_ready: Vec<Token>,
}

impl Worker {
    pub(super) fn new(
        poll: Poll,
        shared: Arc<Shared>,
        inbox: Arc<Inbox>,
        mut browser: BrowserSocket,
        mut legs: LegConfig,
        events: Events,
        index: usize,
    ) -> std::io::Result<Self> {
        poll.registry()
            .register(browser.source(), BROWSERS, Interest::READABLE)?;
        for candidate in &mut legs.candidates {
            candidate.set_port(browser.port());
        }
        let mut rng = ChaCha20Rng::from_seed(shared.settings.seed);
        rng.set_stream(index as u64 + 1);
        Ok(Self {
            poll,
            shared,
            inbox,
            browser,
            legs,
            rng,
            calls: BTreeMap::new(),
            tokens: HashMap::new(),
            next_token: FIRST_SIP,
            demux: Demux::default(),
            timers: Timers::default(),
            events,
            taken: VecDeque::new(),
            batch: Batch::new(),
            buffer: vec![0; SIP_BUFFER],
            browsers_ready: false,
            sip_ready: Vec::new(),
        })
    }

    /// Until `Item::Stop`.
    pub(super) fn run(mut self) {
        let mut ready = mio::Events::with_capacity(1024);
        loop {
            // Sound: all that a panic outside a call's own step could have touched goes with the calls.
            match catch_unwind(AssertUnwindSafe(|| self.turn(&mut ready))) {
                Ok(Turn::Next) => {}
                Ok(Turn::Last) => return,
                Err(_) => self.end_all_calls(),
            }
        }
    }

    fn turn(&mut self, ready: &mut mio::Events) -> Turn {
        let patience = self.patience();
        if let Err(error) = self.poll.poll(ready, patience)
            && error.kind() != std::io::ErrorKind::Interrupted
        {
            tracing::error!(%error, "a media shard cannot poll");
            self.inbox.ended.store(true, Ordering::Relaxed);
            self.end_all_calls();
            self.events.flush();
            return Turn::Last;
        }
        let mut has_items = false;
        for event in &*ready {
            match event.token() {
                INBOX => has_items = true,
                BROWSERS => self.browsers_ready = true,
                token => {
                    if !self.sip_ready.contains(&token) {
                        self.sip_ready.push(token);
                    }
                }
            }
        }
        if has_items {
            self.taken.append(&mut self.inbox.take());
        }
        if self.items() == Turn::Last {
            return Turn::Last;
        }
        self.browsers();
        for token in std::mem::take(&mut self.sip_ready) {
            self.sip(token);
        }
        self.due();
        let timers = &self.inbox.figures.timers;
        timers.store(self.timers.len(), Ordering::Relaxed);
        Turn::Next
    }

    /// A defect outside any call's step: each call of this shard ends with words, and the shard goes on.
    fn end_all_calls(&mut self) {
        tracing::error!(calls = self.calls.len(), "a media shard ends its calls");
        Counts::add(&self.inbox.figures.panics, 1);
        // Edge-triggered: what was ready when the panic struck is not told again.
        self.browsers_ready = true;
        self.batch = Batch::new();
        for call in self.calls.keys().copied().collect::<Vec<_>>() {
            self.end_call(call);
            self.events.say(MediaEvent::CallFailed {
                call,
                failure: MediaFailure::Panicked,
            });
        }
    }

    /// How long the poll may sleep.
    fn patience(&mut self) -> Option<Duration> {
        // First of all: a busy shard must not hold back what the calls wait for.
        let full = if self.events.flush() {
            None
        } else {
            Some(FULL_CHANNEL)
        };
        if self.browsers_ready || !self.sip_ready.is_empty() || !self.taken.is_empty() {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        // mio counts whole milliseconds and rounds up: never early.
        let next = self
            .timers
            .next()
            .map(|at| at.saturating_duration_since(now));
        match (next, full) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Everything that waits, one after the other: a panic in one does not lose the next.
    fn items(&mut self) -> Turn {
        while let Some(item) = self.taken.pop_front() {
            match item {
                Item::Command(command) => self.command(command),
                Item::Say(event) => self.events.say(event),
                Item::Panic(Some(call)) => {
                    self.step(call, |_, _| injected());
                }
                Item::Panic(None) => injected(),
                Item::Stop => return Turn::Last,
            }
        }
        Turn::Next
    }

    fn command(&mut self, command: MediaCommand) {
        match command {
            MediaCommand::OpenSipLeg {
                call,
                media,
                family,
            } => self.open_call(call, &media, family),
            MediaCommand::OpenBrowserLeg { call, leg, mode } => {
                self.step(call, |c, ctx| c.open_leg(leg, mode, ctx));
            }
            MediaCommand::AcceptBrowserAnswer { call, leg, answer } => {
                self.step(call, |c, ctx| c.accept_answer(leg, &answer, ctx));
            }
            MediaCommand::ConnectSipLeg {
                call,
                stream,
                plan,
                signalling,
            } => {
                self.step(call, |c, ctx| {
                    c.connect_sip(stream, &plan, &signalling, ctx)
                });
            }
            MediaCommand::SetHold { call, held } => {
                self.step(call, |c, ctx| c.set_hold(held, ctx));
            }
            MediaCommand::SelectRemoteStream { call, stream } => {
                self.step(call, |c, ctx| c.select_stream(stream, ctx));
            }
            MediaCommand::SelectBrowserLeg { call, leg } => {
                self.step(call, |c, ctx| c.select_leg(leg, ctx));
            }
            MediaCommand::MoveBrowserLeg {
                from_call,
                to_call,
                leg,
            } => self.move_leg(from_call, to_call, leg),
            MediaCommand::CloseLeg { call, leg } => {
                self.step(call, |c, ctx| c.close_leg(leg, ctx));
            }
            MediaCommand::CloseCall { call } => {
                self.step(call, |c, ctx| c.close(ctx));
                self.end_call(call);
            }
        }
    }

    // --- Calls --------------------------------------------------------------------------------

    fn open_call(&mut self, call: CallId, media: &[MediaKind], family: Family) {
        if self.calls.contains_key(&call) {
            return;
        }
        match self.bind_call(call, media, family) {
            Some((opened, local)) => {
                self.calls.insert(call, opened);
                self.events.say(MediaEvent::SipLegOpened { call, local });
            }
            None => {
                self.forget(call);
                let failure = match self.advertised(family) {
                    Some(_) => MediaFailure::NoPorts,
                    None => MediaFailure::NoAddress(family),
                };
                self.events.say(MediaEvent::SipLegFailed { call, failure });
            }
        }
    }

    /// The address of this family for SIP-side SDP.
    fn advertised(&self, family: Family) -> Option<IpAddr> {
        let mut all = self.shared.settings.advertised.iter().copied();
        all.find(|ip| ip.is_ipv4() == (family == Family::V4))
    }

    fn bind_call(
        &mut self,
        call: CallId,
        media: &[MediaKind],
        family: Family,
    ) -> Option<(Call, Vec<LocalMedia>)> {
        let now = Instant::now();
        let address = self.advertised(family)?;
        let settings = &self.shared.settings;
        let bridge_settings = BridgeSettings {
            early_buffer: settings.early_buffer,
            symmetric_rtp: settings.symmetric_rtp,
            here: Arc::clone(&settings.here),
            cname: format!("{:016x}", self.rng.random::<u64>()),
            unix_time: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            fill_silence: settings.fill_silence,
        };
        let bind = settings.bind;
        let bridge = Bridge::new(
            ChaCha20Rng::from_seed(self.rng.random()),
            bridge_settings,
            now,
        );
        let mut opened = Call::new(call, bridge, Vec::new(), Vec::new());
        let mut local = Vec::new();
        for kind in media {
            let pair = bind_pair(&mut self.shared.ports(), bind, family, now);
            let Some(pair) = pair else {
                self.close_sockets(opened);
                return None;
            };
            opened.ports.push(pair.ports);
            local.push(LocalMedia {
                kind: *kind,
                rtp: SocketAddr::new(address, pair.port),
            });
            for (which, mut socket) in [(RtpOrRtcp::Rtp, pair.rtp), (RtpOrRtcp::Rtcp, pair.rtcp)] {
                let token = Token(self.next_token);
                self.next_token += 1;
                let registry = self.poll.registry();
                if let Err(error) = registry.register(&mut socket, token, Interest::READABLE) {
                    tracing::error!(%error, "an RTP socket cannot be watched");
                    self.close_sockets(opened);
                    return None;
                }
                self.tokens.insert(token, call);
                opened.sockets.push(SipPort {
                    kind: *kind,
                    which,
                    token,
                    socket,
                });
            }
        }
        Some((opened, local))
    }

    fn move_leg(&mut self, from_call: CallId, to_call: CallId, leg: LegId) {
        if !self.calls.contains_key(&to_call) || from_call == to_call {
            return;
        }
        let mut taken = None;
        self.step(from_call, |c, ctx| taken = c.take_leg(leg, ctx));
        if let Some(slot) = taken {
            self.demux.rename((from_call, leg), (to_call, leg));
            self.step(to_call, |c, ctx| c.give_leg(leg, slot, ctx));
        }
    }

    /// The wall between calls: whatever `step` does, the shard and its other calls go on.
    fn step<R>(
        &mut self,
        id: CallId,
        step: impl FnOnce(&mut Call, &mut Ctx<'_>) -> R,
    ) -> Option<R> {
        let call = self.calls.get_mut(&id)?;
        let now = Instant::now();
        let legs_before = call.leg_count();
        let mut ctx = Ctx {
            now,
            browser: &self.browser,
            demux: &mut self.demux,
            events: &mut self.events,
            counts: &self.inbox.figures,
            legs: &self.legs,
            buffer: &mut self.buffer,
        };
        // Sound: on a panic the call is removed unseen, and what the context lends is left by each
        // of its methods in a state that the removal repairs.
        let result = catch_unwind(AssertUnwindSafe(|| {
            let result = step(call, &mut ctx);
            (result, call.poll_timeout())
        }));
        let legs = &self.inbox.figures.legs;
        Counts::moved(legs, legs_before, call.leg_count());
        match result {
            Ok((result, next)) => {
                // Never at once, whatever a leg wishes: the others have their turn.
                let next = next.map(|at| at.max(now + LEAST_WAIT));
                // An earlier deadline goes into the heap; a later one waits for the one there.
                if let Some(at) = next
                    && call.deadline.is_none_or(|set| at < set)
                {
                    call.deadline = Some(at);
                    self.timers.set(at, id);
                }
                Some(result)
            }
            Err(_) => {
                tracing::error!(call = id.0, "a panic ended this call");
                Counts::add(&self.inbox.figures.panics, 1);
                self.end_call(id);
                self.events.say(MediaEvent::CallFailed {
                    call: id,
                    failure: MediaFailure::Panicked,
                });
                None
            }
        }
    }

    fn end_call(&mut self, id: CallId) {
        if let Some(call) = self.calls.remove(&id) {
            Counts::moved(&self.inbox.figures.legs, call.leg_count(), 0);
            self.demux.remove_call(id);
            self.close_sockets(call);
            self.forget(id);
        }
    }

    fn close_sockets(&mut self, mut call: Call) {
        for port in &mut call.sockets {
            self.tokens.remove(&port.token);
            if let Err(error) = self.poll.registry().deregister(&mut port.socket) {
                tracing::warn!(%error, "an RTP socket cannot be unwatched");
            }
        }
        let ports = std::mem::take(&mut call.ports);
        // Sockets close before others may have their ports. A leg's destructor is foreign code too.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(call)));
        let now = Instant::now();
        let mut pool = self.shared.ports();
        for pair in ports {
            pool.release(pair, now);
        }
    }

    fn forget(&self, call: CallId) {
        if self.shared.directory.remove(call) {
            self.inbox.calls.fetch_sub(1, Ordering::Relaxed);
        }
    }

    // --- Sockets and timers -------------------------------------------------------------------

    fn browsers(&mut self) {
        if !self.browsers_ready {
            return;
        }
        // The batch is lent while the calls work on its datagrams.
        let mut batch = std::mem::replace(&mut self.batch, Batch::empty());
        for _ in 0..BATCHES_PER_TURN {
            let count = match self.browser.receive(&mut batch) {
                Ok(count) => count,
                Err(error) => {
                    if error.kind() == std::io::ErrorKind::WouldBlock {
                        self.browsers_ready = false;
                    }
                    break;
                }
            };
            for datagram in batch.datagrams(count, self.browser.port()) {
                Counts::add(&self.inbox.figures.from_browsers, 1);
                let Some((call, leg)) = self.demux.route(datagram.bytes, datagram.from) else {
                    Counts::add(&self.inbox.figures.unrouted, 1);
                    continue;
                };
                let accepted = self.step(call, |c, ctx| c.browser_datagram(leg, &datagram, ctx));
                if accepted == Some(false) {
                    Counts::add(&self.inbox.figures.refused, 1);
                }
            }
        }
        self.batch = batch;
    }

    fn sip(&mut self, token: Token) {
        let Some(call) = self.tokens.get(&token).copied() else {
            return;
        };
        if self.step(call, |c, ctx| c.read_sip(token, ctx)) == Some(true) {
            self.sip_ready.push(token);
        }
    }

    fn due(&mut self) {
        let now = Instant::now();
        while let Some((at, id)) = self.timers.due(now) {
            let Some(call) = self.calls.get_mut(&id) else {
                continue;
            };
            if call.deadline != Some(at) {
                continue;
            }
            call.deadline = None;
            self.step(id, |c, ctx| c.handle_timeout(ctx));
        }
    }
}

/// Not inlined into a closure, so that its name stands in the log.
fn injected() {
    panic!("injected for a test of isolation");
}

/// Candidates without their port, which each shard fills in.
pub(super) fn candidates(addresses: &[IpAddr]) -> Vec<SocketAddr> {
    addresses.iter().map(|ip| SocketAddr::new(*ip, 0)).collect()
}
