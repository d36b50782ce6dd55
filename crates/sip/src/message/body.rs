//! The session description in a message's body, whether it stands alone or in a multipart body (RFC 5621, RFC 2046 §5.1).
//!
//! ```text
//! application/sdp                            the body itself
//! multipart/mixed, and unknown subtypes      its parts, all of which must be understood
//! multipart/alternative                      the last of its parts that is understood
//! multipart/related                          its root: the part that `start` names, or the first one
//! ```
//! A multipart body may contain others, one level deep. A part that is not understood is ignored if it is marked
//! `handling=optional`, and reported otherwise (RFC 3261 §8.2.3, §20.11).
use std::fmt;

use bytes::Bytes;

use super::Headers;
use crate::header::{ContentType, HeaderName};

/// What a body may be, as a value of Accept.
pub const ACCEPT: &str =
    "application/sdp, multipart/mixed, multipart/alternative, multipart/related";

/// Most multipart bodies around a part.
const MAX_DEPTH: u8 = 2;

/// Most parts that one multipart body may have.
const MAX_PARTS: usize = 32;

/// Headers of MIME parts that no SIP message has (RFC 2045 §6, §7).
const TRANSFER_ENCODING: &str = "Content-Transfer-Encoding";
const CONTENT_ID: &str = "Content-ID";

/// A part of a body that had to be understood and was not.
#[derive(Clone, PartialEq, Eq)]
pub struct UnknownPart {
    /// Its media type, `application/isup`, or what is wrong with the body, in words.
    pub what: String,
    /// True if only the encoding of the part is unknown.
    pub encoding: bool,
    /// The session description that stands beside the part. A request with such a part is refused all the same; an
    /// answer cannot be.
    pub sdp: Option<Bytes>,
}

impl UnknownPart {
    fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            encoding: false,
            sdp: None,
        }
    }

    /// The header that a 415 must have (RFC 3261 §8.2.3, §21.4.13).
    pub fn accept(&self) -> (HeaderName, String) {
        if self.encoding {
            (HeaderName::AcceptEncoding, "identity".to_owned())
        } else {
            (HeaderName::Accept, ACCEPT.to_owned())
        }
    }
}

impl fmt::Display for UnknownPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body is not understood: {}", self.what)
    }
}

/// A description may hold keys, so a trace shows its size only.
impl fmt::Debug for UnknownPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnknownPart")
            .field("what", &self.what)
            .field("encoding", &self.encoding)
            .field("sdp", &self.sdp.as_ref().map(Bytes::len))
            .finish()
    }
}

impl std::error::Error for UnknownPart {}

/// The session description of a message with these headers and this body; `Ok(None)` if it has none.
///
/// # Errors
/// The first part that had to be understood and was not; a request with one is answered with 415.
pub fn sdp_of(headers: &Headers, body: &Bytes) -> Result<Option<Bytes>, UnknownPart> {
    let Found { sdp, unknown } = read(headers, body, 0);
    match unknown {
        None => Ok(sdp),
        Some(unknown) => Err(UnknownPart { sdp, ..unknown }),
    }
}

/// What one part holds.
#[derive(Default)]
struct Found {
    sdp: Option<Bytes>,
    unknown: Option<UnknownPart>,
}

impl Found {
    fn nothing(what: impl Into<String>) -> Self {
        Self {
            sdp: None,
            unknown: Some(UnknownPart::new(what)),
        }
    }

    /// Everything in it is understood, and it holds a description.
    fn is_whole(&self) -> bool {
        self.sdp.is_some() && self.unknown.is_none()
    }
}

/// Reads a part, or the body as a whole at `depth` 0.
fn read(headers: &Headers, body: &Bytes, depth: u8) -> Found {
    let mut found = understand(headers, body, depth);
    if headers
        .content_disposition()
        .is_some_and(|disposition| disposition.optional)
    {
        found.unknown = None;
    }
    found
}

/// The same without regard to `handling`.
fn understand(headers: &Headers, body: &Bytes, depth: u8) -> Found {
    if body.is_empty() {
        return Found::default();
    }
    let Some(text) = headers.get(&HeaderName::ContentType) else {
        // RFC 2046 §5.1: a part without Content-Type is plain text.
        return Found::nothing("text/plain");
    };
    let Ok(kind) = ContentType::parse(text) else {
        return Found::nothing("its Content-Type cannot be read");
    };
    if !is_plain(headers) {
        let mut found = Found::nothing("its encoding is unknown");
        if let Some(unknown) = &mut found.unknown {
            unknown.encoding = true;
        }
        return found;
    }
    if let Some(subtype) = kind.essence.strip_prefix("multipart/") {
        return read_multipart(subtype, &kind, body, depth);
    }
    let disposition = headers.content_disposition();
    match disposition {
        // RFC 3959: a description of the early session is neither an offer nor an answer of this one.
        Some(disposition) if disposition.kind == "early-session" => {
            Found::nothing(disposition.kind)
        }
        _ if kind.is_sdp() => Found {
            sdp: Some(body.clone()),
            unknown: None,
        },
        _ => Found::nothing(kind.essence),
    }
}

/// True if the body is neither compressed nor encoded as text.
fn is_plain(headers: &Headers) -> bool {
    let transfer = HeaderName::Other(TRANSFER_ENCODING.to_owned());
    let is = |name: &HeaderName, plain: &[&str]| {
        headers
            .get(name)
            .is_none_or(|value| plain.iter().any(|known| value.eq_ignore_ascii_case(known)))
    };
    is(&HeaderName::ContentEncoding, &["identity"]) && is(&transfer, &["7bit", "8bit", "binary"])
}

