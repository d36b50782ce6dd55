//! What a service takes of an offer, and the answer that says so (RFC 3264 §6).

use std::net::{IpAddr, SocketAddr};

use sdp::{
    Description, Direction, Encoding, Feedback, Format, LocalMedia, Media, MediaKind, Origin,
    PayloadType,
};

use crate::number::Program;

/// One m-line of the caller's that is taken.
#[derive(Debug, Clone)]
pub(crate) struct Agreed {
    pub(crate) kind: MediaKind,
    /// In the offer's order, with the offer's payload types; never empty.
    pub(crate) formats: Vec<Format>,
    /// As the caller described it.
    pub(crate) theirs: Media,
    /// From our side.
    pub(crate) direction: Direction,
}

/// What of an offer is taken: at most one m-line of each kind. Empty: 488.
pub(crate) fn agree(program: Program, offer: &Description) -> Vec<Agreed> {
    let kinds: &[MediaKind] = match program {
        Program::Echo => &[MediaKind::Audio, MediaKind::Video],
        Program::Play(_) => &[MediaKind::Audio],
    };
    let agreed = kinds.iter().filter_map(|kind| {
        let theirs = offer.media.iter().find(|media| {
            media.kind == Some(*kind) && !media.rejected() && plain_rtp(&media.proto)
        })?;
        let formats = taken(program, &theirs.formats);
        // Digits alone are no audio.
        formats.iter().find(|format| is_codec(&format.encoding))?;
        Some(Agreed {
            kind: *kind,
            formats,
            theirs: theirs.clone(),
            direction: theirs.direction.reversed(),
        })
    });
    agreed.collect()
}

/// The answer: `agreed` at the ports of `local`, everything else refused with port 0.
pub(crate) fn answer(
    offer: &Description,
    agreed: &[Agreed],
    local: &[LocalMedia],
    origin: Origin,
) -> Description {
    let mut left: Vec<&Agreed> = agreed.iter().collect();
    let media = offer.media.iter().map(|theirs| {
        let found = left.iter().position(|agreed| agreed.theirs == *theirs);
        let agreed = found.map(|at| left.remove(at));
        let ours = agreed.and_then(|agreed| {
            let local = local.iter().find(|local| local.kind == agreed.kind)?;
            Some((agreed, local.rtp))
        });
        match ours {
            Some((agreed, rtp)) => accepted(agreed, rtp),
            // RFC 3264 §6: the formats of a refused m-line say nothing, but one must stand there.
            None => Media {
                port: 0,
                addr: Some(origin.addr),
                rtcp: None,
                rtcp_mux: false,
                direction: Direction::Inactive,
                ptime_ms: None,
                feedback: Feedback::default(),
                ..theirs.clone()
            },
        }
    });
    Description {
        origin,
        addr: Some(origin.addr),
        session_lines: Vec::new(),
        media: media.collect(),
    }
}

/// What is offered to a caller who offers nothing: G.711.
pub(crate) fn own_offer(rtp: SocketAddr, origin: Origin) -> Description {
    let formats = [0, 8]
        .into_iter()
        .filter_map(PayloadType::new)
        .map(Format::of_payload_type);
    let media = Media {
        kind: Some(MediaKind::Audio),
        media_name: "audio".into(),
        port: rtp.port(),
        proto: "RTP/AVP".into(),
        addr: Some(rtp.ip()),
        rtcp: None,
        rtcp_mux: false,
        direction: Direction::SendRecv,
        formats: formats.collect(),
        other_formats: Vec::new(),
        ptime_ms: Some(20),
        feedback: Feedback::default(),
        mid: None,
    };
    Description {
        origin,
        addr: Some(origin.addr),
        session_lines: Vec::new(),
        media: vec![media],
    }
}

/// An `o=` of ours.
pub(crate) fn origin(session_id: u64, addr: IpAddr) -> Origin {
    // A number that fits a signed 64-bit integer is safe with every reader.
    Origin {
        session_id: session_id >> 1,
        version: 1,
        addr,
    }
}

fn accepted(agreed: &Agreed, rtp: SocketAddr) -> Media {
    let theirs = &agreed.theirs;
    Media {
        port: rtp.port(),
        addr: Some(rtp.ip()),
        rtcp: None,
        rtcp_mux: theirs.rtcp_mux,
        direction: agreed.direction,
        formats: agreed.formats.clone(),
        other_formats: Vec::new(),
        ptime_ms: (agreed.kind == MediaKind::Audio).then_some(20),
        // Lost packets are not sent again.
        feedback: Feedback {
            nack: false,
            ..theirs.feedback
        },
        ..theirs.clone()
    }
}

fn taken(program: Program, offered: &[Format]) -> Vec<Format> {
    let wanted = |format: &&Format| match program {
        Program::Echo => is_codec(&format.encoding) || format.encoding == Encoding::TelephoneEvent,
        Program::Play(_) => matches!(format.encoding, Encoding::Pcmu | Encoding::Pcma),
    };
    offered.iter().filter(wanted).cloned().collect()
}

fn is_codec(encoding: &Encoding) -> bool {
    use Encoding::{G722, H264, Opus, Pcma, Pcmu, Vp8};
    matches!(encoding, Opus | Pcmu | Pcma | G722 | Vp8 | H264)
}

/// RTP without encryption.
fn plain_rtp(proto: &str) -> bool {
    ["RTP/AVP", "RTP/AVPF"]
        .iter()
        .any(|plain| proto.eq_ignore_ascii_case(plain))
}
