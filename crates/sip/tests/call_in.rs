//! An incoming call from INVITE to BYE (requirement A8; RFC 3261 sections 13.3, 15).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use bytes::Bytes;
use sip::{Event, HeaderName, Message, Method, Side};

#[test]
fn rung_answered_confirmed_hung_up_by_the_caller() {
    let mut bench = Bench::new();
    let (registration, contact) = bench.registered();
    let mut invite = bench.invite_of_peer(contact.clone());
    invite.headers.push(HeaderName::UserAgent, "Phone 3");
    invite
        .headers
        .push(HeaderName::RecordRoute, "<sip:192.0.2.10;lr>");
    bench.pbx_sends(&invite);
    let (hop, trying) = bench.response_to(100);
    assert_eq!(hop, pbx());
    assert_eq!(trying.headers.to().unwrap().tag, None);
    let Event::Incoming {
        id,
        registration: r,
        caller,
        display,
        callee,
        offer,
        user_agent,
        ..
    } = bench.event()
    else {
        panic!("Incoming expected")
    };
    assert_eq!(
        (r, caller.as_str(), callee.as_str()),
        (Some(registration), "20001", "10005")
    );
    assert_eq!(
        (display.as_deref(), user_agent.as_deref()),
        (Some("Bob \"B\""), Some("Phone 3"))
    );
    assert_eq!(offer, Some(Bytes::from_static(SDP)));

    bench.act(|ua, now| ua.ring(id, None, now));
    let ringing = bench.response(180);
    let tag = ringing.headers.to().unwrap().tag.expect("a tag");
    // The Contact of a dialog is not that of the registration: a former peer cannot ring the account by it.
    let in_dialog = uri_of(&ringing.headers);
    assert_ne!(in_dialog, contact);
    assert_eq!(
        ringing.headers.get(&HeaderName::RecordRoute),
        Some("<sip:192.0.2.10;lr>")
    );

    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    let ok = bench.response(200);
    assert_eq!(ok.headers.to().unwrap().tag.as_ref(), Some(&tag));
    assert_eq!(
        ok.headers.get(&HeaderName::RecordRoute),
        Some("<sip:192.0.2.10;lr>")
    );
    assert_eq!((uri_of(&ok.headers), ok.body.as_ref()), (in_dialog, SDP));
    assert!(ok.headers.content_type().unwrap().is_sdp());
    bench.no_event();

    let ack = bench.ack_of(&invite, &ok);
    bench.pbx_sends(&ack);
    assert_eq!(bench.event(), Event::Confirmed { id, sdp: None });
    bench.pbx_sends(&ack);
    bench.no_event();

    let bye = bench.in_their_dialog(&invite, &ok, Method::Bye, 2);
    bench.pbx_sends(&bye);
    bench.response(200);
    let event = bench.event();
    assert!(matches!(&event, Event::Ended { cause, .. } if cause.side == Side::Sip));
    assert_eq!(cause_of(&event).text, "20001 hung up.");
    bench.unregister_and_finish(registration);
}

#[test]
fn hung_up_here_through_the_route_set() {
    let mut bench = Bench::new();
    let (registration, contact) = bench.registered();
    let mut invite = bench.invite_of_peer(contact);
    invite.headers.push(
        HeaderName::RecordRoute,
        "<sip:192.0.2.10;lr>, <sip:198.51.100.1;lr>",
    );
    bench.pbx_sends(&invite);
    bench.response(100);
    let Event::Incoming { id, .. } = bench.event() else {
        panic!("Incoming expected")
    };
    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    let ok = bench.response(200);
    let ack = bench.ack_of(&invite, &ok);
    bench.pbx_sends(&ack);
    bench.event();
    bench.act(|ua, now| ua.end(id, now));
    let (hop, bye) = bench.request_to(Method::Bye);
    assert_eq!(
        (hop, bye.uri.to_string().as_str()),
        (pbx(), "sip:20001@192.0.2.10:5060")
    );
    let routes: Vec<_> = bye.headers.get_all(&HeaderName::Route).collect();
    assert_eq!(
        routes,
        ["<sip:192.0.2.10;lr>", "<sip:198.51.100.1;lr>"],
        "in order, not reversed"
    );
    assert_eq!(bye.headers.from().unwrap(), ok.headers.to().unwrap());
    assert_eq!(bye.headers.to().unwrap(), invite.headers.from().unwrap());
    bench.reply(&bye, 200);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.unregister_and_finish(registration);
}

