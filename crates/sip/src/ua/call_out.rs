//! INVITE, outgoing: targets, provisional and final answers, forks (RFC 3261 section 13.2).

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::Ua;
use super::auth::{Auth, Credentials, When};
use super::call::{Attempt, Call, Cancel, Direction, Outgoing, Phase, sdp_in};
use super::client_transactions::{Failure, User};
use super::events::Event;
use super::identity::{identity, name_of};
use super::invite_template::invite_template;
use super::look_up::Seeker;
use super::media_sources::MediaSources;
use super::modify::Open;
use super::prack::Reception;
use super::schedule::{Alarm, Owner, TransactionId};
use super::size::TCP_PATIENCE;
use super::types::{Invite, InviteId};
use super::usage::DialogUsage;
use crate::cause::{Cause, Side, Stage};
use crate::dialog::Dialog;
use crate::header::{CSeq, HeaderName};
use crate::message::{Method, Response};
use crate::resolve::Hop;
use crate::uri::Uri;

impl Ua {
    /// Calls somebody. Every outcome comes as an [`Event`].
    pub fn invite(&mut self, invite: Invite, now: Instant) -> InviteId {
        let remote_target = invite.callee.clone();
        self.invite_at(remote_target, invite, now)
    }

    /// The same in two steps, for callers that need the next hop before they can make an offer: [`Event::Located`] follows,
    /// and the INVITE goes out with [`Ua::offer`].
    pub fn prepare(&mut self, invite: Invite, now: Instant) -> InviteId {
        let remote_target = invite.callee.clone();
        self.begin_call(remote_target, invite, true, now)
    }

    /// The offer of a call that has been located.
    pub fn offer(&mut self, id: InviteId, sdp: Bytes, now: Instant) {
        let located = self
            .calls
            .get_mut(&id)
            .filter(|call| call.phase == Phase::Located);
        let Some(out) = located.and_then(Call::outgoing) else {
            return;
        };
        if !std::mem::take(&mut out.awaits_offer) {
            return;
        }
        out.template
            .headers
            .push(HeaderName::ContentType, "application/sdp");
        out.template.body = sdp;
        self.launch(id, now);
    }

    /// The same as [`Ua::invite`] for a registrar, which knows a contact of the callee: To names the callee, the
    /// Request-URI the contact.
    pub fn invite_at(&mut self, remote_target: Uri, invite: Invite, now: Instant) -> InviteId {
        self.begin_call(remote_target, invite, false, now)
    }

    fn begin_call(
        &mut self,
        remote_target: Uri,
        invite: Invite,
        awaits_offer: bool,
        now: Instant,
    ) -> InviteId {
        let id = InviteId(self.fresh_id());
        let call_id = self.random_hex(128);
        let local_tag = self.random_hex(64);
        let registered = self
            .registrations
            .values()
            .find(|r| r.is_of(&invite.account));
        let realms = registered.map(|r| r.realms.clone()).unwrap_or_default();
        let token = self.random_hex(128);
        let (template, problem) = invite_template(remote_target, &invite, &call_id, &local_tag);
        let target = invite.account.next_hop.clone();
        let call = Call {
            phase: Phase::LookingUp,
            call_id: call_id.clone(),
            local_tag: local_tag.clone(),
            token,
            peer: name_of(&invite.callee),
            credentials: Credentials {
                realms,
                ..Credentials::new(invite.account, Vec::new())
            },
            next_hop: Some(target.clone()),
            usages: BTreeMap::new(),
            main: None,
            farewell: None,
            side: Direction::Out(Box::new(Outgoing {
                template,
                cseq: 0,
                awaits_offer,
                min_se_s: 0,
                hops: VecDeque::new(),
                fallback: None,
                deadline: None,
                attempts: BTreeMap::new(),
                current: None,
                auth: Auth::default(),
                trying_told: false,
                size_told: false,
                last_failure: None,
            })),
        };
        self.dialogs.insert((call_id, local_tag), id);
        self.calls.insert(id, call);
        match problem {
            Some(text) => {
                let cause = Cause::new(400, Stage::Input, Side::Browser, format!("{text}."));
                self.finish(id, Event::Refused { id, cause }, now);
            }
            None => self.look_up(&target, Seeker::Call(id), now),
        }
        id
    }

    /// The next hop's addresses are known, or why not.
    pub(crate) fn call_found(&mut self, id: InviteId, hops: Result<Vec<Hop>, Cause>, now: Instant) {
        let Some(call) = self
            .calls
            .get_mut(&id)
            .filter(|call| call.phase == Phase::LookingUp)
        else {
            return;
        };
        let mut hops = match hops {
            Ok(hops) => hops,
            Err(cause) => return self.finish(id, Event::Refused { id, cause }, now),
        };
        // The one the registration works with comes first.
        let account = &call.credentials.account;
        let registered = self.registrations.values().find(|r| r.is_of(account));
        if let Some(at) =
            registered.and_then(|r| hops.iter().position(|hop| r.hop.as_ref() == Some(hop)))
        {
            let working = hops.remove(at);
            hops.insert(0, working);
        }
        call.credentials.hops.clone_from(&hops);
        let first = hops.first().cloned();
        let Some(out) = call.outgoing() else { return };
        out.hops = hops.into();
        let awaits_offer = out.awaits_offer;
        call.phase = Phase::Located;
        match first {
            Some(hop) if awaits_offer => self.event(Event::Located { id, hop }),
            _ => self.launch(id, now),
        }
    }

