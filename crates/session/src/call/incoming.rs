//! Incoming call (A8): INVITE -> offers to every attached page -> answer -> 200 -> talk.
//!
//! The first page whose SDP is taken wins; the others hear "answered elsewhere".

use std::net::IpAddr;

use bytes::Bytes;
use sdp::{Agreement, BrowserMedia, Description, MediaKind, Plan, PlanError};
use signaling::{CallStatus, ServerMessage};
use sip::{Event, Side};

use super::digits::Digits;
use super::legs::BrowserLeg;
use super::sip_leg::SipLeg;
use super::{Call, CallInput, CallRules, Effect, State, parse_sdp};
use crate::cause;
use crate::ids::{CallId, LegId, SessionId, StreamId};
use crate::media::{BrowserLegMode, Family, MediaCommand, MediaEvent, MediaFailure};
use crate::record::What;
use crate::timers::CallAlarm;

/// The one stream of an incoming call: its caller.
pub(super) const CALLER: StreamId = StreamId(0);

/// What an INVITE says, already parsed.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) caller: String,
    pub(crate) display: Option<String>,
    pub(crate) callee: String,
    /// What its SIP tells of the caller's address; the last is where the INVITE came from.
    pub(crate) signalling: Vec<IpAddr>,
    /// `None`: late offer (RFC 3261 §13.2.1). We offer in the 200, or earlier where `reliable` says so.
    pub(crate) offer: Option<Description>,
    /// The caller requires reliable provisional responses, and the first of them carries our offer if
    /// the INVITE has none (RFC 3262 §5).
    pub(crate) reliable: bool,
    /// What our offer to the pages says.
    pub(crate) media: Vec<BrowserMedia>,
}

impl Call {
    /// A call for an account, ringing on each of `pages`.
    pub(crate) fn incoming(
        id: CallId,
        origin_id: u64,
        arrival: Arrival,
        pages: Vec<(LegId, SessionId, String)>,
        rules: &CallRules,
        out: &mut Vec<Effect>,
    ) -> Self {
        let has = |kind| arrival.media.iter().any(|media| media.kind == kind);
        // Without an offer there is nothing to go by but the way its SIP came.
        let named = arrival.offer.as_ref().and_then(|offer| {
            let of_media = offer.media.iter().find_map(|media| media.addr);
            of_media.or(offer.addr)
        });
        let source = arrival.signalling.last().copied();
        let family = named.or(source).map_or(Family::V4, Family::of);
        let kinds = arrival.media.iter().map(|media| media.kind).collect();
        out.push(Effect::Media(MediaCommand::OpenSipLeg {
            call: id,
            media: kinds,
            family,
        }));
        for (leg, _, _) in &pages {
            let mode = BrowserLegMode::Offer {
                media: arrival.media.clone(),
            };
            out.push(Effect::Media(MediaCommand::OpenBrowserLeg {
                call: id,
                leg: *leg,
                mode,
            }));
        }
        out.push(Effect::Arm(CallAlarm::MediaOwes, rules.media_timeout));
        out.push(Effect::Arm(CallAlarm::NoAnswer, rules.no_answer_timeout));
        let legs = pages.into_iter().map(|(leg, session, wire_id)| {
            let mut entry = BrowserLeg::new(session, wire_id);
            entry.opened = true;
            (leg, entry)
        });
        let mut sip = SipLeg::new(origin_id);
        sip.signalling = arrival.signalling;
        sip.invited = true;
        let late = arrival.offer.is_none();
        sip.negotiation.theirs = arrival.offer;
        let call = Self {
            id,
            incoming: true,
            state: State::Opening,
            visible_name: arrival.display.unwrap_or_else(|| arrival.caller.clone()),
            caller: arrival.caller,
            callee: arrival.callee,
            has_audio: has(MediaKind::Audio),
            has_video: has(MediaKind::Video),
            legs: legs.collect(),
            live: None,
            sip,
            order: None,
            rang: false,
            digits: Digits::unconfirmed(),
            answer_headers: Vec::new(),
            early_offer: arrival.reliable && late,
        };
        let started = What::Started {
            incoming: true,
            caller: call.caller.clone(),
            callee: call.callee.clone(),
        };
        call.note(started, out);
        call
    }

