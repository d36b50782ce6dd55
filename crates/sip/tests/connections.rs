//! A connection breaks (RFC 3261 sections 17.1.4, 18.2.2, 18.4; RFC 5923): what depended on it.
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use sip::{Account, Event, Hop, Message, Method, RegistrationId, Request, Stage, Uri};

const GONE: &str = "closed by 192.0.2.10:5060 (TCP)";

fn server() -> Hop {
    tcp("192.0.2.10:5060")
}

fn over_tcp() -> Account {
    account("sip:192.0.2.10;transport=tcp")
}

fn grant(bench: &mut Bench, register: &Request) {
    let mut ok = answer(register, 200, "x");
    bind(&mut ok, register, 300);
    bench.receive(&server(), &Message::Response(ok));
}

fn registered(bench: &mut Bench) -> (RegistrationId, Uri) {
    let id = bench.act(|ua, now| ua.register(over_tcp(), now));
    let (hop, register) = bench.request_to(Method::Register);
    assert_eq!(hop, server());
    grant(bench, &register);
    assert!(matches!(bench.event(), Event::Registered { .. }));
    (id, uri_of(&register.headers))
}

fn call(bench: &mut Bench) -> (sip::InviteId, Request) {
    let id = bench.call("sip:192.0.2.10;transport=tcp");
    let (hop, invite) = bench.request_to(Method::Invite);
    assert_eq!(hop, server());
    (id, invite)
}

fn over(request: &mut Request) {
    let via = request.headers.via().unwrap().to_string();
    let via = via.replace("/UDP", "/TCP");
    let via = sip::Via::parse_list(&via).unwrap().remove(0);
    request.headers.set_top_via(&via).unwrap();
}

/// RFC 3261 sections 8.1.1.8, 18.1.1; RFC 5923.
#[test]
fn a_request_over_tcp_says_so() {
    let mut bench = Bench::new();
    bench.act(|ua, now| ua.register(over_tcp(), now));
    let (_, register) = bench.request_to(Method::Register);
    let via = register.headers.via().unwrap();
    assert!(via.is_over("TCP"), "{via}");
    assert_eq!(
        via.port,
        Some(5080),
        "where we listen, not where we speak from"
    );
    assert!(via.params.has("alias"), "{via}");
    assert_eq!(
        uri_of(&register.headers).params.get("transport"),
        Some("tcp")
    );
    bench.pass(secs(31));
    bench.silent();
}

#[test]
fn over_udp_there_is_no_alias() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let via = bench.request(Method::Invite).headers.via().unwrap();
    assert!(!via.params.has("alias"), "{via}");
}

/// The connection of an earlier request may have died unseen: the next one must not pay for it.
#[test]
fn an_unanswered_request_goes_out_once_more_as_it_is() {
    let mut bench = Bench::new();
    bench.act(|ua, now| ua.register(over_tcp(), now));
    let first = bench.request(Method::Register);
    bench.closed(&server(), GONE);
    let (hop, second) = bench.request_to(Method::Register);
    assert_eq!((hop, second), (server(), first.clone()));
    bench.no_event();
    grant(&mut bench, &first);
    assert!(matches!(bench.event(), Event::Registered { .. }));
}

#[test]
fn a_server_that_closes_on_every_request_is_told_at_once() {
    let mut bench = Bench::new();
    let start = bench.elapsed();
    bench.act(|ua, now| ua.register(over_tcp(), now));
    bench.request(Method::Register);
    call(&mut bench);
    bench.closed(&server(), GONE);
    bench.request(Method::Register);
    bench.request(Method::Invite);
    bench.closed(&server(), GONE);
    let mut texts = Vec::new();
    for _ in 0..2 {
        let event = bench.event();
        let cause = cause_of(&event);
        assert_eq!((cause.sip_code, cause.stage), (Some(503), Stage::Connect));
        texts.push(cause.text.clone());
    }
    let expected = "The SIP server 192.0.2.10 cannot be reached: closed by 192.0.2.10:5060 (TCP).";
    assert_eq!(texts, [expected, expected]);
    assert_eq!(bench.elapsed(), start, "nobody waits for a timer");
    bench.over();
}

/// Another connection is another matter.
#[test]
fn what_goes_elsewhere_is_untouched() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    bench.request(Method::Invite);
    call(&mut bench);
    bench.closed(&tcp("192.0.2.11:5060"), GONE);
    bench.silent();
    bench.no_event();
}

