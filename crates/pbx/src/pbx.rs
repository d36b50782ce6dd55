//! The PBX as one machine: what comes in, what goes out, who gets it.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::WallClock;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use sdp::MediaKind;
use sip::{
    Event, Hop, InviteId, IpNet, Message, Method, ResolveError, Target, TargetPolicy, Timers,
    Transport, Ua, UaConfig,
};

use crate::exchange::Exchange;
use crate::line::Datagram;
use crate::number::Number;
use crate::registrar::{Registrar, reply_hop};
use crate::reoffer::Relayed;
use crate::service::Service;
use crate::{ACCOUNTS, USER_AGENT};

/// `noanswer` rings until the caller gives up, and so does a phone.
const RING_FOR: Duration = Duration::from_secs(24 * 3600);

/// More calls than this get 503.
const MOST_CALLS: usize = 1000;

/// Where and as whom it stands.
#[derive(Debug, Clone)]
pub struct PbxConfig {
    /// Loopback address and port, the same for UDP and TCP.
    pub addr: SocketAddr,
    /// Domain of its accounts, and realm of their passwords.
    pub domain: String,
    /// For sender reports.
    pub clock: WallClock,
}

/// A test PBX with known passwords has no place in a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the test PBX is for loopback addresses only, and {0} is none")]
pub struct NotLoopback(pub IpAddr);

/// All that can move the PBX, besides time.
#[derive(Debug, Clone)]
pub enum Input {
    /// One datagram, or one framed message of a stream.
    Sip {
        /// Whom it came from.
        from: Hop,
        /// Our address it came to.
        local: SocketAddr,
        /// The message.
        bytes: Bytes,
    },
    /// A `Send` to this hop failed.
    SendFailed {
        /// Which hop.
        hop: Hop,
        /// In words.
        error: String,
    },
    /// The connection with this hop is gone.
    Closed {
        /// Which hop.
        hop: Hop,
        /// Why, in words.
        error: String,
    },
    /// Answer to [`Output::OpenMedia`].
    MediaOpened {
        /// Whose.
        call: InviteId,
        /// For which m-line.
        kind: MediaKind,
        /// Its RTP address on loopback; RTCP is the port above.
        addr: SocketAddr,
    },
    /// The other answer to [`Output::OpenMedia`].
    MediaFailed {
        /// Whose.
        call: InviteId,
    },
    /// A datagram on a media port.
    Rtp {
        /// Whose.
        call: InviteId,
        /// Of which m-line.
        kind: MediaKind,
        /// On the RTCP port.
        rtcp: bool,
        /// Whom it came from.
        from: SocketAddr,
        /// The datagram.
        bytes: Bytes,
    },
}

/// What the PBX wants done, in order.
#[derive(Debug, Clone)]
pub enum Output {
    /// Send these SIP bytes; a stream is connected when there is none.
    Send {
        /// Where.
        hop: Hop,
        /// What.
        bytes: Bytes,
    },
    /// Open a port pair on loopback.
    OpenMedia {
        /// For which call.
        call: InviteId,
        /// For which m-line.
        kind: MediaKind,
    },
    /// Close all ports of a call.
    CloseMedia {
        /// Which.
        call: InviteId,
    },
    /// Send a datagram from a media port.
    Rtp {
        /// Of which call.
        call: InviteId,
        /// Of which m-line.
        kind: MediaKind,
        /// From the RTCP port.
        rtcp: bool,
        /// Where.
        to: SocketAddr,
        /// What.
        bytes: Bytes,
    },
}

/// The built-in test PBX.
pub struct Pbx {
    pub(crate) config: PbxConfig,
    rng: ChaCha20Rng,
    pub(crate) ua: Ua,
    registrar: Registrar,
    pub(crate) calls: BTreeMap<InviteId, Call>,
    /// Offers on their way to the phone of this call.
    pub(crate) relayed: BTreeMap<InviteId, Relayed>,
    /// What each phone of an exchanged call has agreed to of the other, for the session timer.
    pub(crate) described: BTreeMap<InviteId, Bytes>,
    outputs: VecDeque<Output>,
}

