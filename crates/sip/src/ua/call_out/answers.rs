//! The responses to an INVITE of ours: provisional and final ones, challenges, forks (RFC 3261 section 13.2.2).

use std::time::Instant;

use crate::cause::Cause;
use crate::dialog::Dialog;
use crate::message::Response;
use crate::ua::Ua;
use crate::ua::auth::When;
use crate::ua::call::{Attempt, Call, Cancel, Direction, Phase, sdp_in};
use crate::ua::events::Event;
use crate::ua::identity::identity;
use crate::ua::media_sources::MediaSources;
use crate::ua::modify::Open;
use crate::ua::prack::Reception;
use crate::ua::schedule::{Alarm, Owner, TransactionId};
use crate::ua::types::InviteId;
use crate::ua::usage::DialogUsage;

/// Most dialogs that one INVITE may make: an INVITE that forks to more phones rings there without early media, and whoever
/// answers with more To tags than that is not a phone.
const MAX_DIALOGS: usize = 32;

impl Ua {
    /// An answer to one of our INVITEs.
    pub(crate) fn invite_answered(
        &mut self,
        id: InviteId,
        transaction: TransactionId,
        response: &Response,
        now: Instant,
    ) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let phase = call.phase;
        let Some(out) = call.outgoing() else { return };
        let current = out.current == Some(transaction);
        let Some(attempt) = out.attempts.get_mut(&transaction) else {
            return;
        };
        attempt.provisional |= response.status < 200;
        attempt.progressed |= (101..200).contains(&response.status);
        let attempt = attempt.clone();
        if current {
            self.tcp_answered(id);
        }
        match (phase, response.status) {
            (Phase::Calling | Phase::Proceeding | Phase::Ringing, 100) if current => self.tried(id),
            (Phase::Calling | Phase::Proceeding | Phase::Ringing, 101..=199) if current => {
                self.progressed(id, &attempt, response, now);
            }
            (Phase::Calling | Phase::Proceeding | Phase::Ringing, 200..=299) if current => {
                self.picked_up(id, &attempt, response, now);
            }
            (Phase::Calling | Phase::Proceeding | Phase::Ringing, 401 | 407) if current => {
                self.invite_challenged(id, &attempt, response, now);
            }
            // RFC 4028 section 7.3: the INVITE is sent again with the interval that the 422 names.
            (Phase::Calling | Phase::Proceeding | Phase::Ringing, 422)
                if current && self.raise_interval(id, response) =>
            {
                self.attempt(id, &attempt.hop, now);
            }
            // RFC 3263 section 4.3: a 503 is a failure of that target; the next one is tried.
            (Phase::Calling | Phase::Proceeding, 503) if current => {
                let cause = self.refusal(id, response);
                if let Some(out) = self.calls.get_mut(&id).and_then(Call::outgoing) {
                    out.last_failure = Some(cause);
                }
                self.next_attempt(id, now);
            }
            (Phase::Calling | Phase::Proceeding | Phase::Ringing, 300..) if current => {
                let cause = self.refusal(id, response);
                self.finish(id, Event::Refused { id, cause }, now);
            }
            // 9.1: "If no provisional response has been received, the CANCEL request MUST NOT be sent; rather, the client
            // MUST wait for the arrival of a provisional response before sending the request."
            (_, 100..=199) if attempt.cancel == Cancel::Held => {
                self.cancel_attempt(id, transaction, now);
            }
            // A 2xx that crossed our CANCEL, of another branch, or once more.
            (_, 200..=299) => self.late_success(id, &attempt, current, response, now),
            (Phase::Cancelling, 300..) if current => self.cancelled(id, now),
            _ => {}
        }
    }

    /// A 422 names a longer interval than we have asked for.
    fn raise_interval(&mut self, id: InviteId, response: &Response) -> bool {
        let Some(asked_s) = self.own_interval_s() else {
            return false;
        };
        let Some(out) = self.calls.get_mut(&id).and_then(Call::outgoing) else {
            return false;
        };
        out.raised.raise(asked_s, response)
    }

    fn tried(&mut self, id: InviteId) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if call.phase == Phase::Calling {
            call.phase = Phase::Proceeding;
        }
        self.schedule.clear(Owner::Call(id), Alarm::NextTarget);
        let Some(out) = self.calls.get_mut(&id).and_then(Call::outgoing) else {
            return;
        };
        if !std::mem::replace(&mut out.trying_told, true) {
            self.event(Event::Trying { id });
        }
    }

    /// 101-199: somebody is being found, or rings (RFC 3261 section 13.2.2.1).
    fn progressed(&mut self, id: InviteId, attempt: &Attempt, response: &Response, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.phase = Phase::Ringing;
        let remote_tag = remote_tag(response);
        let mut answered_before = false;
        if response.status == 199 {
            // RFC 6228 section 4: the early dialog is gone, the INVITE goes on.
            call.usages.remove(&remote_tag);
            return self.event(Event::EarlyDialogEnded { id, remote_tag });
        }
        let mut sources = MediaSources::default();
        sources.learn_from_response(&response.headers);
        let mut signalling = sources.list(&attempt.hop);
        if !remote_tag.is_empty() {
            if call.usages.len() >= MAX_DIALOGS && !call.usages.contains_key(&remote_tag) {
                return;
            }
            let usage = call.usages.entry(remote_tag.clone()).or_insert_with(|| {
                let dialog = Dialog::of_caller(&attempt.invite, response);
                let mut usage = DialogUsage::new(dialog, attempt.hop.clone());
                usage.offers.open = Open::Ours;
                usage
            });
            usage.peer.learn(&response.headers);
            usage.sources.learn_from_response(&response.headers);
            signalling = usage.sources.list(&attempt.hop);
            answered_before = usage.reliable.answered;
        }
        let owner = Owner::Call(id);
        self.schedule.clear(owner, Alarm::NextTarget);
        self.schedule.clear(owner, Alarm::NoProgress);
        if !self.schedule.is_set(owner, Alarm::NoAnswer) {
            let at = now + self.config.no_answer_timeout;
            self.schedule.set(owner, Alarm::NoAnswer, at);
        }
        if self.provisional_received(id, &remote_tag, response, now) == Reception::Passed {
            return;
        }
        // The exchange was complete before (RFC 6337 section 3.1.1), and may have been changed by UPDATE since.
        let sdp = sdp_in(&response.headers, &response.body).filter(|_| !answered_before);
        self.event(Event::Progress {
            id,
            status: response.status,
            remote_tag,
            sdp,
            signalling,
        });
    }

    /// The first 2xx: this dialog is the call (RFC 3261 section 13.2.2.4).
    fn picked_up(&mut self, id: InviteId, attempt: &Attempt, response: &Response, now: Instant) {
        self.stop_waiting(id);
        let remote_tag = self.confirm_usage(id, &attempt.invite, response, &attempt.hop, now);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.phase = Phase::Established;
        call.main = Some(remote_tag.clone());
        let remote = identity(&response.headers, true);
        let mut sdp = sdp_in(&response.headers, &response.body);
        let mut signalling = MediaSources::default().list(&attempt.hop);
        if let Some(usage) = self.usage(id, &remote_tag) {
            signalling = usage.sources.list(&attempt.hop);
            if usage.reliable.answered {
                // The exchange was complete before the 2xx (RFC 3262 section 5, RFC 6337 section 3.1.1).
                sdp = None;
            } else {
                usage.offers.open = Open::None;
            }
        }
        self.timer_agreed(id, &remote_tag, response, now);
        self.event(Event::Answered {
            id,
            remote_tag,
            sdp,
            remote,
            signalling,
        });
    }

    fn late_success(
        &mut self,
        id: InviteId,
        attempt: &Attempt,
        current: bool,
        response: &Response,
        now: Instant,
    ) {
        let remote_tag = remote_tag(response);
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        if call.usages.len() >= MAX_DIALOGS && !call.usages.contains_key(&remote_tag) {
            return;
        }
        let crossed = call.phase == Phase::Cancelling && current;
        let reason = call.farewell.as_ref().and_then(Cause::to_reason);
        let left = call
            .usages
            .get(&remote_tag)
            .filter(|usage| usage.confirmed)
            .map(|usage| usage.finished() && !usage.staying());
        let cseq = response.headers.cseq().map_or(0, |cseq| cseq.number);
        if crossed && let Some(call) = self.calls.get_mut(&id) {
            call.phase = Phase::Leaving;
            call.main = Some(remote_tag.clone());
            self.schedule.clear(Owner::Call(id), Alarm::CancelGivenUp);
        }
        match left {
            None => {
                self.confirm_usage(id, &attempt.invite, response, &attempt.hop, now);
            }
            Some(left) => {
                self.acknowledge_again(id, &remote_tag, cseq);
                if !crossed {
                    return;
                }
                if left {
                    return self.left(id, &remote_tag, now);
                }
            }
        }
        #[cfg(feature = "faults")]
        if crate::fault::planted(crate::fault::Fault::MissingBye) {
            self.bye_received(id, &remote_tag);
            return self.left(id, &remote_tag, now);
        }
        self.say_bye(id, &remote_tag, reason, now);
    }

    fn invite_challenged(
        &mut self,
        id: InviteId,
        attempt: &Attempt,
        response: &Response,
        now: Instant,
    ) {
        let hop = &attempt.hop;
        let deadline = now + self.config.timers.life();
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let (stage, login) = (call.stage(), call.credentials.account.auth_user.clone());
        let Direction::Out(out) = &mut call.side else {
            return;
        };
        let when = When::outside(attempt.progressed, self.config.auth_after_progress);
        let verdict = call
            .credentials
            .challenged(&mut out.auth, response, hop, when);
        match verdict {
            Ok(()) => {
                let Some(out) = call.outgoing() else { return };
                out.deadline = Some(deadline);
                // The credentials may have made it too large for a datagram.
                let hop = self.fitting(id, hop.clone(), now);
                self.attempt(id, &hop, now);
            }
            Err(refusal) => {
                let server = self.server_name(id);
                let mut cause = self.refusal(id, response);
                cause.stage = stage;
                cause.text = refusal.sentence(&login, &server, "INVITE", response.status);
                self.finish(id, Event::Refused { id, cause }, now);
            }
        }
    }
}

/// The tag of the dialog that a response belongs to; empty if it makes none.
fn remote_tag(response: &Response) -> String {
    let to = response.headers.to().ok();
    to.and_then(|to| to.tag).unwrap_or_default()
}
