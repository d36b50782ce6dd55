//! The `ringdown` binary.
#![forbid(unsafe_code)]
fn main() {}