    /// The first INVITE of a call.
    fn launch(&mut self, id: InviteId, now: Instant) {
        let deadline = now + self.config.timers.life();
        let Some(call) = self
            .calls
            .get_mut(&id)
            .filter(|call| call.phase == Phase::Located)
        else {
            return;
        };
        call.phase = Phase::Calling;
        if let Some(out) = call.outgoing() {
            out.deadline = Some(deadline);
        }
        self.schedule.set(
            Owner::Call(id),
            Alarm::NoProgress,
            now + self.config.trying_timeout,
        );
        self.next_attempt(id, now);
    }

    /// Sends the INVITE to the next target; without one the call has failed.
    fn next_attempt(&mut self, id: InviteId, now: Instant) {
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
    fn attempt(&mut self, id: InviteId, hop: &Hop, now: Instant) {
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
        let timer = self.timer_request(out.min_se_s);
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

    /// The current target may stay silent for its part of the time; alone it has its Timer B.
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
        let Some(out) = self.calls.get_mut(&id).and_then(Call::outgoing) else {
            return false;
        };
        match Self::longer_interval(out.min_se_s, response) {
            Some(min) => {
                out.min_se_s = min;
                true
            }
            None => false,
        }
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
        let remote_tag = response
            .headers
            .to()
            .ok()
            .and_then(|to| to.tag)
            .unwrap_or_default();
        if response.status == 199 {
            // RFC 6228 section 4: the early dialog is gone, the INVITE goes on.
            call.usages.remove(&remote_tag);
            return self.event(Event::EarlyDialogEnded { id, remote_tag });
        }
        let mut sources = MediaSources::default();
        sources.learn_from_response(&response.headers);
        let mut signalling = sources.list(&attempt.hop);
        if !remote_tag.is_empty() {
            let usage = call.usages.entry(remote_tag.clone()).or_insert_with(|| {
                let dialog = Dialog::of_caller(&attempt.invite, response);
                let mut usage = DialogUsage::new(dialog, attempt.hop.clone());
                usage.offers.open = Open::Ours;
                usage.offers.local_sdp = attempt.invite.body.clone();
                usage
            });
            usage.peer.learn(&response.headers);
            usage.sources.learn_from_response(&response.headers);
            signalling = usage.sources.list(&attempt.hop);
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
        let sdp = sdp_in(&response.headers, &response.body);
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
                usage.offers.local_sdp = attempt.invite.body.clone();
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
        let remote_tag = response
            .headers
            .to()
            .ok()
            .and_then(|to| to.tag)
            .unwrap_or_default();
        let Some(call) = self.calls.get(&id) else {
            return;
        };
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

    /// Nothing came back from a target: the next one, or the end (RFC 3263 section 4.3).
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

    /// The call has rung for too long, or made no progress after 100.
    pub(crate) fn not_answered(&mut self, id: InviteId, alarm: Alarm, now: Instant) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let (peer, stage) = (call.peer.clone(), call.stage());
        let server = self.server_name(id);
        let text = if alarm == Alarm::NoProgress {
            let seconds = self.config.trying_timeout.as_secs_f32();
            format!(
                "The SIP server {server} took the call but nobody rang within {seconds} s (setting sip_trying_timeout)."
            )
        } else {
            format!(
                "{peer} did not answer within {} s.",
                self.config.no_answer_timeout.as_secs()
            )
        };
        let current = match &call.side {
            Direction::Out(out) => out.current,
            Direction::In(_) => None,
        };
        if let Some(transaction) = current {
            self.cancel_attempt(id, transaction, now);
        }
        let cause = Cause::new(408, stage, Side::Sip, text);
        self.finish(id, Event::Refused { id, cause }, now);
    }

    /// An INVITE's transaction is gone.
    pub(crate) fn attempt_over(&mut self, id: InviteId, transaction: TransactionId, now: Instant) {
        if let Some(out) = self.calls.get_mut(&id).and_then(Call::outgoing) {
            out.attempts.remove(&transaction);
            self.sweep(id, now);
        }
    }

    /// The next hop as the user named it.
    pub(crate) fn server_name(&self, id: InviteId) -> String {
        let call = self.calls.get(&id);
        let target = call.and_then(|call| call.next_hop.as_ref());
        target.map_or_else(|| "the SIP server".to_owned(), ToString::to_string)
    }

    fn silence(&self, id: InviteId) -> Cause {
        let server = self.server_name(id);
        let seconds = self.config.timers.life().as_secs();
        let size = self.size_warning(id);
        let text = format!(
            "The SIP server {server} did not answer within {seconds} s (no response to INVITE).{size}"
        );
        Cause::new(408, Stage::Invite, Side::Sip, text)
    }

    fn refusal(&self, id: InviteId, response: &Response) -> Cause {
        let Some(call) = self.calls.get(&id) else {
            return self.silence(id);
        };
        let server = self.server_name(id);
        Cause::refused(
            response.status,
            &response.reason,
            call.stage(),
            &call.peer,
            &server,
        )
        .with_reasons(&response.headers.reasons())
    }
}

/// The transport could not deliver.
pub(crate) fn unreachable_server(server: &str, error: &str) -> Cause {
    let text = format!("The SIP server {server} cannot be reached: {error}.");
    Cause::new(503, Stage::Connect, Side::Sip, text)
}