    pub(super) fn handle_incoming(
        &mut self,
        input: CallInput,
        rules: &CallRules,
        out: &mut Vec<Effect>,
    ) {
        match (self.state, input) {
            (_, CallInput::Media(MediaEvent::SipLegOpened { local, .. })) => {
                self.sip.local = local;
                if self.state == State::Ringing {
                    self.ring_caller(rules, out);
                }
            }
            (
                State::Opening | State::Ringing,
                CallInput::Media(MediaEvent::BrowserOffer { leg, sdp, .. }),
            ) => self.ring_page(leg, sdp, rules, out),
            (
                State::Opening | State::Ringing,
                CallInput::Media(MediaEvent::BrowserFailed { leg, failure, .. }),
            ) => {
                let cause = cause::media(&failure);
                if self.legs.keys().eq([&leg]) {
                    self.fail(cause, out);
                } else {
                    self.drop_leg(leg, cause, out);
                }
            }
            (
                State::Ringing,
                CallInput::PageAnswer {
                    leg,
                    sdp,
                    session_lines,
                    headers,
                },
            ) => {
                self.answer_headers = headers;
                self.page_answer(leg, sdp, session_lines, rules, out);
            }
            // Another page was faster.
            (
                State::Answering(winner) | State::Accepting(winner),
                CallInput::PageAnswer { leg, .. },
            ) if leg != winner => self.drop_leg(leg, elsewhere(), out),
            (
                State::Answering(winner),
                CallInput::Media(MediaEvent::BrowserAccepted { leg, .. }),
            ) if leg == winner => self.sdp_taken(leg, rules, out),
            (
                State::Answering(winner),
                CallInput::Media(MediaEvent::BrowserConnected { leg, .. }),
            ) if leg == winner => {
                out.push(Effect::Disarm(CallAlarm::Ice));
                if let Some(leg) = self.legs.get_mut(&leg) {
                    leg.connected = true;
                }
            }
            (
                State::Accepting(winner),
                CallInput::Media(MediaEvent::BrowserConnected { leg, .. }),
            ) if leg == winner => {
                out.push(Effect::Disarm(CallAlarm::Ice));
                self.accept(leg, rules, out);
            }
            (State::Accepting(winner), CallInput::Alarm(CallAlarm::AnswerAnyway)) => {
                self.accept(winner, rules, out);
            }
            (State::Established, CallInput::Media(MediaEvent::BrowserConnected { .. })) => {
                out.push(Effect::Disarm(CallAlarm::Ice));
            }
            (_, CallInput::Media(MediaEvent::BrowserFailed { leg, failure, .. }))
                if self.is_winner(leg) =>
            {
                self.fail(cause::media(&failure), out);
            }
            (State::Established, CallInput::Sip(Event::Confirmed { sdp, .. })) => {
                self.late_answer(sdp, rules, out);
                self.confirm_digits(out);
            }
            (_, CallInput::Sip(Event::OfferAnswered { sdp, .. })) => {
                self.early_answer(sdp, rules, out);
            }
            (State::Opening | State::Ringing, CallInput::Alarm(CallAlarm::NoAnswer)) => {
                out.push(Effect::Reject(480, "Temporarily Unavailable"));
                let mut cause = cause::clearing(Side::Browser, "Nobody answered.");
                cause.sip_code = Some(480);
                cause.q850 = Some(19);
                cause.text = format!("Nobody answered within {:?}.", rules.no_answer_timeout);
                self.finish(CallStatus::Failed, &cause, out);
            }
            // Everything else is late, repeated, or of no concern in this state.
            _ => {}
        }
    }

    fn is_winner(&self, leg: LegId) -> bool {
        self.live == Some(leg)
            || matches!(self.state, State::Answering(winner) | State::Accepting(winner) if winner == leg)
    }

