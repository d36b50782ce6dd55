//! BYE, both ways (RFC 3261 section 15).

use std::time::Instant;

use super::Ua;
use super::ask::{Ask, Verb};
use super::call::Phase;
use super::events::Event;
use super::schedule::TransactionId;
use super::types::InviteId;
use super::usage::Bye;
use crate::cause::{Cause, Side, Stage};
use crate::header::{HeaderName, Reason};
use crate::message::Request;

impl Ua {
    /// Leaves a dialog: BYE, once. It overtakes whatever else is open.
    pub(crate) fn say_bye(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        reason: Option<Reason>,
        now: Instant,
    ) {
        let Some(usage) = self.usage(id, remote_tag).filter(|usage| usage.staying()) else {
            return;
        };
        usage.bye = Bye::Said;
        // What has not gone out by now is of no use any more.
        usage.queue.clear();
        self.refuse_pending(id, remote_tag, now);
        let mut bye = Ask::new(Verb::Bye);
        if let Some(reason) = reason {
            bye = bye.with_header(HeaderName::Reason, reason);
        }
        self.ask(id, remote_tag, bye, now);
    }

    /// They have left the dialog: we send nothing more in it.
    pub(crate) fn bye_received(&mut self, id: InviteId, remote_tag: &str) {
        if let Some(usage) = self.usage(id, remote_tag).filter(|usage| usage.staying()) {
            usage.bye = Bye::Done;
            usage.queue.clear();
        }
    }

    /// The peer has left, or is refused: no BYE of ours is due in any dialog.
    pub(crate) fn bye_from_all(&mut self, id: InviteId) {
        let tags: Vec<String> = self
            .calls
            .get(&id)
            .map(|call| call.usages.keys().cloned().collect())
            .unwrap_or_default();
        for tag in tags {
            self.bye_received(id, &tag);
        }
    }

    /// A dialog is left for good.
    pub(crate) fn left(&mut self, id: InviteId, remote_tag: &str, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if call.phase == Phase::Leaving && call.main.as_deref() == Some(remote_tag) {
            let cause = call.farewell.take().unwrap_or_else(ordinary_end);
            return self.finish(id, Event::Ended { id, cause }, now);
        }
        self.sweep(id, now);
    }

    /// BYE of the peer: 200, and whatever of the call still waits is over.
    pub(crate) fn left_by_peer(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        request: &Request,
        now: Instant,
    ) {
        self.answer_plain(transaction, 200, now);
        self.refuse_pending(id, remote_tag, now);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let early = call.outgoing().is_some()
            && call
                .usages
                .get(remote_tag)
                .is_some_and(|usage| !usage.confirmed);
        if early {
            // A callee may not say BYE before its 2xx (section 15). One that does has ended its early dialog, as with 199.
            call.usages.remove(remote_tag);
            if call.phase == Phase::Ringing {
                let remote_tag = remote_tag.to_owned();
                self.event(Event::EarlyDialogEnded { id, remote_tag });
            }
            return self.sweep(id, now);
        }
        self.bye_received(id, remote_tag);
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        if call.main.as_deref() != Some(remote_tag) {
            return self.sweep(id, now);
        }
        let text = format!("{} hung up.", call.peer);
        let cause =
            Cause::normal(Stage::Call, Side::Sip, text).with_reasons(&request.headers.reasons());
        match call.phase {
            Phase::Offered | Phase::Alerting => self.refuse(id, 487, cause, now),
            // Both sides hang up at once: ours ends it when it is answered.
            Phase::Leaving => {}
            _ => self.finish(id, Event::Ended { id, cause }, now),
        }
    }
}

/// The end of a call that carries no cause of its own.
fn ordinary_end() -> Cause {
    Cause::normal(Stage::Call, Side::Gateway, "The call was ended.")
}
