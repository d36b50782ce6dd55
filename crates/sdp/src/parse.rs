//! Reads a description (RFC 8866), tolerantly: [`Clean`] mends it, `sdp-types` reads its syntax,
//! this file its meaning.
//!
//! SIP devices and browsers are read alike. A browser's ICE and DTLS attributes are left out; crate
//! `webrtc` reads those.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use sdp_types::ParserError;

use crate::address::read_addr;
use crate::clean::Clean;
use crate::description::{Description, Direction, Feedback, Media};
use crate::error::Error;
use crate::format::{Encoding, Format, MediaKind, PayloadType};

impl Description {
    /// Reads the session description of a SIP device or of a browser, and tolerates what real
    /// devices write (module `clean`).
    ///
    /// A stream that is held by address (`c=0.0.0.0` or `::`, RFC 3264 §8.4) gets the `addr` `None`
    /// and a direction that does not receive. Formats of rtx and red that repair a payload type
    /// which is not listed are left out.
    ///
    /// The error names the line. A host name in the `c=` of an m-line in use is one: names are not
    /// looked up.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let clean = Clean::read(text)?;
        let session = sdp_types::Session::parse(clean.text.as_bytes())
            .map_err(|error| explain(&error, &clean.numbers))?;
        let connection = session.connection.as_ref().map(Connection::read);
        let direction = direction(&session.attributes);
        let media = session
            .medias
            .iter()
            .map(|media| read_media(media, connection.as_ref(), direction))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|HostName(name)| {
                let what = format!("c= names the host \"{name}\", and only IP addresses are taken");
                Error::at(clean.line_of("c=", &name), what)
            })?;
        Ok(Self {
            origin: clean.origin,
            addr: connection.as_ref().and_then(Connection::addr),
            session_lines: clean.session_lines,
            media,
        })
    }
}

/// What a `c=` says.
enum Connection {
    Addr(IpAddr),
    Unspecified,
    Name(String),
}

impl Connection {
    fn read(connection: &sdp_types::Connection) -> Self {
        match read_addr(&connection.connection_address) {
            Some(addr) if addr.is_unspecified() => Self::Unspecified,
            Some(addr) => Self::Addr(addr),
            None => Self::Name(connection.connection_address.clone()),
        }
    }

    fn addr(&self) -> Option<IpAddr> {
        match self {
            Self::Addr(addr) => Some(*addr),
            _ => None,
        }
    }
}

/// A `c=` that is needed and has a name instead of an address.
struct HostName(String);

fn read_media(
    media: &sdp_types::Media,
    session: Option<&Connection>,
    session_direction: Option<Direction>,
) -> Result<Media, HostName> {
    let own = media.connections.first().map(Connection::read);
    let connection = own.as_ref().or(session);
    let addr = connection.and_then(Connection::addr);
    let mut own_direction = direction(&media.attributes)
        .or(session_direction)
        .unwrap_or_default();
    // A browser writes 0.0.0.0 since ICE finds its address. There it is not a hold.
    let by_ice = media.proto.to_ascii_uppercase().contains("TLS");
    match connection {
        Some(Connection::Unspecified) if !by_ice => {
            // RFC 3264 §8.4: neither RTP nor RTCP is sent to this address.
            own_direction = own_direction.and(Direction::SendOnly);
        }
        Some(Connection::Name(text)) if !by_ice && media.port != 0 => {
            return Err(HostName(text.clone()));
        }
        _ => {}
    }
    // RFC 8843 §7.3.3: port 0 with bundle-only is no refusal.
    let port = if has(&media.attributes, "bundle-only") {
        media.port.max(9)
    } else {
        media.port
    };
    let (formats, other_formats) = read_formats(media);
    Ok(Media {
        kind: match media.media.to_ascii_lowercase().as_str() {
            "audio" => Some(MediaKind::Audio),
            "video" => Some(MediaKind::Video),
            _ => None,
        },
        media_name: media.media.clone(),
        port,
        proto: media.proto.clone(),
        addr,
        rtcp: values(&media.attributes, "rtcp")
            .next()
            .and_then(|value| read_rtcp(value, addr)),
        rtcp_mux: has(&media.attributes, "rtcp-mux"),
        direction: own_direction,
        formats,
        other_formats,
        ptime_ms: values(&media.attributes, "ptime").find_map(read_ptime),
        feedback: read_feedback(&media.attributes),
        mid: values(&media.attributes, "mid")
            .next()
            .map(|mid| mid.trim().to_owned()),
    })
}

/// The formats of an m-line, and those that are no payload types.
fn read_formats(media: &sdp_types::Media) -> (Vec<Format>, Vec<String>) {
    let mut rtpmaps: BTreeMap<PayloadType, &str> = BTreeMap::new();
    for (payload_type, value) in of_payload_types(&media.attributes, "rtpmap") {
        rtpmaps.entry(payload_type).or_insert(value);
    }
    let mut fmtps: BTreeMap<PayloadType, String> = BTreeMap::new();
    for (payload_type, value) in of_payload_types(&media.attributes, "fmtp") {
        let fmtp = fmtps.entry(payload_type).or_default();
        if !fmtp.is_empty() {
            fmtp.push(';');
        }
        fmtp.push_str(value);
    }
    let is_rtp = media.proto.to_ascii_uppercase().contains("RTP/");
    let mut formats: BTreeMap<PayloadType, usize> = BTreeMap::new();
    let mut list: Vec<Format> = Vec::new();
    let mut others = Vec::new();
    for token in media.fmt.split_whitespace() {
        let Some(payload_type) = read_payload_type(token).filter(|_| is_rtp) else {
            others.push(token.to_owned());
            continue;
        };
        if formats.insert(payload_type, list.len()).is_some() {
            continue;
        }
        let mut format = Format::of_payload_type(payload_type);
        if let Some(rtpmap) = rtpmaps.get(&payload_type) {
            apply_rtpmap(&mut format, rtpmap);
        }
        format.fmtp = fmtps.remove(&payload_type);
        list.push(format);
    }
    drop_dangling(&mut list);
    (list, others)
}

