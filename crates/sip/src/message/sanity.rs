//! What every message must satisfy before anything else looks at it (RFC 3261 §8.1.1, §16.3, §20; RFC 4475).
//!
//! - Via, From, To, Call-ID and CSeq are there; what may stand once stands once.
//! - They, and in requests also Contact, Content-Type, Max-Forwards and Expires, can be read: quotes and brackets
//!   closed, numbers in range. Responses are not refused for a Contact or Expires of someone else's making: a
//!   registrar repeats the bindings of every other device.
//! - The method of CSeq is that of the request line.
//! - Content-Length is one number (§20.14).
use super::{Headers, Method};
use crate::Error;
use crate::error::ErrorKind;
use crate::header::{CSeq, Contacts, ContentType, FromTo, HeaderName, Route, Via};
use crate::lex::{MAX_VALUES, number};

/// Each stands at least once.
const MANDATORY: [HeaderName; 5] = [
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
];

/// Each stands at most once.
const SINGLE: [HeaderName; 16] = [
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::MaxForwards,
    HeaderName::ContentLength,
    HeaderName::ContentType,
    HeaderName::Expires,
    HeaderName::MinExpires,
    HeaderName::Event,
    HeaderName::ReferTo,
    HeaderName::Replaces,
    HeaderName::SessionExpires,
    HeaderName::MinSe,
    HeaderName::RSeq,
    HeaderName::RAck,
];

/// Checks the headers of a request (with its `method`) or of a response. `lines` are their line numbers.
pub(super) fn check(
    headers: &Headers,
    lines: &[u32],
    method: Option<&Method>,
) -> Result<(), Error> {
    for name in MANDATORY {
        if !headers.has(&name) {
            return Err(Error::new(ErrorKind::Missing, 0).in_header(name));
        }
    }
    for name in SINGLE {
        if let Some(second) = headers
            .iter()
            .enumerate()
            .filter(|(_, header)| *header.name() == name)
            .nth(1)
        {
            let line = lines.get(second.0).copied().unwrap_or(0);
            return Err(Error::new(ErrorKind::Repeated, 0)
                .in_header(name)
                .on_line(line));
        }
    }
    let mut values = 0;
    for (index, header) in headers.iter().enumerate() {
        let place = |error: Error| {
            error
                .in_header(header.name().clone())
                .on_line(lines.get(index).copied().unwrap_or(0))
        };
        values += check_header(header.name(), header.value(), method).map_err(place)?;
        if values > MAX_VALUES {
            return Err(place(Error::malformed("there are too many values", 0)));
        }
    }
    headers
        .contacts()
        .map(drop)
        .or_else(|error| if method.is_some() { Err(error) } else { Ok(()) })
}

/// Content-Length, if it is there: one number, without sign, that does not wrap.
pub(super) fn content_length(headers: &Headers, lines: &[u32]) -> Result<Option<usize>, Error> {
    let name = HeaderName::ContentLength;
    let mut found = None;
    for (index, header) in headers
        .iter()
        .enumerate()
        .filter(|(_, header)| *header.name() == name)
    {
        let place = |error: Error| {
            error
                .in_header(name.clone())
                .on_line(lines.get(index).copied().unwrap_or(0))
        };
        if found.is_some() {
            return Err(place(Error::new(ErrorKind::Repeated, 0)));
        }
        let length = number(header.value(), u64::from(u32::MAX)).map_err(place)?;
        found = Some(usize::try_from(length).unwrap_or(usize::MAX));
    }
    Ok(found)
}

/// Checks one value; gives how many elements its list has, 0 where it is none.
fn check_header(name: &HeaderName, value: &str, method: Option<&Method>) -> Result<usize, Error> {
    match (name, method) {
        (HeaderName::Via, _) => return Ok(Via::parse_list(value)?.len()),
        (HeaderName::Route | HeaderName::RecordRoute, _) => {
            return Ok(Route::parse_list(value)?.len());
        }
        (HeaderName::Contact, Some(method)) => match Contacts::parse(value)? {
            Contacts::Star if *method != Method::Register => {
                return Err(Error::malformed("a star outside REGISTER", 1));
            }
            Contacts::Star => {}
            Contacts::List(list) => return Ok(list.len()),
        },
        (HeaderName::From | HeaderName::To, _) => drop(FromTo::parse(value)?),
        (HeaderName::CallId, _) => check_call_id(value)?,
        (HeaderName::CSeq, method) => {
            let cseq = CSeq::parse(value)?;
            if method.is_some_and(|method| *method != cseq.method) {
                return Err(Error::new(ErrorKind::MethodMismatch, 0));
            }
        }
        (HeaderName::MaxForwards, Some(_)) => number(value, u64::from(u8::MAX)).map(|_| ())?,
        (HeaderName::Expires | HeaderName::MinExpires, Some(_)) => {
            number(value, u64::from(u32::MAX)).map(|_| ())?;
        }
        (HeaderName::ContentType, Some(_)) => drop(ContentType::parse(value)?),
        _ => {}
    }
    Ok(0)
}

/// `word [ "@" word ]`, and whatever else is visible: devices put base64 there.
fn check_call_id(value: &str) -> Result<(), Error> {
    match value.bytes().position(|b| !b.is_ascii_graphic()) {
        Some(at) => Err(Error::malformed(
            "a character that may not stand in a Call-ID",
            at + 1,
        )),
        None if value.is_empty() => Err(Error::malformed("the Call-ID is empty", 1)),
        None => Ok(()),
    }
}
