//! The INVITE as a message (RFC 3261 section 8.1.1), and which headers an application may add to it.

use super::capabilities::{allow, supported};
use super::types::Invite;
use crate::header::{FromTo, HeaderName};
use crate::message::{Headers, Method, Request};
use crate::uri::Uri;

/// The INVITE without what differs from try to try: Via, CSeq, Contact, credentials. And why it must not be sent, if so.
pub(crate) fn invite_template(
    remote_target: Uri,
    invite: &Invite,
    call_id: &str,
    tag: &str,
) -> (Request, Option<String>) {
    let Invite {
        account,
        callee,
        caller_display,
        offer,
        extra_headers,
    } = invite;
    let mut headers = Headers::new();
    headers.push(HeaderName::MaxForwards, "70");
    let from = Uri::address_of_record(&account.user, &account.domain);
    if let Ok(from) = &from {
        let display = caller_display.clone().or_else(|| account.display.clone());
        headers.push(
            HeaderName::From,
            FromTo::new(from.clone())
                .with_display(display)
                .with_tag(tag),
        );
    }
    headers.push(HeaderName::To, FromTo::new(callee.clone()));
    headers.push(HeaderName::CallId, call_id);
    headers.push(HeaderName::Allow, allow());
    headers.push(HeaderName::Supported, supported());
    let mut problem = from.err().map(|error| error.to_string());
    for (name, value) in extra_headers {
        match own_header(name, value) {
            Ok(name) => headers.push(name, value),
            Err(why) => problem = problem.or(Some(why)),
        }
    }
    if !offer.is_empty() {
        headers.push(HeaderName::ContentType, "application/sdp");
    }
    let request = Request {
        method: Method::Invite,
        uri: remote_target,
        headers,
        body: offer.clone(),
    };
    (request, problem)
}

/// A header of the application's own: never one this user agent writes itself, never one that breaks out of its line.
pub(crate) fn own_header(name: &str, value: &str) -> Result<HeaderName, String> {
    use HeaderName as H;
    let parsed = H::parse(name).ok_or_else(|| format!("{name:?} is not a SIP header name"))?;
    if matches!(
        parsed,
        H::Via
            | H::From
            | H::To
            | H::CallId
            | H::CSeq
            | H::Contact
            | H::MaxForwards
            | H::Route
            | H::RecordRoute
            | H::ContentType
            | H::ContentLength
            | H::ContentEncoding
            | H::Authorization
            | H::ProxyAuthorization
            | H::Require
            | H::ProxyRequire
            | H::Supported
            | H::Allow
            | H::UserAgent
    ) {
        return Err(format!(
            "The header {parsed} is written by this gateway itself"
        ));
    }
    if let Some(bad) = value
        .chars()
        .find(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
    {
        return Err(format!(
            "The header {parsed} contains {}",
            crate::error::in_words(bad)
        ));
    }
    Ok(parsed)
}
