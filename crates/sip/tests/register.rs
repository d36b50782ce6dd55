//! REGISTER, its refresh, its end (RFC 3261 section 10; b36).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use std::time::Duration;

use bench::*;
use sip::{Event, HeaderName, Input, Message, Method};

#[test]
fn the_register_says_who_and_where() {
    let mut bench = Bench::new();
    let mut account = account("192.0.2.10");
    account.display = Some("Ralf C".into());
    bench.act(|ua, now| ua.register(account, now));
    let (hop, register) = bench.request_to(Method::Register);
    assert_eq!(hop, pbx());
    assert_eq!(register.uri.to_string(), "sip:example.com");
    assert_eq!(
        register.headers.to().unwrap().uri.to_string(),
        "sip:10005@example.com"
    );
    assert_eq!(
        register.headers.from().unwrap().display.as_deref(),
        Some("Ralf C")
    );
    let contact = uri_of(&register.headers);
    assert_eq!(
        contact.user.as_deref().map(str::len),
        Some(32),
        "a random token, not the login"
    );
    assert_eq!(register.headers.expires(), Some(300));
    assert_eq!(register.headers.via().unwrap().rport(), Some(None));
    assert!(without_credentials(&register));
}

#[test]
fn refreshed_in_time_from_the_granted_expires() {
    for (granted, from, to) in [
        (300, 255.0, 270.0),
        (60, 51.0, 54.0),
        (20, 14.0, 15.0),
        (4, 1.0, 2.0),
        (3600, 3060.0, 3240.0),
    ] {
        let mut bench = Bench::new();
        bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
        let first = bench.request(Method::Register);
        bench.reply_with(&first, 200, |ok| bind(ok, &first, granted));
        assert!(
            matches!(bench.event(), Event::Registered { expires, .. } if expires == secs(granted.into()))
        );
        bench.pass(Duration::from_secs_f64(from) - ms(1));
        bench.silent();
        bench.until_sent(Duration::from_secs_f64(to - from) + ms(1));
        let again = bench.request(Method::Register);
        assert_eq!(
            again.headers.call_id().unwrap(),
            first.headers.call_id().unwrap()
        );
        assert_eq!(uri_of(&again.headers), uri_of(&first.headers));
        assert_eq!(cseq(&again), cseq(&first) + 1);
        bench.reply_with(&again, 200, |ok| bind(ok, &again, granted));
        assert!(matches!(bench.event(), Event::Registered { .. }));
    }
}

#[test]
fn refreshes_of_many_are_spread() {
    let mut bench = Bench::new();
    for _ in 0..50 {
        bench.registered();
    }
    bench.pass(secs(300));
    let mut times: Vec<Duration> = bench.sent.iter().map(|sent| sent.at).collect();
    times.dedup();
    assert!(times.len() > 40, "{times:?}");
}

#[test]
fn expires_header_counts_when_the_contact_has_none() {
    let mut bench = Bench::new();
    let id = bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 200, |ok| {
        ok.headers
            .push(HeaderName::Contact, "broken contact of another device");
        ok.headers.push(
            HeaderName::Contact,
            format!("<{}>", uri_of(&register.headers)),
        );
        ok.headers.push(HeaderName::Expires, 120);
    });
    assert_eq!(
        bench.event(),
        Event::Registered {
            id,
            expires: secs(120)
        }
    );
}

#[test]
fn a_423_is_answered_with_the_interval_it_asks_for() {
    let mut bench = Bench::new();
    let id = bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 423, |r| {
        r.headers.push(HeaderName::MinExpires, 1800)
    });
    let register = bench.request(Method::Register);
    assert_eq!(register.headers.expires(), Some(1800));
    bench.no_event();
    bench.reply_with(&register, 200, |ok| bind(ok, &register, 1800));
    assert_eq!(
        bench.event(),
        Event::Registered {
            id,
            expires: secs(1800)
        }
    );
}

