//! A call: one SIP leg and n browser legs, as a machine. Input in, effects out, no clock.
//!
//! ```text
//!  outgoing   Opening ─ports─► Calling ──2xx──► Answered ─browser answer out─► Established
//!                                  └──2xx, browser answer already out──────────►┘
//!  incoming   Opening ─offer out─► Ringing ─answer─► Answering ─SDP taken─► Accepting ─DTLS|300 ms─► Established
//!  any        ──hang-up, refusal, failure──► Ending ──the user agent is done──► forgotten
//! ```
//! `outgoing.rs` and `incoming.rs` hold the rows of their direction, this file what both share.

mod incoming;
mod outgoing;
mod takeover;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use sdp::{CodecSettings, Description, LocalMedia, Origin, Plan};
use signaling::{CallInfo, CallStatus, ServerMessage};
use sip::{Account, Cause, Invite, Side};

use crate::cause;
use crate::hub::SessionId;
use crate::media::{CallId, LegId, MediaCommand, MediaEvent, StreamId};
use crate::timers::CallAlarm;

pub(crate) use incoming::Arrival;
pub(crate) use outgoing::Order;

/// How calls behave; the same for all of them.
#[derive(Debug, Clone)]
pub struct CallRules {
    /// `codecs`, `codecs_exclude_sip`, `allow_outside_codecs`.
    pub codecs: CodecSettings,
    /// `generate_av_for_ua`: peers whose User-Agent holds one of these (lower case) take no video,
    /// and yet the page is shown some; `all` means every peer.
    pub generate_av_for_ua: Vec<String>,
    /// A page that rings unanswered this long is taken as absent (`no_answer_timeout`).
    pub no_answer_timeout: Duration,
    /// ICE and DTLS must be up this long after the last SDP.
    pub ice_timeout: Duration,
    /// The 200 to an incoming call does not wait longer for DTLS.
    pub answer_delay: Duration,
    /// The media side must react within this.
    pub media_timeout: Duration,
    /// What the page hears of 486 and 600 (`sip_busy_status`).
    pub busy_status: BusyStatus,
    /// What the SIP side hears when a person declines (`sip_decline_code`).
    pub decline_code: u16,
}

impl Default for CallRules {
    fn default() -> Self {
        Self {
            codecs: CodecSettings::default(),
            generate_av_for_ua: Vec::new(),
            no_answer_timeout: Duration::from_secs(60),
            ice_timeout: Duration::from_secs(10),
            answer_delay: Duration::from_millis(300),
            media_timeout: Duration::from_secs(5),
            busy_status: BusyStatus::Failed,
            decline_code: 486,
        }
    }
}

impl CallRules {
    /// Whether `generate_av_for_ua` names this peer.
    fn generates_video_for(&self, user_agent: Option<&str>) -> bool {
        let user_agent = user_agent.unwrap_or_default().to_ascii_lowercase();
        let names = |part: &String| part == "all" || user_agent.contains(part.as_str());
        self.generate_av_for_ua.iter().any(names)
    }
}

/// The final status of a busy callee; the published pages recover from all but `Busy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusyStatus {
    /// `busy{BUSY}`, then `finish{FAILED}`.
    Failed,
    /// `busy{BUSY}`, then `finish{FINISH}`.
    Finish,
    /// `busy{BUSY}`, then `finish{BUSY}`.
    Busy,
}

/// All that can move a call.
#[derive(Debug)]
pub(crate) enum CallInput {
    /// The page answered its ringing leg.
    PageAnswer {
        leg: LegId,
        sdp: String,
        session_lines: Vec<String>,
    },
    /// The page hung up, cancelled or declined; `this_tab` only stops the ringing here.
    PageHangup { leg: LegId, this_tab: bool },
    /// A page asks for what is not built; it hears the true state and a sentence.
    PageAsks { leg: LegId, sentence: String },
    /// The session of these legs is gone.
    SessionGone { session: SessionId },
    /// A page takes the live call over (the browser leg is replaced, the SIP leg goes on).
    TakeOver {
        leg: LegId,
        session: SessionId,
        wire_id: String,
    },
    /// Of the user agent, about this call's INVITE.
    Sip(sip::Event),
    /// Of the media side, about this call.
    Media(MediaEvent),
    /// An alarm of this call.
    Alarm(CallAlarm),
    /// The server stops.
    Shutdown,
}

