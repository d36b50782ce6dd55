//! Registrations of accounts: joined and left by sessions, followed for their pages.

use std::time::{Duration, Instant};

use signaling::{Fail, RegistrationReport, RegistrationStatus, ServerMessage};
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
            .find(|(_, registration)| registration.is_of(&account));
        let id = match shared {
            Some((id, registration)) => {
                registration.sessions.insert(session);
                *id
            }
            None => {
                let id = self.ua.register(account.clone(), now);
                let registration = Registration::new(account, session);
                self.registrations.insert(id, registration);
                id
            }
        };
        if let Some(entry) = self.sessions.get_mut(&session) {
            entry.registration = Some(id);
        }
        let Some(registration) = self.registrations.get(&id) else {
            return;
        };
        let mailbox = registration.mailbox.clone();
        let mut current_state = registration.messages();
        for message in &mut current_state {
            // How much of that time is left is not known here.
            if let ServerMessage::RegistrationState(report) = message {
                report.retry_in_ms = None;
            }
        }
        current_state.extend(mailbox.map(ServerMessage::MessageWaiting));
        for message in current_state {
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
        if before != RegistrationState::Registered {
            self.tell_registration(id);
        }
    }

    /// Each failed attempt is told, with what comes next.
    pub(crate) fn registration_failed(
        &mut self,
        id: RegistrationId,
        cause: &sip::Cause,
        retry_in: Option<Duration>,
        now: Instant,
    ) {
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        let failing = RegistrationState::Failing {
            cause: cause.clone(),
            retry_in,
        };
        let before = std::mem::replace(&mut registration.state, failing);
        self.tell_registration(id);
        if retry_in.is_some() {
            return;
        }
        let gone = self.registrations.remove(&id);
        for session in gone.map(|gone| gone.sessions).unwrap_or_default() {
            let socket = self.sessions.get_mut(&session).and_then(|session| {
                session.registration = None;
                session.socket
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

    /// Tells every page of an account how its registration stands.
    fn tell_registration(&mut self, id: RegistrationId) {
        let Some(registration) = self.registrations.get(&id) else {
            return;
        };
        let messages = registration.messages();
        for session in registration.sessions.clone() {
            for message in &messages {
                self.tell(session, message.clone());
            }
        }
    }
}

impl Registration {
    /// How it stands, as pages hear it; a page without an extension is not sent the message that takes
    /// it.
    fn messages(&self) -> Vec<ServerMessage> {
        match &self.state {
            RegistrationState::Registering => {
                let report = RegistrationReport::new(RegistrationStatus::Registering);
                vec![ServerMessage::RegistrationState(report)]
            }
            RegistrationState::Registered => {
                let mut report = RegistrationReport::new(RegistrationStatus::Registered);
                report.sip_status = Some(200);
                vec![
                    ServerMessage::Registered { sip_status: 200 },
                    ServerMessage::RegistrationState(report),
                ]
            }
            RegistrationState::Failing { cause, retry_in } => {
                let mut fail = Fail::registration(cause.sip_code, &cause.text);
                fail.cause = Some(cause::to_wire(cause));
                let status = if retry_in.is_some() {
                    RegistrationStatus::Retrying
                } else {
                    RegistrationStatus::Failed
                };
                let report = RegistrationReport {
                    sip_status: cause.sip_code,
                    info: Some(cause.text.clone()),
                    retry_in_ms: retry_in.map(|wait| wait.as_millis() as u64),
                    ..RegistrationReport::new(status)
                };
                vec![
                    ServerMessage::Fail(fail),
                    ServerMessage::RegistrationState(report),
                ]
            }
        }
    }
}
