//! `fail`: a warning in words. The page's session raises WARN; nothing ends by it.

use serde::{Deserialize, Serialize};

use crate::{Cause, DecodeError};

/// `data[0]` of `fail`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fail {
    /// What failed: "RegistrationStatusEvent", "StreamStatusEvent", or the name of the page's
    /// message.
    pub api_method: String,
    /// The call or stream it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// Always "FAILED".
    pub status: String,
    /// Why, in words.
    pub info: String,
    /// Status code of the SIP response behind it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sip_status: Option<u16>,
    /// Our extension: why, in full. Only for pages that asked for [`crate::Feature::Cause`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
}

impl Fail {
    /// `apiMethod` failed, for the reason `info`.
    pub fn new(api_method: impl Into<String>, info: impl Into<String>) -> Self {
        Self {
            api_method: api_method.into(),
            id: None,
            status: "FAILED".into(),
            info: info.into(),
            sip_status: None,
            cause: None,
        }
    }

    /// The SIP registration failed.
    pub fn registration(sip_status: Option<u16>, info: impl Into<String>) -> Self {
        Self {
            sip_status,
            ..Self::new("RegistrationStatusEvent", info)
        }
    }

    /// The answer to a message about a stream, so that a stream page ends cleanly.
    pub fn no_streams(media_session_id: Option<String>) -> Self {
        Self {
            id: media_session_id,
            ..Self::new(
                "StreamStatusEvent",
                "This server connects calls; it has no streams.",
            )
        }
    }

    /// The answer to a frame that could not be used.
    pub fn malformed(error: &DecodeError) -> Self {
        Self {
            id: error.call_id.clone(),
            ..Self::new(
                error.message.as_deref().unwrap_or("message"),
                error.to_string(),
            )
        }
    }
}
