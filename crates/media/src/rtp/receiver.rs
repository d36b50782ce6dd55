//! What the receiver of a stream keeps for its reception reports (RFC 3550 §6.4.1, A.3, A.8).

use std::time::{Duration, Instant};

use super::Header;
use crate::rtcp::{ReportBlock, SenderInfo};
use crate::time::{ntp_middle, ticks, ticks_to_ms, to_1_65536};

/// A step of the sequence larger than this is a restart of the source, not loss (RFC 3550 A.1).
const MAX_DROPOUT: u16 = 3000;

/// One source as we receive it. A new SSRC is a new value.
#[derive(Debug, Clone)]
pub struct Receiver {
    ssrc: u32,
    base: u64,
    highest: u64,
    received: u64,
    /// `expected` and `received` at the last report.
    prior: (u64, u64),
    /// Relative transit time of the last packet, in ticks.
    transit: Option<(u32, u32)>,
    /// Jitter in ticks times 16 (RFC 3550 A.8).
    jitter: u32,
    clock_hz: u32,
    start: Instant,
    /// Middle NTP bits of the last SR, and when it came.
    last_sr: Option<(u32, Instant)>,
}

/// Reception so far, in words that a person can read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reception {
    /// Packets received.
    pub received: u64,
    /// Packets that did not come; duplicates count against it.
    pub lost: i64,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter: Duration,
}

impl Receiver {
    /// Starts with the source's first packet, which must be given to [`Receiver::packet`] as well.
    pub fn new(first: &Header, now: Instant) -> Self {
        // One cycle of room, so that a packet from before the first one has a number.
        let base = 0x1_0000 + u64::from(first.sequence);
        Self {
            ssrc: first.ssrc,
            base,
            highest: base,
            received: 0,
            prior: (0, 0),
            transit: None,
            jitter: 0,
            clock_hz: 0,
            start: now,
            last_sr: None,
        }
    }

    /// The source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Counts a packet. `clock_hz` is that of its payload format.
    pub fn packet(&mut self, header: &Header, clock_hz: u32, now: Instant) {
        let step = header.sequence.wrapping_sub(self.highest as u16);
        if step < MAX_DROPOUT {
            self.highest += u64::from(step);
        } else if step < u16::MAX - 1000 {
            // The source started again: what was lost before stays lost.
            let expected = self.expected();
            self.highest = (self.highest & !0xffff) + 0x1_0000 + u64::from(header.sequence);
            self.base = self.highest - expected;
            self.transit = None;
        }
        self.received += 1;
        let arrival = ticks(now.saturating_duration_since(self.start), clock_hz);
        let transit = arrival.wrapping_sub(header.timestamp);
        match self.transit {
            Some((last, clock)) if clock == clock_hz => {
                let d = (transit.wrapping_sub(last) as i32).unsigned_abs();
                // A timestamp jump is no jitter.
                if d < clock_hz.saturating_mul(2) {
                    self.jitter = self
                        .jitter
                        .saturating_add(d)
                        .saturating_sub((self.jitter + 8) >> 4);
                }
            }
            _ => self.jitter = 0,
        }
        self.transit = Some((transit, clock_hz));
        self.clock_hz = clock_hz;
    }

    /// Remembers a sender report of this source.
    pub fn sender_report(&mut self, info: &SenderInfo, now: Instant) {
        self.last_sr = Some((ntp_middle(info.ntp), now));
    }

    /// The report block of now; fraction lost is since the last call.
    pub fn report(&mut self, now: Instant) -> ReportBlock {
        let expected = self.expected();
        let (prior_expected, prior_received) = self.prior;
        let interval = expected.saturating_sub(prior_expected);
        let lost = interval.saturating_sub(self.received - prior_received);
        self.prior = (expected, self.received);
        let (last_sr, delay) = match self.last_sr {
            Some((ntp, at)) => (ntp, to_1_65536(now.saturating_duration_since(at))),
            None => (0, 0),
        };
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: (lost << 8)
                .checked_div(interval)
                .map_or(0, |fraction| fraction.min(255) as u8),
            lost: self.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: (self.highest - 0x1_0000) as u32,
            jitter: self.jitter >> 4,
            last_sr,
            delay_since_sr: delay,
        }
    }

    /// Reception so far.
    pub fn reception(&self) -> Reception {
        let jitter = ticks_to_ms((self.jitter >> 4) as i32, self.clock_hz);
        Reception {
            received: self.received,
            lost: self.lost(),
            jitter: Duration::from_millis(jitter.max(0) as u64),
        }
    }

    fn expected(&self) -> u64 {
        self.highest - self.base + 1
    }

    fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn header(sequence: u16, timestamp: u32) -> Header {
        Header {
            payload_type: 0,
            marker: false,
            sequence,
            timestamp,
            ssrc: 5,
        }
    }

    #[test]
    fn loss_is_counted_over_the_wrap() {
        let start = Instant::now();
        let mut receiver = Receiver::new(&header(65_530, 0), start);
        for n in 0..20_u32 {
            if n % 5 == 4 {
                continue; // every fifth is lost, the last one too
            }
            let at = start + Duration::from_millis(u64::from(n) * 20);
            receiver.packet(
                &header(65_530_u16.wrapping_add(n as u16), n * 160),
                8000,
                at,
            );
        }
        let block = receiver.report(start);
        assert_eq!(block.lost, 3);
        assert_eq!(block.fraction_lost, (3 * 256 / 19) as u8);
        assert_eq!(block.highest_sequence, 0x1_0000 + 12);
        assert_eq!(block.jitter, 0);
        assert_eq!(receiver.report(start).fraction_lost, 0, "nothing since");
    }

    #[test]
    fn jitter_follows_the_formula() {
        let start = Instant::now();
        let mut receiver = Receiver::new(&header(0, 0), start);
        receiver.packet(&header(0, 0), 8000, start);
        // 10 ms late: D = 80 ticks, J = 80/16 = 5.
        receiver.packet(&header(1, 160), 8000, start + Duration::from_millis(30));
        assert_eq!(receiver.report(start).jitter, 5);
    }

    #[test]
    fn a_restart_of_the_source_is_not_loss() {
        let start = Instant::now();
        let mut receiver = Receiver::new(&header(30_000, 0), start);
        receiver.packet(&header(30_000, 0), 8000, start);
        receiver.packet(
            &header(10_000, 160),
            8000,
            start + Duration::from_millis(20),
        );
        assert_eq!(receiver.reception().lost, 0);
        receiver.packet(
            &header(10_001, 320),
            8000,
            start + Duration::from_millis(40),
        );
        assert_eq!(receiver.reception().lost, 0);
    }
}
