//! A browser leg replaced in mid-call: another page gets an offer of its own, and once its media is
//! up the old leg goes. The SIP leg notices nothing.

use sdp::{BrowserMedia, Direction};
use signaling::{CallStatus, ServerMessage};
use sip::Side;

use super::legs::BrowserLeg;
use super::{Call, CallInput, CallRules, Effect, State};
use crate::cause;
use crate::ids::{LegId, SessionId};
use crate::media::{BrowserLegMode, MediaCommand, MediaEvent, MediaFailure};
use crate::timers::CallAlarm;

impl Call {
    /// A leg that is not the live one while the call is up.
    pub(super) fn is_takeover(&self, leg: LegId) -> bool {
        self.state == State::Established && self.live != Some(leg) && self.legs.contains_key(&leg)
    }

    pub(super) fn concerns_takeover(&self, input: &CallInput) -> bool {
        match input {
            CallInput::PageAnswer { leg, .. } => self.is_takeover(*leg),
            CallInput::Media(
                MediaEvent::BrowserOffer { leg, .. }
                | MediaEvent::BrowserAccepted { leg, .. }
                | MediaEvent::BrowserConnected { leg, .. },
            ) => self.is_takeover(*leg),
            _ => false,
        }
    }

    /// Offers the live call to another page, in the formats that its SIP leg speaks now.
    pub(super) fn take_over(
        &mut self,
        leg: LegId,
        session: SessionId,
        wire_id: String,
        rules: &CallRules,
        out: &mut Vec<Effect>,
    ) {
        // The formats of the dialog that is heard: other dialogs of the INVITE may have had others.
        let current = self.sip.negotiation.current();
        let (State::Established, Some(current)) = (self.state, current) else {
            return out.push(Effect::Unbind { session, wire_id });
        };
        let media = current
            .plan()
            .media
            .iter()
            .filter(|media| media.accepted)
            .map(|media| BrowserMedia {
                kind: media.kind,
                direction: Direction::SendRecv,
                formats: media.browser.clone(),
            });
        let mode = BrowserLegMode::Offer {
            media: media.collect(),
        };
        let call = self.id;
        out.push(Effect::Media(MediaCommand::OpenBrowserLeg {
            call,
            leg,
            mode,
        }));
        out.push(Effect::Arm(CallAlarm::MediaOwes, rules.media_timeout));
        let mut fresh = BrowserLeg::new(session, wire_id);
        fresh.opened = true;
        self.legs.insert(leg, fresh);
    }

    /// The media side owes a takeover leg something: that leg goes, the call goes on.
    pub(super) fn end_takeovers(&mut self, out: &mut Vec<Effect>) {
        let legs: Vec<LegId> = self
            .legs
            .keys()
            .copied()
            .filter(|leg| self.is_takeover(*leg))
            .collect();
        for leg in legs {
            self.drop_leg(leg, cause::media(&MediaFailure::Gone), out);
        }
    }

    pub(super) fn handle_takeover(
        &mut self,
        input: CallInput,
        rules: &CallRules,
        out: &mut Vec<Effect>,
    ) {
        let call = self.id;
        match input {
            CallInput::Media(MediaEvent::BrowserOffer { leg, sdp, .. }) => {
                out.push(Effect::Disarm(CallAlarm::MediaOwes));
                self.send_sdp(leg, sdp, out);
                let Some(entry) = self.legs.get(&leg) else {
                    return;
                };
                let message = ServerMessage::NotifyIncomingCall(self.info(entry, CallStatus::Ring));
                out.push(Effect::Page {
                    session: entry.session,
                    message,
                });
                self.tell(leg, CallStatus::Ring, None, out);
            }
            CallInput::PageAnswer { leg, sdp, .. } => {
                let answer = sdp;
                out.push(Effect::Media(MediaCommand::AcceptBrowserAnswer {
                    call,
                    leg,
                    answer,
                }));
                out.push(Effect::Arm(CallAlarm::MediaOwes, rules.media_timeout));
            }
            CallInput::Media(MediaEvent::BrowserAccepted { .. }) => {
                out.push(Effect::Disarm(CallAlarm::MediaOwes));
            }
            CallInput::Media(MediaEvent::BrowserConnected { leg, .. }) => {
                out.push(Effect::Disarm(CallAlarm::Ice));
                out.push(Effect::Media(MediaCommand::SelectBrowserLeg { call, leg }));
                if let Some(old) = self.live.replace(leg) {
                    let cause = cause::clearing(Side::Browser, "The call moved to another page.");
                    self.drop_leg(old, cause, out);
                }
                let moved = vec!["the call moved to another page".to_owned()];
                self.note_change(moved, Side::Browser, out);
                self.tell(leg, CallStatus::Established, None, out);
                self.tell_hold(out);
            }
            _ => {}
        }
    }
}
