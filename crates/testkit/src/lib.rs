//! What tests of every crate share: SIP as text for scripted peers, tones to send and to find again.
#![forbid(unsafe_code)]

pub mod sip_text;
pub mod tones;
