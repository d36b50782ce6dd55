//! Calls that change: a service answers a new offer itself, and an exchanged call hands it to the other phone.
//!
//! ```text
//!  offer of one phone ─► request_offer(the other) ─► OfferDue ─► reoffer ─┬─ answered ─► 200 with that answer
//!                                                                         └─ refused ─► 488
//! ```

use std::time::Instant;

use bytes::Bytes;
use sip::{InviteId, RequestId};

use crate::pbx::{Call, Pbx};

/// An offer on its way from one phone to the other.
#[derive(Debug)]
pub(crate) struct Relayed {
    /// The request that carries it.
    request: RequestId,
    offer: Bytes,
    /// The other phone has it, and what that phone answers is the answer to it.
    sent: bool,
}

impl Pbx {
    /// An offer of a phone in a call that is up.
    pub(crate) fn offered(
        &mut self,
        id: InviteId,
        request: RequestId,
        sdp: Option<Bytes>,
        now: Instant,
    ) {
        if let Some(Call::Service(service)) = self.calls.get_mut(&id) {
            return match service.reoffered(sdp.as_deref()) {
                Some(ours) => {
                    let body = Bytes::from(ours.to_string());
                    self.ua.respond(request, 200, &[], body, now);
                }
                None => self.ua.respond(request, 488, &[], Bytes::new(), now),
            };
        }
        // We could make no offer in the other phone's name.
        let (Some(other), Some(offer)) = (self.other_phone(id), sdp) else {
            return self.ua.respond(request, 488, &[], Bytes::new(), now);
        };
        let sent = false;
        let relayed = Relayed {
            request,
            offer,
            sent,
        };
        self.relayed.insert(other, relayed);
        self.ua.request_offer(other);
    }

    /// The other phone may be offered what waits for it. `refresh`: it must be offered something, so that its session goes
    /// on (RFC 4028).
    pub(crate) fn offer_due(&mut self, id: InviteId, refresh: bool, now: Instant) {
        let relayed = self.relayed.get_mut(&id).map(|relayed| {
            relayed.sent = true;
            relayed.offer.clone()
        });
        let offer = relayed.or_else(|| self.description(id).filter(|_| refresh));
        if let Some(offer) = offer {
            self.ua.reoffer(id, offer, now);
        }
    }

    /// Our description of what has been agreed with the phone so far.
    fn description(&mut self, id: InviteId) -> Option<Bytes> {
        if let Some(Call::Service(service)) = self.calls.get_mut(&id) {
            return service.reoffered(None).map(|ours| ours.to_string().into());
        }
        self.described.get(&id).cloned()
    }

    /// The other phone cannot take an offer now.
    pub(crate) fn offer_postponed(&mut self, id: InviteId) {
        if let Some(relayed) = self.relayed.get_mut(&id) {
            relayed.sent = false;
        }
    }

    /// The other phone has answered what was offered to it, or refused: a relayed offer, or one that refreshed its session.
    pub(crate) fn offer_done(&mut self, id: InviteId, answer: Option<Bytes>, now: Instant) {
        if self.relayed.get(&id).is_none_or(|relayed| !relayed.sent) {
            return;
        }
        let Some(Relayed { request, offer, .. }) = self.relayed.remove(&id) else {
            return;
        };
        match answer {
            Some(sdp) => {
                self.described.insert(id, offer);
                if let Some(other) = self.other_phone(id) {
                    self.described.insert(other, sdp.clone());
                }
                self.ua.respond(request, 200, &[], sdp, now);
            }
            None => self.ua.respond(request, 488, &[], Bytes::new(), now),
        }
    }

    /// The phone at the other end of an exchanged call.
    fn other_phone(&self, id: InviteId) -> Option<InviteId> {
        match self.calls.get(&id)? {
            Call::Phone { caller } => Some(*caller),
            Call::Caller(exchange) => exchange.answered(),
            Call::Service(_) | Call::Unanswered => None,
        }
    }
}