/// `opus/48000/2`.
fn apply_rtpmap(format: &mut Format, rtpmap: &str) {
    let mut parts = rtpmap
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .split('/');
    let (Some(name), Some(Ok(clock_hz))) = (parts.next(), parts.next().map(str::parse)) else {
        return;
    };
    if name.is_empty() {
        return;
    }
    format.encoding = Encoding::from_name(name);
    format.clock_hz = clock_hz;
    format.channels = parts
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1)
        .max(1);
}

/// Drops formats that repair a payload type which is not listed: `stripCodecs` of a page cuts the
/// codec and leaves its repair (R13). A repair may be repaired itself, hence the loop.
fn drop_dangling(formats: &mut Vec<Format>) {
    loop {
        let listed: BTreeSet<PayloadType> =
            formats.iter().map(|format| format.payload_type).collect();
        let before = formats.len();
        formats.retain(|format| {
            repaired(format)
                .iter()
                .all(|number| listed.contains(number))
        });
        if formats.len() == before {
            return;
        }
    }
}

/// The payload types that an rtx (`apt=96`, RFC 4588 §8.6) or red (`111/111`, RFC 2198 §5) repairs.
fn repaired(format: &Format) -> Vec<PayloadType> {
    let fmtp = format.fmtp.as_deref().unwrap_or_default();
    match &format.encoding {
        Encoding::Other(name) if name == "rtx" => fmtp
            .split(';')
            .filter_map(|parameter| parameter.trim().strip_prefix("apt="))
            .filter_map(read_payload_type)
            .collect(),
        Encoding::Other(name) if name == "red" => {
            fmtp.split('/').filter_map(read_payload_type).collect()
        }
        _ => Vec::new(),
    }
}

fn read_payload_type(text: &str) -> Option<PayloadType> {
    text.trim().parse().ok().and_then(PayloadType::new)
}

/// `53020 IN IP4 192.0.2.4` or `53020` alone (RFC 3605 §2.1).
fn read_rtcp(value: &str, media: Option<IpAddr>) -> Option<SocketAddr> {
    let mut fields = value.split_whitespace();
    let port = fields.next()?.parse().ok().filter(|port| *port != 0)?;
    let own = fields
        .nth(2)
        .and_then(read_addr)
        .filter(|addr| !addr.is_unspecified());
    Some(SocketAddr::new(own.or(media)?, port))
}

/// Some write `20.0`.
fn read_ptime(value: &str) -> Option<u16> {
    value
        .split('.')
        .next()?
        .trim()
        .parse()
        .ok()
        .filter(|ptime| *ptime != 0)
}

fn read_feedback(attributes: &[sdp_types::Attribute]) -> Feedback {
    let mut feedback = Feedback::default();
    for value in values(attributes, "rtcp-fb") {
        let mut fields = value.split_whitespace().skip(1);
        match (fields.next(), fields.next()) {
            (Some("nack"), None) => feedback.nack = true,
            (Some("nack"), Some("pli")) => feedback.pli = true,
            (Some("ccm"), Some("fir")) => feedback.fir = true,
            _ => {}
        }
    }
    feedback
}

fn direction(attributes: &[sdp_types::Attribute]) -> Option<Direction> {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    attributes.iter().find_map(|attribute| {
        [SendRecv, SendOnly, RecvOnly, Inactive]
            .into_iter()
            .find(|direction| {
                attribute
                    .attribute
                    .trim()
                    .eq_ignore_ascii_case(direction.name())
            })
    })
}

fn has(attributes: &[sdp_types::Attribute], name: &str) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.attribute.trim() == name)
}

fn values<'a>(
    attributes: &'a [sdp_types::Attribute],
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    attributes
        .iter()
        .filter(move |attribute| attribute.attribute == name)
        .filter_map(|attribute| attribute.value.as_deref())
}

/// Values of the form `<payload type> <text>`, the text not empty.
fn of_payload_types<'a>(
    attributes: &'a [sdp_types::Attribute],
    name: &'a str,
) -> impl Iterator<Item = (PayloadType, &'a str)> {
    values(attributes, name).filter_map(|value| {
        let (number, text) = value.trim().split_once(char::is_whitespace)?;
        let text = text.trim();
        Some((read_payload_type(number)?, text)).filter(|_| !text.is_empty())
    })
}

/// The parser's error in our words, with the number of the line as it was received.
fn explain(error: &ParserError, numbers: &[usize]) -> Error {
    let (line, what) = match error {
        ParserError::InvalidLineFormat(line, what) => (*line, (*what).to_owned()),
        ParserError::InvalidFieldEncoding(line, field)
        | ParserError::InvalidFieldFormat(line, field) => {
            (*line, format!("{field} cannot be read"))
        }
        ParserError::MissingField(line, field) => (*line, format!("{field} is missing")),
        ParserError::FieldTrailingData(line, field) => {
            (*line, format!("{field} has more fields than it may"))
        }
        other => (0, other.to_string()),
    };
    let line = line
        .checked_sub(1)
        .and_then(|index| numbers.get(index))
        .copied()
        .unwrap_or(0);
    Error::at(line, what)
}
