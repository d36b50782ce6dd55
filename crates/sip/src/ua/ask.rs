//! The one way to send a request in a dialog (RFC 3261 section 12.2.1), and the responses that mean the same for every
//! method: a challenge, 408 and 481.
//!
//! ```text
//!  ask() ─► queue ─ path known ─► in flight ─┬─ 401, 407 of a learned realm ─► in flight, with credentials
//!                                            ├─ 481, or 408 to a refresh ─► the call ends
//!                                            └─ any other final response ─► the file of the method
//! ```
//! Requests do not wait for each other, whatever INVITE is open: only offers do, and `modify.rs` lets one out at a time.

use std::time::Instant;

use bytes::Bytes;

use super::Ua;
use super::auth::{Auth, When};
use super::capabilities::{allow, supported_in_dialog};
use super::client_transactions::{Failure, User};
use super::events::Event;
use super::schedule::TransactionId;
use super::types::InviteId;
use super::usage::Bye;
use crate::cause::{Cause, Side, Stage};
use crate::header::HeaderName;
use crate::message::{Method, Response};
use crate::resolve::Hop;

/// What a request in a dialog is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Bye,
    /// INVITE with an offer, or to refresh the session.
    ReInvite,
    /// UPDATE without an offer, to refresh the session.
    Update,
    Prack,
    Info,
}

impl Verb {
    fn method(self) -> Method {
        match self {
            Verb::Bye => Method::Bye,
            Verb::ReInvite => Method::Invite,
            Verb::Update => Method::Update,
            Verb::Prack => Method::Prack,
            Verb::Info => Method::Info,
        }
    }

    /// INVITE and UPDATE are target refresh requests (RFC 3261 section 12.2, RFC 3311 section 5.1).
    fn refreshes_target(self) -> bool {
        matches!(self, Verb::ReInvite | Verb::Update)
    }
}

/// A request in a dialog before it has a CSeq number; a challenged one is sent again from here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    pub(crate) verb: Verb,
    /// What this method adds to the headers of every request.
    pub(crate) headers: Vec<(HeaderName, String)>,
    /// Content-Type and body.
    pub(crate) content: Option<(String, Bytes)>,
    /// The challenges that it answers; `None` before it is sent for the first time.
    auth: Option<Auth>,
}

impl Ask {
    pub(crate) fn new(verb: Verb) -> Self {
        Self {
            verb,
            headers: Vec::new(),
            content: None,
            auth: None,
        }
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: impl std::fmt::Display) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(crate) fn with_sdp(mut self, sdp: Bytes) -> Self {
        self.content = Some(("application/sdp".to_owned(), sdp));
        self
    }
}

/// A request in a dialog whose transaction lives.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) ask: Ask,
    pub(crate) cseq: u32,
    /// A 101-199 has come: somebody beyond the next hop may have the request.
    progressed: bool,
    /// A final response has come.
    pub(crate) answered: bool,
}

impl Ua {
    /// Sends a request in a dialog as soon as its path is known.
    pub(crate) fn ask(&mut self, id: InviteId, remote_tag: &str, ask: Ask, now: Instant) {
        if let Some(usage) = self.usage(id, remote_tag) {
            usage.queue.push_back(ask);
            self.advance_usage(id, remote_tag, now);
        }
    }

