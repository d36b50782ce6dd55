//! Which connections there are, and who made them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bytes::Bytes;
use sip::Hop;
use tokio::sync::mpsc;

use super::Limits;

/// The connections in use by the other end, and of all that live what is counted.
#[derive(Default)]
pub(super) struct Table {
    next_id: u64,
    open: BTreeMap<Hop, Open>,
    /// Every connection that lives, those that have been forgotten included.
    lives: BTreeMap<u64, Life>,
    /// Connections of peers that we have said nothing to, oldest first.
    strangers: BTreeSet<u64>,
}

struct Open {
    id: u64,
    to_peer: mpsc::Sender<Bytes>,
}

struct Life {
    hop: Hop,
    ours: bool,
}

impl Table {
    /// The queue to a hop, while its connection takes messages.
    pub(super) fn queue_of(&self, hop: &Hop) -> Option<mpsc::Sender<Bytes>> {
        let open = self.open.get(hop)?;
        (!open.to_peer.is_closed()).then(|| open.to_peer.clone())
    }

    /// A new connection; it is the one to its hop from now on.
    pub(super) fn insert(&mut self, hop: &Hop, to_peer: mpsc::Sender<Bytes>, ours: bool) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        self.open.insert(hop.clone(), Open { id, to_peer });
        let hop = hop.clone();
        self.lives.insert(id, Life { hop, ours });
        if !ours {
            self.strangers.insert(id);
        }
        id
    }

    /// We have something to say to this peer.
    pub(super) fn answered(&mut self, hop: &Hop) {
        if let Some(open) = self.open.get(hop) {
            self.strangers.remove(&open.id);
        }
    }

    pub(super) fn is_stranger(&self, id: u64) -> bool {
        self.strangers.contains(&id)
    }

    /// Sends nothing over it any more; its task ends.
    pub(super) fn forget(&mut self, hop: &Hop) {
        self.open.remove(hop);
    }

    /// A connection has ended; a newer one to the same hop stays.
    pub(super) fn remove(&mut self, hop: &Hop, id: u64) {
        if self.open.get(hop).is_some_and(|open| open.id == id) {
            self.open.remove(hop);
        }
        self.lives.remove(&id);
        self.strangers.remove(&id);
    }

    /// Connections that we made.
    pub(super) fn outgoing(&self) -> usize {
        self.lives.values().filter(|life| life.ours).count()
    }

    /// Whether one more connection of this address may be taken, if need be in the place of a stranger's.
    pub(super) fn make_room(&mut self, ip: IpAddr, limits: &Limits) -> bool {
        let incoming = || self.lives.values().filter(|life| !life.ours);
        let of_ip = incoming().filter(|life| life.hop.addr.ip() == ip).count();
        let all = incoming().count();
        if of_ip >= limits.incoming_per_ip {
            return self.send_away(|life| life.hop.addr.ip() == ip);
        }
        all < limits.incoming || self.send_away(|_| true)
    }

    /// Ends the oldest stranger's connection among these; false when there is none.
    fn send_away(&mut self, among: impl Fn(&Life) -> bool) -> bool {
        let fits = |id: &&u64| self.lives.get(id).is_some_and(&among);
        let Some(id) = self.strangers.iter().find(fits).copied() else {
            return false;
        };
        if let Some(life) = self.lives.remove(&id) {
            self.remove(&life.hop, id);
        }
        true
    }
}
