//! A call as plain data: how far its set-up has come, its dialogs, its end. What changes a call that is up is in
//! `modify.rs`.
//!
//! ```text
//!  invite() ─► LookingUp ─► [Located ─ offer()] ─► Calling ─100─► Proceeding ─18x─► Ringing ─2xx─► Established ─┬─ BYE received ─► Over
//!                  └── end() ───────┴──────────────┴──────────────┴───────────────┴─► Cancelling ─487─► Over
//!  Established ─ end() ─► Leaving ─ BYE answered ─► Over
//!  INVITE ───► Offered ─ring()─► Alerting ─accept()─► AwaitingAck ─ACK─► Established
//! ```
//! `Over` means that the last event is out; what is left only finishes its transactions.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::Ua;
use super::auth::{Auth, Credentials};
use super::events::Event;
use super::look_up::Seeker;
use super::schedule::{Alarm, Owner, TransactionId};
use super::session_timer::Raised;
use super::types::InviteId;
use super::usage::DialogUsage;
use crate::cause::{Cause, Stage};
use crate::message::{Headers, Request, sdp_of};
use crate::resolve::{Hop, Target};

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The next hop's address is being looked up.
    LookingUp,
    /// The next hop is known, and the INVITE waits for our offer.
    Located,
    /// INVITE sent, nothing heard.
    Calling,
    /// 100 received.
    Proceeding,
    /// 101-199 received.
    Ringing,
    /// We gave up before the answer: CANCEL sent, or held until the first 1xx.
    Cancelling,
    /// INVITE received, 100 sent.
    Offered,
    /// 180 sent.
    Alerting,
    /// 2xx sent.
    AwaitingAck,
    /// Both sides know it is up.
    Established,
    /// BYE sent.
    Leaving,
    /// The last event is out.
    Over,
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) phase: Phase,
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    /// User part of our Contact in this call. It is not that of a registration, so that a former peer cannot ring the
    /// account by it.
    pub(crate) token: String,
    /// How the far side is named in sentences.
    pub(crate) peer: String,
    /// Whose password may be used, and with whom.
    pub(crate) credentials: Credentials,
    /// The name of the next hop: a route of that name is that hop.
    pub(crate) next_hop: Option<Target>,
    /// Every dialog, early or confirmed, by remote tag.
    pub(crate) usages: BTreeMap<String, DialogUsage>,
    /// The one that is the call.
    pub(crate) main: Option<String>,
    /// What the final event will say when we end it.
    pub(crate) farewell: Option<Cause>,
    pub(crate) side: Direction,
}

/// What only calls of one direction have.
#[derive(Clone, Debug)]
pub(crate) enum Direction {
    Out(Box<Outgoing>),
    In(Incoming),
}

/// The caller's half.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// INVITE without Via, CSeq, Contact and credentials.
    pub(crate) template: Request,
    pub(crate) cseq: u32,
    /// [`Ua::offer`] brings the SDP.
    pub(crate) awaits_offer: bool,
    /// What 422 responses have asked for.
    pub(crate) raised: Raised,
    /// Targets not yet tried.
    pub(crate) hops: VecDeque<Hop>,
    /// The UDP hop an INVITE on its way over TCP falls back on; it is the first of `hops`, too.
    pub(crate) fallback: Option<Hop>,
    /// When the last target's time is up: 64*T1 after the first began, so that all together get no more than one alone.
    pub(crate) deadline: Option<Instant>,
    /// Every INVITE sent whose transaction lives.
    pub(crate) attempts: BTreeMap<TransactionId, Attempt>,
    /// The one whose answer counts.
    pub(crate) current: Option<TransactionId>,
    pub(crate) auth: Auth,
    pub(crate) trying_told: bool,
    /// The owner knows that an INVITE is large for a datagram.
    pub(crate) size_told: bool,
    /// Why the latest target failed.
    pub(crate) last_failure: Option<Cause>,
}

/// One INVITE on its way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) hop: Hop,
    /// As sent.
    pub(crate) invite: Request,
    /// A 1xx has come: CANCEL is allowed.
    pub(crate) provisional: bool,
    /// A 101-199 has come: a challenge after it may be the callee's.
    pub(crate) progressed: bool,
    pub(crate) cancel: Cancel,
}

/// Whether an INVITE is to be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancel {
    Unwanted,
    /// Until the first 1xx.
    Held,
    Sent,
}

/// The callee's half.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    /// The INVITE's transaction while it lives.
    pub(crate) server: Option<TransactionId>,
    /// CSeq number of the INVITE.
    pub(crate) cseq: u32,
    /// The caller requires reliable provisional responses (RFC 3262).
    pub(crate) reliable: bool,
    /// The Expires of the INVITE ends the ringing, not our own limit.
    pub(crate) expires: bool,
    /// BYE as soon as the ACK is here.
    pub(crate) leave: bool,
}

impl Call {
    pub(crate) fn outgoing(&mut self) -> Option<&mut Outgoing> {
        match &mut self.side {
            Direction::Out(out) => Some(out),
            Direction::In(_) => None,
        }
    }

