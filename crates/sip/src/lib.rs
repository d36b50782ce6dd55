//! sip
#![forbid(unsafe_code)]
pub mod cause;
mod transaction;
pub use cause::{Cause, Side, Stage};
pub use transaction::timer::Timers;
