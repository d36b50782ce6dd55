//! Session timers (RFC 4028): who refreshes, by what, and what ends the call.
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use bytes::Bytes;
use sip::{Event, HeaderName, InviteId, Method, Request, Response};

/// A user agent that asks for 1800 s.
fn timed() -> Bench {
    let mut config = config();
    config.session_expires = secs(1800);
    Bench::with(config)
}

/// An outgoing call whose 2xx says this of the timer, and whether the peer allows UPDATE.
fn called(expires: &str, update: bool) -> (Bench, InviteId, Request) {
    let mut bench = timed();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    assert_eq!(
        invite.headers.get(&HeaderName::SessionExpires),
        Some("1800")
    );
    assert_eq!(invite.headers.get(&HeaderName::MinSe), Some("90"));
    assert!(invite.headers.supported().has("timer"));
    bench.reply_with(&invite, 200, |ok| {
        if !expires.is_empty() {
            ok.headers.push(HeaderName::SessionExpires, expires);
            ok.headers.push(HeaderName::Require, "timer");
        }
        if update {
            ok.headers
                .push(HeaderName::Allow, "INVITE, ACK, BYE, UPDATE");
        }
        picked_up(ok);
    });
    bench.request(Method::Ack);
    bench.event();
    (bench, id, invite)
}

#[track_caller]
fn ended(bench: &mut Bench) -> sip::Cause {
    let event = bench.event();
    assert!(matches!(event, Event::Ended { .. }), "{event:?}");
    cause_of(&event).clone()
}

fn agrees(ok: &mut Response) {
    ok.headers
        .push(HeaderName::SessionExpires, "1800;refresher=uac");
    ok.headers
        .push(HeaderName::Contact, "<sip:10006@192.0.2.66:5062>");
}

#[test]
fn we_refresh_by_update_at_half_the_interval() {
    let (mut bench, id, _) = called("1800;refresher=uac", true);
    for _ in 0..3 {
        bench.pass(secs(899));
        bench.silent();
        bench.pass(secs(1));
        let update = bench.request(Method::Update);
        assert!(update.body.is_empty());
        assert_eq!(
            update.headers.get(&HeaderName::SessionExpires),
            Some("1800;refresher=uac")
        );
        bench.reply_with(&update, 200, agrees);
    }
    bench.no_event();
    bench.act(|ua, now| ua.end(id, now));
    let bye = bench.request(Method::Bye);
    bench.reply(&bye, 200);
    ended(&mut bench);
    bench.over();
}

/// The owner of the call is asked for the offer that refreshes it, and gives this one.
#[track_caller]
fn refreshed(bench: &mut Bench, id: InviteId, sdp: &Bytes) -> Request {
    let refresh = true;
    assert_eq!(bench.event(), Event::OfferDue { id, refresh });
    bench.act(|ua, now| ua.reoffer(id, sdp.clone(), now));
    bench.request(Method::Invite)
}

/// The peer takes the re-INVITE, and nothing more is due for half an interval.
#[track_caller]
fn takes_the_refresh(bench: &mut Bench, again: &Request) {
    bench.reply_with(again, 200, |ok| {
        agrees(ok);
        with_sdp(&mut ok.headers, &mut ok.body);
    });
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::OfferAnswered { .. }));
    bench.pass(secs(899));
    bench.silent();
}

#[test]
fn without_update_a_re_invite_carries_what_the_owner_says() {
    for refuses_update in [false, true] {
        let (mut bench, id, invite) = called("1800;refresher=uac", refuses_update);
        bench.pass(secs(900));
        if refuses_update {
            let update = bench.request(Method::Update);
            bench.reply(&update, 405);
        }
        let again = refreshed(&mut bench, id, &invite.body);
        assert_eq!(again.body, invite.body);
        takes_the_refresh(&mut bench, &again);
    }
}

#[test]
fn the_peer_that_does_not_refresh_loses_the_call_before_the_interval_ends() {
    for (expires, at) in [
        ("1800;refresher=uas", 1800 - 32),
        ("90;refresher=uas", 90 - 30),
    ] {
        let (mut bench, _, _) = called(expires, true);
        bench.pass(secs(at) - ms(1));
        bench.silent();
        bench.pass(ms(1));
        let bye = bench.request(Method::Bye);
        assert!(bye.headers.has(&HeaderName::Reason));
        let cause = ended(&mut bench);
        assert!(
            cause.text.contains("has not refreshed the session"),
            "{}",
            cause.text
        );
        bench.reply(&bye, 200);
        bench.over();
    }
}

