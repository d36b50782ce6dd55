//! A WebSocket as the Hub sees it: what it may send, whether it still answers.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::ids::SessionId;

/// Messages a second a page may send (t-A15).
pub(crate) const MESSAGES_PER_SECOND: u32 = 100;

#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) peer: IpAddr,
    /// Whose page it is, once `connection` was taken.
    pub(crate) session: Option<SessionId>,
    /// Pings without a pong.
    pub(crate) missed: u32,
    /// A close is out; nothing more is read.
    pub(crate) closing: bool,
    window_start: Instant,
    in_window: u32,
}

impl Socket {
    pub(crate) fn new(peer: IpAddr, now: Instant) -> Self {
        Self {
            peer,
            session: None,
            missed: 0,
            closing: false,
            window_start: now,
            in_window: 0,
        }
    }

    /// Counts a message; false when the page sends too many.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        if now.duration_since(self.window_start) >= Duration::from_secs(1) {
            self.window_start = now;
            self.in_window = 0;
        }
        self.in_window += 1;
        self.in_window <= MESSAGES_PER_SECOND
    }
}
