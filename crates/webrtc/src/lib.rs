//! webrtc
#![forbid(unsafe_code)]
