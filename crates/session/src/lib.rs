//! Sessions, registrations and calls: what the server owns, and how they move.
//!
//! Pure: input and time in, outputs out. A WebSocket is not a session, and no call belongs to a
//! socket. Media is named by [`media::MediaCommand`]s, never touched.
#![forbid(unsafe_code)]

mod arrivals;
mod call;
mod cause;
mod effects;
mod ended;
#[cfg(feature = "faults")]
pub mod fault;
mod hub;
mod ids;
mod ladder;
pub mod media;
mod pages;
mod record;
mod registration;
mod session;
mod socket;
mod timers;

pub use call::{BusyStatus, CallRules};
#[cfg(feature = "faults")]
pub use hub::PlantedPanic;
pub use hub::{Counts, Hub, HubConfig, Input, Output};
pub use ids::{SessionId, SocketId};
pub use record::{Record, What};
