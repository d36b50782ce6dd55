//! Every running timer of the user agent; the next one is the first of an ordered set.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::types::{InviteId, RegistrationId, ResolveId};
use crate::transaction::timer::Timer;

/// A transaction of this user agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TransactionId(pub(crate) u64);

/// Whose timer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Client(TransactionId),
    Server(TransactionId),
    Call(InviteId),
    /// The 2xx to an INVITE of the peer in this call, by CSeq number.
    Answer(InviteId, u32),
    Registration(RegistrationId),
    LookUp(ResolveId),
}

/// What it is for. An owner has at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    Transaction(Timer),
    /// DNS has not answered.
    LookUp,
    /// This target stays silent; there are others.
    NextTarget,
    /// Only 100 came.
    NoProgress,
    /// Nobody picked up.
    NoAnswer,
    /// CANCEL brought no final response.
    CancelGivenUp,
    /// 180 again (RFC 3261 section 13.3.1.1).
    RingAgain,
    /// An incoming call rings for too long.
    RingLimit,
    /// 2xx again (RFC 3261 section 13.3.1.4).
    AnswerAgain,
    /// No ACK came.
    NoAck,
    /// A reliable provisional response again (RFC 3262 section 3).
    ProvisionalAgain,
    /// No PRACK came.
    NoPrack,
    /// After a 491 our offer may be made again (RFC 3261 section 14.1).
    Glare,
    /// Our re-INVITE has been proceeding for too long, or its CANCEL brought nothing.
    ReInviteGivenUp,
    /// The session is to be refreshed (RFC 4028).
    SessionRefresh,
    /// Nobody has refreshed the session (RFC 4028).
    SessionExpires,
    /// The dialogs of a call that has ended are forgotten.
    Forget,
    /// REGISTER again, in time.
    Refresh,
    /// REGISTER again, after a failure.
    Retry,
}

impl Alarm {
    /// Why the user agent wants to wake up.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Alarm::Transaction(timer) => timer.name(),
            Alarm::LookUp => "DNS",
            Alarm::NextTarget => "next target",
            Alarm::NoProgress => "no progress after 100",
            Alarm::NoAnswer => "no answer",
            Alarm::CancelGivenUp => "no final response after CANCEL",
            Alarm::RingAgain => "repeat 180",
            Alarm::RingLimit => "ringing too long",
            Alarm::AnswerAgain => "repeat 200",
            Alarm::NoAck => "no ACK",
            Alarm::ProvisionalAgain => "repeat reliable 18x",
            Alarm::NoPrack => "no PRACK",
            Alarm::Glare => "offer again after 491",
            Alarm::ReInviteGivenUp => "re-INVITE without a final response",
            Alarm::SessionRefresh => "refresh session",
            Alarm::SessionExpires => "session expires",
            Alarm::Forget => "forget ended dialog",
            Alarm::Refresh => "refresh registration",
            Alarm::Retry => "retry registration",
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Schedule {
    due: BTreeMap<(Owner, Alarm), Instant>,
    order: BTreeSet<(Instant, Owner, Alarm)>,
}

impl Schedule {
    /// Sets a timer, or moves it.
    pub(crate) fn set(&mut self, owner: Owner, alarm: Alarm, at: Instant) {
        self.clear(owner, alarm);
        self.due.insert((owner, alarm), at);
        self.order.insert((at, owner, alarm));
    }

    /// Sets a timer unless it is set for earlier.
    pub(crate) fn hasten(&mut self, owner: Owner, alarm: Alarm, at: Instant) {
        if self.due.get(&(owner, alarm)).is_none_or(|due| at < *due) {
            self.set(owner, alarm, at);
        }
    }

    pub(crate) fn clear(&mut self, owner: Owner, alarm: Alarm) {
        if let Some(at) = self.due.remove(&(owner, alarm)) {
            self.order.remove(&(at, owner, alarm));
        }
    }

    pub(crate) fn clear_all(&mut self, owner: Owner) {
        let first = (owner, Alarm::Transaction(Timer::A));
        let alarms: Vec<Alarm> = self
            .due
            .range(first..)
            .take_while(|((o, _), _)| *o == owner)
            .map(|((_, alarm), _)| *alarm)
            .collect();
        for alarm in alarms {
            self.clear(owner, alarm);
        }
    }

    pub(crate) fn is_set(&self, owner: Owner, alarm: Alarm) -> bool {
        self.due.contains_key(&(owner, alarm))
    }

    /// The next timer and when it fires.
    pub(crate) fn next(&self) -> Option<(Instant, Alarm)> {
        self.order.first().map(|(at, _, alarm)| (*at, *alarm))
    }

    /// Takes the earliest timer that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Owner, Alarm)> {
        let (at, owner, alarm) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.clear(owner, alarm);
        Some((owner, alarm))
    }

    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }
}
