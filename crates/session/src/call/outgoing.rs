//! Outgoing call (A7): page -> INVITE -> provisional responses -> 2xx -> talk.

use bytes::Bytes;
use sdp::{Agreement, Description, LocalMedia, MediaKind};
use signaling::CallStatus;
use sip::{Account, Cause, Event, Invite, Uri};

use super::digits::Digits;
use super::legs::BrowserLeg;
use super::sip_leg::SipLeg;
use super::{Call, CallInput, CallRules, Effect, State, parse_sdp};
use crate::cause;
use crate::ids::{CallId, LegId, SessionId};
use crate::media::{BrowserLegMode, Family, MediaCommand, MediaEvent, MediaFailure};
use crate::record::What;
use crate::timers::CallAlarm;

/// What a page's `call` asks for, already parsed and checked.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) account: Account,
    pub(crate) callee: Uri,
    pub(crate) display: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
}

/// Which answer of the SIP side an SDP stands in.
#[derive(Debug)]
enum Said {
    /// A 18x.
    Provisional(u16),
    /// The 2xx, by whom.
    Final { user_agent: Option<String> },
}

impl Call {
    /// A call that a page makes, with what [`Call::start_outgoing`] does first.
    pub(crate) fn outgoing(
        id: CallId,
        origin_id: u64,
        (leg, session): (LegId, SessionId),
        request: &signaling::CallRequest,
        offer: Description,
        order: Order,
    ) -> Self {
        let has = |kind| offer.first(kind).is_some();
        let caller = order.account.user.to_string();
        let visible_name = order.display.clone().unwrap_or_else(|| caller.clone());
        let (has_audio, has_video) = (has(MediaKind::Audio), has(MediaKind::Video));
        let mut sip = SipLeg::new(origin_id);
        sip.session_lines.clone_from(&request.sip_sdp);
        sip.negotiation.browser = Some(offer);
        sip.negotiation.browser_text.clone_from(&request.sdp);
        Self {
            id,
            incoming: false,
            state: State::Opening,
            caller,
            callee: request.callee.clone(),
            visible_name,
            has_audio,
            has_video,
            legs: [(leg, BrowserLeg::new(session, request.call_id.clone()))].into(),
            live: Some(leg),
            sip,
            order: Some(order),
            rang: false,
            digits: Digits::default(),
            answer_headers: Vec::new(),
            early_offer: false,
        }
    }

    /// TRYING at once (R4), then the way to the SIP side, then ports of its address family.
    pub(crate) fn start_outgoing(&mut self, out: &mut Vec<Effect>) {
        let Some(leg) = self.live else { return };
        self.tell(leg, CallStatus::Trying, Some(100), out);
        let Some(order) = self.order.take() else {
            return;
        };
        let started = What::Started {
            incoming: false,
            caller: self.caller.clone(),
            callee: self.callee.clone(),
        };
        if !self.has_audio && !self.has_video {
            self.note(started, out);
            let text = "The page's SDP offers neither audio nor video: nothing to call with.";
            return self.fail(cause::input(text), out);
        }
        out.push(Effect::Invite(Box::new(Invite {
            account: order.account,
            callee: order.callee,
            caller_display: order.display,
            offer: Bytes::new(),
            extra_headers: order.headers,
        })));
        self.sip.invited = true;
        // Only now does the SIP leg have a name.
        self.note(started, out);
    }

    fn open_ports(&mut self, family: Family, rules: &CallRules, out: &mut Vec<Effect>) {
        let mut media = Vec::new();
        if self.has_audio {
            media.push(MediaKind::Audio);
        }
        if self.has_video {
            media.push(MediaKind::Video);
        }
        out.push(Effect::Media(MediaCommand::OpenSipLeg {
            call: self.id,
            media,
            family,
        }));
        out.push(Effect::Arm(CallAlarm::MediaOwes, rules.media_timeout));
    }

