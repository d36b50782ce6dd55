//! IPv6 in SIP messages beyond the twelve messages of RFC 5118, which stand in `rfc5118.rs`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::net::IpAddr;

use sip::{Host, Message, Request};

/// An OPTIONS to `uri` whose Vias are these.
fn options(uri: &str, vias: &[&str]) -> String {
    let vias: String = vias.iter().map(|via| format!("Via: {via}\r\n")).collect();
    format!(
        "OPTIONS {uri} SIP/2.0\r\n{vias}Max-Forwards: 70\r\nFrom: <sip:caller@[2001:db8::20]>;tag=1\r\n\
         To: <{uri}>\r\nCall-ID: v6@[2001:db8::20]\r\nCSeq: 1 OPTIONS\r\nContact: \"C\" <sip:caller@[2001:db8::20]>\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

fn parsed(text: &str) -> Option<Request> {
    match sip::parse(text.as_bytes()) {
        Ok(Message::Request(request)) => Some(request),
        _ => None,
    }
}

const VIA: &str = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bK1";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn references_in_the_request_uri() {
    for (uri, expected) in [
        ("sip:[2001:db8::10]", Some(("2001:db8::10", None))),
        // Without brackets nobody can tell the port from the address.
        ("sip:2001:db8::10", None),
        // Inside them there is no port, whatever its author meant.
        ("sip:[2001:db8::10:5070]", Some(("2001:db8::10:5070", None))),
        (
            "sip:[2001:db8::10]:5070",
            Some(("2001:db8::10", Some(5070))),
        ),
        (
            "sip:u@[2001:db8::192.0.2.1]",
            Some(("2001:db8::c000:201", None)),
        ),
        ("sip:u@[::ffff:192.0.2.1]", Some(("::ffff:192.0.2.1", None))),
        ("sip:u@[2001:db8::10", None),
        ("sip:u@[192.0.2.1]", None),
        ("sip:u@[2001:db8::10%25eth0]", None),
    ] {
        let found =
            parsed(&options(uri, &[VIA])).map(|request| (request.uri.host, request.uri.port));
        let expected = expected.map(|(host, port)| (Host::Ip(ip(host)), port));
        assert_eq!(found, expected, "{uri}");
    }
}

#[test]
fn what_is_read_is_written_with_brackets() {
    let uri = "sip:u@[2001:DB8:0:0::10]:5070";
    let request = parsed(&options(uri, &[VIA])).unwrap();
    let text = String::from_utf8(request.to_bytes().to_vec()).unwrap();
    assert!(
        text.starts_with("OPTIONS sip:u@[2001:db8::10]:5070 SIP/2.0\r\n"),
        "{text}"
    );
    assert_eq!(parsed(&text).unwrap().uri, request.uri);
}

/// `received` is written without brackets (RFC 3261 section 25.1), and read with them, too.
#[test]
fn received_with_and_without_brackets() {
    for received in ["2001:db8::9:255", "[2001:db8::9:255]"] {
        let via = format!("SIP/2.0/UDP [2001:db8::9:1]:5062;received={received};branch=z9hG4bK1");
        let request = parsed(&options("sip:[2001:db8::10]", &[&via])).unwrap();
        let via = request.headers.via().unwrap();
        assert_eq!(via.host, Host::Ip(ip("2001:db8::9:1")));
        assert_eq!(via.port, Some(5062));
        assert_eq!(via.received(), Some(ip("2001:db8::9:255")), "{received}");
    }
}

#[test]
fn both_families_in_one_message() {
    let vias = [
        VIA,
        "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2",
        "SIP/2.0/TCP [2001:db8::9:255]:5060;branch=z9hG4bK3",
    ];
    let request = parsed(&options("sip:u@example.com", &vias)).unwrap();
    let hosts: Vec<Host> = request
        .headers
        .vias()
        .unwrap()
        .into_iter()
        .map(|v| v.host)
        .collect();
    assert_eq!(
        hosts,
        ["2001:db8::9:1", "192.0.2.1", "2001:db8::9:255"].map(|h| Host::Ip(ip(h)))
    );
}
