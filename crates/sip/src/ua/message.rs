//! MESSAGE (RFC 3428): ours outside every dialog, and those of others inside and outside.
//!
//! ```text
//!  message() ─► look-up ─► sent ─┬─ 2xx ─► MessageSent
//!                                ├─ 401, 407 ─► sent again, with credentials
//!                                └─ refused, no answer, no address ─► MessageSent with a cause
//! ```
//! The messages of an account to one receiver go out one after the other.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::Ua;
use super::auth::{Auth, Credentials, When};
use super::call_out::unreachable_server;
use super::client_transactions::{Failure, User};
use super::events::Event;
use super::identity::{identity, name_of};
use super::look_up::Seeker;
use super::schedule::TransactionId;
use super::types::{Account, InviteId, MessageId, RegistrationId, RequestId};
use crate::cause::{Cause, Side, Stage};
use crate::header::{CSeq, FromTo, HeaderName};
use crate::message::{Headers, Method, Request, Response};
use crate::resolve::Hop;
use crate::uri::Uri;

/// RFC 3428 section 8: "The size of MESSAGE requests outside of a media session MUST NOT exceed 1300 bytes, unless the UAC
/// has positive knowledge that the message will not traverse a congestion-unsafe link at any hop, or that the message size
/// is at least 200 bytes less than the lowest MTU value found en route to the UAS." We never have that knowledge.
const LARGEST: usize = 1300;

/// Most messages of an account to one receiver that have no final response.
const MOST_PENDING: usize = 16;

/// A MESSAGE of ours that has no final response.
#[derive(Clone, Debug)]
pub(crate) struct OwnMessage {
    credentials: Credentials,
    /// MESSAGE without Via, CSeq and credentials.
    template: Request,
    /// How the receiver is named in sentences.
    peer: String,
    cseq: u32,
    /// Targets not yet tried.
    hops: VecDeque<Hop>,
    hop: Option<Hop>,
    auth: Auth,
    /// A 101-199 has come from this target.
    progressed: bool,
    last_failure: Option<Cause>,
}

impl OwnMessage {
    /// Whether both go from one account, by its next hop and with its credentials, to one receiver. A message never waits
    /// for one of somebody else who only uses the same name.
    fn goes_as(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.credentials.account, &other.credentials.account);
        self.template.uri == other.template.uri && ours.is_same(theirs)
    }
}

impl Ua {
    /// Sends a MESSAGE outside every dialog. [`Event::MessageSent`] follows, with a cause if the request would have more
    /// than 1300 bytes.
    ///
    /// It waits while an earlier one of the account to the same receiver is pending (RFC 3428 section 8).
    pub fn message(
        &mut self,
        account: Account,
        to: Uri,
        content_type: &str,
        body: Bytes,
        now: Instant,
    ) -> MessageId {
        let id = MessageId(self.fresh_id());
        let (call_id, tag) = (self.random_hex(128), self.random_hex(64));
        let mut headers = Headers::new();
        headers.push(HeaderName::MaxForwards, "70");
        let target = account.next_hop.clone();
        let from = match Uri::address_of_record(&account.user, &account.domain) {
            Ok(from) => from,
            Err(error) => {
                let cause = Cause::new(400, Stage::Input, Side::Browser, format!("{error}."));
                let result = Err(cause);
                self.event(Event::MessageSent { id, result });
                return id;
            }
        };
        let from = FromTo::new(from).with_display(account.display.clone());
        headers.push(HeaderName::From, from.with_tag(tag));
        headers.push(HeaderName::To, FromTo::new(to.clone()));
        headers.push(HeaderName::CallId, call_id);
        headers.push(HeaderName::ContentType, content_type);
        let template = Request {
            method: Method::Message,
            uri: to.clone(),
            headers,
            body,
        };
        let registered = self.registrations.values().find(|r| r.is_of(&account));
        let realms = registered.map(|r| r.realms.clone()).unwrap_or_default();
        let message = OwnMessage {
            credentials: Credentials {
                realms,
                ..Credentials::new(account, Vec::new())
            },
            template,
            peer: name_of(&to),
            cseq: 0,
            hops: VecDeque::new(),
            hop: None,
            auth: Auth::default(),
            progressed: false,
            last_failure: None,
        };
        let pending = self.messages.values();
        match pending.filter(|other| other.goes_as(&message)).count() {
            0 => {
                self.messages.insert(id, message);
                self.look_up(&target, Seeker::Message(id), now);
            }
            MOST_PENDING.. => {
                let text = format!(
                    "{MOST_PENDING} messages to {} are still waiting for an answer.",
                    message.peer
                );
                self.message_unsent(id, text);
            }
            _ => {
                self.messages.insert(id, message);
            }
        }
        id
    }

    /// The next hop's addresses are known, or why not.
    pub(crate) fn message_found(
        &mut self,
        id: MessageId,
        hops: Result<Vec<Hop>, Cause>,
        now: Instant,
    ) {
        let Some(message) = self.messages.get_mut(&id) else {
            return;
        };
        match hops {
            Ok(hops) => {
                message.credentials.hops.clone_from(&hops);
                message.hops = hops.into();
                self.message_to_next(id, now);
            }
            Err(cause) => self.message_done(id, Err(cause), now),
        }
    }

    fn message_to_next(&mut self, id: MessageId, now: Instant) {
        let Some(message) = self.messages.get_mut(&id) else {
            return;
        };
        match message.hops.pop_front() {
            Some(hop) => {
                message.hop = Some(hop);
                self.send_message(id, now);
            }
            None => {
                let server = message.credentials.account.next_hop.to_string();
                let cause = message.last_failure.take();
                let cause = cause
                    .unwrap_or_else(|| unreachable_server(&server, "no address is left to try"));
                self.message_done(id, Err(cause), now);
            }
        }
    }

