//! INVITEs that arrive: whose they are, and on which pages they ring.

use std::time::Instant;

use sdp::{Description, PlanError};
use sip::{Cause, Side, Stage};

use crate::call::{Arrival, Call};
use crate::cause;
use crate::hub::Hub;
use crate::ids::{CallId, LegId, SessionId};
use crate::record::What;

impl Hub {
    pub(crate) fn incoming(&mut self, event: sip::Event, now: Instant) {
        let sip::Event::Incoming {
            id: invite,
            registration,
            caller,
            display,
            callee,
            offer,
            reliable,
            sip_call_id,
            signalling,
            ..
        } = event
        else {
            return;
        };
        let started = What::Started {
            incoming: true,
            caller: caller.clone(),
            callee: callee.clone(),
        };
        let refused = |hub: &mut Self, cause: Cause| {
            hub.record_refused(started, Vec::new(), Some(sip_call_id), cause);
        };
        // From a listed source, for somebody who is not registered here.
        let Some(registration) = registration else {
            let text = format!("{callee} is not registered here.");
            refused(self, Cause::new(404, Stage::Invite, Side::Gateway, text));
            return self.ua.reject(invite, 404, "Not Found", now);
        };
        let read = offer.as_deref().map(read_offer).transpose();
        let media = read.and_then(|offer| {
            let media = sdp::formats_for_browser(offer.as_ref(), &self.config.calls.codecs)?;
            Ok((offer, media))
        });
        let (offer, media) = match media {
            Ok(read) => read,
            Err(error) => {
                let cause = cause::plan(&error);
                self.ua.reject_with(invite, &cause, now);
                return refused(self, cause);
            }
        };
        let sessions: Vec<SessionId> = self
            .registrations
            .get(&registration)
            .map(|registration| registration.sessions.iter().copied().collect())
            .unwrap_or_default();
        let attached: Vec<SessionId> = sessions
            .into_iter()
            .filter(|id| {
                self.sessions
                    .get(id)
                    .is_some_and(|session| session.socket.is_some())
            })
            .collect();
        if attached.is_empty() {
            let text = format!("{callee} has no page that could ring.");
            refused(self, Cause::new(480, Stage::Invite, Side::Gateway, text));
            return self.ua.reject(invite, 480, "Temporarily Unavailable", now);
        }
        let id = CallId(self.new_id());
        let mut pages: Vec<(LegId, SessionId, String)> = Vec::new();
        for session_id in attached {
            let (leg, wire_id) = (self.new_leg(), self.new_wire_id());
            if let Some(session) = self.sessions.get_mut(&session_id) {
                session.calls.insert(wire_id.clone(), (id, leg));
            }
            pages.push((leg, session_id, wire_id));
        }
        let arrival = Arrival {
            caller,
            display,
            callee,
            signalling,
            offer,
            reliable,
            media,
        };
        let origin_id = self.new_origin_id();
        let mut effects = Vec::new();
        let call = Call::incoming(
            id,
            origin_id,
            arrival,
            pages,
            &self.config.calls,
            &mut effects,
        );
        self.adopt(call, Some(invite), now);
        self.perform(id, effects, now);
    }
}

fn read_offer(body: &[u8]) -> Result<Description, PlanError> {
    let text = std::str::from_utf8(body).map_err(|_| "the SDP is not UTF-8".to_owned());
    let offer = text.and_then(|text| Description::parse(text).map_err(|error| error.to_string()));
    offer.map_err(PlanError::Unusable)
}