/// A proxy that says 100 before it asks who calls: the attempt with credentials has no answer yet.
#[test]
fn an_attempt_after_a_challenge_goes_out_once_more_too() {
    let mut bench = Bench::new();
    let (_, invite) = call(&mut bench);
    for status in [100, 407] {
        let mut response = answer(&invite, status, "a");
        if status == 407 {
            challenge(&mut response, "p1", false);
        }
        bench.receive(&server(), &Message::Response(response));
    }
    bench.request(Method::Ack);
    let second = bench.request(Method::Invite);
    assert!(matches!(bench.event(), Event::Trying { .. }));
    bench.closed(&server(), GONE);
    let (hop, again) = bench.request_to(Method::Invite);
    assert_eq!((hop, again), (server(), second));
    bench.no_event();
}

#[test]
fn a_ringing_call_fails_at_once_and_rings_no_longer() {
    let mut bench = Bench::new();
    let (id, invite) = call(&mut bench);
    bench.receive(&server(), &Message::Response(answer(&invite, 180, "a")));
    assert!(matches!(bench.event(), Event::Progress { .. }));
    bench.closed(&server(), GONE);
    let (hop, cancel) = bench.request_to(Method::Cancel);
    assert_eq!(
        (hop, branch(&cancel.headers)),
        (server(), branch(&invite.headers))
    );
    let event = bench.event();
    assert!(matches!(event, Event::Refused { id: refused, .. } if refused == id));
    assert_eq!(
        cause_of(&event).text,
        "The connection to the SIP server 192.0.2.10 broke before 10006 answered: closed by 192.0.2.10:5060 (TCP)."
    );
    // The callee was faster than the CANCEL.
    let mut ok = answer(&invite, 200, "a");
    picked_up(&mut ok);
    bench.receive(&server(), &Message::Response(ok));
    bench.request(Method::Ack);
    let bye = bench.request(Method::Bye);
    let ok = answer(&bye, 200, "a");
    bench.receive(&server(), &Message::Response(ok));
    bench.over();
}

#[test]
fn a_call_that_is_up_lives_on() {
    let mut bench = Bench::new();
    let (id, invite) = call(&mut bench);
    let mut ok = answer(&invite, 200, "a");
    picked_up(&mut ok);
    ok.headers.push(
        sip::HeaderName::RecordRoute,
        "<sip:192.0.2.10;transport=tcp;lr>",
    );
    bench.receive(&server(), &Message::Response(ok));
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::Answered { .. }));
    bench.closed(&server(), GONE);
    bench.pass(secs(60));
    bench.silent();
    bench.no_event();
    bench.act(|ua, now| ua.end(id, now));
    let (hop, bye) = bench.request_to(Method::Bye);
    assert_eq!(hop, server(), "over a new connection");
    bench.receive(&server(), &Message::Response(answer(&bye, 200, "a")));
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}

/// Incoming calls come over the connection of the binding, so it is made anew before anybody calls.
#[test]
fn a_binding_is_renewed_within_a_second() {
    let mut bench = Bench::new();
    let (id, contact) = registered(&mut bench);
    bench.pass(secs(60));
    bench.silent();
    bench.closed(&server(), GONE);
    bench.silent();
    bench.pass(secs(1));
    let (hop, register) = bench.request_to(Method::Register);
    assert_eq!(hop, server());
    assert_eq!(uri_of(&register.headers), contact, "the same Contact");
    grant(&mut bench, &register);
    assert_eq!(
        bench.event(),
        Event::Registered {
            id,
            expires: secs(300)
        }
    );
    bench.pass(secs(200));
    bench.silent();
}

/// Away for a minute, back within 10 s of its return.
#[test]
fn a_server_that_restarts_is_found_again() {
    let mut bench = Bench::new();
    let (_, _) = registered(&mut bench);
    bench.pass(secs(60));
    bench.closed(&server(), GONE);
    let down = bench.elapsed();
    let mut tries = 0;
    while bench.elapsed() < down + secs(60) {
        bench.pass(ms(100));
        while bench.sent.pop_front().is_some() {
            tries += 1;
            bench.send_failed(&server(), "connection refused");
            let event = bench.event();
            assert!(matches!(
                event,
                Event::RegistrationFailed {
                    retry_in: Some(_),
                    ..
                }
            ));
        }
    }
    assert!((8..=20).contains(&tries), "{tries} tries in a minute");
    bench.until_sent(secs(10));
    let register = bench.request(Method::Register);
    grant(&mut bench, &register);
    assert!(matches!(bench.event(), Event::Registered { .. }));
}

