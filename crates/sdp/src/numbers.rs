//! Payload types of our descriptions (RFC 3551 §6). Static numbers keep their meaning, dynamic ones
//! lie in 96..=127: lower ones look like RTCP (RFC 5761 §4) or are refused by SIP devices.

use std::collections::BTreeSet;

use crate::description::Description;
use crate::format::{Format, PayloadType};

/// The numbers of one offer that are given away.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    taken: BTreeSet<PayloadType>,
}

impl Numbers {
    /// Lets each format keep its number if it is valid and free, then gives each other format the first
    /// free one. When all 32 dynamic numbers are taken a format keeps what it has; no list is that
    /// long.
    pub(crate) fn give(&mut self, formats: &mut [&mut Format]) {
        let kept: Vec<bool> = formats.iter().map(|format| self.keep(format)).collect();
        for (format, kept) in formats.iter_mut().zip(kept) {
            if !kept {
                format.payload_type = self.next_free().unwrap_or(format.payload_type);
            }
        }
    }

    fn keep(&mut self, format: &Format) -> bool {
        is_valid(format) && self.taken.insert(format.payload_type)
    }

    fn next_free(&mut self) -> Option<PayloadType> {
        let number = dynamic().find(|number| !self.taken.contains(number))?;
        self.taken.insert(number);
        Some(number)
    }
}

/// The payload types that our descriptions of a call have used so far, by m-line. A number never
/// changes its meaning within a call (RFC 3264 §8.3.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NumberHistory {
    lines: Vec<Vec<Format>>,
}

impl NumberHistory {
    /// Remembers the numbers of a description that is sent.
    pub(crate) fn remember(&mut self, ours: &Description) {
        let count = self.lines.len().max(ours.media.len());
        self.lines.resize(count, Vec::new());
        for (used, media) in self.lines.iter_mut().zip(&ours.media) {
            for format in media.formats.iter().filter(|_| !media.rejected()) {
                let known = |other: &Format| {
                    other.payload_type == format.payload_type && other.is_same_codec(format)
                };
                if !used.iter().any(known) {
                    used.push(format.clone());
                }
            }
        }
    }

    /// Our number for a format of the peer's offer: the peer's own (RFC 3264 §6.1), unless we have
    /// used that for another codec.
    pub(crate) fn for_answer(
        &self,
        line: usize,
        theirs: &Format,
        offered: &[Format],
    ) -> PayloadType {
        if self.is_free(line, theirs) {
            theirs.payload_type
        } else {
            self.other(line, theirs, offered)
        }
    }

    /// Our number for a format that we add to an offer: one that we have used for it, else the
    /// format's own, else the first free one. `offered` are the formats that the offer already has.
    pub(crate) fn for_offer(
        &self,
        line: usize,
        format: &Format,
        offered: &[Format],
    ) -> PayloadType {
        let clash = |other: &Format| other.payload_type == format.payload_type;
        let own = is_valid(format) && self.is_free(line, format) && !offered.iter().any(clash);
        match self.same_codec(line, format, offered) {
            Some(number) => number,
            None if own => format.payload_type,
            None => self.other(line, format, offered),
        }
    }

    fn other(&self, line: usize, format: &Format, offered: &[Format]) -> PayloadType {
        let taken = |number: &PayloadType| {
            let mut formats = self.of(line).iter().chain(offered);
            formats.any(|other| other.payload_type == *number)
        };
        self.same_codec(line, format, offered)
            .or_else(|| dynamic().find(|number| !taken(number)))
            .unwrap_or(format.payload_type)
    }

    /// A number that we have used for this codec and that is not among those offered.
    fn same_codec(&self, line: usize, format: &Format, offered: &[Format]) -> Option<PayloadType> {
        let used = self
            .of(line)
            .iter()
            .filter(|used| used.is_same_codec(format));
        used.map(|used| used.payload_type)
            .find(|number| offered.iter().all(|other| other.payload_type != *number))
    }

    /// We have not used the format's number for another codec.
    fn is_free(&self, line: usize, format: &Format) -> bool {
        self.of(line)
            .iter()
            .all(|used| used.payload_type != format.payload_type || used.is_same_codec(format))
    }

    fn of(&self, line: usize) -> &[Format] {
        self.lines.get(line).map_or(&[], Vec::as_slice)
    }
}

fn dynamic() -> impl Iterator<Item = PayloadType> {
    (96..=127).filter_map(PayloadType::new)
}

/// Whether an offer may give the format the number that it has.
fn is_valid(format: &Format) -> bool {
    let means = Format::of_payload_type(format.payload_type);
    format.payload_type.get() >= 96
        || (means.encoding == format.encoding && means.clock_hz == format.clock_hz)
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
