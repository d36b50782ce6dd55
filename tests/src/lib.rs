//! The end-to-end harness: real SIP peers and real browsers around the real `ringdown` binary, all on 127.0.0.1 or in a
//! network of the case's own ([`netns`]).
//!
//! Each peer is a value that owns its process and ends it when dropped. A missing program is a failure, never a skipped
//! test. Nothing sleeps for a guessed time: [`wait::until`] asks a condition until it holds or its deadline passes.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod audio;
pub mod baresip;
pub mod bot;
pub mod browser;
pub mod capture;
pub mod chirp;
pub mod conversation;
pub mod figures;
pub mod folder;
pub mod kamailio;
pub mod line;
pub mod netns;
pub mod page;
pub mod picture;
pub mod pjsua2;
pub mod ports;
pub mod process;
pub mod published_sdk;
pub mod pulse;
pub mod relay;
pub mod ringdown;
pub mod rtp_end;
pub mod rtpengine;
pub mod server;
pub mod sipp;
pub mod sipp_line;
pub mod sockets;
pub mod speaker;
pub mod tone;
pub mod wait;
pub mod wav;
pub mod web_server;
pub mod wire;
