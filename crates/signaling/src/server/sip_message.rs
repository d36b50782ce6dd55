//! `sipMessage` and `sipMessageStatus`, our extension: a text message of the SIP side, and what
//! became of one of the page's.

use serde::{Deserialize, Serialize};

use super::DataStatus;
use crate::{Cause, DecodeError, Side, Stage};

/// `data[0]` of the server's `sipMessage`: a MESSAGE (RFC 3428) for the account of the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncomingMessage {
    /// Who sent it: number, or SIP user; `user@host` where the host is not the account's own domain.
    pub from: String,
    /// Name of the sender to show; `from` where there is none.
    pub visible_name: String,
    /// Whom it is for, as the account is called.
    pub to: String,
    /// Content type of the body, such as `text/plain`.
    pub content_type: String,
    /// The body, as text. Bytes that are not UTF-8 come as U+FFFD.
    pub body: String,
    /// The call in whose dialog it came, where it came in one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub call_id: Option<String>,
}

/// `data[0]` of `sipMessageStatus`: the one answer to a page's `sipMessage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SipMessageStatus {
    /// The page's id for the message.
    pub operation_id: String,
    /// ACCEPTED after a 2xx, FAILED otherwise.
    pub status: DataStatus,
    /// Status code of the SIP response, where there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sip_status: Option<u16>,
    /// Why it failed, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub info: Option<String>,
    /// Why it failed, in full. Only for pages that asked for [`crate::Feature::Cause`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
}

impl SipMessageStatus {
    /// The SIP side answered 2xx.
    pub fn accepted(operation_id: impl Into<String>, sip_status: u16) -> Self {
        Self {
            operation_id: operation_id.into(),
            status: DataStatus::Accepted,
            sip_status: Some(sip_status),
            info: None,
            cause: None,
        }
    }

    /// The message did not arrive, for the reason `cause`.
    pub fn failed(operation_id: impl Into<String>, cause: Cause) -> Self {
        Self {
            operation_id: operation_id.into(),
            status: DataStatus::Failed,
            sip_status: cause.sip_code,
            info: Some(cause.text.clone()),
            cause: Some(cause),
        }
    }

    /// The answer to a `sipMessage` that cannot be used; `None` if `error` is about another message,
    /// or about one without a readable `operationId`. Such a frame gets [`crate::Fail::malformed`].
    pub fn malformed(error: &DecodeError) -> Option<Self> {
        let about_message = error.message.as_deref() == Some("sipMessage");
        let operation_id = error.operation_id.as_deref().filter(|_| about_message)?;
        let cause = Cause {
            sip_code: None,
            reason: "Malformed message".into(),
            q850: None,
            stage: Stage::Input,
            side: Side::Browser,
            text: error.to_string(),
        };
        Some(Self::failed(operation_id, cause))
    }
}
