//! Reliable provisional responses (RFC 3262), in both roles.
//!
//! ```text
//!  we call    reliable 18x in order ─► PRACK;  a copy or a gap ─► nothing
//!  they call  18x with RSeq ─► repeated ─┬─ PRACK ─► the next one, or the 2xx that waits
//!                                        └─ none within 64*T1 ─► 504
//! ```

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Ua;
use super::ask::{Ask, Verb};
use super::call::{Call, Phase, sdp_in};
use super::events::Event;
use super::modify::Open;
use super::schedule::{Alarm, Owner, TransactionId};
use super::types::InviteId;
use crate::cause::{Cause, Side, Stage};
use crate::header::{CSeq, HeaderName, RAck, RSeq};
use crate::message::{Headers, Method, Request, Response};

/// Reliable provisional responses received in one early dialog.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReliableSeen {
    /// The latest that was acknowledged.
    last: Option<u32>,
    /// One of them carried the answer to our offer.
    pub(crate) answered: bool,
}

/// Reliable provisional responses that we send in one dialog.
#[derive(Clone, Debug, Default)]
pub(crate) struct Provisionals {
    /// Sent, and not yet acknowledged.
    open: Option<Provisional>,
    /// RSeq of the latest.
    last: Option<u32>,
    /// What follows once the open one is acknowledged.
    next: Option<Bytes>,
    /// The 2xx that waits for the PRACK: its SDP and headers.
    accept: Option<(Bytes, Vec<(HeaderName, String)>)>,
}

#[derive(Clone, Debug)]
struct Provisional {
    rseq: u32,
    transaction: TransactionId,
    /// It carries a session description.
    has_sdp: bool,
    again: Duration,
}

/// What to do with a provisional response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reception {
    /// It counts.
    Taken,
    /// A copy, or one whose predecessor is missing: it does not count.
    Passed,
}

/// Whether a provisional response is sent reliably.
fn is_reliable(headers: &Headers) -> bool {
    headers.require().has("100rel") && headers.rseq().is_ok()
}

impl Ua {
    /// A 101-199 to our INVITE: one that is reliable is acknowledged.
    pub(crate) fn provisional_received(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        response: &Response,
        now: Instant,
    ) -> Reception {
        let Some(usage) = self.usage(id, remote_tag) else {
            return Reception::Taken;
        };
        let (true, Ok(RSeq { number })) = (is_reliable(&response.headers), response.headers.rseq())
        else {
            return Reception::Taken;
        };
        // Section 4: "if the UAC receives another reliable provisional response to the same request, and its RSeq value is
        // not one higher than the value of the sequence number, that response MUST NOT be acknowledged with a PRACK, and
        // MUST NOT be processed further by the UAC." The numbers are those of one early dialog (erratum 4604).
        if usage
            .reliable
            .last
            .is_some_and(|last| number != last.wrapping_add(1))
        {
            return Reception::Passed;
        }
        usage.reliable.last = Some(number);
        let has_sdp = sdp_in(&response.headers, &response.body).is_some();
        if has_sdp && usage.offers.open == Open::Ours {
            usage.reliable.answered = true;
            usage.offers.open = Open::None;
        }
        let Ok(cseq) = response.headers.cseq() else {
            return Reception::Taken;
        };
        #[cfg(feature = "faults")]
        if crate::fault::planted(crate::fault::Fault::PrackHeldUp) {
            return Reception::Taken;
        }
        let rseq = RSeq { number };
        let prack = Ask::new(Verb::Prack).with_header(HeaderName::RAck, RAck { rseq, cseq });
        self.ask(id, remote_tag, prack, now);
        Reception::Taken
    }

    /// Sends 180 to an INVITE of the peer, reliably if the peer requires that.
    pub(crate) fn send_ringing(
        &mut self,
        id: InviteId,
        transaction: TransactionId,
        sdp: Bytes,
        now: Instant,
    ) {
        let mut headers = self.dialog_headers(id, transaction);
        if !sdp.is_empty() {
            headers.push((HeaderName::ContentType, "application/sdp".to_owned()));
        }
        let reliable = self
            .calls
            .get_mut(&id)
            .and_then(Call::incoming)
            .is_some_and(|incoming| incoming.reliable);
        if !reliable {
            return self.answer(transaction, 180, &headers, sdp, now);
        }
        // Section 3: "The value of the header field for the first reliable provisional response in a transaction MUST be
        // between 1 and 2**31 - 1. It is RECOMMENDED that it be chosen uniformly in this range."
        let first = 1 + u32::try_from(self.random_below(0x7fff_fffe)).unwrap_or(0);
        let t1 = self.config.timers.t1;
        let life = self.config.timers.life();
        let Some(tag) = self.calls.get(&id).and_then(|call| call.main.clone()) else {
            return;
        };
        let Some(usage) = self.usage(id, &tag) else {
            return;
        };
        let provisionals = &mut usage.provisionals;
        if provisionals.open.is_some() {
            // Section 3: "The UAS MUST NOT send a second reliable provisional response until the first is acknowledged."
            provisionals.next = Some(sdp);
            return;
        }
        let rseq = provisionals.last.map_or(first, |last| last.wrapping_add(1));
        provisionals.last = Some(rseq);
        provisionals.open = Some(Provisional {
            rseq,
            transaction,
            has_sdp: !sdp.is_empty(),
            again: t1,
        });
        if !sdp.is_empty() {
            match usage.offers.open {
                // The answer to their offer.
                Open::Theirs(_) => usage.offers.open = Open::None,
                Open::None => usage.offers.open = Open::Ours,
                Open::Ours => {}
            }
        }
        headers.push((HeaderName::Require, "100rel".to_owned()));
        headers.push((HeaderName::RSeq, rseq.to_string()));
        self.answer(transaction, 180, &headers, sdp, now);
        let owner = Owner::Call(id);
        self.schedule.set(owner, Alarm::ProvisionalAgain, now + t1);
        self.schedule.set(owner, Alarm::NoPrack, now + life);
    }

