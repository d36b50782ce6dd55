//! How a call ends, and how a page leaves it: every way ends in [`Call::finish`], once.

use std::mem;

use bytes::Bytes;
use signaling::{CallStatus, ServerMessage};
use sip::{Cause, Side};

use super::legs::{Because, BrowserLeg};
use super::{BusyStatus, Call, CallInput, CallRules, Effect, State};
use crate::cause;
use crate::ids::{LegId, SessionId};
use crate::media::{MediaCommand, MediaFailure};
use crate::record::What;
use crate::timers::CallAlarm;

impl Call {
    /// Inputs of a call whose page has its final status. Only the last event of the user agent still matters.
    pub(super) fn ending(&mut self, input: &CallInput, out: &mut Vec<Effect>) {
        match input {
            CallInput::Sip(sip::Event::Refused { .. } | sip::Event::Ended { .. }) => {
                self.sip.invited = false;
                out.push(Effect::Forget);
            }
            // The call that it would change is over (RFC 3261 §12.2.2).
            CallInput::Sip(
                sip::Event::Offered { request, .. } | sip::Event::Info { request, .. },
            ) => out.push(Effect::Respond {
                request: *request,
                status: 481,
                headers: Vec::new(),
                sdp: Bytes::new(),
            }),
            _ => {}
        }
    }

    /// The SIP side refused, or could not be reached.
    pub(super) fn refused(&mut self, cause: Cause, rules: &CallRules, out: &mut Vec<Effect>) {
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
    pub(super) fn ended(&mut self, cause: Cause, out: &mut Vec<Effect>) {
        // A clearing without code or with a 2xx is an ordinary end; else something broke.
        let status = match cause.sip_code {
            None | Some(200..=299 | 487) => CallStatus::Finish,
            Some(_) => CallStatus::Failed,
        };
        self.finish(status, &cause, out);
    }

    pub(super) fn page_hangup(
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
        let cause = cause::clearing(Side::Browser, "Normal call clearing");
        if ringing && this_tab && self.legs.len() == 1 {
            self.nobody_here(&cause, out);
        } else if self.is_takeover(leg) || lost || (ringing && this_tab) {
            self.drop_leg(leg, cause, out);
        } else if ringing {
            // A person declined, which counts for all pages of the account.
            out.push(Effect::Reject(rules.decline_code, "Declined"));
            self.finish(CallStatus::Finish, &cause, out);
        } else {
            self.end(cause, out);
        }
    }

    pub(super) fn session_gone(
        &mut self,
        session: SessionId,
        rules: &CallRules,
        out: &mut Vec<Effect>,
    ) {
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
                // The page that answered is gone before the SIP side was told, so the other pages ring on.
                self.state = State::Ringing;
                out.push(Effect::Disarm(CallAlarm::MediaOwes));
                out.push(Effect::Disarm(CallAlarm::Ice));
                out.push(Effect::Arm(CallAlarm::NoAnswer, rules.no_answer_timeout));
            }
        } else if answering
            || (self.incoming && matches!(self.state, State::Opening | State::Ringing))
        {
            let cause = cause::clearing(Side::Browser, "No page is left to answer.");
            self.nobody_here(&cause, out);
        } else {
            self.end(cause, out);
        }
    }

    /// The last ringing page went away: 480 (RFC 3261 §21.4.18).
    fn nobody_here(&mut self, cause: &Cause, out: &mut Vec<Effect>) {
        out.push(Effect::Reject(480, "Temporarily Unavailable"));
        self.finish(CallStatus::Finish, cause, out);
    }

    /// Our side ends the call in good order.
    pub(super) fn end(&mut self, cause: Cause, out: &mut Vec<Effect>) {
        if self.sip.invited {
            out.push(Effect::End(cause.clone()));
        }
        self.finish(CallStatus::Finish, &cause, out);
    }

    /// Our side ends the call because it cannot go on.
    pub(super) fn fail(&mut self, cause: Cause, out: &mut Vec<Effect>) {
        if self.sip.invited {
            let refuse = self.incoming && self.state != State::Established;
            out.push(match cause.sip_code {
                Some(488 | 503) if refuse => Effect::RejectFor(cause.clone()),
                _ if refuse => Effect::Reject(500, "Server Internal Error"),
                _ => Effect::End(cause.clone()),
            });
        }
        self.finish(CallStatus::Failed, &cause, out);
    }

    /// What a panic in this call's step leaves behind: everything goes, and the page hears of it.
    pub(crate) fn abandon(&mut self, out: &mut Vec<Effect>) {
        if self.state == State::Ending {
            return out.push(Effect::Forget);
        }
        self.fail(cause::media(&MediaFailure::Panicked), out);
    }

    /// Each page gets its one final status, media goes, alarms go; the SIP side may still be ending.
    pub(super) fn finish(&mut self, status: CallStatus, cause: &Cause, out: &mut Vec<Effect>) {
        let ended = What::Ended {
            cause: cause.clone(),
            // The Hub knows the time.
            duration: None,
        };
        self.note(ended, out);
        for leg in mem::take(&mut self.legs).into_values() {
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
            CallAlarm::HangupDue,
            CallAlarm::NoAnswer,
        ] {
            out.push(Effect::Disarm(alarm));
        }
        self.state = State::Ending;
        if !self.sip.invited {
            out.push(Effect::Forget);
        }
    }

    /// One leg goes, the call stays.
    pub(super) fn drop_leg(&mut self, leg: LegId, cause: Cause, out: &mut Vec<Effect>) {
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
}
