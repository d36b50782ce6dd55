//! Reliable provisional responses (RFC 3262) in both roles, and what may overtake what.
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use bytes::Bytes;
use sip::{Event, HeaderName, InviteId, Method, Request, Response};

const OFFER: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n";

/// A reliable 183 of this early dialog.
fn reliable(bench: &mut Bench, invite: &Request, tag: &str, rseq: u32, sdp: bool) {
    let mut progress = answer(invite, 183, tag);
    progress.headers.push(HeaderName::Require, "100rel");
    progress.headers.push(HeaderName::RSeq, rseq);
    progress
        .headers
        .push(HeaderName::Contact, format!("<sip:{tag}@192.0.2.66:5062>"));
    if sdp {
        with_sdp(&mut progress.headers, &mut progress.body);
    }
    bench.receive(&pbx(), &sip::Message::Response(progress));
}

#[track_caller]
fn prack(bench: &mut Bench, rack: &str) -> Request {
    let prack = bench.request(Method::Prack);
    assert_eq!(prack.headers.get(&HeaderName::RAck), Some(rack));
    prack
}

#[test]
fn each_early_dialog_has_its_own_rseq() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    assert!(invite.headers.supported().has("100rel"));
    for (tag, rseq) in [("a", 7), ("b", 900), ("a", 8), ("b", 901)] {
        reliable(&mut bench, &invite, tag, rseq, true);
        let sent = prack(&mut bench, &format!("{rseq} 1 INVITE"));
        assert_eq!(sent.headers.to().unwrap().tag.as_deref(), Some(tag));
        assert!(matches!(bench.event(), Event::Progress { .. }));
        bench.reply(&sent, 200);
    }
}

#[test]
fn the_sdp_of_a_later_18x_repeats_an_answer_that_has_been_given() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    for (rseq, given) in [(7, true), (8, false)] {
        reliable(&mut bench, &invite, "a", rseq, true);
        let sent = prack(&mut bench, &format!("{rseq} 1 INVITE"));
        bench.reply(&sent, 200);
        let Event::Progress { sdp, .. } = bench.event() else {
            panic!("a provisional answer expected")
        };
        assert_eq!(sdp.is_some(), given, "RFC 6337 section 3.1.1");
    }
}

#[test]
fn a_copy_and_a_gap_are_neither_acknowledged_nor_told() {
    let mut bench = Bench::new();
    bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    reliable(&mut bench, &invite, "a", 7, true);
    let sent = prack(&mut bench, "7 1 INVITE");
    bench.reply(&sent, 200);
    bench.event();
    for rseq in [7, 9, 6] {
        reliable(&mut bench, &invite, "a", rseq, true);
        bench.silent();
        bench.no_event();
    }
    reliable(&mut bench, &invite, "a", 8, true);
    prack(&mut bench, "8 1 INVITE");
    bench.event();
}

#[test]
fn prack_bye_and_info_do_not_wait_for_the_invite() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    reliable(&mut bench, &invite, "a", 1, true);
    let sent = prack(&mut bench, "1 1 INVITE");
    assert_eq!(cseq(&sent), 2, "while the INVITE is open");
    bench.event();
    bench.reply(&sent, 200);
    bench.reply_with(&invite, 200, |ok| {
        let to = ok.headers.to().unwrap().with_tag("a");
        ok.headers.set(HeaderName::To, to);
        ok.headers
            .push(HeaderName::Contact, "<sip:a@192.0.2.66:5062>");
    });
    bench.request(Method::Ack);
    let Event::Answered { sdp, .. } = bench.event() else {
        panic!("an answer expected")
    };
    assert_eq!(sdp, None, "the reliable 183 has answered");
    bench.act(|ua, now| ua.info(id, "application/dtmf", Bytes::from_static(b"5"), now));
    let info = bench.request(Method::Info);
    assert_eq!(cseq(&info), 3, "a 2xx keeps our CSeq");
}

#[test]
fn update_with_an_offer_needs_a_complete_exchange() {
    let mut bench = Bench::new();
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 183, |r| {
        r.headers.push(HeaderName::Contact, "<sip:a@192.0.2.66>");
        with_sdp(&mut r.headers, &mut r.body);
    });
    bench.event();
    let mut update = bench.peer_request(&invite, Method::Update, 1, "peer");
    with_sdp(&mut update.headers, &mut update.body);
    bench.pbx_sends(&update);
    bench.response(491);
    reliable(&mut bench, &invite, "peer", 1, true);
    prack(&mut bench, "1 1 INVITE");
    bench.event();
    let mut update = bench.peer_request(&invite, Method::Update, 2, "peer");
    with_sdp(&mut update.headers, &mut update.body);
    bench.pbx_sends(&update);
    let Event::Offered {
        id: of, request, ..
    } = bench.event()
    else {
        panic!("an offer expected")
    };
    assert_eq!(of, id);
    bench.act(|ua, now| ua.respond(request, 200, &[], Bytes::from_static(SDP), now));
    bench.response(200);
}

