//! INVITE server transaction (RFC 3261 section 17.2.1, corrected by RFC 6026 section 8.7).
//!
//! ```text
//!          | INVITE: to TU, 100
//!          v          INVITE or 1xx from TU: send response
//!   +------------+  300-699 from TU: send        ACK: stop G, H          Timer I
//!   | Proceeding |-------------------> Completed ---------> Confirmed -----------> Terminated
//!   +------------+                       | Timer G: send again                        ^
//!          | 2xx from TU: send           | Timer H: tell the TU ----------------------|
//!          v                                                                          |
//!      Accepted (ACK to TU, 2xx from TU sent, INVITE absorbed) --Timer L--------------'
//! ```

use super::Action::{self, PassUp, SendResponse, Start, Stop, Terminate, TimedOut};
use super::timer::{Timer, Timers};
use std::time::Duration;

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Proceeding,
    Completed,
    Confirmed,
    Accepted,
    Terminated,
}

/// All that can move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The INVITE once more.
    Invite,
    Ack,
    /// The TU answers 1xx.
    Provisional,
    /// The TU answers 2xx.
    Success,
    /// The TU answers 300-699.
    Failure,
    Fired(Timer),
    TransportError,
}

/// One INVITE server transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerInvite {
    state: State,
    reliable: bool,
    timers: Timers,
    /// Value Timer G is set to next.
    timer_g: Duration,
}

impl ServerInvite {
    pub(crate) fn new(reliable: bool, timers: Timers) -> Self {
        Self {
            state: State::Proceeding,
            reliable,
            timers,
            timer_g: timers.t1,
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// How long after its start a timer fires.
    pub(crate) fn after(&self, timer: Timer) -> Duration {
        match timer {
            Timer::G => self.timer_g,
            // 17.2.1: "Timer I is set to fire in T4 seconds for unreliable transports, and zero seconds for reliable"
            Timer::I if self.reliable => Duration::ZERO,
            Timer::I => self.timers.t4,
            _ => self.timers.life(),
        }
    }

    /// The table.
    pub(crate) fn step(&mut self, input: Input) -> &'static [Action] {
        use Input::{Ack, Failure, Fired, Invite, Provisional, Success, TransportError};
        use State::{Accepted, Completed, Confirmed, Proceeding, Terminated};
        let (next, actions): (State, &'static [Action]) = match (self.state, input) {
            // 17.2.1: "If a request retransmission is received while in the "Proceeding" state, the most recent
            // provisional response that was received from the TU MUST be passed to the transport layer"
            (Proceeding, Invite) => (Proceeding, &[SendResponse]),
            // "The TU passes any number of provisional responses to the server transaction. So long as the server
            // transaction is in the "Proceeding" state, each of these MUST be passed to the transport layer"
            (Proceeding, Provisional) => (Proceeding, &[SendResponse]),
            // RFC 6026 8.7: a 2xx from the TU in Proceeding is sent, moves to Accepted and starts Timer L with 64*T1.
            (Proceeding, Success) => (Accepted, &[SendResponse, Start(Timer::L)]),
            // 17.2.1: "the server transaction ... MUST enter the "Completed" state. For unreliable transports, timer G
            // is set to fire in T1 seconds, and is not set to fire for reliable transports. ... timer H MUST be set"
            (Proceeding, Failure) if self.reliable => (Completed, &[SendResponse, Start(Timer::H)]),
            (Proceeding, Failure) => (Completed, &[SendResponse, Start(Timer::G), Start(Timer::H)]),
            // "If timer G fires, the response is passed to the transport layer once more for retransmission, and timer
            // G is set to fire in MIN(2*T1, T2) seconds."
            (Completed, Fired(Timer::G)) => {
                self.timer_g = (self.timer_g * 2).min(self.timers.t2);
                (Completed, &[SendResponse, Start(Timer::G)])
            }
            // "while in the "Completed" state, if a request retransmission is received, the server SHOULD pass the
            // response to the transport for retransmission"
            (Completed, Invite) => (Completed, &[SendResponse]),
            // "If an ACK is received while the server transaction is in the "Completed" state, the server transaction
            // MUST transition to the "Confirmed" state."
            (Completed, Ack) => (
                Confirmed,
                &[Stop(Timer::G), Stop(Timer::H), Start(Timer::I)],
            ),
            // "If timer H fires while in the "Completed" state, it implies that the ACK was never received."
            (Completed, Fired(Timer::H)) => (Terminated, &[TimedOut, Terminate]),
            (Confirmed, Fired(Timer::I)) => (Terminated, &[Terminate]),
            // RFC 6026 8.7: an ACK received in Accepted goes to the TU.
            (Accepted, Ack) => (Accepted, &[PassUp]),
            // RFC 6026 8.7: the machine does not repeat a 2xx by itself; one the TU repeats is sent.
            (Accepted, Success) => (Accepted, &[SendResponse]),
            // RFC 6026 8.7: when Timer L fires, Accepted moves to Terminated.
            (Accepted, Fired(Timer::L)) => (Terminated, &[Terminate]),
            // RFC 6026 8.8: a transport error does not end the transaction; retransmissions may still get through.
            (_, TransportError) => (self.state, &[]),
            // RFC 6026 8.7: Accepted absorbs INVITE retransmissions; Confirmed absorbs ACKs; late events.
            (Accepted | Confirmed | Terminated, Invite)
            | (Proceeding | Confirmed | Terminated, Ack)
            | (Completed | Confirmed | Accepted | Terminated, Provisional | Failure)
            | (Completed | Confirmed | Terminated, Success)
            | (_, Fired(_)) => (self.state, &[]),
        };
        self.state = next;
        actions
    }
}
