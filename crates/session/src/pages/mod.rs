//! What pages say: frames in, sessions and calls moved. The rows of docs/protocol.md's client messages.
//!
//! One file for each noun: sockets, sessions, registrations, calls, messages.

mod calls;
mod messages;
mod registrations;
mod sessions;
mod sockets;

use std::time::Instant;

use signaling::{
    CallStatus, ClientMessage, DataStatus, DecodeError, Fail, Feature, HangupScope, ServerMessage,
    SipMessageStatus,
};

use crate::call::{CallInput, Wish};
use crate::hub::Hub;
use crate::ids::{SessionId, SocketId};
use calls::failed;

/// RFC 6455 §7.4.1.
const POLICY_VIOLATION: u16 = 1008;
const MESSAGE_TOO_BIG: u16 = 1009;

impl Hub {
    pub(crate) fn frame(&mut self, socket: SocketId, text: &str, now: Instant) {
        let Some(entry) = self.sockets.get_mut(&socket) else {
            return;
        };
        if entry.closing {
            return;
        }
        if !entry.admit(now) {
            return self.close(
                socket,
                POLICY_VIOLATION,
                "More than 100 messages in a second.",
            );
        }
        let session = entry.session;
        match signaling::decode(text) {
            Err(error) => self.bad_frame(socket, &error),
            Ok(ClientMessage::Connection(connection)) => match session {
                None => self.connection(socket, *connection, now),
                Some(_) => self.refuse(
                    socket,
                    "connection",
                    None,
                    "This page is already connected.",
                ),
            },
            Ok(ClientMessage::Pong) => entry.missed = 0,
            Ok(ClientMessage::Ping) => self.send(socket, &ServerMessage::Pong),
            Ok(ClientMessage::Ignored { .. }) => {}
            Ok(message) => match session {
                // An extension that was not granted is ignored.
                Some(session) if !self.grants(session, message.feature()) => {}
                Some(session) => self.session_message(socket, session, message, now),
                None => self.refuse(socket, "connection", None, "Send `connection` first."),
            },
        }
    }

    fn bad_frame(&mut self, socket: SocketId, error: &DecodeError) {
        if error.closes_socket() {
            return self.close(socket, MESSAGE_TOO_BIG, &error.to_string());
        }
        let session = self.sockets.get(&socket).and_then(|entry| entry.session);
        // No promise of the page waits for ever.
        if let (Some(session), Some(status)) = (session, SipMessageStatus::malformed(error))
            && self.grants(session, Some(Feature::SipMessage))
        {
            return self.tell(session, ServerMessage::SipMessageStatus(status));
        }
        let message = match (&error.message, &error.call_id) {
            // A call that the page shows must not stay PENDING (K1).
            (Some(name), Some(call_id)) if name == "call" && self.is_new(socket, call_id) => {
                ServerMessage::Finish(failed(call_id, error.to_string()))
            }
            _ => ServerMessage::Fail(Fail::malformed(error)),
        };
        self.send(socket, &message);
    }

    /// A session is there, and no call of it has this `callId`.
    fn is_new(&self, socket: SocketId, call_id: &str) -> bool {
        let session = self.sockets.get(&socket).and_then(|socket| socket.session);
        session.is_some_and(|session| self.call_of(session, call_id).is_none())
    }

    /// The session has this extension, or none is needed.
    fn grants(&self, session: SessionId, feature: Option<Feature>) -> bool {
        let session = self.sessions.get(&session);
        feature.is_none_or(|feature| session.is_some_and(|session| session.has(feature)))
    }

    /// `fail`: the page sees a warning; nothing else changes.
    fn refuse(&mut self, socket: SocketId, method: &str, id: Option<String>, info: &str) {
        let fail = Fail {
            id,
            ..Fail::new(method, info)
        };
        self.send(socket, &ServerMessage::Fail(fail));
    }

    fn session_message(
        &mut self,
        socket: SocketId,
        session: SessionId,
        message: ClientMessage,
        now: Instant,
    ) {
        match message {
            ClientMessage::Call(request) => self.call(socket, session, *request, now),
            ClientMessage::Answer(answer) => self.answer(socket, session, *answer, now),
            ClientMessage::Hangup { call_id, scope } => {
                let this_tab = scope == Some(HangupScope::ThisTab);
                match self.call_of(session, &call_id) {
                    Some((call, leg)) => {
                        self.step_call(call, CallInput::PageHangup { leg, this_tab }, now);
                    }
                    // R11: every `hangup` is answered.
                    None => {
                        let mut info = failed(&call_id, "There is no such call any more.".into());
                        info.status = CallStatus::Finish;
                        self.send(socket, &ServerMessage::Finish(info));
                    }
                }
            }
            ClientMessage::Hold {
                call_id,
                hold_for_transfer,
            } => {
                let wish = Wish {
                    hold: true,
                    for_transfer: hold_for_transfer,
                };
                let input = |leg| CallInput::PageHolds { leg, wish };
                self.ask_call(socket, session, ("hold", call_id), input, now);
            }
            ClientMessage::Unhold { call_id } => {
                let wish = Wish {
                    hold: false,
                    for_transfer: false,
                };
                let input = |leg| CallInput::PageHolds { leg, wish };
                self.ask_call(socket, session, ("unhold", call_id), input, now);
            }
            ClientMessage::SendDtmf {
                call_id,
                kind,
                dtmf,
            } => {
                let input = |leg| CallInput::PageDigits {
                    leg,
                    kind,
                    digits: dtmf,
                };
                self.ask_call(socket, session, ("sendDtmf", call_id), input, now);
            }
            ClientMessage::SipMessage(message) => self.send_message(session, *message, now),
            ClientMessage::Explain { call_id } => self.explain(socket, session, call_id),
            ClientMessage::Transfer { call_id, .. } => {
                let text = "Transfer is not available on this server yet; the call goes on.";
                self.refuse(socket, "transfer", Some(call_id), text);
            }
            ClientMessage::SendData { operation_id, .. } => {
                let status = DataStatus::Accepted;
                self.send(
                    socket,
                    &ServerMessage::DataStatusEvent {
                        operation_id,
                        status,
                    },
                );
            }
            ClientMessage::Stream {
                media_session_id, ..
            } => {
                self.send(
                    socket,
                    &ServerMessage::Fail(Fail::no_streams(media_session_id)),
                );
            }
            ClientMessage::Connection(_)
            | ClientMessage::Ping
            | ClientMessage::Pong
            | ClientMessage::Ignored { .. } => {}
        }
    }
}
