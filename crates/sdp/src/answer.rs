//! Incoming calls: our offer to the browser, and our answer to the INVITE.

use crate::description::{Description, Direction, LocalMedia, Media, Origin};
use crate::fmtp::{h264::H264, opus, telephone_event, vp8};
use crate::format::{Encoding, Format, MediaKind, PayloadType};
use crate::numbers::Numbers;
use crate::pairing::{can_pass, event_for, pair};
use crate::plan::{MediaPlan, Plan, PlanError, Route};
use crate::session_lines::sound;
use crate::settings::{CodecSettings, CodecToken};
use crate::words::list;

/// One m-line of our offer to a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserMedia {
    /// Audio or video.
    pub kind: MediaKind,
    /// Always sendrecv: the browser leg is never renegotiated, so it must survive a hold.
    pub direction: Direction,
    /// In order of preference. Payload types are unique over all m-lines (RFC 8843 §10.1.2).
    pub formats: Vec<Format>,
}

/// The m-lines of our offer to the browser on an incoming call.
///
/// With an INVITE's offer: its first usable audio and its first usable video m-line, in its order,
/// with the peer's codecs that pass, in the peer's order and with its numbers where a browser takes
/// them. With `None`, an INVITE without SDP: audio alone, in the codecs that most peers have, since
/// what the browser sends must suit whatever the peer answers (R6). At most one telephone-event,
/// last, at the clock of the first codec.
///
/// The error is `TranscodingRequired` or `NoCommonCodec` if the INVITE's audio cannot pass.
pub fn formats_for_browser(
    sip_offer: Option<&Description>,
    settings: &CodecSettings,
) -> Result<Vec<BrowserMedia>, PlanError> {
    let Some(sip_offer) = sip_offer else {
        return late_formats(settings);
    };
    let offered = offered_to_browser(sip_offer, settings)?;
    Ok(offered
        .into_iter()
        .map(|ours| {
            let mut formats: Vec<Format> =
                ours.pairs.into_iter().map(|(format, _)| format).collect();
            formats.extend(ours.event);
            BrowserMedia {
                kind: ours.kind,
                direction: Direction::SendRecv,
                formats,
            }
        })
        .collect())
}

/// The answer to an INVITE's offer, with its m-lines in its order and with its payload types
/// (RFC 3264 §6). Each accepted m-line has the one codec that is used, and digits.
///
/// Lines of `session_lines` that [`check_session_lines`](crate::check_session_lines) refuses are
/// left out.
pub fn answer_to_sip(
    sip_offer: &Description,
    plan: &Plan,
    local: &[LocalMedia],
    origin: Origin,
    session_lines: &[String],
) -> Description {
    let mut open: Vec<(LocalMedia, &MediaPlan)> = plan
        .media
        .iter()
        .filter(|media| media.accepted && !media.routes.is_empty())
        .filter_map(|media| {
            let local = local.iter().find(|local| local.kind == media.kind)?;
            Some((*local, media))
        })
        .collect();
    let addr = open
        .first()
        .map_or(origin.addr, |(local, _)| local.rtp.ip());
    let media = sip_offer.media.iter().map(|theirs| {
        let place = open
            .iter()
            .position(|(_, plan)| carries(theirs, plan.kind, &plan.routes));
        let Some(place) = place else {
            return theirs.refusal(addr);
        };
        let (local, plan) = open.remove(place);
        accepted(theirs, local, plan)
    });
    let media = media.collect();
    Description {
        origin,
        addr: Some(addr),
        session_lines: sound(session_lines),
        media,
    }
}

/// An m-line of an offer, accepted: each format of the offer that has a route, with our number for it.
pub(crate) fn accepted(theirs: &Media, local: LocalMedia, plan: &MediaPlan) -> Media {
    let mut seen: Vec<PayloadType> = Vec::new();
    let mut formats = Vec::new();
    for route in &plan.routes {
        if !seen.contains(&route.sip.payload_type) {
            seen.push(route.sip.payload_type);
            formats.push(answer_format(route));
        }
    }
    let ours = Media::ours(local, plan.sip_direction, formats);
    Media {
        proto: theirs.proto.clone(),
        media_name: theirs.media_name.clone(),
        rtcp_mux: theirs.rtcp_mux,
        feedback: ours.feedback.and(theirs.feedback),
        ..ours
    }
}

