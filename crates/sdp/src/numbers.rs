//! Payload types of what we offer (RFC 3551 §6): static ones keep their meaning, dynamic ones lie in
//! 96..=127. Lower ones look like RTCP (RFC 5761 §4) or are refused by SIP devices.

use std::collections::BTreeSet;

use crate::format::{Format, PayloadType};

/// The numbers that are given away.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    taken: BTreeSet<PayloadType>,
}

impl Numbers {
    /// Leaves each format its number if it may stand and is free, then gives the others the first
    /// free one. Beyond the 32 dynamic numbers a format keeps what it has; no list is so long.
    pub(crate) fn give(&mut self, formats: &mut [&mut Format]) {
        let kept: Vec<bool> = formats.iter().map(|format| self.keep(format)).collect();
        for (format, kept) in formats.iter_mut().zip(kept) {
            if !kept {
                format.payload_type = self.next_free().unwrap_or(format.payload_type);
            }
        }
    }

    fn keep(&mut self, format: &Format) -> bool {
        let number = format.payload_type;
        let means = Format::of_payload_type(number);
        let may_stand = number.get() >= 96
            || (means.encoding == format.encoding && means.clock_hz == format.clock_hz);
        may_stand && self.taken.insert(number)
    }

    fn next_free(&mut self) -> Option<PayloadType> {
        let number = (96..=127)
            .filter_map(PayloadType::new)
            .find(|number| !self.taken.contains(number))?;
        self.taken.insert(number);
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Encoding;

    fn format(number: u8, encoding: Encoding, clock_hz: u32) -> Format {
        let bare = Format::of_payload_type(PayloadType::new(number).unwrap());
        Format {
            encoding,
            clock_hz,
            ..bare
        }
    }

    #[test]
    fn own_numbers_stand_before_others_are_given() {
        let formats = [
            format(39, Encoding::H264, 90_000),
            format(96, Encoding::Vp8, 90_000),
            format(0, Encoding::Pcmu, 8000),
            format(0, Encoding::TelephoneEvent, 8000),
            format(8, Encoding::Pcma, 16_000),
        ];
        let mut numbers = Numbers::default();
        let mut given = |mut formats: Vec<Format>| -> Vec<u8> {
            numbers.give(&mut formats.iter_mut().collect::<Vec<_>>());
            formats
                .iter()
                .map(|format| format.payload_type.get())
                .collect()
        };
        assert_eq!(given(formats.to_vec()), [97, 96, 0, 98, 99]);
        // The next m-line of a bundle.
        assert_eq!(given(formats[1..3].to_vec()), [100, 101]);
    }
}
