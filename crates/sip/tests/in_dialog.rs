//! What a peer may ask inside a dialog (RFC 3261 sections 12.2.2, 8.2; line 12 of the foundation).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use sip::{Event, HeaderName, Message, Method};

/// Asks in a running call and hands the answer over; the call is unharmed afterwards.
#[track_caller]
fn asked(method: &str, change: impl FnOnce(&mut sip::Request)) -> sip::Response {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    let mut request = bench.peer_request(&invite, Method::parse(method).unwrap(), 1, "peer");
    change(&mut request);
    bench.pbx_sends(&request);
    let Some(Message::Response(response)) = bench.sent.pop_front().map(|sent| sent.message) else {
        panic!("a response expected")
    };
    bench.silent();
    bench.no_event();
    // A copy gets the same answer.
    bench.pbx_sends(&request);
    assert_eq!(bench.response(response.status), response);
    bench.act(|ua, now| ua.end(id, now));
    let bye = bench.request(Method::Bye);
    bench.reply(&bye, 200);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.pass(secs(40));
    bench.ignore_sent();
    bench.over();
    response
}

#[test]
fn options_200() {
    let response = asked("OPTIONS", |_| {});
    assert_eq!(response.status, 200);
    assert_eq!(
        response.headers.allow().unwrap().to_string(),
        "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, NOTIFY"
    );
    assert_eq!(
        response.headers.get(&HeaderName::Accept),
        Some(
            "application/sdp, multipart/mixed, multipart/alternative, multipart/related, application/dtmf-relay, \
             application/dtmf, text/plain, application/simple-message-summary"
        )
    );
}

#[test]
fn known_methods_405_unknown_ones_501() {
    for (method, status) in [
        ("REFER", 405),
        ("SUBSCRIBE", 405),
        ("REGISTER", 405),
        ("PUBLISH", 405),
        ("RE%47IST%45R", 501),
        ("bye", 501),
        ("NEWMETHOD", 501),
    ] {
        let response = asked(method, |_| {});
        assert_eq!(response.status, status, "{method}");
        assert!(response.headers.has(&HeaderName::Allow));
    }
}

#[test]
fn require_420_and_what_is_not_understood() {
    let response = asked("OPTIONS", |r| {
        r.headers
            .push(HeaderName::Require, "nothingSupportsThis, andNotThis");
        r.headers.push(HeaderName::Require, "100rel");
    });
    assert_eq!(response.status, 420);
    assert_eq!(
        response.headers.get(&HeaderName::Unsupported),
        Some("nothingSupportsThis, andNotThis")
    );
}

#[test]
fn unknown_scheme_416() {
    let change = |r: &mut sip::Request| {
        r.uri = sip::Uri::parse("nobodyKnowsThisScheme:totallyopaquecontent").unwrap()
    };
    assert_eq!(asked("OPTIONS", change).status, 416);
}

#[test]
fn unknown_body_415_and_what_is_known() {
    let response = asked("INVITE", |r| {
        r.headers
            .push(HeaderName::ContentType, "application/unknownformat");
        r.body = "<audio/>".into();
    });
    assert_eq!(
        (response.status, response.headers.get(&HeaderName::Accept)),
        (415, Some(sip::message::body::ACCEPT))
    );
    let response = asked("INVITE", |r| {
        with_sdp(&mut r.headers, &mut r.body);
        r.headers.push(HeaderName::ContentEncoding, "gzip");
    });
    assert_eq!(
        (
            response.status,
            response.headers.get(&HeaderName::AcceptEncoding)
        ),
        (415, Some("identity"))
    );
    // An optional body is no obstacle: the UPDATE is taken as one without a body.
    let response = asked("UPDATE", |r| {
        r.headers.push(HeaderName::ContentType, "application/isup");
        r.headers.push(
            HeaderName::ContentDisposition,
            "signal; handling = Optional",
        );
        r.body = "x".into();
    });
    assert_eq!(response.status, 200);
}

#[test]
fn out_of_order_500() {
    let mut bench = Bench::new();
    let (_, invite, _) = bench.established();
    for (number, status) in [(10, 200), (9, 500), (10, 500), (12, 200)] {
        let request = bench.peer_request(&invite, Method::Options, number, "peer");
        bench.pbx_sends(&request);
        bench.response(status);
    }
    let bye = bench.peer_request(&invite, Method::Bye, 11, "peer");
    bench.pbx_sends(&bye);
    bench.response(500);
    bench.no_event();
}

#[test]
fn unknown_dialog_481() {
    let mut bench = Bench::new();
    bench.registered();
    let (_, invite, _) = bench.established();
    let strange = bench.peer_request(&invite, Method::Bye, 1, "other-tag");
    bench.pbx_sends(&strange);
    bench.response(481);
    let mut strange = bench.peer_request(&invite, Method::Options, 1, "peer");
    strange.headers.set(HeaderName::CallId, "unknown");
    bench.pbx_sends(&strange);
    bench.response(481);
    bench.no_event();
    // A stray ACK gets no answer.
    let ack = bench.peer_request(&invite, Method::Ack, 1, "other-tag");
    bench.pbx_sends(&ack);
    bench.silent();
}

#[test]
fn a_request_in_an_early_dialog_is_answered_too() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 180);
    let options = bench.peer_request(&invite, Method::Options, 1, "peer");
    bench.pbx_sends(&options);
    bench.response(200);
}
