//! A call that changes: offers in re-INVITE, UPDATE and PRACK, from either side, one at a time (RFC 3261 section 14,
//! RFC 3311, RFC 3264 section 4, RFC 6337).
//!
//! ```text
//!  request_offer() ─ nothing open ─► OfferDue ─ reoffer() ─► Ours ─┬─ 2xx ─► OfferAnswered ─► Idle
//!        └─ something open: when it is over                        ├─ 491 ─► OfferPostponed ─ 0-4 s ─► OfferDue
//!                                                                  ├─ 408, 481, no answer ─► the call ends
//!                                                                  └─ other ─► OfferRefused ─► Idle
//!  a refresh that goes by re-INVITE ─ as request_offer()
//!  offer of theirs ─┬─ nothing open ─► Offered ─ respond() ─► Idle
//!                   ├─ ours open ─► 491
//!                   └─ theirs open ─► 500, Retry-After
//! ```

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Ua;
use super::ask::{Ask, Verb};
use super::call::{Direction, Phase, sdp_in};
use super::client_transactions::Failure;
use super::events::Event;
use super::schedule::{Alarm, Owner, TransactionId};
use super::server_invite::{InviteKey, Purpose, ServerInvite};
use super::types::{InviteId, RequestId};
use crate::header::HeaderName;
use crate::message::{Method, Request, Response};

/// Glare is resolved at the first or second try; a peer that answers 491 for ever is no glare.
const MAX_GLARES: u8 = 8;

/// Longest wait that a peer may ask for before our offer is made again. RFC 3311 section 5.2 asks for "a randomly chosen
/// value between 0 and 10 seconds" in Retry-After.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);

/// Where offer and answer stand in one dialog.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offers {
    pub(crate) open: Open,
    pub(crate) modify: Modify,
    /// The owner of the call wants to make an offer.
    wanted: bool,
    /// What our latest re-INVITE offers.
    proposed: Bytes,
    /// That re-INVITE was due for the session timer.
    refreshes: bool,
    /// 491 responses in a row.
    glares: u8,
}

/// The one offer that has no answer yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Open {
    #[default]
    None,
    Ours,
    /// In this request.
    Theirs(TransactionId),
}

/// What changes a confirmed dialog from our side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Modify {
    #[default]
    Idle,
    /// A re-INVITE of ours has no final response.
    Ours,
    /// 491 came: nothing is offered before the alarm.
    Glare,
}

impl Offers {
    /// We answer an INVITE with 2xx and this description. True when it is an offer.
    pub(crate) fn accepted(&mut self, transaction: TransactionId, sdp: &Bytes) -> bool {
        let answers = self.open == Open::Theirs(transaction);
        let offers = !answers && self.open == Open::None && !sdp.is_empty();
        if answers {
            self.open = Open::None;
        } else if offers {
            self.open = Open::Ours;
        }
        offers
    }

    /// We refuse the request that carries their offer.
    pub(crate) fn refused(&mut self, transaction: TransactionId) {
        if self.open == Open::Theirs(transaction) {
            self.open = Open::None;
        }
    }
}

impl Ua {
    /// The owner of a call wants to make a new offer. [`Event::OfferDue`] follows at once, or when the offer that is open
    /// has been answered; the answer to it is [`Ua::reoffer`].
    pub fn request_offer(&mut self, id: InviteId) {
        let Some(tag) = self.calls.get(&id).and_then(|call| call.main.clone()) else {
            return;
        };
        if let Some(usage) = self.usage(id, &tag) {
            usage.offers.wanted = true;
            self.offer_if_due(id, &tag);
        }
    }

    /// Sends a re-INVITE with this offer. [`Event::OfferAnswered`] or [`Event::OfferRefused`] follows, or the end of the
    /// call. It is for the moment of [`Event::OfferDue`]; when an offer is open by now, `OfferDue` comes again.
    pub fn reoffer(&mut self, id: InviteId, sdp: Bytes, now: Instant) {
        let Some(tag) = self.calls.get(&id).and_then(|call| call.main.clone()) else {
            return;
        };
        if !self.may_offer(id, &tag) {
            return self.request_offer(id);
        }
        self.send_re_invite(id, &tag, sdp, now);
    }

    /// Whether an INVITE with an offer may go out in this dialog. 14.1: "a UAC MUST NOT initiate a new INVITE transaction
    /// within a dialog while another INVITE transaction is in progress in either direction."
    pub(crate) fn may_offer(&self, id: InviteId, remote_tag: &str) -> bool {
        let Some(call) = self.calls.get(&id) else {
            return false;
        };
        call.phase == Phase::Established
            && call.main.as_deref() == Some(remote_tag)
            && call.usages.get(remote_tag).is_some_and(|usage| {
                usage.confirmed
                    && usage.staying()
                    && usage.offers.open == Open::None
                    && usage.offers.modify == Modify::Idle
                    && usage.invites.is_empty()
            })
    }

