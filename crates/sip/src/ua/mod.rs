//! The user agent: registrations and calls over the four transaction machines, sans-IO.
//!
//! ```text
//!  Input ─► receive ─► trust ─┬► transactions ─► register │ call_out │ in_dialog ─► Output
//!  time ──► schedule ─────────┘                  call_in │ outside
//! ```
//! One file per verb. Bytes, names and time come in through [`Ua::handle_input`] and [`Ua::handle_timeout`]; what is
//! to be done comes out of [`Ua::poll_output`] in order. A run is a function of the seed and the inputs.

mod ask;
mod auth;
mod bye;
mod call;
mod call_in;
mod call_out;
mod cancel;
mod capabilities;
mod client_transactions;
mod cut_off;
mod events;
mod hang_up;
mod identity;
mod in_dialog;
mod info;
mod invite_template;
mod look_up;
mod media_sources;
mod message;
mod modify;
mod outside;
mod prack;
mod receive;
mod register;
mod respond;
mod schedule;
mod server_invite;
mod server_transactions;
mod session_timer;
mod size;
mod trust;
mod types;
mod usage;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::Rng;
use rand_chacha::ChaCha20Rng;

pub use events::{Event, RemoteIdentity};
pub use types::{
    Account, Counts, Input, Invite, InviteId, MessageId, Output, RegistrationId, RequestId,
    ResolveId, UaConfig,
};

use crate::error::FieldError;
use crate::resolve::Hop;
use crate::uri::Uri;
use call::{Call, Phase};
use client_transactions::ClientTransaction;
use look_up::LookUp;
use message::OwnMessage;
use register::Registration;
use schedule::{Alarm, Owner, Schedule, TransactionId};
use server_transactions::ServerTransaction;

/// A SIP user agent for any number of accounts and calls.
#[derive(Debug)]
pub struct Ua {
    config: UaConfig,
    rng: ChaCha20Rng,
    next_id: u64,
    outputs: VecDeque<Output>,
    schedule: Schedule,
    clients: BTreeMap<TransactionId, ClientTransaction>,
    /// By branch and method.
    client_keys: BTreeMap<(String, String), TransactionId>,
    servers: BTreeMap<TransactionId, ServerTransaction>,
    /// By branch, sent-by and method (RFC 3261 section 17.2.3).
    server_keys: BTreeMap<String, TransactionId>,
    /// By Call-ID, From tag and CSeq: the same request on another way (RFC 3261 section 8.2.2.2).
    server_origins: BTreeMap<String, TransactionId>,
    look_ups: BTreeMap<ResolveId, LookUp>,
    registrations: BTreeMap<RegistrationId, Registration>,
    /// By the user part of our Contact.
    tokens: BTreeMap<String, RegistrationId>,
    calls: BTreeMap<InviteId, Call>,
    messages: BTreeMap<MessageId, OwnMessage>,
    /// By Call-ID and our tag, of the calls that have ended a moment ago, too.
    dialogs: BTreeMap<(String, String), InviteId>,
    /// Calls that have ended a moment ago, with their key in `dialogs`.
    ended: BTreeMap<InviteId, (String, String)>,
    /// There is a free port for the media of another call.
    ports_free: bool,
    /// Servers that did not take a large INVITE over TCP, and since when.
    without_tcp: BTreeMap<SocketAddr, Instant>,
}

impl Ua {
    /// A user agent with nothing going on. All its random values come from `rng`.
    #[must_use]
    pub fn new(mut config: UaConfig, rng: ChaCha20Rng) -> Self {
        // A retransmission interval of nothing would never let time pass.
        let timers = &mut config.timers;
        timers.t1 = timers.t1.max(Duration::from_millis(1));
        timers.t2 = timers.t2.max(timers.t1);
        Self {
            config,
            rng,
            next_id: 0,
            outputs: VecDeque::new(),
            schedule: Schedule::default(),
            clients: BTreeMap::new(),
            client_keys: BTreeMap::new(),
            servers: BTreeMap::new(),
            server_keys: BTreeMap::new(),
            server_origins: BTreeMap::new(),
            look_ups: BTreeMap::new(),
            registrations: BTreeMap::new(),
            tokens: BTreeMap::new(),
            calls: BTreeMap::new(),
            messages: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            ended: BTreeMap::new(),
            ports_free: true,
            without_tcp: BTreeMap::new(),
        }
    }

