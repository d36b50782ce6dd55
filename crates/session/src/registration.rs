//! A registration: one account at one SIP server, and the set of sessions attached to it.
//!
//! Two pages of one account share one REGISTER (RFC 3261 §10); it goes when the last one leaves.
//!
//! ```text
//!   Registering ──200──► Registered ──refresh fails──► Failing ──200──► Registered
//!        └──first REGISTER fails──► gone
//! ```

use std::collections::BTreeSet;
use std::time::Duration;

use signaling::MessageWaiting;
use sip::{Account, Cause};

use crate::ids::SessionId;

/// Where a registration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RegistrationState {
    /// The first REGISTER has no final response yet.
    Registering,
    /// The binding is live.
    Registered,
    /// An attempt failed.
    Failing {
        /// Why.
        cause: Cause,
        /// When the user agent tries again, counted from the failure; `None`: it does not.
        retry_in: Option<Duration>,
    },
}

#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) account: Account,
    pub(crate) state: RegistrationState,
    pub(crate) sessions: BTreeSet<SessionId>,
    /// What the SIP server said last of the account's mailbox, for pages that join later.
    pub(crate) mailbox: Option<MessageWaiting>,
}

impl Registration {
    pub(crate) fn new(account: Account, first: SessionId) -> Self {
        Self {
            account,
            state: RegistrationState::Registering,
            sessions: BTreeSet::from([first]),
            mailbox: None,
        }
    }

    /// Whether `other` is this account, with this password: only then may it share the binding.
    pub(crate) fn is_of(&self, other: &Account) -> bool {
        self.account.is_same(other)
    }
}
