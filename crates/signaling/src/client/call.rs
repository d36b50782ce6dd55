//! `call` and `answer`, and the small vocabularies of `hangup` and `sendDtmf`.

use serde_json::Value;

use super::{Fields, SipHeaders, sip_sdp};
use crate::DecodeError;

/// `data[0]` of `call`: an outgoing call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CallRequest {
    /// The page's id for the call, a UUID from the SDK: 1 to 64 of `A-Z a-z 0-9 . _ : -`.
    pub call_id: String,
    /// `hasAudio`; the SDP is what counts.
    pub has_audio: bool,
    /// `hasVideo`; the SDP is what counts.
    pub has_video: bool,
    /// The browser's offer, never empty. No candidates in it: the SDK does not wait for them.
    pub sdp: String,
    /// `sipSDP`: lines for the session part of the SDP in INVITE, each `a=` or `b=`, checked.
    pub sip_sdp: Vec<String>,
    /// `caller`: the page's own login, empty from click-to-call.
    pub caller: Option<String>,
    /// Whom to call, as typed, never empty.
    pub callee: String,
    /// Display name to show to the other side.
    pub visible_name: Option<String>,
    /// Whatever the page attached.
    pub custom: Option<Value>,
    /// Our extension: extra headers for INVITE.
    pub sip_headers: SipHeaders,
}

/// `data[0]` of `answer`: the user took an incoming call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AnswerRequest {
    /// The call, by the id we gave it.
    pub call_id: String,
    /// `hasAudio`; always true from the SDK, the SDP is what counts.
    pub has_audio: bool,
    /// `hasVideo`; always true from the SDK, the SDP is what counts.
    pub has_video: bool,
    /// The browser's answer to our offer, never empty.
    pub sdp: String,
    /// `sipSDP`: lines for the session part of the SDP in the 200, each `a=` or `b=`, checked.
    pub sip_sdp: Vec<String>,
    /// `callee`: the page's own login.
    pub callee: Option<String>,
    /// Whatever the page attached.
    pub custom: Option<Value>,
    /// Our extension: extra headers for the 200.
    pub sip_headers: SipHeaders,
}

impl CallRequest {
    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            call_id: fields.call_id()?,
            has_audio: fields.flag("hasAudio")?.unwrap_or(false),
            has_video: fields.flag("hasVideo")?.unwrap_or(false),
            sdp: fields.sdp()?,
            sip_sdp: sip_sdp::read(fields)?,
            caller: fields.line("caller")?,
            callee: fields.required_line("callee")?,
            visible_name: fields.line("visibleName")?,
            custom: fields.value("custom"),
            sip_headers: SipHeaders::read(fields)?,
        })
    }
}

impl AnswerRequest {
    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            call_id: fields.call_id()?,
            has_audio: fields.flag("hasAudio")?.unwrap_or(false),
            has_video: fields.flag("hasVideo")?.unwrap_or(false),
            sdp: fields.sdp()?,
            sip_sdp: sip_sdp::read(fields)?,
            callee: fields.line("callee")?,
            custom: fields.value("custom"),
            sip_headers: SipHeaders::read(fields)?,
        })
    }
}

/// `type` of `sendDtmf`: how digits travel on the SIP side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum DtmfKind {
    /// "RFC2833": telephone-event in RTP (RFC 4733). The default.
    #[default]
    Rfc2833,
    /// "INFO": SIP INFO with `application/dtmf`.
    Info,
    /// "INFO_RELAY": SIP INFO with `application/dtmf-relay`.
    InfoRelay,
}

impl DtmfKind {
    const NAMES: [(&'static str, Self); 3] = [
        ("RFC2833", Self::Rfc2833),
        ("INFO", Self::Info),
        ("INFO_RELAY", Self::InfoRelay),
    ];

    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, DecodeError> {
        Ok(fields.one_of("type", &Self::NAMES)?.unwrap_or_default())
    }
}

/// `scope` of `hangup`, our extension: whose ringing ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HangupScope {
    /// "thisTab": stop ringing here, let the account's other pages ring on.
    ThisTab,
    /// "account": decline for the whole account, as without `scope`.
    Account,
}

impl HangupScope {
    const NAMES: [(&'static str, Self); 2] =
        [("thisTab", Self::ThisTab), ("account", Self::Account)];

    pub(crate) fn read(fields: &Fields<'_>) -> Result<Option<Self>, DecodeError> {
        fields.one_of("scope", &Self::NAMES)
    }
}
