//! What waits to be written to one connection: bounded in messages and in bytes, and nobody waits to add to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

/// Messages that may wait. All of a server's calls and registrations share a connection: each may have one to send in the
/// same moment, before the connection is up.
const MESSAGES: usize = 4096;

/// Bytes that may wait.
const BYTES: usize = 2 << 20;

/// Adds to it.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    messages: mpsc::Sender<Bytes>,
    bytes: Arc<AtomicUsize>,
}

/// Takes from it.
#[derive(Debug)]
pub(super) struct Waiting {
    messages: mpsc::Receiver<Bytes>,
    bytes: Arc<AtomicUsize>,
}

/// An empty queue, its two ends.
pub(super) fn queue() -> (Queue, Waiting) {
    let (to_peer, from_us) = mpsc::channel(MESSAGES);
    let bytes = Arc::new(AtomicUsize::new(0));
    let queue = Queue {
        messages: to_peer,
        bytes: Arc::clone(&bytes),
    };
    let waiting = Waiting {
        messages: from_us,
        bytes,
    };
    (queue, waiting)
}

impl Queue {
    /// `false`: it is full, or nobody takes from it any more.
    pub(super) fn push(&self, message: Bytes) -> bool {
        let length = message.len();
        let before = self.bytes.fetch_add(length, Ordering::Relaxed);
        let fits = before + length <= BYTES && self.messages.try_send(message).is_ok();
        if !fits {
            self.bytes.fetch_sub(length, Ordering::Relaxed);
        }
        fits
    }

    pub(super) fn is_closed(&self) -> bool {
        self.messages.is_closed()
    }
}

impl Waiting {
    /// The next; `None`: no more will come.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        let message = self.messages.recv().await?;
        self.bytes.fetch_sub(message.len(), Ordering::Relaxed);
        Some(message)
    }
}