/// What a call of the user agent's is here.
pub(crate) enum Call {
    /// The PBX is the other end.
    Service(Box<Service>),
    /// Nobody is the other end.
    Unanswered,
    /// An account's phones are to be the other end.
    Caller(Exchange),
    /// One of these phones.
    Phone {
        /// Who calls it.
        caller: InviteId,
    },
}

impl Pbx {
    /// A PBX without calls and registrations. All its random values come from `rng`.
    pub fn new(config: PbxConfig, mut rng: ChaCha20Rng) -> Result<Self, NotLoopback> {
        let ip = config.addr.ip();
        if !ip.to_canonical().is_loopback() {
            return Err(NotLoopback(ip));
        }
        let here = IpNet::from(ip);
        let ua = UaConfig {
            contacts: [Transport::Udp, Transport::Tcp]
                .map(|t| (t, config.addr))
                .into(),
            user_agent: USER_AGENT.into(),
            timers: Timers::default(),
            no_answer_timeout: RING_FOR,
            // Phones of this machine may name an address of its interfaces as theirs. Packets from a
            // loopback address do not leave the machine, whatever their destination.
            targets: TargetPolicy {
                listed: loopback(),
                only_listed: false,
            },
            trusted: loopback().into_iter().chain([here]).collect(),
            decline_code: 603,
            session_expires: Duration::ZERO,
            ..UaConfig::default()
        };
        let seed = rng.random();
        Ok(Self {
            ua: Ua::new(ua, ChaCha20Rng::from_seed(seed)),
            registrar: Registrar::new(config.domain.clone()),
            config,
            rng,
            calls: BTreeMap::new(),
            relayed: BTreeMap::new(),
            described: BTreeMap::new(),
            outputs: VecDeque::new(),
        })
    }