    /// R5, R8b: SDP, then the call, then RING; the SIP side hears 180 with the first page.
    fn ring_page(&mut self, leg: LegId, sdp: String, rules: &CallRules, out: &mut Vec<Effect>) {
        self.send_sdp(leg, sdp, out);
        let Some(entry) = self.legs.get(&leg) else {
            return;
        };
        let info = self.info(entry, CallStatus::Ring);
        out.push(Effect::Page {
            session: entry.session,
            message: ServerMessage::NotifyIncomingCall(info),
        });
        self.tell(leg, CallStatus::Ring, None, out);
        if self.state == State::Opening {
            out.push(Effect::Disarm(CallAlarm::MediaOwes));
            self.state = State::Ringing;
            self.ring_caller(rules, out);
        }
    }

    /// The SIP side hears 180, with our offer if that is where it belongs.
    fn ring_caller(&mut self, rules: &CallRules, out: &mut Vec<Effect>) {
        if self.rang {
            return;
        }
        if self.early_offer {
            let local = &self.sip.local;
            if local.is_empty() {
                return; // until media has opened the ports
            }
            match sdp::early_late_offer(local, self.sip.origin(), &rules.codecs) {
                Err(error) => return self.fail(cause::plan(&error), out),
                Ok(ours) => {
                    out.push(Effect::Ring(Some(Bytes::from(ours.to_string()))));
                    self.sip.negotiation.ours = Some(ours);
                }
            }
        } else {
            out.push(Effect::Ring(None));
        }
        self.note_ringing(out);
    }

    fn page_answer(
        &mut self,
        leg: LegId,
        answer: String,
        session_lines: Vec<String>,
        rules: &CallRules,
        out: &mut Vec<Effect>,
    ) {
        if !self.legs.contains_key(&leg) {
            return;
        }
        match parse_sdp(answer.as_bytes()) {
            Err(why) => self.fail(cause::media(&MediaFailure::BadSdp(why)), out),
            Ok(description) => {
                self.state = State::Answering(leg);
                self.sip.negotiation.browser = Some(description);
                self.sip.session_lines = session_lines;
                out.push(Effect::Disarm(CallAlarm::NoAnswer));
                let call = self.id;
                out.push(Effect::Media(MediaCommand::AcceptBrowserAnswer {
                    call,
                    leg,
                    answer,
                }));
                out.push(Effect::Arm(CallAlarm::MediaOwes, rules.media_timeout));
                out.push(Effect::Arm(CallAlarm::Ice, rules.ice_timeout));
            }
        }
    }

    /// The page's SDP holds: plan, connect, end the other rings, and wait a moment for DTLS.
    fn sdp_taken(&mut self, leg: LegId, rules: &CallRules, out: &mut Vec<Effect>) {
        out.push(Effect::Disarm(CallAlarm::MediaOwes));
        if let Err(error) = self.connect_caller(rules, out) {
            return self.fail(cause::plan(&error), out);
        }
        out.push(Effect::Media(MediaCommand::SelectBrowserLeg {
            call: self.id,
            leg,
        }));
        let losers: Vec<LegId> = self
            .legs
            .keys()
            .copied()
            .filter(|other| *other != leg)
            .collect();
        for loser in losers {
            self.drop_leg(loser, elsewhere(), out);
        }
        self.live = Some(leg);
        self.state = State::Accepting(leg);
        if self.legs.get(&leg).is_some_and(|leg| leg.connected) {
            self.accept(leg, rules, out);
        } else {
            out.push(Effect::Arm(CallAlarm::AnswerAnyway, rules.answer_delay));
        }
    }

    /// What the caller said and the page answered goes to media. A caller whose answer to our late
    /// offer is still due has said nothing.
    fn connect_caller(
        &mut self,
        rules: &CallRules,
        out: &mut Vec<Effect>,
    ) -> Result<(), PlanError> {
        let negotiation = &self.sip.negotiation;
        let (Some(answer), Some(theirs)) = (&negotiation.browser, &negotiation.theirs) else {
            return Ok(());
        };
        let (plan, ours) = match &negotiation.ours {
            Some(ours) => (sdp::plan_late(answer, ours, theirs)?, ours.clone()),
            None => {
                let plan = sdp::plan_incoming(theirs, answer, &rules.codecs)?;
                let (local, origin) = (&self.sip.local, self.sip.origin());
                let lines = &self.sip.session_lines;
                let ours = sdp::answer_to_sip(theirs, &plan, local, origin, lines);
                (plan, ours)
            }
        };
        self.agree_with_caller(answer.clone(), ours, theirs.clone(), plan, rules, out);
        Ok(())
    }