    pub(super) fn handle_outgoing(
        &mut self,
        input: CallInput,
        rules: &CallRules,
        out: &mut Vec<Effect>,
    ) {
        let Some(leg) = self.live else { return };
        match (self.state, input) {
            (State::Opening, CallInput::Sip(Event::Located { hop, .. })) => {
                self.open_ports(Family::of(hop.addr.ip()), rules, out);
            }
            (State::Opening, CallInput::Media(MediaEvent::SipLegOpened { local, .. })) => {
                out.push(Effect::Disarm(CallAlarm::MediaOwes));
                self.send_offer(local, rules, out);
            }
            (
                State::Calling,
                CallInput::Sip(Event::Progress {
                    status,
                    remote_tag,
                    sdp,
                    signalling,
                    ..
                }),
            ) => {
                self.sip.signalling = signalling;
                let said = match status {
                    183 => CallStatus::SessionProgress,
                    _ => CallStatus::Ring,
                };
                self.note_ringing(out);
                self.tell(leg, said, Some(status), out);
                if let Some(sdp) = sdp {
                    // An unusable provisional SDP harms nothing: the 200's counts (RFC 6337 §3.1.1).
                    let said = Said::Provisional(status);
                    let _ = self.remote_answer(leg, &remote_tag, &sdp, said, rules, out);
                }
            }
            (State::Calling, CallInput::Sip(Event::EarlyDialogEnded { remote_tag, .. })) => {
                self.early_dialog_ended(&remote_tag, out);
            }
            (
                State::Calling,
                CallInput::Sip(Event::Answered {
                    remote_tag,
                    sdp,
                    remote,
                    signalling,
                    ..
                }),
            ) => {
                self.sip.signalling = signalling;
                self.state = State::Answered;
                let said = Said::Final {
                    user_agent: remote.user_agent,
                };
                self.answered_by_sip(leg, &remote_tag, sdp, said, rules, out);
            }
            (
                State::Calling | State::Answered,
                CallInput::Media(MediaEvent::BrowserAnswer { leg: of, sdp, .. }),
            ) if of == leg => {
                out.push(Effect::Disarm(CallAlarm::MediaOwes));
                self.send_sdp(leg, sdp, out);
                out.push(Effect::Arm(CallAlarm::Ice, rules.ice_timeout));
                if self.state == State::Answered {
                    self.establish(leg, Some(200), out);
                }
            }
            (_, CallInput::Media(MediaEvent::BrowserConnected { leg: of, .. })) if of == leg => {
                out.push(Effect::Disarm(CallAlarm::Ice));
                if let Some(leg) = self.legs.get_mut(&leg) {
                    leg.connected = true;
                }
            }
            (
                _,
                CallInput::Media(MediaEvent::BrowserFailed {
                    leg: of, failure, ..
                }),
            ) if of == leg => {
                self.fail(cause::media(&failure), out);
            }
            // Everything else is late, repeated, or of no concern in this state.
            _ => {}
        }
    }

    fn send_offer(&mut self, local: Vec<LocalMedia>, rules: &CallRules, out: &mut Vec<Effect>) {
        self.sip.local = local;
        let Some(offer) = self.sip.negotiation.browser.as_ref() else {
            return;
        };
        let ours = sdp::offer_to_sip(
            offer,
            &self.sip.local,
            self.sip.origin(),
            &rules.codecs,
            &self.sip.session_lines,
        );
        match ours {
            Err(error) => self.fail(cause::plan(&error), out),
            Ok(ours) => {
                out.push(Effect::Offer(Bytes::from(ours.to_string())));
                self.sip.negotiation.ours = Some(ours);
                self.state = State::Calling;
            }
        }
    }

