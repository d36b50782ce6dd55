//! Sources that may become the peer's: each has so many packets in a row and keeps the last of them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::{Datagram, MAX_DROPOUT, SILENCE};

/// Packets in a row that a source needs to take another's place.
pub(super) const IN_A_ROW: u32 = 5;

/// A packet at most this far behind is late and not a restart (RFC 3550 A.1, MAX_MISORDER).
const MAX_MISORDER: u16 = 100;

/// Candidates that are watched at once. A source with a packet each 20 ms keeps its place beside 1,500
/// packets in a second, each from a port of its own.
const MAX_CANDIDATES: usize = 32;

/// A datagram that waits for a decision, and when it came.
pub type Kept = (Instant, Bytes);

/// The candidates of one latch.
#[derive(Debug, Clone, Default)]
pub(super) struct Candidates(Vec<Candidate>);

#[derive(Debug, Clone)]
struct Candidate {
    addr: SocketAddr,
    ssrc: u32,
    sequence: u16,
    heard: Instant,
    in_a_row: u32,
    /// The last packets, fewer than [`IN_A_ROW`], oldest first.
    kept: VecDeque<Kept>,
}

impl Candidates {
    /// Counts a packet and keeps it. Returns how many packets of this source came in a row. `present`:
    /// the SSRC of the source in use.
    pub(super) fn count(&mut self, packet: &Datagram<'_>, present: u32, now: Instant) -> u32 {
        let header = packet.header;
        let known = self.0.iter_mut().find(|c| c.addr == packet.from);
        if let Some(candidate) = known {
            let step = header.sequence.wrapping_sub(candidate.sequence);
            let behind = candidate.sequence.wrapping_sub(header.sequence);
            candidate.heard = now;
            if candidate.ssrc == header.ssrc && behind <= MAX_MISORDER {
                return candidate.in_a_row;
            }
            if candidate.ssrc == header.ssrc && step <= MAX_DROPOUT {
                candidate.in_a_row += 1;
            } else {
                candidate.ssrc = header.ssrc;
                candidate.in_a_row = 1;
                candidate.kept.clear();
            }
            candidate.sequence = header.sequence;
            candidate.keep(packet.bytes, now);
            return candidate.in_a_row;
        }
        if self.0.len() >= MAX_CANDIDATES {
            // A flood from ever new ports has one packet of each in a row, and whoever sends it does not
            // know the SSRC in use.
            let least = (0..self.0.len()).min_by_key(|at| {
                let candidate = &self.0[*at];
                let live = now.saturating_duration_since(candidate.heard) < SILENCE;
                let goes_on = candidate.ssrc == present;
                (live, goes_on, candidate.in_a_row, candidate.heard)
            });
            least.map(|at| self.0.swap_remove(at));
        }
        let mut candidate = Candidate {
            addr: packet.from,
            ssrc: header.ssrc,
            sequence: header.sequence,
            heard: now,
            in_a_row: 1,
            kept: VecDeque::new(),
        };
        candidate.keep(packet.bytes, now);
        self.0.push(candidate);
        1
    }

    /// Ends the contest: what the winner said before its last packet, oldest first.
    pub(super) fn elect(&mut self, winner: SocketAddr) -> Vec<Kept> {
        let mut candidates = std::mem::take(&mut self.0).into_iter();
        let winner = candidates.find(|candidate| candidate.addr == winner);
        let mut kept = winner.map_or_else(Vec::new, |winner| winner.kept.into());
        kept.pop();
        kept
    }
}

impl Candidate {
    fn keep(&mut self, bytes: &[u8], now: Instant) {
        if self.kept.len() >= IN_A_ROW as usize {
            self.kept.pop_front();
        }
        self.kept.push_back((now, Bytes::copy_from_slice(bytes)));
    }
}
