//! The WebRTC half of a browser's SDP (RFC 8829, RFC 8839, RFC 8842, RFC 8866), read tolerantly.
//!
//! Only what a peer connection needs: ICE credentials, fingerprint, DTLS role, and per m-line the
//! mid, payload types, rtx, feedback, header extensions, direction and SSRCs. Candidates are not
//! read at all: an ICE-lite agent learns addresses from authenticated checks alone (RFC 8445 §7.3).
//!
//! Tolerated, because the published SDK's `stripCodecs` makes it: bare LF, an m-line ending in a
//! space, `a=fmtp` and `a=rtpmap` of payload types the m-line no longer lists.

use sdp::{Direction, MediaKind};

use crate::error::Error;

/// Most SSRCs of one m-line that are kept (main and rtx of one stream, with room to spare).
const MAX_SSRCS: usize = 8;
/// Most m-lines that are looked at.
const MAX_LINES: usize = 16;

/// DTLS role of the writer of an SDP (RFC 8842 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// Either; the answerer chooses.
    ActPass,
    /// Sends the ClientHello.
    Active,
    /// Waits for it.
    Passive,
}

/// A browser's session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    /// `a=ice-ufrag`.
    pub(crate) ufrag: String,
    /// `a=ice-pwd`.
    pub(crate) pwd: String,
    /// `a=ice-lite`: the writer makes no checks.
    pub(crate) ice_lite: bool,
    /// Hash function in lower case, and digest as written.
    pub(crate) fingerprint: (String, String),
    /// `a=setup`; actpass if absent.
    pub(crate) setup: Setup,
    /// The m-lines in order.
    pub(crate) media: Vec<RemoteMedia>,
}

/// One m-line of a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteMedia {
    /// `None`: neither audio nor video.
    pub(crate) kind: Option<MediaKind>,
    /// As written: `audio`, `video`, `application` ...
    pub(crate) name: String,
    /// As written.
    pub(crate) proto: String,
    /// Port 0 without being bundled (RFC 8843 §7.3).
    pub(crate) rejected: bool,
    /// The formats as written; payload types for RTP.
    pub(crate) formats: Vec<String>,
    /// `a=mid`; the index of the m-line if absent.
    pub(crate) mid: String,
    /// Direction as the browser sees it.
    pub(crate) direction: Direction,
    /// (rtx payload type, payload type it repairs), both listed in the m-line.
    pub(crate) rtx: Vec<(u8, u8)>,
    /// (payload type or `None` for `*`, value), as in `a=rtcp-fb`.
    pub(crate) feedback: Vec<(Option<u8>, String)>,
    /// (id, URI), as in `a=extmap`.
    pub(crate) extensions: Vec<(u8, String)>,
    /// `a=rtcp-rsize` (RFC 5506).
    pub(crate) reduced_size: bool,
    /// SSRCs of the browser and the rtx SSRC of each, if any.
    pub(crate) ssrcs: Vec<(u32, Option<u32>)>,
}

impl RemoteMedia {
    /// The RTP payload types of the m-line, in order.
    pub(crate) fn payload_types(&self) -> impl Iterator<Item = u8> + '_ {
        self.formats.iter().filter_map(|f| f.parse().ok())
    }

    /// The rtx payload type that repairs `payload_type` (RFC 4588).
    pub(crate) fn rtx_for(&self, payload_type: u8) -> Option<u8> {
        self.rtx
            .iter()
            .find(|(_, repaired)| *repaired == payload_type)
            .map(|(rtx, _)| *rtx)
    }

    /// The id under which the browser knows a header extension (RFC 8285).
    pub(crate) fn extension(&self, uri: &str) -> Option<u8> {
        self.extensions
            .iter()
            .find(|(_, u)| u == uri)
            .map(|(id, _)| *id)
    }

    /// Whether the browser listed this feedback for this payload type.
    pub(crate) fn has_feedback(&self, payload_type: u8, value: &str) -> bool {
        self.feedback
            .iter()
            .any(|(pt, v)| v == value && pt.is_none_or(|pt| pt == payload_type))
    }
}

