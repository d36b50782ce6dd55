//! Non-INVITE server transaction (RFC 3261 section 17.2.2).
//!
//! ```text
//!        | request: to TU
//!        v
//!   +--------+ 1xx from TU  +------------+
//!   | Trying |------------->| Proceeding | request or 1xx from TU: send response
//!   +--------+              +------------+
//!        | 200-699 from TU: send   |
//!        v                         v        Timer J
//!        +--------------------> Completed -----------> Terminated
//!                                  ^ request: send response
//! ```

use super::Action::{self, SendResponse, Start, Terminate};
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
    /// The request once more.
    Request,
    /// The TU answers 1xx.
    Provisional,
    /// The TU answers 200-699.
    Final,
    Fired(Timer),
    TransportError,
}

/// One non-INVITE server transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    state: State,
    reliable: bool,
    timers: Timers,
}

impl Server {
    pub(crate) fn new(reliable: bool, timers: Timers) -> Self {
        Self {
            state: State::Trying,
            reliable,
            timers,
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// How long after its start a timer fires.
    pub(crate) fn after(&self, _timer: Timer) -> Duration {
        // 17.2.2: "it MUST set Timer J to fire in 64*T1 seconds for unreliable transports, and zero seconds for
        // reliable transports."
        if self.reliable {
            Duration::ZERO
        } else {
            self.timers.life()
        }
    }

    /// The table.
    pub(crate) fn step(&mut self, input: Input) -> &'static [Action] {
        use Input::{Final, Fired, Provisional, Request, TransportError};
        use State::{Completed, Proceeding, Terminated, Trying};
        let (next, actions): (State, &'static [Action]) = match (self.state, input) {
            // 17.2.2: "While in the "Trying" state, if the TU passes a provisional response to the server transaction,
            // the server transaction MUST enter the "Proceeding" state."
            (Trying | Proceeding, Provisional) => (Proceeding, &[SendResponse]),
            // "If a retransmission of the request is received while in the "Proceeding" state, the most recently sent
            // provisional response MUST be passed to the transport layer for retransmission."
            (Proceeding, Request) => (Proceeding, &[SendResponse]),
            // "If the TU passes a final response (status codes 200-699) to the server while in the "Proceeding" state,
            // the transaction MUST enter the "Completed" state, and the response MUST be passed to the transport"
            (Trying | Proceeding, Final) => (Completed, &[SendResponse, Start(Timer::J)]),
            // "While in the "Completed" state, the server transaction MUST pass the final response to the transport
            // layer for retransmission whenever a retransmission of the request is received."
            (Completed, Request) => (Completed, &[SendResponse]),
            (Completed, Fired(Timer::J)) => (Terminated, &[Terminate]),
            // "Any other final responses passed by the TU to the server transaction MUST be discarded while in the
            // "Completed" state."; "retransmissions are discarded" in Trying; late events.
            (Completed | Terminated, Provisional | Final)
            | (Trying | Terminated, Request)
            | (_, TransportError | Fired(_)) => (self.state, &[]),
        };
        self.state = next;
        actions
    }
}