fn read_multipart(subtype: &str, kind: &ContentType, body: &Bytes, depth: u8) -> Found {
    if depth == MAX_DEPTH {
        return Found::nothing("multipart bodies are nested too deep");
    }
    let Some(boundary) = kind.params.get("boundary").filter(|text| is_boundary(text)) else {
        return Found::nothing("a multipart body without a boundary");
    };
    let parts = match split(body, boundary) {
        Ok(parts) => parts,
        Err(what) => return Found::nothing(what),
    };
    match subtype {
        "alternative" => {
            let mut all: Vec<Found> = parts
                .iter()
                .map(|part| understand(&part.headers, &part.body, depth + 1))
                .collect();
            // RFC 2046 §5.1.4: the last part is the best one. One of them must be understood, whatever each says about
            // its handling.
            let best = all
                .iter()
                .rposition(Found::is_whole)
                .or_else(|| all.iter().rposition(|found| found.unknown.is_none()))
                .or_else(|| all.iter().rposition(|found| found.sdp.is_some()))
                .unwrap_or(0);
            all.swap_remove(best)
        }
        "related" => {
            let id = HeaderName::Other(CONTENT_ID.to_owned());
            let named = |start: &str| {
                parts
                    .iter()
                    .find(|part| part.headers.get(&id) == Some(start))
            };
            let root = kind.params.get("start").and_then(named).or(parts.first());
            root.map_or_else(Found::default, |part| {
                read(&part.headers, &part.body, depth + 1)
            })
        }
        // RFC 2046 §5.1.7: an unknown subtype is treated like multipart/mixed.
        _ => {
            let mut whole = Found::default();
            for part in &parts {
                let found = read(&part.headers, &part.body, depth + 1);
                whole.sdp = whole.sdp.or(found.sdp);
                whole.unknown = whole.unknown.or(found.unknown);
            }
            whole
        }
    }
}

/// `boundary` of RFC 2046 §5.1.1: 1 to 70 characters, the last of which is no space.
fn is_boundary(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
    (1..=70).contains(&text.len()) && text.bytes().all(allowed) && !text.ends_with(' ')
}

/// One part of a multipart body.
struct Part {
    headers: Headers,
    body: Bytes,
}

/// Cuts a multipart body at its boundary lines. Lines may end with CRLF or LF; the text before the first boundary
/// and after the last is dropped, and the last boundary may be missing.
fn split(body: &Bytes, boundary: &str) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let mut start = None;
    let mut rest: &[u8] = body;
    while let Some(line) = next_line(&mut rest) {
        let Some(closing) = is_delimiter(line, boundary) else {
            continue;
        };
        let after = body.len() - rest.len();
        if let Some(start) = start {
            parts.push(part(body, start, after - line.len()));
        }
        if parts.len() > MAX_PARTS {
            return Err("a multipart body with too many parts");
        }
        start = (!closing).then_some(after);
        if closing {
            break;
        }
    }
    if let Some(start) = start {
        parts.push(part(body, start, body.len()));
    }
    if parts.is_empty() {
        return Err("a multipart body without a part");
    }
    Ok(parts)
}

/// Whether this line is the boundary, and if so, whether it is the last one. White space may follow it.
fn is_delimiter(line: &[u8], boundary: &str) -> Option<bool> {
    let after = line
        .strip_prefix(b"--")?
        .strip_prefix(boundary.as_bytes())?;
    let (closing, after) = match after.strip_prefix(b"--") {
        Some(after) => (true, after),
        None => (false, after),
    };
    after.trim_ascii().is_empty().then_some(closing)
}

/// Takes the next line with its end.
fn next_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let length = rest
        .iter()
        .position(|b| *b == b'\n')
        .map_or(rest.len(), |at| at + 1);
    let (line, after) = rest.split_at(length);
    *rest = after;
    Some(line)
}

/// The part between two boundaries. The line end before a boundary belongs to it (RFC 2046 §5.1.1).
fn part(body: &Bytes, start: usize, end: usize) -> Part {
    let whole = body.get(start..end).unwrap_or_default();
    let whole = without_line_end(whole);
    let mut headers = Headers::new();
    let mut rest = whole;
    let mut current = String::new();
    while let Some(line) = next_line(&mut rest) {
        let text = String::from_utf8_lossy(without_line_end(line));
        let continues = text.starts_with([' ', '\t']);
        if !continues {
            add_header(&mut headers, &current);
            current.clear();
        }
        if text.is_empty() {
            break;
        }
        current.push_str(&text);
    }
    add_header(&mut headers, &current);
    Part {
        headers,
        body: body.slice_ref(rest),
    }
}

/// Adds a header line if it is one of those that count, and the first of its name.
fn add_header(headers: &mut Headers, line: &str) {
    let counts = |name: &HeaderName| match name {
        HeaderName::ContentType | HeaderName::ContentDisposition | HeaderName::ContentEncoding => {
            true
        }
        HeaderName::Other(name) => {
            name.eq_ignore_ascii_case(TRANSFER_ENCODING) || name.eq_ignore_ascii_case(CONTENT_ID)
        }
        _ => false,
    };
    if let Some((name, value)) = line.split_once(':')
        && let Some(name) = HeaderName::parse(name.trim()).filter(counts)
        && !headers.has(&name)
    {
        headers.push(name, value);
    }
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests;
