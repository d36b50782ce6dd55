//! One stream out of whatever comes in: same numbers for the whole call, whoever speaks.
//!
//! A SIP peer may change SSRC, jump in sequence or timestamp, or hand over to another device; a
//! browser leg may be replaced by another. The far side sees one source with a sequence that grows
//! and a timestamp that follows time (RFC 3550 §5.1):
//!
//! | comes in                                    | goes out                                         |
//! |---------------------------------------------|--------------------------------------------------|
//! | next packet                                 | next number, timestamp moved on by the same step |
//! | a gap that time explains (loss)             | the same gap: the far side conceals or NACKs     |
//! | a late packet, at most 127 behind           | its own number                                   |
//! | a duplicate, or one too late                | nothing                                          |
//! | new SSRC, sequence jump, restart            | next number, timestamp projected from the time that passed, marker |
//! | timestamp jump against time (> 1 s off)     | number by sequence, timestamp projected, marker  |
//! | timestamp jump with time (pause, DTX, hold) | the same jump, marker                            |
//! | a packet we drop ourselves                  | nothing, and no gap                              |
//!
//! The marker is set on audio only: on video it ends a frame.

use std::time::{Duration, Instant};

use rand::{Rng, RngExt};

use crate::rtp::Header;
use crate::time::{ticks, ticks_to_ms};

/// How far behind a packet may come and still be sent on.
const LATE: i32 = 127;

/// Further behind than this, a number is a restart and not an old packet (RFC 3550 A.1).
const STALE: i32 = 3000;

/// So many old numbers in a row, nothing new between them, are a restart.
const RESTART: u8 = 5;

/// A timestamp that differs from the time that passed by more than this has jumped.
const DRIFT_MS: i64 = 1000;

/// After a switch of source, the old one's stragglers are dropped for so long.
const STRAGGLERS: Duration = Duration::from_secs(2);

/// What kind of payload a packet has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Audio in packets of about so many ms.
    Audio {
        /// Packet time.
        ptime_ms: u16,
    },
    /// Video.
    Video,
    /// Telephone event: all packets of one event have its start as timestamp (RFC 4733 §2.5.1.1).
    Event {
        /// Packet time of the audio it stands among.
        ptime_ms: u16,
    },
}

/// Ticks per second of a payload's timestamps, on either side. They differ for telephone events only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// As they come in.
    pub from_hz: u32,
    /// As they go out.
    pub to_hz: u32,
}

impl Clocks {
    /// The same clock on both sides.
    pub fn same(hz: u32) -> Self {
        Self {
            from_hz: hz,
            to_hz: hz,
        }
    }
}

/// A packet's new numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Extended: does not wrap. The first one is below 65,536.
    pub sequence: u64,
    /// New timestamp.
    pub timestamp: u32,
    /// New marker.
    pub marker: bool,
    /// The source changed or jumped.
    pub switched: bool,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placing {
    /// It goes out.
    Placed(Placed),
    /// It was there already.
    Duplicate,
    /// Its place is taken or too far behind.
    TooLate,
}

/// The numbers of one outgoing stream. They belong to the far side's peer connection: when that is
/// handed to another bridge, they go along.
#[derive(Debug, Clone)]
pub struct Numbering {
    first: (u64, u32),
    newest: Option<Newest>,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: u64,
    timestamp: u32,
    at: Instant,
}

impl Numbering {
    /// Starts at a random number below 65,536 with room before and after it, and at a random timestamp.
    pub fn new(rng: &mut impl Rng) -> Self {
        Self {
            first: (rng.random_range(1024..32_768), rng.random()),
            newest: None,
        }
    }

    /// The next number, and the timestamp of a packet at `now`.
    fn project(&self, clock_hz: u32, least_ms: u64, now: Instant) -> (u64, u32) {
        let Some(newest) = self.newest else {
            return self.first;
        };
        let passed = now.saturating_duration_since(newest.at);
        let step = ticks(passed.max(Duration::from_millis(least_ms)), clock_hz);
        (newest.sequence + 1, newest.timestamp.wrapping_add(step))
    }
}

