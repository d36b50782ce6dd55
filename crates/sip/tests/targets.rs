//! Several addresses of one server, and addresses that may not be called (RFC 3263 section 4.3; t-A9).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use sip::{Event, Hop, Input, Message, Method, Request, ResolveError, TargetPolicy};

fn hops(count: u8) -> Vec<Hop> {
    (1..=count)
        .map(|n| udp(&format!("198.51.100.{n}:5060")))
        .collect()
}

/// Calls a name that resolves to these hops.
fn call(bench: &mut Bench, result: Result<Vec<Hop>, ResolveError>) -> sip::InviteId {
    let call = bench.call("pbx.example.com");
    let (id, _) = bench.looked_up.pop_front().unwrap();
    bench.input(Input::Resolved { id, result });
    call
}

fn reply(bench: &mut Bench, to: &Request, status: u16) {
    let mut response = answer(to, status, "peer");
    if status == 200 {
        picked_up(&mut response);
    }
    bench.receive(&pbx(), &Message::Response(response));
}

#[test]
fn the_next_target_after_a_send_failure() {
    let mut bench = Bench::new();
    call(&mut bench, Ok(hops(2)));
    let (first, invite) = bench.request_to(Method::Invite);
    bench.send_failed(&first, "connection refused");
    let (second, again) = bench.request_to(Method::Invite);
    assert_eq!(
        (first, second.clone()),
        (hops(2)[0].clone(), hops(2)[1].clone())
    );
    assert_ne!(branch(&again.headers), branch(&invite.headers));
    assert_eq!(
        again.headers.call_id().unwrap(),
        invite.headers.call_id().unwrap()
    );
    bench.no_event();
    bench.send_failed(&second, "no route to host");
    let event = bench.event();
    assert_eq!(
        cause_of(&event).text,
        "The SIP server pbx.example.com cannot be reached: no route to host."
    );
    bench.over();
}

#[test]
fn the_next_target_after_a_503() {
    let mut bench = Bench::new();
    call(&mut bench, Ok(hops(2)));
    let invite = bench.request(Method::Invite);
    reply(&mut bench, &invite, 503);
    assert_eq!(bench.request_to(Method::Ack).0, hops(2)[0]);
    let (hop, invite) = bench.request_to(Method::Invite);
    assert_eq!(hop, hops(2)[1]);
    reply(&mut bench, &invite, 503);
    bench.request(Method::Ack);
    assert_eq!(cause_of(&bench.event()).sip_code, Some(503));
    bench.over();
}

#[test]
fn any_other_refusal_is_the_answer_of_all() {
    let mut bench = Bench::new();
    call(&mut bench, Ok(hops(2)));
    let invite = bench.request(Method::Invite);
    reply(&mut bench, &invite, 486);
    bench.request(Method::Ack);
    assert_eq!(cause_of(&bench.event()).sip_code, Some(486));
    bench.silent();
    bench.over();
}

/// All targets together take no longer than one alone (K1).
#[test]
fn silent_targets_share_timer_b() {
    for count in 1..=6 {
        let mut bench = Bench::new();
        call(&mut bench, Ok(hops(count)));
        bench.pass(ms(31_999));
        bench.no_event();
        let mut tried: Vec<Hop> = bench.sent.drain(..).map(|sent| sent.hop).collect();
        tried.dedup();
        assert_eq!(tried, hops(count.min(4)), "at most four are tried");
        bench.pass(ms(1));
        let event = bench.event();
        assert!(cause_of(&event).text.contains("did not answer within 32 s"));
        bench.over();
    }
}

#[test]
fn a_target_that_wakes_up_late_is_cancelled() {
    let mut bench = Bench::new();
    call(&mut bench, Ok(hops(2)));
    let first = bench.request(Method::Invite);
    bench.pass(secs(16));
    bench.sent.retain(|sent| sent.hop == hops(2)[1]);
    let second = bench.request(Method::Invite);
    reply(&mut bench, &first, 180);
    let (hop, cancel) = bench.request_to(Method::Cancel);
    assert_eq!(
        (hop, branch(&cancel.headers)),
        (hops(2)[0].clone(), branch(&first.headers))
    );
    bench.no_event();
    reply(&mut bench, &second, 180);
    assert!(matches!(bench.event(), Event::Progress { .. }));
    reply(&mut bench, &first, 487);
    bench.request(Method::Ack);
    bench.no_event();
    reply(&mut bench, &second, 200);
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::Answered { .. }));
}

