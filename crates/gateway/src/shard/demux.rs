//! Which leg a browser's datagram belongs to, in O(1): by source address once proved, by the ufrag
//! in a STUN request before that. "Try every leg" does not exist.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use session::media::{CallId, LegId};

/// A browser leg of this shard.
pub(super) type Key = (CallId, LegId);

/// Addresses one leg may have proved; a browser has a handful.
const ADDRESSES_PER_LEG: usize = 16;

/// Addresses and ufrags of a shard's browser legs.
#[derive(Debug, Default)]
pub(super) struct Demux {
    by_address: HashMap<SocketAddr, (Key, Option<IpAddr>)>,
    by_ufrag: HashMap<String, Key>,
    /// What to forget when a leg ends.
    legs: BTreeMap<Key, Known>,
}

#[derive(Debug, Default)]
struct Known {
    ufrag: String,
    addresses: Vec<SocketAddr>,
}

impl Demux {
    /// A leg came to be.
    pub(super) fn add(&mut self, key: Key, ufrag: &str) {
        self.by_ufrag.insert(ufrag.to_owned(), key);
        let known = self.legs.entry(key).or_default();
        known.ufrag = ufrag.to_owned();
    }

    /// The leg to ask whether it accepts this datagram. STUN goes by its ufrag alone: an address
    /// may have belonged to another leg before.
    pub(super) fn route(&self, datagram: &[u8], from: SocketAddr) -> Option<Key> {
        let is_stun = datagram.first().is_some_and(|byte| *byte < 4);
        if is_stun {
            let ufrag = webrtc::username_for_us(datagram)?;
            return self.by_ufrag.get(ufrag).copied();
        }
        self.by_address.get(&from).map(|(key, _)| *key)
    }

    /// `key` accepted a datagram from `from` that came to our address `local`.
    pub(super) fn learn(&mut self, from: SocketAddr, key: Key, local: Option<IpAddr>) {
        if self.by_address.get(&from) == Some(&(key, local)) {
            return;
        }
        let Some(known) = self.legs.get_mut(&key) else {
            return;
        };
        if !known.addresses.contains(&from) {
            if known.addresses.len() == ADDRESSES_PER_LEG {
                let oldest = known.addresses.remove(0);
                forget(&mut self.by_address, oldest, key);
            }
            known.addresses.push(from);
        }
        self.by_address.insert(from, (key, local));
    }

    /// Our address that a browser's address talks to: answers must come from there.
    pub(super) fn local(&self, to: SocketAddr) -> Option<IpAddr> {
        self.by_address.get(&to).and_then(|(_, local)| *local)
    }

    /// A leg ended.
    pub(super) fn remove(&mut self, key: Key) {
        let Some(known) = self.legs.remove(&key) else {
            return;
        };
        self.by_ufrag.remove(&known.ufrag);
        for address in known.addresses {
            forget(&mut self.by_address, address, key);
        }
    }

    /// A call ended.
    pub(super) fn remove_call(&mut self, call: CallId) {
        let range = (call, LegId(0))..=(call, LegId(u64::MAX));
        let keys: Vec<Key> = self.legs.range(range).map(|(key, _)| *key).collect();
        for key in keys {
            self.remove(key);
        }
    }

    /// A leg goes to another call.
    pub(super) fn rename(&mut self, from: Key, to: Key) {
        let Some(known) = self.legs.remove(&from) else {
            return;
        };
        self.by_ufrag.insert(known.ufrag.clone(), to);
        for address in &known.addresses {
            if let Some((key, _)) = self.by_address.get_mut(address)
                && *key == from
            {
                *key = to;
            }
        }
        self.legs.insert(to, known);
    }
}

fn forget(
    by_address: &mut HashMap<SocketAddr, (Key, Option<IpAddr>)>,
    address: SocketAddr,
    key: Key,
) {
    // Another leg may have proved the same address since.
    if by_address.get(&address).is_some_and(|(k, _)| *k == key) {
        by_address.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTP: [u8; 12] = [0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];

    fn stun(ufrag: &str) -> Vec<u8> {
        let name = format!("{ufrag}:them");
        let padded = name.len().next_multiple_of(4);
        let mut bytes = vec![0, 1, 0, (padded + 4) as u8, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend([0; 12]);
        bytes.extend([0, 6, 0, name.len() as u8]);
        bytes.extend(name.as_bytes());
        bytes.resize(24 + padded, 0);
        bytes
    }

    fn key(call: u64, leg: u64) -> Key {
        (CallId(call), LegId(leg))
    }

    #[test]
    fn stun_goes_by_ufrag_and_the_rest_by_proved_address() {
        let from: SocketAddr = "192.0.2.1:1000".parse().unwrap();
        let mut demux = Demux::default();
        demux.add(key(1, 1), "aaaa");
        assert_eq!(demux.route(&RTP, from), None);
        assert_eq!(demux.route(&stun("aaaa"), from), Some(key(1, 1)));
        assert_eq!(demux.route(&stun("bbbb"), from), None);
        demux.learn(from, key(1, 1), None);
        assert_eq!(demux.route(&RTP, from), Some(key(1, 1)));

        // The browser's next call has the same port.
        demux.add(key(2, 1), "bbbb");
        assert_eq!(demux.route(&stun("bbbb"), from), Some(key(2, 1)));
        demux.learn(from, key(2, 1), None);
        demux.remove(key(1, 1));
        assert_eq!(demux.route(&RTP, from), Some(key(2, 1)));
        assert_eq!(demux.route(&stun("aaaa"), from), None);
        demux.remove_call(CallId(2));
        assert_eq!(demux.route(&RTP, from), None);
        assert!(demux.by_address.is_empty() && demux.by_ufrag.is_empty());
    }

    #[test]
    fn a_leg_keeps_its_addresses_in_another_call() {
        let from: SocketAddr = "192.0.2.1:1000".parse().unwrap();
        let mut demux = Demux::default();
        demux.add(key(1, 5), "aaaa");
        demux.learn(from, key(1, 5), None);
        demux.rename(key(1, 5), key(9, 5));
        demux.remove_call(CallId(1));
        assert_eq!(demux.route(&RTP, from), Some(key(9, 5)));
        assert_eq!(demux.route(&stun("aaaa"), from), Some(key(9, 5)));
    }

    #[test]
    fn a_leg_has_a_bounded_number_of_addresses() {
        let mut demux = Demux::default();
        demux.add(key(1, 1), "aaaa");
        for port in 1..=100 {
            demux.learn(SocketAddr::from(([192, 0, 2, 1], port)), key(1, 1), None);
        }
        assert_eq!(demux.by_address.len(), ADDRESSES_PER_LEG);
    }
}
