//! signaling
#![forbid(unsafe_code)]
