//! `digit`, our extension: the other side pressed a key.

use serde::{Deserialize, Serialize};

/// `data[0]` of `digit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Digit {
    /// The call.
    pub call_id: String,
    /// The key: one of `0-9`, `A-D`, `*`, `#`.
    pub digit: char,
    /// How it came.
    pub how: DigitHow,
}

/// How a digit came from the SIP side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DigitHow {
    /// SIP INFO, with `application/dtmf-relay` or `application/dtmf`.
    Info,
}
