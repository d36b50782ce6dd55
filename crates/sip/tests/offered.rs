//! Offers of the peer in a call that is up: re-INVITE and UPDATE, one at a time (RFC 3261 section 14.2, RFC 3311
//! section 5.2, RFC 5407 section 3.1).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use bytes::Bytes;
use sip::{Event, HeaderName, Message, Method, Request, RequestId, Response};

const OTHER: &[u8] = b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4002 RTP/AVP 8\r\n";

/// A request of the peer with an offer in the call that `invite` made.
fn offer(bench: &mut Bench, invite: &Request, method: Method, cseq: u32) -> Request {
    let mut request = bench.peer_request(invite, method, cseq, "peer");
    with_sdp(&mut request.headers, &mut request.body);
    request
        .headers
        .push(HeaderName::Contact, "<sip:peer@192.0.2.10:5070>");
    request
}

#[track_caller]
fn offered(bench: &mut Bench) -> (RequestId, Option<Bytes>) {
    match bench.event() {
        Event::Offered { request, sdp, .. } => (request, sdp),
        other => panic!("an offer expected, not {other:?}"),
    }
}

/// The ACK of our 2xx to a re-INVITE.
fn ack(bench: &mut Bench, invite: &Request, cseq: u32) -> Request {
    bench.peer_request(invite, Method::Ack, cseq, "peer")
}

fn answer_with(bench: &mut Bench, request: RequestId, sdp: &'static [u8]) -> Response {
    bench.act(|ua, now| ua.respond(request, 200, &[], Bytes::from_static(sdp), now));
    bench.response(200)
}

#[test]
fn a_re_invite_is_answered_and_its_2xx_repeated_until_the_ack() {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    let again = offer(&mut bench, &invite, Method::Invite, 1);
    bench.pbx_sends(&again);
    let (request, sdp) = offered(&mut bench);
    assert_eq!(sdp, Some(Bytes::from_static(SDP)));
    let ok = answer_with(&mut bench, request, OTHER);
    assert_eq!(ok.body.as_ref(), OTHER);
    assert!(ok.headers.has(&HeaderName::Contact));
    bench.pass(ms(1600));
    assert_eq!(bench.ignore_sent(), 2, "after 0.5 and 1.5 s");
    let ack = ack(&mut bench, &invite, 1);
    bench.pbx_sends(&ack);
    bench.pass(secs(40));
    bench.silent();
    bench.no_event();
    // A second answer to the same request goes nowhere.
    bench.act(|ua, now| ua.respond(request, 488, &[], Bytes::new(), now));
    bench.silent();
    let bye = bench.hangs_up(id);
    assert_eq!(
        bye.uri.to_string(),
        "sip:peer@192.0.2.10:5070",
        "the new Contact"
    );
}

#[test]
fn a_refused_re_invite_leaves_the_call_and_its_target_as_they_were() {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    let again = offer(&mut bench, &invite, Method::Invite, 1);
    bench.pbx_sends(&again);
    let (request, _) = offered(&mut bench);
    let warning = vec![(HeaderName::Warning, "304 - \"no\"".to_owned())];
    bench.act(|ua, now| ua.respond(request, 488, &warning, Bytes::new(), now));
    let refused = bench.response(488);
    assert!(refused.headers.has(&HeaderName::Warning));
    let mut ack = ack(&mut bench, &invite, 1);
    let via = again.headers.get(&HeaderName::Via).unwrap();
    ack.headers.set(HeaderName::Via, via);
    bench.pbx_sends(&ack);
    bench.no_event();
    let bye = bench.hangs_up(id);
    assert_ne!(bye.uri.to_string(), "sip:peer@192.0.2.10:5070");
}

