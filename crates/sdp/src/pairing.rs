//! Which two formats go together without a decoder, and which pairs are preferred.

use crate::format::{Encoding, Format, PayloadType};
use crate::plan::{PlanError, Route, Treatment};
use crate::words::list;

/// Whether the format can pass between a browser and SIP without a decoder at all.
pub(crate) fn can_pass(format: &Format) -> bool {
    match format.encoding {
        Encoding::Opus => format.clock_hz == 48_000,
        Encoding::Pcmu | Encoding::Pcma | Encoding::G722 => format.clock_hz == 8000,
        Encoding::Vp8 => format.clock_hz == 90_000,
        Encoding::H264 => format.clock_hz == 90_000 && format.h264().can_pass(),
        _ => false,
    }
}

/// What the bridge does between the two, and how far apart they are; `None` if it takes a decoder.
pub(crate) fn pair(browser: &Format, sip: &Format) -> Option<(Treatment, u8)> {
    if !can_pass(browser) || !can_pass(sip) {
        return None;
    }
    match (&browser.encoding, &sip.encoding) {
        (Encoding::H264, Encoding::H264) => browser
            .h264()
            .distance(&sip.h264())
            .map(|distance| (Treatment::Pass, distance)),
        (one, two) if one == two => Some((Treatment::Pass, 0)),
        (Encoding::Pcmu, Encoding::Pcma) | (Encoding::Pcma, Encoding::Pcmu) => {
            Some((Treatment::G711Table, TABLE))
        }
        _ => None,
    }
}

/// The distance of a conversion by table: farther than any two formats that pass.
const TABLE: u8 = u8::MAX;

/// A format of the SIP leg with the number each side uses for it.
#[derive(Debug, Clone)]
pub(crate) struct SipFormat {
    /// As the SIP peer wrote it.
    pub(crate) format: Format,
    /// Our number for it, with which the peer sends.
    pub(crate) recv: PayloadType,
}

/// Joins the codecs of both legs: first those that pass, in the SIP peer's order, then G.711 by
/// table for each number that has no route yet.
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

/// Joins one telephone-event of the browser with each of the SIP leg, that of the codec's clock
/// first. Where the clocks differ the bridge rescales.
pub(crate) fn join_events(browser: &Format, sip: &[SipFormat], codec: &Route) -> Vec<Route> {
    let mut events: Vec<&SipFormat> = sip.iter().filter(|sip| sip.format.is_event()).collect();
    // RFC 4733 §2.1: the clock of the events is that of the audio.
    events.sort_by_key(|event| event.format.clock_hz != codec.sip.clock_hz);
    events
        .into_iter()
        .map(|event| route(browser, event, Treatment::Pass))
        .collect()
}

/// The telephone-event of a leg that goes with a codec of this clock: the one of the same clock, else
/// the first.
pub(crate) fn event_for(formats: &[Format], clock_hz: u32) -> Option<&Format> {
    let events = || formats.iter().filter(|format| format.is_event());
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

/// Whether what a browser sends can become this codec of the SIP side.
pub(crate) fn suits_what_is_sent(sent: &Format, sip: &Format) -> bool {
    let both_h264 = sent.encoding == Encoding::H264 && sip.encoding == Encoding::H264;
    pair(sent, sip).is_some() || (both_h264 && sent.h264().single_units_fit(&sip.h264()))
}