#[test]
fn a_target_that_answers_late_is_acked_and_left() {
    let mut bench = Bench::new();
    let id = call(&mut bench, Ok(hops(2)));
    let first = bench.request(Method::Invite);
    bench.pass(secs(16));
    bench.sent.retain(|sent| sent.hop == hops(2)[1]);
    let second = bench.request(Method::Invite);
    reply(&mut bench, &first, 200);
    bench.request(Method::Ack);
    let bye = bench.request(Method::Bye);
    reply(&mut bench, &bye, 200);
    bench.no_event();
    let mut busy = answer(&second, 486, "other");
    busy.reason.clear();
    bench.receive(&pbx(), &Message::Response(busy));
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::Refused { id: refused, .. } if refused == id));
    bench.over();
}

#[test]
fn a_target_that_has_answered_is_kept() {
    let mut bench = Bench::new();
    call(&mut bench, Ok(hops(2)));
    let invite = bench.request(Method::Invite);
    reply(&mut bench, &invite, 100);
    bench.pass(secs(20));
    bench.silent();
}

#[test]
fn the_target_the_registration_works_with_comes_first() {
    let mut bench = Bench::new();
    bench.act(|ua, now| ua.register(account("pbx.example.com"), now));
    let (id, _) = bench.looked_up.pop_front().unwrap();
    bench.input(Input::Resolved {
        id,
        result: Ok(hops(2)),
    });
    let (first, _) = bench.request_to(Method::Register);
    bench.send_failed(&first, "connection refused");
    let (second, register) = bench.request_to(Method::Register);
    assert_eq!(second, hops(2)[1]);
    let mut ok = answer(&register, 200, "x");
    bind(&mut ok, &register, 300);
    bench.receive(&second, &Message::Response(ok));
    assert!(matches!(bench.event(), Event::Registered { .. }));
    call(&mut bench, Ok(hops(2)));
    assert_eq!(bench.request_to(Method::Invite).0, second);
}

#[test]
fn a_registrar_with_several_addresses_takes_no_longer_than_one() {
    let mut bench = Bench::new();
    bench.act(|ua, now| ua.register(account("pbx.example.com"), now));
    let (id, _) = bench.looked_up.pop_front().unwrap();
    bench.input(Input::Resolved {
        id,
        result: Ok(hops(3)),
    });
    bench.pass(ms(31_999));
    bench.no_event();
    bench.pass(ms(1));
    assert!(matches!(
        bench.event(),
        Event::RegistrationFailed { retry_in: None, .. }
    ));
    bench.ignore_sent();
    bench.over();
}

/// Not one packet leaves for these, whether named or looked up (t-A9).
#[test]
fn forbidden_addresses_get_not_one_packet() {
    let literal = [
        "127.0.0.1",
        "[::1]",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.1.75",
    ];
    for host in literal {
        let mut bench = Bench::new();
        bench.call(host);
        let event = bench.event();
        assert!(
            cause_of(&event)
                .text
                .contains("may not call the SIP server"),
            "{host}"
        );
        bench.act(|ua, now| ua.register(account(host), now));
        assert!(matches!(bench.event(), Event::RegistrationFailed { .. }));
        bench.silent();
        bench.over();
    }
    for addr in [
        "127.0.0.1:5060",
        "[::1]:5060",
        "255.255.255.255:5060",
        "192.0.2.7:22",
        "192.0.2.7:6379",
    ] {
        let mut bench = Bench::new();
        call(&mut bench, Ok(vec![udp(addr)]));
        assert!(
            cause_of(&bench.event())
                .text
                .contains("may not call the SIP server"),
            "{addr}"
        );
        bench.silent();
        bench.over();
    }
}

#[test]
fn of_several_addresses_the_allowed_ones_are_used() {
    let mut bench = Bench::new();
    call(
        &mut bench,
        Ok(vec![udp("127.0.0.1:5060"), udp("198.51.100.1:5060")]),
    );
    assert_eq!(bench.request_to(Method::Invite).0, udp("198.51.100.1:5060"));
}