#[test]
fn a_423_that_never_ends_or_asks_too_much_fails() {
    for asked in [0, 300, 90_000, u32::MAX] {
        let mut bench = Bench::new();
        bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
        let register = bench.request(Method::Register);
        bench.reply_with(&register, 423, |r| {
            r.headers.push(HeaderName::MinExpires, asked)
        });
        assert!(
            matches!(
                bench.event(),
                Event::RegistrationFailed { retry_in: None, .. }
            ),
            "{asked}"
        );
        bench.over();
    }
}

#[test]
fn unregister_removes_the_binding() {
    let mut bench = Bench::new();
    let (id, contact) = bench.registered();
    bench.act(|ua, now| ua.unregister(id, now));
    bench.act(|ua, now| ua.unregister(id, now));
    let register = bench.request(Method::Register);
    bench.silent();
    assert_eq!(uri_of(&register.headers), contact);
    assert_eq!(register.headers.expires(), Some(0));
    assert_eq!(
        register
            .headers
            .contacts()
            .unwrap()
            .first()
            .unwrap()
            .expires(),
        Some(0)
    );
    bench.reply_with(&register, 401, |r| challenge(r, "n1", false));
    let register = bench.request(Method::Register);
    assert_eq!(
        (
            credentials(&register).nonce.as_str(),
            register.headers.expires()
        ),
        ("n1", Some(0))
    );
    bench.reply(&register, 200);
    assert_eq!(bench.event(), Event::Unregistered { id });
    bench.over();
}

#[test]
fn unregister_ends_whatever_the_registrar_does() {
    for reply in [Some(500), Some(401), None] {
        let mut bench = Bench::new();
        let (id, _) = bench.registered();
        bench.act(|ua, now| ua.unregister(id, now));
        match reply {
            Some(status) => {
                let register = bench.request(Method::Register);
                bench.reply(&register, status);
            }
            None => bench.pass(secs(32)),
        }
        assert_eq!(bench.event(), Event::Unregistered { id });
        bench.ignore_sent();
        bench.over();
    }
}

#[test]
fn unregister_while_the_first_answer_is_on_its_way() {
    let mut bench = Bench::new();
    let id = bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    let register = bench.request(Method::Register);
    bench.act(|ua, now| ua.unregister(id, now));
    bench.silent();
    bench.reply_with(&register, 200, |ok| bind(ok, &register, 300));
    bench.no_event();
    bench.unregister_rest(id);
}

#[test]
fn unregister_before_anything_was_sent() {
    let mut bench = Bench::new();
    let id = bench.act(|ua, now| ua.register(account("pbx.example.com"), now));
    let (look_up, _) = bench.looked_up.pop_front().unwrap();
    bench.act(|ua, now| ua.unregister(id, now));
    assert_eq!(bench.event(), Event::Unregistered { id });
    bench.input(Input::Resolved {
        id: look_up,
        result: Ok(vec![pbx()]),
    });
    bench.silent();
    bench.over();
}

#[test]
fn two_registrations_have_nothing_in_common() {
    let mut bench = Bench::new();
    let (a, contact_a) = bench.registered();
    let (b, contact_b) = bench.registered();
    assert_ne!((a, &contact_a.user), (b, &contact_b.user));
}

#[test]
fn a_late_or_repeated_answer_changes_nothing() {
    let mut bench = Bench::new();
    let id = bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    let register = bench.request(Method::Register);
    let mut ok = answer(&register, 200, "peer");
    bind(&mut ok, &register, 300);
    bench.receive(&pbx(), &Message::Response(ok.clone()));
    bench.event();
    bench.receive(&pbx(), &Message::Response(ok.clone()));
    bench.receive(&pbx(), &Message::Response(answer(&register, 403, "peer")));
    bench.no_event();
    bench.pass(secs(10));
    bench.receive(&pbx(), &Message::Response(ok));
    bench.no_event();
    bench.unregister_and_finish(id);
}

impl Bench {
    fn unregister_rest(&mut self, id: sip::RegistrationId) {
        let register = self.request(Method::Register);
        assert_eq!(register.headers.expires(), Some(0));
        self.reply(&register, 200);
        assert_eq!(self.event(), Event::Unregistered { id });
        self.over();
    }
}
