//! What two descriptions allow together: formats, payload types, header extensions, directions.

use sdp::{BrowserMedia, Direction, MediaKind, Plan};

use crate::codecs::{NegotiatedFormat, VIDEO_FEEDBACK, codec, usable};
use crate::description::{Remote, RemoteMedia};
use crate::error::Error;
use crate::write::{MID_URI, TRANSPORT_CC_URI};

/// The plan's entries of one kind, last first, to be popped in the order of the m-lines.
pub(crate) fn plan_for(plan: &Plan, kind: MediaKind) -> Vec<&sdp::MediaPlan> {
    let mut entries: Vec<_> = plan.media.iter().filter(|m| m.kind == kind).collect();
    entries.reverse();
    entries
}

/// The plan's formats as far as the browser's m-line lists them.
pub(crate) fn negotiate(line: &RemoteMedia, formats: &[sdp::Format]) -> Vec<NegotiatedFormat> {
    let listed: Vec<u8> = line.payload_types().collect();
    usable(formats)
        .into_iter()
        .filter(|f| listed.contains(&f.payload_type.get()))
        .map(|format| {
            let pt = format.payload_type.get();
            let is_video = line.kind == Some(MediaKind::Video);
            let feedback = VIDEO_FEEDBACK
                .into_iter()
                .filter(|value| is_video && line.has_feedback(pt, value))
                .filter(|value| {
                    *value != "transport-cc" || line.extension(TRANSPORT_CC_URI).is_some()
                })
                .collect();
            let rtx = line.rtx_for(pt).filter(|_| is_video);
            NegotiatedFormat {
                format,
                rtx,
                feedback,
            }
        })
        .collect()
}

/// Dynamic payload types no format of ours uses, for rtx in an offer of ours.
pub(crate) fn free_payload_types(media: &[BrowserMedia]) -> impl Iterator<Item = u8> + use<> {
    let used: Vec<u8> = media
        .iter()
        .flat_map(|m| &m.formats)
        .map(|f| f.payload_type.get())
        .collect();
    (96..=127).rev().filter(move |pt| !used.contains(pt))
}

pub(crate) fn with_our_feedback(
    kind: MediaKind,
    format: sdp::Format,
    free: &mut impl Iterator<Item = u8>,
) -> NegotiatedFormat {
    let is_video = kind == MediaKind::Video && codec(&format.encoding).is_some();
    NegotiatedFormat {
        format,
        rtx: if is_video { free.next() } else { None },
        feedback: if is_video {
            VIDEO_FEEDBACK.to_vec()
        } else {
            Vec::new()
        },
    }
}

/// The browser's ids of the extensions we use: mid, and with video transport-cc.
pub(crate) fn extensions_of(remote: &Remote, with_video: bool) -> Vec<(u8, &'static str)> {
    let id = |uri: &'static str| {
        let id = remote.media.iter().find_map(|m| m.extension(uri))?;
        Some((id, uri))
    };
    let transport_cc = id(TRANSPORT_CC_URI).filter(|_| with_video);
    id(MID_URI).into_iter().chain(transport_cc).collect()
}

pub(crate) fn check_peer(remote: &Remote) -> Result<(), Error> {
    if remote.ice_lite {
        return Err(bad("both sides are ICE-lite"));
    }
    Ok(())
}

pub(crate) fn mirrored(direction: Direction) -> Direction {
    match direction {
        Direction::SendOnly => Direction::RecvOnly,
        Direction::RecvOnly => Direction::SendOnly,
        other => other,
    }
}

/// What two wishes allow together, both seen from our side.
pub(crate) fn both(a: Direction, b: Direction) -> Direction {
    match (sends(a) && sends(b), receives(a) && receives(b)) {
        (true, true) => Direction::SendRecv,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::RecvOnly,
        (false, false) => Direction::Inactive,
    }
}

pub(crate) fn sends(direction: Direction) -> bool {
    matches!(direction, Direction::SendRecv | Direction::SendOnly)
}

pub(crate) fn receives(direction: Direction) -> bool {
    matches!(direction, Direction::SendRecv | Direction::RecvOnly)
}

pub(crate) fn bad(why: &str) -> Error {
    Error::BadSdp(format!("{why}."))
}
