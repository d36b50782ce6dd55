//! Running the transaction machines: keys, bytes, timers (RFC 3261 sections 17.1.3, 17.2.3, 18; RFC 3581).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Ua;
use super::schedule::{Alarm, Owner, TransactionId};
use super::types::{InviteId, RegistrationId};
use crate::cause::phrase;
use crate::header::{CSeq, HeaderName, Via};
use crate::message::{Headers, Method, Request, Response};
use crate::resolve::{Hop, Transport};
use crate::transaction::timer::Timer;
use crate::transaction::{Action, ClientMachine, ServerMachine};
use crate::uri::Host;

/// RFC 3261 section 8.1.1.7: "The branch ID inserted by an element compliant with this specification MUST always begin
/// with the characters "z9hG4bK"."
const MAGIC_COOKIE: &str = "z9hG4bK";

/// More open server transactions than this are not taken on: a flood must not become memory (trust: A5). A peer that is
/// turned away repeats its request.
const MAX_SERVERS: usize = 65_536;

/// Who waits for the answer of a client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    Register(RegistrationId),
    Invite(InviteId),
    /// Nobody: the INVITE's own answer counts.
    Cancel,
    Bye(InviteId),
}

/// Why no answer will come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    TimedOut,
    Transport(String),
}

#[derive(Debug)]
pub(crate) struct ClientTransaction {
    machine: ClientMachine,
    key: (String, String),
    user: User,
    pub(crate) hop: Hop,
    /// As sent, with our Via.
    pub(crate) request: Request,
    bytes: Bytes,
}

#[derive(Debug)]
pub(crate) struct ServerTransaction {
    machine: ServerMachine,
    key: String,
    origin: Option<String>,
    /// Where answers go.
    pub(crate) hop: Hop,
    pub(crate) request: Request,
    /// Our tag in To, unless the request has one.
    pub(crate) tag: String,
    /// The call it asks for.
    pub(crate) call: Option<InviteId>,
    last: Bytes,
}

impl ServerTransaction {
    /// No final answer yet.
    pub(crate) fn open(&self) -> bool {
        self.machine.open()
    }
}

impl Ua {
    /// Our address toward a hop: same transport and family, loopback for loopback.
    pub(crate) fn local_address(&self, hop: &Hop) -> Option<std::net::SocketAddr> {
        let fits = |transport: Transport, addr: &std::net::SocketAddr| {
            transport == hop.transport && addr.is_ipv4() == hop.addr.is_ipv4()
        };
        let all = || {
            self.config
                .contacts
                .iter()
                .filter(|(t, a)| fits(*t, a))
                .map(|(_, addr)| *addr)
        };
        all()
            .find(|addr| addr.ip().is_loopback() == hop.addr.ip().is_loopback())
            .or_else(|| all().next())
    }

    /// A Via of ours for a hop; `None` when we have no address there.
    pub(crate) fn via(&mut self, hop: &Hop) -> Option<Via> {
        let local = self.local_address(hop)?;
        let branch = format!("{MAGIC_COOKIE}{}", self.random_hex(96));
        Some(Via::new(
            &hop.transport.to_string(),
            Host::Ip(local.ip()),
            Some(local.port()),
            &branch,
        ))
    }

    /// Starts a client transaction. `patience` is Timer F of a non-INVITE. `None`: no address of ours fits the hop.
    pub(crate) fn start_client(
        &mut self,
        request: Request,
        hop: &Hop,
        user: User,
        patience: Duration,
        now: Instant,
    ) -> Option<TransactionId> {
        let via = self.via(hop)?;
        Some(self.start_client_with(via, request, hop, user, patience, now))
    }

    /// The same with a given Via: CANCEL has that of its INVITE.
    pub(crate) fn start_client_with(
        &mut self,
        via: Via,
        mut request: Request,
        hop: &Hop,
        user: User,
        patience: Duration,
        now: Instant,
    ) -> TransactionId {
        request
            .headers
            .insert_first(HeaderName::Via, via.to_string());
        request
            .headers
            .set(HeaderName::UserAgent, self.config.user_agent.clone());
        let invite = request.method == Method::Invite;
        let machine = ClientMachine::new(
            invite,
            hop.transport.reliable(),
            self.config.timers,
            patience,
        );
        let key = (
            via.branch().unwrap_or_default().to_owned(),
            request.method.to_string(),
        );
        let id = TransactionId(self.fresh_id());
        let actions = machine.start();
        let bytes = request.to_bytes();
        self.client_keys.insert(key.clone(), id);
        self.clients.insert(
            id,
            ClientTransaction {
                machine,
                key,
                user,
                hop: hop.clone(),
                request,
                bytes,
            },
        );
        self.run_client(id, actions, None, None, now);
        id
    }

