//! Requests and responses (RFC 3261 §7).
//!
//! ```text
//! bytes -> parse: lines, unfolding, start line -> sanity: what every message must satisfy -> Message
//! Message -> print: one Content-Length, no control character -> bytes
//! ```
//! A parsed message has passed `sanity`, so `via()`, `from()`, `to()`, `call_id()`, `cseq()` cannot fail on it.
pub mod body;
mod headers;
mod method;
mod parse;
mod print;
mod sanity;
#[cfg(test)]
mod tests;

use std::fmt;

use bytes::Bytes;

pub use body::{UnknownPart, sdp_of};
pub use headers::{Header, Headers};
pub use method::Method;
pub use parse::parse;
pub(crate) use parse::{find, frame_length};

use crate::Uri;
use crate::header::HeaderName;

/// A SIP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The Request-URI; any scheme may stand here.
    pub uri: Uri,
    /// The header fields.
    pub headers: Headers,
    /// The body, as long as Content-Length says.
    pub body: Bytes,
}

/// A response.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// 100..=699
    pub status: u16,
    /// The reason phrase, possibly empty.
    pub reason: String,
    /// The header fields.
    pub headers: Headers,
    /// The body, as long as Content-Length says.
    pub body: Bytes,
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: Method, uri: Uri) -> Self {
        Self {
            method,
            uri,
            headers: Headers::new(),
            body: Bytes::new(),
        }
    }
}

impl Response {
    /// An answer to a request with these headers: Via, From, To, Call-ID and CSeq are copied (§8.2.6.2),
    /// the To tag is the caller's to add.
    pub fn to(request: &Headers, status: u16, reason: &str) -> Self {
        let mut headers = Headers::new();
        for name in [
            HeaderName::Via,
            HeaderName::From,
            HeaderName::To,
            HeaderName::CallId,
            HeaderName::CSeq,
        ] {
            headers.copy(&name, request);
        }
        Self {
            status,
            reason: reason.to_owned(),
            headers,
            body: Bytes::new(),
        }
    }
}

impl Message {
    /// The header fields.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }
}

/// Bodies may hold keys (`a=crypto`), so a trace shows their size only.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {:?} {:?} ({} bytes of body)",
            self.method,
            self.uri,
            self.headers,
            self.body.len()
        )
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {:?} ({} bytes of body)",
            self.status,
            self.reason,
            self.headers,
            self.body.len()
        )
    }
}
