//! What goes in and out of the user agent, and what it is configured with.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;

use super::events::Event;
use crate::digest::same_password;
use crate::resolve::{Hop, IpNet, ResolveError, Target, TargetPolicy, Transport};
use crate::transaction::timer::Timers;
use crate::{Error, SipUser, Uri};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
id! {
    /// One registration of one account.
    RegistrationId
}
id! {
    /// One call, incoming or outgoing, from its INVITE to its end.
    InviteId
}
id! {
    /// One look-up of a name.
    ResolveId
}
id! {
    /// One request of a peer that waits for [`crate::Ua::respond`].
    RequestId
}
id! {
    /// One MESSAGE of ours outside every dialog.
    MessageId
}

/// Settings of a user agent.
#[derive(Clone, Debug)]
pub struct UaConfig {
    /// Addresses for Contact and Via as the peers shall see them, at least one per transport and address family in use.
    pub contacts: Vec<(Transport, SocketAddr)>,
    /// User-Agent and Server header.
    pub user_agent: String,
    /// Base values of the transaction timers.
    pub timers: Timers,
    /// How long a call may ring, counted from the first 101-199.
    pub no_answer_timeout: Duration,
    /// How long a call may take to its first 101-199, counted from its INVITE (setting `sip_trying_timeout`).
    pub trying_timeout: Duration,
    /// Session interval that is asked for (RFC 4028, setting `session_expires`); zero asks for none.
    pub session_expires: Duration,
    /// Shortest session interval that is accepted (RFC 4028, setting `min_se`), at least 90 s.
    pub min_se: Duration,
    /// Whether a 407 of a learned realm is answered although a 101-199 came before it (setting
    /// `sip_auth_after_progress`).
    pub auth_after_progress: bool,
    /// Which addresses may be called.
    pub targets: TargetPolicy,
    /// Sources that are answered though no registration names them (setting `sip_targets`).
    pub trusted: Vec<IpNet>,
    /// Status `end` declines a ringing incoming call with (setting `sip_decline_code`).
    pub decline_code: u16,
}

/// No address and no trusted source; everything else as the settings have it by default.
impl Default for UaConfig {
    fn default() -> Self {
        Self {
            contacts: Vec::new(),
            user_agent: "Ringdown".to_owned(),
            timers: Timers::default(),
            no_answer_timeout: Duration::from_secs(60),
            trying_timeout: Duration::from_secs(180),
            session_expires: Duration::from_secs(1800),
            min_se: Duration::from_secs(90),
            auth_after_progress: false,
            targets: TargetPolicy::default(),
            trusted: Vec::new(),
            decline_code: 486,
        }
    }
}

/// A SIP account: who we are at which server.
#[derive(Clone, Debug)]
pub struct Account {
    /// User part of our address.
    pub user: SipUser,
    /// Domain of our address, a host without port.
    pub domain: String,
    /// User name in the digest; may hold anything but control characters.
    pub auth_user: String,
    /// Password.
    pub password: SecretString,
    /// Where requests are sent.
    pub next_hop: Target,
    /// Display name.
    pub display: Option<String>,
}

impl Account {
    /// True for the same login at the same server.
    pub(crate) fn is_same_login(&self, other: &Self) -> bool {
        self.user == other.user
            && self.domain == other.domain
            && self.auth_user == other.auth_user
            && self.next_hop == other.next_hop
    }

    /// True for the same login with the same password, which is compared in constant time.
    pub fn is_same(&self, other: &Self) -> bool {
        same_password(&self.password, &other.password) && self.is_same_login(other)
    }
}

/// An outgoing call.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Who calls.
    pub account: Account,
    /// Who is called; see [`crate::Ua::callee_uri`].
    pub callee: Uri,
    /// Display name of the caller for this call; `None`: the account's.
    pub caller_display: Option<String>,
    /// The SDP offer.
    pub offer: Bytes,
    /// Headers of the application's own.
    pub extra_headers: Vec<(String, String)>,
}

/// All that can move a user agent, besides time and the calls of its methods.
#[derive(Clone, Debug)]
pub enum Input {
    /// One datagram, or one framed message of a stream.
    Received {
        /// Whom it came from.
        from: Hop,
        /// Our address it came to.
        local: SocketAddr,
        /// The message.
        bytes: Bytes,
    },
    /// A message on a stream whose end cannot be found. A request deserves an answer (RFC 3261
    /// §18.3), and the connection closes after it.
    Unframed {
        /// Whom it came from.
        from: Hop,
        /// What is wrong with it.
        error: Error,
    },
    /// Answer to [`Output::Resolve`]: hops in order of preference.
    Resolved {
        /// Whose answer.
        id: ResolveId,
        /// Hops, or why there are none.
        result: Result<Vec<Hop>, ResolveError>,
    },
    /// A `Send` to this hop failed: no connection, no route, port unreachable.
    SendFailed {
        /// Which hop.
        hop: Hop,
        /// In words.
        error: String,
    },
    /// The connection with this hop is gone, whoever made it. What was sent over it may not have arrived.
    Closed {
        /// Which hop.
        hop: Hop,
        /// Why, in words.
        error: String,
    },
}

/// What the user agent wants done, in order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Look up a name (RFC 3263: NAPTR, SRV, A, AAAA) and answer with [`Input::Resolved`].
    Resolve {
        /// For the answer.
        id: ResolveId,
        /// What to look up.
        target: Target,
    },
    /// Send these bytes; a stream is connected when there is none.
    Send {
        /// Where.
        hop: Hop,
        /// What.
        bytes: Bytes,
    },
    /// Tell the owner of the call or registration.
    Event(Event),
}

/// How much a user agent holds. All zero when nothing is going on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls, established or not, including those whose last messages are still awaited or whose dialogs are still
    /// answered with 481.
    pub dialogs: usize,
    /// MESSAGE requests of ours outside dialogs that have no final response yet.
    pub messages: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// Server transactions.
    pub server_transactions: usize,
    /// Registrations.
    pub registrations: usize,
    /// Running timers.
    pub timers: usize,
}
