//! How SDP writes an address (RFC 8866 §5.7), and how devices write it.

use std::fmt;
use std::net::IpAddr;

/// Reads an address. The brackets that some devices put around IPv6 and the TTL of a multicast
/// address are left out.
pub(crate) fn read_addr(text: &str) -> Option<IpAddr> {
    let text = text.split('/').next()?;
    text.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// Writes `IN IP4 192.0.2.1`. IPv6 stands without brackets.
pub(crate) struct Address(pub(crate) IpAddr);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(addr) => write!(f, "IN IP4 {addr}"),
            IpAddr::V6(addr) => write!(f, "IN IP6 {addr}"),
        }
    }
}
