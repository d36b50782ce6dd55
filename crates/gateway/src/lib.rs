//! The shell: the only crate with sockets, clocks, threads. The binary `ringdown` is a thin `main`.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod shard;