#[test]
fn a_repeated_invite_gets_the_latest_answer_and_no_second_call() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let (id, invite) = bench.offered(&contact);
    bench.pbx_sends(&invite);
    bench.response(100);
    bench.act(|ua, now| ua.ring(id, None, now));
    let ringing = bench.response(180);
    bench.pbx_sends(&invite);
    assert_eq!(bench.response(180), ringing);
    bench.no_event();
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let invite = bench.fresh_request(Method::Invite, contact);
    bench.pbx_sends(&invite);
    bench.response(100);
    let Event::Incoming {
        id, offer: None, ..
    } = bench.event()
    else {
        panic!("Incoming without offer expected")
    };
    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    let ok = bench.response(200);
    let mut ack = bench.ack_of(&invite, &ok);
    with_sdp(&mut ack.headers, &mut ack.body);
    bench.pbx_sends(&ack);
    assert_eq!(
        bench.event(),
        Event::Confirmed {
            id,
            sdp: Some(Bytes::from_static(SDP))
        }
    );
}

#[test]
fn refused_with_the_status_asked_for() {
    let mut bench = Bench::new();
    let (registration, contact) = bench.registered();
    let (id, invite) = bench.offered(&contact);
    bench.act(|ua, now| ua.reject(id, 488, "No common codecs", now));
    let refused = bench.response(488);
    let event = bench.event();
    assert!(matches!(&event, Event::Ended { id: ended, .. } if *ended == id));
    assert_eq!(cause_of(&event).sip_code, Some(488));
    // Until the ACK the answer is repeated.
    bench.pass(ms(1_500));
    assert_eq!(
        (bench.response(488), bench.response(488)),
        (refused.clone(), refused.clone())
    );
    let mut ack = invite.clone();
    ack.method = Method::Ack;
    ack.headers.set(HeaderName::CSeq, "1 ACK");
    ack.headers.set(
        HeaderName::To,
        refused.headers.get(&HeaderName::To).unwrap(),
    );
    bench.pbx_sends(&ack);
    bench.pass(secs(10));
    bench.silent();
    bench.unregister_and_finish(registration);
}

#[test]
fn end_declines_a_ringing_call() {
    for ring in [false, true] {
        let mut bench = Bench::new();
        let (registration, contact) = bench.registered();
        let (id, _) = bench.offered(&contact);
        if ring {
            bench.act(|ua, now| ua.ring(id, None, now));
            bench.response(180);
        }
        bench.act(|ua, now| ua.end(id, now));
        bench.response(486);
        assert!(matches!(bench.event(), Event::Ended { .. }));
        bench.pass(secs(40));
        bench.ignore_sent();
        bench.unregister_and_finish(registration);
    }
}

#[test]
fn ringing_is_repeated_every_minute_and_ends_some_day() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let (id, _) = bench.offered(&contact);
    bench.act(|ua, now| ua.ring(id, None, now));
    bench.response(180);
    for _ in 0..3 {
        bench.pass(ms(59_999));
        bench
            .sent
            .retain(|sent| matches!(sent.message, Message::Response(_)));
        bench.silent();
        bench.pass(ms(1));
        bench
            .sent
            .retain(|sent| matches!(sent.message, Message::Response(_)));
        bench.response(180);
    }
    bench.events.clear();
    bench.pass(secs(10));
    bench
        .sent
        .retain(|sent| matches!(sent.message, Message::Response(_)));
    bench.response(480);
    assert!(
        bench
            .events
            .iter()
            .any(|event| matches!(event, Event::Ended { .. }))
    );
}