/// All that a call can do to the world.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a handful lives for one step")]
pub(crate) enum Effect {
    /// A message to a page.
    Page {
        session: SessionId,
        message: ServerMessage,
    },
    /// A command to media.
    Media(MediaCommand),
    /// Find the way of an INVITE for this call; it has no offer yet.
    Invite(Box<Invite>),
    /// Send that INVITE with this offer.
    Offer(Bytes),
    /// 180 on this call's INVITE.
    Ring,
    /// 200 with this SDP.
    Accept(Bytes),
    /// A final refusal of the incoming INVITE.
    Reject(u16, &'static str),
    /// CANCEL or BYE, whichever is right, with a Reason.
    End(Cause),
    /// Arm or move an alarm.
    Arm(CallAlarm, Duration),
    /// Take an alarm back.
    Disarm(CallAlarm),
    /// A page's `callId` no longer means this call.
    Unbind { session: SessionId, wire_id: String },
    /// Nothing is left of this call.
    Forget,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Calling,
    Answered,
    Ringing,
    Answering(LegId),
    Accepting(LegId),
    Established,
    Ending,
}

/// One page's part in the call.
#[derive(Debug)]
struct BrowserLeg {
    session: SessionId,
    wire_id: String,
    /// The last status told; `None` until the page knows of the call.
    told: Option<CallStatus>,
    /// Its SDP of ours is out (R7: once per peer connection).
    sdp_sent: bool,
    connected: bool,
}

/// See the module's picture.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    incoming: bool,
    state: State,
    caller: String,
    callee: String,
    visible_name: String,
    has_audio: bool,
    has_video: bool,
    legs: BTreeMap<LegId, BrowserLeg>,
    /// The browser leg that is heard.
    live: Option<LegId>,
    /// Our SIP-side addresses, once media opened them.
    local: Vec<LocalMedia>,
    /// `o=` of our SIP SDP; the version grows with each.
    origin_id: u64,
    session_lines: Vec<String>,
    /// The other side's SDP of the first offer: the browser's (outgoing), the SIP side's (incoming).
    offered: Option<Description>,
    offered_text: String,
    /// What we sent to the SIP side.
    ours: Option<Description>,
    /// The browser's answer (incoming).
    answered: Option<Description>,
    /// By remote early dialog.
    plans: BTreeMap<StreamId, Plan>,
    streams: BTreeMap<String, StreamId>,
    order: Option<Order>,
    /// Where the SIP side's messages come from: its media may, too.
    signalling: Option<IpAddr>,
    /// The user agent still has a last word to say.
    invited: bool,
}

impl Call {
    /// One step. Inputs that come too late are rows like any other: they do nothing.
    pub(crate) fn handle(&mut self, input: CallInput, rules: &CallRules, out: &mut Vec<Effect>) {
        if self.state == State::Ending {
            return self.ending(&input, out);
        }
        match input {
            CallInput::PageHangup { leg, this_tab } => self.page_hangup(leg, this_tab, rules, out),
            CallInput::PageAsks { leg, sentence } => self.tell_state(leg, sentence, out),
            CallInput::SessionGone { session } => self.session_gone(session, rules, out),
            CallInput::Alarm(CallAlarm::MediaOwes) if self.state == State::Established => {
                self.end_takeovers(out);
            }
            CallInput::Shutdown => {
                self.end(
                    cause::clearing(Side::Gateway, "The server is stopping."),
                    out,
                );
            }
            CallInput::Media(MediaEvent::SipLegFailed { failure, .. })
            | CallInput::Media(MediaEvent::CallFailed { failure, .. }) => {
                self.fail(cause::media(&failure), out);
            }
            CallInput::Alarm(CallAlarm::MediaOwes) => {
                let mut late = cause::media(&crate::media::MediaFailure::Gone);
                late.text = "The media engine did not react in time.".into();
                self.fail(late, out);
            }
            CallInput::Alarm(CallAlarm::Ice) => {
                self.fail(cause::media(&crate::media::MediaFailure::Ice), out);
            }
            CallInput::Sip(sip::Event::Refused { cause, .. }) => {
                self.invited = false;
                self.refused(cause, rules, out);
            }
            CallInput::Sip(sip::Event::Ended { cause, .. }) => {
                self.invited = false;
                self.ended(cause, out);
            }
            CallInput::TakeOver {
                leg,
                session,
                wire_id,
            } => {
                self.take_over(leg, session, wire_id, rules, out);
            }
            CallInput::Media(MediaEvent::BrowserFailed {
                leg, ref failure, ..
            }) if self.is_takeover(leg) => {
                self.drop_leg(leg, cause::media(failure), out);
            }
            input if self.concerns_takeover(&input) => self.handle_takeover(input, rules, out),
            input if self.incoming => self.handle_incoming(input, rules, out),
            input => self.handle_outgoing(input, rules, out),
        }
    }

