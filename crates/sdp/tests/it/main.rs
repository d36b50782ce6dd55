//! Negotiation as text: what goes in, what comes out. No ports are opened.

#![allow(missing_docs, clippy::unwrap_used)]

mod agreed;
mod both_hold;
mod change;
mod hold;
mod incoming;
mod invariants;
mod keep_video;
mod late;
mod offer;
mod outgoing;
mod parse;
mod samples;
mod sequences;
