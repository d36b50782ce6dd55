//! `notifyTransferEvent`: how a transfer goes.
//!
//! Any of them parks the call's peer connection in the published client, and only COMPLETED
//! unparks it; a call the page no longer has makes it throw.

use serde::{Deserialize, Serialize};

use crate::Cause;

/// `data[0]` of `notifyTransferEvent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferEvent {
    /// The call that is transferred.
    pub call_id: String,
    /// Whether the other side transfers us.
    pub incoming: bool,
    /// How far it is.
    pub status: TransferStatus,
    /// Where to, where the page asked for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
    /// Our extension: why it failed. Only for pages that asked for [`crate::Feature::Cause`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
}

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TransferStatus {
    /// Asked for.
    Pending,
    /// Done: the transferred call is over for this page.
    Completed,
    /// Refused: the call goes on.
    Failed,
}