/// Maps the packets of changing sources onto one [`Numbering`].
#[derive(Debug, Clone)]
pub struct Rebase {
    out: Numbering,
    source: Option<Source>,
    /// SSRC and newest number of the source before, and when it was left.
    left: Option<(u32, u16, Instant)>,
}

#[derive(Debug, Clone)]
struct Source {
    ssrc: u32,
    /// Newest number, extended in the source's own count.
    highest: i64,
    /// Numbers up to this one are not to be sent again.
    floor: i64,
    /// Bit n: `highest - n` was here.
    seen: u128,
    /// New number minus old number.
    shift: i64,
    /// New timestamp minus old timestamp.
    turn: u32,
    timestamp: u32,
    at: Instant,
    clock_hz: u32,
    /// Timestamps of the last telephone event, old and new.
    event: Option<(u32, u32)>,
    /// The number that would go on a run of old ones, and the length of the run.
    run: (u16, u8),
}

/// Where a number stands to those before it.
enum Standing {
    Next(i32),
    Late(i64),
    Duplicate,
    TooLate,
    Jump,
}

impl Rebase {
    /// A stream that has not begun.
    pub fn new(out: Numbering) -> Self {
        Self {
            out,
            source: None,
            left: None,
        }
    }

    /// Takes the numbering out, to go on elsewhere, and puts another in its place.
    pub fn renumber(&mut self, out: Numbering) -> Numbering {
        self.source = None;
        self.left = None;
        std::mem::replace(&mut self.out, out)
    }

    /// New numbers for a packet that came at `at`.
    pub fn place(
        &mut self,
        header: &Header,
        payload: Payload,
        clocks: Clocks,
        at: Instant,
    ) -> Placing {
        match self.standing(header, payload, clocks.from_hz, at) {
            Standing::Duplicate => Placing::Duplicate,
            Standing::TooLate => Placing::TooLate,
            Standing::Jump => Placing::Placed(self.switch(header, payload, clocks, at)),
            Standing::Next(step) => self.go_on(header, payload, clocks, step, at),
            Standing::Late(number) => match &self.source {
                Some(source) => Placing::Placed(Placed {
                    sequence: (number + source.shift) as u64,
                    timestamp: match source.event {
                        Some((old, new)) if old == header.timestamp => new,
                        _ => header.timestamp.wrapping_add(source.turn),
                    },
                    marker: header.marker,
                    switched: false,
                }),
                None => Placing::TooLate,
            },
        }
    }

    /// A packet of the source that goes no further: it must leave no gap.
    pub fn skip(&mut self, header: &Header, payload: Payload, clock_hz: u32, at: Instant) {
        match self.standing(header, payload, clock_hz, at) {
            Standing::Next(step) => {
                if let Some(source) = &mut self.source {
                    source.advance(step);
                    source.shift -= 1;
                    source.floor = source.highest;
                }
            }
            // Whatever comes next begins anew.
            Standing::Jump => self.source = None,
            Standing::Late(_) | Standing::Duplicate | Standing::TooLate => {}
        }
    }

    /// One number more for what has just been placed: another packet of ours goes before it, with its numbers. Nothing if it
    /// is not the newest.
    pub fn again(&mut self, placed: Placed) -> Option<Placed> {
        let (source, newest) = (self.source.as_mut()?, self.out.newest.as_mut()?);
        if newest.sequence != placed.sequence {
            return None;
        }
        newest.sequence += 1;
        source.shift += 1;
        // Late packets of before would get numbers that others have.
        source.floor = source.highest;
        Some(Placed {
            sequence: newest.sequence,
            marker: false,
            ..placed
        })
    }

