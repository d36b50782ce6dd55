//! Free ports for the peers that cannot bind port 0 and tell.
//!
//! Taken below Linux' ephemeral range (32768 and up), so that no outgoing socket grabs one between the look and the use,
//! and never given twice by one process.

use std::collections::BTreeSet;
use std::net::{TcpListener, UdpSocket};
use std::sync::Mutex;

use anyhow::{Result, bail};
use rand::RngExt as _;

use crate::netns;

static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// The first of `count` neighbouring ports, even, each free for UDP and for TCP.
pub fn free(count: u16) -> Result<u16> {
    let mut given = GIVEN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for _ in 0..1000 {
        let first: u16 = rand::rng().random_range(10_000..32_000 - count) & !1;
        let all = first..first + count;
        if all
            .clone()
            .all(|port| !given.contains(&port) && is_free(port))
        {
            given.extend(all);
            return Ok(first);
        }
    }
    bail!("no {count} neighbouring free ports between 10000 and 32000");
}

fn is_free(port: u16) -> bool {
    let ip = netns::address();
    UdpSocket::bind((ip, port)).is_ok() && TcpListener::bind((ip, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_each_port_once() {
        let (one, two) = (free(4).unwrap(), free(4).unwrap());
        assert!(one.abs_diff(two) >= 4, "{one} {two}");
        assert_eq!(one % 2, 0);
    }
}
