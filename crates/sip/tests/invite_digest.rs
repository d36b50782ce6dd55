//! INVITE and digest (RFC 3261 sections 22.2, 22.3), and where credentials must not go (t-A4).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use bytes::Bytes;
use sip::digest::{Algorithm, Challenge};
use sip::{Event, HeaderName, Message, Method};

#[test]
fn proxy_and_server_may_both_ask() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let first = bench.request(Method::Invite);
    bench.reply(&first, 100);
    bench.reply_with(&first, 407, |r| challenge(r, "p1", false));
    bench.request(Method::Ack);
    let second = bench.request(Method::Invite);
    assert!(second.headers.has(&HeaderName::ProxyAuthorization));
    assert_eq!(cseq(&second), cseq(&first) + 1);
    assert_eq!(
        second.headers.call_id().unwrap(),
        first.headers.call_id().unwrap()
    );
    assert_eq!(
        second.headers.from().unwrap(),
        first.headers.from().unwrap()
    );
    assert_eq!(second.headers.to().unwrap().tag, None);
    assert_eq!(second.body, first.body);
    bench.reply_with(&second, 401, |r| challenge(r, "w1", false));
    bench.request(Method::Ack);
    let third = bench.request(Method::Invite);
    assert!(
        third.headers.has(&HeaderName::ProxyAuthorization)
            && third.headers.has(&HeaderName::Authorization)
    );
    assert_eq!(bench.event(), Event::Trying { id });
    bench.no_event();
    bench.reply_with(&third, 200, |ok| {
        ok.headers
            .push(HeaderName::RecordRoute, "<sip:192.0.2.10;lr>");
        picked_up(ok);
    });
    let ack = bench.request(Method::Ack);
    assert_eq!(cseq(&ack), cseq(&third));
    // 13.2.2.4: "The ACK MUST contain the same credentials as the INVITE."
    for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
        assert_eq!(ack.headers.get(&name), third.headers.get(&name));
    }
    let _ = credentials(&third);
}

/// t-A4: a callee that rings first and then asks, in the name of the registrar, gets nothing.
#[test]
fn proxy_and_server_may_both_ask_but_not_after_180() {
    for (registered, status) in [(false, 401), (false, 407), (true, 401), (true, 407)] {
        let mut bench = Bench::new();
        if registered {
            register_with(&mut bench, Algorithm::Md5);
        }
        bench.call("192.0.2.10");
        let first = bench.request(Method::Invite);
        bench.reply_with(&first, 407, |r| challenge(r, "p1", false));
        bench.request(Method::Ack);
        let second = bench.request(Method::Invite);
        credentials(&second);
        bench.reply(&second, 180);
        assert!(matches!(bench.event(), Event::Progress { .. }));
        bench.reply_with(&second, status, |r| challenge(r, "evil", true));
        bench.request(Method::Ack);
        bench.silent();
        let event = bench.event();
        assert!(matches!(event, Event::Refused { .. }));
        assert_eq!(
            cause_of(&event).text,
            format!(
                "The password of 10005 was asked for after the call had made progress, perhaps by the called party; it was not given ({status}). If 192.0.2.10 always asks so late, set sip_auth_after_progress."
            )
        );
    }
}

/// A 100 comes from the next hop itself and does not show that anybody was reached, so a challenge after it is answered.
#[test]
fn a_challenge_after_100_is_answered() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 100);
    bench.reply_with(&invite, 401, |r| challenge(r, "n1", false));
    bench.request(Method::Ack);
    credentials(&bench.request(Method::Invite));
}

/// Registers with a challenge of this algorithm.
fn register_with(bench: &mut Bench, algorithm: Algorithm) {
    bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 401, |r| {
        let challenge = Challenge::new("example.com", "r1", algorithm);
        r.headers.push(HeaderName::WwwAuthenticate, challenge);
    });
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 200, |ok| bind(ok, &register, 300));
    assert!(matches!(bench.event(), Event::Registered { .. }));
}

#[test]
fn a_call_asks_for_no_less_than_the_registration() {
    let mut bench = Bench::new();
    register_with(&mut bench, Algorithm::Sha256);
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 407, |r| challenge(r, "n1", false));
    bench.request(Method::Ack);
    bench.silent();
    assert_eq!(
        cause_of(&bench.event()).text,
        "192.0.2.10 asked for the password of 10005 with less protection than before (MD5 with qop=auth after SHA-256 with qop=auth); it was not given (407)."
    );
}