    /// After the page has its final status only the user agent's last word matters.
    fn ending(&mut self, input: &CallInput, out: &mut Vec<Effect>) {
        if let CallInput::Sip(sip::Event::Refused { .. } | sip::Event::Ended { .. }) = input {
            self.invited = false;
            out.push(Effect::Forget);
        }
    }

    /// The SIP side refused, or could not be reached.
    fn refused(&mut self, cause: Cause, rules: &CallRules, out: &mut Vec<Effect>) {
        let busy = matches!(cause.sip_code, Some(486 | 600));
        if !busy {
            return self.finish(CallStatus::Failed, &cause, out);
        }
        for leg in self.legs.values() {
            let info = self.info(leg, CallStatus::Busy).sip_status(cause.sip_code);
            out.push(Effect::Page {
                session: leg.session,
                message: ServerMessage::Busy(info),
            });
        }
        let status = match rules.busy_status {
            BusyStatus::Failed => CallStatus::Failed,
            BusyStatus::Finish => CallStatus::Finish,
            BusyStatus::Busy => CallStatus::Busy,
        };
        self.finish(status, &cause, out);
    }

    /// The SIP side ended an existing call, or cancelled a ringing one.
    fn ended(&mut self, cause: Cause, out: &mut Vec<Effect>) {
        // A clearing without code or with a 2xx is an ordinary end; else something broke.
        let status = match cause.sip_code {
            None | Some(200..=299 | 487) => CallStatus::Finish,
            Some(_) => CallStatus::Failed,
        };
        self.finish(status, &cause, out);
    }

    fn page_hangup(
        &mut self,
        leg: LegId,
        this_tab: bool,
        rules: &CallRules,
        out: &mut Vec<Effect>,
    ) {
        if !self.legs.contains_key(&leg) {
            return;
        }
        let ringing = self.incoming && matches!(self.state, State::Opening | State::Ringing);
        let lost = matches!(self.state, State::Answering(winner) | State::Accepting(winner) if winner != leg);
        if self.is_takeover(leg) || lost || (ringing && this_tab) {
            let cause = cause::clearing(Side::Browser, "Normal call clearing");
            self.drop_leg(leg, cause, out);
            if ringing && self.legs.is_empty() {
                self.nobody_here(out);
            }
        } else if ringing {
            // A person declined: for the whole account.
            out.push(Effect::Reject(rules.decline_code, "Declined"));
            let cause = cause::clearing(Side::Browser, "Normal call clearing");
            self.finish(CallStatus::Finish, &cause, out);
        } else {
            self.end(cause::clearing(Side::Browser, "Normal call clearing"), out);
        }
    }

