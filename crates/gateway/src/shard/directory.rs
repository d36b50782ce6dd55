//! What all shards share: the settings, the RTP ports, and which shard each call is on.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use media::ports::PortPool;
use session::media::CallId;

use super::settings::ShardSettings;

/// What all shards and their handles share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: ShardSettings,
    pub(super) directory: Directory,
    ports: Mutex<PortPool>,
}

impl Shared {
    pub(super) fn new(settings: ShardSettings, ports: PortPool) -> Self {
        Self {
            settings,
            directory: Directory::default(),
            ports: Mutex::new(ports),
        }
    }

    /// The RTP ports of the SIP side. A panic elsewhere leaves the pool as good as it was.
    pub(super) fn ports(&self) -> MutexGuard<'_, PortPool> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which shard a call is on.
#[derive(Debug, Default)]
pub(super) struct Directory(Mutex<BTreeMap<CallId, usize>>);

impl Directory {
    /// Places a call. `false`: it has a place already.
    pub(super) fn add(&self, call: CallId, shard: usize) -> bool {
        let mut calls = self.lock();
        let fresh = !calls.contains_key(&call);
        if fresh {
            calls.insert(call, shard);
        }
        fresh
    }

    pub(super) fn shard_of(&self, call: CallId) -> Option<usize> {
        self.lock().get(&call).copied()
    }

    /// `true`: it was there.
    pub(super) fn remove(&self, call: CallId) -> bool {
        self.lock().remove(&call).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CallId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
