//! SIP-side ports: RTP on an even port, RTCP on the odd one above it (RFC 3550 §11).
//!
//! Pairs are given out in random order, so that nobody guesses the next one. A freed pair rests:
//! packets of the call that had it may still be on their way, and must not be heard in another.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand_chacha::ChaCha20Rng;

/// How long a freed pair rests while other pairs are free.
pub const REST: Duration = Duration::from_secs(30);

/// How long it rests in any case.
pub const LEAST_REST: Duration = Duration::from_secs(2);

/// What a call binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// RTP here, RTCP on `rtp + 1`.
    Pair {
        /// Even.
        rtp: u16,
    },
    /// Whatever the operating system gives (the settings say 0). The shell takes an even one if it can.
    Any,
}

/// The free pairs of `media_port_from..=media_port_to`.
#[derive(Debug)]
pub struct PortPool {
    /// None: any port.
    range: Option<Range>,
    in_use: usize,
    rng: ChaCha20Rng,
}

#[derive(Debug)]
struct Range {
    /// Pairs that have rested, in no order.
    fresh: Vec<u16>,
    /// Freed pairs, longest ago first.
    resting: VecDeque<(Instant, u16)>,
    pairs: usize,
}

impl PortPool {
    /// `from` or `to` 0: any free port. A range without a whole pair has no capacity.
    pub fn new(from: u16, to: u16, rng: ChaCha20Rng) -> Self {
        let range = (from != 0 && to != 0).then(|| {
            let fresh: Vec<u16> = (from..=to)
                .filter(|rtp| rtp % 2 == 0 && *rtp < to)
                .collect();
            Range {
                pairs: fresh.len(),
                fresh,
                resting: VecDeque::new(),
            }
        });
        Self {
            range,
            in_use: 0,
            rng,
        }
    }

    /// Pairs in all, None if the operating system chooses.
    pub fn capacity(&self) -> Option<usize> {
        self.range.as_ref().map(|range| range.pairs)
    }

    /// Pairs in use.
    pub fn in_use(&self) -> usize {
        self.in_use
    }

    /// Freed pairs that rest: that nobody gets while others are free.
    pub fn resting(&mut self, now: Instant) -> usize {
        self.range.as_mut().map_or(0, |range| {
            range.wake(now);
            range.resting.len()
        })
    }

    /// Whether [`PortPool::allocate`] gives a pair now.
    pub fn has_free(&mut self, now: Instant) -> bool {
        let Some(range) = &mut self.range else {
            return true;
        };
        range.wake(now);
        let rested =
            |(freed, _): &(Instant, u16)| now.saturating_duration_since(*freed) >= LEAST_REST;
        !range.fresh.is_empty() || range.resting.front().is_some_and(rested)
    }

    /// A random rested pair, else the one that has rested longest if that is >= 2 s, else None.
    pub fn allocate(&mut self, now: Instant) -> Option<Ports> {
        let ports = self.take(now)?;
        self.in_use += 1;
        Some(ports)
    }

    fn take(&mut self, now: Instant) -> Option<Ports> {
        let Some(range) = &mut self.range else {
            return Some(Ports::Any);
        };
        range.wake(now);
        if range.fresh.is_empty() {
            let (freed, _) = range.resting.front()?;
            if now.saturating_duration_since(*freed) < LEAST_REST {
                return None;
            }
            let (_, rtp) = range.resting.pop_front()?;
            return Some(Ports::Pair { rtp });
        }
        let at = self.rng.random_range(0..range.fresh.len());
        let rtp = range.fresh.swap_remove(at);
        Some(Ports::Pair { rtp })
    }

    /// Gives a pair back; also one that could not be bound because another process has it.
    pub fn release(&mut self, ports: Ports, now: Instant) {
        if let (Some(range), Ports::Pair { rtp }) = (&mut self.range, ports) {
            let twice = range.fresh.contains(&rtp) || range.resting.iter().any(|(_, r)| *r == rtp);
            debug_assert!(!twice, "port {rtp} released twice");
            if twice {
                return;
            }
            range.resting.push_back((now, rtp));
        }
        self.in_use = self.in_use.saturating_sub(1);
    }

    /// When the next pair can be had, if none can now: what Retry-After says.
    pub fn retry_after(&self, now: Instant) -> Option<Duration> {
        let (freed, _) = self.range.as_ref()?.resting.front()?;
        Some(LEAST_REST.saturating_sub(now.saturating_duration_since(*freed)))
    }
}

impl Range {
    fn wake(&mut self, now: Instant) {
        while let Some((freed, rtp)) = self.resting.front() {
            if now.saturating_duration_since(*freed) < REST {
                break;
            }
            self.fresh.push(*rtp);
            self.resting.pop_front();
        }
    }
}
