//! A request of the peer inside a dialog: whose it is, whether it is in order, and the file of its method (RFC 3261
//! section 12.2.2).

use std::time::Instant;

use bytes::Bytes;

use super::Ua;
use super::capabilities::{Unsupported, capabilities, unsupported};
use super::schedule::TransactionId;
use super::types::InviteId;
use crate::header::HeaderName;
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
        let Some(usage) = self.usage(id, remote_tag) else {
            return self.answer_plain(transaction, 481, now);
        };
        if !usage.dialog.accept_cseq(number) {
            return self.answer_plain(transaction, 500, now);
        }
        usage.sources.learn_from_request(&request.headers);
        if let Some(Unsupported { status, headers }) = unsupported(request) {
            return self.answer(transaction, status, &headers, Bytes::new(), now);
        }
        if !usage.staying() && request.method != Method::Bye {
            // We have said BYE, or they have: nothing changes in this dialog any more.
            return self.answer_plain(transaction, 481, now);
        }
        if matches!(request.method, Method::Info | Method::Message)
            && !self.may_be_the_call(id, remote_tag)
        {
            return self.answer_plain(transaction, 481, now);
        }
        self.dispatch_in_dialog(id, remote_tag, transaction, request, now);
    }

    /// Whether this dialog is the call, or may still become it. Of the phones that an INVITE of ours has reached one has
    /// answered; what the others send is not part of the call.
    fn may_be_the_call(&self, id: InviteId, remote_tag: &str) -> bool {
        let main = self.calls.get(&id).and_then(|call| call.main.as_deref());
        main.is_none_or(|main| main == remote_tag)
    }

    fn dispatch_in_dialog(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        request: &Request,
        now: Instant,
    ) {
        match request.method {
            Method::Bye => self.left_by_peer(id, remote_tag, transaction, request, now),
            Method::Options => self.answer(transaction, 200, &capabilities(), Bytes::new(), now),
            Method::Invite => self.re_invited(id, remote_tag, transaction, request, now),
            Method::Update => self.updated(id, remote_tag, transaction, request, now),
            Method::Prack => self.prack_received(id, remote_tag, transaction, request, now),
            Method::Info => self.info_received(id, transaction, request, now),
            Method::Message => self.message_received(transaction, Some(id), None, request),
            // There is no subscription in a call.
            Method::Notify => {
                let events = vec![(HeaderName::AllowEvents, "message-summary".to_owned())];
                self.answer(transaction, 489, &events, Bytes::new(), now);
            }
            _ => self.answer_plain(transaction, 501, now),
        }
    }
}