    pub(crate) fn incoming(&mut self) -> Option<&mut Incoming> {
        match &mut self.side {
            Direction::In(incoming) => Some(incoming),
            Direction::Out(_) => None,
        }
    }

    /// How far it has come, for a cause.
    pub(crate) fn stage(&self) -> Stage {
        match self.phase {
            Phase::LookingUp | Phase::Located => Stage::Resolve,
            Phase::Calling | Phase::Proceeding | Phase::Offered => Stage::Invite,
            Phase::Ringing | Phase::Alerting | Phase::Cancelling => Stage::Ringing,
            Phase::AwaitingAck => Stage::Answer,
            Phase::Established => Stage::Call,
            Phase::Leaving | Phase::Over => Stage::Bye,
        }
    }

    /// No transaction and no dialog of it awaits anything.
    fn finished(&self) -> bool {
        let idle = match &self.side {
            Direction::Out(out) => out.attempts.is_empty(),
            Direction::In(incoming) => incoming.server.is_none(),
        };
        self.phase == Phase::Over && idle && self.usages.values().all(DialogUsage::finished)
    }
}

impl Ua {
    /// The last event of a call, once.
    pub(crate) fn finish(&mut self, id: InviteId, event: Event, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if call.phase == Phase::Over {
            return;
        }
        call.phase = Phase::Over;
        let tags: Vec<String> = call.usages.keys().cloned().collect();
        for tag in tags {
            self.forget_answers(id, &tag);
        }
        self.stop_waiting(id);
        self.stop_changing(id);
        self.forget_look_ups(|seeker| *seeker == Seeker::Call(id));
        self.event(event);
        self.sweep(id, now);
    }

    /// Forgets a call that has nothing left to do.
    pub(crate) fn sweep(&mut self, id: InviteId, now: Instant) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        if !call.finished() {
            return;
        }
        let key = (call.call_id.clone(), call.local_tag.clone());
        let cseqs = call
            .usages
            .values()
            .flat_map(|usage| usage.invites.keys().copied());
        let answers: Vec<u32> = cseqs.collect();
        for cseq in answers {
            self.schedule.clear_all(Owner::Answer(id, cseq));
        }
        self.schedule.clear_all(Owner::Call(id));
        self.forget_look_ups(|seeker| matches!(seeker, Seeker::Dialog(call, _) if *call == id));
        let had_dialog = self
            .calls
            .remove(&id)
            .is_some_and(|call| call.usages.values().any(|usage| usage.confirmed));
        if had_dialog {
            // What the peer still sends in a dialog that has ended gets 481 instead of silence.
            let life = self.config.timers.life();
            self.schedule
                .set(Owner::Call(id), Alarm::Forget, now + life);
            self.ended.insert(id, key);
        } else {
            self.dialogs.remove(&key);
        }
    }

    /// A dialog that ended 64*T1 ago is not known any more.
    fn forget_dialog(&mut self, id: InviteId) {
        if let Some(key) = self.ended.remove(&id) {
            self.dialogs.remove(&key);
        }
    }

    pub(crate) fn call_alarm(&mut self, id: InviteId, alarm: Alarm, now: Instant) {
        match alarm {
            Alarm::NoProgress | Alarm::NoAnswer => self.not_answered(id, alarm, now),
            Alarm::NextTarget => self.target_silent(id, now),
            Alarm::CancelGivenUp => self.cancel_given_up(id, now),
            Alarm::RingAgain => self.ring_again(id, now),
            Alarm::RingLimit => self.rang_too_long(id, now),
            Alarm::ProvisionalAgain => self.provisional_again(id, now),
            Alarm::NoPrack => self.never_acknowledged(id, now),
            Alarm::Glare => self.glare_over(id),
            Alarm::ReInviteGivenUp => self.re_invite_given_up(id, now),
            Alarm::SessionRefresh => self.refresh_session(id, now),
            Alarm::SessionExpires => self.session_expired(id, now),
            Alarm::Forget => self.forget_dialog(id),
            Alarm::Transaction(_)
            | Alarm::LookUp
            | Alarm::Refresh
            | Alarm::Retry
            | Alarm::AnswerAgain
            | Alarm::NoAck => {}
        }
    }

    /// `<sip:token@address;transport=...>`: where requests of the peer reach us.
    pub(crate) fn contact(&self, token: &str, hop: &Hop) -> String {
        let address = self
            .local_address(hop)
            .map(|addr| addr.to_string())
            .unwrap_or_default();
        let transport = match hop.transport {
            crate::resolve::Transport::Udp => "",
            crate::resolve::Transport::Tcp => ";transport=tcp",
            crate::resolve::Transport::Tls => ";transport=tls",
        };
        format!("<sip:{token}@{address}{transport}>")
    }
}

/// The session description of a message, if it has one. Of an answer it counts even beside a part that is not
/// understood.
pub(crate) fn sdp_in(headers: &Headers, body: &Bytes) -> Option<Bytes> {
    sdp_of(headers, body).unwrap_or_else(|unknown| unknown.sdp)
}
