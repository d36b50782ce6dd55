//! Which two formats go together without a decoder, and in which order.

use crate::fmtp::h264::H264;
use crate::format::{Encoding, Format, PayloadType};
use crate::plan::{PlanError, Route, Treatment};

/// Whether we carry the format at all: from a browser to SIP and back, without a decoder.
pub(crate) fn can_pass(format: &Format) -> bool {
    match format.encoding {
        Encoding::Opus => format.clock_hz == 48_000,
        Encoding::Pcmu | Encoding::Pcma | Encoding::G722 => format.clock_hz == 8000,
        Encoding::Vp8 => format.clock_hz == 90_000,
        Encoding::H264 => format.clock_hz == 90_000 && h264(format).can_pass(),
        _ => false,
    }
}

/// What the bridge does between the two and how far apart they are; `None`: it needs a decoder.
pub(crate) fn pair(browser: &Format, sip: &Format) -> Option<(Treatment, u8)> {
    if !can_pass(browser) || !can_pass(sip) {
        return None;
    }
    match (&browser.encoding, &sip.encoding) {
        (Encoding::H264, Encoding::H264) => h264(browser)
            .distance(&h264(sip))
            .map(|distance| (Treatment::Pass, distance)),
        (one, two) if one == two => Some((Treatment::Pass, 0)),
        (Encoding::Pcmu, Encoding::Pcma) | (Encoding::Pcma, Encoding::Pcmu) => {
            Some((Treatment::G711Table, TABLE))
        }
        _ => None,
    }
}

/// Farther than any two that pass.
const TABLE: u8 = u8::MAX;

/// A format of the SIP leg with the number each side uses for it.
#[derive(Debug, Clone)]
pub(crate) struct SipFormat {
    /// As the SIP peer wrote it.
    pub(crate) format: Format,
    /// The number we gave it: the peer sends with it.
    pub(crate) recv: PayloadType,
}

/// Joins the codecs of both legs: first those that pass, in the SIP peer's order, then G.711 by
/// table for whatever number has no route yet.
pub(crate) fn join(browser: &[Format], sip: &[SipFormat]) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for theirs in sip {
        let closest = browser
            .iter()
            .filter_map(|ours| match pair(ours, &theirs.format) {
                Some((Treatment::Pass, distance)) => Some((distance, ours)),
                _ => None,
            })
            .min_by_key(|(distance, _)| *distance);
        if let Some((_, ours)) = closest {
            routes.push(route(ours, theirs, Treatment::Pass));
        }
    }
    let mut tables = Vec::new();
    for theirs in sip {
        for ours in browser {
            let covered = |route: &Route| route.browser.payload_type == ours.payload_type;
            let covered_back = |route: &Route| route.sip_recv == theirs.recv;
            let table = matches!(pair(ours, &theirs.format), Some((Treatment::G711Table, _)));
            if table && !(routes.iter().any(covered) && routes.iter().any(covered_back)) {
                tables.push(route(ours, theirs, Treatment::G711Table));
            }
        }
    }
    routes.append(&mut tables);
    routes
}

/// Joins digits: one telephone-event of the browser with each of the SIP leg, that of the codec's
/// clock first. Where the clocks differ the bridge rescales.
pub(crate) fn join_events(browser: &Format, sip: &[SipFormat], codec: &Route) -> Vec<Route> {
    let mut events: Vec<&SipFormat> = sip
        .iter()
        .filter(|sip| sip.format.encoding == Encoding::TelephoneEvent)
        .collect();
    // RFC 4733 §2.1: the clock of the events is that of the audio.
    events.sort_by_key(|event| event.format.clock_hz != codec.sip.clock_hz);
    events
        .into_iter()
        .map(|event| route(browser, event, Treatment::Pass))
        .collect()
}

/// The telephone-event of a leg that goes with a codec: of its clock, else the first there is.
pub(crate) fn event_for(formats: &[Format], clock_hz: u32) -> Option<&Format> {
    let events = || {
        formats
            .iter()
            .filter(|format| format.encoding == Encoding::TelephoneEvent)
    };
    events()
        .find(|event| event.clock_hz == clock_hz)
        .or_else(|| events().next())
}

fn route(browser: &Format, sip: &SipFormat, treatment: Treatment) -> Route {
    Route {
        browser: browser.clone(),
        sip: sip.format.clone(),
        sip_send: sip.format.payload_type,
        sip_recv: sip.recv,
        treatment,
    }
}

/// Why nothing was joined.
pub(crate) fn nothing_in_common(browser: &[Format], sip: &[Format]) -> PlanError {
    let known = |formats: &[Format]| formats.iter().any(Format::is_codec);
    let (browser_text, sip_text) = (list(browser), list(sip));
    if known(browser) && known(sip) {
        PlanError::TranscodingRequired {
            browser: browser_text,
            sip: sip_text,
        }
    } else {
        PlanError::NoCommonCodec {
            browser: browser_text,
            sip: sip_text,
        }
    }
}

/// `opus/48000/2, PCMU/8000`: each once, without what only repairs others.
pub(crate) fn list(formats: &[Format]) -> String {
    let mut names: Vec<String> = Vec::new();
    for format in formats {
        let named = match &format.encoding {
            Encoding::Other(name) => {
                !["", "rtx", "red", "ulpfec", "flexfec-03"].contains(&name.as_str())
            }
            _ => true,
        };
        let name = describe(format);
        if named && !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        "nothing".into()
    } else {
        names.join(", ")
    }
}

/// A format in words, with what matters of its fmtp.
pub(crate) fn describe(format: &Format) -> String {
    match format.encoding {
        Encoding::H264 => {
            let h264 = h264(format);
            format!(
                "{format} ({}, packetization-mode {})",
                h264.profile().name(),
                h264.mode
            )
        }
        _ => format.to_string(),
    }
}

pub(crate) fn h264(format: &Format) -> H264 {
    H264::parse(format.fmtp.as_deref())
}
