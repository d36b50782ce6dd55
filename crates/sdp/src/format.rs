//! Media formats: payload type, encoding, clock, channels, fmtp (RFC 8866 §6.6, RFC 3551 §6).

use std::fmt;

use crate::fmtp::h264::H264;

/// The two kinds of media a call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaKind {
    /// `m=audio`.
    Audio,
    /// `m=video`.
    Video,
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Audio => "audio",
            Self::Video => "video",
        })
    }
}

/// RTP payload type, 0..=127 (RFC 3550 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadType(u8);

impl PayloadType {
    /// `None` above 127: the bit that follows on the wire is the marker.
    pub const fn new(number: u8) -> Option<Self> {
        if number < 128 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a payload is. Names compare without case (RFC 4855 §3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encoding {
    /// RFC 7587; always written `opus/48000/2`.
    Opus,
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722. Its written clock is wrong, see [`Format::sample_rate_hz`].
    G722,
    /// G.729.
    G729,
    /// RFC 5574, at 8 or 16 kHz.
    Speex,
    /// Digits, RFC 4733.
    TelephoneEvent,
    /// Comfort noise, RFC 3389.
    ComfortNoise,
    /// RFC 7741.
    Vp8,
    /// RFC 6184.
    H264,
    /// Anything else, its name in lower case: rtx, red, ulpfec, vp9, av1 ... Empty for a dynamic
    /// payload type that no `a=rtpmap` names.
    Other(String),
}

impl Encoding {
    /// From the name in `a=rtpmap`.
    pub fn from_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "opus" => Self::Opus,
            "pcmu" => Self::Pcmu,
            "pcma" => Self::Pcma,
            "g722" => Self::G722,
            "g729" => Self::G729,
            "speex" => Self::Speex,
            "telephone-event" => Self::TelephoneEvent,
            "cn" => Self::ComfortNoise,
            "vp8" => Self::Vp8,
            "h264" => Self::H264,
            _ => Self::Other(name),
        }
    }

    /// The name as `a=rtpmap` writes it.
    pub fn name(&self) -> &str {
        match self {
            Self::Opus => "opus",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::G729 => "G729",
            Self::Speex => "speex",
            Self::TelephoneEvent => "telephone-event",
            Self::ComfortNoise => "CN",
            Self::Vp8 => "VP8",
            Self::H264 => "H264",
            Self::Other(name) => name,
        }
    }
}

/// One format of an m-line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// Its number on the wire.
    pub payload_type: PayloadType,
    /// What it is.
    pub encoding: Encoding,
    /// RTP clock in Hz; 0 where no `a=rtpmap` names a dynamic payload type.
    pub clock_hz: u32,
    /// Channels; 1 where the rtpmap names none, as for video.
    pub channels: u8,
    /// Value of `a=fmtp` after the payload type.
    pub fmtp: Option<String>,
}

impl Format {
    /// A format as an m-line names it without any `a=rtpmap`: what RFC 3551 §6 says of a static
    /// payload type, nothing of a dynamic one.
    pub fn of_payload_type(payload_type: PayloadType) -> Self {
        let (encoding, clock_hz, channels) = STATIC
            .iter()
            .find(|(number, ..)| *number == payload_type.get())
            .map_or(
                (Encoding::Other(String::new()), 0, 1),
                |(_, name, clock, channels)| (Encoding::from_name(name), *clock, *channels),
            );
        Self {
            payload_type,
            encoding,
            clock_hz,
            channels,
            fmtp: None,
        }
    }

    /// The rate of the samples themselves, in Hz.
    ///
    /// The clock of G.722 is written 8000 though it samples at 16,000 Hz: an erratum of RFC 1890
    /// that RFC 3551 §4.5.2 keeps for ever. This is the one place that knows.
    pub fn sample_rate_hz(&self) -> u32 {
        match self.encoding {
            Encoding::G722 => 16_000,
            _ => self.clock_hz,
        }
    }

