//! A message as bytes (RFC 3261 §7): long names, one Content-Length at the end, no control character anywhere.
use std::fmt::{self, Write};

use bytes::Bytes;

use super::{Headers, Message, Request, Response};
use crate::header::HeaderName;

impl Message {
    /// The message as it goes onto the wire. Content-Length is set to the length of the body.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }
}

impl Request {
    /// The request as it goes onto the wire. Content-Length is set to the length of the body.
    pub fn to_bytes(&self) -> Bytes {
        print(
            format_args!("{} {} SIP/2.0", self.method, self.uri),
            &self.headers,
            &self.body,
        )
    }
}

impl Response {
    /// The response as it goes onto the wire. Content-Length is set to the length of the body.
    pub fn to_bytes(&self) -> Bytes {
        print(
            format_args!("SIP/2.0 {:03} {}", self.status, self.reason),
            &self.headers,
            &self.body,
        )
    }
}

fn print(start: fmt::Arguments<'_>, headers: &Headers, body: &Bytes) -> Bytes {
    let mut text = Line(String::with_capacity(512 + body.len()));
    // Writing into a String cannot fail.
    let _ = text.write_fmt(start);
    text.end();
    for header in headers
        .iter()
        .filter(|header| *header.name() != HeaderName::ContentLength)
    {
        let _ = write!(text, "{}: {}", header.name(), header.value());
        text.end();
    }
    let _ = write!(text, "{}: {}", HeaderName::ContentLength, body.len());
    text.end();
    text.end();
    let mut bytes = text.0.into_bytes();
    bytes.extend_from_slice(body);
    Bytes::from(bytes)
}

/// Text in which only [`Line::end`] ends a line.
struct Line(String);

impl Line {
    fn end(&mut self) {
        self.0.push_str("\r\n");
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let harmless = |c: char| {
            if c.is_ascii_control() && c != '\t' {
                ' '
            } else {
                c
            }
        };
        self.0.extend(text.chars().map(harmless));
        Ok(())
    }
}
