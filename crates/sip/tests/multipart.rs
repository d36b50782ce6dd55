//! Multipart bodies in INVITE and in its answers (RFC 5621).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use bytes::Bytes;
use sip::message::body::ACCEPT;
use sip::{Event, HeaderName, Headers, Method};

/// A multipart body of the SDP and a part of ISUP with this handling.
fn with_isup(headers: &mut Headers, body: &mut Bytes, handling: &str) {
    headers.set(HeaderName::ContentType, "multipart/mixed;boundary=b");
    let sdp = String::from_utf8(SDP.to_vec()).unwrap();
    let isup = format!(
        "Content-Type: application/ISUP\r\nContent-Disposition: signal;handling={handling}\r\n\r\n\u{1}"
    );
    let text =
        format!("--b\r\n{isup}\r\n--b\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--b--\r\n");
    *body = Bytes::from(text);
}

#[test]
fn an_invite_with_an_optional_part_rings() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let mut invite = bench.invite_of_peer(contact);
    with_isup(&mut invite.headers, &mut invite.body, "optional");
    bench.pbx_sends(&invite);
    bench.response(100);
    let Event::Incoming { offer, .. } = bench.event() else {
        panic!("Incoming expected")
    };
    assert_eq!(offer, Some(Bytes::from_static(SDP)));
}

#[test]
fn an_invite_with_a_required_part_is_415() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let mut invite = bench.invite_of_peer(contact);
    with_isup(&mut invite.headers, &mut invite.body, "required");
    bench.pbx_sends(&invite);
    let refusal = bench.response(415);
    assert_eq!(refusal.headers.get(&HeaderName::Accept), Some(ACCEPT));
    bench.no_event();
}

/// An answer cannot be refused: its SDP counts, whatever stands beside it.
#[test]
fn answers_with_several_parts() {
    for handling in ["optional", "required"] {
        let mut bench = Bench::new();
        bench.call("192.0.2.10");
        let invite = bench.request(Method::Invite);
        bench.reply_with(&invite, 183, |r| {
            with_isup(&mut r.headers, &mut r.body, handling)
        });
        let Event::Progress { sdp, .. } = bench.event() else {
            panic!("Progress expected")
        };
        assert_eq!(sdp, Some(Bytes::from_static(SDP)));
        bench.reply_with(&invite, 200, |r| {
            picked_up(r);
            with_isup(&mut r.headers, &mut r.body, handling);
        });
        bench.request(Method::Ack);
        let Event::Answered { sdp, .. } = bench.event() else {
            panic!("Answered expected")
        };
        assert_eq!(sdp, Some(Bytes::from_static(SDP)));
    }
}
