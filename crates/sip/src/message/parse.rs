//! Bytes of one message to a [`Message`]: lines, unfolding, start line (RFC 3261 §7, §25.1).
//!
//! Strict where two parsers could disagree: lines end with CRLF, a CR or LF alone is refused, one space stands
//! between the parts of the start line, control characters are refused. A control character behind a backslash in
//! a quoted text is legal (RFC 4475 §3.1.1.2); it is taken out, so that nothing that is printed again holds one.
use std::borrow::Cow;

use bytes::Bytes;

use super::sanity;
use super::{Header, Headers, Message, Method, Request, Response};
use crate::error::{ErrorKind, Reply};
use crate::header::HeaderName;
use crate::{Error, Uri};

/// Reads one datagram, or one message cut out of a stream, and checks it: syntax and sanity. Bytes behind the body
/// are ignored (§18.3).
pub fn parse(bytes: &[u8]) -> Result<Message, Error> {
    let head = Head::read(bytes)?;
    match head.body_length() {
        Ok(length) => head.into_message(length),
        Err(error) => Err(head.refuse(error)),
    }
}

/// How many bytes of body follow `head`, which ends with the empty line, on a stream: exactly one Content-Length
/// says so (§18.3, §20.14), and head and body together are `limit` bytes at most.
pub(crate) fn frame_length(bytes: &[u8], limit: usize) -> Result<usize, Error> {
    let head = Head::read(bytes)?;
    let length = head.content_length().and_then(|length| match length {
        None => Err(Error::new(ErrorKind::Missing, 0).in_header(HeaderName::ContentLength)),
        Some(length) if bytes.len().saturating_add(length) > limit => {
            Err(Error::new(ErrorKind::TooLarge { limit }, 0).in_header(HeaderName::ContentLength))
        }
        Some(length) => Ok(length),
    });
    length.map_err(|error| head.refuse(error))
}

/// Most header lines a message may have.
const MAX_HEADERS: usize = 500;

/// A message cut into lines.
struct Head<'a> {
    start: Result<Start, Error>,
    headers: Headers,
    /// Line numbers of `headers`.
    lines: Vec<u32>,
    /// The first header line that is none.
    problem: Option<Error>,
    /// What follows the empty line; `None` if there is no empty line.
    body: Option<&'a [u8]>,
    /// True unless the start line begins with `SIP/`.
    is_request: bool,
    is_ack: bool,
}

enum Start {
    Request(Method, Uri),
    Status(u16, String),
}

impl<'a> Head<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut bytes = bytes;
        let mut line = 1;
        while let Some(rest) = bytes.strip_prefix(b"\r\n") {
            bytes = rest;
            line += 1;
        }
        if bytes.iter().all(|b| matches!(b, 0 | b'\r' | b'\n')) {
            return Err(Error::new(ErrorKind::KeepAlive, 0));
        }
        let (head, body) = match find(bytes, b"\r\n\r\n") {
            Some(end) => (&bytes[..end], Some(&bytes[end + 4..])),
            None => (bytes.strip_suffix(b"\r\n").unwrap_or(bytes), None),
        };
        let mut rest = head;
        let start_line = next_line(&mut rest).unwrap_or_default();
        let is_request = !start_line
            .get(..4)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"SIP/"));
        let mut message = Self {
            start: read_start(&String::from_utf8_lossy(start_line))
                .map_err(|error| error.on_line(line)),
            headers: Headers::new(),
            lines: Vec::new(),
            problem: None,
            body,
            is_request,
            is_ack: start_line.starts_with(b"ACK "),
        };
        message.read_headers(rest, line + 1);
        Ok(message)
    }

    fn read_headers(&mut self, mut rest: &[u8], mut line: u32) {
        while let Some(first) = next_line(&mut rest) {
            if self.lines.len() == MAX_HEADERS {
                self.problem
                    .get_or_insert(Error::malformed("there are too many headers", 0).on_line(line));
                return;
            }
            let mut text = Cow::Borrowed(first);
            let start = line;
            line = line.saturating_add(1);
            while rest.first().is_some_and(|b| b" \t".contains(b)) {
                let more = next_line(&mut rest).unwrap_or_default();
                let text = text.to_mut();
                text.push(b' ');
                text.extend_from_slice(more.trim_ascii());
                line = line.saturating_add(1);
            }
            match read_header(&String::from_utf8_lossy(&text)) {
                Ok(header) => {
                    self.headers.add(header);
                    self.lines.push(start);
                }
                Err(error) => {
                    self.problem.get_or_insert(error.on_line(start));
                }
            }
        }
    }

    /// Checks everything; gives the number of bytes the body has.
    fn body_length(&self) -> Result<usize, Error> {
        let start = self.start.as_ref().map_err(Error::clone)?;
        let body = self
            .body
            .ok_or_else(|| Error::new(ErrorKind::Unterminated, 0))?;
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let method = match start {
            Start::Request(method, _) => Some(method),
            Start::Status(..) => None,
        };
        sanity::check(&self.headers, &self.lines, method)?;
        let present = body.len();
        match self.content_length()? {
            Some(announced) if announced > present => {
                let kind = ErrorKind::BodyTooShort {
                    announced: announced as u64,
                    present: present as u64,
                };
                Err(Error::new(kind, 0).in_header(HeaderName::ContentLength))
            }
            Some(announced) => Ok(announced),
            None => Ok(present),
        }
    }

    fn into_message(self, body_length: usize) -> Result<Message, Error> {
        let headers = self.headers;
        let body = self
            .body
            .and_then(|body| body.get(..body_length))
            .unwrap_or_default();
        let body = Bytes::copy_from_slice(body);
        Ok(match self.start? {
            Start::Request(method, uri) => Message::Request(Request {
                method,
                uri,
                headers,
                body,
            }),
            Start::Status(status, reason) => Message::Response(Response {
                status,
                reason,
                headers,
                body,
            }),
        })
    }

    fn content_length(&self) -> Result<Option<usize>, Error> {
        sanity::content_length(&self.headers, &self.lines)
    }

    /// `error` with the answer this request deserves.
    fn refuse(&self, mut error: Error) -> Error {
        if !self.is_request {
            return error;
        }
        let mut head = Headers::new();
        head.copy(&HeaderName::Via, &self.headers);
        for name in [
            HeaderName::From,
            HeaderName::To,
            HeaderName::CallId,
            HeaderName::CSeq,
        ] {
            if let Some(value) = self.headers.get(&name) {
                head.push(name, value);
            }
        }
        if head.has(&HeaderName::Via) && !self.is_ack {
            let (status, phrase) = match error.kind {
                ErrorKind::Version => (505, "Version Not Supported"),
                ErrorKind::TooLarge { .. } => (513, "Message Too Large"),
                _ => (400, "Bad Request"),
            };
            let reason = match (&error.header, status) {
                (Some(header), 400) => format!("{phrase}: {header}"),
                _ => phrase.to_owned(),
            };
            error.reply = Some(Reply { status, reason });
        }
        error.request_head = Some(head);
        error
    }
}

