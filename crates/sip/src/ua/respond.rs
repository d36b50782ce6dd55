//! The owner's answer to a request of a peer that only the owner can decide.

use std::time::Instant;

use bytes::Bytes;

use super::Ua;
use super::schedule::TransactionId;
use super::server_invite::InviteKey;
use super::types::{InviteId, RequestId};
use crate::header::HeaderName;
use crate::message::Method;

impl Ua {
    /// Answers what an event with a [`RequestId`] brought. `body` is SDP, or empty. A request that has its final
    /// response by now (cancelled, or its call is over) is left alone.
    pub fn respond(
        &mut self,
        request: RequestId,
        status: u16,
        headers: &[(HeaderName, String)],
        body: Bytes,
        now: Instant,
    ) {
        let transaction = TransactionId(request.0);
        let Some(server) = self
            .servers
            .get(&transaction)
            .filter(|server| server.open())
        else {
            return;
        };
        let accepted = (200..300).contains(&status);
        if let Some(key) = server.invite.clone() {
            return if accepted {
                self.accept_change(&key, headers, body, now);
            } else {
                self.refuse_change(&key, status, headers, now);
            };
        }
        let method = server.request.method.clone();
        let dialog = self.dialog_of(&server.request.clone());
        match (method, dialog) {
            (Method::Update, Some((id, tag))) if accepted => {
                self.accept_update(id, &tag, transaction, body, headers, now);
                self.offer_if_due(id, &tag);
            }
            (Method::Update | Method::Prack, Some((id, tag))) => {
                self.answer_offer(id, &tag, transaction, status, headers, body, now);
            }
            _ => self.answer(transaction, status, headers, body, now),
        }
    }

    fn accept_change(
        &mut self,
        key: &InviteKey,
        headers: &[(HeaderName, String)],
        sdp: Bytes,
        now: Instant,
    ) {
        self.accept_invite(key, headers, sdp, now);
        #[cfg(feature = "faults")]
        if crate::fault::planted(crate::fault::Fault::OfferAnsweredTwice)
            && let Some(invite) = self
                .usage(key.call, &key.remote_tag)
                .and_then(|u| u.invites.get(&key.cseq))
        {
            let transaction = invite.transaction;
            self.answer_against_the_rules(transaction, 488);
        }
    }

    /// The answer to a PRACK, or the refusal of an UPDATE.
    #[expect(clippy::too_many_arguments, reason = "one place calls it")]
    fn answer_offer(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        status: u16,
        own_headers: &[(HeaderName, String)],
        sdp: Bytes,
        now: Instant,
    ) {
        let mut headers = own_headers.to_vec();
        if let Some(usage) = self.usage(id, remote_tag) {
            if (200..300).contains(&status) {
                usage.offers.accepted(transaction, &sdp);
            } else {
                usage.offers.refused(transaction);
            }
        }
        if !sdp.is_empty() {
            headers.push((HeaderName::ContentType, "application/sdp".to_owned()));
        }
        self.answer(transaction, status, &headers, sdp, now);
        self.provisional_acknowledged(id, remote_tag, now);
        self.offer_if_due(id, remote_tag);
    }
}
