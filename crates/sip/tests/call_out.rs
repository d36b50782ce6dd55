//! An outgoing call from INVITE to BYE (requirement A7; RFC 3261 sections 13.2, 15).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use sip::{Event, HeaderName, Message, Method, RemoteIdentity, Side};

#[test]
fn the_invite_says_who_calls_whom() {
    let mut bench = Bench::new();
    let mut order = invite_to("10006", "192.0.2.10:5070");
    order.caller_display = Some("Ralf \"C\"".into());
    order.extra_headers = vec![("X-Ticket".into(), "42".into())];
    bench.act(|ua, now| ua.invite(order, now));
    let (hop, invite) = bench.request_to(Method::Invite);
    assert_eq!(hop, udp("192.0.2.10:5070"));
    assert_eq!(invite.uri.to_string(), "sip:10006@example.com");
    let from = invite.headers.from().unwrap();
    assert_eq!(from.display.as_deref(), Some("Ralf \"C\""));
    assert_eq!(from.uri.to_string(), "sip:10005@example.com");
    assert!(from.tag.unwrap().len() >= 16);
    let to = invite.headers.to().unwrap();
    assert_eq!(
        (to.uri.to_string().as_str(), to.tag),
        ("sip:10006@example.com", None)
    );
    let via = invite.headers.via().unwrap();
    assert_eq!(via.rport(), Some(None), "rport is asked for (RFC 3581)");
    assert_eq!(
        (via.host.to_string().as_str(), via.port),
        ("192.0.2.1", Some(5080))
    );
    let contact = uri_of(&invite.headers);
    assert_eq!(
        (contact.host.to_string().as_str(), contact.port),
        ("192.0.2.1", Some(5080))
    );
    assert_eq!(invite.headers.get(&HeaderName::UserAgent), Some("Ringdown"));
    assert_eq!(
        invite.headers.get(&HeaderName::Other("X-Ticket".into())),
        Some("42")
    );
    assert_eq!(invite.headers.max_forwards(), Some(70));
    assert_eq!(invite.body, SDP);
    assert!(without_credentials(&invite));
}

#[test]
fn trying_ringing_answered_hung_up() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 100);
    bench.reply(&invite, 100);
    assert_eq!(bench.event(), Event::Trying { id });
    bench.no_event();
    bench.reply(&invite, 180);
    assert_eq!(
        bench.event(),
        Event::Progress {
            id,
            status: 180,
            remote_tag: "peer".into(),
            sdp: None,
            signalling: vec![pbx().addr.ip()]
        }
    );
    bench.reply_with(&invite, 183, |r| with_sdp(&mut r.headers, &mut r.body));
    let sdp = Some(SDP.into());
    assert_eq!(
        bench.event(),
        Event::Progress {
            id,
            status: 183,
            remote_tag: "peer".into(),
            sdp: sdp.clone(),
            signalling: vec![pbx().addr.ip()]
        }
    );
    bench.reply_with(&invite, 200, |ok| {
        picked_up(ok);
        ok.headers.push(HeaderName::Server, "PBX 1");
    });
    let (hop, ack) = bench.request_to(Method::Ack);
    assert_eq!(
        hop,
        udp("192.0.2.66:5062"),
        "the ACK goes to the Contact of the 200"
    );
    assert_eq!(ack.uri.to_string(), "sip:10006@192.0.2.66:5062");
    assert_eq!(cseq(&ack), cseq(&invite));
    assert_ne!(branch(&ack.headers), branch(&invite.headers));
    assert_eq!(ack.headers.to().unwrap().tag.as_deref(), Some("peer"));
    let remote = RemoteIdentity {
        user: "10006".into(),
        display: None,
        uri: "sip:10006@example.com".into(),
        user_agent: Some("PBX 1".into()),
    };
    assert_eq!(
        bench.event(),
        Event::Answered {
            id,
            remote_tag: "peer".into(),
            sdp,
            remote,
            // The Contact of the 200, then its source.
            signalling: vec!["192.0.2.66".parse().unwrap(), pbx().addr.ip()]
        }
    );

    bench.act(|ua, now| ua.end(id, now));
    bench.no_event();
    let (hop, bye) = bench.request_to(Method::Bye);
    assert_eq!(hop, udp("192.0.2.66:5062"));
    assert_eq!(cseq(&bye), cseq(&invite) + 1);
    bench.reply(&bye, 200);
    let ended = bench.event();
    assert!(
        matches!(&ended, Event::Ended { cause, .. } if cause.side == Side::Browser && cause.q850 == Some(16))
    );
    bench.over();
}

