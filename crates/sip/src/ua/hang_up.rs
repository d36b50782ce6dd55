//! Ending a call, whatever state it is in (RFC 3261 sections 9.1, 13.3.1.3, 15.1).

use std::time::Instant;

use super::Ua;
use super::call::{Direction, Phase};
use super::cancel::own_cancel;
use super::events::Event;
use super::types::InviteId;
use super::usage::Bye;
use crate::cause::{Cause, Side, Stage};

impl Ua {
    /// Ends a call as its state demands: CANCEL, BYE, or a refusal with the configured status.
    pub fn end(&mut self, id: InviteId, now: Instant) {
        self.end_as(id, None, now);
    }

    /// The same for a reason: it goes out as a Reason header (RFC 3326) and comes back in the final event.
    pub fn end_with(&mut self, id: InviteId, cause: &Cause, now: Instant) {
        self.end_as(id, Some(cause.clone()), now);
    }

    fn end_as(&mut self, id: InviteId, cause: Option<Cause>, now: Instant) {
        let decline = self.config.decline_code;
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let reason = cause.as_ref().and_then(Cause::to_reason);
        match call.phase {
            Phase::LookingUp | Phase::Located => {
                let cause = cause.unwrap_or_else(own_cancel);
                self.finish(id, Event::Ended { id, cause }, now);
            }
            Phase::Calling | Phase::Proceeding | Phase::Ringing => {
                call.phase = Phase::Cancelling;
                call.farewell = cause;
                let current = match &call.side {
                    Direction::Out(out) => out.current,
                    Direction::In(_) => None,
                };
                self.stop_waiting(id);
                if let Some(transaction) = current {
                    self.cancel_attempt(id, transaction, now);
                }
            }
            Phase::Offered | Phase::Alerting => {
                let cause = cause.unwrap_or_else(|| {
                    let text = "The call was declined.";
                    let mut declined = Cause::new(decline, Stage::Ringing, Side::Browser, text);
                    declined.q850 = Some(21);
                    declined
                });
                self.refuse(id, decline, cause, now);
            }
            Phase::AwaitingAck => {
                // 15: "the callee's UA MUST NOT send a BYE on a confirmed dialog until it has received an ACK for its 2xx
                // response or until the server transaction times out."
                call.farewell = Some(cause.unwrap_or_else(own_bye));
                if let Some(incoming) = call.incoming() {
                    incoming.leave = true;
                }
            }
            Phase::Established => {
                call.farewell = Some(cause.unwrap_or_else(own_bye));
                self.leave(id, reason, now);
            }
            Phase::Cancelling | Phase::Leaving | Phase::Over => {}
        }
    }

    /// BYE in the dialog that is the call; its last event follows the answer.
    pub(crate) fn leave(
        &mut self,
        id: InviteId,
        reason: Option<crate::header::Reason>,
        now: Instant,
    ) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.phase = Phase::Leaving;
        let Some(remote_tag) = call.main.clone() else {
            return;
        };
        if self
            .usage(id, &remote_tag)
            .is_some_and(|usage| usage.bye == Bye::Done)
        {
            return self.left(id, &remote_tag, now);
        }
        self.say_bye(id, &remote_tag, reason, now);
    }
}

/// We hung up.
fn own_bye() -> Cause {
    Cause::normal(Stage::Call, Side::Browser, "The call was ended here.")
}
