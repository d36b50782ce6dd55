//! Time without a clock: durations in timestamp units, and NTP from an `Instant` (RFC 3550 §4).

use std::time::{Duration, Instant};

/// Seconds from 1900 to 1970.
const NTP_EPOCH: u64 = 2_208_988_800;

/// A duration in ticks of an RTP clock, wrapping as timestamps do.
pub(crate) fn ticks(duration: Duration, clock_hz: u32) -> u32 {
    (duration.as_nanos() * u128::from(clock_hz) / 1_000_000_000) as u32
}

/// A difference of timestamps, with sign, in milliseconds.
pub(crate) fn ticks_to_ms(ticks: i32, clock_hz: u32) -> i64 {
    i64::from(ticks) * 1000 / i64::from(clock_hz.max(1))
}

/// What the wall clock said at one `Instant`; every later time follows from it.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    at: Instant,
    /// Since 1970.
    unix: Duration,
}

impl WallClock {
    /// `unix`: time since 1970 at `at`.
    pub fn new(at: Instant, unix: Duration) -> Self {
        Self { at, unix }
    }

    /// NTP timestamp, 32.32 fixed point.
    pub fn ntp(&self, now: Instant) -> u64 {
        let unix = self.unix + now.saturating_duration_since(self.at);
        let fraction = (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000;
        ((unix.as_secs() + NTP_EPOCH) << 32) | fraction
    }
}

/// The middle 32 bits of an NTP timestamp, as in LSR.
pub(crate) fn ntp_middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// A duration in units of 1/65536 s, as in DLSR.
pub(crate) fn to_1_65536(duration: Duration) -> u32 {
    u32::try_from(duration.as_nanos() * 65_536 / 1_000_000_000).unwrap_or(u32::MAX)
}

/// Units of 1/65536 s as a duration.
pub(crate) fn from_1_65536(units: u32) -> Duration {
    Duration::from_nanos(u64::from(units) * 1_000_000_000 / 65_536)
}