/// `Method SP Request-URI SP SIP-Version` or `SIP-Version SP Status-Code SP Reason-Phrase`.
fn read_start(line: &str) -> Result<Start, Error> {
    let wrong = |what| Error::new(ErrorKind::StartLine(what), 1);
    if line.contains(|c: char| c.is_ascii_control()) {
        return Err(wrong("a control character"));
    }
    let mut words = line.splitn(3, ' ');
    let (first, second, rest) = (
        words.next().unwrap_or(""),
        words.next().unwrap_or(""),
        words.next(),
    );
    if first
        .get(..4)
        .is_some_and(|word| word.eq_ignore_ascii_case("SIP/"))
    {
        if !first.eq_ignore_ascii_case("SIP/2.0") {
            return Err(Error::new(ErrorKind::Version, 1));
        }
        let digits = second.len() == 3 && second.bytes().all(|b| b.is_ascii_digit());
        let status = second
            .parse()
            .ok()
            .filter(|status| digits && (100..=699).contains(status));
        let status = status.ok_or_else(|| wrong("the status is not in 100..699"))?;
        // Some servers leave out the space before an empty reason phrase.
        return Ok(Start::Status(status, rest.unwrap_or("").to_owned()));
    }
    let version = rest.unwrap_or("");
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        let other = version
            .get(..4)
            .is_some_and(|word| word.eq_ignore_ascii_case("SIP/"));
        if other && !version.contains(' ') {
            return Err(Error::new(
                ErrorKind::Version,
                first.len() + second.len() + 3,
            ));
        }
        return Err(wrong(
            "it is not: method, one space, URI, one space, SIP/2.0",
        ));
    }
    let method = Method::parse(first).ok_or_else(|| wrong("the method is no token"))?;
    let uri = Uri::parse(second).map_err(|error| error.shifted(first.len() + 1))?;
    if uri.headers.is_some() {
        // RFC 4475 §3.1.2.11: never to be turned into header fields.
        return Err(wrong("the Request-URI carries headers"));
    }
    Ok(Start::Request(method, uri))
}

/// `field-name HCOLON field-value`, unfolded.
fn read_header(line: &str) -> Result<Header, Error> {
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| Error::malformed("a header line has no colon", 1))?;
    let name = HeaderName::parse(name.trim_end_matches([' ', '\t']))
        .ok_or_else(|| Error::malformed("a header name is no token", 1))?;
    match without_controls(value) {
        Some(value) => Ok(Header::new(name, value)),
        None => Err(Error::malformed("a control character", 0).in_header(name)),
    }
}

/// The text without its escaped control characters; `None` if one stands there unescaped.
fn without_controls(text: &str) -> Option<Cow<'_, str>> {
    let is_control = |c: char| c.is_ascii_control() && c != '\t';
    if !text.contains(is_control) {
        return Some(Cow::Borrowed(text));
    }
    let mut clean = String::with_capacity(text.len());
    let mut quoted = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => match chars.next()? {
                '\r' | '\n' => return None,
                escaped if is_control(escaped) => {}
                escaped => clean.extend([c, escaped]),
            },
            c if is_control(c) => return None,
            c => {
                quoted ^= c == '"';
                clean.push(c);
            }
        }
    }
    Some(Cow::Owned(clean))
}

/// Takes the text up to the next CRLF; a CR or LF alone stays in it and is refused as a control character.
fn next_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let (line, after) = match find(rest, b"\r\n") {
        Some(end) => (&rest[..end], &rest[end + 2..]),
        None => (*rest, &rest[rest.len()..]),
    };
    *rest = after;
    Some(line)
}

pub(crate) fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}
