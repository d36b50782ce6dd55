//! Requests outside every dialog (RFC 3261 section 8.2).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use sip::{Event, HeaderName, Message, Method, Uri};

fn registered() -> (Bench, Uri) {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    (bench, contact)
}

#[test]
fn options_tells_what_we_can() {
    let (mut bench, contact) = registered();
    let options = bench.fresh_request(Method::Options, contact);
    bench.pbx_sends(&options);
    let ok = bench.response(200);
    assert!(ok.headers.has(&HeaderName::Allow) && ok.headers.to().unwrap().tag.is_some());
}

#[test]
fn a_user_nobody_is_404_and_a_known_one_rings() {
    let (mut bench, _) = registered();
    let invite = bench.invite_of_peer(Uri::parse("sip:nobody@192.0.2.1").unwrap());
    bench.pbx_sends(&invite);
    bench.response(404);
    bench.no_event();
    let invite = bench.invite_of_peer(Uri::parse("sip:10005@192.0.2.1").unwrap());
    bench.pbx_sends(&invite);
    bench.response(100);
    assert!(matches!(bench.event(), Event::Incoming { .. }));
}

#[test]
fn a_call_for_a_registration_that_leaves_is_480() {
    let mut bench = Bench::new();
    let (id, contact) = bench.registered();
    bench.act(|ua, now| ua.unregister(id, now));
    bench.request(Method::Register);
    let invite = bench.invite_of_peer(contact);
    bench.pbx_sends(&invite);
    bench.response(480);
    bench.no_event();
}

#[test]
fn a_registration_that_leaves_does_not_hide_a_new_one_of_the_same_user() {
    let mut bench = Bench::new();
    let (id, _) = bench.registered();
    bench.act(|ua, now| ua.unregister(id, now));
    bench.request(Method::Register);
    bench.registered();
    let invite = bench.invite_of_peer(Uri::parse("sip:10005@192.0.2.1").unwrap());
    bench.pbx_sends(&invite);
    bench.response(100);
    assert!(matches!(bench.event(), Event::Incoming { .. }));
}

/// 8.2.2.2: the same INVITE by two ways of a forking proxy.
#[test]
fn a_merged_request_is_482() {
    let (mut bench, contact) = registered();
    let (id, invite) = bench.offered(&contact);
    let mut other_way = invite.clone();
    other_way.headers.set(
        HeaderName::Via,
        "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKsecond;rport",
    );
    bench.pbx_sends(&other_way);
    bench.response(482);
    bench.no_event();
    bench.act(|ua, now| ua.ring(id, None, now));
    bench.response(180);
}

#[test]
fn refusals_before_the_user_is_looked_at() {
    let (mut bench, contact) = registered();
    type Change = fn(&mut sip::Request);
    let cases: [(u16, Change); 6] = [
        (420, |r| r.headers.push(HeaderName::Require, "x")),
        (415, |r| {
            r.headers.set(HeaderName::ContentType, "text/plain")
        }),
        (406, |r| {
            r.headers.push(HeaderName::Accept, "text/nobodyKnowsThis")
        }),
        (416, |r| r.uri = Uri::parse("name:John_Smith").unwrap()),
        (405, |r| {
            r.method = Method::Subscribe;
            r.headers.set(HeaderName::CSeq, "1 SUBSCRIBE");
        }),
        (481, |r| {
            r.method = Method::Bye;
            r.headers.set(HeaderName::CSeq, "1 BYE");
        }),
    ];
    for (status, change) in cases {
        let mut invite = bench.invite_of_peer(contact.clone());
        change(&mut invite);
        bench.pbx_sends(&invite);
        bench.response(status);
        bench.no_event();
    }
}

#[test]
fn without_rport_the_answer_goes_to_the_port_of_the_via() {
    let (mut bench, contact) = registered();
    let mut options = bench.fresh_request(Method::Options, contact);
    options.headers.set(
        HeaderName::Via,
        "SIP/2.0/UDP pbx.internal:5070;branch=z9hG4bKx",
    );
    bench.pbx_sends(&options);
    let (hop, ok) = bench.response_to(200);
    assert_eq!(hop, udp("192.0.2.10:5070"));
    let via = ok.headers.via().unwrap();
    assert_eq!(
        (via.received(), via.rport()),
        ("192.0.2.10".parse().ok(), None)
    );
}

#[test]
fn all_vias_come_back_in_order() {
    let (mut bench, contact) = registered();
    let mut options = bench.fresh_request(Method::Options, contact);
    options.headers.set(
        HeaderName::Via,
        "SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKa;rport, SIP/2.0/TCP b;branch=z9hG4bKb",
    );
    options
        .headers
        .push(HeaderName::Via, "SIP/2.0/TLS c;branch=z9hG4bKc");
    bench.pbx_sends(&options);
    let vias = bench.response(200).headers.vias().unwrap();
    let text: Vec<String> = vias.iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKa;rport=5060;received=192.0.2.10",
            "SIP/2.0/TCP b;branch=z9hG4bKb",
            "SIP/2.0/TLS c;branch=z9hG4bKc"
        ]
    );
}

#[test]
fn a_broken_request_of_a_known_source_gets_its_400() {
    let (mut bench, contact) = registered();
    let options = bench.fresh_request(Method::Options, contact);
    let text = String::from_utf8(options.to_bytes().to_vec()).unwrap();
    bench.receive_bytes(
        &pbx(),
        text.replace("CSeq: 1 OPTIONS", "CSeq: 99999999999 OPTIONS"),
    );
    let bad = bench.refusals.pop_front().unwrap();
    assert!(
        bad.starts_with("SIP/2.0 400 ") && bad.contains("\r\nTo: <sip:10005@example.com>;tag="),
        "{bad}"
    );
    bench.receive_bytes(
        &pbx(),
        text.replace(
            "sip:10005@example.com>\r\nCall-ID",
            "sip:10005@example.com\r\nCall-ID",
        ),
    );
    assert!(
        bench
            .refusals
            .pop_front()
            .unwrap()
            .starts_with("SIP/2.0 400 ")
    );
    bench.receive_bytes(&pbx(), text.replace(" SIP/2.0\r\n", " SIP/7.0\r\n"));
    bench.response(505);
    bench.silent();
    bench.no_event();
}

#[test]
fn a_response_nobody_waits_for_is_dropped() {
    let (mut bench, contact) = registered();
    let options = bench.fresh_request(Method::Options, contact);
    bench.receive(&pbx(), &Message::Response(answer(&options, 200, "x")));
    bench.silent();
    bench.no_event();
}

/// bcast.dat: a response with two Vias was meant for somebody else.
#[test]
fn a_response_with_two_vias_is_dropped() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 486, |r| {
        r.headers
            .push(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx")
    });
    bench.silent();
    bench.no_event();
}
