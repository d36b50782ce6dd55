//! Sessions of pages: made by `connection`, ended when their page stays away.

use std::time::Instant;

use rand::RngExt;
use secrecy::SecretString;
use signaling::{Connection, Fail, Feature, ServerMessage, UserData};

use super::POLICY_VIOLATION;
use crate::call::CallInput;
use crate::hub::Hub;
use crate::ids::{CallId, SessionId, SocketId};
use crate::session::{self, Session};
use crate::timers::Alarm;

impl Hub {
    pub(super) fn connection(&mut self, socket: SocketId, connection: Connection, now: Instant) {
        if connection.auth_token.is_some() && connection.sip_login.is_none() {
            let text = "The session of this token has ended: connect with SIP credentials.";
            self.refuse(socket, "connection", None, text);
            return self.close(socket, POLICY_VIOLATION, text);
        }
        let account = match session::account(&connection, self.config.sip_transport) {
            Ok(account) => account,
            Err(error) => {
                let text = error.to_string();
                self.refuse(socket, "connection", None, &text);
                return self.close(socket, POLICY_VIOLATION, &text);
            }
        };
        let id = SessionId(self.new_id());
        let token = self.new_token(socket);
        let features = Feature::granted(&connection.features);
        self.sessions.insert(
            id,
            Session {
                socket: Some(socket),
                account: account.clone(),
                registration: None,
                visible_name: connection.sip_visible_name.clone(),
                features: features.clone(),
                calls: Default::default(),
                ended: Default::default(),
            },
        );
        if let Some(entry) = self.sockets.get_mut(&socket) {
            entry.session = Some(id);
        }
        self.timers.disarm(Alarm::Greeting(socket));
        let register = connection.sip_register_required.unwrap_or(true);
        let connection_asked = connection.sip_register_required == Some(true);
        let mut user = UserData::new(connection.echo, token);
        user.features = features;
        self.send(socket, &ServerMessage::GetUserData(Box::new(user)));
        match account {
            Some(account) if register => self.join(account, id, now),
            // The page would wait for REGISTERED for ever.
            None if connection_asked => {
                let text = "sipRegisterRequired is set, but there is no sipLogin to register.";
                self.tell(id, ServerMessage::Fail(Fail::registration(None, text)));
            }
            _ => {}
        }
    }

    /// 256 random bits (A16), in the shape the published product uses.
    fn new_token(&mut self, socket: SocketId) -> SecretString {
        let peer = self
            .sockets
            .get(&socket)
            .map_or_else(String::new, |s| s.peer.to_string());
        let (high, low): (u128, u128) = (self.rng.random(), self.rng.random());
        format!("/{peer}:{high:032x}{low:032x}").into()
    }

    /// A session ends: its calls, its part in a registration, its token.
    pub(crate) fn end_session(&mut self, id: SessionId, now: Instant) {
        self.timers.disarm(Alarm::Detach(id));
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let mut calls: Vec<CallId> = session.calls.values().map(|(call, _)| *call).collect();
        calls.dedup();
        for call in calls {
            self.step_call(call, CallInput::SessionGone { session: id }, now);
        }
        let Some(session) = self.sessions.remove(&id) else {
            return;
        };
        if let Some(registration) = session.registration {
            self.leave(registration, id, now);
        }
    }
}
