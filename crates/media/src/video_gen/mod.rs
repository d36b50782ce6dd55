//! Black pictures for a browser whose SIP peer shows none.
//!
//! The published SDK un-mutes a call when its video element knows the size of the picture: a video
//! track without frames keeps the whole call silent. The frames were encoded once (`make.sh`); here
//! they are only put into packets: VP8 by RFC 7741, H.264 by RFC 6184, one NAL unit each, which is
//! right in packetization modes 0 and 1.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sdp::Encoding;

mod picture_id;

pub use picture_id::PictureIds;

/// Ticks per second of both codecs' timestamps.
pub const CLOCK_HZ: u32 = 90_000;

/// Five pictures a second: enough for a decoder to go on, and 5 kbit/s.
pub const BETWEEN_FRAMES: Duration = Duration::from_millis(200);

/// One frame of so many is a key frame unasked: each 5 s.
pub const FRAMES_PER_KEY_FRAME: usize = 25;

/// However often a browser asks, key frames are not closer than this.
pub const BETWEEN_KEY_FRAMES: Duration = Duration::from_millis(500);

/// Frames 0 and 2 of three: a key frame, and an inter frame that may follow itself without end.
const VP8: &[u8] = include_bytes!("black.ivf");

/// SPS, PPS, IDR slice, and P slices that may follow one another round and round.
const H264: &[u8] = include_bytes!("black.h264");

/// How many NAL units of [`H264`] are the key frame.
const KEY_UNITS: usize = 3;

/// A codec in which there are pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// VP8.
    Vp8,
    /// H.264 Constrained Baseline.
    H264,
}

impl Codec {
    /// The codec of a format, if there are pictures in it.
    pub fn of(encoding: &Encoding) -> Option<Self> {
        match encoding {
            Encoding::Vp8 => Some(Self::Vp8),
            Encoding::H264 => Some(Self::H264),
            _ => None,
        }
    }
}

/// One picture. All its packets have one timestamp, and the last of them the marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// It can be decoded by itself.
    pub is_key: bool,
    /// RTP payloads, in order.
    pub payloads: Vec<Bytes>,
}

/// Makes pictures, one after the other, for as long as it lives.
#[derive(Debug)]
pub struct VideoGen {
    codec: Codec,
    due: Instant,
    /// Frames since the last key frame; 0: the next is one.
    since_key: usize,
    last_key: Option<Instant>,
}

impl VideoGen {
    /// The first frame, a key frame, is due at once.
    pub fn new(codec: Codec, now: Instant) -> Self {
        Self {
            codec,
            due: now,
            since_key: 0,
            last_key: None,
        }
    }

    /// The browser asks for a key frame (PLI or FIR).
    pub fn want_key_frame(&mut self, now: Instant) {
        self.since_key = 0;
        let earliest = self.last_key.map(|last| last + BETWEEN_KEY_FRAMES);
        self.due = earliest.map_or(now, |earliest| earliest.max(now));
    }

    /// When the next frame is due.
    pub fn poll_timeout(&self) -> Instant {
        self.due
    }

    /// The frame that is due, if one is. VP8 pictures get the next of `ids`.
    pub fn handle_timeout(&mut self, ids: &mut PictureIds, now: Instant) -> Option<Frame> {
        if now < self.due {
            return None;
        }
        // The pace is exact unless the timer was so late that catching up would be a burst.
        let next = self.due + BETWEEN_FRAMES;
        self.due = if next > now {
            next
        } else {
            now + BETWEEN_FRAMES
        };
        let nth = self.since_key;
        self.since_key = (nth + 1) % FRAMES_PER_KEY_FRAME;
        if nth == 0 {
            self.last_key = Some(now);
        }
        Some(Frame {
            is_key: nth == 0,
            payloads: match self.codec {
                Codec::Vp8 => vec![vp8(if nth == 0 { 0 } else { 2 }, ids.next_id())],
                Codec::H264 => h264(nth),
            },
        })
    }
}

/// RFC 7741 §4.2: X and S bits, partition 0; I bit; a picture id of 15 bits.
fn vp8(nth: usize, picture_id: u16) -> Bytes {
    let frame = ivf_frame(VP8, nth);
    let mut payload = Vec::with_capacity(4 + frame.len());
    payload.extend([0x90, 0x80]);
    payload.extend((0x8000 | picture_id).to_be_bytes());
    payload.extend(frame);
    Bytes::from(payload)
}

