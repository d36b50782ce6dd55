//! CANCEL, both ways (RFC 3261 section 9).

use std::time::Instant;

use super::Ua;
use super::call::{Call, Cancel, Phase};
use super::client_transactions::User;
use super::events::Event;
use super::schedule::{Alarm, Owner, TransactionId};
use super::server_invite::{InviteKey, Purpose};
use super::types::InviteId;
use crate::cause::{Cause, Side, Stage};
use crate::header::{CSeq, HeaderName, Reason};
use crate::message::{Headers, Method, Request};
use crate::resolve::Hop;

impl Ua {
    /// Takes an INVITE of ours back: at once if a 1xx has come, else when it comes.
    pub(crate) fn cancel_attempt(
        &mut self,
        id: InviteId,
        transaction: TransactionId,
        now: Instant,
    ) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let reason = call.farewell.as_ref().and_then(Cause::to_reason);
        let Some(attempt) = call
            .outgoing()
            .and_then(|out| out.attempts.get_mut(&transaction))
        else {
            return;
        };
        if attempt.cancel == Cancel::Sent {
            return;
        }
        if !attempt.provisional {
            attempt.cancel = Cancel::Held;
            return;
        }
        attempt.cancel = Cancel::Sent;
        let (hop, invite) = (attempt.hop.clone(), attempt.invite.clone());
        self.send_cancel(&invite, &hop, reason, now);
        let life = self.config.timers.life();
        // 9.1: "If there is no final response for the original request in 64*T1 seconds ... the client SHOULD then
        // consider the original transaction cancelled and SHOULD destroy the client transaction handling the original
        // request."
        self.schedule
            .set(Owner::Call(id), Alarm::CancelGivenUp, now + life);
    }

    fn send_cancel(&mut self, invite: &Request, hop: &Hop, reason: Option<Reason>, now: Instant) {
        let mut cancel = cancel_of(invite);
        if let Some(reason) = reason {
            cancel.headers.push(HeaderName::Reason, reason);
        }
        let Ok(via) = invite.headers.via() else {
            return;
        };
        let life = self.config.timers.life();
        self.start_client_with(via, cancel, hop, User::Cancel, life, now);
    }

    /// Cancels a re-INVITE of ours that has a provisional response; false when that has been done before.
    pub(crate) fn cancel_client(&mut self, transaction: TransactionId, now: Instant) -> bool {
        let Some(client) = self.clients.get_mut(&transaction) else {
            return false;
        };
        if std::mem::replace(&mut client.cancelled, true) {
            return false;
        }
        let (invite, hop) = (client.request.clone(), client.hop.clone());
        self.send_cancel(&invite, &hop, None, now);
        true
    }

    pub(crate) fn cancel_given_up(&mut self, id: InviteId, now: Instant) {
        let Some(out) = self.calls.get_mut(&id).and_then(Call::outgoing) else {
            return;
        };
        let sent = out
            .attempts
            .iter()
            .filter(|(_, attempt)| attempt.cancel == Cancel::Sent);
        let transactions: Vec<_> = sent.map(|(transaction, _)| *transaction).collect();
        self.cancelled(id, now);
        for transaction in transactions {
            // One that has its final response dies by its own timers.
            if self.client_open(transaction) {
                self.drop_client(transaction, now);
            }
        }
    }

    /// A call we cancelled is over.
    pub(crate) fn cancelled(&mut self, id: InviteId, now: Instant) {
        let Some(call) = self
            .calls
            .get_mut(&id)
            .filter(|call| call.phase == Phase::Cancelling)
        else {
            return;
        };
        let cause = call.farewell.take().unwrap_or_else(own_cancel);
        self.finish(id, Event::Ended { id, cause }, now);
    }

    /// A peer takes its INVITE back.
    pub(crate) fn cancel_received(&mut self, from: &Hop, request: &Request, now: Instant) {
        // 9.2: "The TU determines the transaction to be cancelled by taking the CANCEL request, and then assuming that the
        // request method is anything but CANCEL or ACK and applying the transaction matching procedures of Section 17.2.3."
        let Some(invite) = self.server_of(request, &Method::Invite) else {
            if self.answers(from, request)
                && let Some(id) = self.start_server(request, from)
            {
                // 9.2: "If the UAS did not find a matching transaction for the CANCEL according to the procedure above, it
                // SHOULD respond to the CANCEL with a 481"
                self.answer_plain(id, 481, now);
            }
            return;
        };
        let Some(server) = self.servers.get(&invite) else {
            return;
        };
        let (key, open, tag) = (server.invite.clone(), server.open(), server.tag.clone());
        let Some(id) = self.start_server(request, from) else {
            return;
        };
        if let Some(server) = self.servers.get_mut(&id) {
            // 9.2: "the To tag of the response to the CANCEL and the To tag in the response to the original request SHOULD
            // be the same."
            server.tag = tag;
        }
        self.answer_plain(id, 200, now);
        // 9.2: "If it has [sent a final response], the CANCEL request has no effect on the processing of the original
        // request, no effect on any session state, and no effect on the responses generated for the original request."
        #[cfg(feature = "faults")]
        if !open && crate::fault::planted(crate::fault::Fault::LateCancelAccepted) {
            self.answer_against_the_rules(invite, 487);
        }
        // The owner of a call answers a re-INVITE in the step that brings it, so its CANCEL is always late there.
        #[cfg(feature = "faults")]
        let open = open
            || crate::fault::planted(crate::fault::Fault::ReinviteCancelEndsCall)
                && key.as_ref().is_some_and(|key| self.changes_a_call(key));
        if let Some(key) = key.filter(|_| open) {
            self.invite_cancelled(&key, invite, request, now);
        }
    }

    /// The INVITE is a re-INVITE that its call has not forgotten.
    fn changes_a_call(&mut self, key: &InviteKey) -> bool {
        self.usage(key.call, &key.remote_tag)
            .and_then(|usage| usage.invites.get(&key.cseq))
            .is_some_and(|invite| invite.purpose == Purpose::Change)
    }

    /// An INVITE of the peer is taken back: the first one ends the call, a later one leaves it as it was.
    fn invite_cancelled(
        &mut self,
        key: &InviteKey,
        invite: TransactionId,
        request: &Request,
        now: Instant,
    ) {
        let id = key.call;
        let changes = self.changes_a_call(key);
        #[cfg(feature = "faults")]
        let changes =
            changes && !crate::fault::planted(crate::fault::Fault::ReinviteCancelEndsCall);
        if changes {
            return self.refuse_change(key, 487, &[], now);
        }
        self.answer_plain(invite, 487, now);
        let reasons = request.headers.reasons();
        let peer = self.calls.get(&id).map(|call| call.peer.clone());
        let cause = their_cancel(&peer.unwrap_or_default(), &reasons);
        self.bye_from_all(id);
        self.finish(id, Event::Ended { id, cause }, now);
    }
}

