//! Silence in the codecs that have a packet for it without an encoder.

use sdp::{Encoding, Route};

/// One packet of silence toward the SIP peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Silence {
    pub(super) payload_type: u8,
    pub(super) clock_hz: u32,
    /// Length in ms.
    pub(super) ms: u16,
    pub(super) payload: Vec<u8>,
}

impl Silence {
    /// Silence in the SIP side's format of a route, about `ptime_ms` long. None: it has none.
    pub(super) fn of(route: &Route, ptime_ms: u16) -> Option<Self> {
        // All three have eight bytes for each ms; G.722 decodes to at most 3 of 32,768.
        let bytes = |byte: u8| (vec![byte; usize::from(ptime_ms) * 8], ptime_ms);
        let (payload, ms) = match route.sip.encoding {
            Encoding::Pcmu | Encoding::G722 => bytes(0xff),
            Encoding::Pcma => bytes(0xd5),
            Encoding::Opus => opus(ptime_ms),
            _ => return None,
        };
        Some(Self {
            payload_type: route.sip_send.get(),
            clock_hz: route.sip.clock_hz,
            ms,
            payload,
        })
    }
}

/// CELT frames, fullband, that say silence (RFC 6716 §4.3): one of 10 ms, or up to six of 20 ms in
/// a packet (§3.2.2, §3.2.5).
fn opus(ptime_ms: u16) -> (Vec<u8>, u16) {
    const FRAME: [u8; 2] = [0xff, 0xfe];
    const TOC_10_MS: u8 = 30 << 3;
    const TOC_20_MS: u8 = 31 << 3;
    const MANY_OF_EQUAL_SIZE: u8 = 3;
    let count = (ptime_ms / 20).min(6) as u8;
    let (head, frames, ms) = match count {
        0 => (vec![TOC_10_MS], 1, 10),
        1 => (vec![TOC_20_MS], 1, 20),
        n => (
            vec![TOC_20_MS | MANY_OF_EQUAL_SIZE, n],
            n,
            u16::from(n) * 20,
        ),
    };
    let mut payload = head;
    for _ in 0..frames {
        payload.extend(FRAME);
    }
    (payload, ms)
}
