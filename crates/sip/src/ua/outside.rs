//! Requests outside every dialog, of a peer that may have an answer (RFC 3261 section 8.2).

use std::time::Instant;

use bytes::Bytes;

use super::{ALLOW, Ua};
use crate::header::HeaderName;
use crate::message::body::{ACCEPT, sdp_of};
use crate::message::{Method, Request};
use crate::resolve::Hop;
use crate::uri::Scheme;

/// Why a request is refused, whatever it is about.
pub(crate) struct Unsupported {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(HeaderName, String)>,
}

impl Ua {
    pub(crate) fn request_outside(&mut self, from: &Hop, request: &Request, now: Instant) {
        let merged = self.merged(request);
        let Some(transaction) = self.start_server(request, from) else {
            return;
        };
        if let Some(Unsupported { status, headers }) = unsupported(request) {
            return self.answer(transaction, status, &headers, Bytes::new(), now);
        }
        if merged {
            return self.answer_plain(transaction, 482, now);
        }
        match request.method {
            Method::Invite => {}
            Method::Options => {
                return self.answer(transaction, 200, &capabilities(), Bytes::new(), now);
            }
            // BYE and UPDATE without a To tag.
            _ => return self.answer_plain(transaction, 481, now),
        }
        // A token names the registration; the server of an account, or a listed source, may also name its user. A
        // server that some page registered at elsewhere may not: it would ring another server's account.
        let user = request.uri.user.as_deref().unwrap_or_default();
        let registration = self.registration_called(request).or_else(|| {
            let named = self.registrations.iter().find(|(_, r)| {
                let calls_own = r.hops.iter().any(|hop| hop.addr.ip() == from.addr.ip());
                r.account.user.as_str() == user && (calls_own || self.is_listed(from))
            });
            named.map(|(id, _)| *id)
        });
        match registration {
            None if self.is_listed(from) => self.invited(transaction, request, None, now),
            None => self.answer_plain(transaction, 404, now),
            Some(id) if self.registrations.get(&id).is_none_or(|r| r.leaving) => {
                self.answer_plain(transaction, 480, now);
            }
            Some(id) => self.invited(transaction, request, Some(id), now),
        }
    }
}

/// What this user agent can do (RFC 3261 section 11.2).
pub(crate) fn capabilities() -> Vec<(HeaderName, String)> {
    vec![
        (HeaderName::Allow, ALLOW.to_owned()),
        (HeaderName::Accept, ACCEPT.to_owned()),
        (HeaderName::AcceptEncoding, "identity".to_owned()),
    ]
}

/// The checks of RFC 3261 sections 8.2.1 to 8.2.3 that need nothing but the request.
pub(crate) fn unsupported(request: &Request) -> Option<Unsupported> {
    let refuse = |status, headers| Some(Unsupported { status, headers });
    let headers = &request.headers;
    match &request.method {
        // UPDATE has its own answer until it is built.
        Method::Invite | Method::Bye | Method::Options | Method::Update => {}
        // 8.2.1: "If the UAS recognizes but does not support the method of a request, it MUST generate a 405 (Method Not
        // Allowed) response. ... The UAS MUST also add an Allow header field to the 405 (Method Not Allowed) response."
        // A method it does not recognize: 501 (21.5.2).
        Method::Other(_) => return refuse(501, vec![(HeaderName::Allow, ALLOW.to_owned())]),
        _ => return refuse(405, vec![(HeaderName::Allow, ALLOW.to_owned())]),
    }
    // 8.2.2.1: "If the Request-URI uses a scheme not supported by the UAS, it SHOULD reject the request with a 416".
    if !matches!(request.uri.scheme, Scheme::Sip | Scheme::Sips | Scheme::Tel) {
        return refuse(416, Vec::new());
    }
    // 8.2.2.3: "If a UAS does not understand an option-tag listed in a Require header field, it MUST respond by
    // generating a response with status code 420 (Bad Extension). The UAS MUST add an Unsupported header field, and
    // list in it those options it does not understand".
    let required = headers.require();
    if !required.is_empty() {
        return refuse(420, vec![(HeaderName::Unsupported, required.to_string())]);
    }
    // 8.2.3: "If there are any bodies whose type (indicated by the Content-Type), language (indicated by the
    // Content-Language) or encoding (indicated by the Content-Encoding) are not understood, and that body part is not
    // optional (as indicated by the Content-Disposition header field), the UAS MUST reject the request with a 415".
    if request.method == Method::Invite
        && let Err(unknown) = sdp_of(headers, &request.body)
    {
        return refuse(415, vec![unknown.accept()]);
    }
    // 21.4.7: our answer would be SDP, which this caller says it cannot take.
    if request.method == Method::Invite && !accepts_sdp(request) {
        return refuse(406, Vec::new());
    }
    None
}

/// 20.1: "If no Accept header field is present, the server SHOULD assume a default value of application/sdp."
fn accepts_sdp(request: &Request) -> bool {
    let mut ranges = request
        .headers
        .get_all(&HeaderName::Accept)
        .flat_map(crate::header::tokens)
        .peekable();
    let named = |range: &str| {
        let kind = range
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        matches!(kind.as_str(), "application/sdp" | "application/*" | "*/*")
    };
    !request.headers.has(&HeaderName::Accept) || ranges.any(named)
}