impl Remote {
    /// Read a browser's SDP.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut sections: Vec<Vec<(char, &str)>> = vec![Vec::new()];
        for line in text.lines() {
            let line = line.trim_end();
            let Some((kind, value)) = line.split_once('=') else {
                continue;
            };
            let mut kind = kind.chars();
            let (Some(kind), None) = (kind.next(), kind.next()) else {
                continue;
            };
            if kind == 'm' {
                if sections.len() > MAX_LINES {
                    return Err(bad("it has more than 16 m-lines"));
                }
                sections.push(Vec::new());
            }
            if let Some(section) = sections.last_mut() {
                section.push((kind, value));
            }
        }
        let session = sections.remove(0);
        if sections.is_empty() {
            return Err(bad("it has no m-line"));
        }

        // ICE and DTLS attributes stand in the session part or in every bundled m-line alike.
        let anywhere = |name: &'static str| {
            attribute(&session, name)
                .or_else(|| sections.iter().find_map(|section| attribute(section, name)))
        };
        let ufrag = anywhere("ice-ufrag").ok_or_else(|| bad("a=ice-ufrag is missing"))?;
        let pwd = anywhere("ice-pwd").ok_or_else(|| bad("a=ice-pwd is missing"))?;
        let fingerprint = std::iter::once(&session)
            .chain(&sections)
            .flat_map(|section| attributes(section, "fingerprint"))
            .filter_map(|value| value.split_once(' '))
            .map(|(hash, digest)| (hash.to_ascii_lowercase(), digest.trim().to_owned()))
            // sha-256 before what else may stand there (RFC 8122 §5.1).
            .max_by_key(|(hash, _)| hash == "sha-256")
            .ok_or_else(|| bad("a=fingerprint is missing"))?;
        let setup = match anywhere("setup") {
            Some("active") => Setup::Active,
            Some("passive") => Setup::Passive,
            _ => Setup::ActPass,
        };
        let bundled: Vec<&str> = attributes(&session, "group")
            .filter_map(|value| value.strip_prefix("BUNDLE"))
            .flat_map(str::split_whitespace)
            .collect();
        let media = sections
            .iter()
            .enumerate()
            .map(|(index, section)| media(index, section, &session, &bundled))
            .collect::<Result<Vec<_>, _>>()?;

        Ok(Self {
            ufrag: ufrag.to_owned(),
            pwd: pwd.to_owned(),
            ice_lite: session.contains(&('a', "ice-lite")),
            fingerprint,
            setup,
            media,
        })
    }
}

