//! What calls of both directions do once the SIP side's media is known: streams agreed and heard, and
//! offers of either side that change them.
//!
//! An offer of the peer is answered in the step that brings it. The browser is never renegotiated.

use std::net::IpAddr;

use bytes::Bytes;
use sdp::{Agreement, Description, PlanError};
use signaling::CallStatus;
use sip::header::Warning;
use sip::{Cause, Event, HeaderName, RequestId, Side, Stage};

use super::hold::Taken;
use super::incoming::CALLER;
use super::{Call, Effect, State, parse_sdp};
use crate::cause;
use crate::ids::{LegId, StreamId};
use crate::media::{Family, MediaCommand, MediaFailure};
use crate::record::What;

/// Who warns, in a Warning header: a pseudonym (RFC 3261 §20.43).
const WARN_AGENT: &str = "ringdown";

impl Call {
    /// Both sides can talk.
    pub(super) fn establish(&mut self, leg: LegId, sip_status: Option<u16>, out: &mut Vec<Effect>) {
        self.state = State::Established;
        let why = self.why();
        self.note(What::Answered { why }, out);
        self.tell(leg, CallStatus::Established, sip_status, out);
        // The peer may have answered on hold.
        self.tell_hold(out);
    }

    /// Handles the events of the user agent that mean the same in both directions, and returns the others.
    pub(super) fn sip_change(&mut self, event: Event, out: &mut Vec<Effect>) -> Option<Event> {
        match event {
            Event::Offered {
                request,
                remote_tag,
                sdp,
                signalling,
                ..
            } => self.offered(request, &remote_tag, sdp, signalling, out),
            Event::OfferDue { refresh, .. } => self.offer_due(refresh, out),
            Event::OfferPostponed { .. } => self.offer_postponed(),
            Event::OfferAnswered {
                sdp, signalling, ..
            } if self.sip.negotiation.current().is_some() => {
                self.offer_answered(sdp, signalling, out);
            }
            Event::OfferRefused { cause, .. } => self.offer_refused(&cause, out),
            Event::Info {
                request,
                content_type,
                body,
                ..
            } => self.info_received(request, &content_type, &body, out),
            Event::InfoDone { result, .. } => self.digit_done(result, out),
            other => return Some(other),
        }
        None
    }

    /// Passes to media what offer and answer have agreed on in one dialog.
    pub(super) fn agree(&mut self, stream: StreamId, agreement: Agreement, out: &mut Vec<Effect>) {
        out.push(Effect::Media(MediaCommand::ConnectSipLeg {
            call: self.id,
            stream,
            plan: agreement.plan().clone(),
            signalling: self.sip.signalling.clone(),
        }));
        self.sip.negotiation.agree(stream, agreement);
    }

    /// This dialog is heard from now on.
    pub(super) fn select(&mut self, stream: StreamId, out: &mut Vec<Effect>) {
        self.sip.negotiation.selected = Some(stream);
        out.push(Effect::Media(MediaCommand::SelectRemoteStream {
            call: self.id,
            stream,
        }));
    }

    /// An early dialog has ended (199, RFC 6228): its media is not heard any more. Other phones may
    /// still ring, so the page hears nothing.
    pub(super) fn early_dialog_ended(&mut self, remote_tag: &str, out: &mut Vec<Effect>) {
        let negotiation = &mut self.sip.negotiation;
        let Some(stream) = negotiation.agreed_with(remote_tag) else {
            return;
        };
        let was_heard = negotiation.selected == Some(stream);
        let Some(agreement) = negotiation.agreement(stream) else {
            return;
        };
        let mut plan = agreement.plan().clone();
        for media in &mut plan.media {
            media.remote = None;
            media.sip_direction = sdp::Direction::Inactive;
        }
        let next = negotiation.forget(stream);
        out.push(Effect::Media(MediaCommand::ConnectSipLeg {
            call: self.id,
            stream,
            plan,
            signalling: Vec::new(),
        }));
        if let Some(next) = next.filter(|_| was_heard) {
            self.select(next, out);
        }
    }

    /// An offer of the peer in a re-INVITE, an UPDATE or a PRACK; without SDP, the wish for ours.
    fn offered(
        &mut self,
        request: RequestId,
        remote_tag: &str,
        sdp: Option<Bytes>,
        signalling: Vec<IpAddr>,
        out: &mut Vec<Effect>,
    ) {
        let negotiation = &self.sip.negotiation;
        let stream = if self.incoming {
            Some(CALLER)
        } else {
            negotiation.agreed_with(remote_tag)
        };
        let agreed = stream.and_then(|stream| Some((stream, negotiation.agreement(stream)?)));
        let Some((stream, agreement)) = agreed else {
            return self.cannot_answer_now(request, out);
        };
        let held = negotiation.hold.in_force;
        let Some(sdp) = sdp else {
            let next = agreement.late_offer(held);
            out.push(accept_change(request, next.ours()));
            return self.sip.negotiation.agree(stream, next);
        };
        let answer = parse_sdp(&sdp)
            .map_err(PlanError::Unusable)
            .and_then(|theirs| agreement.answer(&theirs, held));
        match answer {
            Err(error) => out.push(refuse_change(request, &error)),
            Ok(next) => {
                out.push(accept_change(request, next.ours()));
                self.change(stream, next, signalling, Side::Sip, out);
            }
        }
    }

