//! RTP (RFC 3550): the packet, what a sender keeps, what a receiver keeps.

mod packet;
mod receiver;
mod sender;

pub use packet::{HEADER_BYTES, Header, RtpPacket, is_rtcp, parse};
pub use receiver::{Receiver, Reception};
pub use sender::Sender;