#[test]
fn a_re_invite_without_an_ack_ends_the_call() {
    let mut bench = Bench::new();
    let (_, invite, _) = bench.established();
    let again = offer(&mut bench, &invite, Method::Invite, 1);
    bench.pbx_sends(&again);
    let (request, _) = offered(&mut bench);
    answer_with(&mut bench, request, OTHER);
    bench.pass(secs(32));
    let event = bench.event();
    assert_eq!(
        cause_of(&event).text,
        "10006 never confirmed our answer (no ACK within 32 s)."
    );
    let bye = bench.sent.pop_back().unwrap().message;
    let Message::Request(bye) = bye else {
        panic!("{bye:?}")
    };
    assert_eq!(bye.method, Method::Bye);
    bench.ignore_sent();
    bench.reply(&bye, 200);
    bench.over();
}

#[test]
fn a_re_invite_without_sdp_gets_our_offer_and_its_answer_comes_in_the_ack() {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    let mut again = bench.peer_request(&invite, Method::Invite, 1, "peer");
    again
        .headers
        .push(HeaderName::Contact, "<sip:peer@192.0.2.10:5070>");
    bench.pbx_sends(&again);
    let (request, sdp) = offered(&mut bench);
    assert_eq!(sdp, None);
    answer_with(&mut bench, request, OTHER);
    // Our offer is open: nobody else may make one.
    let update = offer(&mut bench, &invite, Method::Update, 2);
    bench.pbx_sends(&update);
    bench.response(491);
    let another = offer(&mut bench, &invite, Method::Invite, 3);
    bench.pbx_sends(&another);
    bench.response(491);
    let mut ack = ack(&mut bench, &invite, 1);
    with_sdp(&mut ack.headers, &mut ack.body);
    bench.pbx_sends(&ack);
    let Event::OfferAnswered { sdp, .. } = bench.event() else {
        panic!("an answer expected")
    };
    assert_eq!(sdp, Some(Bytes::from_static(SDP)));
    bench.hangs_up(id);
}

#[test]
fn an_ack_without_the_answer_it_owes_is_told() {
    let mut bench = Bench::new();
    let (_, invite, _) = bench.established();
    let again = bench.peer_request(&invite, Method::Invite, 1, "peer");
    bench.pbx_sends(&again);
    let (request, _) = offered(&mut bench);
    answer_with(&mut bench, request, OTHER);
    let ack = ack(&mut bench, &invite, 1);
    bench.pbx_sends(&ack);
    assert!(matches!(
        bench.event(),
        Event::OfferAnswered { sdp: None, .. }
    ));
}

#[test]
fn an_earlier_offer_of_theirs_that_waits_gets_500_with_retry_after() {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    for first in [Method::Invite, Method::Update] {
        let base = if first == Method::Invite { 10 } else { 20 };
        let waiting = offer(&mut bench, &invite, first.clone(), base);
        bench.pbx_sends(&waiting);
        let (request, _) = offered(&mut bench);
        for (step, second) in [Method::Invite, Method::Update].into_iter().enumerate() {
            let cseq = base + 1 + u32::try_from(step).unwrap();
            let crossing = offer(&mut bench, &invite, second, cseq);
            bench.pbx_sends(&crossing);
            let busy = bench.response(500);
            let seconds = busy.headers.retry_after().unwrap().seconds;
            assert!(seconds <= 10, "{seconds}");
            bench.no_event();
        }
        answer_with(&mut bench, request, OTHER);
        let ack = ack(&mut bench, &invite, base);
        bench.pbx_sends(&ack);
    }
    bench.hangs_up(id);
}

#[test]
fn a_re_invite_that_overtakes_the_ack_of_a_complete_exchange_is_taken() {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    let first = offer(&mut bench, &invite, Method::Invite, 1);
    bench.pbx_sends(&first);
    let (request, _) = offered(&mut bench);
    answer_with(&mut bench, request, OTHER);
    let second = offer(&mut bench, &invite, Method::Invite, 2);
    bench.pbx_sends(&second);
    let (request, _) = offered(&mut bench);
    answer_with(&mut bench, request, OTHER);
    for cseq in [2, 1] {
        let ack = ack(&mut bench, &invite, cseq);
        bench.pbx_sends(&ack);
    }
    bench.pass(secs(40));
    bench.silent();
    bench.hangs_up(id);
}