    fn agree_with_caller(
        &mut self,
        browser: Description,
        ours: Description,
        theirs: Description,
        plan: Plan,
        rules: &CallRules,
        out: &mut Vec<Effect>,
    ) {
        let (local, codecs) = (self.sip.local.clone(), rules.codecs.clone());
        self.sip.negotiation.ours = Some(ours.clone());
        let agreement = Agreement::new(browser, local, codecs, ours, theirs, plan);
        self.sip.negotiation.selected = Some(CALLER);
        self.agree(CALLER, agreement, out);
    }

    /// The 200 and `talk`.
    fn accept(&mut self, leg: LegId, rules: &CallRules, out: &mut Vec<Effect>) {
        out.push(Effect::Disarm(CallAlarm::AnswerAnyway));
        let negotiation = &self.sip.negotiation;
        let headers = std::mem::take(&mut self.answer_headers);
        if self.early_offer {
            // Offer and answer are in the 180 and its PRACK: SDP in the 200 would be a new offer.
            let sdp = Bytes::new();
            out.push(Effect::Accept { sdp, headers });
            return self.establish(leg, None, out);
        }
        let ours = match (&negotiation.ours, &negotiation.browser) {
            (Some(ours), _) => Ok(ours.clone()),
            (None, Some(answer)) => {
                sdp::late_offer(answer, &self.sip.local, self.sip.origin(), &rules.codecs)
            }
            (None, None) => return,
        };
        match ours {
            Err(error) => self.fail(cause::plan(&error), out),
            Ok(mut ours) => {
                ours.session_lines.clone_from(&self.sip.session_lines);
                let sdp = Bytes::from(ours.to_string());
                out.push(Effect::Accept { sdp, headers });
                self.sip.negotiation.ours = Some(ours);
                self.establish(leg, None, out);
            }
        }
    }

    /// The answer to our late offer comes in the ACK (RFC 3261 §13.2.1).
    fn late_answer(&mut self, sdp: Option<Bytes>, rules: &CallRules, out: &mut Vec<Effect>) {
        let negotiation = &self.sip.negotiation;
        if negotiation.current().is_some() {
            return;
        }
        let (Some(browser), Some(ours)) = (&negotiation.browser, &negotiation.ours) else {
            return;
        };
        let plan = description(sdp, "ACK")
            .and_then(|theirs| Ok((sdp::plan_late(browser, ours, &theirs)?, theirs)));
        match plan {
            Err(error) => self.fail(cause::plan(&error), out),
            Ok((plan, theirs)) => {
                let (browser, ours) = (browser.clone(), ours.clone());
                self.agree_with_caller(browser, ours, theirs, plan, rules, out);
                self.note(What::Agreed { why: self.why() }, out);
                self.tell_hold(out);
            }
        }
    }

    /// The answer to the offer of our reliable 180 comes in its PRACK, before the page's answer or
    /// after it.
    fn early_answer(&mut self, sdp: Option<Bytes>, rules: &CallRules, out: &mut Vec<Effect>) {
        let agreed = description(sdp, "PRACK").and_then(|theirs| {
            self.sip.negotiation.theirs = Some(theirs);
            match self.state {
                State::Accepting(_) | State::Established => self.connect_caller(rules, out),
                _ => Ok(()),
            }
        });
        match agreed {
            Err(error) => self.fail(cause::plan(&error), out),
            Ok(()) => {
                if self.state == State::Established {
                    self.note(What::Agreed { why: self.why() }, out);
                }
                self.tell_hold(out);
            }
        }
    }
}

/// The SDP that a request of the caller must have.
fn description(sdp: Option<Bytes>, of: &str) -> Result<Description, PlanError> {
    let sdp = sdp.ok_or_else(|| format!("The SIP side's {of} carries no SDP, which was due."));
    sdp.and_then(|body| parse_sdp(&body))
        .map_err(PlanError::Unusable)
}

fn elsewhere() -> sip::Cause {
    cause::clearing(Side::Browser, "answered elsewhere")
}
