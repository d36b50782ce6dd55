//! The call object of `notifyTryingResponse`, `ring`, `talk`, `hold`, `finish`, `busy` and
//! `notifyIncomingCall`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Cause;

/// State of one call, in the measured order of fields. The 2.0 client reads `callId` and `status`,
/// and of an incoming call also `incoming`, `caller`, `callee`, `visibleName`, `mediaProvider`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallInfo {
    /// The call.
    pub call_id: String,
    /// Whether the page is called.
    pub incoming: bool,
    /// The state.
    pub status: CallStatus,
    /// Who calls.
    pub caller: String,
    /// Who is called.
    pub callee: String,
    /// Name of the caller to show; the number where there is none.
    pub visible_name: String,
    /// Whether the call has audio.
    pub has_audio: bool,
    /// Whether the call has video.
    pub has_video: bool,
    /// Always "WebRTC".
    pub media_provider: String,
    /// Always false.
    pub is_msrp: bool,
    /// Status code of the SIP response behind this state.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sip_status: Option<u16>,
    /// Set in the `hold` that answers `holdForTransfer`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hold_for_transfer: Option<bool>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub info: Option<String>,
    /// What an application attached to the call.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub custom: Option<Value>,
    /// Our extension: why, in full. Only for pages that asked for [`crate::Feature::Cause`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
}

impl CallInfo {
    /// A call with audio and without anything optional; `visibleName` is the caller.
    pub fn new(
        call_id: impl Into<String>,
        incoming: bool,
        status: CallStatus,
        caller: impl Into<String>,
        callee: impl Into<String>,
    ) -> Self {
        let caller = caller.into();
        Self {
            call_id: call_id.into(),
            incoming,
            status,
            visible_name: caller.clone(),
            caller,
            callee: callee.into(),
            has_audio: true,
            has_video: false,
            media_provider: "WebRTC".into(),
            is_msrp: false,
            sip_status: None,
            hold_for_transfer: None,
            info: None,
            custom: None,
            cause: None,
        }
    }
}

/// State of a call as a page knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CallStatus {
    /// Known, not yet ringing.
    New,
    /// 180.
    Ring,
    /// 180 with media; not sent by this server.
    RingMedia,
    /// On hold, by either side.
    Hold,
    /// Answered.
    Established,
    /// Over, ended by either side. Final.
    Finish,
    /// 486 or 600. Final.
    Busy,
    /// 183.
    SessionProgress,
    /// Over, by a failure. Final.
    Failed,
    /// Asked for.
    Pending,
    /// 100.
    Trying,
}

impl CallStatus {
    /// Whether the call is over with this status; exactly one such status is ever sent.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Finish | Self::Failed | Self::Busy)
    }
}
