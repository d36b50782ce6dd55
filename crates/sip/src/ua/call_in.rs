//! INVITE, incoming: 100, 180, the answer and its ACK (RFC 3261 section 13.3).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use secrecy::SecretString;

use super::auth::Credentials;
use super::call::{Call, Direction, Incoming, Phase, sdp_of};
use super::fork::Fork;
use super::identity::{identity, name_of};
use super::schedule::{Alarm, Owner, TransactionId};
use super::server_transactions::connecting_hop;
use super::types::{Account, Event, InviteId, RegistrationId};
use super::{ALLOW, Ua};
use crate::cause::{Cause, Side, Stage};
use crate::dialog::Dialog;
use crate::header::HeaderName;
use crate::message::Request;
use crate::resolve::{Hop, Target};
use crate::uri::SipUser;

/// 13.3.1.1: "the UAS SHOULD send a non-100 provisional response every minute, to handle the possibility of lost
/// provisional responses."
const RING_INTERVAL: Duration = Duration::from_secs(60);

/// A caller that has gone without CANCEL must not ring here for ever; proxies give up after 3 minutes (16.6, Timer C).
const RING_LIMIT: Duration = Duration::from_secs(190);

/// Whom a call is for.
struct Callee {
    credentials: Credentials,
    token: String,
    next_hop: Option<Target>,
}

impl Ua {
    /// A new call for a live registration; without one, for whoever owns this user agent to decide.
    pub(crate) fn invited(
        &mut self,
        transaction: TransactionId,
        request: &Request,
        registration: Option<RegistrationId>,
        now: Instant,
    ) {
        let Callee {
            credentials,
            token,
            next_hop,
        } = self.callee_of(request, registration);
        let account_user = credentials.account.user.to_string();
        let Some(server) = self.servers.get(&transaction) else {
            return;
        };
        let (local_tag, via) = (server.tag.clone(), server.hop.clone());
        let toward_caller = self.toward_caller(request, registration, &via);
        let dialog = Dialog::of_callee(request, &local_tag);
        let id = InviteId(self.fresh_id());
        let call_id = dialog.call_id.clone();
        let remote_tag = dialog.remote_tag.clone();
        let caller = identity(&request.headers, false);
        let called = identity(&request.headers, true);
        let from = request.headers.from().ok();
        let call = Call {
            phase: Phase::Offered,
            call_id: call_id.clone(),
            local_tag: local_tag.clone(),
            token,
            peer: from.map_or_else(|| "The caller".to_owned(), |from| name_of(&from.uri)),
            credentials,
            next_hop,
            main: Some(remote_tag.clone()),
            farewell: None,
            side: Direction::In(Incoming {
                server: Some(transaction),
                invite_cseq: dialog.remote_cseq.unwrap_or(0),
                again: self.config.timers.t1,
                leave: false,
            }),
            forks: BTreeMap::from([(remote_tag, Fork::of_callee(dialog, toward_caller))]),
        };
        self.dialogs.insert((call_id, local_tag), id);
        self.calls.insert(id, call);
        if let Some(server) = self.servers.get_mut(&transaction) {
            server.call = Some(id);
        }
        // 17.2.1: "The server transaction MUST generate a 100 (Trying) response unless it knows that the TU will generate
        // a provisional or final response within 200 ms".
        self.answer_plain(transaction, 100, now);
        let limit = self.ring_limit();
        self.schedule
            .set(Owner::Call(id), Alarm::RingLimit, now + limit);
        self.event(Event::Incoming {
            id,
            registration,
            caller: caller.user,
            display: caller.display,
            callee: if called.user.is_empty() {
                account_user
            } else {
                called.user
            },
            offer: sdp_of(&request.headers, &request.body),
            user_agent: caller.user_agent,
            from: via,
        });
    }

    /// Tells the caller that it rings: 180.
    pub fn ring(&mut self, id: InviteId, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if !matches!(call.phase, Phase::Offered | Phase::Alerting) {
            return;
        }
        call.phase = Phase::Alerting;
        if let Some(transaction) = call.incoming().and_then(|incoming| incoming.server) {
            let headers = self.dialog_headers(id, transaction);
            self.answer(transaction, 180, &headers, Bytes::new(), now);
            self.schedule
                .set(Owner::Call(id), Alarm::RingAgain, now + RING_INTERVAL);
        }
    }