    /// A packet of our own making between those of the source: silence, `ms` long.
    pub fn fill(&mut self, clock_hz: u32, ms: u64, now: Instant) -> Placed {
        let on_time = self.out.newest.is_some_and(|newest| {
            now.saturating_duration_since(newest.at) < Duration::from_millis(ms * 3)
        });
        // While filling goes on its step is exact, however late the timer fires.
        let at = match self.out.newest {
            Some(newest) if on_time && self.source.is_none() => {
                newest.at + Duration::from_millis(ms)
            }
            _ => now,
        };
        let (sequence, timestamp) = self.out.project(clock_hz, ms, at);
        let marker = self.source.is_some() || !on_time;
        self.leave(now);
        self.out.newest = Some(Newest {
            sequence,
            timestamp,
            at,
        });
        Placed {
            sequence,
            timestamp,
            marker,
            switched: false,
        }
    }

    /// A picture of our own making, in so many packets: the number of the first, and the timestamp
    /// of all.
    pub fn fill_frame(&mut self, packets: usize, clock_hz: u32, now: Instant) -> (u64, u32) {
        let least_ms = Payload::Video.least_ms();
        let (sequence, timestamp) = self.out.project(clock_hz, least_ms, now);
        self.leave(now);
        self.out.newest = Some(Newest {
            sequence: sequence + (packets as u64).saturating_sub(1),
            timestamp,
            at: now,
        });
        (sequence, timestamp)
    }

    fn standing(
        &mut self,
        header: &Header,
        payload: Payload,
        clock_hz: u32,
        at: Instant,
    ) -> Standing {
        if let Some((ssrc, newest, when)) = self.left
            && ssrc == header.ssrc
            && self
                .source
                .as_ref()
                .is_none_or(|source| source.ssrc != ssrc)
            && at.saturating_duration_since(when) < STRAGGLERS
            && (-STALE..=0).contains(&distance(header.sequence, newest))
        {
            return Standing::TooLate;
        }
        let Some(source) = self
            .source
            .as_mut()
            .filter(|source| source.ssrc == header.ssrc)
        else {
            return Standing::Jump;
        };
        let step = distance(header.sequence, source.highest as u16);
        let moved_ms = ticks_to_ms(
            header.timestamp.wrapping_sub(source.timestamp) as i32,
            clock_hz,
        );
        if step > 0 {
            // More packets than could have been sent meanwhile were not lost: the source jumped.
            let passed_ms = at.saturating_duration_since(source.at).as_millis() as i64;
            let explained = (100 + passed_ms.min(100_000) as i32 * 2).min(STALE);
            let in_time = (moved_ms - passed_ms).abs() <= DRIFT_MS;
            return if step <= 10 || step <= explained && in_time {
                Standing::Next(step)
            } else {
                Standing::Jump
            };
        }
        // A late packet is older; in video a little newer, for frames may be sent out of order. One
        // of the present event may have any timestamp, if the event has a clock of its own.
        let newest_ms = if payload == Payload::Video {
            DRIFT_MS
        } else {
            0
        };
        let older = (-60_000..=newest_ms).contains(&moved_ms)
            || source.event.is_some_and(|(old, _)| old == header.timestamp);
        if step < -STALE || step < 0 && !older {
            return Standing::Jump;
        }
        let number = source.highest + i64::from(step);
        let seen = step > -128 && source.seen >> -step & 1 != 0;
        if !seen && step >= -LATE && number > source.floor {
            source.seen |= 1 << -step;
            return Standing::Late(number);
        }
        // Old numbers one after the other: the source started again a little further back.
        let length = if header.sequence == source.run.0 {
            source.run.1.saturating_add(1)
        } else {
            1
        };
        source.run = (header.sequence.wrapping_add(1), length);
        match (length >= RESTART, seen) {
            (true, _) => Standing::Jump,
            (false, true) => Standing::Duplicate,
            (false, false) => Standing::TooLate,
        }
    }

