//! INFO in a call (RFC 6086), MESSAGE in and out of one (RFC 3428), mailboxes (RFC 3842), OPTIONS (RFC 3261 section 11).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use bytes::Bytes;
use sip::{Event, HeaderName, Message, MessageId, Method, Ua};

/// Our MESSAGE.
fn says(bench: &mut Bench, callee: &str, text: &'static str) -> MessageId {
    let to = Ua::callee_uri(callee, "example.com").unwrap();
    let text = Bytes::from_static(text.as_bytes());
    bench.act(|ua, now| ua.message(account("192.0.2.10"), to, "text/plain", text, now))
}

#[test]
fn info_both_ways() {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    let body = Bytes::from_static(b"Signal=5\r\nDuration=250\r\n");
    bench.act(|ua, now| ua.info(id, "application/dtmf-relay", body.clone(), now));
    let info = bench.request(Method::Info);
    assert_eq!(info.body, body);
    assert_eq!(
        info.headers.get(&HeaderName::ContentType),
        Some("application/dtmf-relay")
    );
    bench.reply(&info, 200);
    assert_eq!(bench.event(), Event::InfoDone { id, result: Ok(()) });
    bench.act(|ua, now| ua.info(id, "application/dtmf", body.clone(), now));
    let info = bench.request(Method::Info);
    bench.reply(&info, 415);
    let Event::InfoDone {
        result: Err(cause), ..
    } = bench.event()
    else {
        panic!("a refusal expected")
    };
    assert_eq!(cause.sip_code, Some(415));

    let mut theirs = bench.peer_request(&invite, Method::Info, 1, "peer");
    theirs
        .headers
        .push(HeaderName::ContentType, "Application/DTMF-Relay; x=y");
    theirs.body = body.clone();
    bench.pbx_sends(&theirs);
    let Event::Info {
        request,
        content_type,
        ..
    } = bench.event()
    else {
        panic!("an INFO expected")
    };
    assert_eq!(content_type, "application/dtmf-relay");
    bench.act(|ua, now| ua.respond(request, 200, &[], Bytes::new(), now));
    bench.response(200);
}

/// RFC 6086 section 4.2.2. The call goes on, and digits without a package are still taken.
#[test]
fn info_of_a_package_that_was_not_announced_gets_469_with_an_empty_recv_info() {
    let mut bench = Bench::new();
    let (_, invite, _) = bench.established();
    for (cseq, package) in [(1, "foo"), (2, "Dtmf;version=1")] {
        let mut info = bench.peer_request(&invite, Method::Info, cseq, "peer");
        info.headers.push(HeaderName::InfoPackage, package);
        info.headers
            .push(HeaderName::ContentType, "application/dtmf-relay");
        info.body = Bytes::from_static(b"Signal=5\r\n");
        bench.pbx_sends(&info);
        let refused = bench.response(469);
        assert_eq!(refused.reason, "Bad Info Package");
        assert_eq!(refused.headers.get(&HeaderName::RecvInfo), Some(""));
        bench.no_event();
    }
    let mut digit = bench.peer_request(&invite, Method::Info, 3, "peer");
    digit
        .headers
        .push(HeaderName::ContentType, "application/dtmf-relay");
    digit.body = Bytes::from_static(b"Signal=5\r\n");
    bench.pbx_sends(&digit);
    assert!(matches!(bench.event(), Event::Info { .. }));
}

#[test]
fn an_info_to_a_peer_that_has_lost_the_call_ends_it() {
    let mut bench = Bench::new();
    let (id, ..) = bench.established();
    let digit = Bytes::from_static(b"5");
    bench.act(|ua, now| ua.info(id, "application/dtmf", digit, now));
    let info = bench.request(Method::Info);
    bench.reply(&info, 481);
    let done = bench.event();
    assert!(
        matches!(done, Event::InfoDone { result: Err(_), .. }),
        "{done:?}"
    );
    let bye = bench.request(Method::Bye);
    assert_eq!(cause_of(&bench.event()).sip_code, Some(481));
    bench.reply(&bye, 481);
    bench.over();
}

#[test]
fn what_a_phone_sends_that_did_not_answer_is_not_part_of_the_call() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    for (status, tag) in [(180, "other"), (200, "peer")] {
        let mut response = answer(&invite, status, tag);
        picked_up(&mut response);
        bench.receive(&pbx(), &Message::Response(response));
        bench.event();
    }
    bench.request(Method::Ack);
    for (cseq, method) in [(7, Method::Info), (8, Method::Message)] {
        let theirs = bench.peer_request(&invite, method, cseq, "other");
        bench.pbx_sends(&theirs);
        bench.response(481);
        bench.no_event();
    }
}

#[test]
fn info_without_a_call_that_is_up_fails_at_once() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    bench.request(Method::Invite);
    bench.act(|ua, now| ua.info(id, "application/dtmf", Bytes::from_static(b"5"), now));
    assert!(matches!(
        bench.event(),
        Event::InfoDone { result: Err(_), .. }
    ));
}

