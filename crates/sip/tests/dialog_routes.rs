//! Where requests of a dialog go (RFC 3261 sections 12.1.2, 12.2.1.1).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use sip::{Event, HeaderName, Input, Method, ResolveError};

/// Establishes a call whose 200 has these Record-Routes and this Contact; gives the ACK.
fn ack_with(
    bench: &mut Bench,
    routes: &[&str],
    contact: Option<&str>,
) -> (sip::InviteId, sip::Hop, sip::Request) {
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 200, |ok| {
        for route in routes {
            ok.headers.push(HeaderName::RecordRoute, route);
        }
        if let Some(contact) = contact {
            ok.headers.push(HeaderName::Contact, contact);
        }
        with_sdp(&mut ok.headers, &mut ok.body);
    });
    let (hop, ack) = bench.request_to(Method::Ack);
    assert!(matches!(bench.event(), Event::Answered { .. }));
    (id, hop, ack)
}

fn routes(request: &sip::Request) -> Vec<String> {
    request
        .headers
        .get_all(&HeaderName::Route)
        .map(str::to_owned)
        .collect()
}

#[test]
fn loose_routes_in_reverse_order() {
    let mut bench = Bench::new();
    let record = [
        "<sip:198.51.100.2;lr;x=1>, <sip:198.51.100.3;lr>",
        "<sip:192.0.2.10;lr>",
    ];
    let (id, hop, ack) = ack_with(&mut bench, &record, Some("<sip:10006@192.0.2.66>"));
    assert_eq!(hop, pbx());
    assert_eq!(ack.uri.to_string(), "sip:10006@192.0.2.66");
    let set = [
        "<sip:192.0.2.10;lr>",
        "<sip:198.51.100.3;lr>",
        "<sip:198.51.100.2;lr;x=1>",
    ];
    assert_eq!(routes(&ack), set);
    bench.act(|ua, now| ua.end(id, now));
    let (hop, bye) = bench.request_to(Method::Bye);
    assert_eq!(
        (hop, routes(&bye)),
        (pbx(), set.map(str::to_owned).to_vec())
    );
}

#[test]
fn a_strict_router_gets_itself_as_request_uri() {
    let mut bench = Bench::new();
    let record = [
        "<sip:198.51.100.3;lr>",
        "<sip:192.0.2.10:5070;method=INVITE>",
    ];
    let (_, hop, ack) = ack_with(&mut bench, &record, Some("<sip:10006@192.0.2.66;a=b>"));
    assert_eq!(hop, udp("192.0.2.10:5070"));
    assert_eq!(ack.uri.to_string(), "sip:192.0.2.10:5070");
    assert_eq!(
        routes(&ack),
        ["<sip:198.51.100.3;lr>", "<sip:10006@192.0.2.66;a=b>"]
    );
}

#[test]
fn without_a_contact_the_ack_goes_where_the_invite_went() {
    let mut bench = Bench::new();
    let (_, hop, ack) = ack_with(&mut bench, &[], None);
    assert_eq!(
        (hop, ack.uri.to_string().as_str()),
        (udp("192.0.2.10:5060"), "sip:10006@example.com")
    );
}

#[test]
fn a_contact_this_gateway_may_not_call_does_not_lead_there() {
    for contact in [
        "<sip:x@127.0.0.1>",
        "<sip:x@169.254.169.254:80>",
        "<sip:x@192.0.2.66:22>",
        "<tel:+123>",
    ] {
        let mut bench = Bench::new();
        let (_, hop, _) = ack_with(&mut bench, &[], Some(contact));
        assert_eq!(hop, pbx(), "{contact}");
    }
}

#[test]
fn a_contact_over_tcp_is_reached_over_tcp() {
    let mut bench = Bench::new();
    let (_, hop, ack) = ack_with(&mut bench, &[], Some("<sip:x@192.0.2.66;transport=TCP>"));
    assert_eq!(hop, tcp("192.0.2.66:5060"));
    assert!(ack.headers.via().unwrap().is_over("TCP"));
}