    /// Forgets a client transaction without another word.
    pub(crate) fn drop_client(&mut self, id: TransactionId, now: Instant) {
        self.run_client(id, &[Action::Terminate], None, None, now);
    }

    /// A client INVITE transaction stops repeating its request but still takes answers.
    pub(crate) fn hush_client(&mut self, id: TransactionId) {
        self.schedule
            .clear(Owner::Client(id), Alarm::Transaction(Timer::A));
    }

    pub(crate) fn client_timer(&mut self, id: TransactionId, timer: Timer, now: Instant) {
        if let Some(client) = self.clients.get_mut(&id) {
            let actions = client.machine.on_timer(timer);
            self.run_client(id, actions, None, None, now);
        }
    }

    /// RFC 3261 section 17.1.3: a response belongs to the transaction with its branch and CSeq method.
    pub(crate) fn response_received(&mut self, response: &Response, now: Instant) {
        let vias = response.headers.vias().unwrap_or_default();
        // 8.1.3.3: "If more than one Via header field value is present in a response, the UAC SHOULD discard the message."
        let [via] = vias.as_slice() else { return };
        let (Some(branch), Ok(cseq)) = (via.branch(), response.headers.cseq()) else {
            return;
        };
        let Some(&id) = self
            .client_keys
            .get(&(branch.to_owned(), cseq.method.to_string()))
        else {
            return;
        };
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let actions = client.machine.on_response(response.status);
        self.run_client(id, actions, Some(response), None, now);
    }

    /// RFC 3261 section 17.1.4. One failed datagram speaks for everything of ours that hop has not answered yet.
    pub(crate) fn send_failed(&mut self, hop: &Hop, error: &str, now: Instant) {
        let deaf = self
            .clients
            .iter()
            .filter(|(_, client)| client.hop == *hop && client.machine.unanswered());
        for id in deaf.map(|(id, _)| *id).collect::<Vec<_>>() {
            if let Some(client) = self.clients.get_mut(&id) {
                let actions = client.machine.on_transport_error();
                self.run_client(id, actions, None, Some(error), now);
            }
        }
        let answering = self.servers.iter().filter(|(_, server)| server.hop == *hop);
        for id in answering.map(|(id, _)| *id).collect::<Vec<_>>() {
            if let Some(server) = self.servers.get_mut(&id) {
                let actions = server.machine.on_transport_error();
                self.run_server(id, actions, now);
            }
        }
    }

    fn run_client(
        &mut self,
        id: TransactionId,
        actions: &[Action],
        response: Option<&Response>,
        error: Option<&str>,
        now: Instant,
    ) {
        for action in actions {
            // The transaction user may have dropped it in the meantime.
            let Some(client) = self.clients.get(&id) else {
                return;
            };
            let user = client.user;
            match action {
                Action::SendRequest => {
                    let (hop, bytes) = (client.hop.clone(), client.bytes.clone());
                    self.transmit(&hop, bytes);
                }
                Action::SendAck => {
                    if let Some(response) = response {
                        let ack = ack_of_failure(&client.request, response);
                        let hop = client.hop.clone();
                        self.transmit(&hop, ack.to_bytes());
                    }
                }
                Action::Start(timer) => {
                    let at = now + client.machine.after(*timer);
                    self.schedule
                        .set(Owner::Client(id), Alarm::Transaction(*timer), at);
                }
                Action::Stop(timer) => self
                    .schedule
                    .clear(Owner::Client(id), Alarm::Transaction(*timer)),
                Action::PassUp => {
                    if let Some(response) = response {
                        self.client_answered(user, id, response, now);
                    }
                }
                Action::TimedOut => self.client_failed(user, id, &Failure::TimedOut, now),
                Action::TransportFailed => {
                    let failure =
                        Failure::Transport(error.unwrap_or("the transport failed").to_owned());
                    self.client_failed(user, id, &failure, now);
                }
                Action::Terminate => {
                    self.schedule.clear_all(Owner::Client(id));
                    if let Some(client) = self.clients.remove(&id) {
                        self.client_keys.remove(&client.key);
                    }
                    if let User::Invite(call) = user {
                        self.attempt_over(call, id);
                    }
                }
                Action::SendResponse => {}
            }
        }
    }