    fn send_message(&mut self, id: MessageId, now: Instant) {
        let life = self.config.timers.life();
        let Some(message) = self.messages.get_mut(&id) else {
            return;
        };
        let Some(hop) = message.hop.clone() else {
            return;
        };
        message.cseq += 1;
        message.progressed = false;
        let mut request = message.template.clone();
        let cseq = CSeq {
            number: message.cseq,
            method: Method::Message,
        };
        request.headers.push(HeaderName::CSeq, cseq);
        message
            .credentials
            .authorize(&message.auth, &mut request, &hop, &mut self.rng);
        // All targets together may take as long as one alone.
        let patience = life / u32::try_from(message.credentials.hops.len().max(1)).unwrap_or(1);
        let Some(via) = self.via(&hop) else {
            return self.message_to_next(id, now);
        };
        let user_agent = &self.config.user_agent;
        let own_lines = format!("Via: {via}\r\nUser-Agent: {user_agent}\r\n");
        let bytes = request.to_bytes().len() + own_lines.len();
        if bytes > LARGEST {
            let text = format!(
                "The message is too long: the SIP request would have {bytes} bytes, and at most {LARGEST} are sent."
            );
            let cause = Cause {
                sip_code: None,
                ..Cause::new(513, Stage::Input, Side::Browser, text)
            };
            return self.message_done(id, Err(cause), now);
        }
        self.start_client_with(via, request, &hop, User::Message(id), patience, now);
    }

    pub(crate) fn message_answered(&mut self, id: MessageId, response: &Response, now: Instant) {
        let Some(message) = self.messages.get_mut(&id) else {
            return;
        };
        match response.status {
            100 => {}
            101..=199 => message.progressed = true,
            200..=299 => self.message_done(id, Ok(()), now),
            401 | 407 => {
                let server = message.credentials.account.next_hop.to_string();
                let login = message.credentials.account.auth_user.clone();
                let Some(hop) = message.hop.clone() else {
                    return;
                };
                let when = When::outside(message.progressed, self.config.auth_after_progress);
                let (auth, credentials) = (&mut message.auth, &mut message.credentials);
                match credentials.challenged(auth, response, &hop, when) {
                    Ok(()) => self.send_message(id, now),
                    Err(refusal) => {
                        let text = refusal.sentence(&login, &server, "MESSAGE", response.status);
                        let cause = Cause::new(response.status, Stage::Call, Side::Sip, text);
                        self.message_done(id, Err(cause), now);
                    }
                }
            }
            status => {
                let reason = response.reason.trim();
                let text = format!("{} refused the message ({status} {reason}).", message.peer);
                let cause = Cause::new(status, Stage::Call, Side::Sip, text);
                if status == 503 {
                    message.last_failure = Some(cause);
                    return self.message_to_next(id, now);
                }
                self.message_done(id, Err(cause), now);
            }
        }
    }

    pub(crate) fn message_failed(&mut self, id: MessageId, failure: &Failure, now: Instant) {
        let seconds = self.config.timers.life().as_secs();
        let Some(message) = self.messages.get_mut(&id) else {
            return;
        };
        let server = message.credentials.account.next_hop.to_string();
        message.last_failure = Some(match failure {
            Failure::TimedOut => {
                let text = format!(
                    "The SIP server {server} did not answer the message within {seconds} s."
                );
                Cause::new(408, Stage::Call, Side::Sip, text)
            }
            Failure::Transport(error) => unreachable_server(&server, error),
        });
        self.message_to_next(id, now);
    }

    fn message_done(&mut self, id: MessageId, result: Result<(), Cause>, now: Instant) {
        let Some(done) = self.messages.remove(&id) else {
            return;
        };
        let silent = result
            .as_ref()
            .is_err_and(|cause| cause.sip_code == Some(408));
        self.event(Event::MessageSent { id, result });
        // Identifiers grow, so that the first one has waited longest.
        let waiting = self.messages.iter();
        let mut waiting = waiting
            .filter(|(_, message)| message.goes_as(&done))
            .map(|(id, _)| *id)
            .collect::<Vec<_>>()
            .into_iter();
        if silent {
            // Each of the others would wait as long, and for nothing.
            for id in waiting {
                self.messages.remove(&id);
                let text = format!(
                    "The message was not sent, because the one before it to {} got no answer.",
                    done.peer
                );
                self.message_unsent(id, text);
            }
        } else if let Some(next) = waiting.next() {
            let target = done.credentials.account.next_hop;
            self.look_up(&target, Seeker::Message(next), now);
        }
    }

    /// A message that has never left.
    fn message_unsent(&mut self, id: MessageId, text: String) {
        let cause = Cause {
            sip_code: None,
            ..Cause::new(480, Stage::Call, Side::Gateway, text)
        };
        let result = Err(cause);
        self.event(Event::MessageSent { id, result });
    }

    /// MESSAGE of somebody: the owner says whether anybody got it.
    pub(crate) fn message_received(
        &mut self,
        transaction: TransactionId,
        call: Option<InviteId>,
        registration: Option<RegistrationId>,
        request: &Request,
    ) {
        let headers = &request.headers;
        let content_type = headers
            .get(&HeaderName::ContentType)
            .unwrap_or("text/plain");
        self.event(Event::Message {
            request: RequestId(transaction.0),
            call,
            registration,
            from: identity(headers, false),
            to: identity(headers, true).user,
            content_type: content_type.to_owned(),
            body: request.body.clone(),
        });
    }
}
