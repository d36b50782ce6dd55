//! What this user agent takes from a peer, in one table: Allow, Supported and Accept are read off it, and so is what is
//! refused (RFC 3261 sections 8.2.1 to 8.2.3, 11.2).

use super::outside::accepts_sdp;
use crate::header::HeaderName;
use crate::message::body::{ACCEPT, sdp_of};
use crate::message::{Method, Request};
use crate::uri::Scheme;

/// One method with the body types that it may carry.
struct Row {
    method: Method,
    bodies: &'static [&'static str],
}

const SDP: &str = "application/sdp";
/// The body of a request that makes or answers an offer, alone or in a multipart body.
const OFFER: &[&str] = &[SDP];
const SUMMARY: &str = "application/simple-message-summary";

/// Every method that is taken, in the order of Allow. A body type that ends with `/*` stands for all of its kind; no
/// type at all means that bodies are ignored.
static TABLE: [Row; 10] = [
    row(Method::Invite, OFFER),
    row(Method::Ack, OFFER),
    row(Method::Cancel, &[]),
    row(Method::Bye, &[]),
    row(Method::Options, &[]),
    row(Method::Prack, OFFER),
    row(Method::Update, OFFER),
    // The owner of the call decides which of these it knows.
    row(Method::Info, &["*"]),
    row(Method::Message, &["text/*", "message/*", "application/*"]),
    row(Method::Notify, &[SUMMARY]),
];

/// Extensions that are understood (RFC 3262, RFC 4028).
const EXTENSIONS: [&str; 2] = ["100rel", "timer"];

const fn row(method: Method, bodies: &'static [&'static str]) -> Row {
    Row { method, bodies }
}

/// Why a request is refused, whatever it is about.
pub(crate) struct Unsupported {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(HeaderName, String)>,
}

/// The value of Allow (RFC 3261 section 20.5).
pub(crate) fn allow() -> String {
    let names: Vec<&str> = TABLE.iter().map(|row| row.method.as_str()).collect();
    names.join(", ")
}

/// The value of Supported in an initial INVITE and in what answers one (RFC 3261 section 20.37).
pub(crate) fn supported() -> String {
    EXTENSIONS.join(", ")
}

/// The value of Supported in a later request: our re-INVITEs are answered without waiting for a person, so they ask for
/// no reliable provisional responses.
pub(crate) fn supported_in_dialog() -> String {
    "timer".to_owned()
}

/// What this user agent can do (RFC 3261 section 11.2).
pub(crate) fn capabilities() -> Vec<(HeaderName, String)> {
    let accept = [
        ACCEPT,
        "application/dtmf-relay",
        "application/dtmf",
        "text/plain",
        SUMMARY,
    ];
    vec![
        (HeaderName::Allow, allow()),
        (HeaderName::Accept, accept.join(", ")),
        (HeaderName::AcceptEncoding, "identity".to_owned()),
        (HeaderName::Supported, supported()),
        (HeaderName::AllowEvents, "message-summary".to_owned()),
    ]
}

/// The checks of RFC 3261 sections 8.2.1 to 8.2.3 that need nothing but the request.
pub(crate) fn unsupported(request: &Request) -> Option<Unsupported> {
    let refuse = |status, headers| Some(Unsupported { status, headers });
    let headers = &request.headers;
    // 8.2.1: "If the UAS recognizes but does not support the method of a request, it MUST generate a 405 (Method Not
    // Allowed) response. ... The UAS MUST also add an Allow header field to the 405 (Method Not Allowed) response."
    // A method it does not recognize: 501 (21.5.2).
    let Some(row) = TABLE.iter().find(|row| row.method == request.method) else {
        let status = if matches!(request.method, Method::Other(_)) {
            501
        } else {
            405
        };
        return refuse(status, vec![(HeaderName::Allow, allow())]);
    };
    // 8.2.2.1: "If the Request-URI uses a scheme not supported by the UAS, it SHOULD reject the request with a 416".
    if !matches!(request.uri.scheme, Scheme::Sip | Scheme::Sips | Scheme::Tel) {
        return refuse(416, Vec::new());
    }
    // 8.2.2.3: "If a UAS does not understand an option-tag listed in a Require header field, it MUST respond by
    // generating a response with status code 420 (Bad Extension). The UAS MUST add an Unsupported header field, and
    // list in it those options it does not understand".
    let unknown = headers.require().unknown(&EXTENSIONS);
    if !unknown.is_empty() {
        return refuse(420, vec![(HeaderName::Unsupported, unknown.to_string())]);
    }
    if let Some(refusal) = unknown_body(request, row) {
        return Some(refusal);
    }
    // 21.4.7: our answer would be SDP, which this caller says it cannot take.
    if request.method == Method::Invite && !accepts_sdp(request) {
        return refuse(406, Vec::new());
    }
    None
}

/// 8.2.3: "If there are any bodies whose type (indicated by the Content-Type), language (indicated by the
/// Content-Language) or encoding (indicated by the Content-Encoding) are not understood, and that body part is not
/// optional (as indicated by the Content-Disposition header field), the UAS MUST reject the request with a 415".
fn unknown_body(request: &Request, row: &Row) -> Option<Unsupported> {
    let headers = &request.headers;
    if request.body.is_empty() || row.bodies.is_empty() {
        return None;
    }
    let refuse = |header| {
        Some(Unsupported {
            status: 415,
            headers: vec![header],
        })
    };
    if row.bodies == OFFER {
        let unknown = sdp_of(headers, &request.body).err()?;
        return refuse(unknown.accept());
    }
    let optional = headers
        .content_disposition()
        .is_some_and(|disposition| disposition.optional);
    let kind = headers.get(&HeaderName::ContentType).unwrap_or_default();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let understood = row
        .bodies
        .iter()
        .any(|known| match known.strip_suffix('*') {
            Some(prefix) => kind.starts_with(prefix),
            None => kind == *known,
        });
    if understood || optional {
        return None;
    }
    refuse((HeaderName::Accept, row.bodies.join(", ")))
}
