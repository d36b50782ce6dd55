//! Makes the plan of a call, one file for each way in which its first offer is answered. Later offers
//! are the business of [`Agreement`](crate::Agreement).

mod incoming;
mod keep_video;
mod outgoing;
pub(crate) mod routes;

pub use incoming::plan_incoming;
pub(crate) use outgoing::sees;
pub use outgoing::{plan_late, plan_outgoing};