#[test]
fn a_message_is_sent_challenged_and_taken() {
    let mut bench = Bench::new();
    let id = says(&mut bench, "10006", "Hello");
    let message = bench.request(Method::Message);
    assert_eq!(message.uri.to_string(), "sip:10006@example.com");
    assert!(
        !message.headers.has(&HeaderName::Contact),
        "RFC 3428 section 4"
    );
    bench.reply_with(&message, 407, |r| challenge(r, "n1", false));
    let message = bench.request(Method::Message);
    assert_eq!(credentials(&message).nonce, "n1");
    assert_eq!(message.body.as_ref(), b"Hello");
    bench.reply(&message, 202);
    assert_eq!(bench.event(), Event::MessageSent { id, result: Ok(()) });
    bench.over();
}

#[test]
fn messages_to_one_receiver_go_out_one_after_the_other() {
    let mut bench = Bench::new();
    let texts = ["one", "two", "three"];
    let ids = texts.map(|text| says(&mut bench, "10006", text));
    says(&mut bench, "10007", "else");
    let mut next = bench.request(Method::Message);
    let other = bench.request(Method::Message);
    assert_eq!(
        other.body.as_ref(),
        b"else",
        "another receiver does not wait"
    );
    bench.reply(&other, 200);
    bench.event();
    for (index, status) in [(0, 200), (1, 486), (2, 200)] {
        assert_eq!(next.body.as_ref(), texts[index].as_bytes());
        bench.silent();
        bench.reply(&next, status);
        let Event::MessageSent { id, result } = bench.event() else {
            panic!("an end of the message expected")
        };
        assert_eq!((id, result.is_ok()), (ids[index], status == 200));
        if index < 2 {
            next = bench.request(Method::Message);
        }
    }
    bench.over();
}

/// Whoever may open a session may call himself as he likes and name a server of his own.
#[test]
fn a_message_does_not_wait_for_one_of_somebody_who_only_uses_the_same_name() {
    let mut bench = Bench::new();
    let mut by_another_server = account("192.0.2.11");
    by_another_server.password = "guessed".into();
    let mut with_another_password = account("192.0.2.10");
    with_another_password.password = "guessed".into();
    for (account, text) in [
        (by_another_server, "first"),
        (with_another_password, "second"),
        (account("192.0.2.10"), "third"),
    ] {
        let to = Ua::callee_uri("10006", "example.com").unwrap();
        let next_hop = account.next_hop.host.clone();
        let body = Bytes::from_static(text.as_bytes());
        bench.act(|ua, now| ua.message(account, to, "text/plain", body, now));
        let (hop, message) = bench.request_to(Method::Message);
        assert_eq!(message.body.as_ref(), text.as_bytes());
        assert_eq!(hop.addr.ip().to_string(), next_hop);
    }
}

#[test]
fn messages_that_wait_for_a_silent_receiver_fail_with_the_first() {
    let mut bench = Bench::new();
    let ids: Vec<_> = (0..16)
        .map(|_| says(&mut bench, "10006", "Hello"))
        .collect();
    let one_too_many = says(&mut bench, "10006", "Hello");
    let Event::MessageSent {
        id,
        result: Err(cause),
    } = bench.event()
    else {
        panic!("a refusal expected")
    };
    assert_eq!((id, cause.sip_code), (one_too_many, None));
    assert!(cause.text.starts_with("16 messages"), "{}", cause.text);
    bench.pass(secs(32));
    bench.ignore_sent();
    for (index, expected) in ids.into_iter().enumerate() {
        let Event::MessageSent {
            id,
            result: Err(cause),
        } = bench.event()
        else {
            panic!("a refusal expected")
        };
        let answered = (index == 0).then_some(408);
        assert_eq!((id, cause.sip_code), (expected, answered));
        let unsent = cause.text.starts_with("The message was not sent");
        assert_eq!(unsent, index > 0, "{}", cause.text);
    }
    bench.over();
}

#[test]
fn a_message_that_was_challenged_after_a_1xx_gets_no_credentials() {
    let mut bench = Bench::new();
    says(&mut bench, "10006", "Hello");
    let message = bench.request(Method::Message);
    bench.reply(&message, 183);
    bench.reply_with(&message, 407, |r| challenge(r, "bait", false));
    bench.silent();
    let Event::MessageSent {
        result: Err(cause), ..
    } = bench.event()
    else {
        panic!("a refusal expected")
    };
    assert_eq!(cause.sip_code, Some(407));
    bench.over();
}

