//! `messageWaiting`, our extension: the state of the account's mailbox (RFC 3842).

use serde::{Deserialize, Serialize};

/// `data[0]` of `messageWaiting`. The counts are those of voice messages, the `Voice-Message` line
/// of RFC 3842 §5.2; they are absent where the SIP server sent no such line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageWaiting {
    /// Messages wait: the `Messages-Waiting` line.
    pub waiting: bool,
    /// Messages not heard yet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub new: Option<u32>,
    /// Messages heard and kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old: Option<u32>,
    /// Urgent ones among `new`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub urgent_new: Option<u32>,
    /// Urgent ones among `old`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub urgent_old: Option<u32>,
    /// The mailbox, a URI: the `Message-Account` line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<String>,
}