    /// Whether a 2xx has to wait for a PRACK; then it is kept until that comes. Section 3: "The UAS MAY send a final response
    /// to the initial request before having received PRACKs for all unacknowledged reliable provisional responses, unless
    /// the final response is 2xx and any of the unacknowledged reliable provisional responses contained a session
    /// description. In that case, it MUST NOT send a final response until those provisional responses are acknowledged."
    pub(crate) fn accept_waits_for_prack(
        &mut self,
        id: InviteId,
        sdp: &Bytes,
        headers: &[(HeaderName, String)],
    ) -> bool {
        let Some(tag) = self.calls.get(&id).and_then(|call| call.main.clone()) else {
            return false;
        };
        let Some(usage) = self.usage(id, &tag) else {
            return false;
        };
        let waits = usage
            .provisionals
            .open
            .as_ref()
            .is_some_and(|open| open.has_sdp);
        if waits {
            usage.provisionals.accept = Some((sdp.clone(), headers.to_vec()));
        }
        waits
    }

    /// A final response has been sent, so no provisional response is repeated any more.
    pub(crate) fn stop_provisionals(&mut self, id: InviteId) {
        self.schedule
            .clear(Owner::Call(id), Alarm::ProvisionalAgain);
        self.schedule.clear(Owner::Call(id), Alarm::NoPrack);
    }

    pub(crate) fn provisional_again(&mut self, id: InviteId, now: Instant) {
        let Some(tag) = self.calls.get(&id).and_then(|call| call.main.clone()) else {
            return;
        };
        let Some(open) = self
            .usage(id, &tag)
            .and_then(|usage| usage.provisionals.open.as_mut())
        else {
            return;
        };
        // Section 3: "with an interval that starts at T1 seconds and doubles for each retransmission".
        open.again *= 2;
        let (transaction, next) = (open.transaction, open.again);
        self.answer_again(transaction, 180, now);
        self.schedule
            .set(Owner::Call(id), Alarm::ProvisionalAgain, now + next);
    }

    /// Section 3: "If a reliable provisional response is retransmitted for 64*T1 seconds without reception of a
    /// corresponding PRACK, the UAS SHOULD reject the original request with a 5xx response."
    pub(crate) fn never_acknowledged(&mut self, id: InviteId, now: Instant) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let text = format!("{} never acknowledged that we ring (no PRACK).", call.peer);
        let cause = Cause::new(504, Stage::Ringing, Side::Sip, text);
        self.refuse(id, 504, cause, now);
    }

    /// PRACK of the peer.
    pub(crate) fn prack_received(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        request: &Request,
        now: Instant,
    ) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let invite_cseq = match &call.side {
            super::call::Direction::In(incoming) => incoming.cseq,
            super::call::Direction::Out(_) => 0,
        };
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        let named = request.headers.rack().ok();
        let matches = |rseq: u32| {
            let cseq = CSeq {
                number: invite_cseq,
                method: Method::Invite,
            };
            let rseq = RSeq { number: rseq };
            named == Some(RAck { rseq, cseq })
        };
        // Section 3: "If a PRACK request is received by the UA core that does not match any unacknowledged reliable
        // provisional response, the UAS MUST respond to the PRACK with a 481 response."
        let Some(open) = usage.provisionals.open.take_if(|open| matches(open.rseq)) else {
            return self.answer_plain(transaction, 481, now);
        };
        self.stop_provisionals(id);
        let sdp = sdp_in(&request.headers, &request.body);
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        let answer_due = open.has_sdp && usage.offers.open == Open::Ours;
        if answer_due {
            usage.offers.open = Open::None;
            self.answer_plain(transaction, 200, now);
            if let Some(signalling) = self.media_sources(id, remote_tag, transaction) {
                self.event(Event::OfferAnswered {
                    id,
                    sdp,
                    signalling,
                });
            }
        } else if sdp.is_some() && usage.offers.open == Open::None {
            // What waits goes out after our answer to this offer.
            usage.offers.open = Open::Theirs(transaction);
            return self.offered(id, remote_tag, transaction, sdp);
        } else {
            self.answer_plain(transaction, 200, now);
        }
        self.provisional_acknowledged(id, remote_tag, now);
    }

    /// What waited for the PRACK goes out.
    pub(crate) fn provisional_acknowledged(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        now: Instant,
    ) {
        let Some(call) = self
            .calls
            .get(&id)
            .filter(|call| call.phase == Phase::Alerting)
        else {
            return;
        };
        let ringing = match &call.side {
            super::call::Direction::In(incoming) => incoming.server,
            super::call::Direction::Out(_) => None,
        };
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        if let Some((sdp, headers)) = usage.provisionals.accept.take() {
            return self.accept_now(id, sdp, &headers, now);
        }
        if let (Some(sdp), Some(transaction)) = (usage.provisionals.next.take(), ringing) {
            self.send_ringing(id, transaction, sdp, now);
        }
    }
}
