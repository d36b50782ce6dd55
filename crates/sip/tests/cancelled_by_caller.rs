//! CANCEL from the caller (RFC 3261 section 9.2, RFC 3326).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use bytes::Bytes;
use sip::{Event, HeaderName, Message, Method, Request, Side};

fn cancel_of(invite: &Request) -> Request {
    let mut cancel = invite.clone();
    cancel.method = Method::Cancel;
    cancel.body = Bytes::new();
    cancel.headers.remove(&HeaderName::ContentType);
    let number = cseq(invite);
    cancel
        .headers
        .set(HeaderName::CSeq, format!("{number} CANCEL"));
    cancel
}

#[test]
fn a_ringing_call_is_cancelled() {
    let mut bench = Bench::new();
    let (registration, contact) = bench.registered();
    let (id, invite) = bench.offered(&contact);
    bench.act(|ua, now| ua.ring(id, None, now));
    let ringing = bench.response(180);
    let cancel = cancel_of(&invite);
    bench.pbx_sends(&cancel);
    let ok = bench.response(200);
    assert_eq!(ok.headers.cseq().unwrap().method, Method::Cancel);
    assert_eq!(
        ok.headers.to().unwrap().tag,
        ringing.headers.to().unwrap().tag
    );
    let terminated = bench.response(487);
    assert_eq!(terminated.headers.cseq().unwrap().method, Method::Invite);
    let event = bench.event();
    assert!(
        matches!(&event, Event::Ended { id: ended, cause } if *ended == id && cause.side == Side::Sip)
    );
    assert_eq!(
        cause_of(&event).text,
        "20001 hung up before the call was answered."
    );
    assert_eq!(cause_of(&event).sip_code, Some(487));
    // The same CANCEL once more: its 200, nothing else.
    bench.pbx_sends(&cancel);
    assert_eq!(bench.response(200), ok);
    bench.silent();
    bench.pass(secs(40));
    bench.ignore_sent();
    bench.unregister_and_finish(registration);
}

#[test]
fn answered_elsewhere_is_told() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let (_, invite) = bench.offered(&contact);
    let mut cancel = cancel_of(&invite);
    cancel.headers.push(
        HeaderName::Reason,
        "SIP;cause=200;text=\"Call completed elsewhere\"",
    );
    bench.pbx_sends(&cancel);
    let event = bench.event();
    let cause = cause_of(&event);
    assert_eq!(
        (cause.sip_code, cause.text.as_str()),
        (Some(200), "The call was answered elsewhere.")
    );
}

#[test]
fn cancel_after_our_200_changes_nothing() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let (id, invite) = bench.offered(&contact);
    bench.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
    let accepted = bench.response(200);
    bench.pbx_sends(&cancel_of(&invite));
    let ok = bench.response(200);
    assert_eq!(ok.headers.cseq().unwrap().method, Method::Cancel);
    bench.silent();
    bench.no_event();
    let ack = bench.ack_of(&invite, &accepted);
    bench.pbx_sends(&ack);
    assert_eq!(bench.event(), Event::Confirmed { id, sdp: None });
    // The call is up.
    bench.act(|ua, now| ua.end(id, now));
    bench.request(Method::Bye);
}

#[test]
fn cancel_after_our_refusal_changes_nothing() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let (id, invite) = bench.offered(&contact);
    bench.act(|ua, now| ua.end(id, now));
    bench.response(486);
    bench.event();
    bench.pbx_sends(&cancel_of(&invite));
    bench.response(200);
    bench.silent();
    bench.no_event();
}

#[test]
fn a_cancel_of_nothing() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let invite = bench.invite_of_peer(contact);
    bench.pbx_sends(&cancel_of(&invite));
    bench.response(481);
    let (_, invite) = bench.offered(&invite.uri);
    let mut cancel = cancel_of(&invite);
    cancel.headers.set(
        HeaderName::Via,
        "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKother;rport",
    );
    bench.pbx_sends(&cancel);
    bench.response(481);
    bench.no_event();
    let stranger = udp("198.51.100.66:5060");
    let mut cancel = cancel_of(&invite);
    cancel.headers.set(
        HeaderName::Via,
        "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKguess;rport",
    );
    cancel.uri = sip::Uri::parse("sip:10005@192.0.2.1").unwrap();
    bench.receive(&stranger, &Message::Request(cancel));
    bench.silent();
}

#[test]
fn bye_in_the_early_dialog_ends_it_too() {
    let mut bench = Bench::new();
    let (registration, contact) = bench.registered();
    let (id, invite) = bench.offered(&contact);
    bench.act(|ua, now| ua.ring(id, None, now));
    let ringing = bench.response(180);
    let bye = bench.in_their_dialog(&invite, &ringing, Method::Bye, 2);
    bench.pbx_sends(&bye);
    bench.response(200);
    bench.response(487);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.pass(secs(40));
    bench.ignore_sent();
    bench.unregister_and_finish(registration);
}
