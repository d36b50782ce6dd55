//! Which connections there are, and who made them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sip::Hop;

use super::Limits;
use super::queue::Queue;

/// Every connection that lives, and which one is used toward each other end.
#[derive(Default)]
pub(super) struct Table {
    next_id: u64,
    /// The one that is used to a hop.
    used: BTreeMap<Hop, u64>,
    lives: BTreeMap<u64, Life>,
    /// Connections of peers that we have said nothing to, oldest first.
    strangers: BTreeSet<u64>,
}

struct Life {
    hop: Hop,
    ours: bool,
    /// `None`: nothing is added any more; its task ends when the queue is empty.
    queue: Option<Queue>,
    /// What waited for it has been told as not sent, so it must not be sent.
    given_up: bool,
}

impl Life {
    fn takes(&self) -> Option<&Queue> {
        self.queue.as_ref().filter(|queue| !queue.is_closed())
    }
}

impl Table {
    /// The queue to a hop, while its connection takes messages.
    pub(super) fn queue_of(&self, hop: &Hop) -> Option<Queue> {
        self.lives.get(self.used.get(hop)?)?.takes().cloned()
    }

    /// A new connection; it is the one to its hop from now on. But a peer that connects from the very address where it
    /// listens does not take the place of a connection of ours: calls ring over that.
    pub(super) fn insert(&mut self, hop: &Hop, queue: Queue, ours: bool) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        let before = self.used.get(hop).and_then(|id| self.lives.get_mut(id));
        let stays = before
            .as_ref()
            .is_some_and(|before| !ours && before.ours && before.takes().is_some());
        if !stays {
            if let Some(before) = before {
                before.queue = None;
            }
            self.used.insert(hop.clone(), id);
        }
        let life = Life {
            hop: hop.clone(),
            ours,
            queue: Some(queue),
            given_up: false,
        };
        self.lives.insert(id, life);
        if !ours {
            self.strangers.insert(id);
        }
        id
    }

    /// We have something to say to this peer.
    pub(super) fn answered(&mut self, hop: &Hop) {
        if let Some(id) = self.used.get(hop) {
            self.strangers.remove(id);
        }
    }

    pub(super) fn is_stranger(&self, id: u64) -> bool {
        self.strangers.contains(&id)
    }

    /// It lives, and we have said something to this peer.
    pub(super) fn is_known(&self, id: u64) -> bool {
        self.lives.contains_key(&id) && !self.strangers.contains(&id)
    }

    /// Its task ends, and sends nothing of what waits.
    pub(super) fn give_up(&mut self, hop: &Hop) {
        let life = self.used.remove(hop).and_then(|id| self.lives.get_mut(&id));
        if let Some(life) = life {
            life.queue = None;
            life.given_up = true;
        }
    }

    /// Nothing is added to this connection any more; what waits is still sent.
    pub(super) fn finish(&mut self, hop: &Hop, id: u64) {
        if self.used.get(hop) == Some(&id) {
            self.used.remove(hop);
        }
        if let Some(life) = self.lives.get_mut(&id) {
            life.queue = None;
        }
    }

    pub(super) fn is_given_up(&self, id: u64) -> bool {
        self.lives.get(&id).is_none_or(|life| life.given_up)
    }

    /// A connection has ended. `true`: there is a newer one to the same hop, which stays.
    pub(super) fn remove(&mut self, hop: &Hop, id: u64) -> bool {
        if self.used.get(hop) == Some(&id) {
            self.used.remove(hop);
        }
        self.lives.remove(&id);
        self.strangers.remove(&id);
        self.used.contains_key(hop)
    }

    /// Whether one more connection to this address may be made.
    pub(super) fn may_connect(&self, ip: IpAddr, limits: &Limits) -> bool {
        let ours = || self.lives.values().filter(|life| life.ours);
        let to_ip = ours().filter(|life| life.hop.addr.ip() == ip).count();
        to_ip < limits.outgoing_per_ip && ours().count() < limits.outgoing
    }

    /// Whether one more connection of this address may be taken, if need be in the place of a stranger's.
    pub(super) fn make_room(&mut self, ip: IpAddr, limits: &Limits) -> bool {
        let incoming = || self.lives.values().filter(|life| !life.ours);
        let of_ip = incoming().filter(|life| life.hop.addr.ip() == ip).count();
        let all = incoming().count();
        if of_ip >= limits.incoming_per_ip {
            return self.evict_stranger(|life| life.hop.addr.ip() == ip);
        }
        all < limits.incoming || self.evict_stranger(|_| true)
    }

    /// Ends the oldest stranger's connection among these; false when there is none.
    fn evict_stranger(&mut self, among: impl Fn(&Life) -> bool) -> bool {
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
