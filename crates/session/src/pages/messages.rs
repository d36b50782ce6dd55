//! Text messages and mailboxes: MESSAGE both ways (RFC 3428), and the state of a mailbox (RFC 3842).

use std::time::Instant;

use bytes::Bytes;
use signaling::{
    Feature, IncomingMessage, MessageRequest, MessageWaiting, ServerMessage, SipMessageStatus,
};
use sip::{Cause, Event, MessageId, RegistrationId, RemoteIdentity, RequestId, Uri};

use crate::cause;
use crate::hub::Hub;
use crate::ids::SessionId;

impl Hub {
    /// `sipMessage` of a page: a MESSAGE, or the reason why there is none.
    pub(super) fn send_message(
        &mut self,
        session: SessionId,
        message: MessageRequest,
        now: Instant,
    ) {
        let account = self.sessions.get(&session).and_then(|s| s.account.clone());
        let sendable = account
            .ok_or_else(|| {
                "This page connected without a SIP login, so it cannot send messages.".to_owned()
            })
            .and_then(|account| {
                let to = sip::callee_uri(&message.to, &account.domain);
                Ok((to.map_err(|error| error.to_string())?, account))
            });
        match sendable {
            Err(text) => {
                let cause = cause::to_wire(&cause::input(text));
                let status = SipMessageStatus::failed(message.operation_id, cause);
                self.tell(session, ServerMessage::SipMessageStatus(status));
            }
            Ok((to, account)) => {
                let body = Bytes::from(message.body);
                let id = self
                    .ua
                    .message(account, to, &message.content_type, body, now);
                self.messages.insert(id, (session, message.operation_id));
            }
        }
    }

    /// What became of a MESSAGE of ours.
    pub(crate) fn message_sent(&mut self, id: MessageId, result: Result<(), Cause>) {
        let Some((session, operation_id)) = self.messages.remove(&id) else {
            return;
        };
        let status = match result {
            Ok(()) => SipMessageStatus::accepted(operation_id, 200),
            Err(cause) => SipMessageStatus::failed(operation_id, cause::to_wire(&cause)),
        };
        self.tell(session, ServerMessage::SipMessageStatus(status));
    }

    /// A MESSAGE of somebody: 200 if a page got it, else 480.
    pub(crate) fn message_received(&mut self, event: Event, now: Instant) {
        let Event::Message {
            request,
            call,
            registration,
            from,
            to,
            content_type,
            body,
        } = event
        else {
            return;
        };
        let body = String::from_utf8_lossy(&body).into_owned();
        let receivers: Vec<(SessionId, Option<String>)> = match call {
            Some(invite) => {
                let call = self.call_of_invite(invite);
                let page = call.and_then(|call| self.calls.get(&call)?.live_page());
                page.map(|(session, id)| (session, Some(id.to_owned())))
                    .into_iter()
                    .collect()
            }
            None => {
                let sessions = self.sessions_of(registration);
                sessions
                    .into_iter()
                    .map(|session| (session, None))
                    .collect()
            }
        };
        let mut reached = false;
        for (session, call_id) in receivers {
            if !self.reaches(session, Feature::SipMessage) {
                continue;
            }
            reached = true;
            let from_text = self.sender(session, &from);
            let message = IncomingMessage {
                visible_name: from.display.clone().unwrap_or_else(|| from_text.clone()),
                from: from_text,
                to: to.clone(),
                content_type: content_type.clone(),
                body: body.clone(),
                call_id,
            };
            self.tell(session, ServerMessage::SipMessage(Box::new(message)));
        }
        let status = if reached { 200 } else { 480 };
        self.ua.respond(request, status, &[], Bytes::new(), now);
    }

    /// The sender as the page knows its peers: `user`, or `user@host` of another domain. A port says nothing here: From may
    /// have none (RFC 3261 §19.1.1, table 1).
    fn sender(&self, session: SessionId, from: &RemoteIdentity) -> String {
        let Some(uri) = Uri::parse(&from.uri).ok().filter(Uri::is_sip) else {
            // A number (`tel`), or what we cannot read.
            let number = Some(&from.user).filter(|user| !user.is_empty());
            return number.unwrap_or(&from.uri).clone();
        };
        let account = self.sessions.get(&session).and_then(|s| s.account.as_ref());
        let host = uri.host.to_string();
        let bare = |host: &str| host.trim_matches(['[', ']']).to_ascii_lowercase();
        let own = account.is_some_and(|account| bare(&account.domain) == bare(&host));
        match uri.user {
            Some(user) if own => user,
            Some(user) => format!("{user}@{host}"),
            None => host,
        }
    }

    /// The state of an account's mailbox: to its pages, and kept for those that come later.
    pub(crate) fn mailbox_changed(
        &mut self,
        request: RequestId,
        id: RegistrationId,
        body: &[u8],
        now: Instant,
    ) {
        let summary = std::str::from_utf8(body).ok().and_then(read_summary);
        let status = if summary.is_some() { 200 } else { 400 };
        self.ua.respond(request, status, &[], Bytes::new(), now);
        let (Some(summary), Some(registration)) = (summary, self.registrations.get_mut(&id)) else {
            return;
        };
        registration.mailbox = Some(summary.clone());
        for session in registration.sessions.clone() {
            self.tell(session, ServerMessage::MessageWaiting(summary.clone()));
        }
    }

    fn sessions_of(&self, registration: Option<RegistrationId>) -> Vec<SessionId> {
        let registration = registration.and_then(|id| self.registrations.get(&id));
        let sessions = registration.map(|registration| registration.sessions.iter().copied());
        sessions.into_iter().flatten().collect()
    }

    /// A page of this session is there and knows this extension.
    fn reaches(&self, session: SessionId, feature: Feature) -> bool {
        let session = self.sessions.get(&session);
        session.is_some_and(|session| session.socket.is_some() && session.has(feature))
    }
}

/// `application/simple-message-summary` (RFC 3842 §5.2). `None` without its `Messages-Waiting` line.
fn read_summary(text: &str) -> Option<MessageWaiting> {
    let mut summary = MessageWaiting::default();
    let mut known = false;
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "messages-waiting" => {
                known = true;
                summary.waiting = value.eq_ignore_ascii_case("yes");
            }
            "message-account" => summary.account = Some(value.to_owned()),
            "voice-message" => {
                // `new/old` or `new/old (urgent new/urgent old)`.
                let (all, urgent) = value.split_once('(').unwrap_or((value, ""));
                (summary.new, summary.old) = counts(all);
                (summary.urgent_new, summary.urgent_old) = counts(urgent.trim_end_matches(')'));
            }
            _ => {}
        }
    }
    known.then_some(summary)
}

fn counts(text: &str) -> (Option<u32>, Option<u32>) {
    let (new, old) = text.split_once('/').unwrap_or((text, ""));
    (new.trim().parse().ok(), old.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_read_with_and_without_counts() {
        let text = "Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\nVoice-Message: 2/8 (0/2)\r\n";
        let summary = read_summary(text).unwrap();
        assert!(summary.waiting);
        assert_eq!((summary.new, summary.old), (Some(2), Some(8)));
        assert_eq!((summary.urgent_new, summary.urgent_old), (Some(0), Some(2)));
        assert_eq!(
            summary.account.as_deref(),
            Some("sip:alice@vmail.example.com")
        );
        let bare = read_summary("messages-waiting: no\n").unwrap();
        assert_eq!((bare.waiting, bare.new), (false, None));
        assert!(read_summary("Voice-Message: 2/8").is_none());
    }
}