    /// Something that was open is over: what waited for it goes out.
    pub(crate) fn offer_if_due(&mut self, id: InviteId, remote_tag: &str) {
        if !self.may_offer(id, remote_tag) {
            return;
        }
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        let refresh = usage.timer.refresh_waits;
        if std::mem::take(&mut usage.offers.wanted) || refresh {
            self.event(Event::OfferDue { id, refresh });
        }
    }

    fn send_re_invite(&mut self, id: InviteId, remote_tag: &str, sdp: Bytes, now: Instant) {
        let headers = self.timer_headers(id, remote_tag);
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        usage.offers.open = Open::Ours;
        usage.offers.modify = Modify::Ours;
        usage.offers.proposed = sdp.clone();
        usage.offers.refreshes = std::mem::take(&mut usage.timer.refresh_waits);
        let mut ask = Ask::new(Verb::ReInvite).with_sdp(sdp);
        ask.headers = headers;
        self.ask(id, remote_tag, ask, now);
    }

    /// A provisional response to our re-INVITE stops Timer B, so the wait needs a bound of its own.
    pub(crate) fn re_invite_proceeds(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        now: Instant,
    ) {
        if self.main_usage_is(id, remote_tag) && self.client_open(transaction) {
            let at = now + self.config.timers.life();
            self.schedule
                .hasten(Owner::Call(id), Alarm::ReInviteGivenUp, at);
        }
    }

    /// Our re-INVITE has been proceeding for 64*T1: it is cancelled, and 64*T1 later forgotten.
    pub(crate) fn re_invite_given_up(&mut self, id: InviteId, now: Instant) {
        let Some(tag) = self.calls.get(&id).and_then(|call| call.main.clone()) else {
            return;
        };
        let Some(usage) = self.usage(id, &tag) else {
            return;
        };
        let open = usage
            .in_flight
            .iter()
            .find(|(_, sent)| sent.ask.verb == Verb::ReInvite && !sent.answered);
        let Some(transaction) = open.map(|(transaction, _)| *transaction) else {
            return;
        };
        if self.cancel_client(transaction, now) {
            let at = now + self.config.timers.life();
            self.schedule
                .set(Owner::Call(id), Alarm::ReInviteGivenUp, at);
        } else {
            self.ask_failed(id, &tag, transaction, &Failure::TimedOut, now);
            self.drop_client(transaction, now);
        }
    }

    /// A final response to our re-INVITE.
    pub(crate) fn re_invite_answered(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        response: &Response,
        now: Instant,
    ) {
        self.schedule.clear(Owner::Call(id), Alarm::ReInviteGivenUp);
        let invite = self.clients.get(&transaction);
        let Some((invite, from)) = invite.map(|c| (c.request.clone(), c.hop.clone())) else {
            return;
        };
        if (200..300).contains(&response.status) {
            self.refresh_target(id, remote_tag, &response.headers, now);
            self.acknowledge(id, remote_tag, &invite, now);
        }
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        if !usage.staying() {
            return;
        }
        usage.sources.learn_from_response(&response.headers);
        let signalling = usage.sources.list(&from);
        let refresh = usage.offers.refreshes;
        let may_wait = usage.offers.glares < MAX_GLARES;
        usage.offers.open = Open::None;
        usage.offers.modify = Modify::Idle;
        match response.status {
            200..=299 => {
                usage.offers.glares = 0;
                self.timer_agreed(id, remote_tag, response, now);
                let sdp = sdp_in(&response.headers, &response.body);
                self.event(Event::OfferAnswered {
                    id,
                    sdp,
                    signalling,
                });
            }
            422 if self.interval_raised(id, remote_tag, response) => {
                let Some(usage) = self.usage(id, remote_tag) else {
                    return;
                };
                let sdp = usage.offers.proposed.clone();
                usage.timer.refresh_waits |= refresh;
                return self.send_re_invite(id, remote_tag, sdp, now);
            }
            // 14.1: "If a UAC receives a 491 response to a re-INVITE, it SHOULD start a timer".
            491 if may_wait => {
                let wait = self.glare_wait(id);
                return self.wait_for_glare(id, remote_tag, wait, now);
            }
            // 14.2: "A UAS that receives a second INVITE before it sends the final response to a first INVITE ... MUST
            // return a 500 (Server Internal Error) response to the second INVITE and MUST include a Retry-After header
            // field with a randomly chosen value of between 0 and 10 seconds."
            500 if may_wait && response.headers.retry_after().is_some() => {
                let seconds = response
                    .headers
                    .retry_after()
                    .map_or(0, |after| after.seconds);
                let wait = Duration::from_secs(u64::from(seconds)).min(MAX_RETRY_AFTER);
                return self.wait_for_glare(id, remote_tag, wait, now);
            }
            408 | 481 => {
                let cause = self.refused_in_dialog(id, &Method::Invite, response);
                return self.dialog_lost(id, remote_tag, cause, now);
            }
            _ => {
                if let Some(usage) = self.usage(id, remote_tag) {
                    usage.offers.glares = 0;
                }
                let cause = self.refused_in_dialog(id, &Method::Invite, response);
                if refresh {
                    self.refresh_refused(id, remote_tag, now);
                }
                self.event(Event::OfferRefused { id, cause });
            }
        }
        self.offer_if_due(id, remote_tag);
    }

