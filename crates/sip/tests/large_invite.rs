//! An INVITE larger than a datagram should be (K4, b14; RFC 3261 section 18.1.1).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use sip::{Event, Hop, InviteId, Message, Method, Request};

fn large(bench: &mut Bench, next_hop: &str) -> InviteId {
    let mut order = invite_to("10006", next_hop);
    order.offer = format!(
        "{}{}",
        String::from_utf8_lossy(SDP),
        "a=x-filler:0123456789\r\n".repeat(60)
    )
    .into();
    bench.act(|ua, now| ua.invite(order, now))
}

fn over_tcp() -> Hop {
    tcp("192.0.2.10:5060")
}

/// Two INVITEs are the same but for what their way demands.
fn same_call(a: &Request, b: &Request) {
    assert_eq!(a.headers.call_id().unwrap(), b.headers.call_id().unwrap());
    assert_eq!(a.body, b.body);
}

#[test]
fn goes_over_tcp_and_stays_there() {
    let mut bench = Bench::new();
    large(&mut bench, "192.0.2.10");
    let (hop, invite) = bench.request_to(Method::Invite);
    assert_eq!(hop, over_tcp());
    assert!(invite.headers.via().unwrap().is_over("TCP"));
    assert_eq!(uri_of(&invite.headers).params.get("transport"), Some("tcp"));
    bench.reply_with(&invite, 407, |r| challenge(r, "n1", false));
    assert_eq!(bench.request_to(Method::Ack).0, over_tcp());
    let (hop, invite) = bench.request_to(Method::Invite);
    assert_eq!(hop, over_tcp());
    credentials(&invite);
    bench.reply_with(&invite, 200, |ok| {
        ok.headers.push(
            sip::HeaderName::RecordRoute,
            "<sip:192.0.2.10;transport=tcp;lr>",
        );
        picked_up(ok);
    });
    assert_eq!(bench.request_to(Method::Ack).0, over_tcp());
    assert!(matches!(bench.event(), Event::Answered { .. }));
    bench.pass(secs(60));
    bench.silent();
}

#[test]
fn a_small_one_stays_on_udp() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    assert_eq!(bench.request_to(Method::Invite).0, pbx());
}

/// The owner hears once that the INVITE may be lost for its size, with the size.
#[track_caller]
fn told(bench: &mut Bench) {
    let event = bench.event();
    let Event::LargeDatagram { bytes, .. } = event else {
        panic!("the size of a datagram expected, not {event:?}")
    };
    assert!(bytes > 1300);
    bench.no_event();
}

/// An INVITE that fits a datagram until it carries credentials.
fn nearly_large(bench: &mut Bench, next_hop: &str) -> Request {
    let mut order = invite_to("10006", next_hop);
    let filler = "a=x-filler:0123456789\r\n".repeat(23);
    order.offer = format!("{}{filler}", String::from_utf8_lossy(SDP)).into();
    bench.act(|ua, now| ua.invite(order, now));
    let (hop, invite) = bench.request_to(Method::Invite);
    assert_eq!(hop, pbx());
    invite
}

#[test]
fn one_that_grows_with_its_credentials_goes_over_tcp() {
    let mut bench = Bench::new();
    let first = nearly_large(&mut bench, "192.0.2.10");
    bench.reply_with(&first, 407, |r| challenge(r, "n1", false));
    assert_eq!(bench.request_to(Method::Ack).0, pbx());
    let (hop, second) = bench.request_to(Method::Invite);
    assert_eq!(hop, over_tcp());
    assert!(first.to_bytes().len() < 1300 && second.to_bytes().len() > 1300);
    same_call(&first, &second);
    credentials(&second);
    // A second challenge comes over TCP and is answered there.
    let mut stale = answer(&second, 407, "peer");
    challenge(&mut stale, "n2", true);
    bench.receive(&over_tcp(), &Message::Response(stale));
    assert_eq!(bench.request_to(Method::Ack).0, over_tcp());
    let (hop, third) = bench.request_to(Method::Invite);
    assert_eq!((hop, credentials(&third).nonce), (over_tcp(), "n2".into()));
    let mut ok = answer(&third, 200, "peer");
    picked_up(&mut ok);
    bench.receive(&over_tcp(), &Message::Response(ok));
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::Answered { .. }));
}

