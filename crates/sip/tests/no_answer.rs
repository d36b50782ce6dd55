//! Nothing stays pending: each way a peer can fail to answer has one final event, its time and its words (K1, F3).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use sip::{Event, Input, Method, ResolveError, Stage};

/// Nothing before `at`, at it the one final event; its text.
#[track_caller]
fn refused_at(bench: &mut Bench, at: std::time::Duration) -> sip::Cause {
    let before = at - ms(1) - bench.elapsed();
    bench.pass(before);
    bench.no_event();
    bench.pass(ms(1));
    let event = bench.event();
    assert!(matches!(event, Event::Refused { .. }));
    cause_of(&event).clone()
}

#[test]
fn a_silent_peer_ends_with_timer_b() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let cause = refused_at(&mut bench, secs(32));
    assert_eq!(
        cause.text,
        "The SIP server 192.0.2.10 did not answer within 32 s (no response to INVITE)."
    );
    assert_eq!((cause.sip_code, cause.stage), (Some(408), Stage::Invite));
    assert_eq!(bench.ignore_sent(), 7, "INVITE and six retransmissions");
    bench.over();
}

#[test]
fn a_peer_that_only_says_100_is_given_up_after_the_trying_timeout() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 100);
    bench.event();
    let cause = refused_at(&mut bench, secs(180));
    assert_eq!(
        cause.text,
        "The SIP server 192.0.2.10 took the call but nobody rang within 180 s (setting sip_trying_timeout)."
    );
    let cancel = bench.request(Method::Cancel);
    bench.reply(&cancel, 200);
    bench.reply(&invite, 487);
    bench.request(Method::Ack);
    bench.over();
}

#[test]
fn ringing_ends_with_no_answer_timeout() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 100);
    bench.event();
    bench.pass(secs(20));
    bench.reply(&invite, 180);
    bench.event();
    // A gateway that dials slowly does not cost the callee its time to answer.
    let cause = refused_at(&mut bench, secs(80));
    assert_eq!(cause.text, "10006 did not answer within 60 s.");
    assert_eq!(cause.stage, Stage::Ringing);
    bench.request(Method::Cancel);
    // The peer does not react: no second event, everything forgotten 64*T1 later.
    bench.pass(secs(33));
    assert_eq!(bench.ua.counts(), Default::default());
    bench.no_event();
}

#[test]
fn an_answer_that_crosses_the_timeout_is_acked_and_left() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 180);
    bench.event();
    refused_at(&mut bench, secs(60));
    bench.request(Method::Cancel);
    bench.reply_with(&invite, 200, picked_up);
    bench.request(Method::Ack);
    let bye = bench.request(Method::Bye);
    bench.reply(&bye, 200);
    bench.over();
}

#[test]
fn a_malformed_200_is_no_answer() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    let mut ok = answer(&invite, 200, "peer");
    ok.headers.remove(&sip::HeaderName::CSeq);
    bench.receive(&pbx(), &sip::Message::Response(ok));
    bench.receive_bytes(&pbx(), &b"SIP/2.0 200 OK\r\n\r\n"[..]);
    bench.receive_bytes(&pbx(), &b"\x00\xff garbage"[..]);
    bench.no_event();
    refused_at(&mut bench, secs(32));
    bench.over();
}

#[test]
fn dns_failure_is_told_at_once() {
    let mut bench = Bench::new();
    bench.call("no.such.example");
    let (id, target) = bench.looked_up.pop_front().unwrap();
    assert_eq!(target.to_string(), "no.such.example");
    bench.input(Input::Resolved {
        id,
        result: Err(ResolveError::NotFound),
    });
    let event = bench.event();
    let cause = cause_of(&event);
    assert_eq!(
        cause.text,
        "The address of the SIP server no.such.example could not be found: the name does not exist."
    );
    assert_eq!((cause.stage, cause.sip_code), (Stage::Resolve, Some(503)));
    bench.over();
}

#[test]
fn dns_that_never_answers_is_given_up_after_five_seconds() {
    let mut bench = Bench::new();
    bench.call("slow.example");
    let cause = refused_at(&mut bench, secs(5));
    assert!(
        cause.text.ends_with("no DNS server answered in time."),
        "{}",
        cause.text
    );
    let (id, _) = bench.looked_up.pop_front().unwrap();
    bench.input(Input::Resolved {
        id,
        result: Ok(vec![pbx()]),
    });
    bench.silent();
    bench.over();
}

#[test]
fn a_closed_port_is_told_at_once() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    bench.send_failed(&udp("192.0.2.11:5060"), "not ours");
    bench.no_event();
    bench.send_failed(&pbx(), "connection refused");
    let event = bench.event();
    let cause = cause_of(&event);
    assert_eq!(
        cause.text,
        "The SIP server 192.0.2.10 cannot be reached: connection refused."
    );
    assert_eq!(cause.stage, Stage::Connect);
    bench.over();
}

#[test]
fn a_transport_error_after_100_changes_nothing() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 180);
    bench.event();
    bench.send_failed(&pbx(), "unreachable");
    bench.no_event();
    bench.reply_with(&invite, 200, picked_up);
    assert!(matches!(bench.event(), Event::Answered { .. }));
}

#[test]
fn without_an_address_of_its_own_the_gateway_says_so() {
    let mut bench = Bench::with({
        let mut config = config();
        config
            .contacts
            .retain(|(transport, addr)| *transport == sip::Transport::Udp && addr.is_ipv4());
        config
    });
    bench.call("sip:192.0.2.10;transport=tls");
    let event = bench.event();
    assert!(
        cause_of(&event)
            .text
            .contains("does not speak SIP over TLS, which the SIP server 192.0.2.10 needs"),
        "{}",
        cause_of(&event).text
    );
    bench.call("[2001:db8::5]");
    let event = bench.event();
    assert!(
        cause_of(&event)
            .text
            .contains("no IPv6 address for SIP over UDP"),
        "{}",
        cause_of(&event).text
    );
    bench.silent();
    bench.over();
}
