//! Telephone events (RFC 4733 §2.3) between clocks: the duration field counts in the payload
//! format's clock, so an event that crosses from telephone-event/48000 to /8000 has it rescaled.

/// Rescales the duration in place. Durations that do not fit saturate: RFC 4733 §2.5.1.3 would
/// start a new segment, but no digit of a phone lasts that long (1.3 s at 48 kHz is announced as
/// 1.3 s until it ends).
pub fn rescale_duration(event: &mut [u8], from_hz: u32, to_hz: u32) {
    // event, E R volume, duration (16 bits)
    let [_, _, high, low, ..] = event else { return };
    let duration = u64::from(u16::from_be_bytes([*high, *low]));
    let scaled = duration * u64::from(to_hz) / u64::from(from_hz.max(1));
    [*high, *low] = u16::try_from(scaled).unwrap_or(u16::MAX).to_be_bytes();
}

/// The packet that should have gone before `end`, if that is the end of an event: the same event, `duration` long so far.
///
/// Firefox, which knows telephone-event/8000 alone, takes the 48 kHz steps of its Opus for the event's and believes every
/// key over at once: it sends three ends and no start (seen in Firefox 153). Phones that report a key at its start never do.
pub fn start_of(end: &[u8], duration: u16) -> Option<[u8; 4]> {
    let [event, end_and_volume, high, low, ..] = *end else {
        return None;
    };
    let [high, low] = duration.min(u16::from_be_bytes([high, low])).to_be_bytes();
    (end_and_volume & END != 0).then_some([event, end_and_volume & !END, high, low])
}

/// The E bit (RFC 4733 §2.3.2).
const END: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_follows_the_clock_and_saturates() {
        for (duration, from, to, expected) in [
            (960_u16, 48_000, 8000, 160),
            (160, 8000, 48_000, 960),
            (20_000, 8000, 48_000, 65_535),
            (800, 8000, 8000, 800),
        ] {
            let [high, low] = duration.to_be_bytes();
            let mut event = [5, 0x8a, high, low];
            rescale_duration(&mut event, from, to);
            assert_eq!(u16::from_be_bytes([event[2], event[3]]), expected);
            assert_eq!(event[..2], [5, 0x8a], "digit, E bit and volume stay");
        }
        rescale_duration(&mut [1, 2, 3], 1, 0);
    }

    #[test]
    fn a_start_is_the_end_without_its_bit_and_no_longer() {
        assert_eq!(start_of(&[5, 0x8a, 3, 0xc0], 160), Some([5, 0x0a, 0, 160]));
        assert_eq!(start_of(&[5, 0x8a, 0, 80, 9], 160), Some([5, 0x0a, 0, 80]));
        assert_eq!(start_of(&[5, 0x0a, 3, 0xc0], 160), None, "no end");
        assert_eq!(start_of(&[5, 0x8a, 3], 160), None, "no event");
    }
}
