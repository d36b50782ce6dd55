//! Which addresses of a peer each event tells that brings its SDP: its media may come from there (symmetric RTP).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use std::net::IpAddr;

use bench::*;
use bytes::Bytes;
use sip::{Event, HeaderName, Message, Method, Request};

/// A phone behind a NAT, whose outer side is 203.0.113.7, and a proxy at the address of [`pbx`].
const BY_PROXY: &str = "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKproxy";
const CONTACT: &str = "<sip:phone@10.0.0.5:5062;alias=203.0.113.8~61000~1>";

fn by_phone(branch: &str) -> String {
    format!("SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bK{branch};received=203.0.113.7;rport=61000")
}

/// The request as the proxy passes it on.
fn passed_on(mut request: Request, branch: &str) -> Request {
    let both = format!("{BY_PROXY}{branch}, {}", by_phone(branch));
    request.headers.set(HeaderName::Via, both);
    request.headers.set(HeaderName::Contact, CONTACT);
    request
}

#[track_caller]
fn check(signalling: &[IpAddr], expected: &[&str]) {
    let told: Vec<String> = signalling.iter().map(IpAddr::to_string).collect();
    assert_eq!(told, expected);
}

#[test]
fn a_caller_is_told_by_contact_bottom_via_and_source() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let invite = bench.invite_of_peer(contact);
    bench.pbx_sends(&passed_on(invite, "1"));
    let Event::Incoming { signalling, .. } = bench.event() else {
        panic!("Incoming expected")
    };
    let all = ["10.0.0.5", "203.0.113.8", "203.0.113.7", "192.0.2.10"];
    check(&signalling, &all);
}

/// An answer has no Via of the callee. What a request of it has told is remembered in the answers after it.
#[test]
fn a_callee_is_told_by_its_contact_and_later_by_the_via_of_its_requests() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    for (status, host) in [(180, "10.0.0.5"), (200, "10.0.0.6")] {
        bench.reply_with(&invite, status, |response| {
            let contact = format!("<sip:phone@{host}>");
            response.headers.set(HeaderName::Contact, contact);
            with_sdp(&mut response.headers, &mut response.body);
        });
        let (Event::Progress { signalling, .. } | Event::Answered { signalling, .. }) =
            bench.event()
        else {
            panic!("an answer expected")
        };
        check(&signalling, &[host, "192.0.2.10"]);
    }
    bench.ignore_sent();
    // The phone goes to another network: its re-INVITE comes straight from there.
    let mut again = bench.peer_request(&invite, Method::Invite, 1, "peer");
    with_sdp(&mut again.headers, &mut again.body);
    let again = passed_on(again, "2");
    bench.receive(&udp("198.51.100.9:5060"), &Message::Request(again));
    let Event::Offered {
        request,
        signalling,
        ..
    } = bench.event()
    else {
        panic!("an offer expected")
    };
    let told = ["10.0.0.5", "203.0.113.8", "203.0.113.7", "198.51.100.9"];
    check(&signalling, &told);
    bench.act(|ua, now| ua.respond(request, 200, &[], Bytes::from_static(SDP), now));
    bench.response(200);
    let ack = bench.peer_request(&invite, Method::Ack, 1, "peer");
    bench.pbx_sends(&ack);
    // An offer of ours and its answer.
    bench.act(|ua, _| ua.request_offer(id));
    assert!(matches!(bench.event(), Event::OfferDue { .. }));
    bench.act(|ua, now| ua.reoffer(id, Bytes::from_static(SDP), now));
    let ours = bench.request(Method::Invite);
    bench.reply_with(&ours, 200, |response| {
        response
            .headers
            .set(HeaderName::Contact, "<sip:phone@10.0.0.7>");
        with_sdp(&mut response.headers, &mut response.body);
    });
    let Event::OfferAnswered { signalling, .. } = bench.event() else {
        panic!("an answer expected")
    };
    assert_eq!(signalling.first(), Some(&"10.0.0.7".parse().unwrap()));
    assert_eq!(signalling.get(1), Some(&"203.0.113.7".parse().unwrap()));
}