#[test]
fn a_server_that_closes_after_every_answer_is_not_asked_ever_faster() {
    let mut bench = Bench::new();
    registered(&mut bench);
    let start = bench.elapsed();
    for _ in 0..40 {
        bench.closed(&server(), GONE);
        bench.until_sent(secs(31));
        let register = bench.request(Method::Register);
        grant(&mut bench, &register);
        bench.event();
    }
    assert!(bench.elapsed() - start > secs(200), "{:?}", bench.elapsed());
}

#[test]
fn a_binding_that_is_being_removed_is_not_renewed() {
    let mut bench = Bench::new();
    let (id, _) = registered(&mut bench);
    bench.act(|ua, now| ua.unregister(id, now));
    bench.request(Method::Register);
    bench.closed(&server(), GONE);
    bench.request(Method::Register);
    bench.send_failed(&server(), "connection refused");
    assert_eq!(bench.event(), Event::Unregistered { id });
    bench.over();
}

/// 18.2.2: "If that connection is no longer open, the server SHOULD open a connection to the IP address in the "received"
/// parameter, if present, using the port in the "sent-by" value".
#[test]
fn an_answer_whose_connection_is_gone_goes_to_the_via() {
    let mut bench = Bench::new();
    let (_, contact) = registered(&mut bench);
    let from = tcp("192.0.2.10:43210");
    let mut invite = bench.invite_of_peer(contact);
    over(&mut invite);
    let route = "<sip:192.0.2.10;transport=tcp;lr>";
    invite.headers.push(sip::HeaderName::RecordRoute, route);
    bench.receive(&from, &Message::Request(invite.clone()));
    assert_eq!(bench.response_to(100).0, from);
    let Event::Incoming { id, .. } = bench.event() else {
        panic!("a call expected");
    };
    bench.act(|ua, now| ua.ring(id, None, now));
    assert_eq!(bench.response_to(180).0, from, "as long as it is there");
    bench.closed(&from, "closed by 192.0.2.10:43210 (TCP)");
    bench.act(|ua, now| ua.accept(id, bytes::Bytes::from_static(SDP), &[], now));
    let (hop, ok) = bench.response_to(200);
    assert_eq!(hop, server());
    assert_eq!(uri_of(&ok.headers).params.get("transport"), Some("tcp"));
    let mut ack = bench.ack_of(&invite, &ok);
    over(&mut ack);
    bench.receive(&tcp("192.0.2.10:43211"), &Message::Request(ack));
    assert!(matches!(bench.event(), Event::Confirmed { .. }));
    // Our BYE goes to where the peer listens, too, and not to a port it has left.
    bench.act(|ua, now| ua.end(id, now));
    assert_eq!(bench.request_to(Method::Bye).0, server());
}

/// What the peer names is called only where calling is allowed (t-A9).
#[test]
fn an_answer_does_not_knock_at_a_foreign_service() {
    let mut bench = Bench::new();
    let (_, contact) = registered(&mut bench);
    let from = tcp("192.0.2.10:43210");
    let mut invite = bench.invite_of_peer(contact);
    over(&mut invite);
    let via = invite.headers.via().unwrap().to_string();
    let via = via.replace(":5060", ":6379");
    let via = sip::Via::parse_list(&via).unwrap().remove(0);
    invite.headers.set_top_via(&via).unwrap();
    bench.receive(&from, &Message::Request(invite));
    bench.response(100);
    bench.closed(&from, "closed");
    let Event::Incoming { id, .. } = bench.event() else {
        panic!("a call expected");
    };
    bench.act(|ua, now| ua.reject(id, 486, "", now));
    assert_eq!(bench.response_to(486).0, from);
}

/// A server that takes the connection and drops it with the large INVITE is one without TCP.
#[test]
fn a_large_invite_falls_back_when_the_connection_breaks() {
    let mut bench = Bench::new();
    let mut order = invite_to("10006", "192.0.2.10");
    order.offer = [SDP, &b"a=x-filler:0123456789\r\n".repeat(60)]
        .concat()
        .into();
    bench.act(|ua, now| ua.invite(order, now));
    assert_eq!(bench.request_to(Method::Invite).0, server());
    bench.closed(&server(), GONE);
    assert_eq!(bench.request_to(Method::Invite).0, server());
    bench.closed(&server(), GONE);
    assert_eq!(bench.request_to(Method::Invite).0, pbx());
    assert!(matches!(bench.event(), Event::LargeDatagram { .. }));
    bench.no_event();
}
