//! Free ports for the peers that cannot bind port 0 and tell.
//!
//! Taken below Linux' ephemeral range (32768 and up), so that no outgoing socket grabs one between the look and the use,
//! and never given twice by one process. Processes that run beside each other are given ranges of their own by whoever
//! starts them.

use std::collections::BTreeSet;
use std::net::{TcpListener, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use rand::RngExt as _;

use crate::netns;

static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// The range of this process, e.g. `10000-11799`.
const RANGE: &str = "RINGDOWN_TESTS_PORTS";

/// The first of `count` neighbouring ports, even, each free for UDP and for TCP.
pub fn free(count: u16) -> Result<u16> {
    let mut given = GIVEN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let range = range()?;
    let (from, to) = (*range.start(), *range.end());
    for _ in 0..1000 {
        let first: u16 = rand::rng().random_range(from..=to + 1 - count) & !1;
        let all = first..first + count;
        if all
            .clone()
            .all(|port| !given.contains(&port) && is_free(port))
        {
            given.extend(all);
            return Ok(first);
        }
    }
    bail!("no {count} neighbouring free ports from {from} to {to}");
}

fn range() -> Result<RangeInclusive<u16>> {
    let Ok(text) = std::env::var(RANGE) else {
        return Ok(10_000..=31_999);
    };
    let parts = text.split_once('-');
    let (from, to) = parts.with_context(|| format!("{RANGE} is no range: {text}"))?;
    Ok(from.parse()?..=to.parse()?)
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
