//! `holdState`, our extension: which side holds a call. `hold` and `talk` say only that one does.

use serde::{Deserialize, Serialize};

/// `data[0]` of `holdState`. It precedes the `hold` or `talk` it belongs to, and comes alone when a
/// second side holds a held call or releases it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldState {
    /// The call.
    pub call_id: String,
    /// The page holds the call.
    pub local: bool,
    /// The other side holds the call.
    pub remote: bool,
}