    /// Takes the call: 200 with this SDP. [`Event::Confirmed`] follows when the caller has acknowledged it.
    pub fn accept(&mut self, id: InviteId, sdp: Bytes, now: Instant) {
        let (t1, life) = (self.config.timers.t1, self.config.timers.life());
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if !matches!(call.phase, Phase::Offered | Phase::Alerting) {
            return;
        }
        call.phase = Phase::AwaitingAck;
        self.stop_waiting(id);
        let Some(transaction) = self.invite_transaction(id) else {
            return;
        };
        let mut headers = self.dialog_headers(id, transaction);
        headers.push((HeaderName::Allow, ALLOW.to_owned()));
        headers.push((HeaderName::ContentType, "application/sdp".to_owned()));
        self.answer(transaction, 200, &headers, sdp, now);
        // 13.3.1.4: "The 2xx response is passed to the transport with an interval that starts at T1 seconds and doubles for
        // each retransmission until it reaches T2 seconds".
        self.schedule
            .set(Owner::Call(id), Alarm::AnswerAgain, now + t1);
        self.schedule.set(Owner::Call(id), Alarm::NoAck, now + life);
    }

    /// Refuses the call with this status.
    pub fn reject(&mut self, id: InviteId, status: u16, reason: &str, now: Instant) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        if !matches!(call.phase, Phase::Offered | Phase::Alerting) {
            return self.end(id, now);
        }
        let text = format!("The call was refused here ({status} {reason}).");
        let mut cause = Cause::new(status, Stage::Ringing, Side::Browser, text);
        if !reason.is_empty() {
            reason.clone_into(&mut cause.reason);
        }
        self.refuse(id, status, cause, now);
    }

    /// A final answer of 300 or above, and the end.
    pub(crate) fn refuse(&mut self, id: InviteId, status: u16, cause: Cause, now: Instant) {
        if let Some(transaction) = self.invite_transaction(id) {
            let headers = match (status, cause.to_reason()) {
                (_, Some(reason)) => vec![(HeaderName::Reason, reason.to_string())],
                (_, None) => Vec::new(),
            };
            let status = if (300..700).contains(&status) {
                status
            } else {
                480
            };
            self.answer(transaction, status, &headers, Bytes::new(), now);
        }
        self.bye_from_all(id);
        self.finish(id, Event::Ended { id, cause });
    }

    pub(crate) fn ring_again(&mut self, id: InviteId, now: Instant) {
        self.ring(id, now);
    }

    pub(crate) fn rang_too_long(&mut self, id: InviteId, now: Instant) {
        let text = format!("Nobody answered within {} s.", self.ring_limit().as_secs());
        let cause = Cause::new(480, Stage::Ringing, Side::Browser, text);
        self.refuse(id, 480, cause, now);
    }

    /// The 2xx once more (RFC 3261 section 13.3.1.4).
    pub(crate) fn answer_unconfirmed(&mut self, id: InviteId, now: Instant) {
        let t2 = self.config.timers.t2;
        let Some(incoming) = self.calls.get_mut(&id).and_then(Call::incoming) else {
            return;
        };
        incoming.again = (incoming.again * 2).min(t2);
        let (next, server) = (incoming.again, incoming.server);
        if let Some(transaction) = server {
            self.answer_again(transaction, now);
            self.schedule
                .set(Owner::Call(id), Alarm::AnswerAgain, now + next);
        }
    }

    /// 13.3.1.4: "If the server retransmits the 2xx response for 64*T1 seconds without receiving an ACK, the dialog is
    /// confirmed, but the session SHOULD be terminated. This is accomplished with a BYE".
    pub(crate) fn never_confirmed(&mut self, id: InviteId, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let seconds = self.config.timers.life().as_secs();
        let text = format!(
            "{} never confirmed our answer (no ACK within {seconds} s).",
            call.peer
        );
        let cause = Cause::new(408, Stage::Answer, Side::Sip, text);
        let farewell = call.farewell.take().unwrap_or(cause);
        let main = call.main.clone().unwrap_or_default();
        let reason = farewell.to_reason();
        self.say_bye(id, &main, reason, now);
        self.finish(
            id,
            Event::Ended {
                id,
                cause: farewell,
            },
        );
    }

    /// An ACK: of a non-2xx it ends a transaction, of a 2xx it confirms a call.
    pub(crate) fn ack_received(
        &mut self,
        same_branch: Option<TransactionId>,
        request: &Request,
        now: Instant,
    ) {
        if let Some(transaction) = same_branch
            && !self.ack_in_transaction(transaction, now)
        {
            return;
        }
        let Some((id, _)) = self.dialog_of(request) else {
            return;
        };
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let Some(call) = self
            .calls
            .get_mut(&id)
            .filter(|call| call.phase == Phase::AwaitingAck)
        else {
            return;
        };
        let leave = match call.incoming() {
            Some(incoming) if incoming.invite_cseq == number => incoming.leave,
            _ => return,
        };
        call.phase = Phase::Established;
        let reason = call.farewell.as_ref().and_then(Cause::to_reason);
        self.stop_waiting(id);
        let sdp = sdp_of(&request.headers, &request.body);
        self.event(Event::Confirmed { id, sdp });
        if leave {
            self.leave(id, reason, now);
        }
    }

    /// The INVITE's server transaction is gone.
    pub(crate) fn invite_server_over(&mut self, id: InviteId) {
        if let Some(incoming) = self.calls.get_mut(&id).and_then(Call::incoming) {
            incoming.server = None;
            self.sweep(id);
        }
    }

    /// The peer has left, or is refused: no BYE of ours is due in any dialog.
    pub(crate) fn bye_from_all(&mut self, id: InviteId) {
        let tags: Vec<String> = self
            .calls
            .get(&id)
            .map(|call| call.forks.keys().cloned().collect())
            .unwrap_or_default();
        for tag in tags {
            self.bye_received(id, &tag);
        }
    }

    /// Stops every timer that waits for somebody to pick up or to confirm.
    pub(crate) fn stop_waiting(&mut self, id: InviteId) {
        for alarm in [
            Alarm::NoProgress,
            Alarm::NoAnswer,
            Alarm::NextTarget,
            Alarm::RingAgain,
            Alarm::RingLimit,
            Alarm::AnswerAgain,
            Alarm::NoAck,
        ] {
            self.schedule.clear(Owner::Call(id), alarm);
        }
    }

    /// Proxies give up after 3 minutes; whoever wants to ring longer has said so.
    fn ring_limit(&self) -> Duration {
        RING_LIMIT.max(self.config.no_answer_timeout)
    }

    fn callee_of(&mut self, request: &Request, registration: Option<RegistrationId>) -> Callee {
        if let Some(registered) = registration.and_then(|id| self.registrations.get(&id)) {
            let account = registered.account.clone();
            let next_hop = Some(account.next_hop.clone());
            let mut credentials = Credentials::new(account, registered.hops.clone());
            credentials.realms.clone_from(&registered.realms);
            let token = registered.token.clone();
            return Callee {
                credentials,
                token,
                next_hop,
            };
        }
        // Nobody's password is used for this call: it has no hops to be used with.
        let host = request.uri.host.to_string();
        let user = request.uri.user.as_deref().unwrap_or_default();
        let account = Account {
            user: SipUser::parse(user).unwrap_or_else(|_| SipUser::anonymous()),
            domain: host.clone(),
            auth_user: String::new(),
            password: SecretString::from(""),
            next_hop: Target {
                host,
                port: None,
                transport: None,
            },
            display: None,
        };
        Callee {
            credentials: Credentials::new(account, Vec::new()),
            token: self.random_hex(128),
            next_hop: None,
        }
    }

    /// The way of our requests to a caller whose route set names none that may be used. A stream that the caller opened
    /// may be gone by then, so it is the address where it listens.
    fn toward_caller(
        &self,
        request: &Request,
        registration: Option<RegistrationId>,
        from: &Hop,
    ) -> Hop {
        if !from.transport.reliable() {
            return from.clone();
        }
        let registered = registration.and_then(|id| self.registrations.get(&id));
        let same_server =
            |hop: &&Hop| hop.transport == from.transport && hop.addr.ip() == from.addr.ip();
        if let Some(hop) = registered.and_then(|r| r.hops.iter().find(same_server)) {
            return hop.clone();
        }
        let back = connecting_hop(&request.headers, from);
        if self.config.targets.allows(back.addr) {
            back
        } else {
            from.clone()
        }
    }

    fn invite_transaction(&self, id: InviteId) -> Option<TransactionId> {
        match &self.calls.get(&id)?.side {
            Direction::In(incoming) => incoming.server,
            Direction::Out(_) => None,
        }
    }

    /// What a response that makes a dialog carries.
    fn dialog_headers(
        &self,
        id: InviteId,
        transaction: TransactionId,
    ) -> Vec<(HeaderName, String)> {
        let token = self.calls.get(&id).map(|call| call.token.as_str());
        let hop = self.servers.get(&transaction).map(|server| &server.hop);
        match (token, hop) {
            (Some(token), Some(hop)) => vec![(HeaderName::Contact, self.contact(token, hop))],
            _ => Vec::new(),
        }
    }
}