#[test]
fn an_ack_that_never_comes() {
    let mut bench = Bench::new();
    let (registration, contact) = bench.registered();
    let (id, _) = bench.offered(&contact);
    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    let answered = bench.elapsed();
    bench.pass(ms(31_999));
    let times: Vec<_> = bench
        .sent
        .drain(..)
        .map(|sent| (sent.at - answered).as_millis())
        .collect();
    assert_eq!(
        times,
        [
            0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
        ]
    );
    bench.no_event();
    bench.pass(ms(1));
    let bye = bench.request(Method::Bye);
    let event = bench.event();
    assert!(matches!(event, Event::Ended { .. }));
    assert_eq!(
        cause_of(&event).text,
        "20001 never confirmed our answer (no ACK within 32 s)."
    );
    bench.reply(&bye, 481);
    bench.unregister_and_finish(registration);
}

#[test]
fn the_200_is_repeated_over_tcp_too() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let mut invite = bench.invite_of_peer(contact);
    invite.headers.set(
        HeaderName::Via,
        "SIP/2.0/TCP 192.0.2.10:5060;branch=z9hG4bKtcp",
    );
    let from = tcp("192.0.2.10:40000");
    bench.receive(&from, &Message::Request(invite));
    assert_eq!(
        bench.response_to(100).0,
        from,
        "on the connection it came by"
    );
    let Event::Incoming { id, .. } = bench.event() else {
        panic!("Incoming expected")
    };
    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    bench.pass(ms(500));
    for _ in 0..2 {
        let (hop, ok) = bench.response_to(200);
        assert_eq!(hop, from);
        assert_eq!(uri_of(&ok.headers).params.get("transport"), Some("tcp"));
    }
}

#[test]
fn hanging_up_before_the_ack_waits_for_it() {
    let mut bench = Bench::new();
    let (registration, contact) = bench.registered();
    let (id, invite) = bench.offered(&contact);
    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    let ok = bench.response(200);
    bench.act(|ua, now| ua.end(id, now));
    bench.silent();
    let ack = bench.ack_of(&invite, &ok);
    bench.pbx_sends(&ack);
    assert!(matches!(bench.event(), Event::Confirmed { .. }));
    let bye = bench.request(Method::Bye);
    bench.reply(&bye, 200);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.unregister_and_finish(registration);
}

#[test]
fn bye_instead_of_the_ack() {
    let mut bench = Bench::new();
    let (registration, contact) = bench.registered();
    let (id, invite) = bench.offered(&contact);
    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    let ok = bench.response(200);
    let bye = bench.in_their_dialog(&invite, &ok, Method::Bye, 2);
    bench.pbx_sends(&bye);
    bench.response(200);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.pass(secs(40));
    bench.silent();
    bench.unregister_and_finish(registration);
}

#[test]
fn an_ack_with_a_foreign_number_confirms_nothing() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let (id, invite) = bench.offered(&contact);
    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    let ok = bench.response(200);
    let ack = bench.in_their_dialog(&invite, &ok, Method::Ack, 7);
    bench.pbx_sends(&ack);
    bench.no_event();
    let mut ack = bench.ack_of(&invite, &ok);
    let from = invite.headers.from().unwrap().with_tag("somebody-else");
    ack.headers.set(HeaderName::From, from);
    bench.pbx_sends(&ack);
    bench.no_event();
}

#[test]
fn verbs_that_come_too_late_do_nothing() {
    let mut bench = Bench::new();
    let (registration, contact) = bench.registered();
    let (id, invite, ok) = bench.taken(&contact);
    bench.act(|ua, now| ua.ring(id, None, now));
    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    bench.silent();
    let bye = bench.in_their_dialog(&invite, &ok, Method::Bye, 2);
    bench.pbx_sends(&bye);
    bench.response(200);
    bench.event();
    bench.act(|ua, now| ua.ring(id, None, now));
    bench.act(|ua, now| ua.end(id, now));
    bench.act(|ua, now| ua.reject(id, 486, "", now));
    bench.silent();
    bench.unregister_and_finish(registration);
}

