//! Where a key frame begins (VP8: RFC 7741 §4.3; H.264: RFC 6184 §5.2), and asking for one until
//! it has come.

use std::time::{Duration, Instant};

use sdp::Encoding;

/// Between two requests, whoever asks.
pub const BETWEEN_ASKS: Duration = Duration::from_millis(500);

/// A request without effect is repeated after this.
pub const RETRY: Duration = Duration::from_secs(1);

/// ... or after this, if the peer never promised to obey (plain AVP).
pub const RETRY_UNPROMISED: Duration = Duration::from_secs(3);

/// Whether this packet is the first of a key frame, or carries its parameter sets.
pub fn begins_key_frame(encoding: &Encoding, payload: &[u8]) -> bool {
    match encoding {
        Encoding::Vp8 => vp8(payload).unwrap_or(false),
        Encoding::H264 => h264(payload).unwrap_or(false),
        _ => false,
    }
}

fn vp8(payload: &[u8]) -> Option<bool> {
    let (&first, mut rest) = payload.split_first()?;
    // S bit set and partition 0: the frame begins here.
    if first & 0x17 != 0x10 {
        return Some(false);
    }
    if first & 0x80 != 0 {
        let (&extension, after) = rest.split_first()?;
        rest = after;
        if extension & 0x80 != 0 {
            let long = rest.first()? & 0x80 != 0;
            rest = rest.get(if long { 2 } else { 1 }..)?;
        }
        if extension & 0x40 != 0 {
            rest = rest.get(1..)?;
        }
        if extension & 0x30 != 0 {
            rest = rest.get(1..)?;
        }
    }
    // RFC 6386 §9.1: the lowest bit of the frame tag is 0 for a key frame.
    Some(rest.first()? & 0x01 == 0)
}

fn h264(payload: &[u8]) -> Option<bool> {
    const IDR: u8 = 5;
    const SPS: u8 = 7;
    let kind = |byte: u8| byte & 0x1f;
    Some(match kind(*payload.first()?) {
        IDR | SPS => true,
        // STAP-A: 16-bit length, NAL unit, ...
        24 => {
            let mut units = &payload[1..];
            while let [high, low, rest @ ..] = units {
                if matches!(kind(*rest.first()?), IDR | SPS) {
                    return Some(true);
                }
                units = rest.get(usize::from(u16::from_be_bytes([*high, *low]))..)?;
            }
            false
        }
        // FU-A: the second byte has the start bit and the type.
        28 => {
            let header = *payload.get(1)?;
            header & 0x80 != 0 && matches!(kind(header), IDR | SPS)
        }
        _ => false,
    })
}

/// A key frame is wanted from somebody: asked for at once, never twice within 500 ms, repeated
/// until one has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyFrameAsk {
    /// When to ask next; None: nothing is wanted.
    at: Option<Instant>,
    last: Option<Instant>,
}

impl KeyFrameAsk {
    /// Somebody needs a key frame.
    pub(crate) fn want(&mut self, now: Instant) {
        let earliest = self.last.map_or(now, |last| (last + BETWEEN_ASKS).max(now));
        self.at = Some(self.at.map_or(earliest, |at| at.min(earliest)));
    }

    /// One is needed; if it has been asked for already, that will do.
    pub(crate) fn need(&mut self, now: Instant) {
        if self.at.is_none() {
            self.want(now);
        }
    }

    /// The source is known by name only now: what was asked before may not have reached it.
    pub(crate) fn want_by_name(&mut self, now: Instant) {
        self.last = None;
        self.want(now);
    }

    /// One has come, or is no longer wanted.
    pub(crate) fn seen(&mut self) {
        self.at = None;
    }

    /// When to call [`KeyFrameAsk::due`].
    pub(crate) fn at(&self) -> Option<Instant> {
        self.at
    }

    /// True if the caller shall ask now; the next time is `retry` from now.
    pub(crate) fn due(&mut self, retry: Duration, now: Instant) -> bool {
        let due = self.at.is_some_and(|at| at <= now);
        if due {
            self.last = Some(now);
            self.at = Some(now + retry);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(encoding: Encoding, payload: &[u8], expected: bool) {
        assert_eq!(
            begins_key_frame(&encoding, payload),
            expected,
            "{encoding:?} {payload:x?}"
        );
    }

    #[test]
    fn vp8_descriptors() {
        check(Encoding::Vp8, &[0x10, 0x00], true);
        check(Encoding::Vp8, &[0x10, 0x01], false);
        check(Encoding::Vp8, &[0x00, 0x00], false); // goes on
        check(Encoding::Vp8, &[0x11, 0x00], false); // partition 1
        check(Encoding::Vp8, &[0x30, 0x00], true); // N bit
        check(Encoding::Vp8, &[0x90, 0x80, 0x05, 0x10], true); // 7-bit picture id
        check(Encoding::Vp8, &[0x90, 0x80, 0x85, 0x05, 0x10], true); // 15-bit
        check(Encoding::Vp8, &[0x90, 0xf0, 0x85, 5, 1, 2, 0x11], false); // all fields
        check(Encoding::Vp8, &[0x90, 0xf0, 0x85, 5, 1, 2], false); // cut short
        check(Encoding::Vp8, &[], false);
    }

    #[test]
    fn h264_units() {
        check(Encoding::H264, &[0x65, 1], true); // IDR
        check(Encoding::H264, &[0x67, 1], true); // SPS
        check(Encoding::H264, &[0x68, 1], false); // PPS alone
        check(Encoding::H264, &[0x41, 1], false);
        check(Encoding::H264, &[0x78, 0, 2, 0x67, 1, 0, 1, 0x68], true); // STAP-A
        check(Encoding::H264, &[0x78, 0, 1, 0x06, 0, 1, 0x65], true);
        check(Encoding::H264, &[0x78, 0, 1, 0x06, 0, 1, 0x41], false);
        check(Encoding::H264, &[0x78, 0xff, 0xff, 0x06], false); // length lies
        check(Encoding::H264, &[0x7c, 0x85, 1], true); // FU-A, start, IDR
        check(Encoding::H264, &[0x7c, 0x05, 1], false); // FU-A, goes on
        check(Encoding::H264, &[0x7c], false);
        check(Encoding::H264, &[], false);
        check(Encoding::Opus, &[0x65], false);
    }
}