#[test]
fn a_listed_address_may_be_called() {
    let mut bench = Bench::with({
        let mut config = config();
        config.targets = TargetPolicy {
            listed: vec!["127.0.0.0/8".parse().unwrap()],
            only_listed: false,
        };
        config
            .contacts
            .push((sip::Transport::Udp, "127.0.0.1:5080".parse().unwrap()));
        config
    });
    bench.call("127.0.0.1");
    let (hop, invite) = bench.request_to(Method::Invite);
    assert_eq!(hop, udp("127.0.0.1:5060"));
    assert_eq!(
        uri_of(&invite.headers).host.to_string(),
        "127.0.0.1",
        "loopback is told a loopback address"
    );
}

/// The way is known before the offer is made, so that its addresses fit (RFC 8866 section 5.7).
#[test]
fn a_prepared_call_is_located_before_its_offer() {
    let mut bench = Bench::new();
    let mut order = invite_to("10006", "pbx.example.com");
    order.offer = bytes::Bytes::new();
    let id = bench.act(|ua, now| ua.prepare(order, now));
    let (look_up, _) = bench.looked_up.pop_front().unwrap();
    bench.act(|ua, now| ua.offer(id, SDP.into(), now));
    bench.silent();
    bench.input(Input::Resolved {
        id: look_up,
        result: Ok(vec![udp("[2001:db8::7]:5060"), udp("198.51.100.1:5060")]),
    });
    let hop = udp("[2001:db8::7]:5060");
    assert_eq!(
        bench.event(),
        Event::Located {
            id,
            hop: hop.clone()
        }
    );
    bench.silent();
    bench.act(|ua, now| ua.offer(id, SDP.into(), now));
    let (to, invite) = bench.request_to(Method::Invite);
    assert_eq!(to, hop);
    assert_eq!(invite.body, SDP);
    assert_eq!(
        invite.headers.get(&sip::HeaderName::ContentType),
        Some("application/sdp")
    );
    bench.act(|ua, now| ua.offer(id, SDP.into(), now));
    bench.silent();
    // Brackets in URIs and Via, none elsewhere (RFC 3261 section 19.1.1).
    let via = invite.headers.via().unwrap().to_string();
    assert!(via.starts_with("SIP/2.0/UDP [2001:db8::1]:5080;"), "{via}");
    let contact = uri_of(&invite.headers).to_string();
    assert!(contact.ends_with("@[2001:db8::1]:5080"), "{contact}");
}

#[test]
fn a_prepared_call_may_end_before_its_offer() {
    let mut bench = Bench::new();
    let id = bench.act(|ua, now| ua.prepare(invite_to("10006", "192.0.2.10"), now));
    assert!(matches!(bench.event(), Event::Located { .. }));
    bench.act(|ua, now| ua.end(id, now));
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.act(|ua, now| ua.offer(id, SDP.into(), now));
    bench.silent();
    bench.over();
}

/// RFC 3261 section 18.2.1, RFC 3581 section 4: addresses without brackets in `received`.
#[test]
fn an_answer_over_ipv6_goes_back_and_says_where() {
    let mut bench = Bench::with({
        let mut config = config();
        config.trusted = vec!["2001:db8::/32".parse().unwrap()];
        config
    });
    let mut options = bench.fresh_request(
        Method::Options,
        sip::Uri::parse("sip:x@[2001:db8::1]:5080").unwrap(),
    );
    let via = "SIP/2.0/UDP [2001:db8::9]:5060;branch=z9hG4bK6;rport";
    let via = sip::Via::parse_list(via).unwrap().remove(0);
    options.headers.set_top_via(&via).unwrap();
    let from = udp("[2001:db8::7]:40000");
    bench.receive(&from, &Message::Request(options));
    let (to, ok) = bench.response_to(200);
    assert_eq!(to, from);
    let via = ok.headers.via().unwrap();
    assert_eq!(via.received(), Some("2001:db8::7".parse().unwrap()));
    let text = via.to_string();
    assert!(
        text.contains("rport=40000") && text.contains("received=2001:db8::7"),
        "{text}"
    );
}