    /// Something happened outside.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Received { from, bytes, .. } => self.received(&from, &bytes, now),
            Input::Unframed { from, error } => self.broken_received(&from, &error),
            Input::Resolved { id, result } => self.resolved(id, result, now),
            Input::SendFailed { hop, error } => self.send_failed(&hop, &error, now),
            Input::Closed { hop, error } => self.cut_off(&hop, &error, now),
        }
    }

    /// Time has come to what [`Ua::poll_timeout`] announced.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((owner, alarm)) = self.schedule.pop_due(now) {
            match (owner, alarm) {
                (Owner::Client(id), Alarm::Transaction(timer)) => self.client_timer(id, timer, now),
                (Owner::Server(id), Alarm::Transaction(timer)) => self.server_timer(id, timer, now),
                (Owner::Call(id), alarm) => self.call_alarm(id, alarm, now),
                (Owner::Answer(id, cseq), Alarm::NoAck) => self.never_confirmed(id, cseq, now),
                (Owner::Answer(id, cseq), _) => self.answer_unconfirmed(id, cseq, now),
                (Owner::Registration(id), alarm) => self.registration_alarm(id, alarm, now),
                (Owner::LookUp(id), _) => self.look_up_expired(id, now),
                (Owner::Client(_) | Owner::Server(_), _) => {}
            }
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Ua::handle_timeout`] wants to be called, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        self.schedule.next().map(|(at, alarm)| (at, alarm.why()))
    }

    /// Ends every call and removes every binding. What that takes comes out as usual; all is said when
    /// [`Ua::settled`], all is forgotten when [`Ua::counts`] is zero.
    pub fn shutdown(&mut self, now: Instant) {
        for id in self.calls.keys().copied().collect::<Vec<_>>() {
            self.end(id, now);
        }
        for id in self.registrations.keys().copied().collect::<Vec<_>>() {
            self.unregister(id, now);
        }
    }

    /// Every call has had its last event and no registration is left: only copies of old messages can still come.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.registrations.is_empty() && self.calls.values().all(|call| call.phase == Phase::Over)
    }

    /// The URI of what a person typed as callee; see [`crate::callee_uri`].
    ///
    /// # Errors
    /// Names the character that cannot be called.
    pub fn callee_uri(typed: &str, domain: &str) -> Result<Uri, FieldError> {
        crate::uri::callee_uri(typed, domain)
    }

    /// The Call-ID of a call.
    #[must_use]
    pub fn sip_call_id(&self, id: InviteId) -> Option<&str> {
        self.calls.get(&id).map(|call| call.call_id.as_str())
    }

    /// Whether there is a free port for the media of another call: without one OPTIONS is answered with 503.
    pub fn set_ports_free(&mut self, free: bool) {
        self.ports_free = free;
    }

    /// How much is going on.
    #[must_use]
    pub fn counts(&self) -> Counts {
        // An index that forgets less than its table shows here, too.
        Counts {
            dialogs: self.calls.len().max(self.dialogs.len()),
            messages: self.messages.len(),
            client_transactions: self.clients.len().max(self.client_keys.len()),
            server_transactions: self
                .servers
                .len()
                .max(self.server_keys.len())
                .max(self.server_origins.len()),
            registrations: self.registrations.len().max(self.tokens.len()),
            timers: self.schedule.len().max(self.look_ups.len()),
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn transmit(&mut self, hop: &Hop, bytes: Bytes) {
        #[cfg(feature = "faults")]
        if crate::fault::planted(crate::fault::Fault::LostAck) && bytes.starts_with(b"ACK ") {
            return;
        }
        self.outputs.push_back(Output::Send {
            hop: hop.clone(),
            bytes,
        });
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// `bits` (a multiple of 32) random bits in hexadecimal.
    fn random_hex(&mut self, bits: usize) -> String {
        let mut text = String::with_capacity(bits / 4);
        for _ in 0..bits / 32 {
            // Writing to a String does not fail.
            let _ = write!(text, "{:08x}", self.rng.next_u32());
        }
        text
    }

    /// A number in 0..`below`.
    fn random_below(&mut self, below: u64) -> u64 {
        if below == 0 {
            0
        } else {
            self.rng.next_u64() % below
        }
    }
}
