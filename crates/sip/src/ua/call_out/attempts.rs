//! The targets of an outgoing call, one after the other: an attempt is an INVITE to one of them (RFC 3263 section 4.3).

use std::time::Instant;

use super::causes::unreachable_server;
use crate::header::{CSeq, HeaderName};
use crate::message::Method;
use crate::resolve::Hop;
use crate::ua::Ua;
use crate::ua::call::{Attempt, Call, Cancel, Direction, Phase};
use crate::ua::client_transactions::{Failure, User};
use crate::ua::events::Event;
use crate::ua::schedule::{Alarm, Owner, TransactionId};
use crate::ua::size::TCP_PATIENCE;
use crate::ua::types::InviteId;

impl Ua {
    /// Sends the INVITE to the next target; without one the call has failed.
    pub(super) fn next_attempt(&mut self, id: InviteId, now: Instant) {
        let Some(out) = self.calls.get_mut(&id).and_then(Call::outgoing) else {
            return;
        };
        match out.hops.pop_front() {
            Some(hop) => {
                let hop = self.fitting(id, hop, now);
                self.attempt(id, &hop, now);
            }
            None => {
                let cause = out.last_failure.take();
                let cause = cause.unwrap_or_else(|| self.silence(id));
                self.finish(id, Event::Refused { id, cause }, now);
            }
        }
    }

    /// Sends the INVITE to one target.
    pub(super) fn attempt(&mut self, id: InviteId, hop: &Hop, now: Instant) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let contact = self.contact(&call.token, hop);
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let Direction::Out(out) = &call.side else {
            return;
        };
        let timer = self.timer_request(out.raised);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Direction::Out(out) = &mut call.side else {
            return;
        };
        out.cseq += 1;
        let mut request = out.template.clone();
        for (name, value) in timer {
            request.headers.push(name, value);
        }
        request.headers.push(
            HeaderName::CSeq,
            CSeq {
                number: out.cseq,
                method: Method::Invite,
            },
        );
        request.headers.push(HeaderName::Contact, contact);
        call.credentials
            .authorize(&out.auth, &mut request, hop, &mut self.rng);
        let patience = self.config.timers.life();
        let Some(transaction) = self.start_client(request, hop, User::Invite(id), patience, now)
        else {
            return self.next_attempt(id, now);
        };
        let Some(client) = self.clients.get(&transaction) else {
            return;
        };
        let invite = client.request.clone();
        let attempt = Attempt {
            hop: hop.clone(),
            invite,
            provisional: false,
            progressed: false,
            cancel: Cancel::Unwanted,
        };
        if let Some(out) = self.calls.get_mut(&id).and_then(Call::outgoing) {
            out.attempts.insert(transaction, attempt);
            out.current = Some(transaction);
        }
        self.tell_size(id);
        self.limit_silence(id, now);
    }

    /// Limits how long the current target may stay silent. Several targets share the time; a single one has all of
    /// Timer B.
    fn limit_silence(&mut self, id: InviteId, now: Instant) {
        let life = self.config.timers.life();
        let Some(out) = self.calls.get_mut(&id).and_then(Call::outgoing) else {
            return;
        };
        let left = out
            .deadline
            .map_or(life, |deadline| deadline.saturating_duration_since(now));
        let targets = u32::try_from(out.hops.len() + 1).unwrap_or(1);
        let patience = match &out.fallback {
            Some(_) => TCP_PATIENCE.min(left / targets),
            None => left / targets,
        };
        if patience < life {
            self.schedule
                .set(Owner::Call(id), Alarm::NextTarget, now + patience);
        }
    }

    /// Nothing came back from a target. The next one is tried; after the last one the call has failed (RFC 3263 section
    /// 4.3).
    pub(crate) fn invite_failed(
        &mut self,
        id: InviteId,
        transaction: TransactionId,
        failure: &Failure,
        now: Instant,
    ) {
        let silence = self.silence(id);
        let server = self.server_name(id);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let phase = call.phase;
        let Some(out) = call.outgoing() else { return };
        if out.current != Some(transaction) {
            return;
        }
        match phase {
            Phase::Cancelling => self.cancelled(id, now),
            Phase::Calling | Phase::Proceeding | Phase::Ringing => {
                out.last_failure = Some(match failure {
                    Failure::TimedOut => silence,
                    Failure::Transport(error) => unreachable_server(&server, error),
                });
                self.tcp_failed(id, now);
                self.next_attempt(id, now);
            }
            _ => {}
        }
    }

    /// A target among several has been silent for its share of Timer B.
    pub(crate) fn target_silent(&mut self, id: InviteId, now: Instant) {
        let silence = self.silence(id);
        let Some(out) = self.calls.get_mut(&id).and_then(Call::outgoing) else {
            return;
        };
        out.last_failure = Some(silence);
        if let Some(transaction) = out.current.take() {
            // It may wake up later: then it gets a CANCEL, or ACK and BYE.
            self.cancel_attempt(id, transaction, now);
            self.hush_client(transaction);
        }
        self.tcp_failed(id, now);
        self.next_attempt(id, now);
    }

    /// An INVITE's transaction is gone.
    pub(crate) fn attempt_over(&mut self, id: InviteId, transaction: TransactionId, now: Instant) {
        if let Some(out) = self.calls.get_mut(&id).and_then(Call::outgoing) {
            out.attempts.remove(&transaction);
            self.sweep(id, now);
        }
    }
}
