//! What a browser is sent: packets, and requests for a key frame.

use std::sync::Arc;
use std::time::Instant;

use sdp::MediaKind;
use str0m::media::KeyframeRequestKind;
use str0m::rtp::RtpWrite;

use super::Leg;
use crate::codecs::NegotiatedFormat;
use crate::negotiate::{receives, sends};

/// The largest payload that [`Leg::send`] takes, in bytes. `str0m` writes header, extensions and
/// payload into 2,000 bytes and panics when they do not fit; ours need at most 60 beside the payload.
pub const MAX_PAYLOAD: usize = 1_900;

/// A packet for the browser. The SSRC is the leg's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutRtp {
    /// Payload type as negotiated with the browser.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Extended and monotone; the leg rebases it so that its first is below 65,536 (RFC 3711).
    pub sequence: u64,
    /// Timestamp in the codec's clock.
    pub timestamp: u32,
    /// When `timestamp` was now, for sender reports: not later than now.
    pub captured: Instant,
    /// Payload.
    pub payload: Arc<[u8]>,
}

impl Leg {
    /// Send one packet. A packet is dropped before the leg is connected, against the negotiated
    /// direction, with a payload type that was not negotiated, and with a payload larger than
    /// [`MAX_PAYLOAD`] (`str0m` gates none of these in RTP mode).
    pub fn send(&mut self, kind: MediaKind, packet: OutRtp, now: Instant) {
        self.now = self.now.max(now);
        if !self.connected || self.failed || packet.payload.len() > MAX_PAYLOAD {
            return;
        }
        let Some(line) = self.lines.iter_mut().find(|l| l.kind == kind) else {
            return;
        };
        let known = |f: &NegotiatedFormat| f.format.payload_type.get() == packet.payload_type;
        if !sends(line.direction) || !line.formats.iter().any(known) {
            return;
        }
        let base = *line.base.get_or_insert(packet.sequence & !0xffff);
        let Some(sequence) = packet.sequence.checked_sub(base) else {
            return;
        };
        let ssrc = line.ssrc;
        if let Some(stream) = self.rtc.direct_api().stream_tx(&ssrc) {
            stream.write_rtp(
                RtpWrite::new(
                    packet.payload_type.into(),
                    sequence.into(),
                    packet.timestamp,
                    packet.captured,
                    packet.payload,
                )
                .marker(packet.marker)
                .nackable(kind == MediaKind::Video),
            );
        }
        self.drain();
        self.handle_timeout(now);
    }

    /// Ask the browser for a key frame (PLI, or FIR if it knows only that).
    pub fn request_key_frame(&mut self, kind: MediaKind, now: Instant) {
        let Some(line) = self.lines.iter().find(|l| l.kind == kind) else {
            return;
        };
        if kind != MediaKind::Video || !receives(line.direction) || self.failed {
            return;
        }
        let knows = |value: &str| line.formats.iter().any(|f| f.feedback.contains(&value));
        let request = if !knows("nack pli") && knows("ccm fir") {
            KeyframeRequestKind::Fir
        } else {
            KeyframeRequestKind::Pli
        };
        let mid = line.mid;
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, None) {
            stream.request_keyframe(request);
        }
        self.drain();
        self.handle_timeout(now);
    }
}
