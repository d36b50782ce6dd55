//! What the sender of a stream keeps: its numbers, and what a sender report says (RFC 3550 §6.4.1).

use std::time::Instant;

use bytes::Bytes;
use rand::{Rng, RngExt};

use super::Header;
use crate::rtcp::SenderInfo;

/// One outgoing stream. Toward a SIP peer there is one per m-line for the whole call.
#[derive(Debug, Clone)]
pub struct Sender {
    ssrc: u32,
    next_sequence: u16,
    next_timestamp: u32,
    packets: u32,
    octets: u32,
    /// Timestamp of the last packet, when it went, and the clock it counts in.
    last: Option<(u32, Instant, u32)>,
}

impl Sender {
    /// Random SSRC, sequence and timestamp (RFC 3550 §5.1).
    pub fn new(rng: &mut impl Rng) -> Self {
        Self {
            ssrc: rng.random(),
            next_sequence: rng.random(),
            next_timestamp: rng.random(),
            packets: 0,
            octets: 0,
            last: None,
        }
    }

    /// Our SSRC.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Packets and payload octets so far; both wrap.
    pub fn counts(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    /// A packet with numbers of the caller's choosing, counted.
    pub fn write(
        &mut self,
        mut header: Header,
        payload: &[u8],
        clock_hz: u32,
        now: Instant,
    ) -> Bytes {
        header.ssrc = self.ssrc;
        let ahead = header.sequence.wrapping_sub(self.next_sequence) < 0x8000;
        if ahead || self.packets == 0 {
            self.next_sequence = header.sequence.wrapping_add(1);
            self.last = Some((header.timestamp, now, clock_hz));
        }
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        header.with_payload(payload)
    }

    /// The next packet of a source that makes its media itself (tone, echo, generator): sequence
    /// plus one, and the timestamp moves on by `samples` for the packet after it.
    pub fn next(
        &mut self,
        payload_type: u8,
        marker: bool,
        payload: &[u8],
        samples: u32,
        clock_hz: u32,
        now: Instant,
    ) -> Bytes {
        let header = Header {
            payload_type,
            marker,
            sequence: self.next_sequence,
            timestamp: self.next_timestamp,
            ssrc: self.ssrc,
        };
        self.next_timestamp = self.next_timestamp.wrapping_add(samples);
        self.write(header, payload, clock_hz, now)
    }

    /// The sender part of an SR made at `now`, or None before the first packet. The RTP timestamp
    /// is that of `now`, not of the last packet, as RFC 3550 §6.4.1 asks.
    pub fn info(&self, ntp: u64, now: Instant) -> Option<SenderInfo> {
        let (timestamp, at, clock_hz) = self.last?;
        let since = crate::time::ticks(now.saturating_duration_since(at), clock_hz);
        Some(SenderInfo {
            ntp,
            rtp: timestamp.wrapping_add(since),
            packets: self.packets,
            octets: self.octets,
        })
    }
}