fn media(
    index: usize,
    section: &[(char, &str)],
    session: &[(char, &str)],
    bundled: &[&str],
) -> Result<RemoteMedia, Error> {
    let line = section.first().map_or("", |(_, value)| value);
    let mut words = line.split_whitespace();
    let (Some(name), Some(port), Some(proto)) = (words.next(), words.next(), words.next()) else {
        return Err(bad(&format!("its m-line {} is not complete", index + 1)));
    };
    let formats: Vec<String> = words.map(str::to_owned).collect();
    let listed = |pt: &u8| formats.iter().any(|f| f.parse() == Ok(*pt));
    let mid = attribute(section, "mid").map_or_else(|| index.to_string(), str::to_owned);
    let number = |text: &str| text.parse::<u8>().ok().filter(|pt| *pt < 128);

    let is_rtx = |pt: u8| {
        attributes(section, "rtpmap").any(|value| {
            value.split_once(' ').is_some_and(|(p, name)| {
                number(p) == Some(pt) && name.to_ascii_lowercase().starts_with("rtx/")
            })
        })
    };
    let rtx = attributes(section, "fmtp")
        .filter_map(|value| {
            let (pt, parameters) = value.split_once(' ')?;
            let repaired = parameters
                .split(';')
                .find_map(|p| p.trim().strip_prefix("apt="))?;
            Some((number(pt)?, number(repaired.trim())?))
        })
        .filter(|(pt, repaired)| listed(pt) && listed(repaired) && is_rtx(*pt))
        .collect();
    let feedback = attributes(section, "rtcp-fb")
        .filter_map(|value| {
            let (pt, value) = value.split_once(' ')?;
            let pt = if pt == "*" { None } else { Some(number(pt)?) };
            Some((pt, value.trim().to_ascii_lowercase()))
        })
        .collect();
    let extensions = attributes(section, "extmap")
        .filter_map(|value| {
            let (id, uri) = value.split_once(' ')?;
            // `id/direction` is allowed (RFC 8285 §5); two-byte ids are not used here.
            let id: u8 = id.split('/').next()?.parse().ok()?;
            let uri = uri.split_whitespace().next()?;
            (1..=14).contains(&id).then(|| (id, uri.to_owned()))
        })
        .collect();
    let direction = section
        .iter()
        .rev()
        .chain(session.iter().rev())
        .filter(|(kind, _)| *kind == 'a')
        .find_map(|(_, value)| match *value {
            "sendrecv" => Some(Direction::SendRecv),
            "sendonly" => Some(Direction::SendOnly),
            "recvonly" => Some(Direction::RecvOnly),
            "inactive" => Some(Direction::Inactive),
            _ => None,
        })
        .unwrap_or(Direction::SendRecv);

    Ok(RemoteMedia {
        kind: match name {
            "audio" => Some(MediaKind::Audio),
            "video" => Some(MediaKind::Video),
            _ => None,
        },
        name: name.to_owned(),
        proto: proto.to_owned(),
        rejected: port == "0" && !bundled.contains(&mid.as_str()),
        rtx,
        feedback,
        extensions,
        direction,
        reduced_size: section.contains(&('a', "rtcp-rsize")),
        ssrcs: ssrcs(section),
        formats,
        mid,
    })
}

/// `a=ssrc` and `a=ssrc-group:FID` of one m-line (RFC 5576).
fn ssrcs(section: &[(char, &str)]) -> Vec<(u32, Option<u32>)> {
    let pairs: Vec<(u32, u32)> = attributes(section, "ssrc-group")
        .filter_map(|value| value.strip_prefix("FID "))
        .filter_map(|value| {
            let (main, rtx) = value.split_once(' ')?;
            Some((main.parse().ok()?, rtx.trim().parse().ok()?))
        })
        .collect();
    let mut found: Vec<(u32, Option<u32>)> = Vec::new();
    for value in attributes(section, "ssrc") {
        let Some(Ok(ssrc)) = value.split_whitespace().next().map(str::parse::<u32>) else {
            continue;
        };
        let is_rtx = pairs.iter().any(|(_, rtx)| *rtx == ssrc);
        let known = found.iter().any(|(main, _)| *main == ssrc);
        if ssrc == 0 || is_rtx || known || found.len() == MAX_SSRCS {
            continue;
        }
        let rtx = pairs.iter().find(|(main, _)| *main == ssrc);
        found.push((ssrc, rtx.map(|(_, rtx)| *rtx)));
    }
    found
}

fn attributes<'a>(
    section: &'a [(char, &'a str)],
    name: &'static str,
) -> impl Iterator<Item = &'a str> + 'a {
    section
        .iter()
        .filter(|(kind, _)| *kind == 'a')
        .filter_map(move |(_, value)| value.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

fn attribute<'a>(section: &'a [(char, &'a str)], name: &'static str) -> Option<&'a str> {
    attributes(section, name).next()
}

fn bad(why: &str) -> Error {
    Error::BadSdp(format!("{why}."))
}

#[cfg(test)]
#[path = "description_tests.rs"]
mod tests;