/// A frame of an IVF file: a header of 32 bytes; each frame after 12 bytes, the first four its length.
fn ivf_frame(ivf: &'static [u8], nth: usize) -> &'static [u8] {
    let mut rest = ivf.get(32..).unwrap_or_default();
    for _ in 0..nth {
        rest = rest.get(12 + ivf_length(rest)..).unwrap_or_default();
    }
    rest.get(12..12 + ivf_length(rest)).unwrap_or_default()
}

fn ivf_length(frame: &[u8]) -> usize {
    match frame {
        [a, b, c, d, ..] => u32::from_le_bytes([*a, *b, *c, *d]) as usize,
        _ => 0,
    }
}

/// RFC 6184 §5.6: the NAL unit is the payload.
fn h264(nth: usize) -> Vec<Bytes> {
    let slices = || nal_units(H264).skip(KEY_UNITS);
    let units: Vec<&'static [u8]> = match nth {
        0 => nal_units(H264).take(KEY_UNITS).collect(),
        // The n-th after a key frame has n as its frame_num, modulo the number of slices.
        _ => slices()
            .nth((nth - 1) % slices().count().max(1))
            .into_iter()
            .collect(),
    };
    units.into_iter().map(Bytes::from_static).collect()
}

/// The NAL units of a byte stream (H.264 annex B): each stands after 00 00 01.
fn nal_units(stream: &'static [u8]) -> impl Iterator<Item = &'static [u8]> {
    const START: &[u8] = &[0, 0, 1];
    let starts = move |from: usize| {
        let found = stream.get(from..)?.windows(3).position(|at| at == START)?;
        Some(from + found)
    };
    let mut next = starts(0);
    std::iter::from_fn(move || {
        let from = next? + START.len();
        next = starts(from);
        let mut unit = stream.get(from..next.unwrap_or(stream.len()))?;
        while let Some((0, shorter)) = unit.split_last() {
            unit = shorter;
        }
        Some(unit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_frame::begins_key_frame;

    #[test]
    fn the_vp8_frames_are_a_key_frame_and_one_that_changes_nothing_for_the_next() {
        let (key, inter) = (ivf_frame(VP8, 0), ivf_frame(VP8, 2));
        // RFC 6386 §9.1: frame tag, start code, 320 x 240.
        assert_eq!(key[0] & 1, 0);
        assert_eq!(key[3..10], [0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00]);
        assert_eq!(inter[0] & 1, 1);
        assert_eq!((key.len(), inter.len()), (164, 49));
        assert_eq!(ivf_frame(VP8, 3), [0u8; 0], "there are three");
    }

    #[test]
    fn the_h264_units_are_a_key_frame_and_slices_that_go_round() {
        let units: Vec<&[u8]> = nal_units(H264).collect();
        let kinds: Vec<u8> = units.iter().map(|unit| unit[0] & 0x1f).collect();
        assert_eq!(kinds[..KEY_UNITS], [7, 8, 5]);
        // profile_idc 66 with constraint_set1_flag: Constrained Baseline.
        assert_eq!((units[0][1], units[0][2] & 0x40), (0x42, 0x40));
        // profile, constraints, level; then seq_parameter_set_id, Exp-Golomb, 31: a peer's is 0.
        assert_eq!(u16::from_be_bytes([units[0][4], units[0][5]]) >> 5, 32);
        // first_mb_in_slice 0 and slice_type 5 in six bits, pic_parameter_set_id 31 in eleven; then
        // frame_num in four.
        let frame_num = |unit: &[u8]| (u16::from(unit[3]) >> 3) & 0x0f;
        let numbers: Vec<u16> = units[KEY_UNITS..].iter().map(|u| frame_num(u)).collect();
        let round: Vec<u16> = (1..=16).map(|n| n % 16).collect();
        assert_eq!(numbers, round);
        assert!(kinds[KEY_UNITS..].iter().all(|kind| *kind == 1));
        // Across the turn of the round and before the next key frame.
        for nth in 1..FRAMES_PER_KEY_FRAME {
            let slice = h264(nth);
            assert_eq!(slice.len(), 1);
            assert_eq!(usize::from(frame_num(&slice[0])), nth % 16);
        }
    }

    #[test]
    fn what_is_called_a_key_frame_is_one() {
        for (codec, encoding) in [(Codec::Vp8, Encoding::Vp8), (Codec::H264, Encoding::H264)] {
            #[allow(clippy::disallowed_methods, reason = "the start of simulated time")]
            let mut now = Instant::now();
            let mut pictures = VideoGen::new(codec, now);
            let mut ids = PictureIds::default();
            for nth in 0..60 {
                let frame = pictures.handle_timeout(&mut ids, now).unwrap();
                assert_eq!(frame.is_key, nth % FRAMES_PER_KEY_FRAME == 0, "frame {nth}");
                assert_eq!(
                    begins_key_frame(&encoding, &frame.payloads[0]),
                    frame.is_key
                );
                assert_eq!(pictures.handle_timeout(&mut ids, now), None);
                assert_eq!(pictures.poll_timeout(), now + BETWEEN_FRAMES);
                now = pictures.poll_timeout();
            }
        }
    }
}