    /// No answer will come to our re-INVITE.
    pub(crate) fn re_invite_failed(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        failure: &Failure,
        now: Instant,
    ) {
        self.schedule.clear(Owner::Call(id), Alarm::ReInviteGivenUp);
        let cause = self.unanswered_in_dialog(id, &Method::Invite, failure);
        let Some(usage) = self.usage(id, remote_tag).filter(|usage| usage.staying()) else {
            return;
        };
        usage.offers.open = Open::None;
        usage.offers.modify = Modify::Idle;
        let refresh = usage.offers.refreshes;
        match failure {
            Failure::TimedOut => return self.dialog_lost(id, remote_tag, cause, now),
            Failure::Transport(_) => {
                if refresh {
                    self.refresh_refused(id, remote_tag, now);
                }
                self.event(Event::OfferRefused { id, cause });
            }
        }
        self.offer_if_due(id, remote_tag);
    }

    /// 14.1: "1. If the UAC is the owner of the Call-ID of the dialog ID (meaning it generated the value), T has a randomly
    /// chosen value between 2.1 and 4 seconds in units of 10 ms. 2. If the UAC is not the owner of the Call-ID of the
    /// dialog ID, T has a randomly chosen value of between 0 and 2 seconds in units of 10 ms."
    fn glare_wait(&mut self, id: InviteId) -> Duration {
        let owner = self
            .calls
            .get(&id)
            .is_some_and(|call| matches!(call.side, Direction::Out(_)));
        let units = if owner {
            210 + self.random_below(191)
        } else {
            self.random_below(201)
        };
        Duration::from_millis(units * 10)
    }

    fn wait_for_glare(&mut self, id: InviteId, remote_tag: &str, wait: Duration, now: Instant) {
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        usage.offers.modify = Modify::Glare;
        usage.offers.glares += 1;
        // "When the timer fires, the UAC SHOULD attempt the re-INVITE once more, if it still desires for that session
        // modification to take place." The owner of the call decides that when it hears OfferDue.
        usage.offers.wanted = true;
        usage.timer.refresh_waits |= usage.offers.refreshes;
        self.schedule.set(Owner::Call(id), Alarm::Glare, now + wait);
        self.event(Event::OfferPostponed { id });
    }

    pub(crate) fn glare_over(&mut self, id: InviteId) {
        let Some(tag) = self.calls.get(&id).and_then(|call| call.main.clone()) else {
            return;
        };
        if let Some(usage) = self.usage(id, &tag)
            && usage.offers.modify == Modify::Glare
        {
            usage.offers.modify = Modify::Idle;
            self.offer_if_due(id, &tag);
        }
    }

