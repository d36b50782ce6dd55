//! What pages say: frames in, sessions and calls moved. The rows of protocol.md's client messages.

use std::net::IpAddr;
use std::time::Instant;

use rand::RngExt;
use sdp::Description;
use secrecy::SecretString;
use signaling::{
    AnswerRequest, CallInfo, CallRequest, CallStatus, ClientMessage, Connection, DataStatus,
    DecodeError, Fail, Feature, HangupScope, ServerMessage, UserData,
};
use sip::{Account, RegistrationId};

use crate::call::{Call, CallInput, Effect, Order};
use crate::cause;
use crate::hub::{Hub, SessionId, SocketId};
use crate::media::{CallId, LegId};
use crate::registration::{Registration, RegistrationState};
use crate::session::{self, Session};
use crate::socket::Socket;
use crate::timers::Alarm;

/// RFC 6455 §7.4.1.
const POLICY_VIOLATION: u16 = 1008;
const MESSAGE_TOO_BIG: u16 = 1009;

impl Hub {
    pub(crate) fn socket_opened(&mut self, socket: SocketId, peer: IpAddr, now: Instant) {
        self.sockets.insert(socket, Socket::new(peer, now));
        self.timers
            .arm(Alarm::Greeting(socket), now + self.config.greeting_timeout);
        self.timers
            .arm(Alarm::Ping(socket), now + self.config.ping_interval);
    }

    /// The page is gone: its session starts to detach.
    pub(crate) fn socket_closed(&mut self, socket: SocketId, now: Instant) {
        self.timers.disarm(Alarm::Greeting(socket));
        self.timers.disarm(Alarm::Ping(socket));
        let Some(gone) = self.sockets.remove(&socket) else {
            return;
        };
        let Some(id) = gone.session else { return };
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.socket == Some(socket) {
            session.socket = None;
            let detach_at = now + self.config.detach_after;
            self.timers.arm(Alarm::Detach(id), detach_at);
        }
    }

    /// `keep_alive.*`: a ping every interval, and the end after too many without a pong.
    pub(crate) fn ping(&mut self, socket: SocketId, now: Instant) {
        let Some(entry) = self.sockets.get_mut(&socket) else {
            return;
        };
        if entry.session.is_some() {
            entry.missed += 1;
            if entry.missed > self.config.ping_probes {
                return self.close(
                    socket,
                    POLICY_VIOLATION,
                    "The page no longer answers pings.",
                );
            }
            self.send(socket, &ServerMessage::Ping);
        }
        self.timers
            .arm(Alarm::Ping(socket), now + self.config.ping_interval);
    }

    /// A session ends: its calls, its part in a registration, its token.
    pub(crate) fn end_session(&mut self, id: SessionId, now: Instant) {
        self.timers.disarm(Alarm::Detach(id));
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let mut calls: Vec<CallId> = session.calls.values().map(|(call, _)| *call).collect();
        calls.dedup();
        for call in calls {
            self.step_call(call, CallInput::SessionGone { session: id }, now);
        }
        let Some(session) = self.sessions.remove(&id) else {
            return;
        };
        if let Some(registration) = session.registration {
            self.leave(registration, id, now);
        }
    }

    pub(crate) fn frame(&mut self, socket: SocketId, text: &str, now: Instant) {
        let Some(entry) = self.sockets.get_mut(&socket) else {
            return;
        };
        if entry.closing {
            return;
        }
        if !entry.admit(now) {
            return self.close(
                socket,
                POLICY_VIOLATION,
                "More than 100 messages in a second.",
            );
        }
        let session = entry.session;
        match signaling::decode(text) {
            Err(error) => self.bad_frame(socket, &error),
            Ok(ClientMessage::Connection(connection)) => match session {
                None => self.connection(socket, *connection, now),
                Some(_) => self.refuse(
                    socket,
                    "connection",
                    None,
                    "This page is already connected.",
                ),
            },
            Ok(ClientMessage::Pong) => entry.missed = 0,
            Ok(ClientMessage::Ping) => self.send(socket, &ServerMessage::Pong),
            Ok(ClientMessage::Ignored { .. }) => {}
            Ok(message) => match session {
                Some(session) => self.session_message(socket, session, message, now),
                None => self.refuse(socket, "connection", None, "Send `connection` first."),
            },
        }
    }

