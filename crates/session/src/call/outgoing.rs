//! Outgoing call (A7): page -> INVITE -> provisional answers -> 2xx -> talk.

use bytes::Bytes;
use sdp::{Description, LocalMedia, MediaKind};
use signaling::CallStatus;
use sip::{Cause, Event, Invite, Uri};

use super::{BrowserLeg, Call, CallInput, CallRules, Caller, Effect, State, parse_sdp};
use crate::cause;
use crate::hub::SessionId;
use crate::media::{BrowserLegMode, CallId, Family, LegId, MediaCommand, MediaEvent};
use crate::timers::CallAlarm;

/// What a page's `call` asks for, already parsed and checked.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) account: Caller,
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
    /// A call that a page makes. The caller has told TRYING; the first effect opens the SIP ports.
    #[expect(
        clippy::too_many_arguments,
        reason = "one place makes it; each is a fact of the call"
    )]
    pub(crate) fn outgoing(
        id: CallId,
        origin_id: u64,
        leg: LegId,
        session: SessionId,
        request: &signaling::CallRequest,
        offer: Description,
        order: Order,
        visible_name: String,
    ) -> Self {
        let has = |kind| {
            offer
                .media
                .iter()
                .any(|m| m.kind == Some(kind) && !m.rejected())
        };
        let browser_leg = BrowserLeg {
            session,
            wire_id: request.call_id.clone(),
            told: None,
            sdp_sent: false,
            connected: false,
        };
        Self {
            id,
            incoming: false,
            state: State::Opening,
            caller: order.account.user.to_string(),
            callee: request.callee.clone(),
            visible_name,
            has_audio: has(MediaKind::Audio),
            has_video: has(MediaKind::Video),
            legs: [(leg, browser_leg)].into(),
            live: Some(leg),
            local: Vec::new(),
            origin_id,
            session_lines: request.sip_sdp.clone(),
            offered: Some(offer),
            offered_text: request.sdp.clone(),
            ours: None,
            answered: None,
            plans: Default::default(),
            streams: Default::default(),
            order: Some(order),
            signalling: None,
            invited: false,
        }
    }

    /// TRYING at once (R4), then the way to the SIP side, then ports of its address family.
    pub(crate) fn start_outgoing(&mut self, out: &mut Vec<Effect>) {
        let Some(leg) = self.live else { return };
        self.tell(leg, CallStatus::Trying, Some(100), out);
        if !self.has_audio && !self.has_video {
            return self.fail(
                cause::input(
                    "The page's SDP offers neither audio nor video: nothing to call with.",
                ),
                out,
            );
        }
        let Some(order) = self.order.take() else {
            return;
        };
        out.push(Effect::Invite(Box::new(Invite {
            account: order.account,
            callee: order.callee,
            caller_display: order.display,
            offer: Bytes::new(),
            extra_headers: order.headers,
        })));
        self.invited = true;
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
                    from,
                    ..
                }),
            ) => {
                self.signalling = Some(from.addr.ip());
                let said = match status {
                    183 | 199 => CallStatus::SessionProgress,
                    _ => CallStatus::Ring,
                };
                self.tell(leg, said, Some(status), out);
                if let Some(sdp) = sdp {
                    // An unusable provisional SDP harms nothing: the 200's counts (RFC 6337 §3.1.1).
                    let said = Said::Provisional(status);
                    let _ = self.remote_answer(leg, &remote_tag, &sdp, said, rules, out);
                }
            }
            (
                State::Calling,
                CallInput::Sip(Event::Answered {
                    remote_tag,
                    sdp,
                    remote,
                    from,
                    ..
                }),
            ) => {
                self.signalling = Some(from.addr.ip());
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
                    self.establish(leg, out);
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
        self.local = local;
        let Some(offer) = self.offered.as_ref() else {
            return;
        };
        let ours = sdp::offer_to_sip(
            offer,
            &self.local,
            self.origin(),
            &rules.codecs,
            &self.session_lines,
        );
        match ours {
            Err(error) => self.fail(cause::plan(&error), out),
            Ok(ours) => {
                out.push(Effect::Offer(Bytes::from(ours.to_string())));
                self.ours = Some(ours);
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
        let known = self.streams.contains_key(remote_tag);
        let result = match sdp {
            Some(sdp) => self.remote_answer(leg, remote_tag, &sdp, said, rules, out),
            // A 200 without SDP keeps what its own 183 said.
            None if known => {
                let stream = self.stream_of(remote_tag);
                out.push(Effect::Media(MediaCommand::SelectRemoteStream {
                    call: self.id,
                    stream,
                }));
                Ok(())
            }
            None => {
                let mut cause = cause::media(&crate::media::MediaFailure::Gone);
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
                self.establish(leg, out)
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
        let (Some(offer), Some(ours)) = (&self.offered, &self.ours) else {
            return Ok(());
        };
        let answer = parse_sdp(body).map_err(|why| {
            let mut cause = cause::plan(&sdp::PlanError::Unusable(why.clone()));
            cause.side = sip::Side::Sip;
            cause.text = format!("The SIP side's SDP cannot be used: {why}.");
            cause
        })?;
        let local = self.local.first().map(|media| Family::of(media.rtp.ip()));
        let remote = family_of_media(&answer);
        if let (Some(local), Some(remote)) = (local, remote)
            && local != remote
        {
            let mut cause = cause::media(&crate::media::MediaFailure::NoAddress(remote));
            cause.side = sip::Side::Sip;
            cause.text = format!(
                "The SIP side answered with an {remote} address for media, and this call goes over {local}: \
                 nothing could be heard."
            );
            return Err(cause);
        }
        let mut plan =
            sdp::plan_outgoing(offer, ours, &answer).map_err(|error| cause::plan(&error))?;
        if let Some(why) = self.why_video_is_kept(said, rules) {
            plan.keep_video(offer, ours, &why);
        }
        let first = self.plans.is_empty();
        let stream = self.stream_of(remote_tag);
        self.plans.insert(stream, plan.clone());
        let call = self.id;
        out.push(Effect::Media(MediaCommand::ConnectSipLeg {
            call,
            stream,
            plan: plan.clone(),
            signalling: self.signalling,
        }));
        out.push(Effect::Media(MediaCommand::SelectRemoteStream {
            call,
            stream,
        }));
        if first {
            let mode = BrowserLegMode::Answer {
                offer: self.offered_text.clone(),
                plan,
            };
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
        let is_up = |plan: &sdp::Plan| {
            let mut media = plan.media.iter();
            media.any(|media| media.kind == MediaKind::Video && media.accepted)
        };
        if self.plans.values().any(is_up) {
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

    fn establish(&mut self, leg: LegId, out: &mut Vec<Effect>) {
        self.state = State::Established;
        self.tell(leg, CallStatus::Established, Some(200), out);
    }
}

/// The family that a description wants media in; `None` for one on hold in the old way (`c=IN IP4 0.0.0.0`).
fn family_of_media(sdp: &Description) -> Option<Family> {
    let mut taken = sdp.media.iter().filter(|media| !media.rejected());
    let addr = taken.find_map(|media| media.addr).or(sdp.addr)?;
    (!addr.is_unspecified()).then(|| Family::of(addr.to_canonical()))
}
