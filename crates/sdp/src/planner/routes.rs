//! Parts of a plan that more than one planner needs.

use crate::description::{Description, Media};
use crate::format::{Encoding, Format, MediaKind};
use crate::pairing::{SipFormat, join, pair};
use crate::plan::{PlanError, Route};

/// The m-line that answers ours: the one in the same place (RFC 3264 §6), else the first of its kind,
/// since some devices leave refused lines out.
pub(crate) fn answering(answer: &Description, kind: MediaKind, place: usize) -> Option<&Media> {
    let in_place = answer
        .media
        .get(place)
        .filter(|media| media.kind == Some(kind));
    in_place.or_else(|| answer.media.iter().find(|media| media.kind == Some(kind)))
}

/// Whether an answer took the profile that we offered.
pub(crate) fn answered_as(kind: MediaKind, theirs: &Media) -> Result<(), PlanError> {
    if theirs.is_plain_rtp() {
        return Ok(());
    }
    let proto = &theirs.proto;
    Err(PlanError::Unusable(format!(
        "The SIP side answered {kind} with {proto}, but RTP/AVP was offered."
    )))
}

/// A format of an answer with the number under which we offered it; `None` if we did not offer it.
///
/// A number without an rtpmap means what we offered under it. A peer that keeps the number but
/// narrows the fmtp (H.264 in mode 0 where mode 1 was offered) sends with that number all the same.
/// A peer that renumbers sends with our number for the same codec (RFC 3264 §5.1).
pub(crate) fn agreed(theirs: &Format, offered: &[Format]) -> Option<SipFormat> {
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

/// Joins the codecs of both legs where the browser has been told its formats. It sends the first,
/// whatever the SIP side prefers, so nothing is joined if that one has no route. The others can be
/// sent to it.
pub(crate) fn join_sent(browser: &[Format], sip: &[SipFormat]) -> Vec<Route> {
    let Some(sent) = browser.iter().position(Format::is_codec) else {
        return Vec::new();
    };
    let mut routes = join(&browser[sent..=sent], sip);
    if !routes.is_empty() {
        routes.append(&mut join(&browser[sent + 1..], sip));
    }
    routes
}

/// Routes for what a browser sends in single NAL units: it also suits a SIP peer of H.264 in mode 1.
/// They matter where an earlier answer told the browser to send so.
pub(crate) fn single_units(browser: &[Format], routes: &[Route]) -> Vec<Route> {
    let is_h264 = |format: &&Format| format.encoding == Encoding::H264;
    let unreached = browser.iter().filter(is_h264).filter(|format| {
        let mut reached = routes.iter().map(|route| route.browser.payload_type);
        reached.all(|number| number != format.payload_type)
    });
    let route = |format: &Format| {
        let fits = |route: &&Route| {
            is_h264(&&route.sip) && format.h264().single_units_fit(&route.sip.h264())
        };
        let found = routes.iter().find(fits)?;
        Some(Route {
            browser: format.clone(),
            ..found.clone()
        })
    };
    unreached.filter_map(route).collect()
}

/// Routes for a peer that sends with its own numbers although it should send with ours
/// (RFC 3264 §5.1). Both are understood where that is not ambiguous.
pub(crate) fn by_their_own_number(routes: &[Route]) -> Vec<Route> {
    let understood = |number| routes.iter().any(|route| route.sip_recv == number);
    let renumbered = routes.iter().filter(|route| !understood(route.sip_send));
    renumbered
        .map(|route| Route {
            sip_recv: route.sip_send,
            ..route.clone()
        })
        .collect()
}