    fn client_answered(
        &mut self,
        user: User,
        id: TransactionId,
        response: &Response,
        now: Instant,
    ) {
        match user {
            User::Register(registration) => self.register_answered(registration, id, response, now),
            User::Invite(call) => self.invite_answered(call, id, response, now),
            User::Bye(call) => self.bye_answered(call, id, Some(response), now),
            User::Cancel => {}
        }
    }

    fn client_failed(&mut self, user: User, id: TransactionId, failure: &Failure, now: Instant) {
        match user {
            User::Register(registration) => self.register_failed(registration, id, failure, now),
            User::Invite(call) => self.invite_failed(call, id, failure, now),
            User::Bye(call) => self.bye_answered(call, id, None, now),
            User::Cancel => {}
        }
    }

    /// It lives and has no final answer yet.
    pub(crate) fn client_open(&self, id: TransactionId) -> bool {
        self.clients
            .get(&id)
            .is_some_and(|client| client.machine.open())
    }

    /// Starts a server transaction; `None` when the table is full.
    pub(crate) fn start_server(&mut self, request: &Request, from: &Hop) -> Option<TransactionId> {
        if self.servers.len() >= MAX_SERVERS {
            return None;
        }
        let id = TransactionId(self.fresh_id());
        let tag = self.random_hex(64);
        let invite = request.method == Method::Invite;
        let machine = ServerMachine::new(invite, from.transport.reliable(), self.config.timers);
        let key = server_key(request, &request.method);
        let origin = origin_key(request);
        if let Some(origin) = &origin {
            self.server_origins.entry(origin.clone()).or_insert(id);
        }
        self.server_keys.insert(key.clone(), id);
        let server = ServerTransaction {
            machine,
            key,
            origin,
            hop: reply_hop(&request.headers, from),
            request: with_received(request, from),
            tag,
            call: None,
            last: Bytes::new(),
        };
        self.servers.insert(id, server);
        Some(id)
    }

    /// The transaction this request is a copy of.
    pub(crate) fn server_of(&self, request: &Request, method: &Method) -> Option<TransactionId> {
        self.server_keys.get(&server_key(request, method)).copied()
    }

    /// The same request reached us on another way and is being handled.
    pub(crate) fn merged(&self, request: &Request) -> bool {
        origin_key(request).is_some_and(|origin| self.server_origins.contains_key(&origin))
    }

    /// Answers a request.
    pub(crate) fn answer(
        &mut self,
        id: TransactionId,
        status: u16,
        headers: &[(HeaderName, String)],
        body: Bytes,
        now: Instant,
    ) {
        let agent = self.config.user_agent.clone();
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        let mut response =
            response_to(&server.request.headers, status, phrase(status), &server.tag);
        if server.request.method == Method::Invite && (101..300).contains(&status) {
            // 12.1.1: "the UAS MUST copy all Record-Route header field values from the request into the response"
            response
                .headers
                .copy(&HeaderName::RecordRoute, &server.request.headers);
        }
        for (name, value) in headers {
            response.headers.push(name.clone(), value.clone());
        }
        response.headers.push(HeaderName::Server, agent);
        response.body = body;
        server.last = response.to_bytes();
        let actions = server.machine.on_answer(status);
        self.run_server(id, actions, now);
    }

    /// Answers without header or body.
    pub(crate) fn answer_plain(&mut self, id: TransactionId, status: u16, now: Instant) {
        self.answer(id, status, &[], Bytes::new(), now);
    }