    pub(crate) fn send_ask(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        hop: &Hop,
        mut ask: Ask,
        now: Instant,
    ) {
        let patience = self.config.timers.life();
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let contact = self.contact(&call.token, hop);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Some(usage) = call.usages.get_mut(remote_tag) else {
            return;
        };
        let mut request = usage.dialog.request(ask.verb.method());
        let cseq = usage.dialog.local_cseq;
        if ask.verb.refreshes_target() {
            request.headers.push(HeaderName::Contact, contact);
            request.headers.push(HeaderName::Allow, allow());
            request
                .headers
                .push(HeaderName::Supported, supported_in_dialog());
        }
        for (name, value) in &ask.headers {
            request.headers.push(name.clone(), value);
        }
        if let Some((content_type, body)) = &ask.content {
            request.headers.push(HeaderName::ContentType, content_type);
            request.body = body.clone();
        }
        // Known nonces of this dialog are used again with the next count.
        let auth = ask.auth.get_or_insert_with(|| {
            let mut known = usage.auth.clone();
            known.begin();
            known
        });
        call.credentials
            .authorize(auth, &mut request, hop, &mut self.rng);
        let user = User::InDialog(id, remote_tag.to_owned());
        match self.start_client(request, hop, user, patience, now) {
            Some(transaction) => {
                if let Some(usage) = self.usage(id, remote_tag) {
                    let sent = Sent {
                        ask,
                        cseq,
                        progressed: false,
                        answered: false,
                    };
                    usage.in_flight.insert(transaction, sent);
                }
            }
            None => {
                let failure = Failure::Transport("this gateway has no address there".to_owned());
                self.ask_failed_as(id, remote_tag, &ask, &failure, now);
            }
        }
    }

    /// An answer to one of our requests in a dialog.
    pub(crate) fn ask_answered(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        response: &Response,
        now: Instant,
    ) {
        let Some(sent) = self
            .usage(id, remote_tag)
            .and_then(|u| u.in_flight.get_mut(&transaction))
        else {
            return;
        };
        let (mut ask, cseq) = (sent.ask.clone(), sent.cseq);
        sent.progressed |= (101..200).contains(&response.status);
        let progressed = sent.progressed;
        if response.status < 200 {
            if ask.verb == Verb::ReInvite {
                self.re_invite_proceeds(id, remote_tag, transaction, now);
            }
            return;
        }
        if std::mem::replace(&mut sent.answered, true) {
            if ask.verb == Verb::ReInvite && response.status < 300 {
                self.acknowledge_again(id, remote_tag, cseq);
            }
            return;
        }
        if matches!(response.status, 401 | 407) {
            let when = When::in_dialog(progressed, self.config.auth_after_progress);
            // Nothing but BYE is sent again in a dialog that is being left.
            let wanted = ask.verb == Verb::Bye
                || self
                    .usage(id, remote_tag)
                    .is_some_and(|usage| usage.staying());
            if wanted
                && self.answer_challenge(id, remote_tag, transaction, &mut ask, response, when)
            {
                return self.ask(id, remote_tag, ask, now);
            }
        }
        if let Some(usage) = self.usage(id, remote_tag) {
            usage.peer.learn(&response.headers);
        }
        match ask.verb {
            Verb::Bye => self.bye_done(id, remote_tag, now),
            Verb::ReInvite => self.re_invite_answered(id, remote_tag, transaction, response, now),
            Verb::Update => self.update_answered(id, remote_tag, response, now),
            Verb::Prack => {}
            Verb::Info => self.info_answered(id, remote_tag, response, now),
        }
    }

    /// Whether a challenge to a request in a dialog is answered: it came from the account's own next hop, and that hop
    /// has asked for its realm before.
    fn answer_challenge(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        ask: &mut Ask,
        challenge: &Response,
        when: When,
    ) -> bool {
        let Some(hop) = self
            .clients
            .get(&transaction)
            .map(|client| client.hop.clone())
        else {
            return false;
        };
        let Some(call) = self.calls.get_mut(&id) else {
            return false;
        };
        let auth = ask.auth.get_or_insert_default();
        let verdict = call.credentials.challenged(auth, challenge, &hop, when);
        if verdict.is_ok()
            && let Some(usage) = call.usages.get_mut(remote_tag)
        {
            usage.auth = auth.clone();
        }
        verdict.is_ok()
    }

