//! Negotiation as text: what goes in, what comes out. No ports are opened.

#![allow(missing_docs, clippy::unwrap_used)]

mod hold;
mod incoming;
mod invariants;
mod keep_video;
mod late;
mod offer;
mod outgoing;
mod parse;
mod samples;
