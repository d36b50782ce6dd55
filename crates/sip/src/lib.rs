//! sip
#![forbid(unsafe_code)]