#[test]
fn two_calls_at_once() {
    let mut bench = Bench::new();
    let (registration, contact) = bench.registered();
    let (a, invite_a, ok_a) = bench.taken(&contact);
    let (b, ..) = bench.taken(&contact);
    assert_ne!(a, b);
    let bye = bench.in_their_dialog(&invite_a, &ok_a, Method::Bye, 2);
    bench.pbx_sends(&bye);
    bench.response(200);
    assert!(matches!(bench.event(), Event::Ended { id, .. } if id == a));
    bench.act(|ua, now| ua.end(b, now));
    let bye = bench.request(Method::Bye);
    bench.reply(&bye, 200);
    assert!(matches!(bench.event(), Event::Ended { id, .. } if id == b));
    bench.unregister_and_finish(registration);
}

/// inv2543.dat and its kind: no tag, no Contact, no cookie in the branch.
#[test]
fn a_caller_of_rfc_2543() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let mut invite = bench.invite_of_peer(contact);
    invite
        .headers
        .set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.10:5060");
    invite
        .headers
        .set(HeaderName::From, "<sip:20001@192.0.2.10>");
    invite.headers.remove(&HeaderName::Contact);
    invite.headers.remove(&HeaderName::MaxForwards);
    bench.pbx_sends(&invite);
    bench.response(100);
    let Event::Incoming { id, .. } = bench.event() else {
        panic!("Incoming expected")
    };
    bench.pbx_sends(&invite);
    bench.response(100);
    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    let ok = bench.response(200);
    let mut ack = bench.ack_of(&invite, &ok);
    ack.headers
        .set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.10:5060");
    bench.pbx_sends(&ack);
    assert!(matches!(bench.event(), Event::Confirmed { .. }));
    bench.act(|ua, now| ua.end(id, now));
    let (hop, bye) = bench.request_to(Method::Bye);
    assert_eq!(
        (hop, bye.uri.to_string().as_str()),
        (pbx(), "sip:20001@192.0.2.10")
    );
}

/// 8.2.6.1: the 100 carries the Timestamp of the INVITE, other answers do not.
#[test]
fn trying_carries_the_timestamp() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let mut invite = bench.invite_of_peer(contact);
    invite.headers.push(HeaderName::Timestamp, "54.21");
    bench.pbx_sends(&invite);
    let trying = bench.response(100);
    assert_eq!(trying.headers.get(&HeaderName::Timestamp), Some("54.21"));
    let Event::Incoming { id, .. } = bench.event() else {
        panic!("Incoming expected")
    };
    bench.act(|ua, now| ua.ring(id, None, now));
    let ringing = bench.response(180);
    assert!(!ringing.headers.has(&HeaderName::Timestamp));
}

/// RFC 3261 section 13.3.1: the caller says how long it wants to wait.
#[test]
fn expires_of_the_invite_ends_the_ringing_with_487() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let mut invite = bench.invite_of_peer(contact);
    invite.headers.push(HeaderName::Expires, "20");
    bench.pbx_sends(&invite);
    bench.response(100);
    bench.event();
    bench.pass(ms(19_999));
    bench.silent();
    bench.pass(ms(1));
    bench.response(487);
    let event = bench.event();
    assert!(matches!(&event, Event::Ended { .. }), "{event:?}");
    assert!(cause_of(&event).text.contains("Expires"));
}

/// RFC 3261 section 21.4.26: a 488 says why in a Warning.
#[test]
fn a_488_carries_a_warning() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let (id, _) = bench.offered(&contact);
    let cause = sip::Cause::new(488, sip::Stage::Answer, Side::Gateway, "No common codecs.");
    bench.act(|ua, now| ua.reject_with(id, &cause, now));
    let refused = bench.response(488);
    let warning = &refused.headers.warnings()[0];
    assert_eq!(
        (warning.code, warning.text.as_str()),
        (399, "No common codecs.")
    );
    assert!(matches!(bench.event(), Event::Ended { .. }));
}
