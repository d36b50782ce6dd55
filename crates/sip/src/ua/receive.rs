//! A message from the network: whose is it, and may it be answered (RFC 3261 sections 8.2, 9.2, 12.2.2)?

use std::time::Instant;

use super::Ua;
use super::server_transactions::{mark_received, reply_hop, response_to};
use crate::error::Error;
use crate::message::{self, Message, Method, Request};
use crate::resolve::Hop;

impl Ua {
    /// Order (t-A6): parse and sanity, trust, answer.
    pub(crate) fn received(&mut self, from: &Hop, bytes: &[u8], now: Instant) {
        match message::parse(bytes) {
            Ok(Message::Response(response)) => self.response_received(&response, now),
            Ok(Message::Request(request)) => self.request_received(from, &request, now),
            Err(error) => self.broken_received(from, &error),
        }
    }

    fn request_received(&mut self, from: &Hop, request: &Request, now: Instant) {
        let copy_of = self.server_of(request, &request.method);
        if request.method == Method::Ack {
            return self.ack_received(copy_of, request, now);
        }
        if let Some(id) = copy_of {
            return self.request_repeated(id, now);
        }
        if request.method == Method::Cancel {
            return self.cancel_received(from, request, now);
        }
        let headers = &request.headers;
        let tagged = headers.to().is_ok_and(|to| to.tag.is_some());
        if tagged {
            if let Some((call, remote_tag)) = self.dialog_of(request) {
                return self.request_in_dialog(call, &remote_tag, from, request, now);
            }
            let ended = self
                .call_of(request)
                .is_some_and(|id| self.ended.contains_key(&id));
            if (ended || self.answers(from, request))
                && let Some(id) = self.start_server(request, from)
            {
                // 12.2.2: "If the request has a tag in the To header field, but the dialog identifier does not match any
                // existing dialogs ... the UAS ... MUST respond to the request with a 481"
                self.answer_plain(id, 481, now);
            }
            return;
        }
        if self.answers(from, request) {
            self.request_outside(from, request, now);
        }
    }

    /// The call and the remote tag a request with a To tag belongs to.
    pub(crate) fn dialog_of(&self, request: &Request) -> Option<(super::InviteId, String)> {
        let id = self.call_of(request)?;
        let remote_tag = request.headers.from().ok()?.tag.unwrap_or_default();
        self.calls
            .get(&id)?
            .usages
            .contains_key(&remote_tag)
            .then_some((id, remote_tag))
    }

    /// The call whose Call-ID and tag of ours a request names; it may have ended a moment ago.
    fn call_of(&self, request: &Request) -> Option<super::InviteId> {
        let headers = &request.headers;
        let key = (headers.call_id().ok()?.to_owned(), headers.to().ok()?.tag?);
        self.dialogs.get(&key).copied()
    }

    /// What the parser or the sanity layer refused: 400, 505 or 513 without a transaction, to a trusted source only.
    pub(crate) fn broken_received(&mut self, from: &Hop, error: &Error) {
        let (Some(reply), Some(head)) = (&error.reply, &error.request_head) else {
            return;
        };
        if !self.knows_source(from) {
            return;
        }
        let mut head = head.clone();
        let hop = reply_hop(&head, from);
        mark_received(&mut head, from);
        let tag = self.random_hex(64);
        let mut response = response_to(&head, reply.status, &reply.reason, &tag);
        response.headers.push(
            crate::header::HeaderName::Server,
            self.config.user_agent.clone(),
        );
        self.transmit(&hop, response.to_bytes());
    }
}
