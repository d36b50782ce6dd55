//! A call: one SIP leg and n browser legs, as a machine. Input in, effects out, no clock.
//!
//! ```text
//!  outgoing   Opening ─ports─► Calling ──2xx──► Answered ─browser answer out─► Established
//!                                  └──2xx, browser answer already out──────────►┘
//!  incoming   Opening ─offer out─► Ringing ─answer─► Answering ─SDP taken─► Accepting ─DTLS|300 ms─► Established
//!  any        ──hang-up, refusal, failure──► Ending ──the user agent is done──► forgotten
//! ```
//! `outgoing.rs` and `incoming.rs` hold the rows of their direction, `established.rs` what both do after
//! the answer, `ending.rs` every way out.

mod digits;
mod ending;
mod established;
mod explain;
mod hold;
mod incoming;
mod legs;
mod outgoing;
mod rules;
mod sip_leg;
mod takeover;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use sdp::Description;
use signaling::{DtmfKind, ServerMessage};
use sip::{Cause, HeaderName, Invite, RequestId, Side};

use crate::cause;
use crate::ids::{CallId, LegId, SessionId};
use crate::media::{MediaCommand, MediaEvent, MediaFailure};
use crate::record::What;
use crate::timers::CallAlarm;
use digits::Digits;
use legs::BrowserLeg;
use sip_leg::SipLeg;

pub(crate) use hold::Wish;
pub(crate) use incoming::Arrival;
pub(crate) use outgoing::Order;
pub use rules::{BusyStatus, CallRules};

/// How long the `hangup` of a page may come after its media is closed.
const HANGUP_PATIENCE: Duration = Duration::from_millis(500);

/// All that can move a call.
#[derive(Debug)]
pub(crate) enum CallInput {
    /// The page answered its ringing leg.
    PageAnswer {
        leg: LegId,
        sdp: String,
        session_lines: Vec<String>,
        headers: Vec<(String, String)>,
    },
    /// The page hung up, cancelled or declined; `this_tab` only stops the ringing here.
    PageHangup { leg: LegId, this_tab: bool },
    /// The page holds or resumes the call.
    PageHolds { leg: LegId, wish: Wish },
    /// The page sends digits.
    PageDigits {
        leg: LegId,
        kind: DtmfKind,
        digits: String,
    },
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
    /// 180 on this call's INVITE; to a late offer it may have to carry ours.
    Ring(Option<Bytes>),
    /// 200 with this SDP, and headers of the page.
    Accept {
        sdp: Bytes,
        headers: Vec<(String, String)>,
    },
    /// An offer of ours is wanted: the user agent says when it may go out.
    RequestOffer,
    /// Send this offer in the call.
    Reoffer(Bytes),
    /// The final response to a request of the peer.
    Respond {
        request: RequestId,
        status: u16,
        headers: Vec<(HeaderName, String)>,
        sdp: Bytes,
    },
    /// Send an INFO in the call.
    Info {
        content_type: &'static str,
        body: Bytes,
    },
    /// A final refusal of the incoming INVITE.
    Reject(u16, &'static str),
    /// The same for a reason whose sentence the caller hears.
    RejectFor(Cause),
    /// CANCEL or BYE, whichever is right, with a Reason.
    End(Cause),
    /// Arm or move an alarm.
    Arm(CallAlarm, Duration),
    /// Take an alarm back.
    Disarm(CallAlarm),
    /// A page's `callId` no longer means this call.
    Unbind { session: SessionId, wire_id: String },
    /// Something for the call's record.
    Record {
        sessions: Vec<SessionId>,
        what: What,
    },
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
    /// The pages' side.
    legs: BTreeMap<LegId, BrowserLeg>,
    /// The browser leg that is heard.
    live: Option<LegId>,
    sip: SipLeg,
    /// What the page asked for, until the INVITE is on its way.
    order: Option<Order>,
    /// Its `Ringing` is on record.
    rang: bool,
    digits: Digits,
    /// What the page adds to the 200 (`sipHeaders` of `answer`).
    answer_headers: Vec<(String, String)>,
    /// Our offer goes out with the 180 (RFC 3262 §5): a late offer of a caller that requires it.
    early_offer: bool,
}

impl Call {
    /// One step. Inputs that come too late are rows like any other: they do nothing.
    pub(crate) fn handle(&mut self, input: CallInput, rules: &CallRules, out: &mut Vec<Effect>) {
        if self.state == State::Ending {
            return self.ending(&input, out);
        }
        match input {
            CallInput::PageHangup { leg, this_tab } => self.page_hangup(leg, this_tab, rules, out),
            CallInput::PageHolds { leg, wish } => self.page_holds(leg, wish, out),
            CallInput::PageDigits { leg, kind, digits } => {
                self.page_sends_digits(leg, kind, &digits, out);
            }
            CallInput::SessionGone { session } => self.session_gone(session, rules, out),
            // A page that hangs up closes its media, too, and that may be here before its `hangup`.
            CallInput::Media(MediaEvent::BrowserFailed {
                leg,
                failure: MediaFailure::Closed,
                ..
            }) if self.live == Some(leg) => {
                out.push(Effect::Arm(CallAlarm::HangupDue, HANGUP_PATIENCE));
            }
            CallInput::Alarm(CallAlarm::HangupDue) => {
                self.fail(cause::media(&MediaFailure::Closed), out);
            }
            CallInput::Sip(sip::Event::LargeDatagram { bytes, .. }) => {
                self.note(What::LargeDatagram { bytes }, out);
            }
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
                let mut late = cause::media(&MediaFailure::Gone);
                late.text = "The media engine did not react in time.".into();
                self.fail(late, out);
            }
            CallInput::Alarm(CallAlarm::Ice) => {
                self.fail(cause::media(&MediaFailure::Ice), out);
            }
            CallInput::Sip(sip::Event::Refused { cause, .. }) => {
                self.sip.invited = false;
                self.refused(cause, rules, out);
            }
            CallInput::Sip(sip::Event::Ended { cause, .. }) => {
                self.sip.invited = false;
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
            CallInput::Sip(event) => {
                if let Some(event) = self.sip_change(event, out) {
                    self.by_direction(CallInput::Sip(event), rules, out);
                }
            }
            input => self.by_direction(input, rules, out),
        }
    }

    fn by_direction(&mut self, input: CallInput, rules: &CallRules, out: &mut Vec<Effect>) {
        if self.incoming {
            self.handle_incoming(input, rules, out);
        } else {
            self.handle_outgoing(input, rules, out);
        }
    }

    /// The session of the page that talks, and what that page calls the call.
    pub(crate) fn live_page(&self) -> Option<(SessionId, &str)> {
        let leg = self.legs.get(&self.live?)?;
        Some((leg.session, leg.wire_id.as_str()))
    }

    /// Where it stands, in the words of the module's picture.
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

    /// Puts something on record.
    fn note(&self, what: What, out: &mut Vec<Effect>) {
        let heard = |id: &LegId| self.live.is_none_or(|live| live == *id);
        let legs = self.legs.iter().filter(|(id, _)| heard(id));
        let sessions = legs.map(|(_, leg)| leg.session).collect();
        out.push(Effect::Record { sessions, what });
    }

    /// Puts on record, once, that the called side has been told.
    fn note_ringing(&mut self, out: &mut Vec<Effect>) {
        if !std::mem::replace(&mut self.rang, true) {
            self.note(What::Ringing, out);
        }
    }
}

/// Parses a body that should be SDP.
fn parse_sdp(body: &[u8]) -> Result<Description, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the SDP is not UTF-8".to_owned())?;
    Description::parse(text).map_err(|error| error.to_string())
}