    fn switch(&mut self, header: &Header, payload: Payload, clocks: Clocks, at: Instant) -> Placed {
        let begins = self.out.newest.is_none();
        let (sequence, timestamp) = self.out.project(clocks.to_hz, payload.least_ms(), at);
        self.leave(at);
        let highest = i64::from(header.sequence);
        self.source = Some(Source {
            ssrc: header.ssrc,
            highest,
            // Before the very first packet there is room for late ones; later there is none.
            floor: if begins {
                highest - i64::from(LATE) - 1
            } else {
                highest - 1
            },
            seen: 1,
            shift: sequence as i64 - highest,
            turn: timestamp.wrapping_sub(header.timestamp),
            timestamp: header.timestamp,
            at,
            clock_hz: clocks.from_hz,
            event: match payload {
                Payload::Event { .. } => Some((header.timestamp, timestamp)),
                _ => None,
            },
            run: (0, 0),
        });
        self.out.newest = Some(Newest {
            sequence,
            timestamp,
            at,
        });
        Placed {
            sequence,
            timestamp,
            marker: match payload {
                Payload::Audio { .. } => true,
                _ => header.marker,
            },
            switched: true,
        }
    }

    fn go_on(
        &mut self,
        header: &Header,
        payload: Payload,
        clocks: Clocks,
        step: i32,
        at: Instant,
    ) -> Placing {
        let Some(source) = &mut self.source else {
            return Placing::TooLate;
        };
        source.advance(step);
        source.run = (0, 0);
        let sequence = (source.highest + source.shift) as u64;
        if let (Payload::Event { .. }, Some((old, new))) = (payload, source.event)
            && old == header.timestamp
        {
            // The event goes on: its time is its start, and says nothing about now.
            if let Some(newest) = &mut self.out.newest {
                newest.sequence = sequence;
            }
            return Placing::Placed(Placed {
                sequence,
                timestamp: new,
                marker: header.marker,
                switched: false,
            });
        }
        let moved = header.timestamp.wrapping_sub(source.timestamp) as i32;
        let moved_ms = ticks_to_ms(moved, clocks.from_hz);
        let passed_ms = at.saturating_duration_since(source.at).as_millis() as i64;
        let jumped = source.clock_hz != clocks.from_hz
            || clocks.from_hz != clocks.to_hz
            || (moved_ms - passed_ms).abs() > DRIFT_MS;
        let mut timestamp = header.timestamp.wrapping_add(source.turn);
        if jumped {
            timestamp = self.out.project(clocks.to_hz, payload.least_ms(), at).1;
        }
        let marker = match payload {
            Payload::Audio { ptime_ms } => {
                let pause = step == 1 && moved_ms > 4 * i64::from(ptime_ms.max(20));
                header.marker || jumped || pause
            }
            _ => header.marker,
        };
        if let Payload::Event { .. } = payload {
            source.event = Some((header.timestamp, timestamp));
        }
        // An event in a clock of its own says nothing about the audio's timestamps.
        let foreign = matches!(payload, Payload::Event { .. }) && jumped;
        if !foreign {
            source.turn = timestamp.wrapping_sub(header.timestamp);
            source.timestamp = header.timestamp;
            source.clock_hz = clocks.from_hz;
            source.at = at;
            if jumped {
                // Late packets from before the jump would get timestamps from after it.
                source.floor = source.highest - 1;
            }
        }
        self.out.newest = Some(Newest {
            sequence,
            timestamp,
            at,
        });
        Placing::Placed(Placed {
            sequence,
            timestamp,
            marker,
            switched: jumped && !foreign,
        })
    }

    fn leave(&mut self, at: Instant) {
        if let Some(source) = self.source.take() {
            self.left = Some((source.ssrc, source.highest as u16, at));
        }
    }
}

impl Source {
    fn advance(&mut self, step: i32) {
        self.highest += i64::from(step);
        self.seen = if step < 128 { self.seen << step } else { 0 } | 1;
    }
}

impl Payload {
    /// The least that a timestamp moves on at a switch.
    fn least_ms(self) -> u64 {
        match self {
            Payload::Audio { ptime_ms } | Payload::Event { ptime_ms } => u64::from(ptime_ms),
            Payload::Video => 10,
        }
    }
}

/// `a - b` around the wrap.
fn distance(a: u16, b: u16) -> i32 {
    i32::from(a.wrapping_sub(b) as i16)
}