#[test]
fn a_message_that_is_refused_or_unanswered_says_why() {
    for status in [Some(404), None] {
        let mut bench = Bench::new();
        says(&mut bench, "10006", "Hello");
        let message = bench.request(Method::Message);
        match status {
            Some(status) => bench.reply(&message, status),
            None => bench.pass(secs(32)),
        }
        bench.ignore_sent();
        let Event::MessageSent {
            result: Err(cause), ..
        } = bench.event()
        else {
            panic!("a refusal expected")
        };
        assert_eq!(cause.sip_code, Some(status.unwrap_or(408)));
        bench.over();
    }
}

#[test]
fn messages_and_mailboxes_reach_the_owner_of_the_registration() {
    let mut bench = Bench::new();
    let (registration, contact) = bench.registered();
    let mut message = bench.fresh_request(Method::Message, contact.clone());
    message.headers.push(HeaderName::ContentType, "text/plain");
    message.body = Bytes::from_static(b"Hi");
    bench.pbx_sends(&message);
    let Event::Message {
        request,
        registration: of,
        from,
        body,
        call,
        ..
    } = bench.event()
    else {
        panic!("a message expected")
    };
    assert_eq!((of, call), (Some(registration), None));
    assert_eq!((from.user.as_str(), body.as_ref()), ("20001", &b"Hi"[..]));
    bench.act(|ua, now| ua.respond(request, 480, &[], Bytes::new(), now));
    bench.response(480);

    let mut notify = bench.fresh_request(Method::Notify, contact.clone());
    notify.headers.push(HeaderName::Event, "message-summary");
    notify.headers.push(
        HeaderName::ContentType,
        "application/simple-message-summary",
    );
    notify.body = Bytes::from_static(b"Messages-Waiting: yes\r\n");
    bench.pbx_sends(&notify);
    let Event::MessageSummary { request, .. } = bench.event() else {
        panic!("a mailbox expected")
    };
    bench.act(|ua, now| ua.respond(request, 200, &[], Bytes::new(), now));
    bench.response(200);

    let mut notify = bench.fresh_request(Method::Notify, contact);
    notify.headers.push(HeaderName::Event, "presence");
    bench.pbx_sends(&notify);
    let refused = bench.response(489);
    assert!(refused.headers.has(&HeaderName::AllowEvents));
    bench.no_event();
}

#[test]
fn options_say_whether_a_call_would_be_taken() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    for (free, status) in [(true, 200), (false, 503), (true, 200)] {
        bench.ua.set_ports_free(free);
        let options = bench.fresh_request(Method::Options, contact.clone());
        bench.pbx_sends(&options);
        let answer = bench.response(status);
        assert_eq!(answer.headers.retry_after().is_some(), !free);
    }
}

/// One user at two domains: the domain in To decides whose phone rings.
#[test]
fn the_domain_in_to_decides_between_two_accounts_of_one_user() {
    let mut bench = Bench::new();
    let mut ids = Vec::new();
    for domain in ["one.example", "two.example"] {
        let mut account = account("192.0.2.10");
        account.domain = domain.into();
        ids.push(bench.act(|ua, now| ua.register(account, now)));
        let register = bench.request(Method::Register);
        bench.reply_with(&register, 200, |ok| bind(ok, &register, 300));
        bench.event();
    }
    for (domain, expected) in [("two.example", ids[1]), ("one.example", ids[0])] {
        let uri = sip::Uri::parse("sip:10005@192.0.2.1:5080").unwrap();
        let mut invite = bench.invite_of_peer(uri);
        invite
            .headers
            .set(HeaderName::To, format!("<sip:10005@{domain}>"));
        bench.pbx_sends(&invite);
        bench.response(100);
        let Event::Incoming { registration, .. } = bench.event() else {
            panic!("an incoming call expected")
        };
        assert_eq!(registration, Some(expected));
    }
}

/// Each Contact that we register is a user agent of its own (RFC 3261 section 8.2.2.2): one INVITE that a proxy forks to
/// two of them rings at both.
#[test]
fn an_invite_forked_to_two_of_our_contacts_rings_at_both() {
    let mut bench = Bench::new();
    let (_, first) = bench.registered();
    let mut other = account("192.0.2.10");
    other.user = sip::SipUser::parse("10006").unwrap();
    bench.act(|ua, now| ua.register(other, now));
    let register = bench.request(Method::Register);
    let second = uri_of(&register.headers);
    bench.reply_with(&register, 200, |ok| bind(ok, &register, 300));
    bench.event();
    let stale = sip::Uri::parse("sip:gone@192.0.2.1:5080").unwrap();
    let invite = bench.invite_of_peer(first.clone());
    for (branch, uri, status) in [("a", stale, 404), ("b", first, 100), ("c", second, 100)] {
        let mut fork = invite.clone();
        fork.uri = uri;
        let via = format!("SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{branch};rport");
        fork.headers.set(HeaderName::Via, via);
        bench.pbx_sends(&fork);
        bench.response(status);
        let rings = matches!(bench.events.pop_front(), Some(Event::Incoming { .. }));
        assert_eq!(rings, status == 100);
    }
}