    /// Something happened outside. What does not come from this machine did not happen.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Sip { from, local, bytes } if is_here(from.addr) => {
                self.sip(from, local, bytes, now);
            }
            Input::Rtp {
                call,
                kind,
                rtcp,
                from,
                bytes,
            } if is_here(from) => {
                self.rtp(call, kind, rtcp, &bytes, now);
            }
            Input::Sip { .. } | Input::Rtp { .. } => {}
            Input::Closed { hop, error } => {
                self.ua.handle_input(sip::Input::Closed { hop, error }, now);
            }
            Input::SendFailed { hop, error } => {
                self.ua
                    .handle_input(sip::Input::SendFailed { hop, error }, now);
            }
            Input::MediaOpened { call, kind, addr } => self.media_opened(call, kind, addr, now),
            Input::MediaFailed { call } => {
                if matches!(self.calls.get(&call), Some(Call::Service(_))) {
                    self.ua.reject(call, 503, "No Media Ports", now);
                }
            }
        }
        self.settle(now);
    }

    /// Time has come to what [`Pbx::poll_timeout`] announced.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.ua.handle_timeout(now);
        self.settle(now);
        let services: Vec<InviteId> = self
            .calls
            .iter()
            .filter(|(_, call)| matches!(call, Call::Service(_)))
            .map(|(id, _)| *id)
            .collect();
        for call in services {
            self.speak(call, now);
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Pbx::handle_timeout`] wants to be called, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let lines = self.calls.values().filter_map(|call| match call {
            Call::Service(service) => Some(service.lines.iter()),
            _ => None,
        });
        lines
            .flatten()
            .map(|line| line.next())
            .chain(self.ua.poll_timeout())
            .min()
    }

    /// Nothing is going on: no call, no transaction, no timer. Registrations may be there.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.ua.counts() == sip::Counts::default()
    }

    fn sip(&mut self, from: Hop, local: SocketAddr, bytes: Bytes, now: Instant) {
        match sip::parse(&bytes) {
            Ok(Message::Request(request)) if request.method == Method::Register => {
                let response = self.registrar.register(&request, &from, &mut self.rng, now);
                let hop = reply_hop(&request, &from);
                self.outputs.push_back(Output::Send {
                    hop,
                    bytes: response.to_bytes(),
                });
            }
            _ => self
                .ua
                .handle_input(sip::Input::Received { from, local, bytes }, now),
        }
    }

    /// Takes over what the user agent has to say, until it has nothing more.
    fn settle(&mut self, now: Instant) {
        while let Some(output) = self.ua.poll_output() {
            match output {
                sip::Output::Send { hop, bytes } => {
                    self.outputs.push_back(Output::Send { hop, bytes });
                }
                sip::Output::Resolve { id, target } => {
                    let result = resolve(&target);
                    self.ua
                        .handle_input(sip::Input::Resolved { id, result }, now);
                }
                sip::Output::Event(event) => self.event(event, now),
            }
        }
    }

    fn event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Incoming {
                id,
                caller,
                display,
                callee,
                offer,
                ..
            } => {
                if self.calls.len() >= MOST_CALLS {
                    return self.ua.reject(id, 503, "Too Many Calls", now);
                }
                match Number::dialled(&callee) {
                    Some(Number::Refused(status, reason)) => {
                        self.ua.reject(id, status, reason, now);
                    }
                    Some(Number::NoAnswer) => {
                        self.calls.insert(id, Call::Unanswered);
                        self.ua.ring(id, None, now);
                    }
                    Some(Number::Service(program)) => {
                        match Service::new(program, offer.as_deref()) {
                            Some(service) => self.open(id, service),
                            None => self.ua.reject(id, 488, "Not Acceptable Here", now),
                        }
                    }
                    None if ACCOUNTS.contains(&callee.as_str()) => {
                        let phones = self.registrar.phones(&callee, now);
                        self.exchange(id, &caller, display, &callee, offer, phones, now);
                    }
                    None => self.ua.reject(id, 404, "Not Found", now),
                }
            }
            Event::Confirmed { id, sdp } => self.confirmed(id, sdp.as_deref(), now),
            Event::Progress { id, sdp, .. } => self.phone_rings(id, sdp, now),
            Event::Answered { id, sdp, .. } => self.phone_answered(id, sdp, now),
            Event::Refused { id, cause } | Event::Ended { id, cause } => self.over(id, &cause, now),
            Event::Offered {
                id, request, sdp, ..
            } => self.offered(id, request, sdp, now),
            Event::Info { request, .. } => self.ua.respond(request, 200, &[], Bytes::new(), now),
            // Nobody here reads messages.
            Event::Message { request, .. } | Event::MessageSummary { request, .. } => {
                self.ua.respond(request, 480, &[], Bytes::new(), now);
            }
            Event::OfferDue { id, refresh } => self.offer_due(id, refresh, now),
            Event::OfferPostponed { id } => self.offer_postponed(id),
            Event::OfferAnswered { id, sdp, .. } => self.offer_done(id, sdp, now),
            Event::OfferRefused { id, .. } => self.offer_done(id, None, now),
            Event::InfoDone { .. }
            | Event::MessageSent { .. }
            | Event::EarlyDialogEnded { .. }
            | Event::LargeDatagram { .. }
            | Event::Located { .. }
            | Event::Trying { .. }
            | Event::Registered { .. }
            | Event::RegistrationFailed { .. }
            | Event::Unregistered { .. } => {}
        }
    }

    fn over(&mut self, id: InviteId, cause: &sip::Cause, now: Instant) {
        self.relayed.remove(&id);
        self.described.remove(&id);
        match self.calls.remove(&id) {
            Some(Call::Service(mut service)) => {
                for line in &mut service.lines {
                    let kind = line.local.kind;
                    if let Some(bye) = line.farewell(now) {
                        self.outputs.push_back(rtp_out(id, kind, bye));
                    }
                }
                self.outputs.push_back(Output::CloseMedia { call: id });
            }
            Some(Call::Caller(exchange)) => self.caller_gone(exchange, now),
            Some(Call::Phone { caller }) => self.phone_gone(id, caller, cause, now),
            Some(Call::Unanswered) | None => {}
        }
    }

    fn open(&mut self, call: InviteId, service: Service) {
        for kind in service.kinds() {
            self.outputs.push_back(Output::OpenMedia { call, kind });
        }
        self.calls.insert(call, Call::Service(Box::new(service)));
    }

    fn media_opened(&mut self, call: InviteId, kind: MediaKind, rtp: SocketAddr, now: Instant) {
        let Some(Call::Service(service)) = self.calls.get_mut(&call) else {
            // The caller gave up meanwhile; CloseMedia came before this port was there.
            return self.outputs.push_back(Output::CloseMedia { call });
        };
        let addr = self.config.addr.ip();
        if let Some(sdp) = service.opened(kind, rtp, addr, &mut self.rng) {
            self.ua.accept(call, Bytes::from(sdp.to_string()), &[], now);
            // The 200 first, then what is to be heard from its moment on.
            self.settle(now);
            self.begin(call, now);
        }
    }

    fn confirmed(&mut self, call: InviteId, answer: Option<&[u8]>, now: Instant) {
        let Some(Call::Service(service)) = self.calls.get_mut(&call) else {
            return;
        };
        if service.answered(answer) {
            self.begin(call, now);
        } else {
            self.ua.end(call, now);
        }
    }

    fn begin(&mut self, call: InviteId, now: Instant) {
        if let Some(Call::Service(service)) = self.calls.get_mut(&call) {
            service.speak(self.config.clock, &mut self.rng, now);
        }
        self.speak(call, now);
    }

    fn speak(&mut self, call: InviteId, now: Instant) {
        let Some(Call::Service(service)) = self.calls.get_mut(&call) else {
            return;
        };
        for line in &mut service.lines {
            while let Some(datagram) = line.due(now) {
                self.outputs
                    .push_back(rtp_out(call, line.local.kind, datagram));
            }
        }
    }

    fn rtp(&mut self, call: InviteId, kind: MediaKind, rtcp: bool, bytes: &[u8], now: Instant) {
        let Some(Call::Service(service)) = self.calls.get_mut(&call) else {
            return;
        };
        let Some(line) = service.line(kind) else {
            return;
        };
        if let Some(datagram) = line.received(rtcp, bytes, now) {
            self.outputs.push_back(rtp_out(call, kind, datagram));
        }
    }
}

fn rtp_out(call: InviteId, kind: MediaKind, datagram: Datagram) -> Output {
    let Datagram { rtcp, to, bytes } = datagram;
    Output::Rtp {
        call,
        kind,
        rtcp,
        to,
        bytes,
    }
}

fn is_here(addr: SocketAddr) -> bool {
    addr.ip().to_canonical().is_loopback()
}

fn loopback() -> Vec<IpNet> {
    let v4 = IpNet::new(Ipv4Addr::new(127, 0, 0, 0).into(), 8);
    let v6 = IpNet::new(std::net::Ipv6Addr::LOCALHOST.into(), 128);
    [v4, v6].into_iter().flatten().collect()
}

/// Names are not looked up: a phone of this machine has an address of it.
fn resolve(target: &Target) -> Result<Vec<Hop>, ResolveError> {
    if !target.host.eq_ignore_ascii_case("localhost") {
        return Err(ResolveError::NotFound);
    }
    let here = Target {
        host: Ipv4Addr::LOCALHOST.to_string(),
        ..target.clone()
    };
    Ok(here.literal_hop().into_iter().collect())
}
