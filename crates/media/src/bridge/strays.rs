//! Datagrams that no plan explains yet: RTP may overtake the answer that says where it comes from.
//!
//! They are judged when the next plan comes. The memory is bounded, and so is one source's part of
//! it: whoever sprays the port range fills his own share only.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::RtpOrRtcp;

const MAX_SOURCES: usize = 8;

/// 3 s of audio twice over, or a key frame and a second of video.
const MAX_PER_SOURCE: usize = 300;

#[derive(Debug)]
pub(super) struct Stray {
    pub(super) at: Instant,
    pub(super) from: SocketAddr,
    pub(super) port: RtpOrRtcp,
    pub(super) bytes: Bytes,
}

#[derive(Debug)]
pub(super) struct Strays {
    reach: Duration,
    packets: VecDeque<Stray>,
    per_source: BTreeMap<SocketAddr, usize>,
}

impl Strays {
    /// `reach` zero: nothing is kept.
    pub(super) fn new(reach: Duration) -> Self {
        Self {
            reach,
            packets: VecDeque::new(),
            per_source: BTreeMap::new(),
        }
    }

    /// Keeps a datagram if there is room for its source; only then `make` copies it.
    pub(super) fn push(&mut self, from: SocketAddr, at: Instant, make: &mut dyn FnMut() -> Stray) {
        while let Some(first) = self.packets.front()
            && at.saturating_duration_since(first.at) > self.reach
        {
            if let Some(count) = self.per_source.get_mut(&first.from) {
                *count -= 1;
                if *count == 0 {
                    self.per_source.remove(&first.from);
                }
            }
            self.packets.pop_front();
        }
        if self.reach.is_zero() {
            return;
        }
        let sources = self.per_source.len();
        let room = match self.per_source.get_mut(&from) {
            Some(count) if *count >= MAX_PER_SOURCE => false,
            Some(count) => {
                *count += 1;
                true
            }
            None if sources >= MAX_SOURCES => false,
            None => {
                self.per_source.insert(from, 1);
                true
            }
        };
        if room {
            self.packets.push_back(make());
        }
    }

    /// Drops what came from one source.
    pub(super) fn forget(&mut self, from: SocketAddr) {
        if self.per_source.remove(&from).is_some() {
            self.packets.retain(|stray| stray.from != from);
        }
    }

    /// Everything, in the order it came.
    pub(super) fn take(&mut self) -> VecDeque<Stray> {
        self.per_source.clear();
        std::mem::take(&mut self.packets)
    }
}
