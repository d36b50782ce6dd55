//! Calls as pages ask for them: `call`, `answer`, `hangup` and what a live call can do.

use std::time::Instant;

use rand::RngExt;
use sdp::Description;
use signaling::{AnswerRequest, CallInfo, CallRequest, CallStatus, ServerMessage};

use crate::call::{Call, CallInput, Effect, Order};
use crate::cause;
use crate::hub::Hub;
use crate::ids::{CallId, LegId, SessionId, SocketId};
use crate::record::What;

impl Hub {
    /// `call`: TRYING at once (R4), then either an INVITE or `finish{FAILED}` with the reason.
    pub(super) fn call(
        &mut self,
        socket: SocketId,
        session: SessionId,
        request: CallRequest,
        now: Instant,
    ) {
        if self.call_of(session, &request.call_id).is_some() {
            let text = "A call with this callId is already there.";
            return self.refuse(socket, "call", Some(request.call_id), text);
        }
        match self.order(session, &request) {
            Err(text) => {
                let cause = cause::input(text.clone());
                let mut info = failed(&request.call_id, text);
                info.caller = request.caller.unwrap_or_default();
                info.callee = request.callee;
                info.cause = Some(cause::to_wire(&cause));
                let started = What::Started {
                    incoming: false,
                    caller: info.caller.clone(),
                    callee: info.callee.clone(),
                };
                self.record_refused(started, vec![session], None, cause);
                self.tell(session, ServerMessage::Finish(info));
            }
            Ok((offer, order)) => {
                let (id, leg) = (CallId(self.new_id()), self.new_leg());
                let origin_id = self.new_origin_id();
                let call = Call::outgoing(id, origin_id, (leg, session), &request, offer, order);
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.calls.insert(request.call_id.clone(), (id, leg));
                }
                self.adopt(call, None, now);
                let mut effects: Vec<Effect> = Vec::new();
                if let Some(call) = self.calls.get_mut(&id) {
                    call.start_outgoing(&mut effects);
                }
                self.perform(id, effects, now);
            }
        }
    }

    /// Parses what a `call` asks for; the error is a sentence for the page.
    fn order(
        &self,
        session: SessionId,
        request: &CallRequest,
    ) -> Result<(Description, Order), String> {
        let session = self
            .sessions
            .get(&session)
            .ok_or("The session has ended.")?;
        let account = session.account.clone().ok_or(
            "This page connected without a SIP login: reconnect with sipLogin and sipDomain to call.",
        )?;
        let callee =
            sip::callee_uri(&request.callee, &account.domain).map_err(|error| error.to_string())?;
        sdp::check_session_lines(&request.sip_sdp).map_err(|error| error.to_string())?;
        let offer = Description::parse(&request.sdp)
            .map_err(|error| format!("The page's SDP cannot be used: {error}."))?;
        let display = request
            .visible_name
            .clone()
            .or_else(|| session.visible_name.clone());
        Ok((
            offer,
            Order {
                account,
                callee,
                display,
                headers: request.sip_headers.clone().into_pairs(),
            },
        ))
    }

    pub(super) fn answer(
        &mut self,
        socket: SocketId,
        session: SessionId,
        answer: AnswerRequest,
        now: Instant,
    ) {
        let Some((call, leg)) = self.call_of(session, &answer.call_id) else {
            return self.no_such_call(socket, "answer", answer.call_id);
        };
        if let Err(error) = sdp::check_session_lines(&answer.sip_sdp) {
            return self.refuse(socket, "answer", Some(answer.call_id), &error.to_string());
        }
        let input = CallInput::PageAnswer {
            leg,
            sdp: answer.sdp,
            session_lines: answer.sip_sdp,
            headers: answer.sip_headers.into_pairs(),
        };
        self.step_call(call, input, now);
    }

    /// What the page asks of a live call of its own.
    pub(super) fn ask_call(
        &mut self,
        socket: SocketId,
        session: SessionId,
        (method, call_id): (&str, String),
        input: impl FnOnce(LegId) -> CallInput,
        now: Instant,
    ) {
        match self.call_of(session, &call_id) {
            Some((call, leg)) => self.step_call(call, input(leg), now),
            None => self.no_such_call(socket, method, call_id),
        }
    }

    /// `explain`: what the call negotiated, and its SIP messages; also of a call that has just ended.
    pub(super) fn explain(&mut self, socket: SocketId, session: SessionId, call_id: String) {
        let call = self.call_of(session, &call_id);
        let explained =
            call.and_then(|(call, leg)| Some((call, self.calls.get(&call)?.explain(leg)?)));
        let explanation = match explained {
            Some((call, mut explanation)) => {
                explanation.sip_call_id = self.sip_call_id(call);
                (explanation.ladder, explanation.ladder_omitted) = self.ladders.read(call);
                explanation.fit();
                explanation
            }
            None => match self.explanation_of_ended(session, &call_id) {
                Some(explanation) => explanation,
                None => return self.no_such_call(socket, "explain", call_id),
            },
        };
        self.send(socket, &ServerMessage::Explain(Box::new(explanation)));
    }

    pub(super) fn call_of(&self, session: SessionId, call_id: &str) -> Option<(CallId, LegId)> {
        self.sessions.get(&session)?.calls.get(call_id).copied()
    }

    fn no_such_call(&mut self, socket: SocketId, method: &str, call_id: String) {
        self.refuse(
            socket,
            method,
            Some(call_id),
            "There is no such call any more.",
        );
    }

    pub(crate) fn new_origin_id(&mut self) -> u64 {
        // RFC 8866 §5.2; 62 bits, so that every reader's integer takes it.
        self.rng.random::<u64>() >> 2
    }
}

/// `finish{FAILED}` for a call that never came to be.
pub(super) fn failed(call_id: &str, text: String) -> CallInfo {
    let mut info = CallInfo::new(call_id, false, CallStatus::Failed, "", "");
    info.info = Some(text);
    info
}