/// RFC 3261 section 9.1: "The Request-URI, Call-ID, To, the numeric part of CSeq, and From header fields in the CANCEL
/// request MUST be identical to those in the request being cancelled, including tags."
fn cancel_of(invite: &Request) -> Request {
    let mut headers = Headers::new();
    for name in [
        HeaderName::Route,
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
    ] {
        headers.copy(&name, &invite.headers);
    }
    headers.push(HeaderName::MaxForwards, "70");
    let number = invite.headers.cseq().map_or(0, |cseq| cseq.number);
    headers.push(
        HeaderName::CSeq,
        CSeq {
            number,
            method: Method::Cancel,
        },
    );
    Request {
        method: Method::Cancel,
        uri: invite.uri.clone(),
        headers,
        body: Default::default(),
    }
}

/// We hung up before the answer.
pub(crate) fn own_cancel() -> Cause {
    let mut cause = Cause::normal(
        Stage::Ringing,
        Side::Browser,
        "The call was cancelled before it was answered.",
    );
    cause.sip_code = Some(487);
    cause
}

fn their_cancel(peer: &str, reasons: &[Reason]) -> Cause {
    let text = format!("{peer} hung up before the call was answered.");
    let mut cause = Cause::normal(Stage::Ringing, Side::Sip, text);
    cause.sip_code = Some(487);
    cause.reason = "Request Terminated".to_owned();
    // RFC 3326 section 2: `SIP;cause=200` says that somebody else answered.
    if reasons
        .iter()
        .any(|reason| reason.is_of("SIP") && reason.cause == Some(200))
    {
        cause.sip_code = Some(200);
        cause.q850 = Some(26);
        cause.reason = "Call completed elsewhere".to_owned();
        cause.text = "The call was answered elsewhere.".to_owned();
        return cause;
    }
    cause.with_reasons(reasons)
}