#[test]
fn update_with_an_offer_and_without() {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    let plain = bench.peer_request(&invite, Method::Update, 1, "peer");
    bench.pbx_sends(&plain);
    let ok = bench.response(200);
    assert!(ok.body.is_empty());
    bench.no_event();
    let update = offer(&mut bench, &invite, Method::Update, 2);
    bench.pbx_sends(&update);
    let (request, sdp) = offered(&mut bench);
    assert_eq!(sdp, Some(Bytes::from_static(SDP)));
    let ok = answer_with(&mut bench, request, OTHER);
    assert_eq!(ok.body.as_ref(), OTHER);
    let update = offer(&mut bench, &invite, Method::Update, 3);
    bench.pbx_sends(&update);
    let (request, _) = offered(&mut bench);
    bench.act(|ua, now| ua.respond(request, 488, &[], Bytes::new(), now));
    bench.response(488);
    let bye = bench.hangs_up(id);
    assert_eq!(bye.uri.to_string(), "sip:peer@192.0.2.10:5070");
}

#[test]
fn a_cancel_of_a_re_invite_leaves_the_call_up() {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    let again = offer(&mut bench, &invite, Method::Invite, 1);
    bench.pbx_sends(&again);
    let (request, _) = offered(&mut bench);
    let mut cancel = again.clone();
    cancel.method = Method::Cancel;
    cancel.headers.set(HeaderName::CSeq, "1 CANCEL");
    bench.pbx_sends(&cancel);
    bench.response(200);
    bench.response(487);
    bench.no_event();
    bench.act(|ua, now| ua.respond(request, 200, &[], Bytes::from_static(OTHER), now));
    bench.silent();
    let mut ack = ack(&mut bench, &invite, 1);
    let via = again.headers.get(&HeaderName::Via).unwrap();
    ack.headers.set(HeaderName::Via, via);
    bench.pbx_sends(&ack);
    // The next change is taken.
    let update = offer(&mut bench, &invite, Method::Update, 2);
    bench.pbx_sends(&update);
    let (request, _) = offered(&mut bench);
    answer_with(&mut bench, request, OTHER);
    bench.hangs_up(id);
}

#[test]
fn bye_ends_what_is_still_unanswered() {
    for method in [Method::Invite, Method::Update] {
        let mut bench = Bench::new();
        let (_, invite, _) = bench.established();
        let again = offer(&mut bench, &invite, method, 1);
        bench.pbx_sends(&again);
        offered(&mut bench);
        let bye = bench.peer_request(&invite, Method::Bye, 2, "peer");
        bench.pbx_sends(&bye);
        bench.response(200);
        bench.response(487);
        assert!(matches!(bench.event(), Event::Ended { .. }));
        bench.pass(secs(70));
        bench.ignore_sent();
        bench.over();
    }
}

#[test]
fn the_peer_of_a_dialog_that_has_ended_is_answered_for_a_while() {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    bench.act(|ua, now| ua.end(id, now));
    let bye = bench.request(Method::Bye);
    bench.reply(&bye, 200);
    bench.event();
    // The dialog itself answers until the INVITE's transaction ends. For the same time again the peer gets 481.
    bench.pass(secs(6));
    let crossing = bench.peer_request(&invite, Method::Bye, 1, "peer");
    bench.receive(&udp("198.51.100.7:5060"), &Message::Request(crossing));
    bench.response(200);
    bench.pass(secs(30));
    let crossing = bench.peer_request(&invite, Method::Bye, 2, "peer");
    bench.receive(&udp("198.51.100.7:5060"), &Message::Request(crossing));
    bench.response(481);
    bench.pass(secs(40));
    let late = bench.peer_request(&invite, Method::Bye, 3, "peer");
    bench.receive(&udp("198.51.100.7:5060"), &Message::Request(late));
    bench.silent();
    bench.over();
}
