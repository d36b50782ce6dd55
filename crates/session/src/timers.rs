//! The Hub's alarms: who wakes, when, and why. The next deadline is the first of an ordered set.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::ids::{CallId, SessionId, SocketId};

/// What an alarm is for. One alarm of a name and owner at a time; arming again moves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// Send `ping`, count the missed `pong`s (`keep_alive.*`).
    Ping(SocketId),
    /// A socket that never says `connection`.
    Greeting(SocketId),
    /// A session whose WebSocket went away ends.
    Detach(SessionId),
    /// One of a call's own.
    Call(CallId, CallAlarm),
}

/// Alarms of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CallAlarm {
    /// The media side owes an event.
    MediaOwes,
    /// ICE and DTLS did not come up.
    Ice,
    /// The 200 does not wait longer for DTLS.
    AnswerAnyway,
    /// The browser has closed its media, and its page has not said why.
    HangupDue,
    /// Nobody answered a ringing page.
    NoAnswer,
}

impl Alarm {
    fn why(self) -> &'static str {
        match self {
            Self::Ping(_) => "ping",
            Self::Greeting(_) => "connection expected",
            Self::Detach(_) => "session detached",
            Self::Call(_, CallAlarm::MediaOwes) => "media owes an event",
            Self::Call(_, CallAlarm::Ice) => "ICE",
            Self::Call(_, CallAlarm::AnswerAnyway) => "200 without waiting for DTLS",
            Self::Call(_, CallAlarm::HangupDue) => "hangup after the browser closed its media",
            Self::Call(_, CallAlarm::NoAnswer) => "no answer",
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeMap<Alarm, Instant>,
    order: BTreeSet<(Instant, Alarm)>,
}

impl Timers {
    pub(crate) fn arm(&mut self, alarm: Alarm, at: Instant) {
        self.disarm(alarm);
        self.due.insert(alarm, at);
        self.order.insert((at, alarm));
    }

    pub(crate) fn disarm(&mut self, alarm: Alarm) {
        if let Some(at) = self.due.remove(&alarm) {
            self.order.remove(&(at, alarm));
        }
    }

    /// All alarms of a call.
    pub(crate) fn disarm_call(&mut self, call: CallId) {
        for alarm in [
            CallAlarm::MediaOwes,
            CallAlarm::Ice,
            CallAlarm::AnswerAnyway,
            CallAlarm::HangupDue,
            CallAlarm::NoAnswer,
        ] {
            self.disarm(Alarm::Call(call, alarm));
        }
    }

    pub(crate) fn next(&self) -> Option<(Instant, &'static str)> {
        self.order.first().map(|(at, alarm)| (*at, alarm.why()))
    }

    /// The next alarm that is due, taken out.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Alarm> {
        let (at, alarm) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.disarm(alarm);
        Some(alarm)
    }

    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }
}
