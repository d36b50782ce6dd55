//! A call as plain data: where it stands, its dialogs, its way out.
//!
//! ```text
//!  invite() ─► LookingUp ─► Calling ─100─► Proceeding ─18x─► Ringing ─2xx─► Established ─┬─ BYE received ─► Over
//!                  └────────────┴── end() ─────┴───────────────┴─► Cancelling ─487─► Over └─ end() ─► Leaving ─► Over
//!  INVITE ───► Offered ─ring()─► Alerting ─accept()─► AwaitingAck ─ACK─► Established
//! ```
//! `Over` means that the last event is out; what is left only finishes its transactions.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Ua;
use super::auth::{Auth, Credentials};
use super::fork::Fork;
use super::look_up::Seeker;
use super::schedule::{Alarm, Owner, TransactionId};
use super::types::{Event, InviteId};
use crate::cause::{Cause, Stage};
use crate::dialog::Dialog;
use crate::header::HeaderName;
use crate::message::Request;
use crate::resolve::{Hop, Target};

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The next hop's address is being looked up.
    LookingUp,
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
    /// User part of our Contact in this call.
    pub(crate) token: String,
    /// How the far side is named in sentences.
    pub(crate) peer: String,
    /// Whose password may be used, and with whom.
    pub(crate) credentials: Credentials,
    /// The name of the next hop: a route of that name is that hop.
    pub(crate) next_hop: Option<Target>,
    /// Every dialog with a final answer, by remote tag; of an incoming call the one it makes.
    pub(crate) forks: BTreeMap<String, Fork>,
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
    /// Early dialogs by remote tag.
    pub(crate) early: BTreeMap<String, Dialog>,
    pub(crate) trying_told: bool,
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
    pub(crate) invite_cseq: u32,
    /// Interval of the next repetition of the 2xx.
    pub(crate) again: Duration,
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

    /// Early or confirmed, ours or a stray one.
    pub(crate) fn has_dialog(&self, remote_tag: &str) -> bool {
        let early = matches!(&self.side, Direction::Out(out) if out.early.contains_key(remote_tag));
        early || self.forks.contains_key(remote_tag)
    }

    pub(crate) fn dialog_mut(&mut self, remote_tag: &str) -> Option<&mut Dialog> {
        if let Some(fork) = self.forks.get_mut(remote_tag) {
            return Some(&mut fork.dialog);
        }
        match &mut self.side {
            Direction::Out(out) => out.early.get_mut(remote_tag),
            Direction::In(_) => None,
        }
    }

    /// How far it has come, for a cause.
    pub(crate) fn stage(&self) -> Stage {
        match self.phase {
            Phase::LookingUp => Stage::Resolve,
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
        self.phase == Phase::Over && idle && self.forks.values().all(Fork::finished)
    }
}

impl Ua {
    /// Call-ID of a call that is not forgotten yet.
    #[must_use]
    pub fn sip_call_id(&self, id: InviteId) -> Option<&str> {
        self.calls.get(&id).map(|call| call.call_id.as_str())
    }

    /// The last event of a call, once.
    pub(crate) fn finish(&mut self, id: InviteId, event: Event) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if call.phase == Phase::Over {
            return;
        }
        call.phase = Phase::Over;
        self.stop_waiting(id);
        self.forget_look_ups(|seeker| *seeker == Seeker::Call(id));
        self.event(event);
        self.sweep(id);
    }

    /// Forgets a call that has nothing left to do.
    pub(crate) fn sweep(&mut self, id: InviteId) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        if !call.finished() {
            return;
        }
        self.dialogs
            .remove(&(call.call_id.clone(), call.local_tag.clone()));
        self.schedule.clear_all(Owner::Call(id));
        self.forget_look_ups(|seeker| matches!(seeker, Seeker::Dialog(call, _) if *call == id));
        self.calls.remove(&id);
    }

    pub(crate) fn call_alarm(&mut self, id: InviteId, alarm: Alarm, now: Instant) {
        match alarm {
            Alarm::NoProgress | Alarm::NoAnswer => self.not_answered(id, alarm, now),
            Alarm::NextTarget => self.target_silent(id, now),
            Alarm::CancelGivenUp => self.cancel_given_up(id, now),
            Alarm::RingAgain => self.ring_again(id, now),
            Alarm::RingLimit => self.rang_too_long(id, now),
            Alarm::AnswerAgain => self.answer_unconfirmed(id, now),
            Alarm::NoAck => self.never_confirmed(id, now),
            Alarm::Transaction(_) | Alarm::LookUp | Alarm::Refresh | Alarm::Retry => {}
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

/// The SDP of a message, if it has one.
pub(crate) fn sdp_of(headers: &crate::message::Headers, body: &Bytes) -> Option<Bytes> {
    let content_type = headers.get(&HeaderName::ContentType)?;
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    (media_type.eq_ignore_ascii_case("application/sdp") && !body.is_empty()).then(|| body.clone())
}
