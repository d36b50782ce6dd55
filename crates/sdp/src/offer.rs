//! Our first offer to the SIP side: in our INVITE, or in a 18x or the 200 to an INVITE without SDP.
//!
//! Payload types are the browser's own, so that most calls need no renumbering. Formats that Chromium
//! numbers below 96, where it has run out of room, get a number that SIP devices take as dynamic.

use std::collections::BTreeSet;

use crate::answer::late_formats;
use crate::description::{Description, Direction, LocalMedia, Media, Origin};
use crate::fmtp::{opus, telephone_event, vp8};
use crate::format::{Encoding, Format, MediaKind, PayloadType};
use crate::numbers::Numbers;
use crate::pairing::{can_pass, pair};
use crate::plan::PlanError;
use crate::session_lines::{check_session_lines, sound};
use crate::settings::CodecSettings;
use crate::words::list;

/// The offer of our INVITE, made from the browser's offer.
///
/// It has the first audio and the first video m-line of the browser, each if `local` has a port for
/// it. The codecs are those of the settings in their order, then those that the browser has beyond
/// them (if that is allowed), then the other law of G.711 if the browser has only one; of all these
/// only the ones that pass without a decoder. telephone-event stands last, once for each clock of
/// the codecs.
///
/// Audio is always offered sendrecv: a browser without a microphone is silent, not recvonly (A12).
/// Video has the browser's direction, and is left out if none of its codecs can pass. The error is
/// `TranscodingRequired` or `NoCommonCodec` if no audio can pass, `Unusable` for bad
/// `session_lines`.
pub fn offer_to_sip(
    browser_offer: &Description,
    local: &[LocalMedia],
    origin: Origin,
    settings: &CodecSettings,
    session_lines: &[String],
) -> Result<Description, PlanError> {
    check_session_lines(session_lines).map_err(|error| PlanError::Unusable(format!("{error}.")))?;
    let candidates = |media: &Media| sip_codecs(&media.formats, settings);
    offer(
        browser_offer,
        local,
        origin,
        settings,
        session_lines,
        candidates,
    )
}

/// The offer of our 200 to an INVITE without SDP, made from the browser's answer to our own offer
/// ([`formats_for_browser`](crate::formats_for_browser) with `None`).
///
/// The browser already sends the codec that its answer put first, so only what that codec can become
/// without a decoder is offered.
pub fn late_offer(
    browser_answer: &Description,
    local: &[LocalMedia],
    origin: Origin,
    settings: &CodecSettings,
) -> Result<Description, PlanError> {
    let candidates = |media: &Media| {
        let sent = media.formats.iter().find(|format| format.is_codec());
        let mut codecs = sip_codecs(&media.formats, settings);
        codecs.retain(|codec| sent.is_some_and(|sent| pair(sent, codec).is_some()));
        codecs
    };
    offer(browser_answer, local, origin, settings, &[], candidates)
}

/// Our offer in a reliable 18x to an INVITE without SDP, before the page has answered
/// (RFC 3262 §5).
///
/// It has the codecs that [`formats_for_browser`](crate::formats_for_browser) with `None` offers to
/// the browser, since whichever the browser answers can become each of them without a decoder. When
/// the page has answered, [`plan_late`](crate::plan_late) takes its answer, this offer, and the SIP
/// side's answer from the PRACK.
pub fn early_late_offer(
    local: &[LocalMedia],
    origin: Origin,
    settings: &CodecSettings,
) -> Result<Description, PlanError> {
    let mut media = Vec::new();
    for for_browser in late_formats(settings)? {
        let Some(local) = local.iter().find(|local| local.kind == for_browser.kind) else {
            continue;
        };
        let mut formats = for_browser.formats;
        for event in formats.iter_mut().filter(|format| format.is_event()) {
            event.fmtp = Some(telephone_event::OFFERED.into());
        }
        media.push(Media::ours(*local, Direction::SendRecv, formats));
    }
    let addr = media.first().and_then(|media| media.addr);
    if addr.is_none() {
        let text = "There is no port for the audio of this call.";
        return Err(PlanError::Unusable(text.into()));
    }
    Ok(Description {
        origin,
        addr,
        session_lines: Vec::new(),
        media,
    })
}

fn offer(
    browser: &Description,
    local: &[LocalMedia],
    origin: Origin,
    settings: &CodecSettings,
    session_lines: &[String],
    codecs: impl Fn(&Media) -> Vec<Format>,
) -> Result<Description, PlanError> {
    let mut media = Vec::new();
    let mut nothing = None;
    for theirs in &browser.media {
        let Some(kind) = theirs.kind.filter(|kind| browser.is_first(theirs, *kind)) else {
            continue;
        };
        let Some(local) = local.iter().find(|local| local.kind == kind) else {
            continue;
        };
        let direction = match kind {
            MediaKind::Audio => Direction::SendRecv,
            MediaKind::Video => theirs.direction,
        };
        let mut formats = codecs(theirs);
        if direction == Direction::Inactive {
            continue;
        }
        if formats.is_empty() {
            let error = nothing_to_offer(kind, theirs, settings);
            match kind {
                MediaKind::Audio => return Err(error),
                MediaKind::Video => nothing = Some(error),
            }
            continue;
        }
        formats.append(&mut events(&theirs.formats, &formats, settings));
        Numbers::default().give(&mut formats.iter_mut().collect::<Vec<_>>());
        media.push(Media::ours(*local, direction, formats));
    }
    if media.is_empty() {
        let none = || PlanError::Unusable("The browser offers neither audio nor video.".into());
        return Err(nothing.unwrap_or_else(none));
    }
    let addr = media.first().and_then(|media| media.addr);
    Ok(Description {
        origin,
        addr,
        session_lines: sound(session_lines),
        media,
    })
}

