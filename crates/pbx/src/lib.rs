//! The built-in test PBX: a registrar, a few numbers to dial, calls between accounts. A test
//! instrument on this machine alone, so that a first call needs no other software.
//!
//! | number                    | what it does                                                        |
//! |---------------------------|---------------------------------------------------------------------|
//! | `echo`                    | sends audio and video back                                          |
//! | `ivr`                     | a sweep from 300 to 3000 Hz in 2 s, from the first packet on, again after a pause |
//! | `tone`                    | 440 Hz                                                              |
//! | `busy`                    | 486                                                                 |
//! | `noanswer`                | 180 until the caller gives up                                       |
//! | `reject`                  | 603                                                                 |
//! | `10005` `10006` `10007`   | the phones registered there (password `demo`), all at once          |
//! | anything else             | 404                                                                 |
//!
//! Built on the same `sip`, `sdp`, `media` and `codec` as the gateway, as another user agent; it
//! proves nothing about them that a peer by somebody else would not prove better.
//!
//! ```text
//!  SIP bytes ─► REGISTER ─► registrar
//!           └─► sip::Ua ─► numbers ─┬─► service: its lines speak RTP
//!                                   └─► exchange: one call from A, one to each phone of B
//! ```
#![forbid(unsafe_code)]

mod agreement;
mod exchange;
mod line;
mod nonces;
mod number;
mod pbx;
mod registrar;
mod reoffer;
mod service;
mod sound;

pub use pbx::{Input, NotLoopback, Output, Pbx, PbxConfig};

/// What it says of itself in every message.
pub const USER_AGENT: &str = "Ringdown test PBX (not for production)";

/// The accounts, all with the password `demo`.
pub const ACCOUNTS: [&str; 3] = ["10005", "10006", "10007"];
