//! A call from one phone to the phones of an account: a call of the caller's here, and one of ours
//! to each phone; SDP passes unchanged, so media goes directly.
//!
//! ```text
//!  Ringing ─┬─ one answers ─► Talking ─┬─ either hangs up ─► over
//!           ├─ the last one refuses ───┤
//!           └─ the caller gives up ────┘
//! ```

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use secrecy::SecretString;
use sip::{Account, Cause, Hop, Invite, InviteId, SipUser, Target, Uri};

use crate::pbx::{Call, Pbx};
use crate::registrar::Binding;

/// The caller's side.
pub(crate) struct Exchange {
    /// Phones that ring, and what they said in early SDP.
    phones: BTreeMap<InviteId, Option<Bytes>>,
    rings: bool,
    answered: Option<InviteId>,
    /// The answer that counts most so far of those who refused.
    refusal: Option<(u16, String)>,
}

impl Exchange {
    /// The phone that has answered.
    pub(crate) fn answered(&self) -> Option<InviteId> {
        self.answered
    }
}

impl Pbx {
    /// Calls all phones of `callee`.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn exchange(
        &mut self,
        id: InviteId,
        caller: &str,
        display: Option<String>,
        callee: &str,
        offer: Option<Bytes>,
        phones: Vec<Binding>,
        now: Instant,
    ) {
        // We could make no offer in the caller's name.
        let Some(offer) = offer else {
            return self.ua.reject(id, 488, "Not Acceptable Here", now);
        };
        let address = sip::callee_uri(callee, &self.config.domain);
        let (Ok(address), false) = (address, phones.is_empty()) else {
            return self.ua.reject(id, 404, "Not Registered", now);
        };
        let caller = SipUser::parse(caller).or_else(|_| SipUser::parse("anonymous"));
        let Ok(caller) = caller else { return };
        let mut exchange = Exchange {
            phones: BTreeMap::new(),
            rings: false,
            answered: None,
            refusal: None,
        };
        for phone in phones {
            let contact = phone.contact.clone();
            let invite = self.invitation(&caller, display.clone(), &address, &offer, &phone.hop);
            let phone = self.ua.invite_at(contact, invite, now);
            exchange.phones.insert(phone, None);
            self.described.insert(phone, offer.clone());
            self.calls.insert(phone, Call::Phone { caller: id });
        }
        self.calls.insert(id, Call::Caller(exchange));
    }

    fn invitation(
        &self,
        caller: &SipUser,
        display: Option<String>,
        callee: &Uri,
        offer: &Bytes,
        phone: &Hop,
    ) -> Invite {
        Invite {
            account: Account {
                user: caller.clone(),
                domain: self.config.domain.clone(),
                // A phone that asks its caller for a password gets none.
                auth_user: String::new(),
                password: SecretString::from(""),
                next_hop: Target {
                    host: phone.addr.ip().to_string(),
                    port: Some(phone.addr.port()),
                    transport: Some(phone.transport),
                },
                display: None,
            },
            callee: callee.clone(),
            caller_display: display,
            offer: offer.clone(),
            extra_headers: Vec::new(),
        }
    }

    fn exchange_of(&mut self, phone: InviteId) -> Option<(InviteId, &mut Exchange)> {
        let Some(Call::Phone { caller }) = self.calls.get(&phone) else {
            return None;
        };
        let caller = *caller;
        match self.calls.get_mut(&caller) {
            Some(Call::Caller(exchange)) => Some((caller, exchange)),
            _ => None,
        }
    }

    pub(crate) fn phone_rings(&mut self, phone: InviteId, sdp: Option<Bytes>, now: Instant) {
        let Some((caller, exchange)) = self.exchange_of(phone) else {
            return;
        };
        if sdp.is_some() {
            exchange.phones.insert(phone, sdp);
        }
        if !std::mem::replace(&mut exchange.rings, true) {
            self.ua.ring(caller, None, now);
        }
    }

    pub(crate) fn phone_answered(&mut self, phone: InviteId, sdp: Option<Bytes>, now: Instant) {
        let Some((caller, exchange)) = self.exchange_of(phone) else {
            return;
        };
        if exchange.answered.is_some_and(|answered| answered != phone) {
            return self.ua.end(phone, now);
        }
        let Some(sdp) = sdp.or_else(|| exchange.phones.get(&phone).cloned().flatten()) else {
            return self.ua.end(phone, now);
        };
        exchange.answered = Some(phone);
        let others: Vec<InviteId> = exchange
            .phones
            .keys()
            .copied()
            .filter(|other| *other != phone)
            .collect();
        self.described.insert(caller, sdp.clone());
        self.ua.accept(caller, sdp, &[], now);
        for other in others {
            self.ua.end(other, now);
        }
    }

    /// A phone's call is over; it is no longer among the calls.
    pub(crate) fn phone_gone(
        &mut self,
        phone: InviteId,
        caller: InviteId,
        cause: &Cause,
        now: Instant,
    ) {
        let Some(Call::Caller(exchange)) = self.calls.get_mut(&caller) else {
            return;
        };
        exchange.phones.remove(&phone);
        if exchange.answered == Some(phone) {
            return self.ua.end(caller, now);
        }
        if exchange.answered.is_some() {
            return;
        }
        let status = cause
            .sip_code
            .filter(|code| (400..700).contains(code))
            .unwrap_or(480);
        let refusal = (status, cause.reason.clone());
        exchange.refusal = Some(match exchange.refusal.take() {
            Some(other) if rank(other.0) <= rank(refusal.0) => other,
            _ => refusal,
        });
        if exchange.phones.is_empty()
            && let Some((status, reason)) = exchange.refusal.take()
        {
            self.ua.reject(caller, status, &reason, now);
        }
    }

    /// The caller hung up or gave up.
    pub(crate) fn caller_gone(&mut self, exchange: Exchange, now: Instant) {
        for phone in exchange.phones.into_keys() {
            self.ua.end(phone, now);
        }
    }
}

/// RFC 3261 §16.7 step 6: a 6xx counts most, then the lowest class; a person's answer before a
/// machine's.
fn rank(status: u16) -> u16 {
    match status {
        600.. => 0,
        486 | 480 => 1,
        503 | 408 => u16::MAX,
        other => other,
    }
}
