//! `registrationState`, our extension: every change of the SIP registration, failures included.

use serde::{Deserialize, Serialize};

/// `data[0]` of `registrationState`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationReport {
    /// The state that holds from now on.
    pub state: RegistrationStatus,
    /// Status code of the answer to REGISTER, where there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sip_status: Option<u16>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub info: Option<String>,
    /// Time until the next attempt, in milliseconds. Present in RETRYING alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_in_ms: Option<u64>,
}

impl RegistrationReport {
    /// A state with nothing to add.
    pub fn new(state: RegistrationStatus) -> Self {
        Self {
            state,
            sip_status: None,
            info: None,
            retry_in_ms: None,
        }
    }
}

/// State of a SIP registration as a page knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RegistrationStatus {
    /// REGISTER is on its way.
    Registering,
    /// The SIP server accepted it: the page can be called.
    Registered,
    /// An attempt failed; there will be another one.
    Retrying,
    /// An attempt failed and there will be none until the page connects anew with SIP data.
    Failed,
    /// The registration has been withdrawn.
    Unregistered,
}
