//! Non-INVITE client transaction (RFC 3261 section 17.1.2).
//!
//! ```text
//!            | request
//!            v             Timer E: send again
//!       +--------+  Timer F or transport error: tell the TU
//!       | Trying |--------------------------------------------> Terminated
//!       +--------+                                                 ^
//!    1xx |    \ 200-699 to TU                                      | Timer K
//!        v     `------------------------> Completed ---------------'
//!  +------------+   200-699 to TU            ^
//!  | Proceeding |----------------------------'
//!  +------------+  Timer E: send again; Timer F: as in Trying
//! ```

use super::Action::{self, PassUp, SendRequest, Start, Stop, Terminate, TimedOut, TransportFailed};
use super::timer::{Timer, Timers};
use std::time::Duration;

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

/// All that can move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// 1xx
    Provisional,
    /// 200-699
    Final,
    Fired(Timer),
    TransportError,
}

/// One non-INVITE client transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    state: State,
    reliable: bool,
    timers: Timers,
    /// Value Timer E is set to next.
    timer_e: Duration,
    timer_f: Duration,
}

impl Client {
    /// `timer_f`: 64*T1, or a share of it when other targets wait (RFC 3263 section 4.3).
    pub(crate) fn new(reliable: bool, timers: Timers, timer_f: Duration) -> Self {
        Self {
            state: State::Trying,
            reliable,
            timers,
            timer_e: timers.t1,
            timer_f,
        }
    }

    /// What starting it does.
    pub(crate) fn start(&self) -> &'static [Action] {
        if self.reliable {
            &[SendRequest, Start(Timer::F)]
        } else {
            // 17.1.2.2: "the client transaction SHOULD set timer F to fire in 64*T1 seconds. ... If an unreliable
            // transport is in use, the client transaction MUST set timer E to fire in T1 seconds."
            &[SendRequest, Start(Timer::E), Start(Timer::F)]
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// How long after its start a timer fires.
    pub(crate) fn after(&self, timer: Timer) -> Duration {
        match timer {
            Timer::E => self.timer_e,
            // 17.1.2.2: "Timer K to fire in T4 seconds for unreliable transports, and zero seconds for reliable"
            Timer::K if self.reliable => Duration::ZERO,
            Timer::K => self.timers.t4,
            _ => self.timer_f,
        }
    }

    /// The table.
    pub(crate) fn step(&mut self, input: Input) -> &'static [Action] {
        use Input::{Final, Fired, Provisional, TransportError};
        use State::{Completed, Proceeding, Terminated, Trying};
        let (next, actions): (State, &'static [Action]) = match (self.state, input) {
            // 17.1.2.2: "When the timer fires again, it is reset to a MIN(4*T1, T2). This process continues so that
            // retransmissions occur with an exponentially increasing interval that caps at T2."
            (Trying, Fired(Timer::E)) => {
                self.timer_e = (self.timer_e * 2).min(self.timers.t2);
                (Trying, &[SendRequest, Start(Timer::E)])
            }
            // "If timer E fires while in the "Proceeding" state, the request MUST be passed to the transport layer for
            // retransmission, and timer E MUST be reset with a value of T2 seconds."
            (Proceeding, Fired(Timer::E)) => {
                self.timer_e = self.timers.t2;
                (Proceeding, &[SendRequest, Start(Timer::E)])
            }
            // "If Timer F fires while the client transaction is still in the "Trying" state, the client transaction
            // SHOULD inform the TU about the timeout, and then it SHOULD enter the "Terminated" state."
            (Trying | Proceeding, Fired(Timer::F)) => (Terminated, &[TimedOut, Terminate]),
            // 17.1.4: "the client transaction SHOULD inform the TU that a transport failure has occurred"
            (Trying | Proceeding, TransportError) => (Terminated, &[TransportFailed, Terminate]),
            // "If a provisional response is received while in the "Trying" state, the response MUST be passed to the
            // TU, and then the client transaction SHOULD move to the "Proceeding" state."
            (Trying | Proceeding, Provisional) => (Proceeding, &[PassUp]),
            // "If a final response (status codes 200-699) is received ... the response MUST be passed to the TU, and
            // the client transaction MUST transition to the "Completed" state."
            (Trying | Proceeding, Final) => (
                Completed,
                &[Stop(Timer::E), Stop(Timer::F), Start(Timer::K), PassUp],
            ),
            // "If Timer K fires while in this state, the client transaction MUST transition to the "Terminated" state."
            (Completed, Fired(Timer::K)) => (Terminated, &[Terminate]),
            // The Completed state absorbs retransmissions; late or foreign events.
            (Completed | Terminated, Provisional | Final | TransportError) | (_, Fired(_)) => {
                (self.state, &[])
            }
        };
        self.state = next;
        actions
    }
}
