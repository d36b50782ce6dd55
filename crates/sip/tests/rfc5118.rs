//! The twelve messages of RFC 5118 §4, and what a user agent must make of each.
//!
//! The RFC's Content-Lengths of §4.6, §4.8 and §4.9 do not fit its bodies, so each is counted anew.
#![allow(missing_docs, clippy::unwrap_used)]

use std::net::IpAddr;

use bytes::Bytes;
use sip::message::sdp_of;
use sip::{Host, Message, Request};

/// A message: start line, headers, body, and the length of the body.
fn message(lines: &[&str], body: &[&str]) -> String {
    let body: String = body.iter().map(|line| format!("{line}\r\n")).collect();
    let kind = match body.len() {
        0 => "",
        _ => "Content-Type: application/sdp\r\n",
    };
    let head = lines.join("\r\n");
    format!(
        "{head}\r\nMax-Forwards: 70\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A REGISTER with this Request-URI, as §4.1 to §4.4 have it.
fn register(uri: &str) -> String {
    let start = format!("REGISTER {uri} SIP/2.0");
    let lines = [
        &start,
        "To: sip:user@example.com",
        "From: sip:user@example.com;tag=81x2",
        "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111",
        "Call-ID: SSG9559905523997077@hlau_4100",
        "Contact: \"Caller\" <sip:caller@[2001:db8::1]>",
        "CSeq: 98176 REGISTER",
    ];
    message(&lines, &[])
}

#[track_caller]
fn accepted(text: &str) -> Request {
    match sip::parse(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn ip(text: &str) -> Host {
    Host::Ip(text.parse().unwrap())
}

fn received(request: &Request) -> Option<IpAddr> {
    request.headers.via().unwrap().received()
}

#[track_caller]
fn sdp(request: &Request) -> Bytes {
    sdp_of(&request.headers, &request.body).unwrap().unwrap()
}

/// §4.1.
#[test]
fn ipv6_good() {
    let request = accepted(&register("sip:[2001:db8::10]"));
    assert_eq!(request.uri.host, ip("2001:db8::10"));
    assert_eq!(request.headers.via().unwrap().host, ip("2001:db8::9:1"));
    let contact = request.headers.contacts().unwrap();
    assert_eq!(contact.first().unwrap().uri.host, ip("2001:db8::1"));
}

/// §4.2: without brackets it is no reference, and the answer is 400.
#[test]
fn ipv6_bad() {
    let error = sip::parse(register("sip:2001:db8::10").as_bytes()).unwrap_err();
    assert_eq!(error.reply.unwrap().status, 400);
}

/// §4.3: well-formed, and the port is a part of the address.
#[test]
fn port_ambiguous() {
    let uri = accepted(&register("sip:[2001:db8::10:5070]")).uri;
    assert_eq!((uri.host, uri.port), (ip("2001:db8::10:5070"), None));
}

/// §4.4.
#[test]
fn port_unambiguous() {
    let uri = accepted(&register("sip:[2001:db8::10]:5070")).uri;
    assert_eq!((uri.host, uri.port), (ip("2001:db8::10"), Some(5070)));
}

/// §4.5: `received` is read with brackets.
#[test]
fn via_received_param_with_delim() {
    let text = message(
        &[
            "BYE sip:[2001:db8::10] SIP/2.0",
            "To: sip:user@example.com;tag=bd76ya",
            "From: sip:user@example.com;tag=81x2",
            "Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111",
            "Call-ID: SSG9559905523997077@hlau_4100",
            "CSeq: 321 BYE",
        ],
        &[],
    );
    let expected = "2001:db8::9:255".parse().ok();
    assert_eq!(received(&accepted(&text)), expected);
}

/// §4.5: and without.
#[test]
fn via_received_param_no_delim() {
    let text = message(
        &[
            "OPTIONS sip:[2001:db8::10] SIP/2.0",
            "To: sip:user@example.com",
            "From: sip:user@example.com;tag=81x2",
            "Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3",
            "Call-ID: SSG95523997077@hlau_4100",
            "Contact: \"Caller\" <sip:caller@[2001:db8::9:1]>",
            "CSeq: 921 OPTIONS",
        ],
        &[],
    );
    let expected = "2001:db8::9:255".parse().ok();
    assert_eq!(received(&accepted(&text)), expected);
}

/// §4.6.
#[test]
fn ipv6_in_sdp() {
    let text = message(
        &[
            "INVITE sip:user@[2001:db8::10] SIP/2.0",
            "To: sip:user@[2001:db8::10]",
            "From: sip:user@example.com;tag=81x2",
            "Via: SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111",
            "Call-ID: SSG9559905523997077@hlau_4100",
            "Contact: \"Caller\" <sip:caller@[2001:db8::20]>",
            "CSeq: 8612 INVITE",
        ],
        &[
            "v=0",
            "o=assistant 971731711378798081 0 IN IP6 2001:db8::20",
            "s=Live video feed for today's meeting",
            "c=IN IP6 2001:db8::20",
            "t=3338481189 3370017201",
            "m=audio 6000 RTP/AVP 2",
            "a=rtpmap:2 G726-32/8000",
            "m=video 6024 RTP/AVP 107",
            "a=rtpmap:107 H263-1998/90000",
        ],
    );
    let request = accepted(&text);
    assert_eq!(request.uri.host, ip("2001:db8::10"));
    assert_eq!(sdp(&request), request.body);
}

/// §4.7.
#[test]
fn mult_ip_in_header() {
    let text = message(
        &[
            "BYE sip:user@host.example.net SIP/2.0",
            "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111",
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144",
            "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200",
            "Call-ID: 997077@lau_4100",
            "CSeq: 89187 BYE",
            "To: sip:user@example.net;tag=9817--94",
            "From: sip:user@example.com;tag=81x2",
        ],
        &[],
    );
    let vias = accepted(&text).headers.vias().unwrap();
    let hosts: Vec<Host> = vias.iter().map(|via| via.host.clone()).collect();
    assert_eq!(
        hosts,
        [ip("2001:db8::9:1"), ip("192.0.2.1"), ip("2001:db8::9:255")]
    );
    assert_eq!(vias[0].port, Some(6050));
    assert_eq!(vias[2].received(), "192.0.2.200".parse().ok());
}

/// §4.8.
#[test]
fn mult_ip_in_sdp() {
    let text = message(
        &[
            "INVITE sip:user@[2001:db8::10] SIP/2.0",
            "To: sip:user@[2001:db8::10]",
            "From: sip:user@example.com;tag=81x2",
            "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111",
            "Call-ID: SSG9559905523997077@hlau_4100",
            "Contact: \"Caller\" <sip:caller@[2001:db8::9:1]>",
            "CSeq: 8912 INVITE",
        ],
        &[
            "v=0",
            "o=bob 280744730 28977631 IN IP4 host.example.com",
            "s=",
            "t=0 0",
            "m=audio 22334 RTP/AVP 0",
            "c=IN IP4 192.0.2.1",
            "m=video 6024 RTP/AVP 107",
            "c=IN IP6 2001:db8::1",
            "a=rtpmap:107 H263-1998/90000",
        ],
    );
    let request = accepted(&text);
    assert_eq!(sdp(&request), request.body);
}

/// §4.9.
#[test]
fn ipv4_mapped_ipv6() {
    let text = message(
        &[
            "INVITE sip:user@example.com SIP/2.0",
            "To: sip:user@example.com",
            "From: sip:user@east.example.com;tag=81x2",
            "Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19",
            "Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111",
            "Call-ID: SSG9559905523997077@hlau_4100",
            "Contact: \"T. desk phone\" <sip:ted@[::ffff:192.0.2.2]>",
            "CSeq: 612 INVITE",
        ],
        &[
            "v=0",
            "o=assistant 971731711378798081 0 IN IP6 ::ffff:192.0.2.2",
            "s=Call me soon, please!",
            "c=IN IP6 ::ffff:192.0.2.2",
            "t=3338481189 3370017201",
            "m=audio 6000 RTP/AVP 2",
            "a=rtpmap:2 G726-32/8000",
            "m=video 6024 RTP/AVP 107",
            "a=rtpmap:107 H263-1998/90000",
        ],
    );
    let request = accepted(&text);
    let via = request.headers.via().unwrap();
    assert_eq!((via.host, via.port), (ip("::ffff:192.0.2.10"), Some(19823)));
    let contact = request.headers.contacts().unwrap();
    assert_eq!(contact.first().unwrap().uri.host, ip("::ffff:192.0.2.2"));
    assert_eq!(sdp(&request), request.body);
}

/// An OPTIONS of §4.10 with this host.
fn options(host: &str) -> String {
    let (start, to) = (
        format!("OPTIONS sip:user@{host} SIP/2.0"),
        format!("To: sip:user@{host}"),
    );
    let lines = [
        &start,
        &to,
        "From: sip:user@example.com;tag=810x2",
        "Via: SIP/2.0/UDP lab1.east.example.com;branch=z9hG4bKas3-111",
        "Call-ID: G9559905523997077@hlau_4100",
        "CSeq: 689 OPTIONS",
    ];
    message(&lines, &[])
}

/// §4.10: the grammar of RFC 3261 allows a third colon; it is read as two and written as two.
#[test]
fn ipv6_bug_abnf_3_colons() {
    let request = accepted(&options("[2001:db8:::192.0.2.1]"));
    assert_eq!(request.uri.host, ip("2001:db8::192.0.2.1"));
    let to = request.headers.to().unwrap();
    assert_eq!(to.uri.host, request.uri.host);
    assert_eq!(request.uri.to_string(), "sip:user@[2001:db8::c000:201]");
}

/// §4.10.
#[test]
fn ipv6_correct_abnf_2_colons() {
    let request = accepted(&options("[2001:db8::192.0.2.1]"));
    assert_eq!(request.uri.host, ip("2001:db8::192.0.2.1"));
}
