//! Plans a call whose SIP side answers our first offer: an outgoing call, or one whose INVITE had no
//! SDP.

use super::routes::{agreed, answered_as, answering, by_their_own_number, join_sent, single_units};
use crate::description::{Description, Media, PTIME_MS};
use crate::fmtp::{h264::H264, opus, telephone_event, vp8};
use crate::format::{Encoding, Format, MediaKind};
use crate::pairing::{SipFormat, event_for, join, join_events, nothing_in_common, pair};
use crate::plan::{MediaPlan, Plan, PlanError, RemoteMedia, Route};
use crate::words;

/// Plans an outgoing call from the SIP side's answer, be it in a 18x or in the 200.
///
/// Several answers may come, and each gets a plan. Only the first is told to the browser. If a later
/// answer needs the browser to send another codec it still gets its routes, by table where that
/// helps.
pub fn plan_outgoing(
    browser_offer: &Description,
    our_offer: &Description,
    sip_answer: &Description,
) -> Result<Plan, PlanError> {
    plan(browser_offer, our_offer, sip_answer, BrowserLeg::WeAnswer)
}

/// Plans an incoming call whose INVITE had no SDP, from the SIP side's answer in the ACK or in a
/// PRACK. The browser's formats stay as it answered them.
pub fn plan_late(
    browser_answer: &Description,
    our_offer: &Description,
    sip_answer: &Description,
) -> Result<Plan, PlanError> {
    plan(
        browser_answer,
        our_offer,
        sip_answer,
        BrowserLeg::HasAnswered,
    )
}

/// Who answers on the browser leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BrowserLeg {
    WeAnswer,
    HasAnswered,
}

fn plan(
    browser: &Description,
    ours: &Description,
    answer: &Description,
    leg: BrowserLeg,
) -> Result<Plan, PlanError> {
    let mut media = Vec::new();
    for browser_media in &browser.media {
        let Some(kind) = browser_media.kind else {
            continue;
        };
        let offered = ours.media.iter().position(|media| media.kind == Some(kind));
        let offered = offered.filter(|_| browser.is_first(browser_media, kind));
        let Some(offered) = offered else {
            let why = format!("this {kind} line was not offered to the SIP side");
            media.push(MediaPlan::refused(kind, why));
            continue;
        };
        let theirs = answering(answer, kind, offered).filter(|media| !media.rejected());
        let Some(theirs) = theirs else {
            media.push(MediaPlan::refused(
                kind,
                format!("the SIP side refused {kind}"),
            ));
            continue;
        };
        match plan_media(kind, browser_media, &ours.media[offered], theirs, leg) {
            Ok(plan) => media.push(plan),
            // A call without sound is useless, a call without pictures is not.
            Err(error) if kind == MediaKind::Audio => return Err(error),
            Err(error) => media.push(MediaPlan::refused(kind, error.detail())),
        }
    }
    if media.iter().any(|media| media.accepted) {
        return Ok(Plan { media });
    }
    let formats = |media: &mut dyn Iterator<Item = &Media>| -> Vec<Format> {
        media.flat_map(|media| media.formats.clone()).collect()
    };
    let theirs = formats(&mut answer.media.iter().filter(|media| !media.rejected()));
    Err(nothing_in_common(
        &formats(&mut browser.media.iter()),
        &theirs,
    ))
}

fn plan_media(
    kind: MediaKind,
    browser: &Media,
    ours: &Media,
    theirs: &Media,
    leg: BrowserLeg,
) -> Result<MediaPlan, PlanError> {
    answered_as(kind, theirs)?;
    let sip: Vec<SipFormat> = theirs
        .formats
        .iter()
        .filter_map(|format| agreed(format, &ours.formats))
        .collect();
    let mut routes = match leg {
        BrowserLeg::WeAnswer => join(&browser.formats, &sip),
        BrowserLeg::HasAnswered => join_sent(&browser.formats, &sip),
    };
    let Some(used) = routes.first().cloned() else {
        return Err(nothing_in_common(&browser.formats, &theirs.formats));
    };
    let answers_events = sip.iter().any(|sip| sip.format.is_event());
    let event = event_for(&browser.formats, used.browser.clock_hz).filter(|_| answers_events);
    let mut formats = reached_then_offered(&routes, browser, ours);
    let mut single_units = single_units(&formats, &routes);
    routes.append(&mut single_units);
    if let Some(event) = event {
        routes.append(&mut join_events(event, &sip, &used));
        formats.push(event.clone());
    }
    routes.append(&mut by_their_own_number(&routes));
    if leg == BrowserLeg::WeAnswer {
        for format in &mut formats {
            let sip = routes
                .iter()
                .find(|route| route.browser.payload_type == format.payload_type);
            format.fmtp = answer_fmtp(format, sip.map(|route| &route.sip));
        }
        for route in &mut routes {
            let listed = formats
                .iter()
                .find(|f| f.payload_type == route.browser.payload_type);
            if let Some(listed) = listed {
                route.browser = listed.clone();
            }
        }
    }
    Ok(MediaPlan {
        kind,
        accepted: true,
        reason: words::chosen(&used, routes.iter().find(|route| route.sip.is_event())),
        browser: formats,
        routes,
        remote: RemoteMedia::of(theirs),
        sip_direction: theirs.direction.reversed().and(ours.direction),
        ptime_ms: theirs.ptime_ms.unwrap_or(PTIME_MS),
        stand_in: leg == BrowserLeg::WeAnswer && sees(kind, browser),
    })
}

/// The browser's codecs: first those that have a route, in the order of the routes, then the others
/// that we offered to the SIP side, since a later answer may take them.
pub(super) fn reached_then_offered(routes: &[Route], browser: &Media, ours: &Media) -> Vec<Format> {
    let mut formats: Vec<Format> = Vec::new();
    let reached = routes.iter().map(|route| &route.browser);
    let offered = browser
        .formats
        .iter()
        .filter(|format| ours.formats.iter().any(|ours| pair(format, ours).is_some()));
    for format in reached.chain(offered) {
        if !formats
            .iter()
            .any(|listed| listed.payload_type == format.payload_type)
        {
            formats.push(format.clone());
        }
    }
    formats
}

/// Whether the browser waits for video: only if it wants to receive it.
pub(crate) fn sees(kind: MediaKind, browser: &Media) -> bool {
    kind == MediaKind::Video && browser.direction.receives()
}

/// The fmtp of a format in our answer to the browser: what the SIP peer wants to receive if it
/// answered that format, else what the browser itself offered.
pub(super) fn answer_fmtp(browser: &Format, sip: Option<&Format>) -> Option<String> {
    let theirs = sip.and_then(|sip| sip.fmtp.as_deref());
    let same = sip.is_some_and(|sip| sip.encoding == browser.encoding);
    let wishes = if same {
        theirs
    } else {
        browser.fmtp.as_deref()
    };
    match browser.encoding {
        Encoding::H264 => {
            let offered = browser.h264();
            Some(match sip.filter(|_| same) {
                Some(sip) => H264::answer_to_browser(&offered, &sip.h264()),
                None => H264::answer_to_browser(&offered, &offered),
            })
        }
        Encoding::Opus => opus::relayed(wishes),
        Encoding::Vp8 => vp8::relayed(wishes),
        Encoding::TelephoneEvent => Some(telephone_event::BROWSER.into()),
        _ => None,
    }
}
