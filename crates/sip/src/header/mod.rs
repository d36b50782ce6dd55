//! Header fields: one file per header, each with its clause, its grammar both ways and its tests.
mod authorization;
mod challenge;
mod contact;
mod content_type;
mod cseq;
mod from_to;
mod name;
mod name_addr;
mod params;
mod reason;
mod retry_after;
mod route;
mod tokens;
mod via;

pub use authorization::Authorization;
pub use challenge::Challenge;
pub use contact::{Contact, Contacts};
pub use content_type::ContentType;
pub use cseq::CSeq;
pub use from_to::FromTo;
pub use name::HeaderName;
pub use params::{Param, Params};
pub use reason::Reason;
pub use retry_after::RetryAfter;
pub use route::Route;
pub use via::Via;

pub(crate) use tokens::tokens;