    fn bad_frame(&mut self, socket: SocketId, error: &DecodeError) {
        if error.closes_socket() {
            return self.close(socket, MESSAGE_TOO_BIG, &error.to_string());
        }
        let message = match (&error.message, &error.call_id) {
            // A call the page believes in must not stay PENDING (K1).
            (Some(name), Some(call_id)) if name == "call" && self.is_new(socket, call_id) => {
                ServerMessage::Finish(failed(call_id, error.to_string()))
            }
            _ => ServerMessage::Fail(Fail::malformed(error)),
        };
        self.send(socket, &message);
    }

    /// A session is there, and no call of it has this `callId`.
    fn is_new(&self, socket: SocketId, call_id: &str) -> bool {
        let session = self.sockets.get(&socket).and_then(|socket| socket.session);
        session.is_some_and(|session| self.call_of(session, call_id).is_none())
    }

    /// `fail`: the page sees a warning; nothing else changes.
    fn refuse(&mut self, socket: SocketId, method: &str, id: Option<String>, info: &str) {
        let fail = Fail {
            id,
            ..Fail::new(method, info)
        };
        self.send(socket, &ServerMessage::Fail(fail));
    }

    // ---- connection ----------------------------------------------------------------------------

    fn connection(&mut self, socket: SocketId, connection: Connection, now: Instant) {
        if connection.auth_token.is_some() && connection.sip_login.is_none() {
            let text = "The session of this token has ended: connect with SIP credentials.";
            self.refuse(socket, "connection", None, text);
            return self.close(socket, POLICY_VIOLATION, text);
        }
        let account = match session::account(&connection, self.config.sip_transport) {
            Ok(account) => account,
            Err(error) => {
                let text = error.to_string();
                self.refuse(socket, "connection", None, &text);
                return self.close(socket, POLICY_VIOLATION, &text);
            }
        };
        let id = SessionId(self.new_id());
        let token = self.new_token(socket);
        let features = Feature::granted(&connection.features);
        self.sessions.insert(
            id,
            Session {
                socket: Some(socket),
                account: account.clone(),
                registration: None,
                visible_name: connection.sip_visible_name.clone(),
                features: features.clone(),
                calls: Default::default(),
            },
        );
        if let Some(entry) = self.sockets.get_mut(&socket) {
            entry.session = Some(id);
        }
        self.timers.disarm(Alarm::Greeting(socket));
        let register = connection.sip_register_required.unwrap_or(true);
        let connection_asked = connection.sip_register_required == Some(true);
        let mut user = UserData::new(connection.echo, token);
        user.features = features;
        self.send(socket, &ServerMessage::GetUserData(Box::new(user)));
        match account {
            Some(account) if register => self.join(account, id, now),
            // It would wait for REGISTERED for ever.
            None if connection_asked => {
                let text = "sipRegisterRequired is set, but there is no sipLogin to register.";
                self.tell(id, ServerMessage::Fail(Fail::registration(None, text)));
            }
            _ => {}
        }
    }

    /// 256 random bits (A16), in the shape the published product uses.
    fn new_token(&mut self, socket: SocketId) -> SecretString {
        let peer = self
            .sockets
            .get(&socket)
            .map_or_else(String::new, |s| s.peer.to_string());
        let (high, low): (u128, u128) = (self.rng.random(), self.rng.random());
        format!("/{peer}:{high:032x}{low:032x}").into()
    }

    // ---- registration --------------------------------------------------------------------------

    /// One REGISTER per account; a second page shares it.
    fn join(&mut self, account: Account, session: SessionId, now: Instant) {
        let shared = self
            .registrations
            .iter_mut()
            .find(|(_, reg)| reg.is_of(&account));
        let (id, now_true) = match shared {
            Some((id, registration)) => {
                registration.sessions.insert(session);
                let live = registration.state == RegistrationState::Registered;
                let registered = live.then_some(ServerMessage::Registered { sip_status: 200 });
                (
                    *id,
                    registered.or(registration.failure.clone().map(ServerMessage::Fail)),
                )
            }
            None => {
                let id = self.ua.register(account.clone(), now);
                self.registrations
                    .insert(id, Registration::new(account, session));
                (id, None)
            }
        };
        if let Some(entry) = self.sessions.get_mut(&session) {
            entry.registration = Some(id);
        }
        if let Some(message) = now_true {
            self.tell(session, message);
        }
    }

