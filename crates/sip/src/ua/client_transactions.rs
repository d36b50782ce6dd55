//! Running client transactions: branches, bytes, timers (RFC 3261 sections 17.1, 18.1).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Ua;
use super::schedule::{Alarm, Owner, TransactionId};
use super::types::{InviteId, MessageId, RegistrationId};
use crate::header::{CSeq, HeaderName, Via};
use crate::message::{Headers, Method, Request, Response};
use crate::resolve::{Hop, Transport};
use crate::transaction::timer::Timer;
use crate::transaction::{Action, ClientMachine};
use crate::uri::Host;

/// RFC 3261 section 8.1.1.7: "The branch ID inserted by an element compliant with this specification MUST always begin
/// with the characters "z9hG4bK"."
pub(crate) const MAGIC_COOKIE: &str = "z9hG4bK";

/// Who waits for the answer of a client transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum User {
    Register(RegistrationId),
    /// The first INVITE of a call.
    Invite(InviteId),
    /// A request in the dialog with this remote tag.
    InDialog(InviteId, String),
    /// A MESSAGE outside every dialog.
    Message(MessageId),
    /// Nobody: the INVITE's own answer counts.
    Cancel,
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
    /// Sent once more after its connection broke.
    sent_again: bool,
    /// It is a re-INVITE whose CANCEL has been sent.
    pub(crate) cancelled: bool,
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
        let mut via = Via::new(
            &hop.transport.to_string(),
            Host::Ip(local.ip()),
            Some(local.port()),
            &branch,
        );
        if hop.transport.reliable() {
            // "This connection may be used for requests to our sent-by." RFC 5923 defines it for TLS; over TCP it is the
            // peer's to decide (Kamailio: tcp_accept_aliases).
            via.params.set_flag("alias");
        }
        Some(via)
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
                sent_again: false,
                cancelled: false,
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
        let unanswered = self
            .clients
            .iter()
            .filter(|(_, client)| client.hop == *hop && client.machine.unanswered());
        for id in unanswered.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.fail_client(id, error, now);
        }
        self.answers_undelivered(hop, now);
    }

    /// Running transactions over a hop, with whose they are.
    pub(crate) fn clients_open_at(&self, hop: &Hop) -> Vec<(TransactionId, User)> {
        let open = |client: &&ClientTransaction| client.hop == *hop && client.machine.open();
        let all = self.clients.iter();
        all.filter(|(_, client)| open(client))
            .map(|(id, client)| (*id, client.user.clone()))
            .collect()
    }

    /// No response of any kind has come yet.
    pub(crate) fn client_unanswered(&self, id: TransactionId) -> bool {
        self.clients
            .get(&id)
            .is_some_and(|client| client.machine.unanswered())
    }

    /// Sends a request once more as it is; false when that has been done before.
    pub(crate) fn send_again(&mut self, id: TransactionId) -> bool {
        let Some(client) = self.clients.get_mut(&id) else {
            return false;
        };
        if std::mem::replace(&mut client.sent_again, true) {
            return false;
        }
        let (hop, bytes) = (client.hop.clone(), client.bytes.clone());
        self.transmit(&hop, bytes);
        true
    }

    /// The transport has failed a client transaction.
    pub(crate) fn fail_client(&mut self, id: TransactionId, error: &str, now: Instant) {
        if let Some(client) = self.clients.get_mut(&id) {
            let actions = client.machine.on_transport_error();
            self.run_client(id, actions, None, Some(error), now);
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
                        let user = client.user.clone();
                        self.client_answered(user, id, response, now);
                    }
                }
                Action::TimedOut => {
                    let user = client.user.clone();
                    self.client_failed(user, id, &Failure::TimedOut, now);
                }
                Action::TransportFailed => {
                    let user = client.user.clone();
                    let failure =
                        Failure::Transport(error.unwrap_or("the transport failed").to_owned());
                    self.client_failed(user, id, &failure, now);
                }
                Action::Terminate => {
                    self.schedule.clear_all(Owner::Client(id));
                    let Some(client) = self.clients.remove(&id) else {
                        return;
                    };
                    self.client_keys.remove(&client.key);
                    match client.user {
                        User::Invite(call) => self.attempt_over(call, id, now),
                        User::InDialog(call, tag) => self.ask_over(call, &tag, id, now),
                        User::Register(_) | User::Message(_) | User::Cancel => {}
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
            User::InDialog(call, tag) => self.ask_answered(call, &tag, id, response, now),
            User::Message(message) => self.message_answered(message, response, now),
            User::Cancel => {}
        }
    }

    fn client_failed(&mut self, user: User, id: TransactionId, failure: &Failure, now: Instant) {
        match user {
            User::Register(registration) => self.register_failed(registration, id, failure, now),
            User::Invite(call) => self.invite_failed(call, id, failure, now),
            User::InDialog(call, tag) => self.ask_failed(call, &tag, id, failure, now),
            User::Message(message) => self.message_failed(message, failure, now),
            User::Cancel => {}
        }
    }

    /// It lives and has no final response yet.
    pub(crate) fn client_open(&self, id: TransactionId) -> bool {
        self.clients
            .get(&id)
            .is_some_and(|client| client.machine.open())
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
