//! One heap of deadlines for all calls of a shard. A deadline is never removed: it is void when its
//! call has another by the time it comes up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use session::media::CallId;

/// The deadlines of a shard.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Instant, CallId)>>);

impl Timers {
    pub(super) fn set(&mut self, at: Instant, call: CallId) {
        self.0.push(Reverse((at, call)));
    }

    /// How many wait, void ones included.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The earliest deadline, void or not.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// A deadline that has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<(Instant, CallId)> {
        let at = self.next()?;
        if at > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_earliest_comes_first_and_none_before_its_time() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::default();
        for (ms, call) in [(30, 3), (10, 1), (20, 2)] {
            timers.set(at(ms), CallId(call));
        }
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.due(at(9)), None);
        assert_eq!(timers.due(at(25)), Some((at(10), CallId(1))));
        assert_eq!(timers.due(at(25)), Some((at(20), CallId(2))));
        assert_eq!(timers.due(at(25)), None);
    }
}