    /// Sends an answer past the machine.
    #[cfg(feature = "faults")]
    pub(crate) fn answer_against_the_rules(&mut self, id: TransactionId, status: u16) {
        if let Some(server) = self.servers.get(&id) {
            let (hop, headers) = (server.hop.clone(), &server.request.headers);
            let response = response_to(headers, status, phrase(status), &server.tag);
            self.transmit(&hop, response.to_bytes());
        }
    }

    /// Sends the 2xx of an INVITE once more.
    pub(crate) fn answer_again(&mut self, id: TransactionId, now: Instant) {
        if let Some(server) = self.servers.get_mut(&id) {
            let actions = server.machine.on_answer(200);
            self.run_server(id, actions, now);
        }
    }

    /// A copy of the request came.
    pub(crate) fn request_repeated(&mut self, id: TransactionId, now: Instant) {
        if let Some(server) = self.servers.get_mut(&id) {
            let actions = server.machine.on_request();
            self.run_server(id, actions, now);
        }
    }

    /// An ACK with the branch of its INVITE came. True when it is one for the transaction user: that of a 2xx.
    pub(crate) fn ack_in_transaction(&mut self, id: TransactionId, now: Instant) -> bool {
        let Some(server) = self.servers.get_mut(&id) else {
            return false;
        };
        let actions = server.machine.on_ack();
        self.run_server(id, actions, now);
        actions.contains(&Action::PassUp)
    }

    pub(crate) fn server_timer(&mut self, id: TransactionId, timer: Timer, now: Instant) {
        if let Some(server) = self.servers.get_mut(&id) {
            let actions = server.machine.on_timer(timer);
            self.run_server(id, actions, now);
        }
    }

    fn run_server(&mut self, id: TransactionId, actions: &[Action], now: Instant) {
        for action in actions {
            let Some(server) = self.servers.get(&id) else {
                return;
            };
            match action {
                Action::SendResponse => {
                    let (hop, bytes) = (server.hop.clone(), server.last.clone());
                    self.transmit(&hop, bytes);
                }
                Action::Start(timer) => {
                    let at = now + server.machine.after(*timer);
                    self.schedule
                        .set(Owner::Server(id), Alarm::Transaction(*timer), at);
                }
                Action::Stop(timer) => self
                    .schedule
                    .clear(Owner::Server(id), Alarm::Transaction(*timer)),
                Action::Terminate => self.drop_server(id),
                Action::SendRequest
                | Action::SendAck
                | Action::PassUp
                | Action::TimedOut
                | Action::TransportFailed => {}
            }
        }
    }

    fn drop_server(&mut self, id: TransactionId) {
        self.schedule.clear_all(Owner::Server(id));
        let Some(server) = self.servers.remove(&id) else {
            return;
        };
        self.server_keys.remove(&server.key);
        if let Some(origin) = server.origin
            && self.server_origins.get(&origin) == Some(&id)
        {
            self.server_origins.remove(&origin);
        }
        if let Some(call) = server.call {
            self.invite_server_over(call);
        }
    }
}

/// A response with what every response copies from its request (RFC 3261 section 8.2.6.2).
pub(crate) fn response_to(request: &Headers, status: u16, reason: &str, tag: &str) -> Response {
    let mut headers = Headers::new();
    headers.copy(&HeaderName::Via, request);
    headers.copy(&HeaderName::From, request);
    // 8.2.6.2: "if the To header field in the request did not contain a tag, the URI in the To header field in the
    // response MUST equal the URI in the To header field; additionally, the UAS MUST add a tag to the To header field
    // in the response (with the exception of the 100 (Trying) response, in which a tag MAY be present)."
    let untagged = request.to().is_ok_and(|to| to.tag.is_none());
    if let Some(to) = request.get(&HeaderName::To) {
        let tag = if untagged && status > 100 {
            format!(";tag={tag}")
        } else {
            String::new()
        };
        headers.push(HeaderName::To, format!("{to}{tag}"));
    }
    headers.copy(&HeaderName::CallId, request);
    headers.copy(&HeaderName::CSeq, request);
    Response {
        status,
        reason: reason.to_owned(),
        headers,
        body: Bytes::new(),
    }
}

