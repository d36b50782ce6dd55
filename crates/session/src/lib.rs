//! Sessions, registrations and calls: what the server owns, and how they move.
//!
//! Pure: input and time in, outputs out. A WebSocket is not a session, and no call belongs to a
//! socket. Media is named by [`media::MediaCommand`]s, never touched.
#![forbid(unsafe_code)]

pub mod media;