    /// An INVITE of the peer inside a dialog.
    pub(crate) fn re_invited(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        request: &Request,
        now: Instant,
    ) {
        let t1 = self.config.timers.t1;
        let cseq = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        let unanswered = usage.invites.values().any(|invite| !invite.answered);
        let ours = usage.offers.open == Open::Ours || usage.offers.modify == Modify::Ours;
        let theirs = unanswered || matches!(usage.offers.open, Open::Theirs(_));
        if !usage.confirmed && !unanswered {
            // Our own INVITE is still open.
            return self.refuse_offer(transaction, 491, now);
        }
        if theirs {
            return self.refuse_offer(transaction, 500, now);
        }
        // Also the offer in a 2xx of ours whose ACK is not here: RFC 5407 section 3.1.5 answers 491 there, while section
        // 3.1.4 takes a re-INVITE that overtakes the ACK of a completed exchange.
        if ours {
            return self.refuse_offer(transaction, 491, now);
        }
        if let Some((status, headers)) = self.interval_too_small(request) {
            return self.answer(transaction, status, &headers, Bytes::new(), now);
        }
        let key = InviteKey {
            call: id,
            remote_tag: remote_tag.to_owned(),
            cseq,
        };
        let sdp = sdp_in(&request.headers, &request.body);
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        usage.peer.learn(&request.headers);
        let invite = ServerInvite::new(transaction, Purpose::Change, t1);
        usage.invites.insert(cseq, invite);
        if sdp.is_some() {
            usage.offers.open = Open::Theirs(transaction);
        }
        if let Some(server) = self.servers.get_mut(&transaction) {
            server.invite = Some(key);
        }
        self.offered(id, remote_tag, transaction, sdp);
    }

    /// UPDATE of the peer (RFC 3311).
    pub(crate) fn updated(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        request: &Request,
        now: Instant,
    ) {
        if let Some((status, headers)) = self.interval_too_small(request) {
            return self.answer(transaction, status, &headers, Bytes::new(), now);
        }
        let sdp = sdp_in(&request.headers, &request.body);
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        usage.peer.learn(&request.headers);
        if sdp.is_none() {
            return self.accept_update(id, remote_tag, transaction, Bytes::new(), &[], now);
        }
        // 5.2: "if an UPDATE is received that contains an offer, and the UAS has generated an offer (in an UPDATE, PRACK
        // or INVITE) to which it has not yet received an answer, the UAS MUST reject the UPDATE with a 491 response.
        // Similarly, if an UPDATE is received that contains an offer, and the UAS has received an offer (in an UPDATE,
        // PRACK, or INVITE) to which it has not yet generated an answer, the UAS MUST reject the UPDATE with a 500
        // response, and MUST include a Retry-After header field with a randomly chosen value between 0 and 10 seconds."
        match usage.offers.open {
            Open::Ours => self.refuse_offer(transaction, 491, now),
            Open::Theirs(_) => self.refuse_offer(transaction, 500, now),
            Open::None => {
                usage.offers.open = Open::Theirs(transaction);
                self.offered(id, remote_tag, transaction, sdp);
            }
        }
    }

    /// 200 to an UPDATE, which refreshes target and session.
    pub(crate) fn accept_update(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        sdp: Bytes,
        own_headers: &[(HeaderName, String)],
        now: Instant,
    ) {
        let mut headers = self.dialog_headers(id, transaction);
        headers.extend(self.agree_on_timer(id, remote_tag, transaction, now));
        headers.extend_from_slice(own_headers);
        if !sdp.is_empty() {
            headers.push((HeaderName::ContentType, "application/sdp".to_owned()));
        }
        if let Some(request) = self
            .servers
            .get(&transaction)
            .map(|s| s.request.headers.clone())
        {
            self.refresh_target(id, remote_tag, &request, now);
        }
        if let Some(usage) = self.usage(id, remote_tag) {
            usage.offers.accepted(transaction, &sdp);
        }
        self.answer(transaction, 200, &headers, sdp, now);
    }

    /// Tells the owner of the call of an offer of theirs.
    pub(crate) fn offered(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        sdp: Option<Bytes>,
    ) {
        let Some(signalling) = self.media_sources(id, remote_tag, transaction) else {
            return;
        };
        self.event(Event::Offered {
            id,
            request: RequestId(transaction.0),
            remote_tag: remote_tag.to_owned(),
            sdp,
            signalling,
        });
    }

    /// 491, or 500 with a Retry-After between 0 and 10 s.
    fn refuse_offer(&mut self, transaction: TransactionId, status: u16, now: Instant) {
        let mut headers = Vec::new();
        if status == 500 {
            let seconds = self.random_below(11);
            headers.push((HeaderName::RetryAfter, seconds.to_string()));
        }
        self.answer(transaction, status, &headers, Bytes::new(), now);
    }

    /// A call that is over is neither changed nor refreshed; a re-INVITE that is open still gets its CANCEL.
    pub(crate) fn stop_changing(&mut self, id: InviteId) {
        for alarm in [Alarm::Glare, Alarm::SessionRefresh, Alarm::SessionExpires] {
            self.schedule.clear(Owner::Call(id), alarm);
        }
    }

    pub(crate) fn main_usage_is(&self, id: InviteId, remote_tag: &str) -> bool {
        self.calls
            .get(&id)
            .is_some_and(|call| call.main.as_deref() == Some(remote_tag))
    }
}
