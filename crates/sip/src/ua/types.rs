//! What goes in and out of the user agent, and what it is configured with.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;

use crate::cause::Cause;
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

/// Settings of a user agent.
#[derive(Clone, Debug)]
pub struct UaConfig {
    /// Addresses for Contact and Via as the peers shall see them, at least one per transport and address family in use.
    pub contacts: Vec<(Transport, SocketAddr)>,
    /// User-Agent and Server header.
    pub user_agent: String,
    /// Base values of the transaction timers.
    pub timers: Timers,
    /// How long a call may ring, counted from its INVITE.
    pub no_answer_timeout: Duration,
    /// Which addresses may be called.
    pub targets: TargetPolicy,
    /// Sources that are answered though no registration names them (setting `sip_targets`).
    pub trusted: Vec<IpNet>,
    /// Status `end` declines a ringing incoming call with (setting `sip_decline_code`).
    pub decline_code: u16,
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

/// What happened. Every call ends with exactly one `Refused` or `Ended`, its last event.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The registrar granted the binding, first or again.
    Registered {
        /// Which registration.
        id: RegistrationId,
        /// How long it holds.
        expires: Duration,
    },
    /// The registrar refused or did not answer. Without `will_retry` the registration is gone.
    RegistrationFailed {
        /// Which registration.
        id: RegistrationId,
        /// Why.
        cause: Cause,
        /// A further try is scheduled.
        will_retry: bool,
    },
    /// Un-REGISTER is done or given up: the registration is gone.
    Unregistered {
        /// Which registration.
        id: RegistrationId,
    },
    /// The way of a call begun with [`crate::Ua::prepare`] is known: it waits for [`crate::Ua::offer`].
    Located {
        /// Which call.
        id: InviteId,
        /// Where its INVITE will go first: its address family is that of the media.
        hop: Hop,
    },
    /// Somebody has taken the INVITE (100).
    Trying {
        /// Which call.
        id: InviteId,
    },
    /// A provisional answer above 100.
    Progress {
        /// Which call.
        id: InviteId,
        /// 101..=199
        status: u16,
        /// Which early dialog; empty for a peer that gives none.
        remote_tag: String,
        /// Early media description, if any.
        sdp: Option<Bytes>,
        /// The hop its SIP came from: media may come from that address, too (symmetric RTP).
        from: Hop,
    },
    /// 2xx received; the ACK is on its way.
    Answered {
        /// Which call.
        id: InviteId,
        /// Which dialog.
        remote_tag: String,
        /// SDP answer, if the 2xx has one (else that of the same tag's 18x holds).
        sdp: Option<Bytes>,
        /// Who answered.
        remote: RemoteIdentity,
        /// The hop its SIP came from: media may come from that address, too (symmetric RTP).
        from: Hop,
    },
    /// An outgoing call failed: last event.
    Refused {
        /// Which call.
        id: InviteId,
        /// Why.
        cause: Cause,
    },
    /// A call for a live registration, or from a listed source for somebody unknown; 100 is sent.
    Incoming {
        /// The new call.
        id: InviteId,
        /// Whom it is for; `None`: nobody who is registered.
        registration: Option<RegistrationId>,
        /// User part of From.
        caller: String,
        /// Display name of From.
        display: Option<String>,
        /// User part of To.
        callee: String,
        /// SDP offer; `None`: a late offer, we shall make one in the 200.
        offer: Option<Bytes>,
        /// The far User-Agent.
        user_agent: Option<String>,
        /// The hop its SIP came from: media may come from that address, too (symmetric RTP).
        from: Hop,
    },
    /// The ACK of our 200 is here.
    Confirmed {
        /// Which call.
        id: InviteId,
        /// SDP answer to a late offer.
        sdp: Option<Bytes>,
    },
    /// The call is over: last event.
    Ended {
        /// Which call.
        id: InviteId,
        /// Why.
        cause: Cause,
    },
}

/// Who is at the other end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteIdentity {
    /// User part of the address; empty when it has none.
    pub user: String,
    /// Display name.
    pub display: Option<String>,
    /// The whole address.
    pub uri: String,
    /// User-Agent or Server header.
    pub user_agent: Option<String>,
}

/// How much a user agent holds. All zero when nothing is going on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls, established or not, including those whose last messages are still awaited.
    pub dialogs: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// Server transactions.
    pub server_transactions: usize,
    /// Registrations.
    pub registrations: usize,
    /// Running timers.
    pub timers: usize,
}
