//! session
#![forbid(unsafe_code)]
