//! INVITE client transaction (RFC 3261 section 17.1.1, corrected by RFC 6026 section 8.4).
//!
//! ```text
//!            | INVITE
//!            v            Timer A: send again
//!       +---------+  Timer B or transport error: tell the TU
//!       | Calling |-------------------------------------------> Terminated
//!       +---------+
//!    1xx |   |  \ 2xx to TU                300-699: ACK, to TU
//!        v   |   `--------------> Accepted --Timer M--> Terminated
//!  +------------+   2xx              ^ 2xx to TU
//!  | Proceeding |--------------------'
//!  +------------+   300-699: ACK, to TU
//!        `-----------------------> Completed --Timer D--> Terminated
//!                                    ^ 300-699: ACK again
//! ```

use super::Action::{
    self, PassUp, SendAck, SendRequest, Start, Stop, Terminate, TimedOut, TransportFailed,
};
use super::timer::{Timer, Timers};
use std::time::Duration;

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Calling,
    Proceeding,
    Completed,
    Accepted,
    Terminated,
}

/// All that can move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// 1xx
    Provisional,
    /// 2xx
    Success,
    /// 300-699
    Failure,
    Fired(Timer),
    TransportError,
}

/// One INVITE client transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientInvite {
    state: State,
    reliable: bool,
    timers: Timers,
    /// Value Timer A is set to next.
    timer_a: Duration,
}

impl ClientInvite {
    pub(crate) fn new(reliable: bool, timers: Timers) -> Self {
        Self {
            state: State::Calling,
            reliable,
            timers,
            timer_a: timers.t1,
        }
    }

    /// What starting it does.
    pub(crate) fn start(&self) -> &'static [Action] {
        if self.reliable {
            // 17.1.1.2: "If a reliable transport is being used, the client transaction SHOULD NOT start timer A."
            &[SendRequest, Start(Timer::B)]
        } else {
            // 17.1.1.2: "the client transaction MUST start timer A with a value of T1 ...
            // For any transport, the client transaction MUST start timer B with a value of 64*T1 seconds"
            &[SendRequest, Start(Timer::A), Start(Timer::B)]
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// How long after its start a timer fires.
    pub(crate) fn after(&self, timer: Timer) -> Duration {
        match timer {
            Timer::A => self.timer_a,
            // 17.1.1.2: "value of at least 32 seconds for unreliable transports, and a value of zero seconds for
            // reliable transports"
            Timer::D if self.reliable => Duration::ZERO,
            _ => self.timers.life(),
        }
    }

    /// The table.
    pub(crate) fn step(&mut self, input: Input) -> &'static [Action] {
        use Input::{Failure, Fired, Provisional, Success, TransportError};
        use State::{Accepted, Calling, Completed, Proceeding, Terminated};
        let (next, actions): (State, &'static [Action]) = match (self.state, input) {
            // 17.1.1.2: "When timer A fires, the client transaction MUST retransmit the request ... and MUST reset
            // the timer with a value of 2*T1 ... the request is retransmitted with intervals that double"
            (Calling, Fired(Timer::A)) => {
                self.timer_a *= 2;
                (Calling, &[SendRequest, Start(Timer::A)])
            }
            // "If the client transaction is still in the "Calling" state when timer B fires, the client transaction
            // SHOULD inform the TU that a timeout has occurred."
            (Calling, Fired(Timer::B)) => (Terminated, &[TimedOut, Terminate]),
            // "The client transaction SHOULD inform the TU that a transport failure has occurred, and the client
            // transaction SHOULD transition directly to the "Terminated" state."
            (Calling | Completed, TransportError) => (Terminated, &[TransportFailed, Terminate]),
            // "If the client transaction receives a provisional response while in the "Calling" state, it
            // transitions to the "Proceeding" state. In the "Proceeding" state, the client transaction SHOULD NOT
            // retransmit the request any longer."
            (Calling, Provisional) => (Proceeding, &[Stop(Timer::A), Stop(Timer::B), PassUp]),
            // "Any further provisional responses MUST be passed up to the TU while in the "Proceeding" state."
            (Proceeding, Provisional) => (Proceeding, &[PassUp]),
            // RFC 6026 8.4: a 2xx in Calling or Proceeding moves to Accepted, starts Timer M with 64*T1, goes to the TU.
            (Calling | Proceeding, Success) => (
                Accepted,
                &[Stop(Timer::A), Stop(Timer::B), Start(Timer::M), PassUp],
            ),
            // RFC 6026 8.4: every 2xx received in Accepted goes to the TU.
            (Accepted, Success) => (Accepted, &[PassUp]),
            // RFC 6026 8.4: when Timer M fires, Accepted moves to Terminated.
            (Accepted, Fired(Timer::M)) => (Terminated, &[Terminate]),
            // 17.1.1.2: "When in either the "Calling" or "Proceeding" states, reception of a response with status code
            // from 300-699 MUST cause the client transaction to transition to "Completed". The client transaction MUST
            // pass the received response up to the TU, and the client transaction MUST generate an ACK request"
            (Calling | Proceeding, Failure) => (
                Completed,
                &[
                    Stop(Timer::A),
                    Stop(Timer::B),
                    SendAck,
                    Start(Timer::D),
                    PassUp,
                ],
            ),
            // "Any retransmissions of the final response that are received while in the "Completed" state MUST cause
            // the ACK to be re-passed to the transport layer for retransmission, but the newly received response MUST
            // NOT be passed up to the TU."
            (Completed, Failure) => (Completed, &[SendAck]),
            // 16.7 step 5: a proxy forwards a 2xx of a late branch after its final response; the TU ACKs it and says
            // BYE.
            (Completed, Success) => (Completed, &[PassUp]),
            (Completed, Fired(Timer::D)) => (Terminated, &[Terminate]),
            // Late or foreign events.
            (Proceeding | Accepted | Terminated, TransportError)
            | (Completed | Accepted, Provisional)
            | (Accepted, Failure)
            | (Terminated, Provisional | Success | Failure)
            | (_, Fired(_)) => (self.state, &[]),
        };
        self.state = next;
        actions
    }
}