    /// No answer will come to one of our requests in a dialog.
    pub(crate) fn ask_failed(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        failure: &Failure,
        now: Instant,
    ) {
        let Some(sent) = self
            .usage(id, remote_tag)
            .and_then(|u| u.in_flight.get_mut(&transaction))
        else {
            return;
        };
        if !std::mem::replace(&mut sent.answered, true) {
            let ask = sent.ask.clone();
            self.ask_failed_as(id, remote_tag, &ask, failure, now);
        }
    }

    fn ask_failed_as(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        ask: &Ask,
        failure: &Failure,
        now: Instant,
    ) {
        match ask.verb {
            Verb::Bye => self.bye_done(id, remote_tag, now),
            Verb::ReInvite => self.re_invite_failed(id, remote_tag, failure, now),
            Verb::Update => self.update_failed(id, remote_tag, failure, now),
            Verb::Prack => {}
            Verb::Info => self.info_failed(id, failure),
        }
    }

    /// The transaction of one of our requests in a dialog is gone.
    pub(crate) fn ask_over(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        now: Instant,
    ) {
        if let Some(usage) = self.usage(id, remote_tag)
            && let Some(sent) = usage.in_flight.remove(&transaction)
        {
            if sent.ask.verb == Verb::ReInvite {
                usage.forget_ack(sent.cseq);
            }
            self.sweep(id, now);
        }
    }

    /// The peer no longer knows the dialog, or has not answered in it. 12.2.1.2: "If the response for a request within a
    /// dialog is a 481 (Call/Transaction Does Not Exist) or a 408 (Request Timeout), the UAC SHOULD terminate the
    /// dialog. A UAC SHOULD also terminate a dialog if no response at all is received for the request". The owner hears
    /// of it at once; BYE is on its way.
    pub(crate) fn dialog_lost(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        cause: Cause,
        now: Instant,
    ) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let main = call.main.as_deref() == Some(remote_tag);
        self.say_bye(id, remote_tag, cause.to_reason(), now);
        if main {
            self.finish(id, Event::Ended { id, cause }, now);
        }
    }

    /// Why a request in a dialog failed, as its final response tells.
    pub(crate) fn refused_in_dialog(
        &self,
        id: InviteId,
        method: &Method,
        response: &Response,
    ) -> Cause {
        let peer = self
            .calls
            .get(&id)
            .map_or("The peer", |call| call.peer.as_str());
        let status = response.status;
        let reason = response.reason.trim();
        let mut text = format!("{peer} refused the {method} ({status} {reason}).");
        // RFC 3261 section 20.43: the warning says more than the status does.
        if let Some(warning) = response.headers.get(&HeaderName::Warning) {
            text = format!("{peer} refused the {method} ({status} {reason}; {warning}).");
        }
        let mut cause = Cause::new(status, Stage::Call, Side::Sip, text);
        if !reason.is_empty() {
            reason.clone_into(&mut cause.reason);
        }
        cause.with_reasons(&response.headers.reasons())
    }

    /// Why a request in a dialog failed that was not answered.
    pub(crate) fn unanswered_in_dialog(
        &self,
        id: InviteId,
        method: &Method,
        failure: &Failure,
    ) -> Cause {
        let peer = self
            .calls
            .get(&id)
            .map_or("The peer", |call| call.peer.as_str());
        match failure {
            Failure::TimedOut => {
                let seconds = self.config.timers.life().as_secs();
                let text = format!("{peer} did not answer the {method} within {seconds} s.");
                Cause::new(408, Stage::Call, Side::Sip, text)
            }
            Failure::Transport(error) => {
                let text = format!("The {method} could not be sent to {peer}: {error}.");
                Cause::new(503, Stage::Call, Side::Sip, text)
            }
        }
    }

    /// Our BYE is answered, or will not be.
    fn bye_done(&mut self, id: InviteId, remote_tag: &str, now: Instant) {
        if let Some(usage) = self.usage(id, remote_tag) {
            usage.bye = Bye::Done;
        }
        self.left(id, remote_tag, now);
    }
}
