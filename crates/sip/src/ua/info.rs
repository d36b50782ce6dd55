//! INFO in a call (RFC 6086; digits by `application/dtmf-relay` and `application/dtmf`).

use std::time::Instant;

use bytes::Bytes;

use super::Ua;
use super::ask::{Ask, Verb};
use super::call::Phase;
use super::client_transactions::Failure;
use super::events::Event;
use super::schedule::TransactionId;
use super::types::{InviteId, RequestId};
use crate::cause::{Cause, Side, Stage};
use crate::header::HeaderName;
use crate::message::{Method, Request, Response};

impl Ua {
    /// Sends an INFO in a call that is up. [`Event::InfoDone`] follows.
    pub fn info(&mut self, id: InviteId, content_type: &str, body: Bytes, now: Instant) {
        let up = self
            .calls
            .get(&id)
            .filter(|call| call.phase == Phase::Established);
        let Some(tag) = up.and_then(|call| call.main.clone()) else {
            let text = "The call is not up, so nothing can be sent in it.";
            let result = Err(Cause::new(481, Stage::Call, Side::Gateway, text));
            return self.event(Event::InfoDone { id, result });
        };
        let mut info = Ask::new(Verb::Info);
        info.content = Some((content_type.to_owned(), body));
        self.ask(id, &tag, info, now);
    }

    pub(crate) fn info_answered(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        response: &Response,
        now: Instant,
    ) {
        if (200..300).contains(&response.status) {
            return self.info_done(id, Ok(()));
        }
        let cause = self.refused_in_dialog(id, &Method::Info, response);
        self.info_done(id, Err(cause.clone()));
        // The peer does not know the dialog any more. A 408 may only mean that it does not know INFO.
        if response.status == 481 && self.usage(id, remote_tag).is_some_and(|u| u.staying()) {
            self.dialog_lost(id, remote_tag, cause, now);
        }
    }

    pub(crate) fn info_failed(&mut self, id: InviteId, failure: &Failure) {
        let cause = self.unanswered_in_dialog(id, &Method::Info, failure);
        self.info_done(id, Err(cause));
    }

    /// After the last event of a call nobody asks for its digits.
    fn info_done(&mut self, id: InviteId, result: Result<(), Cause>) {
        if self
            .calls
            .get(&id)
            .is_some_and(|call| call.phase != Phase::Over)
        {
            self.event(Event::InfoDone { id, result });
        }
    }

    /// INFO of the peer: the owner of the call decides, unless it belongs to an Info Package.
    pub(crate) fn info_received(
        &mut self,
        id: InviteId,
        transaction: TransactionId,
        request: &Request,
        now: Instant,
    ) {
        if request.headers.has(&HeaderName::InfoPackage) {
            // RFC 6086 section 4.2.2: "If a UA receives an INFO request associated with an Info Package that the UA has not
            // indicated willingness to receive, the UA MUST send a 469 (Bad Info Package) response (see Section 11.6), which
            // contains a Recv-Info header field with Info Packages for which the UA is willing to receive INFO requests."
            // There are none: we never send Recv-Info, and digits come without a package.
            let packages = vec![(HeaderName::RecvInfo, String::new())];
            return self.answer(transaction, 469, &packages, Bytes::new(), now);
        }
        let kind = request
            .headers
            .get(&HeaderName::ContentType)
            .unwrap_or_default();
        let content_type = kind.split(';').next().unwrap_or_default().trim();
        self.event(Event::Info {
            id,
            request: RequestId(transaction.0),
            content_type: content_type.to_ascii_lowercase(),
            body: request.body.clone(),
        });
    }
}
