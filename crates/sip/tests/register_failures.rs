//! Registration that fails: at once with a cause, later with tries (b36, F2).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use sip::{Event, HeaderName, Input, Method, ResolveError, Stage};

#[track_caller]
fn failed(bench: &mut Bench, will_retry: bool) -> sip::Cause {
    let event = bench.event();
    assert!(
        matches!(&event, Event::RegistrationFailed { retry_in, .. } if retry_in.is_some() == will_retry),
        "{event:?}"
    );
    cause_of(&event).clone()
}

#[test]
fn the_first_failure_is_final() {
    let mut bench = Bench::new();
    bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    let register = bench.request(Method::Register);
    bench.reply(&register, 403);
    let cause = failed(&mut bench, false);
    assert_eq!(
        cause.text,
        "192.0.2.10 does not let 10005 register (403 Forbidden). Check the SIP login and domain."
    );
    bench.over();
}

#[test]
fn a_silent_registrar_ends_with_timer_f() {
    let mut bench = Bench::new();
    bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    bench.pass(ms(31_999));
    bench.no_event();
    bench.pass(ms(1));
    let cause = failed(&mut bench, false);
    assert_eq!(
        cause.text,
        "The SIP server 192.0.2.10 did not answer within 32 s (no response to REGISTER)."
    );
    assert_eq!((cause.sip_code, cause.stage), (Some(408), Stage::Register));
    assert_eq!(bench.ignore_sent(), 11);
    bench.over();
}

#[test]
fn unreachable_and_unknown_servers_are_told_at_once() {
    let mut bench = Bench::new();
    bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    bench.send_failed(&pbx(), "connection refused");
    assert_eq!(
        failed(&mut bench, false).text,
        "The SIP server 192.0.2.10 cannot be reached: connection refused."
    );
    bench.act(|ua, now| ua.register(account("no.such.example"), now));
    let (id, _) = bench.looked_up.pop_front().unwrap();
    bench.input(Input::Resolved {
        id,
        result: Err(ResolveError::Failed("SERVFAIL".into())),
    });
    assert!(
        failed(&mut bench, false)
            .text
            .ends_with("could not be found: SERVFAIL.")
    );
    bench.over();
}

#[test]
fn zero_seconds_granted_is_no_registration() {
    let mut bench = Bench::new();
    bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 200, |ok| bind(ok, &register, 0));
    failed(&mut bench, false);
    bench.over();
}

/// Registrar away for 60 s: the page is told, and the binding is back within 10 s of the return.
#[test]
fn an_outage_is_survived() {
    let mut bench = Bench::new();
    let (id, _) = bench.registered();
    bench.pass(secs(270));
    assert!(bench.ignore_sent() > 0, "the refresh goes into the void");
    bench.pass(secs(60));
    assert_eq!(failed(&mut bench, true).sip_code, Some(408));
    bench.ignore_sent();
    bench.events.clear();
    let back = bench.elapsed();
    loop {
        assert!(
            bench.elapsed() < back + secs(10),
            "no REGISTER within 10 s of the return"
        );
        bench.pass(ms(100));
        if bench.sent.front().is_some() {
            break;
        }
    }
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 200, |ok| bind(ok, &register, 300));
    assert_eq!(
        bench.event(),
        Event::Registered {
            id,
            expires: secs(300)
        }
    );
    bench.ignore_sent();
    bench.unregister_and_finish(id);
}

#[test]
fn back_off_grows_to_eight_seconds_and_later_to_thirty() {
    let mut bench = Bench::new();
    bench.registered();
    bench.until_sent(secs(270));
    let mut gaps = Vec::new();
    for _ in 0..30 {
        let register = bench.request(Method::Register);
        let failed_at = bench.elapsed();
        bench.reply(&register, 500);
        failed(&mut bench, true);
        bench.until_sent(secs(31));
        gaps.push((bench.elapsed() - failed_at).as_secs_f64());
    }
    for (n, gap) in gaps.iter().enumerate() {
        let limit = match n {
            0..=2 => f64::from(1 << n),
            3..=19 => 8.0,
            _ => 30.0,
        };
        assert!(
            (limit / 2.0 - 0.01..=limit + 0.02).contains(gap),
            "gap {n}: {gap} s"
        );
    }
    assert!(
        gaps.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 0.05),
        "jitter"
    );
}

#[test]
fn retry_after_is_respected() {
    let mut bench = Bench::new();
    bench.registered();
    bench.until_sent(secs(270));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 503, |r| {
        r.headers.push(HeaderName::RetryAfter, "120 (rebooting)")
    });
    failed(&mut bench, true);
    bench.pass(ms(119_900));
    bench.silent();
    bench.pass(ms(100));
    bench.request(Method::Register);
}