/// The realm of REGISTER is known in the dialogs of every call through that next hop.
#[test]
fn a_bye_may_be_challenged_for_the_realm_of_the_registration() {
    let mut bench = Bench::new();
    register_with(&mut bench, Algorithm::Md5);
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.picked_up_through_pbx(&invite);
    bench.act(|ua, now| ua.end(id, now));
    let bye = bench.request(Method::Bye);
    bench.reply_with(&bye, 407, |r| challenge(r, "n1", false));
    let again = bench.request(Method::Bye);
    assert_eq!(credentials(&again).nc, Some(1));
    // Once.
    bench.reply_with(&again, 407, |r| challenge(r, "n2", false));
    bench.silent();
    assert!(matches!(bench.event(), Event::Ended { .. }));
}

#[test]
fn the_ack_that_goes_elsewhere_carries_no_credentials() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 407, |r| challenge(r, "p1", false));
    bench.request(Method::Ack);
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 200, picked_up);
    let (hop, ack) = bench.request_to(Method::Ack);
    assert_eq!(hop, udp("192.0.2.66:5062"));
    assert!(without_credentials(&ack));
}

#[test]
fn a_stale_nonce_is_retried_and_a_wrong_password_is_not() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    for (nonce, stale) in [("n1", false), ("n2", true), ("n3", true)] {
        let invite = bench.request(Method::Invite);
        bench.reply_with(&invite, 407, |r| challenge(r, nonce, stale));
        bench.request(Method::Ack);
    }
    bench.no_event();
    let invite = bench.request(Method::Invite);
    assert_eq!(credentials(&invite).nonce, "n3");
    bench.reply_with(&invite, 407, |r| challenge(r, "n4", false));
    bench.request(Method::Ack);
    let event = bench.event();
    assert!(matches!(event, Event::Refused { .. }));
    assert_eq!(
        cause_of(&event).text,
        "Wrong SIP login or password: 192.0.2.10 refused the INVITE of 10005 with 407 twice."
    );
    bench.over();
}

#[test]
fn four_hundred_one_for_ever_ends() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let mut tries = 0;
    while bench.events.is_empty() {
        let invite = bench.request(Method::Invite);
        tries += 1;
        assert!(tries < 20);
        bench.reply_with(&invite, 401, |r| challenge(r, &format!("n{tries}"), true));
        bench.request(Method::Ack);
    }
    assert!(matches!(bench.event(), Event::Refused { .. }));
    bench.over();
}

#[test]
fn a_bye_challenged_by_our_own_proxy_is_answered() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 407, |r| challenge(r, "p1", false));
    bench.request(Method::Ack);
    let invite = bench.request(Method::Invite);
    bench.picked_up_through_pbx(&invite);
    bench.act(|ua, now| ua.end(id, now));
    let bye = bench.request(Method::Bye);
    assert!(without_credentials(&bye));
    bench.reply_with(&bye, 407, |r| challenge(r, "p2", false));
    let again = bench.request(Method::Bye);
    assert_eq!(credentials(&again).nonce, "p2");
    assert_eq!(cseq(&again), cseq(&bye) + 1);
    bench.no_event();
    bench.reply(&again, 200);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}

/// AST/FreeSWITCH "digest leak": a peer that calls us directly challenges our BYE with the registrar's realm.
#[test]
fn a_caller_cannot_ask_for_the_password() {
    let mut bench = Bench::new();
    let registration = bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 401, |r| challenge(r, "n1", false));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 200, |ok| bind(ok, &register, 300));
    bench.event();
    let evil = udp("198.51.100.66:5060");
    let mut invite = bench.invite_of_peer(uri_of(&register.headers));
    invite
        .headers
        .set(HeaderName::Contact, "<sip:evil@198.51.100.66>");
    bench.receive(&evil, &Message::Request(invite.clone()));
    bench.response(100);
    let Event::Incoming { id, .. } = bench.event() else {
        panic!("Incoming expected")
    };
    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    let ok = bench.response(200);
    let ack = bench.ack_of(&invite, &ok);
    bench.receive(&evil, &Message::Request(ack));
    bench.event();
    bench.act(|ua, now| ua.end(id, now));
    for status in [401, 407] {
        let Some(sent) = bench.sent.pop_front() else {
            break;
        };
        let Message::Request(bye) = sent.message else {
            panic!("BYE expected")
        };
        assert_eq!((sent.hop, bye.method.clone()), (evil.clone(), Method::Bye));
        assert!(without_credentials(&bye));
        let mut response = answer(&bye, status, "x");
        challenge(&mut response, "evil", false);
        bench.receive(&evil, &Message::Response(response));
    }
    bench.silent();
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.unregister_and_finish(registration);
}

/// Through our own proxy, but for a realm nobody has asked for before.
#[test]
fn a_new_realm_inside_a_dialog_gets_nothing() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.picked_up_through_pbx(&invite);
    bench.act(|ua, now| ua.end(id, now));
    let bye = bench.request(Method::Bye);
    bench.reply_with(&bye, 401, |r| challenge(r, "n", false));
    bench.silent();
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}
