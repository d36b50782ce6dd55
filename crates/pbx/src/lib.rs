//! pbx
#![forbid(unsafe_code)]
