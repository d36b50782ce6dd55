//! codec

