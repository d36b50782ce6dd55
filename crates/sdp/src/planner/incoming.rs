//! Plans a call that the SIP side offers.

use crate::answer::{Offered, offered_to_browser};
use crate::description::{Description, Media, PTIME_MS};
use crate::format::{Format, MediaKind};
use crate::pairing::{SipFormat, event_for, join, join_events, nothing_in_common};
use crate::plan::{MediaPlan, Plan, PlanError, RemoteMedia};
use crate::settings::CodecSettings;
use crate::words;

/// Plans an incoming call from the INVITE's offer and the browser's answer to what
/// [`formats_for_browser`](crate::formats_for_browser) made of it.
///
/// The codec that the browser put first is used, since it sends that one. The SIP side is answered
/// with that codec and digits.
pub fn plan_incoming(
    sip_offer: &Description,
    browser_answer: &Description,
    settings: &CodecSettings,
) -> Result<Plan, PlanError> {
    let offered = offered_to_browser(sip_offer, settings)?;
    let mut media = Vec::new();
    for browser in &browser_answer.media {
        let Some(kind) = browser.kind else { continue };
        let ours = offered.iter().find(|ours| ours.kind == kind);
        media.push(match ours {
            _ if browser.rejected() => {
                MediaPlan::refused(kind, format!("the browser refused {kind}"))
            }
            Some(ours) if browser_answer.is_first(browser, kind) => {
                match plan_media(kind, ours, browser) {
                    Ok(plan) => plan,
                    Err(error) if kind == MediaKind::Audio => return Err(error),
                    Err(error) => MediaPlan::refused(kind, error.detail()),
                }
            }
            _ => MediaPlan::refused(kind, format!("the SIP side offered no such {kind} line")),
        });
    }
    if media.iter().any(|media| media.accepted) {
        return Ok(Plan { media });
    }
    let sip: Vec<Format> = offered
        .iter()
        .flat_map(|ours| ours.sip_media.formats.clone())
        .collect();
    // The browser refused every line.
    Err(nothing_in_common(&[], &sip))
}

fn plan_media(
    kind: MediaKind,
    ours: &Offered<'_>,
    browser: &Media,
) -> Result<MediaPlan, PlanError> {
    // The codecs of the browser's answer, each with the SIP peer's that it stands for.
    let answered = browser.formats.iter().filter(|format| format.is_codec());
    let used = answered.clone().find_map(|format| {
        let theirs = ours.pairs.iter().find(|(offered, _)| {
            offered.payload_type == format.payload_type && offered.encoding == format.encoding
        });
        // A browser may renumber (RFC 3264 §6.1).
        let sip = match theirs {
            Some((_, sip)) => vec![numbered_by_peer(sip)],
            None => ours
                .pairs
                .iter()
                .map(|(_, sip)| numbered_by_peer(sip))
                .collect(),
        };
        join(std::slice::from_ref(format), &sip).into_iter().next()
    });
    let sip_formats = &ours.sip_media.formats;
    let used = used.ok_or_else(|| nothing_in_common(&browser.formats, sip_formats))?;
    let mut formats = vec![used.browser.clone()];
    formats.extend(
        answered
            .filter(|f| f.payload_type != used.browser.payload_type)
            .cloned(),
    );
    let mut routes = vec![used.clone()];
    let events: Vec<SipFormat> = sip_formats
        .iter()
        .filter(|format| format.is_event())
        .map(numbered_by_peer)
        .collect();
    let event = event_for(&browser.formats, used.browser.clock_hz).filter(|_| !events.is_empty());
    if let Some(event) = event {
        // The answer to SIP has one, so that the peer does not have to choose.
        routes.extend(join_events(event, &events, &used).into_iter().take(1));
        formats.push(event.clone());
    }
    let offered_direction = ours.sip_media.direction.reversed();
    Ok(MediaPlan {
        kind,
        accepted: true,
        reason: words::chosen(&used, routes.iter().find(|route| route.sip.is_event())),
        browser: formats,
        routes,
        remote: RemoteMedia::of(ours.sip_media),
        sip_direction: match kind {
            // A browser without a microphone is silent, not recvonly (A12).
            MediaKind::Audio => offered_direction,
            MediaKind::Video => offered_direction.and(browser.direction),
        },
        ptime_ms: ours.sip_media.ptime_ms.unwrap_or(PTIME_MS),
        stand_in: false,
    })
}

/// Our answer uses the SIP peer's numbers, so both directions have them.
fn numbered_by_peer(format: &Format) -> SipFormat {
    SipFormat {
        format: format.clone(),
        recv: format.payload_type,
    }
}
