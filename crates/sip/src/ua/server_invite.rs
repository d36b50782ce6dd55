//! An INVITE of the peer, the first one of a call or a re-INVITE: its answer, the repetitions of a 2xx, and the ACK
//! (RFC 3261 sections 13.3.1.4, 14.2).
//!
//! ```text
//!  INVITE ─► unanswered ─┬─ 2xx ─► repeated until ACK ─► gone
//!                        │            └─ no ACK within 64*T1 ─► BYE
//!                        └─ 300-699, CANCEL, BYE ─► gone
//! ```

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Ua;
use super::call::{Phase, sdp_in};
use super::capabilities::{allow, supported};
use super::events::Event;
use super::modify::Open;
use super::schedule::{Alarm, Owner, TransactionId};
use super::types::InviteId;
use super::usage::DialogUsage;
use crate::cause::{Cause, Side, Stage};
use crate::header::HeaderName;
use crate::message::Request;

/// One INVITE of the peer until its ACK.
#[derive(Clone, Debug)]
pub(crate) struct ServerInvite {
    pub(crate) transaction: TransactionId,
    pub(crate) purpose: Purpose,
    /// A 2xx has been sent.
    pub(crate) answered: bool,
    /// The 2xx carries our offer, so that the ACK owes an answer.
    pub(crate) offered: bool,
    /// Interval of the next repetition of the 2xx.
    again: Duration,
}

/// What an INVITE is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It begins the call.
    SetUp,
    /// It changes the call, or refreshes it.
    Change,
}

/// Which INVITE a server transaction carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InviteKey {
    pub(crate) call: InviteId,
    pub(crate) remote_tag: String,
    pub(crate) cseq: u32,
}

impl ServerInvite {
    pub(crate) fn new(transaction: TransactionId, purpose: Purpose, t1: Duration) -> Self {
        Self {
            transaction,
            purpose,
            answered: false,
            offered: false,
            again: t1,
        }
    }
}

impl Ua {
    /// Answers an INVITE with 200, which is repeated until its ACK comes.
    pub(crate) fn accept_invite(
        &mut self,
        key: &InviteKey,
        own_headers: &[(HeaderName, String)],
        sdp: Bytes,
        now: Instant,
    ) {
        let InviteKey {
            call,
            remote_tag,
            cseq,
        } = key;
        let (t1, life) = (self.config.timers.t1, self.config.timers.life());
        let Some(usage) = self.usage(*call, remote_tag) else {
            return;
        };
        let Some(invite) = usage.invites.get(cseq) else {
            return;
        };
        let transaction = invite.transaction;
        let mut headers = self.dialog_headers(*call, transaction);
        headers.push((HeaderName::Allow, allow()));
        headers.push((HeaderName::Supported, supported()));
        headers.extend(self.agree_on_timer(*call, remote_tag, transaction, now));
        headers.extend_from_slice(own_headers);
        if !sdp.is_empty() {
            headers.push((HeaderName::ContentType, "application/sdp".to_owned()));
        }
        if let Some(request) = self
            .servers
            .get(&transaction)
            .map(|s| s.request.headers.clone())
        {
            self.refresh_target(*call, remote_tag, &request, now);
        }
        let Some(usage) = self.usage(*call, remote_tag) else {
            return;
        };
        usage.confirmed = true;
        let offered = usage.offers.accepted(transaction, &sdp);
        if let Some(invite) = usage.invites.get_mut(cseq) {
            invite.answered = true;
            invite.offered = offered;
        }
        self.answer(transaction, 200, &headers, sdp, now);
        // 13.3.1.4: "The 2xx response is passed to the transport with an interval that starts at T1 seconds and doubles for
        // each retransmission until it reaches T2 seconds".
        let owner = Owner::Answer(*call, *cseq);
        self.schedule.set(owner, Alarm::AnswerAgain, now + t1);
        self.schedule.set(owner, Alarm::NoAck, now + life);
    }

    /// Answers an INVITE that changes the call with 300-699: the call goes on as it was.
    pub(crate) fn refuse_change(
        &mut self,
        key: &InviteKey,
        status: u16,
        headers: &[(HeaderName, String)],
        now: Instant,
    ) {
        let Some(usage) = self.usage(key.call, &key.remote_tag) else {
            return;
        };
        let Some(invite) = usage.invites.remove(&key.cseq) else {
            return;
        };
        usage.offers.refused(invite.transaction);
        self.answer(invite.transaction, status, headers, Bytes::new(), now);
        self.offer_if_due(key.call, &key.remote_tag);
    }

    /// A BYE ends what is still unanswered in its dialog. 15.1.2: "The UAS MUST still respond to any pending requests
    /// received for that dialog. It is RECOMMENDED that a 487 (Request Terminated) response be generated to those pending
    /// requests."
    pub(crate) fn refuse_pending(&mut self, id: InviteId, remote_tag: &str, now: Instant) {
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        let change = |(cseq, invite): (&u32, &ServerInvite)| {
            (invite.purpose == Purpose::Change && !invite.answered).then_some(*cseq)
        };
        let pending: Vec<u32> = usage.invites.iter().filter_map(change).collect();
        let open = match usage.offers.open {
            Open::Theirs(transaction) => Some(transaction),
            Open::None | Open::Ours => None,
        };
        for cseq in pending {
            let remote_tag = remote_tag.to_owned();
            let key = InviteKey {
                call: id,
                remote_tag,
                cseq,
            };
            self.refuse_change(&key, 487, &[], now);
        }
        self.forget_answers(id, remote_tag);
        // An UPDATE or PRACK whose offer is still with the owner of the call.
        if let Some(transaction) = open.filter(|id| self.answerable(*id)) {
            self.answer_plain(transaction, 487, now);
        }
    }

