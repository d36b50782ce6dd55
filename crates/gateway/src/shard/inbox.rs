//! The way into a shard: a bounded queue that wakes it, and the figures it shows.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mio::Waker;
use session::media::{CallId, MediaCommand, MediaEvent};

/// New calls and legs are refused while so many items wait. What ends or moves existing ones is
/// always taken: it is bounded by what exists.
const LIMIT: usize = 4096;

/// Something for a shard to do.
#[derive(Debug)]
pub(super) enum Item {
    /// From the control loop.
    Command(MediaCommand),
    /// Say this event (a refusal made by the handle).
    Say(MediaEvent),
    /// Panic in the next step of this call, or outside any: for tests of isolation.
    Panic(Option<CallId>),
    /// End the thread.
    Stop,
}

/// One shard's queue.
#[derive(Debug)]
pub(super) struct Inbox {
    items: Mutex<VecDeque<Item>>,
    waker: Waker,
    /// Calls placed here, counted by the handle and the worker.
    pub(super) calls: AtomicUsize,
    /// Its shard has ended by itself: no call is placed here any more.
    pub(super) ended: AtomicBool,
    /// What has been counted.
    pub(super) figures: Counts,
}

/// What a shard counts, as it counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) from_browsers: AtomicU64,
    pub(super) unrouted: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) oversize: AtomicU64,
    pub(super) unsent: AtomicU64,
    pub(super) panics: AtomicU64,
    /// Browser legs of the calls here; only the shard's own thread writes it.
    pub(super) legs: AtomicUsize,
    /// Deadlines in the heap, those that are void included.
    pub(super) timers: AtomicUsize,
}

/// What the shards have counted so far, summed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Shards, a thread each.
    pub shards: usize,
    /// Calls that exist.
    pub calls: usize,
    /// Browser legs of these.
    pub legs: usize,
    /// Deadlines that wait, those that became void included.
    pub timers: usize,
    /// RTP port pairs that calls have.
    pub port_pairs_in_use: usize,
    /// RTP port pairs that rest after use.
    pub port_pairs_resting: usize,
    /// Datagrams that came to the browser sockets.
    pub from_browsers: u64,
    /// Datagrams from browsers that name no leg: their source or their ufrag is unknown.
    pub unrouted: u64,
    /// Datagrams from browsers that their leg did not accept.
    pub refused: u64,
    /// Datagrams of SIP peers that were larger than any packet of media.
    pub oversize: u64,
    /// Datagrams the kernel did not take.
    pub unsent: u64,
    /// Panics, of one call's step or of a whole shard.
    pub panics: u64,
}

impl Counts {
    pub(super) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    /// A part of the gauge went from `before` to `after`.
    pub(super) fn moved(gauge: &AtomicUsize, before: usize, after: usize) {
        if after > before {
            gauge.fetch_add(after - before, Ordering::Relaxed);
        } else if before > after {
            gauge.fetch_sub(before - after, Ordering::Relaxed);
        }
    }
}

impl Figures {
    pub(super) fn add(&mut self, inbox: &Inbox) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = &inbox.figures;
        self.shards += 1;
        self.legs += counts.legs.load(Ordering::Relaxed);
        self.timers += counts.timers.load(Ordering::Relaxed);
        self.calls += inbox.calls.load(Ordering::Relaxed);
        self.from_browsers += read(&counts.from_browsers);
        self.unrouted += read(&counts.unrouted);
        self.refused += read(&counts.refused);
        self.oversize += read(&counts.oversize);
        self.unsent += read(&counts.unsent);
        self.panics += read(&counts.panics);
    }
}

impl Inbox {
    pub(super) fn new(waker: Waker) -> Self {
        Self {
            items: Mutex::new(VecDeque::new()),
            waker,
            calls: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            figures: Counts::default(),
        }
    }

    /// Whether a new call or leg may be asked for.
    pub(super) fn has_room(&self) -> bool {
        self.lock().len() < LIMIT
    }

    pub(super) fn push(&self, item: Item) {
        let was_empty = {
            let mut items = self.lock();
            items.push_back(item);
            items.len() == 1
        };
        if was_empty && let Err(error) = self.waker.wake() {
            tracing::error!(%error, "a media shard cannot be woken");
        }
    }

    /// Everything that waits.
    pub(super) fn take(&self) -> VecDeque<Item> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Item>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
