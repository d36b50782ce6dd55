//! The RTP packet (RFC 3550 §5.1), and which datagrams are RTCP (RFC 5761 §4).
//!
//! CSRCs, header extension and padding are stepped over on the way in and never written: a plain
//! RTP peer must not see what a browser uses between itself and us.

use bytes::Bytes;

use crate::Error;

/// Length of the fixed header in bytes; we write no other part of a header.
pub const HEADER_BYTES: usize = 12;

/// The fields of the fixed header that somebody here reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// 0..=127.
    pub payload_type: u8,
    /// Audio: first packet of a talkspurt. Video: last packet of a frame.
    pub marker: bool,
    /// Grows by one with each packet, wraps.
    pub sequence: u16,
    /// In units of the payload format's clock, wraps.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
}

/// A packet that owns its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpPacket {
    /// 0..=127.
    pub payload_type: u8,
    /// Audio: first packet of a talkspurt. Video: last packet of a frame.
    pub marker: bool,
    /// Grows by one with each packet, wraps.
    pub sequence: u16,
    /// In units of the payload format's clock, wraps.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
    /// Without padding.
    pub payload: Bytes,
}

impl RtpPacket {
    /// Reads a datagram and copies its payload.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let (header, payload) = parse(bytes)?;
        Ok(Self {
            payload_type: header.payload_type,
            marker: header.marker,
            sequence: header.sequence,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
            payload: Bytes::copy_from_slice(payload),
        })
    }

    /// The header alone.
    pub fn header(&self) -> Header {
        Header {
            payload_type: self.payload_type,
            marker: self.marker,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        }
    }

    /// The datagram: no CSRC, no extension, no padding.
    pub fn to_bytes(&self) -> Bytes {
        self.header().with_payload(&self.payload)
    }
}

impl Header {
    /// The datagram of this header and `payload`: no CSRC, no extension, no padding.
    pub fn with_payload(&self, payload: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(HEADER_BYTES + payload.len());
        out.push(0x80);
        out.push(u8::from(self.marker) << 7 | (self.payload_type & 0x7f));
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(payload);
        Bytes::from(out)
    }
}

/// Reads a datagram: its header, and its payload without CSRCs, extension and padding.
pub fn parse(bytes: &[u8]) -> Result<(Header, &[u8]), Error> {
    let (fixed, mut rest) = bytes
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(Error::TooShort)?;
    if fixed[0] >> 6 != 2 {
        return Err(Error::Version);
    }
    let csrcs = usize::from(fixed[0] & 0x0f) * 4;
    rest = rest.get(csrcs..).ok_or(Error::Csrc)?;
    if fixed[0] & 0x10 != 0 {
        // RFC 3550 §5.3.1: two bytes of profile, two of length in 32-bit words.
        let (head, after) = rest.split_first_chunk::<4>().ok_or(Error::Extension)?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
        rest = after.get(length..).ok_or(Error::Extension)?;
    }
    if fixed[0] & 0x20 != 0 {
        // The last byte counts the padding, itself included.
        let padding = usize::from(*rest.last().ok_or(Error::Padding)?);
        if padding == 0 || padding > rest.len() {
            return Err(Error::Padding);
        }
        rest = &rest[..rest.len() - padding];
    }
    let header = Header {
        payload_type: fixed[1] & 0x7f,
        marker: fixed[1] & 0x80 != 0,
        sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
        timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
        ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
    };
    Ok((header, rest))
}

/// Whether a datagram on a port that RTP and RTCP share is RTCP: its second byte, 192..=223, is no
/// payload type with marker that anybody may negotiate (RFC 5761 §4).
pub fn is_rtcp(bytes: &[u8]) -> bool {
    matches!(bytes, [first, 192..=223, ..] if first >> 6 == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet() -> RtpPacket {
        RtpPacket {
            payload_type: 111,
            marker: true,
            sequence: 65_535,
            timestamp: 0xdead_beef,
            ssrc: 7,
            payload: Bytes::from_static(b"payload"),
        }
    }

    #[test]
    fn what_is_printed_is_parsed() {
        let packet = packet();
        assert_eq!(RtpPacket::parse(&packet.to_bytes()), Ok(packet));
    }

    #[test]
    fn csrcs_extension_and_padding_are_stepped_over() {
        let mut bytes = packet().to_bytes().to_vec();
        bytes[0] |= 0x30 | 2; // padding, extension, two CSRCs
        let mut extra = vec![0; 8];
        extra.extend_from_slice(&[0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        bytes.splice(12..12, extra);
        bytes.extend_from_slice(&[0, 0, 3]);
        assert_eq!(RtpPacket::parse(&bytes), Ok(packet()));
    }

    #[test]
    fn lies_are_refused() {
        let good = packet().to_bytes();
        let with = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = good.to_vec();
            change(&mut bytes);
            RtpPacket::parse(&bytes)
        };
        assert_eq!(RtpPacket::parse(&[]), Err(Error::TooShort));
        assert_eq!(RtpPacket::parse(&[0x80]), Err(Error::TooShort));
        assert_eq!(with(&|b| b[0] = 0x40), Err(Error::Version));
        assert_eq!(with(&|b| b[0] |= 15), Err(Error::Csrc));
        assert_eq!(with(&|b| b[0] |= 0x10), Err(Error::Extension));
        assert_eq!(
            with(&|b| {
                b[0] |= 0x10;
                b.splice(12.., [0, 0, 0xff, 0xff]);
            }),
            Err(Error::Extension)
        );
        assert_eq!(
            with(&|b| {
                b[0] |= 0x20;
                b.push(9);
            }),
            Err(Error::Padding)
        );
        assert_eq!(
            with(&|b| {
                b[0] |= 0x20;
                b.push(0);
            }),
            Err(Error::Padding)
        );
        assert_eq!(
            with(&|b| {
                b[0] |= 0x20;
                b.truncate(12);
            }),
            Err(Error::Padding)
        );
    }

    #[test]
    fn rtcp_is_told_by_its_second_byte() {
        assert!(is_rtcp(&[0x80, 200, 0, 6]));
        assert!(is_rtcp(&[0x81, 206, 0, 2]));
        assert!(!is_rtcp(&packet().to_bytes()));
        assert!(!is_rtcp(&[0x80, 0x80 | 111]));
        assert!(!is_rtcp(&[0x16, 200]));
        assert!(!is_rtcp(&[0x80]));
        assert!(!is_rtcp(&[]));
    }
}
