//! SIP without sockets or clocks (RFC 3261): messages, URIs, digest, transactions, dialogs, a user agent.
//!
//! The lower half knows bytes: [`parse`] and [`Message`], [`Headers`] and [`header`], [`Uri`], [`StreamFramer`],
//! [`digest`]. The upper half knows time.
#![forbid(unsafe_code)]
pub mod digest;
mod error;
mod framing;
pub mod header;
mod lex;
pub mod message;
pub mod uri;
pub use error::{Error, ErrorKind, FieldError, FieldProblem, Reply};
pub use framing::{MAX_MESSAGE, StreamFramer};
pub use header::{Contact, Contacts, FromTo, HeaderName, Params, Route, Via};
pub use message::{Header, Headers, Message, Method, Request, Response, parse};
pub use uri::{Host, Scheme, SipUser, Uri, callee_uri};
pub mod cause;
mod dialog;
#[cfg(feature = "faults")]
pub mod fault;
mod resolve;
mod transaction;
mod ua;
pub use cause::{Cause, Side, Stage};
pub use dialog::Dialog;
pub use resolve::{Hop, IpNet, ResolveError, Target, TargetPolicy, Transport};
pub use transaction::timer::Timers;
pub use ua::{
    Account, Counts, Event, Input, Invite, InviteId, MessageId, Output, RegistrationId,
    RemoteIdentity, RequestId, ResolveId, Ua, UaConfig,
};
