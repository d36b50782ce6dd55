//! The browser legs of a call: what each page has been told.

use signaling::{CallInfo, CallStatus, ServerMessage};
use sip::Cause;

use super::{Call, Effect};
use crate::cause;
use crate::ids::{LegId, SessionId};

/// One page's part in a call.
#[derive(Debug)]
pub(super) struct BrowserLeg {
    pub(super) session: SessionId,
    pub(super) wire_id: String,
    /// The last status told; `None` until the page knows of the call.
    pub(super) told: Option<CallStatus>,
    /// Media has been told to open it.
    pub(super) opened: bool,
    /// The page has our SDP, which it gets once per peer connection (R7).
    pub(super) sdp_sent: bool,
    /// ICE and DTLS are up.
    pub(super) connected: bool,
    /// Who holds the call, the page and the SIP side, as the page was told last.
    pub(super) told_holders: (bool, bool),
}

impl BrowserLeg {
    pub(super) fn new(session: SessionId, wire_id: String) -> Self {
        Self {
            session,
            wire_id,
            told: None,
            opened: false,
            sdp_sent: false,
            connected: false,
            told_holders: (false, false),
        }
    }
}

impl Call {
    /// Tells a leg's page a status, once per change.
    pub(super) fn tell(
        &mut self,
        leg: LegId,
        status: CallStatus,
        sip_status: Option<u16>,
        out: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if entry.told == Some(status) {
            return;
        }
        entry.told = Some(status);
        let session = entry.session;
        let Some(entry) = self.legs.get(&leg) else {
            return;
        };
        let info = self.info(entry, status).sip_status(sip_status);
        let message = match status {
            CallStatus::Established => ServerMessage::Talk(info),
            CallStatus::Trying => ServerMessage::NotifyTryingResponse(info),
            _ => ServerMessage::Ring(info),
        };
        out.push(Effect::Page { session, message });
    }

    /// Our SDP to the page, once per peer connection (R7).
    pub(super) fn send_sdp(&mut self, leg: LegId, sdp: String, out: &mut Vec<Effect>) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if entry.sdp_sent {
            return;
        }
        entry.sdp_sent = true;
        let message = ServerMessage::SetRemoteSdp {
            call_id: entry.wire_id.clone(),
            sdp,
        };
        out.push(Effect::Page {
            session: entry.session,
            message,
        });
    }

    pub(super) fn info(&self, leg: &BrowserLeg, status: CallStatus) -> CallInfo {
        let mut info = CallInfo::new(
            &leg.wire_id,
            self.incoming,
            status,
            &self.caller,
            &self.callee,
        );
        info.visible_name.clone_from(&self.visible_name);
        info.has_audio = self.has_audio;
        info.has_video = self.has_video;
        info
    }
}

/// Adds the cause and the SIP status to what a page is told of a call.
pub(super) trait Because {
    fn because(self, cause: &Cause) -> Self;
    fn sip_status(self, code: Option<u16>) -> Self;
}

impl Because for CallInfo {
    fn because(mut self, cause: &Cause) -> Self {
        self.info = Some(cause.text.clone());
        self.cause = Some(cause::to_wire(cause));
        self
    }

    fn sip_status(mut self, code: Option<u16>) -> Self {
        self.sip_status = code;
        self
    }
}
