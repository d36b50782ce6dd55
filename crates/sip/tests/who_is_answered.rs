//! Who gets an answer (t-A6): matching dialogs and transactions, Contact tokens, next hops, listed sources.
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use bytes::Bytes;
use sip::{Event, HeaderName, Hop, Message, Method, Uri};

const METHODS: [&str; 12] = [
    "INVITE",
    "OPTIONS",
    "BYE",
    "CANCEL",
    "ACK",
    "REGISTER",
    "MESSAGE",
    "SUBSCRIBE",
    "NOTIFY",
    "INFO",
    "REFER",
    "FOO",
];

fn stranger() -> Hop {
    udp("198.51.100.66:5060")
}

/// Every method from there, with and without To tag; what was answered.
fn scan(bench: &mut Bench, from: &Hop, uri: &Uri) -> usize {
    let mut answers = 0;
    for method in METHODS {
        for tagged in [false, true] {
            let mut request = bench.fresh_request(Method::parse(method).unwrap(), uri.clone());
            if tagged {
                let to = request.headers.to().unwrap().with_tag("guess");
                request.headers.set(HeaderName::To, to);
            }
            bench.receive(from, &Message::Request(request));
            answers += bench.ignore_sent();
        }
    }
    bench.receive_bytes(
        from,
        &b"OPTIONS sip:a@b SIP/7.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n\r\n"[..],
    );
    answers + bench.ignore_sent() + bench.refusals.drain(..).count()
}

#[test]
fn a_stranger_gets_no_answer_at_all() {
    let mut bench = Bench::new();
    bench.registered();
    bench.established();
    for uri in [
        "sip:10005@192.0.2.1:5080",
        "sip:192.0.2.1",
        "sip:0123456789abcdef@192.0.2.1",
        "tel:+1",
    ] {
        assert_eq!(
            scan(&mut bench, &stranger(), &Uri::parse(uri).unwrap()),
            0,
            "{uri}"
        );
    }
    bench.no_event();
    let servers = bench.ua.counts().server_transactions;
    assert_eq!(servers, 0, "and costs no memory");
}

#[test]
fn who_knows_the_token_is_answered() {
    let mut bench = Bench::new();
    let (id, contact) = bench.registered();
    assert!(scan(&mut bench, &stranger(), &contact) > 0);
    bench.events.clear();
    let invite = bench.invite_of_peer(contact.clone());
    bench.receive(&stranger(), &Message::Request(invite));
    bench.response(100);
    assert!(matches!(bench.event(), Event::Incoming { registration: Some(r), .. } if r == id));
}

#[test]
fn a_token_dies_with_its_registration() {
    let mut bench = Bench::new();
    let (id, contact) = bench.registered();
    bench.unregister_and_finish(id);
    assert_eq!(scan(&mut bench, &stranger(), &contact), 0);
    assert_eq!(
        scan(&mut bench, &pbx(), &contact),
        0,
        "and so does the trust in its next hop"
    );
}

#[test]
fn a_next_hop_is_answered_at_its_own_port_over_udp() {
    let mut bench = Bench::new();
    bench.registered();
    let uri = Uri::parse("sip:192.0.2.1").unwrap();
    assert!(scan(&mut bench, &pbx(), &uri) > 0);
    assert_eq!(scan(&mut bench, &udp("192.0.2.10:5061"), &uri), 0);
    assert_eq!(
        scan(&mut bench, &tcp("192.0.2.10:5060"), &uri),
        0,
        "it was asked over UDP"
    );
}

#[test]
fn a_next_hop_over_tcp_connects_from_any_port() {
    let mut bench = Bench::new();
    bench.act(|ua, now| ua.register(account("sip:192.0.2.10;transport=tcp"), now));
    bench.ignore_sent();
    let uri = Uri::parse("sip:192.0.2.1").unwrap();
    assert!(scan(&mut bench, &tcp("192.0.2.10:41234"), &uri) > 0);
    assert_eq!(scan(&mut bench, &tcp("192.0.2.11:5060"), &uri), 0);
}

#[test]
fn a_listed_source_is_answered() {
    let mut bench = Bench::with({
        let mut config = config();
        config.trusted = vec!["198.51.100.0/24".parse().unwrap()];
        config
    });
    let uri = Uri::parse("sip:192.0.2.1").unwrap();
    assert!(scan(&mut bench, &stranger(), &uri) > 0);
    assert_eq!(scan(&mut bench, &udp("198.51.101.66:5060"), &uri), 0);
}

/// Topology A6: the far telephone speaks in the dialog from an address of its own.
#[test]
fn inside_a_dialog_any_address_is_answered() {
    let mut bench = Bench::new();
    let (_, invite, _) = bench.established();
    let options = bench.peer_request(&invite, Method::Options, 1, "peer");
    bench.receive(&stranger(), &Message::Request(options));
    bench.response(200);
    for change in [HeaderName::From, HeaderName::CallId] {
        let mut wrong = bench.peer_request(&invite, Method::Bye, 2, "peer");
        let value = if change == HeaderName::From {
            "<sip:x@y>;tag=guess"
        } else {
            "guess"
        };
        wrong.headers.set(change, value);
        bench.receive(&stranger(), &Message::Request(wrong));
        bench.silent();
    }
    bench.no_event();
    let bye = bench.peer_request(&invite, Method::Bye, 2, "peer");
    bench.receive(&stranger(), &Message::Request(bye));
    bench.response(200);
    assert!(matches!(bench.event(), Event::Ended { .. }));
}

#[test]
fn a_call_in_progress_takes_its_ack_and_cancel_from_anywhere() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let (id, invite) = bench.offered(&contact);
    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    let ok = bench.response(200);
    let ack = bench.ack_of(&invite, &ok);
    bench.receive(&stranger(), &Message::Request(ack));
    assert!(matches!(bench.event(), Event::Confirmed { .. }));
    let (_, invite) = bench.offered(&contact);
    let mut cancel = invite.clone();
    cancel.method = Method::Cancel;
    cancel.headers.set(HeaderName::CSeq, "1 CANCEL");
    bench.receive(&stranger(), &Message::Request(cancel));
    bench.response(200);
    bench.response(487);
}

/// t-A5. Even a source with an answer cannot make the table grow without end.
#[test]
fn a_flood_of_transactions_is_bounded() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let options = bench.fresh_request(Method::Options, contact);
    let text = String::from_utf8(options.to_bytes().to_vec()).unwrap();
    let (head, tail) = text.split_once("z9hG4bKpeer1").unwrap();
    for n in 0..10_100 {
        let message =
            format!("{head}z9hG4bKflood{n}{tail}").replace("call0@", &format!("call{n}@"));
        bench.receive_bytes(&pbx(), message);
        bench.ignore_sent();
    }
    assert_eq!(bench.ua.counts().server_transactions, 10_000);
    bench.pass(secs(32));
    assert_eq!(bench.ua.counts().server_transactions, 0);
}