    /// Digits (telephone-event).
    pub(crate) fn is_event(&self) -> bool {
        self.encoding == Encoding::TelephoneEvent
    }

    /// Whether both are the same codec at the same clock, whatever their number and fmtp.
    pub(crate) fn is_same_codec(&self, other: &Self) -> bool {
        self.encoding == other.encoding
            && self.clock_hz == other.clock_hz
            && self.channels == other.channels
    }

    /// The fmtp read as that of H.264.
    pub(crate) fn h264(&self) -> H264 {
        H264::parse(self.fmtp.as_deref())
    }

    /// Carries speech or pictures: neither digits nor comfort noise nor repair nor unknown.
    pub(crate) fn is_codec(&self) -> bool {
        !matches!(
            self.encoding,
            Encoding::TelephoneEvent | Encoding::ComfortNoise | Encoding::Other(_)
        )
    }
}

/// `opus/48000/2`, as in `a=rtpmap`.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.encoding.name(), self.clock_hz)?;
        match self.channels {
            0 | 1 => Ok(()),
            channels => write!(f, "/{channels}"),
        }
    }
}

/// RFC 3551 §6 tables 4 and 5: number, name, clock in Hz, channels.
const STATIC: [(u8, &str, u32, u8); 24] = [
    (0, "PCMU", 8000, 1),
    (3, "GSM", 8000, 1),
    (4, "G723", 8000, 1),
    (5, "DVI4", 8000, 1),
    (6, "DVI4", 16_000, 1),
    (7, "LPC", 8000, 1),
    (8, "PCMA", 8000, 1),
    (9, "G722", 8000, 1),
    (10, "L16", 44_100, 2),
    (11, "L16", 44_100, 1),
    (12, "QCELP", 8000, 1),
    (13, "CN", 8000, 1),
    (14, "MPA", 90_000, 1),
    (15, "G728", 8000, 1),
    (16, "DVI4", 11_025, 1),
    (17, "DVI4", 22_050, 1),
    (18, "G729", 8000, 1),
    (25, "CelB", 90_000, 1),
    (26, "JPEG", 90_000, 1),
    (28, "nv", 90_000, 1),
    (31, "H261", 90_000, 1),
    (32, "MPV", 90_000, 1),
    (33, "MP2T", 90_000, 1),
    (34, "H263", 90_000, 1),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(number: u8) -> Format {
        Format::of_payload_type(PayloadType::new(number).unwrap())
    }

    #[test]
    fn payload_types_end_where_the_marker_bit_begins() {
        assert_eq!(PayloadType::new(127).map(PayloadType::get), Some(127));
        assert_eq!(PayloadType::new(128), None);
    }

    #[test]
    fn static_payload_types_need_no_rtpmap() {
        for (number, expected) in [
            (0, "PCMU/8000"),
            (8, "PCMA/8000"),
            (9, "G722/8000"),
            (10, "L16/44100/2"),
            (13, "CN/8000"),
            (18, "G729/8000"),
            (34, "h263/90000"),
        ] {
            let text = bare(number).to_string();
            assert!(text.eq_ignore_ascii_case(expected), "{number}: {text}");
        }
        assert_eq!(bare(96).encoding, Encoding::Other(String::new()));
        assert!(!bare(96).is_codec());
    }

    #[test]
    fn g722_counts_at_8000_and_samples_at_16000() {
        assert_eq!((bare(9).clock_hz, bare(9).sample_rate_hz()), (8000, 16_000));
        assert_eq!(bare(0).sample_rate_hz(), 8000);
    }

    #[test]
    fn names_compare_without_case() {
        assert_eq!(Encoding::from_name("OPUS"), Encoding::Opus);
        assert_eq!(
            Encoding::from_name("Telephone-Event"),
            Encoding::TelephoneEvent
        );
        assert_eq!(Encoding::from_name("AV1"), Encoding::Other("av1".into()));
    }
}