/// Whether the plan was made of this m-line.
fn carries(media: &Media, kind: MediaKind, routes: &[Route]) -> bool {
    media.kind == Some(kind)
        && !media.rejected()
        && media.is_plain_rtp()
        && routes
            .iter()
            .all(|route| media.formats.contains(&route.sip))
}

/// A format of the offer with our number and with what the browser wants to receive.
fn answer_format(route: &Route) -> Format {
    let same = route.sip.encoding == route.browser.encoding;
    let browser = route.browser.fmtp.as_deref().filter(|_| same);
    let fmtp = match route.sip.encoding {
        Encoding::H264 => Some(H264::answer_to_sip(
            &route.sip.h264(),
            &route.browser.h264(),
        )),
        Encoding::Opus => opus::relayed(browser),
        Encoding::TelephoneEvent => Some(telephone_event::answered(route.sip.fmtp.as_deref())),
        Encoding::Vp8 => vp8::relayed(browser),
        _ => None,
    };
    Format {
        payload_type: route.sip_recv,
        fmtp,
        ..route.sip.clone()
    }
}

/// What is offered to the browser for one m-line of the INVITE.
pub(crate) struct Offered<'a> {
    pub(crate) kind: MediaKind,
    /// The INVITE's m-line.
    pub(crate) sip_media: &'a Media,
    /// Each codec for the browser, with the INVITE's codec for which it stands.
    pub(crate) pairs: Vec<(Format, Format)>,
    /// The one telephone-event.
    event: Option<Format>,
}

/// The m-lines that can be carried. The browser's answer is read against the same list, so it must
/// come out the same each time.
pub(crate) fn offered_to_browser<'a>(
    sip_offer: &'a Description,
    settings: &CodecSettings,
) -> Result<Vec<Offered<'a>>, PlanError> {
    let mut numbers = Numbers::default();
    let mut offered: Vec<Offered<'a>> = Vec::new();
    let mut failures = Vec::new();
    for media in sip_offer.media.iter().filter(|media| !media.rejected()) {
        let Some(kind) = media.kind else { continue };
        if offered.iter().any(|ours| ours.kind == kind) {
            continue;
        }
        if !media.is_plain_rtp() {
            failures.push((kind, needs_encryption(kind, &media.proto)));
            continue;
        }
        let mut pairs = browser_codecs(&media.formats, settings);
        let Some((first, _)) = pairs.first() else {
            failures.push((kind, nothing_passes(kind, media)));
            continue;
        };
        let mut event = event_for(&media.formats, first.clock_hz)
            .filter(|event| settings.rank(event).is_some())
            .map(|event| browser_event(event, first.clock_hz));
        // RFC 8843 §10.1.2: the numbers of one bundle are unique.
        let mut ours: Vec<&mut Format> = pairs
            .iter_mut()
            .map(|(format, _)| format)
            .chain(&mut event)
            .collect();
        numbers.give(&mut ours);
        offered.push(Offered {
            kind,
            sip_media: media,
            pairs,
            event,
        });
    }
    let has_audio = offered.iter().any(|ours| ours.kind == MediaKind::Audio);
    // A call whose sound cannot be carried is refused altogether.
    let decisive = |(kind, _): &(MediaKind, PlanError)| match kind {
        MediaKind::Audio => !has_audio,
        MediaKind::Video => offered.is_empty(),
    };
    failures.sort_by_key(|(kind, _)| *kind);
    if let Some((_, error)) = failures.into_iter().find(decisive) {
        return Err(error);
    }
    if offered.is_empty() {
        let text = "The SIP side offers neither audio nor video.";
        return Err(PlanError::Unusable(text.into()));
    }
    Ok(offered)
}