#[test]
fn one_that_grows_goes_over_udp_where_the_server_has_no_tcp() {
    let mut bench = Bench::new();
    let first = nearly_large(&mut bench, "192.0.2.10");
    bench.reply_with(&first, 407, |r| challenge(r, "n1", false));
    bench.request(Method::Ack);
    let (hop, second) = bench.request_to(Method::Invite);
    assert_eq!(hop, over_tcp());
    bench.send_failed(&hop, "connection refused");
    let (hop, third) = bench.request_to(Method::Invite);
    assert_eq!(hop, pbx());
    same_call(&second, &third);
    assert_eq!(credentials(&third).nc, Some(2));
    told(&mut bench);
    bench.reply_with(&third, 200, picked_up);
    assert!(matches!(bench.event(), Event::Answered { .. }));
}

#[test]
fn one_that_grows_stays_on_a_named_transport() {
    let mut bench = Bench::new();
    let first = nearly_large(&mut bench, "sip:192.0.2.10;transport=udp");
    bench.reply_with(&first, 407, |r| challenge(r, "n1", false));
    bench.request(Method::Ack);
    assert_eq!(bench.request_to(Method::Invite).0, pbx());
}

#[test]
fn a_named_transport_is_used() {
    let mut bench = Bench::new();
    large(&mut bench, "sip:192.0.2.10;transport=udp");
    assert_eq!(bench.request_to(Method::Invite).0, pbx());
}

#[test]
fn without_a_tcp_address_of_ours_it_stays_on_udp() {
    let mut bench = Bench::with({
        let mut config = config();
        config
            .contacts
            .retain(|(transport, _)| *transport == sip::Transport::Udp);
        config
    });
    large(&mut bench, "192.0.2.10");
    assert_eq!(bench.request_to(Method::Invite).0, pbx());
    told(&mut bench);
    bench.pass(secs(32));
    let event = bench.event();
    let text = &cause_of(&event).text;
    assert!(
        text.contains("The INVITE has 1") && text.ends_with("SIP over TCP helps."),
        "{text}"
    );
}

#[test]
fn a_server_without_tcp_gets_it_over_udp_at_once() {
    let mut bench = Bench::new();
    large(&mut bench, "192.0.2.10");
    let (hop, first) = bench.request_to(Method::Invite);
    bench.send_failed(&hop, "connection refused");
    let (hop, second) = bench.request_to(Method::Invite);
    assert_eq!(hop, pbx());
    same_call(&first, &second);
    told(&mut bench);
    bench.no_event();
    bench.reply_with(&second, 200, picked_up);
    assert!(matches!(bench.event(), Event::Answered { .. }));
    bench.ignore_sent();
    // It is remembered, for a while.
    large(&mut bench, "192.0.2.10");
    assert_eq!(bench.request_to(Method::Invite).0, pbx());
    bench.pass(secs(601));
    bench.ignore_sent();
    large(&mut bench, "192.0.2.10");
    assert_eq!(bench.request_to(Method::Invite).0, over_tcp());
}

#[test]
fn a_firewall_that_swallows_tcp_costs_four_seconds() {
    let mut bench = Bench::new();
    large(&mut bench, "192.0.2.10");
    let (hop, first) = bench.request_to(Method::Invite);
    assert_eq!(hop, over_tcp());
    bench.pass(ms(3_999));
    bench.silent();
    bench.pass(ms(1));
    let (hop, second) = bench.request_to(Method::Invite);
    assert_eq!(hop, pbx());
    same_call(&first, &second);
    told(&mut bench);
    // The first arrives after all.
    bench.receive(&over_tcp(), &Message::Response(answer(&first, 180, "a")));
    assert_eq!(bench.request_to(Method::Cancel).0, over_tcp());
    bench.no_event();
    bench.reply_with(&second, 200, picked_up);
    assert!(matches!(bench.event(), Event::Answered { .. }));
}

#[test]
fn silence_on_both_ends_in_time() {
    let mut bench = Bench::new();
    large(&mut bench, "192.0.2.10");
    bench.pass(ms(31_999));
    told(&mut bench);
    bench.no_event();
    bench.pass(ms(1));
    assert!(matches!(bench.event(), Event::Refused { .. }));
    bench.ignore_sent();
    bench.over();
}

#[test]
fn a_503_over_tcp_is_the_servers_answer() {
    let mut bench = Bench::new();
    large(&mut bench, "192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 503);
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::Refused { .. }));
    bench.silent();
    bench.over();
}