#[test]
fn the_peer_that_refreshes_keeps_the_call() {
    let (mut bench, _, invite) = called("90;refresher=uas", true);
    for cseq in 1..10 {
        bench.pass(secs(45));
        let mut update = bench.peer_request(&invite, Method::Update, cseq, "peer");
        update.headers.push(HeaderName::Supported, "timer");
        update
            .headers
            .push(HeaderName::SessionExpires, "90;refresher=uac");
        bench.pbx_sends(&update);
        let ok = bench.response(200);
        assert_eq!(
            ok.headers.get(&HeaderName::SessionExpires),
            Some("90;refresher=uac")
        );
        assert!(ok.headers.require().has("timer"), "the peer refreshes");
    }
    bench.no_event();
    bench.silent();
}

#[test]
fn a_refused_refresh_is_tried_again_and_only_408_and_481_end_the_call_at_once() {
    let (mut bench, _, _) = called("1800;refresher=uac", true);
    bench.pass(secs(900));
    let update = bench.request(Method::Update);
    bench.reply(&update, 500);
    bench.no_event();
    // Half of what is left until the end at 1768 s.
    bench.pass(secs(434));
    let update = bench.request(Method::Update);
    bench.reply_with(&update, 200, agrees);
    bench.no_event();
    for status in [408, 481] {
        let (mut bench, _, _) = called("1800;refresher=uac", true);
        bench.pass(secs(900));
        let update = bench.request(Method::Update);
        bench.reply(&update, status);
        let bye = bench.request(Method::Bye);
        assert_eq!(ended(&mut bench).sip_code, Some(status));
        bench.reply(&bye, 200);
        bench.over();
    }
}

#[test]
fn a_422_is_repeated_with_its_min_se() {
    let mut bench = timed();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 422, |r| r.headers.push(HeaderName::MinSe, "3600"));
    bench.request(Method::Ack);
    let again = bench.request(Method::Invite);
    assert_eq!(again.headers.get(&HeaderName::SessionExpires), Some("3600"));
    assert_eq!(again.headers.get(&HeaderName::MinSe), Some("3600"));
    assert_eq!(cseq(&again), cseq(&invite) + 1);
    // A peer that asks for the same once more is refused.
    bench.reply_with(&again, 422, |r| r.headers.push(HeaderName::MinSe, "3600"));
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::Refused { .. }));
    bench.over();
}

#[test]
fn a_peer_without_support_has_no_timer() {
    let (mut bench, _, _) = called("", true);
    bench.pass(secs(4000));
    bench.silent();
    bench.no_event();
}

/// An incoming call with these headers; our 200.
fn taken(headers: &[(HeaderName, &str)]) -> (Bench, Response) {
    let mut bench = timed();
    let (_, contact) = bench.registered();
    let mut invite = bench.invite_of_peer(contact);
    for (name, value) in headers {
        invite.headers.push(name.clone(), value);
    }
    bench.pbx_sends(&invite);
    bench.response(100);
    let Event::Incoming { id, .. } = bench.event() else {
        panic!("an incoming call expected")
    };
    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    let ok = bench.response(200);
    let ack = bench.ack_of(&invite, &ok);
    bench.pbx_sends(&ack);
    bench.event();
    (bench, ok)
}

#[test]
fn who_refreshes_an_incoming_call() {
    let timer = (HeaderName::Supported, "timer");
    let expires = |text| (HeaderName::SessionExpires, text);
    // The caller has the say if it supports timers; without support we refresh.
    for (headers, agreed, required) in [
        (
            vec![timer.clone(), expires("300;refresher=uac")],
            Some("300;refresher=uac"),
            true,
        ),
        (
            vec![timer.clone(), expires("300;refresher=uas")],
            Some("300;refresher=uas"),
            false,
        ),
        (
            vec![timer.clone(), expires("300")],
            Some("300;refresher=uas"),
            false,
        ),
        (vec![timer.clone()], Some("1800;refresher=uas"), false),
        (
            vec![expires("300;refresher=uac")],
            Some("300;refresher=uas"),
            false,
        ),
        (vec![], None, false),
    ] {
        let (_, ok) = taken(&headers);
        assert_eq!(
            ok.headers.get(&HeaderName::SessionExpires),
            agreed,
            "{headers:?}"
        );
        assert_eq!(ok.headers.require().has("timer"), required, "{headers:?}");
    }
}