/// The ACK of a non-2xx final response (RFC 3261 section 17.1.1.3).
fn ack_of_failure(invite: &Request, response: &Response) -> Request {
    let mut headers = Headers::new();
    // "the ACK MUST contain a single Via header field, and this MUST be equal to the top Via header field of the
    // original request."
    for name in [
        HeaderName::Via,
        HeaderName::Route,
        HeaderName::From,
        HeaderName::CallId,
    ] {
        headers.copy(&name, &invite.headers);
    }
    headers.push(HeaderName::MaxForwards, "70");
    // "The To header field in the ACK MUST equal the To header field in the response being acknowledged"
    headers.copy(&HeaderName::To, &response.headers);
    let number = invite.headers.cseq().map_or(0, |cseq| cseq.number);
    headers.push(
        HeaderName::CSeq,
        CSeq {
            number,
            method: Method::Ack,
        }
        .to_string(),
    );
    Request {
        method: Method::Ack,
        uri: invite.uri.clone(),
        headers,
        body: Bytes::new(),
    }
}

/// What a server transaction is found by (RFC 3261 section 17.2.3): branch, sent-by and method; without the cookie of
/// RFC 3261 everything RFC 2543 compared.
fn server_key(request: &Request, method: &Method) -> String {
    let headers = &request.headers;
    let method = if *method == Method::Ack {
        &Method::Invite
    } else {
        method
    };
    let via = headers.via().ok();
    let branch = via.as_ref().and_then(Via::branch).unwrap_or_default();
    let sent_by = via
        .as_ref()
        .map(|via| format!("{}:{}", via.host, via.port.unwrap_or(5060)))
        .unwrap_or_default();
    let modern = branch
        .get(..MAGIC_COOKIE.len())
        .is_some_and(|cookie| cookie.eq_ignore_ascii_case(MAGIC_COOKIE));
    if modern && branch.len() > MAGIC_COOKIE.len() {
        return format!("{branch} {} {method}", sent_by.to_ascii_lowercase());
    }
    let number = headers.cseq().map_or(0, |cseq| cseq.number);
    let tag = headers
        .from()
        .ok()
        .and_then(|from| from.tag)
        .unwrap_or_default();
    let call_id = headers.get(&HeaderName::CallId).unwrap_or_default();
    let via = via.map(|via| via.to_string()).unwrap_or_default();
    format!("{call_id} {tag} {number} {method} {} {via}", request.uri)
}

/// RFC 3261 section 8.2.2.2: "If the request has no tag in the To header field, the UAS core MUST check the request
/// against ongoing transactions. If the From tag, Call-ID, and CSeq exactly match those associated with an ongoing
/// transaction, but the request does not match that transaction ... the UAS core SHOULD generate a 482".
fn origin_key(request: &Request) -> Option<String> {
    let headers = &request.headers;
    if headers.to().is_ok_and(|to| to.tag.is_some())
        || matches!(request.method, Method::Cancel | Method::Ack)
    {
        return None;
    }
    let tag = headers.from().ok()?.tag?;
    Some(format!(
        "{} {tag} {}",
        headers.get(&HeaderName::CallId)?,
        headers.cseq().ok()?
    ))
}

/// Where answers go (RFC 3261 section 18.2.2, RFC 3581 section 4): back where the request came from; over UDP to the
/// port the Via names, unless it asks for the one the request came from.
pub(crate) fn reply_hop(headers: &Headers, from: &Hop) -> Hop {
    let mut hop = from.clone();
    if hop.transport == Transport::Udp
        && let Ok(via) = headers.via()
        && via.rport().is_none()
    {
        hop.addr.set_port(via.port.unwrap_or(5060));
    }
    hop
}

/// The request with `received` and `rport` in its top Via (RFC 3261 section 18.2.1, RFC 3581 section 4).
fn with_received(request: &Request, from: &Hop) -> Request {
    let mut request = request.clone();
    mark_received(&mut request.headers, from);
    request
}

/// Writes `received` and `rport` into the top Via.
pub(crate) fn mark_received(headers: &mut Headers, from: &Hop) {
    let Ok(mut top) = headers.via() else { return };
    if top.rport().is_some() {
        top.params.set("rport", from.addr.port());
        top.params.set("received", from.addr.ip());
    } else if top.host != Host::Ip(from.addr.ip()) {
        top.params.set("received", from.addr.ip());
    }
    // The Via has just been read, so it can be set.
    let _ = headers.set_top_via(&top);
}
