//! From the formats of a plan to `str0m`'s codec configuration, payload type by payload type.

use sdp::{Encoding, Format};
use str0m::RtcConfig;
use str0m::format::{Codec, FormatParams};
use str0m::media::Frequency;

/// A format of one m-line as negotiated, with the payload type that repairs it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NegotiatedFormat {
    /// Payload type, encoding, clock, channels, fmtp.
    pub(crate) format: Format,
    /// rtx payload type (RFC 4588), video only.
    pub(crate) rtx: Option<u8>,
    /// Values for `a=rtcp-fb` lines.
    pub(crate) feedback: Vec<&'static str>,
}

/// The feedback we understand for video, in the order we write it.
pub(crate) const VIDEO_FEEDBACK: [&str; 4] = ["transport-cc", "ccm fir", "nack", "nack pli"];

/// `str0m`'s name for an encoding a browser can have; `None` for the others.
pub(crate) fn codec(encoding: &Encoding) -> Option<Codec> {
    Some(match encoding {
        Encoding::Opus => Codec::Opus,
        Encoding::Pcmu => Codec::PCMU,
        Encoding::Pcma => Codec::PCMA,
        Encoding::G722 => Codec::G722,
        Encoding::ComfortNoise => Codec::CN,
        Encoding::TelephoneEvent => Codec::Tele,
        Encoding::Vp8 => Codec::Vp8,
        Encoding::H264 => Codec::H264,
        _ => return None,
    })
}

/// The name for `a=rtpmap`.
pub(crate) fn rtpmap_name(encoding: &Encoding) -> &'static str {
    match encoding {
        Encoding::Opus => "opus",
        Encoding::Pcmu => "PCMU",
        Encoding::Pcma => "PCMA",
        Encoding::G722 => "G722",
        Encoding::ComfortNoise => "CN",
        Encoding::TelephoneEvent => "telephone-event",
        Encoding::Vp8 => "VP8",
        Encoding::H264 => "H264",
        _ => "x-unknown",
    }
}

/// Keep what a browser leg can carry, in order: known encodings, each payload type once, and
/// exactly one telephone-event: the one with the clock of the first codec, at the end.
///
/// Chromium sends broken DTMF when telephone-event/8000 stands first while Opus is used.
pub(crate) fn usable(formats: &[Format]) -> Vec<Format> {
    let mut kept: Vec<Format> = Vec::new();
    for format in formats {
        let fresh = kept.iter().all(|k| k.payload_type != format.payload_type);
        let is_event = format.encoding == Encoding::TelephoneEvent;
        if fresh && !is_event && codec(&format.encoding).is_some() {
            kept.push(format.clone());
        }
    }
    // G.722 has an RTP clock of 8000 (RFC 3551 §4.5.2), as its rtpmap says.
    let clock = kept.first().map(|f| f.clock_hz);
    let events = || {
        formats
            .iter()
            .filter(|f| f.encoding == Encoding::TelephoneEvent)
    };
    let event = events()
        .find(|f| Some(f.clock_hz) == clock)
        .or_else(|| events().next())
        .filter(|f| kept.iter().all(|k| k.payload_type != f.payload_type));
    if let Some(event) = event.filter(|_| clock.is_some()) {
        kept.push(event.clone());
    }
    kept
}

/// Add one format to the configuration of a peer connection.
pub(crate) fn configure(rtc: &mut RtcConfig, negotiated: &NegotiatedFormat) {
    let format = &negotiated.format;
    let Some(codec) = codec(&format.encoding) else {
        return;
    };
    // str0m counts G.722 in samples (16 kHz) and maps to the RTP clock itself.
    let clock_hz = match codec {
        Codec::G722 => 16_000,
        _ => format.clock_hz,
    };
    let Some(clock) = Frequency::new(clock_hz) else {
        return;
    };
    let channels = (codec == Codec::Opus).then_some(format.channels);
    rtc.codec_config().add_config(
        format.payload_type.get().into(),
        negotiated.rtx.map(Into::into),
        codec,
        clock,
        channels,
        FormatParams::default(),
    );
}