#[test]
fn an_interval_below_90_s_is_refused_with_422() {
    let mut bench = timed();
    let (_, contact) = bench.registered();
    let mut invite = bench.invite_of_peer(contact);
    invite.headers.push(HeaderName::Supported, "timer");
    invite.headers.push(HeaderName::SessionExpires, "60");
    bench.pbx_sends(&invite);
    let refused = bench.response(422);
    assert_eq!(refused.headers.get(&HeaderName::MinSe), Some("90"));
    bench.no_event();
}

#[test]
fn a_refresh_by_re_invite_that_is_refused_is_told_and_tried_again() {
    let (mut bench, id, invite) = called("1800;refresher=uac", false);
    bench.pass(secs(900));
    let again = refreshed(&mut bench, id, &invite.body);
    bench.reply(&again, 488);
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::OfferRefused { .. }));
    // Half of what is left until the end at 1768 s.
    bench.pass(secs(434));
    let again = refreshed(&mut bench, id, &invite.body);
    bench.reply(&again, 491);
    bench.request(Method::Ack);
    assert_eq!(bench.event(), Event::OfferPostponed { id });
    bench.pass(secs(4));
    let again = refreshed(&mut bench, id, &invite.body);
    takes_the_refresh(&mut bench, &again);
}

#[test]
fn a_server_that_raises_its_min_se_for_ever_is_not_followed() {
    let mut bench = timed();
    bench.call("192.0.2.10");
    for min_se in 1801..1805 {
        let invite = bench.request(Method::Invite);
        let more = |r: &mut Response| r.headers.push(HeaderName::MinSe, min_se.to_string());
        bench.reply_with(&invite, 422, more);
        bench.request(Method::Ack);
    }
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 422, |r| r.headers.push(HeaderName::MinSe, "1805"));
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::Refused { .. }));
    bench.over();
}

#[test]
fn a_refresh_that_is_refused_after_we_hung_up_changes_nothing() {
    for status in [200, 481] {
        let (mut bench, id, _) = called("1800;refresher=uac", true);
        bench.pass(secs(900));
        let update = bench.request(Method::Update);
        let farewell = sip::Cause::normal(sip::Stage::Call, sip::Side::Browser, "Enough.");
        bench.act(|ua, now| ua.end_with(id, &farewell, now));
        let bye = bench.request(Method::Bye);
        bench.reply_with(&update, status, agrees);
        bench.no_event();
        bench.reply(&bye, 200);
        assert_eq!(ended(&mut bench).text, "Enough.");
        bench.over();
    }
}

#[test]
fn our_200_never_raises_the_interval_of_the_request() {
    let mut config = config();
    (config.session_expires, config.min_se) = (secs(1800), secs(600));
    let mut bench = Bench::with(config);
    let (_, contact) = bench.registered();
    let mut invite = bench.invite_of_peer(contact);
    // From a proxy: the caller itself knows no timers, so that there can be no 422.
    invite.headers.push(HeaderName::SessionExpires, "300");
    bench.pbx_sends(&invite);
    bench.response(100);
    let Event::Incoming { id, .. } = bench.event() else {
        panic!("an incoming call expected")
    };
    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    let ok = bench.response(200);
    assert_eq!(
        ok.headers.get(&HeaderName::SessionExpires),
        Some("300;refresher=uas")
    );
}

#[test]
fn a_refresh_that_falls_due_during_an_offer_is_not_lost_when_that_is_refused_for_now() {
    let (mut bench, id, invite) = called("1800;refresher=uac", false);
    bench.pass(secs(899));
    bench.act(|ua, _| ua.request_offer(id));
    let refresh = false;
    assert_eq!(bench.event(), Event::OfferDue { id, refresh });
    bench.act(|ua, now| ua.reoffer(id, invite.body.clone(), now));
    let hold = bench.request(Method::Invite);
    bench.reply(&hold, 100);
    bench.pass(secs(1));
    bench.reply(&hold, 491);
    bench.request(Method::Ack);
    assert_eq!(bench.event(), Event::OfferPostponed { id });
    bench.pass(secs(4));
    refreshed(&mut bench, id, &invite.body);
}