#[test]
fn a_name_is_looked_up_once_and_then_kept() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 200, |ok| {
        ok.headers
            .push(HeaderName::Contact, "<sip:x@phone.example.net>")
    });
    assert!(matches!(bench.event(), Event::Answered { .. }));
    bench.silent();
    let (look_up, target) = bench.looked_up.pop_front().unwrap();
    assert_eq!(target.to_string(), "phone.example.net");
    // Hanging up meanwhile waits for the way.
    bench.act(|ua, now| ua.end(id, now));
    bench.silent();
    bench.input(Input::Resolved {
        id: look_up,
        result: Ok(vec![udp("198.51.100.9:5066")]),
    });
    assert_eq!(bench.request_to(Method::Ack).0, udp("198.51.100.9:5066"));
    let (hop, bye) = bench.request_to(Method::Bye);
    assert_eq!(hop, udp("198.51.100.9:5066"));
    assert!(bench.looked_up.is_empty());
    bench.reply(&bye, 200);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}

#[test]
fn a_new_contact_while_the_old_one_is_looked_up_is_looked_up_instead() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 200, |ok| {
        ok.headers
            .push(HeaderName::Contact, "<sip:x@slow.example.net>")
    });
    bench.event();
    let (old, _) = bench.looked_up.pop_front().unwrap();
    let mut update = bench.peer_request(&invite, Method::Update, 1, "peer");
    update
        .headers
        .push(HeaderName::Contact, "<sip:x@moved.example.net>");
    bench.pbx_sends(&update);
    bench.response(200);
    let (new, target) = bench.looked_up.pop_front().unwrap();
    assert_eq!(target.to_string(), "moved.example.net");
    let found = |addr| Ok(vec![udp(addr)]);
    bench.input(Input::Resolved {
        id: old,
        result: found("198.51.100.8:5066"),
    });
    bench.silent();
    // The peer leaves before the ACK is out: the call ends all the same.
    let bye = bench.peer_request(&invite, Method::Bye, 2, "peer");
    bench.pbx_sends(&bye);
    bench.response(200);
    assert_eq!(cause_of(&bench.event()).text, "10006 hung up.");
    bench.input(Input::Resolved {
        id: new,
        result: found("198.51.100.9:5066"),
    });
    assert_eq!(bench.request_to(Method::Ack).0, udp("198.51.100.9:5066"));
    bench.over();
}

#[test]
fn a_name_that_leads_nowhere_leads_where_the_invite_went() {
    for answer in [
        Err(ResolveError::NotFound),
        Ok(vec![]),
        Ok(vec![udp("127.0.0.1:5060")]),
    ] {
        let mut bench = Bench::new();
        bench.call("192.0.2.10");
        let invite = bench.request(Method::Invite);
        bench.reply_with(&invite, 200, |ok| {
            ok.headers
                .push(HeaderName::Contact, "<sip:x@phone.example.net>")
        });
        let (id, _) = bench.looked_up.pop_front().unwrap();
        bench.input(Input::Resolved { id, result: answer });
        assert_eq!(bench.request_to(Method::Ack).0, pbx());
    }
}

#[test]
fn a_dns_server_that_never_answers_delays_the_ack_for_five_seconds() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 200, |ok| {
        ok.headers
            .push(HeaderName::Contact, "<sip:x@phone.example.net>")
    });
    bench.pass(ms(4_999));
    bench.silent();
    bench.pass(ms(1));
    assert_eq!(bench.request_to(Method::Ack).0, pbx());
}

#[test]
fn the_name_of_the_next_hop_is_the_next_hop() {
    let mut bench = Bench::new();
    bench.call("pbx.example.com");
    let (id, _) = bench.looked_up.pop_front().unwrap();
    bench.input(Input::Resolved {
        id,
        result: Ok(vec![udp("198.51.100.7:5060")]),
    });
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 200, |ok| {
        ok.headers
            .push(HeaderName::RecordRoute, "<sip:PBX.example.com;lr>");
        picked_up(ok);
    });
    assert_eq!(bench.request_to(Method::Ack).0, udp("198.51.100.7:5060"));
    assert!(bench.looked_up.is_empty());
}
