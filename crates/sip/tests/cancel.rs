//! Hanging up before the answer (RFC 3261 section 9; issue: CANCEL crossing 200).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use sip::{Cause, Event, HeaderName, Method, Side, Stage};

#[test]
fn after_a_1xx_cancel_goes_at_once() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 180);
    bench.event();
    bench.act(|ua, now| ua.end(id, now));
    let (hop, cancel) = bench.request_to(Method::Cancel);
    assert_eq!(hop, pbx());
    assert_eq!(cancel.headers.via().unwrap(), invite.headers.via().unwrap());
    assert_eq!((cseq(&cancel), &cancel.uri), (cseq(&invite), &invite.uri));
    assert_eq!(cancel.headers.to().unwrap(), invite.headers.to().unwrap());
    assert_eq!(
        cancel.headers.from().unwrap(),
        invite.headers.from().unwrap()
    );
    bench.reply(&cancel, 200);
    bench.no_event();
    bench.reply(&invite, 487);
    bench.request(Method::Ack);
    let event = bench.event();
    assert!(
        matches!(&event, Event::Ended { id: ended, cause } if *ended == id && cause.side == Side::Browser)
    );
    assert_eq!(cause_of(&event).sip_code, Some(487));
    bench.over();
}

#[test]
fn before_any_1xx_cancel_is_held() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.act(|ua, now| ua.end(id, now));
    bench.silent();
    bench.reply(&invite, 100);
    let cancel = bench.request(Method::Cancel);
    bench.reply(&cancel, 200);
    // More provisional responses bring no second CANCEL.
    bench.reply(&invite, 180);
    bench.silent();
    bench.no_event();
    bench.reply(&invite, 487);
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}

#[test]
fn cancel_crosses_ok() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 180);
    bench.event();
    bench.act(|ua, now| ua.end(id, now));
    let cancel = bench.request(Method::Cancel);
    bench.reply_with(&invite, 200, picked_up);
    let ack = bench.request(Method::Ack);
    let bye = bench.request(Method::Bye);
    bench.no_event();
    bench.reply(&cancel, 200);
    bench.reply_with(&invite, 200, picked_up);
    assert_eq!(bench.request(Method::Ack), ack);
    bench.silent();
    bench.reply(&bye, 200);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}

#[test]
fn ok_instead_of_a_1xx_while_cancel_is_held() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.act(|ua, now| ua.end(id, now));
    bench.reply_with(&invite, 200, picked_up);
    bench.request(Method::Ack);
    let bye = bench.request(Method::Bye);
    bench.reply(&bye, 200);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}

#[test]
fn a_refusal_while_cancel_is_held_ends_the_call() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.act(|ua, now| ua.end(id, now));
    bench.reply(&invite, 486);
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}

#[test]
fn a_challenge_while_cancel_is_held_is_not_answered() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.act(|ua, now| ua.end(id, now));
    bench.reply_with(&invite, 407, |r| challenge(r, "n", false));
    bench.request(Method::Ack);
    bench.silent();
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}

#[test]
fn a_peer_that_was_silent_before_stays_silent_until_timer_b() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    bench.act(|ua, now| ua.end(id, now));
    bench.pass(ms(31_999));
    bench.no_event();
    bench.pass(ms(1));
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}

/// 9.1: 64*T1 after the CANCEL the INVITE counts as cancelled.
#[test]
fn no_487_is_given_up_after_64_t1() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 180);
    bench.event();
    bench.pass(secs(10));
    bench.act(|ua, now| ua.end(id, now));
    let cancel = bench.request(Method::Cancel);
    bench.reply(&cancel, 200);
    bench.pass(ms(31_999));
    bench.no_event();
    bench.pass(ms(1));
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}

#[test]
fn nothing_is_sent_for_a_call_that_ends_before_its_address_is_known() {
    let mut bench = Bench::new();
    let id = bench.call("pbx.example.com");
    let (look_up, _) = bench.looked_up.pop_front().unwrap();
    bench.act(|ua, now| ua.end(id, now));
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.input(sip::Input::Resolved {
        id: look_up,
        result: Ok(vec![pbx()]),
    });
    bench.silent();
    bench.over();
}

#[test]
fn the_reason_of_end_with_goes_out_and_comes_back() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 180);
    bench.event();
    let cause = Cause::new(500, Stage::Media, Side::Gateway, "The media engine failed.");
    bench.act(|ua, now| ua.end_with(id, &cause, now));
    let cancel = bench.request(Method::Cancel);
    assert_eq!(
        cancel.headers.get(&HeaderName::Reason),
        Some("Q.850;cause=41;text=\"Server Internal Error\"")
    );
    bench.reply(&invite, 487);
    bench.request(Method::Ack);
    assert_eq!(
        bench.event(),
        Event::Ended {
            id,
            cause: cause.clone()
        }
    );

    let (id, ..) = bench.established();
    bench.act(|ua, now| ua.end_with(id, &cause, now));
    let bye = bench.request(Method::Bye);
    assert!(bye.headers.has(&HeaderName::Reason));
    bench.reply(&bye, 200);
    assert_eq!(bench.event(), Event::Ended { id, cause });
}

#[test]
fn ending_twice_sends_once() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 180);
    bench.event();
    bench.act(|ua, now| ua.end(id, now));
    bench.act(|ua, now| ua.end(id, now));
    bench.request(Method::Cancel);
    bench.silent();
    bench.reply(&invite, 487);
    bench.request(Method::Ack);
    bench.event();
    bench.act(|ua, now| ua.end(id, now));
    bench.over();
}
