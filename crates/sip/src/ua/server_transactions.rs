//! Running server transactions: matching, answers, timers (RFC 3261 sections 8.2.6, 17.2, 18.2; RFC 3581).

use std::time::Instant;

use bytes::Bytes;

use super::Ua;
use super::client_transactions::MAGIC_COOKIE;
use super::schedule::{Alarm, Owner, TransactionId};
use super::server_invite::InviteKey;
use crate::cause::phrase;
use crate::header::{HeaderName, Via};
use crate::message::{Headers, Method, Request, Response};
use crate::resolve::{Hop, Transport};
use crate::transaction::timer::Timer;
use crate::transaction::{Action, ServerMachine};
use crate::uri::Host;

/// The most server transactions that are open at a time, so that a flood does not fill the memory (t-A5; each takes
/// about 4 kB). Over UDP one lives for 32 s, so this allows 300 requests a second. A peer that is turned away repeats
/// its request.
const MAX_SERVERS: usize = 10_000;

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
    /// Which INVITE of a call it carries.
    pub(crate) invite: Option<InviteKey>,
    last: Bytes,
}

impl ServerTransaction {
    /// No final response yet.
    pub(crate) fn open(&self) -> bool {
        self.machine.open()
    }
}

impl Ua {
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
            invite: None,
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

    /// Sends the latest answer to an INVITE, which had this status, once more.
    pub(crate) fn answer_again(&mut self, id: TransactionId, status: u16, now: Instant) {
        if let Some(server) = self.servers.get_mut(&id) {
            let actions = server.machine.on_answer(status);
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

    /// Answers to this hop did not arrive; RFC 6026 section 8.8 keeps their transactions for the next copy of the request.
    pub(crate) fn answers_undelivered(&mut self, hop: &Hop, now: Instant) {
        let answering = self.servers.iter().filter(|(_, server)| server.hop == *hop);
        for id in answering.map(|(id, _)| *id).collect::<Vec<_>>() {
            if let Some(server) = self.servers.get_mut(&id) {
                let actions = server.machine.on_transport_error();
                self.run_server(id, actions, now);
            }
        }
    }

    /// The connection that these requests came over is gone: their answers go elsewhere.
    pub(crate) fn reroute_answers(&mut self, hop: &Hop) {
        let targets = &self.config.targets;
        for server in self.servers.values_mut().filter(|s| s.hop == *hop) {
            let back = connecting_hop(&server.request.headers, hop);
            if targets.allows(back.addr) {
                server.hop = back;
            }
        }
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
                Action::Terminate => self.drop_server(id, now),
                Action::SendRequest
                | Action::SendAck
                | Action::PassUp
                | Action::TimedOut
                | Action::TransportFailed => {}
            }
        }
    }

    fn drop_server(&mut self, id: TransactionId, now: Instant) {
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
        if let Some(key) = server.invite {
            self.invite_server_over(&key, id, now);
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
    if status == 100 {
        // 8.2.6.1: "When a 100 (Trying) response is generated, any Timestamp header field present in the request MUST be
        // copied into this 100 (Trying) response." It goes out at once, so that there is no delay to add.
        headers.copy(&HeaderName::Timestamp, request);
    }
    Response {
        status,
        reason: reason.to_owned(),
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
///
/// Each Contact that we register is a UAS of its own, so its user part is part of the key: a proxy that forks one INVITE
/// to two of our registrations reaches both.
fn origin_key(request: &Request) -> Option<String> {
    let headers = &request.headers;
    if headers.to().is_ok_and(|to| to.tag.is_some())
        || matches!(request.method, Method::Cancel | Method::Ack)
    {
        return None;
    }
    let tag = headers.from().ok()?.tag?;
    Some(format!(
        "{} {tag} {} {}",
        headers.get(&HeaderName::CallId)?,
        headers.cseq().ok()?,
        request.uri.user.as_deref().unwrap_or_default()
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

/// Where a peer that has connected to us is reached by a connection of our own (RFC 3261 section 18.2.2: "If that
/// connection is no longer open, the server SHOULD open a connection to the IP address in the "received" parameter, if
/// present, using the port in the "sent-by" value, or the default port for that transport, if no port is specified").
pub(crate) fn connecting_hop(headers: &Headers, from: &Hop) -> Hop {
    let mut hop = from.clone();
    if hop.transport.reliable()
        && let Ok(via) = headers.via()
    {
        let port = via.port.unwrap_or(hop.transport.default_port());
        hop.addr.set_port(port);
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
