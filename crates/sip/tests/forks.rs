//! One INVITE, several answers (RFC 3261 sections 12.3, 13.2.2.4).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use sip::{Event, HeaderName, Message, Method, Response};

fn picked_up_by(invite: &sip::Request, tag: &str, contact: &str) -> Response {
    let mut ok = answer(invite, 200, tag);
    ok.headers.push(HeaderName::Contact, contact);
    with_sdp(&mut ok.headers, &mut ok.body);
    ok
}

#[test]
fn every_early_dialog_is_told_by_its_tag() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    for (tag, status, media) in [
        ("a", 183, true),
        ("b", 180, false),
        ("a", 183, true),
        ("", 181, false),
    ] {
        let mut response = answer(&invite, status, tag);
        if tag.is_empty() {
            response.headers.copy(&HeaderName::Subject, &invite.headers);
            response
                .headers
                .set(HeaderName::To, invite.headers.get(&HeaderName::To).unwrap());
        }
        if media {
            with_sdp(&mut response.headers, &mut response.body);
        }
        bench.receive(&pbx(), &Message::Response(response));
        let sdp = media.then(|| SDP.into());
        assert_eq!(
            bench.event(),
            Event::Progress {
                id,
                status,
                remote_tag: tag.into(),
                sdp,
                signalling: vec![pbx().addr.ip()]
            }
        );
    }
    bench.silent();
}

#[test]
fn the_first_2xx_wins_and_every_other_is_acked_and_left() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    let first = picked_up_by(&invite, "a", "<sip:a@198.51.100.1>");
    let second = picked_up_by(&invite, "b", "<sip:b@198.51.100.2>");
    bench.receive(&pbx(), &Message::Response(first.clone()));
    let (_, ack_a) = bench.request_to(Method::Ack);
    assert!(matches!(bench.event(), Event::Answered { remote_tag, .. } if remote_tag == "a"));

    bench.receive(&pbx(), &Message::Response(second.clone()));
    let (hop, ack_b) = bench.request_to(Method::Ack);
    assert_eq!(hop, udp("198.51.100.2:5060"));
    let (hop, bye) = bench.request_to(Method::Bye);
    assert_eq!(hop, udp("198.51.100.2:5060"));
    assert_eq!(bye.headers.to().unwrap().tag.as_deref(), Some("b"));
    bench.no_event();

    // Retransmissions of either get their own ACK and no second BYE.
    bench.receive(&pbx(), &Message::Response(second));
    assert_eq!(bench.request(Method::Ack), ack_b);
    bench.receive(&pbx(), &Message::Response(first));
    assert_eq!(bench.request(Method::Ack), ack_a);
    bench.silent();
    bench.reply(&bye, 200);
    bench.no_event();

    bench.act(|ua, now| ua.end(id, now));
    let (hop, bye) = bench.request_to(Method::Bye);
    assert_eq!(hop, udp("198.51.100.1:5060"));
    bench.reply(&bye, 200);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}

#[test]
fn a_stray_dialog_whose_peer_says_bye_first_is_no_event() {
    let mut bench = Bench::new();
    let (_, invite, _) = bench.established();
    bench.receive(
        &pbx(),
        &Message::Response(picked_up_by(&invite, "b", "<sip:b@198.51.100.2>")),
    );
    bench.request(Method::Ack);
    let ours = bench.request(Method::Bye);
    let theirs = bench.peer_request(&invite, Method::Bye, 1, "b");
    bench.pbx_sends(&theirs);
    bench.response(200);
    bench.reply(&ours, 481);
    bench.no_event();
    let bye = bench.peer_request(&invite, Method::Bye, 1, "peer");
    bench.pbx_sends(&bye);
    bench.response(200);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}

#[test]
fn a_2xx_after_a_refusal_is_acked_and_left() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 486);
    bench.request(Method::Ack);
    bench.event();
    bench.receive(
        &pbx(),
        &Message::Response(picked_up_by(&invite, "late", "<sip:b@198.51.100.2>")),
    );
    bench.request(Method::Ack);
    let bye = bench.request(Method::Bye);
    bench.reply(&bye, 200);
    bench.over();
}

#[test]
fn an_invite_makes_no_more_dialogs_than_an_office_has_phones() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    for n in 0..1000 {
        let mut rings = answer(&invite, 180, &format!("rings{n}"));
        with_sdp(&mut rings.headers, &mut rings.body);
        bench.receive(&pbx(), &Message::Response(rings));
    }
    assert_eq!(bench.events.len(), 32);
    bench.events.clear();
    // Whoever answers first is the call, whatever rings.
    let ok = picked_up_by(&invite, "answers", "<sip:10006@192.0.2.66:5062>");
    bench.receive(&pbx(), &Message::Response(ok));
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::Answered { .. }));
    for n in 0..1000 {
        let ok = picked_up_by(&invite, &format!("late{n}"), "<sip:victim@192.0.2.99>");
        bench.receive(&pbx(), &Message::Response(ok));
    }
    assert_eq!(
        bench.ignore_sent(),
        0,
        "nobody else is sent an ACK and a BYE"
    );
    bench.act(|ua, now| ua.end(id, now));
    let bye = bench.request(Method::Bye);
    bench.reply_with(&bye, 200, |_| {});
    bench.event();
    bench.over();
}
