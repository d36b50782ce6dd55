//! Settings: the keys of `flashphoner.properties`, read into typed values.
//!
//! Every key stands once, in one table: name, default, what is allowed, what it does, how it is
//! read. `docs/config.md` is written from that table ([`docs`]).
//!
//! A key that is not in the table is reported with the nearest name that is; a key of the described
//! product that has no effect here (yet) is reported as such; a wrong value is refused with key,
//! value, line and what is allowed. An empty value means the default.
#![forbid(unsafe_code)]

mod docs;
mod file;
mod parse;
mod report;
mod settings;
mod table;
mod value;

pub use docs::docs;
pub use report::{Error, Report, ReportKind, Source};
pub use settings::{BusyStatus, Config, SipTarget, SipTransport, SymmetricRtp};
