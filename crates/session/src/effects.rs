//! Carries out the effects of calls, and keeps the tables of calls: each call with its names on the SIP side until its
//! end.

use std::time::Instant;

use sip::{Cause, InviteId};

use crate::call::{Call, Effect};
use crate::hub::{Hub, Output};
use crate::ids::{CallId, SessionId};
use crate::media::MediaCommand;
use crate::record::{Journal, Record, What};
use crate::timers::Alarm;

impl Hub {
    /// Carries out the effects of one call. A panic loses the effect in which it happened, and ends the call.
    pub(crate) fn perform(&mut self, id: CallId, effects: Vec<Effect>, now: Instant) {
        let mut whole = true;
        for effect in effects {
            whole &= self.guarded(|hub| hub.perform_one(id, effect, now));
        }
        if !whole {
            self.abandon(id, now);
        }
    }

    /// Ends a call that lost an effect. Which one is not known, so everything that the end of a call needs is done,
    /// perhaps a second time.
    fn abandon(&mut self, id: CallId, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let mut out = Vec::new();
        call.abandon(&mut out);
        for effect in out {
            self.guarded(|hub| hub.perform_one(id, effect, now));
        }
        let close = MediaCommand::CloseCall { call: id };
        self.outputs.push_back(Output::Media(close));
        match self.invite_of.get(&id).copied() {
            Some(invite) => {
                self.guarded(|hub| hub.ua.end(invite, now));
            }
            // No SIP event will come that would remove it.
            None => self.forget(id),
        }
    }

    pub(crate) fn forget(&mut self, id: CallId) {
        self.guarded(|hub| hub.keep_ladder(id));
        self.calls.remove(&id);
        self.journals.remove(&id);
        self.ladders.forget(id);
        self.timers.disarm_call(id);
    }

    fn perform_one(&mut self, id: CallId, effect: Effect, now: Instant) {
        #[cfg(feature = "faults")]
        self.strike(crate::hub::PlantedPanic::Effects(id));
        let invite = self.invite_of.get(&id).copied();
        match effect {
            Effect::Page { session, message } => self.tell(session, message),
            Effect::Media(command) => self.outputs.push_back(Output::Media(command)),
            Effect::Invite(order) => {
                let new = self.ua.prepare(*order, now);
                self.invited(id, new, false, now);
            }
            Effect::Offer(sdp) => {
                if let Some(invite) = invite {
                    self.ua.offer(invite, sdp, now);
                }
            }
            Effect::Ring(sdp) => {
                if let Some(invite) = invite {
                    self.ua.ring(invite, sdp, now);
                }
            }
            Effect::Accept { sdp, headers } => {
                if let Some(invite) = invite {
                    self.ua.accept(invite, sdp, &headers, now);
                }
            }
            Effect::RequestOffer => {
                if let Some(invite) = invite {
                    self.ua.request_offer(invite);
                }
            }
            Effect::Reoffer(sdp) => {
                if let Some(invite) = invite {
                    self.ua.reoffer(invite, sdp, now);
                }
            }
            Effect::Respond {
                request,
                status,
                headers,
                sdp,
            } => self.ua.respond(request, status, &headers, sdp, now),
            Effect::Info { content_type, body } => {
                if let Some(invite) = invite {
                    self.ua.info(invite, content_type, body, now);
                }
            }
            Effect::RejectFor(cause) => {
                if let Some(invite) = invite {
                    self.ua.reject_with(invite, &cause, now);
                }
            }
            Effect::Reject(status, reason) => {
                if let Some(invite) = invite {
                    self.ua.reject(invite, status, reason, now);
                }
            }
            Effect::End(cause) => {
                if let Some(invite) = invite {
                    self.ua.end_with(invite, &cause, now);
                }
            }
            Effect::Arm(alarm, after) => self.timers.arm(Alarm::Call(id, alarm), now + after),
            Effect::Disarm(alarm) => self.timers.disarm(Alarm::Call(id, alarm)),
            Effect::Unbind { session, wire_id } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.calls.remove(&wire_id);
                }
                self.keep_explanation(id, session, &wire_id);
            }
            Effect::Record { sessions, what } => {
                let journal = self.journals.get_mut(&id);
                let record = journal.map(|journal| journal.record(id, sessions, what, now));
                self.outputs.extend(record.map(Output::Record));
            }
            Effect::Forget => self.forget(id),
        }
    }

    /// Takes a new call into the tables, before its first step.
    pub(crate) fn adopt(&mut self, call: Call, invite: Option<InviteId>, now: Instant) {
        self.journals.insert(call.id, Journal::new());
        if let Some(invite) = invite {
            self.invited(call.id, invite, true, now);
        }
        self.calls.insert(call.id, call);
    }

    /// A call that is refused before there is a [`Call`] of it: all of its record at once.
    pub(crate) fn record_refused(
        &mut self,
        started: What,
        sessions: Vec<SessionId>,
        sip_call_id: Option<String>,
        cause: Cause,
    ) {
        let call = CallId(self.new_id());
        let ended = What::Ended {
            cause,
            duration: None,
        };
        self.outputs.extend([started, ended].map(|what| {
            Output::Record(Record {
                call,
                sessions: sessions.clone(),
                sip_call_id: sip_call_id.clone(),
                what,
            })
        }));
    }

    /// A call has its INVITE, and with it a name on the SIP side.
    fn invited(&mut self, call: CallId, invite: InviteId, incoming: bool, now: Instant) {
        self.invites.insert(invite, call);
        self.invite_of.insert(call, invite);
        let Some(sip_call_id) = self.ua.sip_call_id(invite).map(str::to_owned) else {
            return;
        };
        self.ladders.begin(call, &sip_call_id, incoming, now);
        if let Some(journal) = self.journals.get_mut(&call) {
            journal.sip_call_id = Some(sip_call_id);
        }
    }

    /// Call-ID of a call's SIP leg.
    pub(crate) fn sip_call_id(&self, call: CallId) -> Option<String> {
        self.journals.get(&call)?.sip_call_id.clone()
    }

    pub(crate) fn call_of_invite(&self, invite: InviteId) -> Option<CallId> {
        self.invites.get(&invite).copied()
    }
}