    fn answered_by_sip(
        &mut self,
        leg: LegId,
        remote_tag: &str,
        sdp: Option<Bytes>,
        said: Said,
        rules: &CallRules,
        out: &mut Vec<Effect>,
    ) {
        let agreed = self.sip.negotiation.agreed_with(remote_tag);
        let result = match (sdp, agreed) {
            (Some(sdp), _) => self.remote_answer(leg, remote_tag, &sdp, said, rules, out),
            // A 200 without SDP keeps what its own 18x said.
            (None, Some(stream)) => {
                self.select(stream, out);
                Ok(())
            }
            (None, None) => {
                let mut cause = cause::media(&MediaFailure::Gone);
                cause.sip_code = Some(488);
                cause.side = sip::Side::Sip;
                cause.text =
                    "The SIP side answered without SDP, so there is no media to bridge.".into();
                Err(cause)
            }
        };
        match result {
            Err(cause) => self.fail(cause, out),
            Ok(()) if self.legs.get(&leg).is_some_and(|leg| leg.sdp_sent) => {
                self.establish(leg, Some(200), out)
            }
            Ok(()) => {}
        }
    }

    /// SDP of a remote early dialog or of the 2xx: plan, connect, and answer the browser once.
    fn remote_answer(
        &mut self,
        leg: LegId,
        remote_tag: &str,
        body: &[u8],
        said: Said,
        rules: &CallRules,
        out: &mut Vec<Effect>,
    ) -> Result<(), Cause> {
        let negotiation = &self.sip.negotiation;
        let (Some(offer), Some(ours)) = (&negotiation.browser, &negotiation.ours) else {
            return Ok(());
        };
        // RFC 3261 §13.2.1: "The UAC MUST treat the first session description it receives as the answer,
        // and MUST ignore any session descriptions in subsequent responses to the initial INVITE".
        // Where a later offer has been answered, that first one was final.
        if let Some(stream) = negotiation.changed_with(remote_tag) {
            self.select(stream, out);
            return Ok(());
        }
        let answer = parse_sdp(body).map_err(|why| {
            let mut cause = cause::plan(&sdp::PlanError::Unusable(why.clone()));
            cause.side = sip::Side::Sip;
            cause.text = format!("The SIP side's SDP cannot be used: {why}.");
            cause
        })?;
        self.same_family(&answer)?;
        let mut plan =
            sdp::plan_outgoing(offer, ours, &answer).map_err(|error| cause::plan(&error))?;
        if let Some(why) = self.why_video_is_kept(said, rules) {
            plan.keep_video(offer, ours, &why);
        }
        let plan = self.sip.negotiation.as_told(plan);
        let agreement = Agreement::new(
            offer.clone(),
            self.sip.local.clone(),
            rules.codecs.clone(),
            ours.clone(),
            answer,
            plan.clone(),
        );
        let stream = self.sip.negotiation.stream_of(remote_tag);
        self.agree(stream, agreement, out);
        self.select(stream, out);
        let opened = |leg: &mut BrowserLeg| std::mem::replace(&mut leg.opened, true);
        if !self.legs.get_mut(&leg).is_some_and(opened) {
            self.sip.negotiation.told = Some(plan.clone());
            let mode = BrowserLegMode::Answer {
                offer: self.sip.negotiation.browser_text.clone(),
                plan,
            };
            let call = self.id;
            out.push(Effect::Media(MediaCommand::OpenBrowserLeg {
                call,
                leg,
                mode,
            }));
            out.push(Effect::Arm(CallAlarm::MediaOwes, rules.media_timeout));
        }
        Ok(())
    }

    /// Protocol R16: when the page's video is accepted although this SDP of the SIP side has none. A
    /// page that is refused video hears at once; one that was promised it hears at its first picture.
    fn why_video_is_kept(&self, said: Said, rules: &CallRules) -> Option<String> {
        if self.sip.negotiation.video_is_up() {
            return Some("the page has been answered with video".into());
        }
        match said {
            Said::Provisional(status) => Some(format!("{status} is not the final answer")),
            Said::Final { user_agent } => {
                rules.generates_video_for(user_agent.as_deref()).then(|| {
                    let peer = user_agent.unwrap_or_else(|| "a peer without a name".into());
                    format!("generate_av_for_ua is set for {peer}")
                })
            }
        }
    }
}