    /// RFC 3311 §5.2: "If the UAS cannot change the session parameters without prompting the user, it
    /// SHOULD reject the request with a 504 response". Before the page has answered there is nothing
    /// to answer from.
    fn cannot_answer_now(&mut self, request: RequestId, out: &mut Vec<Effect>) {
        out.push(Effect::Respond {
            request,
            status: 504,
            headers: Vec::new(),
            sdp: Bytes::new(),
        });
    }

    /// The answer to an offer of ours in a re-INVITE, or in the 200 to one without SDP. If it cannot be
    /// used, the call goes on as it was.
    fn offer_answered(
        &mut self,
        sdp: Option<Bytes>,
        signalling: Vec<IpAddr>,
        out: &mut Vec<Effect>,
    ) {
        let negotiation = &self.sip.negotiation;
        let (Some(stream), Some(agreement)) = (negotiation.selected, negotiation.current()) else {
            return;
        };
        let answer = sdp
            .ok_or_else(|| "The SIP side took our offer without an answer.".to_owned())
            .and_then(|body| parse_sdp(&body))
            .map_err(PlanError::Unusable)
            .and_then(|theirs| agreement.answered(&theirs));
        match answer {
            Err(error) => {
                let mut cause = cause::plan(&error);
                (cause.side, cause.stage) = (Side::Sip, Stage::Call);
                self.offer_refused(&cause, out);
            }
            Ok(next) => {
                let taken = self.offer_taken();
                let by = match taken {
                    Some(Taken::Wish) => Side::Browser,
                    Some(Taken::Refresh) | None => Side::Sip,
                };
                self.change(stream, next, signalling, by, out);
                if taken.is_some() {
                    self.wish_settled(out);
                }
            }
        }
    }

    /// A new agreement holds in a dialog: media follows, the record says so, the page hears of hold.
    fn change(
        &mut self,
        stream: StreamId,
        next: Agreement,
        signalling: Vec<IpAddr>,
        by: Side,
        out: &mut Vec<Effect>,
    ) {
        self.sip.signalling = signalling;
        self.sip.negotiation.mark_changed(stream);
        let before = self.sip.negotiation.agreement(stream);
        let before = before.map(|before| before.plan().clone());
        let mut what = before
            .as_ref()
            .map(|before| next.plan().changes_since(before))
            .unwrap_or_default();
        if by == Side::Browser {
            let verb = if self.sip.negotiation.hold.in_force {
                "holds"
            } else {
                "resumes"
            };
            what.push(format!("the page {verb} the call"));
        }
        // Also with an equal plan: the peer may have moved, and its media may come from elsewhere.
        self.agree(stream, next, out);
        if self.state != State::Established || self.sip.negotiation.selected != Some(stream) {
            return;
        }
        if !what.is_empty() {
            self.note_change(what, by, out);
        }
        if by == Side::Sip {
            self.tell_hold(out);
        }
    }

    /// Puts a change on record.
    pub(super) fn note_change(&self, what: Vec<String>, by: Side, out: &mut Vec<Effect>) {
        let why = self.why();
        self.note(What::Changed { what, by, why }, out);
    }

    /// Why each medium has the codec that it has; empty before that is known.
    pub(super) fn why(&self) -> String {
        let current = self.sip.negotiation.current();
        current.map(|now| now.plan().reasons()).unwrap_or_default()
    }

    /// Our ports are of one address family, and the peer's media must be of it, too.
    pub(super) fn same_family(&self, theirs: &Description) -> Result<(), Cause> {
        let local = self.sip.local.first();
        let local = local.map(|media| Family::of(media.rtp.ip()));
        let (Some(local), Some(remote)) = (local, family_of_media(theirs)) else {
            return Ok(());
        };
        if local == remote {
            return Ok(());
        }
        let mut cause = cause::media(&MediaFailure::NoAddress(remote));
        cause.side = Side::Sip;
        cause.text = format!(
            "The SIP side answered with an {remote} address for media, and this call goes over {local}: \
             nothing could be heard."
        );
        Err(cause)
    }
}

/// 200 with our description.
fn accept_change(request: RequestId, ours: &Description) -> Effect {
    Effect::Respond {
        request,
        status: 200,
        headers: Vec::new(),
        sdp: Bytes::from(ours.to_string()),
    }
}

/// 488 with the reason in words; the call goes on as it was (RFC 3261 §14.2, §21.4.26).
fn refuse_change(request: RequestId, error: &PlanError) -> Effect {
    let code = match error {
        PlanError::NoCommonCodec { .. } | PlanError::TranscodingRequired { .. } => {
            Warning::INCOMPATIBLE_FORMAT
        }
        PlanError::Unusable(_) => Warning::MISCELLANEOUS,
    };
    let warning = Warning::new(code, WARN_AGENT, error.detail());
    Effect::Respond {
        request,
        status: 488,
        headers: vec![(HeaderName::Warning, warning.to_string())],
        sdp: Bytes::new(),
    }
}

/// The family that a description wants media in; `None` for one on hold in the old way (`c=IN IP4 0.0.0.0`).
fn family_of_media(sdp: &Description) -> Option<Family> {
    let mut taken = sdp.media.iter().filter(|media| !media.rejected());
    let addr = taken.find_map(|media| media.addr).or(sdp.addr)?;
    (!addr.is_unspecified()).then(|| Family::of(addr.to_canonical()))
}
