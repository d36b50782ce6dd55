//! sdp
#![forbid(unsafe_code)]