#[test]
fn the_peer_hangs_up() {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    let mut bye = bench.peer_request(&invite, Method::Bye, 1, "peer");
    bye.headers
        .push(HeaderName::Reason, "Q.850;cause=31;text=\"Battery low\"");
    bench.receive(&udp("203.0.113.5:9999"), &Message::Request(bye.clone()));
    let (hop, ok) = bench.response_to(200);
    assert_eq!(
        hop,
        udp("203.0.113.5:9999"),
        "rport: back where it came from"
    );
    assert_eq!(
        ok.headers.via().unwrap().received(),
        "203.0.113.5".parse().ok()
    );
    let Event::Ended { id: ended, cause } = bench.event() else {
        panic!("Ended expected")
    };
    assert_eq!((ended, cause.side, cause.q850), (id, Side::Sip, Some(31)));
    assert_eq!(cause.text, "10006 hung up. Reason given: Battery low.");
    // The same BYE once more gets the same answer, and nothing else.
    bench.receive(&udp("203.0.113.5:9999"), &Message::Request(bye));
    bench.response(200);
    bench.over();
}

#[test]
fn both_hang_up_at_once() {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    bench.act(|ua, now| ua.end(id, now));
    let ours = bench.request(Method::Bye);
    let theirs = bench.peer_request(&invite, Method::Bye, 1, "peer");
    bench.pbx_sends(&theirs);
    bench.response(200);
    bench.no_event();
    bench.reply(&ours, 481);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}

#[test]
fn a_bye_nobody_answers_ends_with_timer_f() {
    let mut bench = Bench::new();
    let (id, ..) = bench.established();
    bench.act(|ua, now| ua.end(id, now));
    bench.pass(ms(31_999));
    assert!(bench.ignore_sent() > 5);
    bench.no_event();
    bench.pass(ms(1));
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}

#[test]
fn each_retransmission_of_the_200_gets_the_same_ack() {
    let mut bench = Bench::new();
    let (id, invite, ack) = bench.established();
    for _ in 0..3 {
        bench.pass(ms(500));
        bench.reply_with(&invite, 200, picked_up);
        assert_eq!(bench.request(Method::Ack), ack);
    }
    bench.no_event();
    bench.act(|ua, now| ua.end(id, now));
    let bye = bench.request(Method::Bye);
    bench.reply(&bye, 200);
    bench.event();
    // Even after the end, as long as the transaction lives.
    bench.reply_with(&invite, 200, picked_up);
    assert_eq!(bench.request(Method::Ack), ack);
    bench.over();
}

#[test]
fn a_refusal_is_acked_and_explained() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 486);
    let (hop, ack) = bench.request_to(Method::Ack);
    assert_eq!(hop, pbx());
    assert_eq!(
        branch(&ack.headers),
        branch(&invite.headers),
        "17.1.1.3: same Via"
    );
    assert_eq!(ack.uri, invite.uri);
    let Event::Refused { id: refused, cause } = bench.event() else {
        panic!("Refused expected")
    };
    assert_eq!(
        (refused, cause.sip_code, cause.q850),
        (id, Some(486), Some(17))
    );
    assert_eq!(cause.text, "10006 is busy (486 Busy Here).");
    bench.reply(&invite, 486);
    assert_eq!(bench.request(Method::Ack), ack);
    bench.over();
}

#[test]
fn a_redirection_is_refused_and_nobody_else_is_called() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 302, |r| {
        r.headers
            .push(HeaderName::Contact, "<sip:evil@198.51.100.1>")
    });
    bench.request(Method::Ack);
    assert_eq!(cause_of(&bench.event()).sip_code, Some(302));
    bench.silent();
    bench.over();
}

#[test]
fn headers_of_the_application_cannot_break_in() {
    for (name, value, problem) in [
        (
            "X-A",
            "1\r\nRoute: <sip:evil@198.51.100.1>",
            "X-A contains a line break",
        ),
        (
            "X-A",
            "1\u{2028}2",
            "X-A contains an invisible line separator",
        ),
        ("X A", "1", "\"X A\" is not a SIP header name"),
        (
            "Via",
            "x",
            "The header Via is written by this gateway itself",
        ),
        ("t", "x", "The header To is written by this gateway itself"),
        (
            "Content-Length",
            "0",
            "The header Content-Length is written by this gateway itself",
        ),
    ] {
        let mut bench = Bench::new();
        let mut order = invite_to("10006", "192.0.2.10");
        order.extra_headers = vec![(name.into(), value.into())];
        bench.act(|ua, now| ua.invite(order, now));
        let event = bench.event();
        let cause = cause_of(&event);
        assert_eq!(
            (cause.side, cause.stage),
            (Side::Browser, sip::Stage::Input)
        );
        assert!(cause.text.contains(problem), "{}", cause.text);
        bench.silent();
        bench.over();
    }
}
