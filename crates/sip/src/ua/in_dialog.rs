//! Requests of the peer inside a dialog (RFC 3261 sections 12.2.2, 14.2, 15.1.2).

use std::time::Instant;

use bytes::Bytes;

use super::Ua;
use super::call::Phase;
use super::outside::{Unsupported, capabilities, unsupported};
use super::schedule::TransactionId;
use super::types::{Event, InviteId};
use crate::cause::{Cause, Side, Stage};
use crate::message::{Method, Request};
use crate::resolve::Hop;

impl Ua {
    /// Anything but ACK and CANCEL.
    pub(crate) fn request_in_dialog(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        from: &Hop,
        request: &Request,
        now: Instant,
    ) {
        let Some(transaction) = self.start_server(request, from) else {
            return;
        };
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let dialog = self
            .calls
            .get_mut(&id)
            .and_then(|call| call.dialog_mut(remote_tag));
        if !dialog.is_some_and(|dialog| dialog.accept_cseq(number)) {
            return self.answer_plain(transaction, 500, now);
        }
        if let Some(Unsupported { status, headers }) = unsupported(request) {
            return self.answer(transaction, status, &headers, Bytes::new(), now);
        }
        match request.method {
            Method::Bye => self.left_by_peer(id, remote_tag, transaction, request, now),
            Method::Options => self.answer(transaction, 200, &capabilities(), Bytes::new(), now),
            // 14.2: "if the new session description is not acceptable, the UAS can reject it by returning a 488 (Not
            // Acceptable Here) response for the re-INVITE"; the call goes on as it was.
            Method::Invite | Method::Update => self.answer_plain(transaction, 488, now),
            _ => self.answer_plain(transaction, 501, now),
        }
    }

    /// BYE: 200, and whatever of the call still waits is over.
    fn left_by_peer(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        request: &Request,
        now: Instant,
    ) {
        self.answer_plain(transaction, 200, now);
        self.bye_received(id, remote_tag);
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        if call.main.as_deref() != Some(remote_tag) {
            return self.sweep(id);
        }
        let text = format!("{} hung up.", call.peer);
        let cause =
            Cause::normal(Stage::Call, Side::Sip, text).with_reasons(&request.headers.reasons());
        match call.phase {
            Phase::Offered | Phase::Alerting => {
                // 15.1.2: "The UAS MUST still respond to any pending requests received for that dialog. It is RECOMMENDED
                // that a 487 (Request Terminated) response be generated to those pending requests."
                self.refuse(id, 487, cause, now);
            }
            // Both sides hang up at once: ours ends it when it is answered.
            Phase::Leaving => {}
            _ => self.finish(id, Event::Ended { id, cause }),
        }
    }
}
