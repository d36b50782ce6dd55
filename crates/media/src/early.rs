//! Media of the SIP side that is there before the browser's DTLS is: it waits here and goes out as
//! a burst with its own timestamps, so that no greeting loses its first syllable.
//!
//! Audio is kept whole for as long as the buffer reaches back. Video is kept from the last key
//! frame on: what stands before it cannot be decoded anyway.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sdp::MediaKind;

use crate::rebase::{Clocks, Payload};
use crate::rtp::Header;

/// Packets kept at most, whatever the time: 3 s of audio in 2.5 ms packets, or 2.8 MB of video.
const MAX_AUDIO: usize = 1200;
const MAX_VIDEO: usize = 2400;

/// A packet on its way to the browser, before it has its new numbers.
#[derive(Debug, Clone)]
pub(crate) struct Inbound {
    /// As the SIP peer sent it.
    pub(crate) header: Header,
    /// As the browser gets it; None: it does not, and must leave no gap.
    pub(crate) payload: Option<Vec<u8>>,
    /// The browser's payload type.
    pub(crate) payload_type: u8,
    pub(crate) clocks: Clocks,
    pub(crate) kind: Payload,
    pub(crate) key_frame: bool,
    pub(crate) is_vp8: bool,
    /// When it came.
    pub(crate) at: Instant,
}

#[derive(Debug)]
pub(crate) struct EarlyBuffer {
    kind: MediaKind,
    reach: Duration,
    packets: VecDeque<Inbound>,
}

impl EarlyBuffer {
    /// `reach` zero: nothing is kept.
    pub(crate) fn new(kind: MediaKind, reach: Duration) -> Self {
        Self {
            kind,
            reach,
            packets: VecDeque::new(),
        }
    }

    /// Keeps a packet; answers how many had to go for it.
    pub(crate) fn push(&mut self, packet: Inbound) -> usize {
        if self.reach.is_zero() {
            return 1;
        }
        let before = self.packets.len();
        match self.kind {
            MediaKind::Audio => {
                let reach = self.reach;
                while let Some(first) = self.packets.front()
                    && (packet.at.saturating_duration_since(first.at) > reach
                        || self.packets.len() >= MAX_AUDIO)
                {
                    self.packets.pop_front();
                }
            }
            MediaKind::Video => {
                // Parameter sets and picture share a timestamp: the key frame begins with the first.
                let goes_on = self
                    .packets
                    .front()
                    .is_some_and(|first| first.header.timestamp == packet.header.timestamp);
                if packet.key_frame && !goes_on {
                    self.packets.clear();
                }
                if self.packets.is_empty() && !packet.key_frame {
                    return 1;
                }
                if self.packets.len() >= MAX_VIDEO {
                    self.packets.clear();
                    return before + 1;
                }
            }
        }
        let gone = before - self.packets.len();
        self.packets.push_back(packet);
        gone
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.packets.clear();
    }

    /// Everything, in the order it came.
    pub(crate) fn take(&mut self) -> VecDeque<Inbound> {
        std::mem::take(&mut self.packets)
    }
}
