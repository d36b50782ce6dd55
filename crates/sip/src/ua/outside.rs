//! Requests outside every dialog, of a peer that may have an answer (RFC 3261 section 8.2).

use std::time::Instant;

use bytes::Bytes;

use super::Ua;
use super::capabilities::{Unsupported, capabilities, unsupported};
use super::events::Event;
use super::register::Registration;
use super::schedule::TransactionId;
use super::types::{RegistrationId, RequestId};
use crate::header::HeaderName;
use crate::message::{Method, Request};
use crate::resolve::Hop;

/// Retry-After of a 503 that is sent because no media port is free, in seconds.
const BUSY_RETRY_AFTER_S: u32 = 10;

impl Ua {
    pub(crate) fn request_outside(&mut self, from: &Hop, request: &Request, now: Instant) {
        let merged = self.merged(request);
        let Some(transaction) = self.start_server(request, from) else {
            return;
        };
        if let Some(Unsupported { status, headers }) = unsupported(request) {
            return self.answer(transaction, status, &headers, Bytes::new(), now);
        }
        if merged {
            return self.answer_plain(transaction, 482, now);
        }
        match request.method {
            Method::Invite | Method::Message | Method::Notify => {}
            Method::Options => return self.answer_options(transaction, now),
            // BYE and UPDATE without a To tag, and their like.
            _ => return self.answer_plain(transaction, 481, now),
        }
        let registration = self.registration_for(from, request);
        match (registration, &request.method) {
            (None, Method::Invite) if self.is_listed(from) => {
                self.invited(transaction, request, None, now);
            }
            (None, _) => self.answer_plain(transaction, 404, now),
            (Some(id), _) if self.registrations.get(&id).is_none_or(|r| r.leaving) => {
                self.answer_plain(transaction, 480, now);
            }
            (Some(id), Method::Message) => {
                self.message_received(transaction, None, Some(id), request);
            }
            (Some(id), Method::Notify) => self.notified(transaction, id, request, now),
            (Some(id), _) => self.invited(transaction, request, Some(id), now),
        }
    }

    /// Whom a request outside every dialog is for. A token names the registration. The server of an account, or a listed
    /// source, may also name its user; a server that some page registered at elsewhere may not, for it would ring another
    /// server's account. Where two accounts have the same user, one that stays goes before one that leaves, and then the
    /// domain in To decides.
    fn registration_for(&self, from: &Hop, request: &Request) -> Option<RegistrationId> {
        if let Some(id) = self.registration_called(request) {
            return Some(id);
        }
        let user = request.uri.user.as_deref().unwrap_or_default();
        let domain = request
            .headers
            .to()
            .map(|to| to.uri.host.to_string())
            .unwrap_or_default();
        let named = |r: &Registration| {
            let calls_own = r.hops.iter().any(|hop| hop.addr.ip() == from.addr.ip());
            r.account.user.as_str() == user && (calls_own || self.is_listed(from))
        };
        let candidates = self.registrations.iter().filter(|(_, r)| named(r));
        let of_domain = |r: &Registration| r.account.domain.eq_ignore_ascii_case(&domain);
        candidates
            .min_by_key(|(_, r)| (r.leaving, !of_domain(r)))
            .map(|(id, _)| *id)
    }

    /// OPTIONS outside every dialog asks whether a call would be taken (11.2): without a free media port it would not.
    fn answer_options(&mut self, transaction: TransactionId, now: Instant) {
        let mut headers = capabilities();
        if self.ports_free {
            return self.answer(transaction, 200, &headers, Bytes::new(), now);
        }
        headers.push((HeaderName::RetryAfter, BUSY_RETRY_AFTER_S.to_string()));
        self.answer(transaction, 503, &headers, Bytes::new(), now);
    }

    /// NOTIFY outside every dialog. Many servers send the state of a mailbox (RFC 3842) to a registered phone that has not
    /// subscribed to it. RFC 3265 section 5.4 speaks of "the prohibition on sending NOTIFY messages to nodes which have
    /// not subscribed to an event", but phones take it, and so do we.
    fn notified(
        &mut self,
        transaction: TransactionId,
        registration: RegistrationId,
        request: &Request,
        now: Instant,
    ) {
        let summary = request
            .headers
            .event()
            .is_ok_and(|event| event.is_of("message-summary"));
        if !summary {
            // A 489 must have Allow-Events (table of RFC 3265 section 7.2, now RFC 6665 section 8.2).
            let events = vec![(HeaderName::AllowEvents, "message-summary".to_owned())];
            return self.answer(transaction, 489, &events, Bytes::new(), now);
        }
        self.event(Event::MessageSummary {
            request: RequestId(transaction.0),
            registration,
            body: request.body.clone(),
        });
    }
}

/// 20.1: "If no Accept header field is present, the server SHOULD assume a default value of application/sdp."
pub(crate) fn accepts_sdp(request: &Request) -> bool {
    let mut ranges = request
        .headers
        .get_all(&HeaderName::Accept)
        .flat_map(crate::header::tokens)
        .peekable();
    let named = |range: &str| {
        let kind = range
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        matches!(kind.as_str(), "application/sdp" | "application/*" | "*/*")
    };
    !request.headers.has(&HeaderName::Accept) || ranges.any(named)
}
