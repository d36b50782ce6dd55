//! The shell: the only crate with sockets, clocks, threads. The binary `ringdown` is a thin `main`.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod addresses;
mod bind;
mod call_log;
mod certificate;
mod control;
mod dns;
mod http;
mod hub_loop;
mod log;
pub mod pbx_net;
pub mod serve;
mod settings;
pub mod shard;
mod sip_net;
mod streams;

pub use control::{Control, ControlQueue};