/// An INVITE that requires 100rel: the call, and the INVITE.
fn invited(bench: &mut Bench, offer: bool) -> (InviteId, Request) {
    let (_, contact) = bench.registered();
    let mut invite = if offer {
        bench.invite_of_peer(contact)
    } else {
        bench.fresh_request(Method::Invite, contact)
    };
    invite.headers.push(HeaderName::Require, "100rel");
    bench.pbx_sends(&invite);
    bench.response(100);
    let Event::Incoming { id, reliable, .. } = bench.event() else {
        panic!("an incoming call expected")
    };
    assert!(reliable);
    (id, invite)
}

fn acknowledges(bench: &mut Bench, invite: &Request, ringing: &Response, cseq: u32) -> Request {
    let rseq = ringing.headers.rseq().unwrap().number;
    let mut prack = bench.in_their_dialog(invite, ringing, Method::Prack, cseq);
    prack
        .headers
        .push(HeaderName::RAck, format!("{rseq} 1 INVITE"));
    prack
}

#[test]
fn a_reliable_180_is_repeated_until_its_prack() {
    let mut bench = Bench::new();
    let (id, invite) = invited(&mut bench, true);
    bench.act(|ua, now| ua.ring(id, None, now));
    let ringing = bench.response(180);
    assert!(ringing.headers.require().has("100rel"));
    bench.pass(ms(3600));
    assert_eq!(bench.ignore_sent(), 3, "after 0.5, 1.5 and 3.5 s");
    let mut wrong = acknowledges(&mut bench, &invite, &ringing, 2);
    wrong.headers.set(HeaderName::RAck, "1 1 INVITE");
    bench.pbx_sends(&wrong);
    bench.response(481);
    let prack = acknowledges(&mut bench, &invite, &ringing, 3);
    bench.pbx_sends(&prack);
    bench.response(200);
    bench.pass(secs(20));
    bench.silent();
    // Rings again, one higher.
    bench.pass(secs(40));
    let again = bench.response(180);
    assert_eq!(
        again.headers.rseq().unwrap().number,
        ringing.headers.rseq().unwrap().number + 1
    );
}

#[test]
fn without_a_prack_the_invite_is_refused_with_5xx() {
    let mut bench = Bench::new();
    let (id, _) = invited(&mut bench, true);
    bench.act(|ua, now| ua.ring(id, None, now));
    bench.pass(secs(32));
    let last = bench.sent.pop_back().unwrap().message;
    assert!(matches!(last, sip::Message::Response(r) if r.status == 504));
    assert!(matches!(bench.event(), Event::Ended { .. }));
}

#[test]
fn no_2xx_while_a_reliable_180_with_sdp_is_unacknowledged_and_the_answer_comes_in_the_prack() {
    let mut bench = Bench::new();
    let (id, invite) = invited(&mut bench, false);
    bench.act(|ua, now| ua.ring(id, Some(Bytes::from_static(OFFER)), now));
    let ringing = bench.response(180);
    assert_eq!(ringing.body.as_ref(), OFFER);
    bench.act(|ua, now| ua.accept(id, Bytes::new(), &[], now));
    bench.silent();
    let mut prack = acknowledges(&mut bench, &invite, &ringing, 2);
    with_sdp(&mut prack.headers, &mut prack.body);
    bench.pbx_sends(&prack);
    bench.response(200);
    let ok = bench.response(200);
    assert_eq!(ok.headers.cseq().unwrap().method, Method::Invite);
    assert!(ok.body.is_empty());
    let Event::OfferAnswered { sdp, .. } = bench.event() else {
        panic!("an answer expected")
    };
    assert_eq!(sdp, Some(Bytes::from_static(SDP)));
    let ack = bench.ack_of(&invite, &ok);
    bench.pbx_sends(&ack);
    assert_eq!(bench.event(), Event::Confirmed { id, sdp: None });
}

#[test]
fn an_offer_in_a_prack_is_answered_in_its_200() {
    let mut bench = Bench::new();
    let (id, invite) = invited(&mut bench, true);
    // The reliable 180 answers the INVITE's offer.
    bench.act(|ua, now| ua.ring(id, Some(Bytes::from_static(SDP)), now));
    let ringing = bench.response(180);
    let mut prack = acknowledges(&mut bench, &invite, &ringing, 2);
    with_sdp(&mut prack.headers, &mut prack.body);
    bench.pbx_sends(&prack);
    bench.silent();
    let Event::Offered { request, sdp, .. } = bench.event() else {
        panic!("an offer expected")
    };
    assert_eq!(sdp, Some(Bytes::from_static(SDP)));
    bench.act(|ua, now| ua.respond(request, 200, &[], Bytes::from_static(OFFER), now));
    let ok = bench.response(200);
    assert_eq!(ok.headers.cseq().unwrap().method, Method::Prack);
    assert_eq!(ok.body.as_ref(), OFFER);
}
