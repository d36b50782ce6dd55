//! Registrations of accounts: joined and left by sessions, followed for their pages.

use std::time::Instant;

use signaling::{Fail, ServerMessage};
use sip::{Account, RegistrationId};

use super::POLICY_VIOLATION;
use crate::cause;
use crate::hub::Hub;
use crate::ids::SessionId;
use crate::registration::{Registration, RegistrationState};

impl Hub {
    /// One REGISTER per account; a second page shares it.
    pub(super) fn join(&mut self, account: Account, session: SessionId, now: Instant) {
        let shared = self
            .registrations
            .iter_mut()
            .find(|(_, reg)| reg.is_of(&account));
        let (id, now_true) = match shared {
            Some((id, registration)) => {
                registration.sessions.insert(session);
                let live = registration.state == RegistrationState::Registered;
                let registered = live.then_some(ServerMessage::Registered { sip_status: 200 });
                (
                    *id,
                    registered.or(registration.failure.clone().map(ServerMessage::Fail)),
                )
            }
            None => {
                let id = self.ua.register(account.clone(), now);
                self.registrations
                    .insert(id, Registration::new(account, session));
                (id, None)
            }
        };
        if let Some(entry) = self.sessions.get_mut(&session) {
            entry.registration = Some(id);
        }
        if let Some(message) = now_true {
            self.tell(session, message);
        }
    }

    /// The last page that leaves takes the binding along.
    pub(super) fn leave(&mut self, id: RegistrationId, session: SessionId, now: Instant) {
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        registration.sessions.remove(&session);
        if registration.sessions.is_empty() {
            self.registrations.remove(&id);
            self.ua.unregister(id, now);
        }
    }

    pub(crate) fn registered(&mut self, id: RegistrationId) {
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut registration.state, RegistrationState::Registered);
        registration.failure = None;
        if before == RegistrationState::Registered {
            return; // a refresh
        }
        for session in registration.sessions.clone() {
            self.tell(session, ServerMessage::Registered { sip_status: 200 });
        }
    }

    pub(crate) fn registration_failed(
        &mut self,
        id: RegistrationId,
        cause: &sip::Cause,
        will_retry: bool,
        now: Instant,
    ) {
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut registration.state, RegistrationState::Failing);
        let sessions = registration.sessions.clone();
        let mut fail = Fail::registration(cause.sip_code, &cause.text);
        fail.cause = Some(cause::to_wire(cause));
        registration.failure = Some(fail.clone());
        if !will_retry {
            self.registrations.remove(&id);
        }
        for session in sessions {
            self.tell(session, ServerMessage::Fail(fail.clone()));
            if will_retry {
                continue;
            }
            let socket = self.sessions.get_mut(&session).and_then(|s| {
                s.registration = None;
                s.socket
            });
            if before != RegistrationState::Registering {
                // It was registered once: its calls go on, and it can still call out.
                continue;
            }
            // A page that asked for a registration and never got one is of no use (protocol §1.5).
            match socket {
                Some(socket) => self.close(socket, POLICY_VIOLATION, &cause.text),
                None => self.end_session(session, now),
            }
        }
    }
}
