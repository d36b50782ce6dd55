//! The timers of the transaction layer (RFC 3261 section 17 and table 4, RFC 6026 section 8).

use std::time::Duration;

/// The three base values every other timer is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Estimate of the round-trip time; first retransmission interval. RFC 3261 table 4: 500 ms.
    pub t1: Duration,
    /// Longest retransmission interval of non-INVITE requests and INVITE responses. RFC 3261 table 4: 4 s.
    pub t2: Duration,
    /// Longest time a message stays in the network. RFC 3261 table 4: 5 s.
    pub t4: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timers {
    /// 64*T1: the life of Timers B, F, H, J, L and M; 32 s by default.
    #[must_use]
    pub fn life(&self) -> Duration {
        self.t1 * 64
    }
}

/// The timers by their letters in the RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// INVITE request retransmission, unreliable transports only.
    A,
    /// INVITE transaction timeout.
    B,
    /// Wait for response retransmissions after a non-2xx final.
    D,
    /// Non-INVITE request retransmission, unreliable transports only.
    E,
    /// Non-INVITE transaction timeout.
    F,
    /// INVITE response retransmission.
    G,
    /// Wait for the ACK of a non-2xx final.
    H,
    /// Wait for ACK retransmissions.
    I,
    /// Wait for retransmissions of a non-INVITE request.
    J,
    /// Wait for response retransmissions of a non-INVITE request.
    K,
    /// Wait for INVITE retransmissions after a 2xx (RFC 6026).
    L,
    /// Wait for further 2xx of a forked INVITE (RFC 6026).
    M,
}

impl Timer {
    /// Its name, as a log shows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Timer::A => "Timer A",
            Timer::B => "Timer B",
            Timer::D => "Timer D",
            Timer::E => "Timer E",
            Timer::F => "Timer F",
            Timer::G => "Timer G",
            Timer::H => "Timer H",
            Timer::I => "Timer I",
            Timer::J => "Timer J",
            Timer::K => "Timer K",
            Timer::L => "Timer L",
            Timer::M => "Timer M",
        }
    }
}
