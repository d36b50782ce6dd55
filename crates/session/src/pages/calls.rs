//! Calls as pages ask for them: `call`, `answer`, `hangup` and what a live call can do.

use std::time::Instant;

use rand::RngExt;
use sdp::Description;
use signaling::{AnswerRequest, CallInfo, CallRequest, CallStatus, ServerMessage};

use crate::call::{Call, CallInput, Effect, Order};
use crate::cause;
use crate::hub::Hub;
use crate::ids::{CallId, LegId, SessionId, SocketId};

impl Hub {
    /// `call`: TRYING at once (R4), then either an INVITE or `finish{FAILED}` with the reason.
    pub(super) fn call(&mut self, socket: SocketId, session: SessionId, request: CallRequest, now: Instant) {
        if self.call_of(session, &request.call_id).is_some() {
            let text = "A call with this callId is already there.";
            return self.refuse(socket, "call", Some(request.call_id), text);
        }
        match self.order(session, &request) {
            Err(text) => {
                let mut info = failed(&request.call_id, text.clone());
                info.caller = request.caller.unwrap_or_default();
                info.callee = request.callee;
                info.cause = Some(cause::to_wire(&cause::input(text)));
                self.tell(session, ServerMessage::Finish(info));
            }
            Ok((offer, order)) => {
                let (id, leg) = (CallId(self.new_id()), self.new_leg());
                let origin_id = self.new_origin_id();
                let call = Call::outgoing(id, origin_id, (leg, session), &request, offer, order);
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.calls.insert(request.call_id.clone(), (id, leg));
                }
                self.adopt(call, None);
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
        };
        self.step_call(call, input, now);
    }

    /// `hold` and `unhold` until they work: a sentence, and the true state, which frees the page's
    /// button (R11).
    pub(super) fn not_yet(
        &mut self,
        socket: SocketId,
        session: SessionId,
        method: &str,
        call_id: String,
        now: Instant,
    ) {
        let Some((call, leg)) = self.call_of(session, &call_id) else {
            return self.no_such_call(socket, method, call_id);
        };
        let sentence = "Hold is not available on this server yet; the call goes on.";
        self.refuse(socket, method, Some(call_id), sentence);
        let sentence = sentence.into();
        self.step_call(call, CallInput::PageAsks { leg, sentence }, now);
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