/// Each codec of the INVITE that passes, in the form for the browser.
fn browser_codecs(sip: &[Format], settings: &CodecSettings) -> Vec<(Format, Format)> {
    let mut pairs: Vec<(Format, Format)> = Vec::new();
    for theirs in sip
        .iter()
        .filter(|format| can_pass(format) && settings.rank(format).is_some())
    {
        let fmtp = match theirs.encoding {
            Encoding::Opus => opus::relayed(theirs.fmtp.as_deref()),
            Encoding::H264 => Some(theirs.h264().for_browser()),
            Encoding::Vp8 => vp8::relayed(theirs.fmtp.as_deref()),
            _ => None,
        };
        let channels = if theirs.encoding == Encoding::Opus {
            2
        } else {
            1
        };
        let format = Format {
            fmtp,
            channels,
            ..theirs.clone()
        };
        let same = |(other, _): &(Format, Format)| {
            pair(other, &format).is_some_and(|(_, distance)| distance == 0)
        };
        if !pairs.iter().any(same) {
            pairs.push((format, theirs.clone()));
        }
    }
    pairs
}

/// The telephone-event for the browser. It has the clock of the browser's first codec, whatever the
/// SIP peer has, since Chromium sends broken digits otherwise. The bridge rescales.
fn browser_event(sip: &Format, clock_hz: u32) -> Format {
    Format {
        clock_hz,
        fmtp: Some(telephone_event::BROWSER.into()),
        ..sip.clone()
    }
}

/// What is offered to the browser, and in a reliable 18x to the SIP side, when the INVITE has no SDP.
/// Each of the codecs can become each other without a decoder, whichever each side then chooses.
pub(crate) fn late_formats(settings: &CodecSettings) -> Result<Vec<BrowserMedia>, PlanError> {
    let format = |number: u8, name: &str, clock_hz: u32, channels: u8, fmtp: Option<&str>| {
        PayloadType::new(number).map(|payload_type| Format {
            payload_type,
            encoding: Encoding::from_name(name),
            clock_hz,
            channels,
            fmtp: fmtp.map(str::to_owned),
        })
    };
    let of_token = |token: &CodecToken| match token {
        CodecToken::Alaw => format(8, "PCMA", 8000, 1, None),
        CodecToken::Ulaw => format(0, "PCMU", 8000, 1, None),
        CodecToken::G722 => format(9, "G722", 8000, 1, None),
        CodecToken::Opus => format(111, "opus", 48_000, 2, Some("minptime=10;useinbandfec=1")),
        _ => None,
    };
    let passing: Vec<Format> = settings
        .codecs
        .iter()
        .filter_map(of_token)
        .filter(|format| settings.rank(format).is_some())
        .collect();
    let is_g711 = |format: &&Format| matches!(format.encoding, Encoding::Pcma | Encoding::Pcmu);
    let mut formats: Vec<Format> = passing.iter().filter(is_g711).cloned().collect();
    if formats.is_empty() {
        formats.extend(passing.into_iter().next());
    }
    let Some(first) = formats.first() else {
        return Err(PlanError::TranscodingRequired {
            browser: "opus, G722, PCMU, PCMA".into(),
            sip: settings.listed(MediaKind::Audio).join(", "),
        });
    };
    let number = if first.clock_hz == 48_000 { 110 } else { 126 };
    let event = format(
        number,
        "telephone-event",
        first.clock_hz,
        1,
        Some(telephone_event::BROWSER),
    );
    formats.extend(event.filter(|event| settings.rank(event).is_some()));
    Ok(vec![BrowserMedia {
        kind: MediaKind::Audio,
        direction: Direction::SendRecv,
        formats,
    }])
}

pub(crate) fn needs_encryption(kind: MediaKind, proto: &str) -> PlanError {
    PlanError::Unusable(format!(
        "The SIP side offers {kind} as {proto}, but only RTP/AVP and RTP/AVPF are spoken here."
    ))
}

/// The browser has not been asked, so the error names what every browser has.
fn nothing_passes(kind: MediaKind, media: &Media) -> PlanError {
    let browser = match kind {
        MediaKind::Audio => "opus/48000/2, G722/8000, PCMU/8000, PCMA/8000",
        MediaKind::Video => "VP8/90000, H264/90000",
    };
    let (browser, sip) = (browser.to_owned(), list(&media.formats));
    if media.formats.iter().any(Format::is_codec) {
        PlanError::TranscodingRequired { browser, sip }
    } else {
        PlanError::NoCommonCodec { browser, sip }
    }
}