    /// The dialog is over: no 2xx is repeated in it, and no ACK is waited for.
    pub(crate) fn forget_answers(&mut self, id: InviteId, remote_tag: &str) {
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        let answered = usage.invites.extract_if(.., |_, invite| invite.answered);
        for cseq in answered.map(|(cseq, _)| cseq).collect::<Vec<_>>() {
            self.schedule.clear_all(Owner::Answer(id, cseq));
        }
    }

    /// A request of the peer that changes something and has no final response yet.
    fn answerable(&self, transaction: TransactionId) -> bool {
        self.servers
            .get(&transaction)
            .is_some_and(|server| server.open() && server.invite.is_none())
    }

    /// The 2xx once more (RFC 3261 section 13.3.1.4).
    pub(crate) fn answer_unconfirmed(&mut self, id: InviteId, cseq: u32, now: Instant) {
        let t2 = self.config.timers.t2;
        let Some((_, invite)) = self.server_invite(id, cseq) else {
            return;
        };
        invite.again = (invite.again * 2).min(t2);
        let (next, transaction) = (invite.again, invite.transaction);
        self.answer_again(transaction, 200, now);
        self.schedule
            .set(Owner::Answer(id, cseq), Alarm::AnswerAgain, now + next);
    }

    /// 13.3.1.4: "If the server retransmits the 2xx response for 64*T1 seconds without receiving an ACK, the dialog is
    /// confirmed, but the session SHOULD be terminated. This is accomplished with a BYE". 14.2 says the same of a
    /// re-INVITE.
    pub(crate) fn never_confirmed(&mut self, id: InviteId, cseq: u32, now: Instant) {
        self.schedule.clear_all(Owner::Answer(id, cseq));
        let seconds = self.config.timers.life().as_secs();
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let text = format!(
            "{} never confirmed our answer (no ACK within {seconds} s).",
            call.peer
        );
        let stage = match call.phase {
            Phase::AwaitingAck => Stage::Answer,
            _ => Stage::Call,
        };
        let cause = Cause::new(408, stage, Side::Sip, text);
        let farewell = call.farewell.take().unwrap_or(cause);
        let Some((tag, _)) = self.server_invite(id, cseq) else {
            return;
        };
        if let Some(usage) = self.usage(id, &tag) {
            usage.invites.remove(&cseq);
        }
        self.dialog_lost(id, &tag, farewell, now);
    }

    /// An ACK: that of a refusal ends a transaction, that of a 2xx confirms a call or a change of it.
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
        let Some((id, remote_tag)) = self.dialog_of(request) else {
            return;
        };
        let cseq = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let from = same_branch.and_then(|id| self.servers.get(&id).map(|s| s.hop.clone()));
        let Some(usage) = self.usage(id, &remote_tag) else {
            return;
        };
        if !usage
            .invites
            .get(&cseq)
            .is_some_and(|invite| invite.answered)
        {
            return;
        }
        let Some(invite) = usage.invites.remove(&cseq) else {
            return;
        };
        if invite.offered {
            usage.offers.open = Open::None;
        }
        let sources = usage.sources.clone();
        let from = from.or_else(|| self.servers.get(&invite.transaction).map(|s| s.hop.clone()));
        let signalling = from.map(|from| sources.list(&from));
        self.schedule.clear_all(Owner::Answer(id, cseq));
        let sdp = sdp_in(&request.headers, &request.body);
        match invite.purpose {
            Purpose::SetUp => self.set_up_confirmed(id, sdp, now),
            Purpose::Change if invite.offered => {
                if let Some(signalling) = signalling {
                    self.event(Event::OfferAnswered {
                        id,
                        sdp,
                        signalling,
                    });
                }
            }
            Purpose::Change => {}
        }
        self.offer_if_due(id, &remote_tag);
    }

    fn set_up_confirmed(&mut self, id: InviteId, sdp: Option<Bytes>, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if call.phase != Phase::AwaitingAck {
            return;
        }
        call.phase = Phase::Established;
        let leave = call.incoming().is_some_and(|incoming| incoming.leave);
        let reason = call.farewell.as_ref().and_then(Cause::to_reason);
        self.stop_waiting(id);
        self.event(Event::Confirmed { id, sdp });
        if leave {
            self.leave(id, reason, now);
        }
    }

    /// The INVITE of the peer with this number, and in which dialog it came.
    fn server_invite(&mut self, id: InviteId, cseq: u32) -> Option<(String, &mut ServerInvite)> {
        let mut usages = self.calls.get(&id)?.usages.iter();
        let find = |(tag, usage): (&String, &DialogUsage)| {
            usage.invites.contains_key(&cseq).then(|| tag.clone())
        };
        let tag = usages.find_map(find)?;
        let invite = self.usage(id, &tag)?.invites.get_mut(&cseq)?;
        Some((tag, invite))
    }

    /// The transaction of an INVITE of the peer is gone.
    pub(crate) fn invite_server_over(
        &mut self,
        key: &InviteKey,
        transaction: TransactionId,
        now: Instant,
    ) {
        if let Some(usage) = self.usage(key.call, &key.remote_tag)
            && usage
                .invites
                .get(&key.cseq)
                .is_some_and(|invite| !invite.answered)
        {
            usage.invites.remove(&key.cseq);
        }
        if let Some(incoming) = self
            .calls
            .get_mut(&key.call)
            .and_then(|call| call.incoming())
            && incoming.server == Some(transaction)
        {
            incoming.server = None;
        }
        self.sweep(key.call, now);
    }

    /// What a response that makes or changes a dialog carries.
    pub(crate) fn dialog_headers(
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