    /// The last page that leaves takes the binding along.
    fn leave(&mut self, id: RegistrationId, session: SessionId, now: Instant) {
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        registration.sessions.remove(&session);
        if registration.sessions.is_empty() {
            self.registrations.remove(&id);
            self.ua.unregister(id, now);
        }
    }

    pub(crate) fn registered(&mut self, id: RegistrationId) {
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut registration.state, RegistrationState::Registered);
        registration.failure = None;
        if before == RegistrationState::Registered {
            return; // a refresh
        }
        for session in registration.sessions.clone() {
            self.tell(session, ServerMessage::Registered { sip_status: 200 });
        }
    }

    pub(crate) fn registration_failed(
        &mut self,
        id: RegistrationId,
        cause: &sip::Cause,
        will_retry: bool,
        now: Instant,
    ) {
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut registration.state, RegistrationState::Failing);
        let sessions = registration.sessions.clone();
        let mut fail = Fail::registration(cause.sip_code, &cause.text);
        fail.cause = Some(cause::to_wire(cause));
        registration.failure = Some(fail.clone());
        if !will_retry {
            self.registrations.remove(&id);
        }
        for session in sessions {
            self.tell(session, ServerMessage::Fail(fail.clone()));
            if will_retry {
                continue;
            }
            let socket = self.sessions.get_mut(&session).and_then(|s| {
                s.registration = None;
                s.socket
            });
            if before != RegistrationState::Registering {
                // It was registered once: its calls go on, and it can still call out.
                continue;
            }
            // A page that asked for a registration and never got one is of no use (protocol §1.5).
            match socket {
                Some(socket) => self.close(socket, POLICY_VIOLATION, &cause.text),
                None => self.end_session(session, now),
            }
        }
    }

    // ---- calls ---------------------------------------------------------------------------------

    fn session_message(
        &mut self,
        socket: SocketId,
        session: SessionId,
        message: ClientMessage,
        now: Instant,
    ) {
        match message {
            ClientMessage::Call(request) => self.call(socket, session, *request, now),
            ClientMessage::Answer(answer) => self.answer(socket, session, *answer, now),
            ClientMessage::Hangup { call_id, scope } => {
                let this_tab = scope == Some(HangupScope::ThisTab);
                match self.call_of(session, &call_id) {
                    Some((call, leg)) => {
                        self.step_call(call, CallInput::PageHangup { leg, this_tab }, now);
                    }
                    // R11: every `hangup` is answered.
                    None => {
                        let mut info = failed(&call_id, "There is no such call any more.".into());
                        info.status = CallStatus::Finish;
                        self.send(socket, &ServerMessage::Finish(info));
                    }
                }
            }
            ClientMessage::Hold { call_id, .. } => {
                self.not_yet(socket, session, "hold", call_id, now)
            }
            ClientMessage::Unhold { call_id } => {
                self.not_yet(socket, session, "unhold", call_id, now);
            }
            ClientMessage::SendDtmf { call_id, .. } => {
                let text = "DTMF is not available on this server yet.";
                self.refuse(socket, "sendDtmf", Some(call_id), text);
            }
            ClientMessage::Transfer { call_id, .. } => {
                let text = "Transfer is not available on this server yet; the call goes on.";
                self.refuse(socket, "transfer", Some(call_id), text);
            }
            ClientMessage::SendData { operation_id, .. } => {
                let status = DataStatus::Accepted;
                self.send(
                    socket,
                    &ServerMessage::DataStatusEvent {
                        operation_id,
                        status,
                    },
                );
            }
            ClientMessage::Stream {
                media_session_id, ..
            } => {
                self.send(
                    socket,
                    &ServerMessage::Fail(Fail::no_streams(media_session_id)),
                );
            }
            ClientMessage::Connection(_)
            | ClientMessage::SipMessage(_)
            | ClientMessage::Explain { .. }
            | ClientMessage::Ping
            | ClientMessage::Pong
            | ClientMessage::Ignored { .. } => {}
        }
    }

    /// `hold` and `unhold` until they work: a sentence, and the true state, which frees the page's
    /// button (R11).
    fn not_yet(
        &mut self,
        socket: SocketId,
        session: SessionId,
        method: &str,
        call_id: String,
        now: Instant,
    ) {
        let Some((call, leg)) = self.call_of(session, &call_id) else {
            return self.no_such_call(socket, method, call_id);
        };
        let sentence = "Hold is not available on this server yet; the call goes on.";
        self.refuse(socket, method, Some(call_id), sentence);
        let sentence = sentence.into();
        self.step_call(call, CallInput::PageAsks { leg, sentence }, now);
    }

    fn call_of(&self, session: SessionId, call_id: &str) -> Option<(CallId, LegId)> {
        self.sessions.get(&session)?.calls.get(call_id).copied()
    }

    fn no_such_call(&mut self, socket: SocketId, method: &str, call_id: String) {
        self.refuse(
            socket,
            method,
            Some(call_id),
            "There is no such call any more.",
        );
    }

    /// `call`: TRYING at once (R4), then either an INVITE or `finish{FAILED}` with the reason.
    fn call(&mut self, socket: SocketId, session: SessionId, request: CallRequest, now: Instant) {
        if self.call_of(session, &request.call_id).is_some() {
            let text = "A call with this callId is already there.";
            return self.refuse(socket, "call", Some(request.call_id), text);
        }
        match self.order(session, &request) {
            Err(text) => {
                let mut info = failed(&request.call_id, text.clone());
                info.caller = request.caller.unwrap_or_default();
                info.callee = request.callee;
                info.cause = Some(cause::to_wire(&cause::input(text)));
                self.tell(session, ServerMessage::Finish(info));
            }
            Ok((offer, order)) => {
                let (id, leg) = (CallId(self.new_id()), self.new_leg());
                let origin_id = self.new_origin_id();
                let visible_name = order
                    .display
                    .clone()
                    .unwrap_or_else(|| order.account.user.to_string());
                let call = Call::outgoing(
                    id,
                    origin_id,
                    leg,
                    session,
                    &request,
                    offer,
                    order,
                    visible_name,
                );
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.calls.insert(request.call_id.clone(), (id, leg));
                }
                self.adopt(call, None);
                let mut effects: Vec<Effect> = Vec::new();
                if let Some(call) = self.calls.get_mut(&id) {
                    call.start_outgoing(&mut effects);
                }
                self.perform(id, effects, now);
            }
        }
    }

    /// Parses what a `call` asks for; the error is a sentence for the page.
    fn order(
        &self,
        session: SessionId,
        request: &CallRequest,
    ) -> Result<(Description, Order), String> {
        let session = self
            .sessions
            .get(&session)
            .ok_or("The session has ended.")?;
        let account = session.account.clone().ok_or(
            "This page connected without a SIP login: reconnect with sipLogin and sipDomain to call.",
        )?;
        let callee =
            sip::callee_uri(&request.callee, &account.domain).map_err(|error| error.to_string())?;
        sdp::check_session_lines(&request.sip_sdp).map_err(|error| error.to_string())?;
        let offer = Description::parse(&request.sdp)
            .map_err(|error| format!("The page's SDP cannot be used: {error}."))?;
        let display = request
            .visible_name
            .clone()
            .or_else(|| session.visible_name.clone());
        Ok((
            offer,
            Order {
                account,
                callee,
                display,
                headers: request.sip_headers.clone().into_pairs(),
            },
        ))
    }

    fn answer(
        &mut self,
        socket: SocketId,
        session: SessionId,
        answer: AnswerRequest,
        now: Instant,
    ) {
        let Some((call, leg)) = self.call_of(session, &answer.call_id) else {
            return self.no_such_call(socket, "answer", answer.call_id);
        };
        if let Err(error) = sdp::check_session_lines(&answer.sip_sdp) {
            return self.refuse(socket, "answer", Some(answer.call_id), &error.to_string());
        }
        let input = CallInput::PageAnswer {
            leg,
            sdp: answer.sdp,
            session_lines: answer.sip_sdp,
        };
        self.step_call(call, input, now);
    }

    pub(crate) fn new_origin_id(&mut self) -> u64 {
        // RFC 8866 §5.2; 62 bits, so that every reader's integer takes it.
        self.rng.random::<u64>() >> 2
    }
}

/// `finish{FAILED}` for a call that never came to be.
fn failed(call_id: &str, text: String) -> CallInfo {
    let mut info = CallInfo::new(call_id, false, CallStatus::Failed, "", "");
    info.info = Some(text);
    info
}