/// The browser's codecs that may be offered, in order, in the form for the SIP side.
fn sip_codecs(browser: &[Format], settings: &CodecSettings) -> Vec<Format> {
    let mut ranked: Vec<(usize, Format)> = Vec::new();
    for format in browser.iter().filter(|format| can_pass(format)) {
        let Some(rank) = settings.rank(format) else {
            continue;
        };
        let same = |other: &(usize, Format)| {
            pair(format, &other.1).is_some_and(|(_, distance)| distance == 0)
        };
        if !ranked.iter().any(same) {
            ranked.push((rank, for_sip(format)));
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    one_h264_per_mode(&mut ranked);
    let mut codecs: Vec<Format> = ranked.into_iter().map(|(_, format)| format).collect();
    codecs.extend(other_law(&codecs).filter(|format| settings.rank(format).is_some()));
    codecs
}

/// Keeps H.264 once for each packetization mode, in the profile nearest to Constrained Baseline.
///
/// Chromium offers three profiles in two modes each. baresip 1.0 answers one of them and sends with
/// the payload type of another, and each takes 100 bytes of the INVITE.
fn one_h264_per_mode(ranked: &mut Vec<(usize, Format)>) {
    let video: Vec<_> = ranked
        .iter()
        .filter(|(_, format)| format.encoding == Encoding::H264)
        .map(|(_, format)| {
            (
                format.h264().mode,
                format.h264().profile(),
                format.payload_type,
            )
        })
        .collect();
    ranked.retain(|(_, format)| {
        format.encoding != Encoding::H264 || {
            let mode = format.h264().mode;
            let best = video
                .iter()
                .filter(|(of, _, _)| *of == mode)
                .min_by_key(|(_, profile, _)| profile.distance_from_constrained_baseline());
            best.is_some_and(|(_, _, number)| *number == format.payload_type)
        }
    });
}

/// PCMA if only PCMU is there, and the reverse: each is made of the other by table.
pub(crate) fn other_law(codecs: &[Format]) -> Option<Format> {
    let has = |encoding| codecs.iter().any(|codec| codec.encoding == encoding);
    let number = match (has(Encoding::Pcmu), has(Encoding::Pcma)) {
        (true, false) => 8,
        (false, true) => 0,
        _ => return None,
    };
    let format = Format::of_payload_type(PayloadType::new(number)?);
    (!codecs
        .iter()
        .any(|codec| codec.payload_type == format.payload_type))
    .then_some(format)
}

/// A browser's format in the form for the SIP side, with what the browser wants to receive.
pub(crate) fn for_sip(format: &Format) -> Format {
    let fmtp = match format.encoding {
        Encoding::Opus => opus::relayed(format.fmtp.as_deref()),
        Encoding::Vp8 => vp8::relayed(format.fmtp.as_deref()),
        Encoding::H264 => Some(format.h264().offer_to_sip()),
        _ => None,
    };
    Format {
        fmtp,
        ..format.clone()
    }
}

/// telephone-event at each clock of the codecs, with the browser's numbers. 8000 stands before 48000,
/// since some devices take the first one without a look at its clock.
///
/// 8000 is offered even if the browser has digits at another clock only, since the bridge rescales. If
/// the browser has none at all the page does not want any (`stripCodecs`).
pub(crate) fn events(
    browser: &[Format],
    codecs: &[Format],
    settings: &CodecSettings,
) -> Vec<Format> {
    let theirs: Vec<&Format> = browser
        .iter()
        .filter(|format| format.is_event())
        .filter(|format| settings.rank(format).is_some())
        .collect();
    let Some(first) = theirs.first() else {
        return Vec::new();
    };
    let clocks: BTreeSet<u32> = codecs.iter().map(|codec| codec.clock_hz).collect();
    let mut events: Vec<Format> = Vec::new();
    for clock_hz in clocks {
        match theirs.iter().find(|event| event.clock_hz == clock_hz) {
            Some(event) => events.push((*event).clone()),
            None if clock_hz == 8000 => {
                let payload_type = PayloadType::new(101).unwrap_or(first.payload_type);
                events.push(Format {
                    payload_type,
                    clock_hz,
                    ..(*first).clone()
                });
            }
            None => {}
        }
    }
    if events.is_empty() {
        events.push((*first).clone());
    }
    for event in &mut events {
        event.fmtp = Some(telephone_event::OFFERED.into());
    }
    events
}

fn nothing_to_offer(kind: MediaKind, browser: &Media, settings: &CodecSettings) -> PlanError {
    let known = browser.formats.iter().any(Format::is_codec);
    let browser = list(&browser.formats);
    let listed = settings.listed(kind);
    let sip = if listed.is_empty() {
        "nothing".to_owned()
    } else {
        listed.join(", ")
    };
    if known && !listed.is_empty() {
        PlanError::TranscodingRequired { browser, sip }
    } else {
        PlanError::NoCommonCodec { browser, sip }
    }
}
