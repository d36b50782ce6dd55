//! REGISTER and digest: 401, 407, stale nonces, wrong passwords (b35; RFC 8760).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use sip::digest::{Algorithm, Challenge};
use sip::{Event, HeaderName, Method};

#[test]
fn challenged_once_then_registered() {
    for (status, header) in [
        (401, HeaderName::Authorization),
        (407, HeaderName::ProxyAuthorization),
    ] {
        let mut bench = Bench::new();
        let id = bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
        let first = bench.request(Method::Register);
        bench.reply_with(&first, status, |r| challenge(r, "n1", false));
        let second = bench.request(Method::Register);
        assert!(second.headers.has(&header));
        assert_eq!(cseq(&second), cseq(&first) + 1);
        assert_eq!(
            second.headers.call_id().unwrap(),
            first.headers.call_id().unwrap()
        );
        assert_ne!(branch(&second.headers), branch(&first.headers));
        let answer = credentials(&second);
        assert_eq!((answer.nonce.as_str(), answer.nc), ("n1", Some(1)));
        bench.reply_with(&second, 200, |ok| bind(ok, &second, 300));
        assert_eq!(
            bench.event(),
            Event::Registered {
                id,
                expires: secs(300)
            }
        );
    }
}

#[test]
fn the_refresh_uses_the_known_nonce_and_counts() {
    let mut bench = Bench::new();
    bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 401, |r| challenge(r, "n1", false));
    for nc in 1..=3 {
        let register = bench.request(Method::Register);
        let answer = credentials(&register);
        assert_eq!((answer.nonce.as_str(), answer.nc), ("n1", Some(nc)));
        bench.reply_with(&register, 200, |ok| bind(ok, &register, 60));
        assert!(matches!(bench.event(), Event::Registered { .. }));
        bench.until_sent(secs(54));
    }
}

#[test]
fn a_nonce_that_has_aged_is_no_failure_with_or_without_stale() {
    for stale in [true, false] {
        let mut bench = Bench::new();
        bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
        let register = bench.request(Method::Register);
        bench.reply_with(&register, 401, |r| challenge(r, "n1", false));
        let register = bench.request(Method::Register);
        bench.reply_with(&register, 200, |ok| bind(ok, &register, 60));
        bench.event();
        bench.until_sent(secs(54));
        let register = bench.request(Method::Register);
        // Only the credentials of a fresh exchange say something about the password.
        if stale {
            bench.reply_with(&register, 401, |r| challenge(r, "n2", true));
            assert_eq!(credentials(&bench.request(Method::Register)).nonce, "n2");
            bench.no_event();
        } else {
            bench.reply_with(&register, 401, |r| challenge(r, "n2", false));
            assert_eq!(credentials(&bench.request(Method::Register)).nonce, "n2");
            bench.no_event();
        }
    }
}

#[test]
fn each_stale_nonce_is_tried_again_but_not_for_ever() {
    let mut bench = Bench::new();
    bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    let mut tries = 0;
    while bench.events.is_empty() {
        let register = bench.request(Method::Register);
        tries += 1;
        bench.reply_with(&register, 401, |r| {
            challenge(r, &format!("n{tries}"), tries > 1)
        });
    }
    assert_eq!(tries, 7);
    let event = bench.event();
    assert!(matches!(
        event,
        Event::RegistrationFailed { retry_in: None, .. }
    ));
    assert_eq!(
        cause_of(&event).text,
        "192.0.2.10 keeps asking for the password of 10005 (401 to every REGISTER)."
    );
    bench.over();
}

#[test]
fn a_second_401_with_another_nonce_means_wrong_password() {
    let mut bench = Bench::new();
    bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 401, |r| challenge(r, "n1", false));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 401, |r| challenge(r, "n2", false));
    let event = bench.event();
    assert!(matches!(
        event,
        Event::RegistrationFailed { retry_in: None, .. }
    ));
    let cause = cause_of(&event);
    assert_eq!(
        cause.text,
        "Wrong SIP login or password: 192.0.2.10 refused the REGISTER of 10005 with 401 twice."
    );
    assert_eq!((cause.sip_code, cause.q850), (Some(401), Some(21)));
    bench.silent();
    bench.over();
}

#[test]
fn stale_with_the_same_nonce_is_no_new_nonce() {
    let mut bench = Bench::new();
    bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 401, |r| challenge(r, "n1", false));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 401, |r| challenge(r, "n1", true));
    assert!(matches!(bench.event(), Event::RegistrationFailed { .. }));
    bench.over();
}

#[test]
fn a_password_that_turns_wrong_is_not_tried_for_ever() {
    let mut bench = Bench::new();
    bench.registered();
    bench.until_sent(secs(270));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 401, |r| challenge(r, "n1", false));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 401, |r| challenge(r, "n2", false));
    assert!(matches!(
        bench.event(),
        Event::RegistrationFailed { retry_in: None, .. }
    ));
    bench.over();
}

#[test]
fn the_strongest_challenge_is_answered() {
    for order in [
        [Algorithm::Md5, Algorithm::Sha256],
        [Algorithm::Sha256, Algorithm::Md5],
    ] {
        let mut bench = Bench::new();
        bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
        let register = bench.request(Method::Register);
        bench.reply_with(&register, 401, |r| {
            for algorithm in order {
                r.headers.push(
                    HeaderName::WwwAuthenticate,
                    Challenge::new("example.com", "n", algorithm),
                );
            }
        });
        let answer = credentials(&bench.request(Method::Register));
        assert_eq!(answer.algorithm, Some(Algorithm::Sha256));
    }
}

#[test]
fn a_challenge_nobody_can_answer_is_explained() {
    for headers in [
        vec![],
        vec!["Digest realm=\"x\", nonce=\"n\", algorithm=TOTP"],
        vec!["Basic realm=\"x\""],
    ] {
        let mut bench = Bench::new();
        bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
        let register = bench.request(Method::Register);
        bench.reply_with(&register, 401, |r| {
            for header in headers {
                r.headers.push(HeaderName::WwwAuthenticate, header);
            }
        });
        let event = bench.event();
        assert!(
            cause_of(&event)
                .text
                .contains("a kind of login this gateway does not have")
        );
        bench.over();
    }
}