    fn session_gone(&mut self, session: SessionId, rules: &CallRules, out: &mut Vec<Effect>) {
        let gone: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(_, leg)| leg.session == session)
            .map(|(id, _)| *id)
            .collect();
        for leg in &gone {
            // No page to tell.
            if let Some(leg) = self.legs.get_mut(leg) {
                leg.told = Some(CallStatus::Finish);
            }
        }
        let cause = cause::clearing(Side::Browser, "The page's connection was lost.");
        let others = self.legs.len() > gone.len();
        let was_live = match self.state {
            State::Answering(leg) | State::Accepting(leg) => gone.contains(&leg),
            State::Opening | State::Ringing if self.incoming => !others,
            _ => self.live.is_none_or(|live| gone.contains(&live)),
        };
        let answering = self.incoming && matches!(self.state, State::Answering(_));
        if !was_live || (answering && others) {
            for leg in gone {
                self.drop_leg(leg, cause.clone(), out);
            }
            if was_live {
                // Whoever answered is gone before the SIP side knew: the others ring on.
                self.state = State::Ringing;
                out.push(Effect::Disarm(CallAlarm::MediaOwes));
                out.push(Effect::Disarm(CallAlarm::Ice));
                out.push(Effect::Arm(CallAlarm::NoAnswer, rules.no_answer_timeout));
            }
        } else if answering
            || (self.incoming && matches!(self.state, State::Opening | State::Ringing))
        {
            self.nobody_here(out);
        } else {
            self.end(cause, out);
        }
    }

    /// The last ringing page went away: 480 (RFC 3261 §21.4.18).
    fn nobody_here(&mut self, out: &mut Vec<Effect>) {
        out.push(Effect::Reject(480, "Temporarily Unavailable"));
        let cause = cause::clearing(Side::Browser, "No page is left to answer.");
        self.finish(CallStatus::Finish, &cause, out);
    }

    /// Our side ends the call in good order.
    fn end(&mut self, cause: Cause, out: &mut Vec<Effect>) {
        if self.invited {
            out.push(Effect::End(cause.clone()));
        }
        self.finish(CallStatus::Finish, &cause, out);
    }

    /// Our side ends the call because it cannot go on.
    fn fail(&mut self, cause: Cause, out: &mut Vec<Effect>) {
        if self.invited {
            out.push(match (self.incoming, self.state, cause.sip_code) {
                (true, State::Established, _) | (false, _, _) => Effect::End(cause.clone()),
                (true, _, Some(488)) => Effect::Reject(488, "Not Acceptable Here"),
                (true, _, Some(503)) => Effect::Reject(503, "Service Unavailable"),
                (true, _, _) => Effect::Reject(500, "Server Internal Error"),
            });
        }
        self.finish(CallStatus::Failed, &cause, out);
    }

    /// What a panic in this call's step leaves behind: everything goes, and the page hears of it.
    pub(crate) fn abandon(&mut self, out: &mut Vec<Effect>) {
        if self.state == State::Ending {
            return out.push(Effect::Forget);
        }
        self.fail(cause::media(&crate::media::MediaFailure::Panicked), out);
    }

    /// Each page gets its one final status, media goes, alarms go; the SIP side may still be ending.
    fn finish(&mut self, status: CallStatus, cause: &Cause, out: &mut Vec<Effect>) {
        for leg in std::mem::take(&mut self.legs).into_values() {
            self.finish_leg(leg, status, cause, out);
            #[cfg(feature = "faults")]
            crate::fault::double_finish(out);
        }
        #[cfg(feature = "faults")]
        let leak = crate::fault::leak_port();
        #[cfg(not(feature = "faults"))]
        let leak = false;
        if !leak {
            out.push(Effect::Media(MediaCommand::CloseCall { call: self.id }));
        }
        for alarm in [
            CallAlarm::MediaOwes,
            CallAlarm::Ice,
            CallAlarm::AnswerAnyway,
            CallAlarm::NoAnswer,
        ] {
            out.push(Effect::Disarm(alarm));
        }
        self.state = State::Ending;
        if !self.invited {
            out.push(Effect::Forget);
        }
    }

    /// One leg goes, the call stays.
    fn drop_leg(&mut self, leg: LegId, cause: Cause, out: &mut Vec<Effect>) {
        let takeover = self.is_takeover(leg);
        let Some(gone) = self.legs.remove(&leg) else {
            return;
        };
        if takeover {
            out.push(Effect::Disarm(CallAlarm::MediaOwes));
        }
        let status = match cause.q850 {
            Some(16) => CallStatus::Finish,
            _ => CallStatus::Failed,
        };
        self.finish_leg(gone, status, &cause, out);
        out.push(Effect::Media(MediaCommand::CloseLeg { call: self.id, leg }));
    }

    fn finish_leg(
        &self,
        leg: BrowserLeg,
        status: CallStatus,
        cause: &Cause,
        out: &mut Vec<Effect>,
    ) {
        let gone = matches!(
            leg.told,
            None | Some(CallStatus::Finish | CallStatus::Failed | CallStatus::Busy)
        );
        if !gone {
            let mut info = self.info(&leg, status).because(cause);
            info.sip_status = cause.sip_code;
            out.push(Effect::Page {
                session: leg.session,
                message: ServerMessage::Finish(info),
            });
        }
        out.push(Effect::Unbind {
            session: leg.session,
            wire_id: leg.wire_id,
        });
    }

    /// `hold`, `unhold` and their kin until they work: the true state, and a sentence.
    fn tell_state(&mut self, leg: LegId, sentence: String, out: &mut Vec<Effect>) {
        let Some(leg) = self.legs.get(&leg) else {
            return;
        };
        let Some(told) = leg.told else { return };
        let mut info = self.info(leg, told);
        info.info = Some(sentence);
        let message = match told {
            CallStatus::Established => ServerMessage::Talk(info),
            CallStatus::Trying => ServerMessage::NotifyTryingResponse(info),
            _ => ServerMessage::Ring(info),
        };
        out.push(Effect::Page {
            session: leg.session,
            message,
        });
    }

    /// Tells a leg's page a status, once per change.
    fn tell(
        &mut self,
        leg: LegId,
        status: CallStatus,
        sip_status: Option<u16>,
        out: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if entry.told == Some(status) {
            return;
        }
        entry.told = Some(status);
        let session = entry.session;
        let Some(entry) = self.legs.get(&leg) else {
            return;
        };
        let info = self.info(entry, status).sip_status(sip_status);
        let message = match status {
            CallStatus::Established => ServerMessage::Talk(info),
            CallStatus::Trying => ServerMessage::NotifyTryingResponse(info),
            _ => ServerMessage::Ring(info),
        };
        out.push(Effect::Page { session, message });
    }

    /// Our SDP to the page, once per peer connection (R7).
    fn send_sdp(&mut self, leg: LegId, sdp: String, out: &mut Vec<Effect>) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if entry.sdp_sent {
            return;
        }
        entry.sdp_sent = true;
        let message = ServerMessage::SetRemoteSdp {
            call_id: entry.wire_id.clone(),
            sdp,
        };
        out.push(Effect::Page {
            session: entry.session,
            message,
        });
    }

    fn info(&self, leg: &BrowserLeg, status: CallStatus) -> CallInfo {
        let mut info = CallInfo::new(
            &leg.wire_id,
            self.incoming,
            status,
            &self.caller,
            &self.callee,
        );
        info.visible_name.clone_from(&self.visible_name);
        info.has_audio = self.has_audio;
        info.has_video = self.has_video;
        info
    }

    fn origin(&self) -> Origin {
        let addr = self
            .local
            .first()
            .map_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), |media| {
                media.rtp.ip()
            });
        Origin {
            session_id: self.origin_id,
            version: 1,
            addr,
        }
    }

    fn stream_of(&mut self, remote_tag: &str) -> StreamId {
        let next = StreamId(self.streams.len() as u32);
        *self.streams.entry(remote_tag.to_owned()).or_insert(next)
    }

    pub(crate) fn state_name(&self) -> &'static str {
        match self.state {
            State::Opening => "Opening",
            State::Calling => "Calling",
            State::Answered => "Answered",
            State::Ringing => "Ringing",
            State::Answering(_) => "Answering",
            State::Accepting(_) => "Accepting",
            State::Established => "Established",
            State::Ending => "Ending",
        }
    }

    pub(crate) fn leg_count(&self) -> usize {
        self.legs.len()
    }

    /// Its pages have their final status.
    pub(crate) fn is_ending(&self) -> bool {
        self.state == State::Ending
    }
}

/// Small words that read well where a status is made.
trait Because {
    fn because(self, cause: &Cause) -> Self;
    fn sip_status(self, code: Option<u16>) -> Self;
}

impl Because for CallInfo {
    fn because(mut self, cause: &Cause) -> Self {
        self.info = Some(cause.text.clone());
        self.cause = Some(cause::to_wire(cause));
        self
    }

    fn sip_status(mut self, code: Option<u16>) -> Self {
        self.sip_status = code;
        self
    }
}

/// Whoever calls out: the account whose credentials are used.
pub(crate) type Caller = Account;

/// Parses a body that should be SDP.
fn parse_sdp(body: &[u8]) -> Result<Description, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the SDP is not UTF-8".to_owned())?;
    Description::parse(text).map_err(|error| error.to_string())
}