/// A registrar that refuses bans whoever asks too often, and one that reloads at night must not lose its phones.
#[test]
fn a_refused_refresh_is_tried_after_1_and_5_and_every_30_minutes() {
    for status in [403, 404, 480, 603, 302] {
        let mut bench = Bench::new();
        let (id, _) = bench.registered();
        bench.until_sent(secs(270));
        let mut gaps = Vec::new();
        for _ in 0..12 {
            let register = bench.request(Method::Register);
            let failed_at = bench.elapsed();
            bench.reply(&register, status);
            let cause = failed(&mut bench, true);
            assert_eq!(cause.sip_code, Some(status));
            let minutes = ["1 minute.", "5 minutes."];
            let minutes = minutes.get(gaps.len()).unwrap_or(&" minutes.");
            assert!(cause.text.ends_with(minutes), "{}", cause.text);
            bench.until_sent(secs(34 * 60));
            gaps.push((bench.elapsed() - failed_at).as_secs_f64() / 60.0);
        }
        for (n, gap) in gaps.iter().enumerate() {
            let due = [1.0, 5.0].get(n).copied().unwrap_or(30.0);
            let slack = due * 0.1 + 0.01;
            assert!((due..=due + slack).contains(gap), "{status}: {gaps:?}");
        }
        let (least, most) = (
            gaps[2..].iter().copied().fold(f64::MAX, f64::min),
            gaps[2..].iter().copied().fold(0.0, f64::max),
        );
        assert!(most - least > 0.5, "jitter: {gaps:?}");
        // It comes back, and the next refusal begins anew.
        let register = bench.request(Method::Register);
        bench.reply_with(&register, 200, |ok| bind(ok, &register, 300));
        assert!(matches!(bench.event(), Event::Registered { .. }));
        bench.until_sent(secs(270));
        let register = bench.request(Method::Register);
        bench.reply(&register, status);
        assert!(failed(&mut bench, true).text.ends_with("in 1 minute."));
        bench.until_sent(secs(67));
        let register = bench.request(Method::Register);
        bench.reply_with(&register, 200, |ok| bind(ok, &register, 300));
        bench.event();
        bench.unregister_and_finish(id);
    }
}

/// An outage between two refusals does not make the registrar forget the first.
#[test]
fn outages_keep_their_back_off_between_refusals() {
    let mut bench = Bench::new();
    bench.registered();
    bench.until_sent(secs(270));
    for (status, least, most) in [(403, 60, 67), (500, 0, 2), (503, 0, 3), (403, 300, 331)] {
        let register = bench.request(Method::Register);
        let failed_at = bench.elapsed();
        bench.reply(&register, status);
        failed(&mut bench, true);
        bench.until_sent(secs(40 * 60));
        let gap = bench.elapsed() - failed_at;
        assert!(
            (secs(least)..=secs(most)).contains(&gap),
            "{status}: {gap:?}"
        );
    }
}

/// Only a refused answer to a fresh challenge says that the password is wrong.
#[test]
fn a_refresh_stops_for_a_wrong_password_alone() {
    // A challenge nobody can answer.
    let mut bench = Bench::new();
    bench.registered();
    bench.until_sent(secs(270));
    let register = bench.request(Method::Register);
    bench.reply(&register, 401);
    failed(&mut bench, true);
    bench.until_sent(secs(67));
    // Another try, and the password is refused.
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 401, |r| challenge(r, "n1", false));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 401, |r| challenge(r, "n2", false));
    let cause = failed(&mut bench, false);
    assert!(cause.text.starts_with("Wrong SIP login or password"));
    bench.over();
    // Registered anew it is tried anew.
    bench.act(|ua, now| ua.register(account("192.0.2.10"), now));
    bench.request(Method::Register);
}

#[test]
fn a_refusal_with_retry_after_waits_as_long() {
    let mut bench = Bench::new();
    bench.registered();
    bench.until_sent(secs(270));
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 403, |r| {
        r.headers.push(HeaderName::RetryAfter, "900")
    });
    let cause = failed(&mut bench, true);
    assert!(cause.text.ends_with("It is tried again in 15 minutes."));
    bench.pass(ms(899_900));
    bench.silent();
    bench.pass(ms(100));
    bench.request(Method::Register);
}

#[test]
fn a_name_server_that_is_down_does_not_take_the_registrar_down() {
    let mut bench = Bench::new();
    let id = bench.act(|ua, now| ua.register(account("pbx.example.com"), now));
    let (look_up, _) = bench.looked_up.pop_front().unwrap();
    bench.input(Input::Resolved {
        id: look_up,
        result: Ok(vec![pbx()]),
    });
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 200, |ok| bind(ok, &register, 60));
    bench.event();
    bench.pass(secs(54));
    let (look_up, _) = bench
        .looked_up
        .pop_front()
        .expect("every refresh looks the name up");
    bench.input(Input::Resolved {
        id: look_up,
        result: Err(ResolveError::Timeout),
    });
    assert_eq!(bench.request_to(Method::Register).0, pbx());
    bench.no_event();
    bench.unregister_later(id);
}

#[test]
fn a_changed_address_is_followed() {
    let mut bench = Bench::new();
    bench.act(|ua, now| ua.register(account("pbx.example.com"), now));
    let (look_up, _) = bench.looked_up.pop_front().unwrap();
    bench.input(Input::Resolved {
        id: look_up,
        result: Ok(vec![pbx()]),
    });
    let register = bench.request(Method::Register);
    bench.reply_with(&register, 200, |ok| bind(ok, &register, 60));
    bench.pass(secs(54));
    let (look_up, _) = bench.looked_up.pop_front().unwrap();
    bench.input(Input::Resolved {
        id: look_up,
        result: Ok(vec![udp("192.0.2.20:5060")]),
    });
    assert_eq!(bench.request_to(Method::Register).0, udp("192.0.2.20:5060"));
}

impl Bench {
    /// Unregisters while a REGISTER is unanswered, and never answers.
    fn unregister_later(&mut self, id: sip::RegistrationId) {
        self.act(|ua, now| ua.unregister(id, now));
        self.pass(secs(64));
        self.ignore_sent();
        assert_eq!(self.event(), Event::Unregistered { id });
        self.over();
    }
}
