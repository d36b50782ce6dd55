//! INVITE, incoming: 100, 180, the answer and its ACK (RFC 3261 section 13.3).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use secrecy::SecretString;

use super::Ua;
use super::auth::Credentials;
use super::call::{Call, Direction, Incoming, Phase, sdp_in};
use super::events::Event;
use super::identity::{identity, name_of};
use super::invite_template::own_header;
use super::modify::Open;
use super::schedule::{Alarm, Owner, TransactionId};
use super::server_invite::{InviteKey, Purpose, ServerInvite};
use super::server_transactions::connecting_hop;
use super::types::{Account, InviteId, RegistrationId};
use super::usage::DialogUsage;
use crate::cause::{Cause, Side, Stage};
use crate::dialog::Dialog;
use crate::header::{HeaderName, Warning};
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
        if let Some((status, headers)) = self.interval_too_small(request) {
            return self.answer(transaction, status, &headers, Bytes::new(), now);
        }
        let Callee {
            credentials,
            next_hop,
        } = self.callee_of(request, registration);
        let token = self.random_hex(128);
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
        let cseq = dialog.remote_cseq.unwrap_or(0);
        let reliable = request.headers.require().has("100rel");
        let offer = sdp_in(&request.headers, &request.body);
        let mut usage = DialogUsage::new(dialog, toward_caller);
        usage.peer.learn(&request.headers);
        usage.sources.learn_from_request(&request.headers);
        let signalling = usage.sources.list(&via);
        if offer.is_some() {
            usage.offers.open = Open::Theirs(transaction);
        }
        let invite = ServerInvite::new(transaction, Purpose::SetUp, self.config.timers.t1);
        usage.invites.insert(cseq, invite);
        let expires = request
            .headers
            .expires()
            .map(|s| Duration::from_secs(u64::from(s)));
        let expires = expires.filter(|expires| *expires < self.ring_limit());
        let key = InviteKey {
            call: id,
            remote_tag: remote_tag.clone(),
            cseq,
        };
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
                cseq,
                reliable,
                expires: expires.is_some(),
                leave: false,
            }),
            usages: BTreeMap::from([(remote_tag, usage)]),
        };
        self.dialogs.insert((call_id.clone(), local_tag), id);
        self.calls.insert(id, call);
        if let Some(server) = self.servers.get_mut(&transaction) {
            server.invite = Some(key);
        }
        // 17.2.1: "The server transaction MUST generate a 100 (Trying) response unless it knows that the TU will generate
        // a provisional or final response within 200 ms".
        self.answer_plain(transaction, 100, now);
        // 13.3.1: "If the request is an INVITE that contains an Expires header field, the UAS core sets a timer for the
        // number of seconds indicated in the header field value."
        let limit = expires.unwrap_or_else(|| self.ring_limit());
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
            offer,
            reliable,
            sip_call_id: call_id,
            user_agent: caller.user_agent,
            signalling,
        });
    }

    /// Tells the caller that it rings: 180. To a caller that requires reliable provisional responses it carries `sdp`,
    /// our offer to an INVITE without one.
    pub fn ring(&mut self, id: InviteId, sdp: Option<Bytes>, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if !matches!(call.phase, Phase::Offered | Phase::Alerting) {
            return;
        }
        call.phase = Phase::Alerting;
        if let Some(transaction) = call.incoming().and_then(|incoming| incoming.server) {
            self.send_ringing(id, transaction, sdp.unwrap_or_default(), now);
            self.schedule
                .set(Owner::Call(id), Alarm::RingAgain, now + RING_INTERVAL);
        }
    }

    /// Takes the call: 200 with this SDP, which is empty where a reliable 180 has brought offer and answer already, and
    /// with headers of the application's own. [`Event::Confirmed`] follows when the caller has acknowledged it.
    pub fn accept(&mut self, id: InviteId, sdp: Bytes, headers: &[(String, String)], now: Instant) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        if !matches!(call.phase, Phase::Offered | Phase::Alerting) {
            return;
        }
        let own = |(name, value): &(String, String)| {
            let name = own_header(name, value).ok()?;
            Some((name, value.clone()))
        };
        let headers: Vec<_> = headers.iter().filter_map(own).collect();
        if !self.accept_waits_for_prack(id, &sdp, &headers) {
            self.accept_now(id, sdp, &headers, now);
        }
    }

    pub(crate) fn accept_now(
        &mut self,
        id: InviteId,
        sdp: Bytes,
        headers: &[(HeaderName, String)],
        now: Instant,
    ) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Some(transaction) = call.incoming().and_then(|incoming| incoming.server) else {
            return;
        };
        call.phase = Phase::AwaitingAck;
        self.stop_waiting(id);
        let key = self
            .servers
            .get(&transaction)
            .and_then(|server| server.invite.clone());
        if let Some(key) = key {
            self.accept_invite(&key, headers, sdp, now);
        }
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

    /// Refuses the call for a reason that its sentence explains: a 488 carries it as a Warning.
    pub fn reject_with(&mut self, id: InviteId, cause: &Cause, now: Instant) {
        let status = cause.sip_code.unwrap_or(480);
        match self.calls.get(&id).map(|call| call.phase) {
            Some(Phase::Offered | Phase::Alerting) => self.refuse(id, status, cause.clone(), now),
            _ => self.end_with(id, cause, now),
        }
    }

    /// A final response of 300 or above, and the end.
    pub(crate) fn refuse(&mut self, id: InviteId, status: u16, cause: Cause, now: Instant) {
        if let Some(transaction) = self.invite_transaction(id) {
            let mut headers = Vec::new();
            if let Some(reason) = cause.to_reason() {
                headers.push((HeaderName::Reason, reason.to_string()));
            }
            if status == 488 {
                // 13.3.1.3: "Such a response SHOULD include a Warning header field value explaining why the offer was
                // rejected."
                let agent = &self.config.user_agent;
                let warning = Warning::new(Warning::MISCELLANEOUS, agent, cause.text.clone());
                headers.push((HeaderName::Warning, warning.to_string()));
            }
            let status = if (300..700).contains(&status) {
                status
            } else {
                480
            };
            self.answer(transaction, status, &headers, Bytes::new(), now);
        }
        self.bye_from_all(id);
        self.finish(id, Event::Ended { id, cause }, now);
    }

    pub(crate) fn ring_again(&mut self, id: InviteId, now: Instant) {
        self.ring(id, None, now);
    }

    pub(crate) fn rang_too_long(&mut self, id: InviteId, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let peer = call.peer.clone();
        let (status, text) = if call.incoming().is_some_and(|incoming| incoming.expires) {
            // 13.3.1: "If the invitation expires before the UAS has generated a final response, a 487 (Request Terminated)
            // response SHOULD be generated."
            (
                487,
                format!("{peer} did not want to wait any longer (Expires)."),
            )
        } else {
            let seconds = self.ring_limit().as_secs();
            (480, format!("Nobody answered within {seconds} s."))
        };
        let cause = Cause::new(status, Stage::Ringing, Side::Browser, text);
        self.refuse(id, status, cause, now);
    }

    /// Stops every timer that waits for somebody to pick up or to confirm.
    pub(crate) fn stop_waiting(&mut self, id: InviteId) {
        for alarm in [
            Alarm::NoProgress,
            Alarm::NoAnswer,
            Alarm::NextTarget,
            Alarm::RingAgain,
            Alarm::RingLimit,
            Alarm::ProvisionalAgain,
            Alarm::NoPrack,
        ] {
            self.schedule.clear(Owner::Call(id), alarm);
        }
    }

    /// Proxies give up after 3 minutes; whoever wants to ring longer has said so.
    fn ring_limit(&self) -> Duration {
        RING_LIMIT.max(self.config.no_answer_timeout)
    }

    fn callee_of(&self, request: &Request, registration: Option<RegistrationId>) -> Callee {
        if let Some(registered) = registration.and_then(|id| self.registrations.get(&id)) {
            let account = registered.account.clone();
            let next_hop = Some(account.next_hop.clone());
            let mut credentials = Credentials::new(account, registered.hops.clone());
            credentials.realms.clone_from(&registered.realms);
            return Callee {
                credentials,
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
}
