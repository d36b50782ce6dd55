//! Plan of a call whose SIP side answers our offer: an outgoing one, or one whose INVITE had no SDP.

use super::{MediaPlan, Plan, PlanError, RemoteMedia, Route, reason};
use crate::description::{Description, Media, PTIME_MS};
use crate::fmtp::{h264::H264, opus, telephone_event, vp8};
use crate::format::{Encoding, Format, MediaKind};
use crate::offer::is_first;
use crate::pairing::{SipFormat, event_for, h264, join, join_events, nothing_in_common, pair};

/// Plan of an outgoing call, from the SIP side's answer (of a 18x or of the 200).
///
/// Several answers may come, and each gets its plan. Only the first is told to the browser; a later
/// one that needs the browser to send another codec still gets its routes, by table if it must.
pub fn plan_outgoing(
    browser_offer: &Description,
    our_offer: &Description,
    sip_answer: &Description,
) -> Result<Plan, PlanError> {
    plan(browser_offer, our_offer, sip_answer, BrowserLeg::WeAnswer)
}

/// Plan of an incoming call whose INVITE had no SDP, from the answer in the ACK. The browser's
/// formats stay as it answered them.
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
        let offered = offered.filter(|_| is_first(browser, browser_media, kind));
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
            // A call without its sound is no call; without its picture it is one.
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

/// The m-line that answers ours: the one in the same place (RFC 3264 §6), else, since there are
/// devices that leave refused lines out, the first of its kind.
fn answering(answer: &Description, kind: MediaKind, place: usize) -> Option<&Media> {
    let in_place = answer
        .media
        .get(place)
        .filter(|media| media.kind == Some(kind));
    in_place.or_else(|| answer.media.iter().find(|media| media.kind == Some(kind)))
}

fn plan_media(
    kind: MediaKind,
    browser: &Media,
    ours: &Media,
    theirs: &Media,
    leg: BrowserLeg,
) -> Result<MediaPlan, PlanError> {
    if !theirs.is_plain_rtp() {
        let proto = &theirs.proto;
        return Err(PlanError::Unusable(format!(
            "The SIP side answered {kind} with {proto}, but RTP/AVP was offered."
        )));
    }
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
    let answers_events = sip
        .iter()
        .any(|sip| sip.format.encoding == Encoding::TelephoneEvent);
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
        reason: reason::chosen(&used, routes.iter().find(|route| reason::is_event(route))),
        browser: formats,
        routes,
        remote: RemoteMedia::of(theirs),
        sip_direction: theirs.direction.reversed().and(ours.direction),
        ptime_ms: theirs.ptime_ms.unwrap_or(PTIME_MS),
        stand_in: leg == BrowserLeg::WeAnswer && sees(kind, browser),
    })
}

/// The browser's codecs: those that have a route, in that order, then the others that we offered to
/// the SIP side, since a later answer may take them.
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

/// What a browser sends in single NAL units also reaches a SIP peer of H.264 mode 1. It matters where
/// an earlier answer told the browser to send so.
fn single_units(browser: &[Format], routes: &[Route]) -> Vec<Route> {
    let is_h264 = |format: &&Format| format.encoding == Encoding::H264;
    let unreached = browser.iter().filter(is_h264).filter(|format| {
        let mut reached = routes.iter().map(|route| route.browser.payload_type);
        reached.all(|number| number != format.payload_type)
    });
    let route = |format: &Format| {
        let fits = |route: &&Route| {
            is_h264(&&route.sip) && h264(format).single_units_fit(&h264(&route.sip))
        };
        let found = routes.iter().find(fits)?;
        Some(Route {
            browser: format.clone(),
            ..found.clone()
        })
    };
    unreached.filter_map(route).collect()
}

/// A browser that does not want to receive video waits for none.
pub(super) fn sees(kind: MediaKind, browser: &Media) -> bool {
    kind == MediaKind::Video && browser.direction.receives()
}

/// A peer that renumbers is to send with our numbers (RFC 3264 §5.1), but there are devices that send
/// with those of their answer: both are understood where that is not ambiguous.
fn by_their_own_number(routes: &[Route]) -> Vec<Route> {
    let understood = |number| routes.iter().any(|route| route.sip_recv == number);
    let renumbered = routes.iter().filter(|route| !understood(route.sip_send));
    renumbered
        .map(|route| Route {
            sip_recv: route.sip_send,
            ..route.clone()
        })
        .collect()
}

/// The browser sends what it put first, whatever the SIP side would like better; the rest of its
/// formats it can at least be sent.
fn join_sent(browser: &[Format], sip: &[SipFormat]) -> Vec<Route> {
    let Some(sent) = browser.iter().position(Format::is_codec) else {
        return Vec::new();
    };
    let mut routes = join(&browser[sent..=sent], sip);
    if !routes.is_empty() {
        routes.append(&mut join(&browser[sent + 1..], sip));
    }
    routes
}

/// The format of an answer with the number we offered it under; `None` if we did not offer it.
///
/// A number without an rtpmap means what we offered under it. A peer that keeps the number but
/// narrows the fmtp (H.264 in mode 0 where mode 1 was offered) sends with that number all the same;
/// one that renumbers sends with ours of the same meaning (RFC 3264 §5.1).
fn agreed(theirs: &Format, offered: &[Format]) -> Option<SipFormat> {
    let same_number = offered
        .iter()
        .find(|ours| ours.payload_type == theirs.payload_type);
    if theirs.encoding == Encoding::Other(String::new()) {
        let ours = same_number?;
        let fmtp = theirs.fmtp.clone().or_else(|| ours.fmtp.clone());
        return Some(SipFormat {
            format: Format {
                fmtp,
                ..ours.clone()
            },
            recv: ours.payload_type,
        });
    }
    let same_codec =
        |ours: &&Format| ours.encoding == theirs.encoding && ours.clock_hz == theirs.clock_hz;
    let ours = same_number.filter(same_codec).or_else(|| {
        let distance = |ours: &Format| pair(ours, theirs).map_or(u8::MAX, |(_, distance)| distance);
        offered
            .iter()
            .filter(same_codec)
            .min_by_key(|ours| distance(ours))
    })?;
    Some(SipFormat {
        format: theirs.clone(),
        recv: ours.payload_type,
    })
}

/// What our answer to the browser says of a format: what the SIP peer wants to receive, where it
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
            let offered = h264(browser);
            Some(match sip.filter(|_| same) {
                Some(sip) => H264::answer_to_browser(&offered, &h264(sip)),
                None => H264::answer_to_browser(&offered, &offered),
            })
        }
        Encoding::Opus => opus::relayed(wishes),
        Encoding::Vp8 => vp8::relayed(wishes),
        Encoding::TelephoneEvent => Some(telephone_event::BROWSER.into()),
        _ => None,
    }
}
