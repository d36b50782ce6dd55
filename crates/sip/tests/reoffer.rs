//! Our own offers in a call that is up: when they may go out, and what their answers mean (RFC 3261 sections 12.2.1.2,
//! 14.1).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use bytes::Bytes;
use sip::{Event, HeaderName, InviteId, Method, Request, Response};

const HELD: &[u8] = b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n";

/// Asks for an offer and sends it; our re-INVITE.
#[track_caller]
fn reoffered(bench: &mut Bench, id: InviteId) -> Request {
    bench.act(|ua, _| ua.request_offer(id));
    due(bench, id)
}

/// The offer is due now; our re-INVITE.
#[track_caller]
fn due(bench: &mut Bench, id: InviteId) -> Request {
    let refresh = false;
    assert_eq!(bench.event(), Event::OfferDue { id, refresh });
    bench.act(|ua, now| ua.reoffer(id, Bytes::from_static(HELD), now));
    bench.request(Method::Invite)
}

fn with_answer(ok: &mut Response) {
    with_sdp(&mut ok.headers, &mut ok.body);
    ok.headers
        .push(HeaderName::Contact, "<sip:peer@192.0.2.10:5070>");
}

#[test]
fn an_offer_is_answered_acknowledged_and_moves_the_target() {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    let again = reoffered(&mut bench, id);
    assert_eq!(again.body.as_ref(), HELD);
    assert_eq!(again.headers.call_id(), invite.headers.call_id());
    let cseq = again.headers.cseq().unwrap().number;
    assert_eq!(cseq, invite.headers.cseq().unwrap().number + 1);
    assert!(again.headers.has(&HeaderName::Contact));
    bench.reply(&again, 100);
    bench.reply_with(&again, 200, with_answer);
    let ack = bench.request(Method::Ack);
    assert_eq!(ack.headers.cseq().unwrap().number, cseq);
    assert_eq!(ack.uri.to_string(), "sip:peer@192.0.2.10:5070");
    let Event::OfferAnswered { sdp, .. } = bench.event() else {
        panic!("an answer expected")
    };
    assert_eq!(sdp, Some(Bytes::from_static(SDP)));
    // The 2xx once more: the same ACK, nothing else.
    bench.reply_with(&again, 200, with_answer);
    assert_eq!(bench.request(Method::Ack), ack);
    bench.no_event();
    let bye = bench.hangs_up(id);
    assert_eq!(bye.uri.to_string(), "sip:peer@192.0.2.10:5070");
    assert_eq!(bye.headers.cseq().unwrap().number, cseq + 1);
}

#[test]
fn a_refused_offer_leaves_the_call_as_it_was() {
    for status in [488, 500, 603, 501] {
        let mut bench = Bench::new();
        let (id, _, _) = bench.established();
        let again = reoffered(&mut bench, id);
        bench.reply(&again, status);
        bench.request(Method::Ack);
        let Event::OfferRefused { cause, .. } = bench.event() else {
            panic!("a refusal expected")
        };
        assert_eq!(cause.sip_code, Some(status));
        bench.hangs_up(id);
    }
}

#[test]
fn a_peer_that_does_not_know_the_dialog_ends_it() {
    for status in [408, 481] {
        let mut bench = Bench::new();
        let (id, _, _) = bench.established();
        let again = reoffered(&mut bench, id);
        bench.reply(&again, status);
        bench.request(Method::Ack);
        let bye = bench.request(Method::Bye);
        assert!(bye.headers.has(&HeaderName::Reason));
        let event = bench.event();
        assert!(matches!(event, Event::Ended { .. }), "{event:?}");
        assert_eq!(cause_of(&event).sip_code, Some(status));
        bench.reply(&bye, 481);
        bench.over();
    }
}

#[test]
fn a_silent_peer_ends_the_call() {
    let mut bench = Bench::new();
    let (id, _, _) = bench.established();
    reoffered(&mut bench, id);
    bench.pass(secs(32));
    let event = bench.event();
    assert_eq!(
        cause_of(&event).text,
        "10006 did not answer the INVITE within 32 s."
    );
    bench.ignore_sent();
    bench.over();
}

#[test]
fn a_peer_that_says_100_and_no_more_is_cancelled_and_the_call_lives() {
    let mut bench = Bench::new();
    let (id, _, _) = bench.established();
    let again = reoffered(&mut bench, id);
    bench.reply(&again, 100);
    bench.pass(secs(32));
    let cancel = bench.request(Method::Cancel);
    bench.reply(&cancel, 200);
    bench.reply(&again, 487);
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::OfferRefused { .. }));
    bench.hangs_up(id);
}

#[test]
fn an_offer_waits_for_the_one_that_is_open() {
    let mut bench = Bench::new();
    let (id, _, _) = bench.established();
    let first = reoffered(&mut bench, id);
    bench.act(|ua, _| ua.request_offer(id));
    bench.act(|ua, _| ua.request_offer(id));
    bench.silent();
    bench.no_event();
    bench.reply_with(&first, 200, with_answer);
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::OfferAnswered { .. }));
    // Both wishes are one.
    let second = due(&mut bench, id);
    bench.reply_with(&second, 200, with_answer);
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::OfferAnswered { .. }));
    bench.no_event();
    bench.hangs_up(id);
}

#[test]
fn an_offer_waits_for_theirs() {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    let mut theirs = bench.peer_request(&invite, Method::Invite, 1, "peer");
    with_sdp(&mut theirs.headers, &mut theirs.body);
    bench.pbx_sends(&theirs);
    let Event::Offered { request, .. } = bench.event() else {
        panic!("an offer expected")
    };
    bench.act(|ua, _| ua.request_offer(id));
    bench.no_event();
    bench.act(|ua, now| ua.respond(request, 200, &[], Bytes::from_static(SDP), now));
    bench.response(200);
    bench.no_event();
    let ack = bench.peer_request(&invite, Method::Ack, 1, "peer");
    bench.pbx_sends(&ack);
    let again = due(&mut bench, id);
    bench.reply(&again, 488);
    bench.request(Method::Ack);
    bench.event();
    bench.hangs_up(id);
}

#[test]
fn the_owner_of_the_call_id_waits_2_1_to_4_s_after_491() {
    let mut waits = std::collections::BTreeSet::new();
    let mut bench = Bench::new();
    let (id, _, _) = bench.established();
    let mut again = reoffered(&mut bench, id);
    for _ in 0..8 {
        let before = bench.elapsed();
        bench.reply(&again, 491);
        bench.request(Method::Ack);
        assert_eq!(bench.event(), Event::OfferPostponed { id });
        bench.pass(ms(2099));
        bench.no_event();
        while bench.events.is_empty() {
            bench.pass(ms(1));
        }
        let waited = bench.elapsed() - before;
        assert!(waited <= secs(4), "{waited:?}");
        waits.insert(waited.as_millis());
        again = due(&mut bench, id);
    }
    assert!(waits.len() > 4, "the wait is random: {waits:?}");
    // Eight 491 in a row are no longer taken for a glare.
    bench.reply(&again, 491);
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::OfferRefused { .. }));
    bench.hangs_up(id);
}

#[test]
fn the_other_side_waits_up_to_2_s_after_491() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    let (id, invite, ok) = bench.taken(&contact);
    let ack = bench.ack_of(&invite, &ok);
    bench.pbx_sends(&ack);
    while !bench.events.is_empty() {
        bench.event();
    }
    bench.act(|ua, _| ua.request_offer(id));
    let mut again = due(&mut bench, id);
    for _ in 0..8 {
        let before = bench.elapsed();
        bench.reply(&again, 491);
        bench.request(Method::Ack);
        assert_eq!(bench.event(), Event::OfferPostponed { id });
        while bench.events.is_empty() {
            bench.pass(ms(1));
        }
        assert!(bench.elapsed() - before <= secs(2));
        again = due(&mut bench, id);
    }
}

#[test]
fn during_a_glare_their_offer_comes_first() {
    let mut bench = Bench::new();
    let (id, invite, _) = bench.established();
    let again = reoffered(&mut bench, id);
    // Both offers cross: theirs gets 491 from us, ours from them.
    let mut theirs = bench.peer_request(&invite, Method::Invite, 1, "peer");
    with_sdp(&mut theirs.headers, &mut theirs.body);
    bench.pbx_sends(&theirs);
    bench.response(491);
    let mut ack = bench.peer_request(&invite, Method::Ack, 1, "peer");
    ack.headers.set(
        HeaderName::Via,
        theirs.headers.get(&HeaderName::Via).unwrap(),
    );
    bench.pbx_sends(&ack);
    bench.reply(&again, 491);
    bench.request(Method::Ack);
    assert_eq!(bench.event(), Event::OfferPostponed { id });
    let mut theirs = bench.peer_request(&invite, Method::Invite, 2, "peer");
    with_sdp(&mut theirs.headers, &mut theirs.body);
    bench.pbx_sends(&theirs);
    let Event::Offered { request, .. } = bench.event() else {
        panic!("an offer expected")
    };
    bench.act(|ua, now| ua.respond(request, 200, &[], Bytes::from_static(SDP), now));
    bench.response(200);
    let ack = bench.peer_request(&invite, Method::Ack, 2, "peer");
    bench.pbx_sends(&ack);
    bench.pass(secs(4));
    let again = due(&mut bench, id);
    bench.reply_with(&again, 200, with_answer);
    bench.request(Method::Ack);
    assert!(matches!(bench.event(), Event::OfferAnswered { .. }));
    bench.hangs_up(id);
}

#[test]
fn a_500_with_retry_after_is_tried_again() {
    let mut bench = Bench::new();
    let (id, _, _) = bench.established();
    let again = reoffered(&mut bench, id);
    bench.reply_with(&again, 500, |busy| {
        busy.headers.push(HeaderName::RetryAfter, "3")
    });
    bench.request(Method::Ack);
    assert_eq!(bench.event(), Event::OfferPostponed { id });
    bench.pass(ms(2999));
    bench.no_event();
    bench.pass(ms(1));
    let again = due(&mut bench, id);
    bench.reply_with(&again, 200, with_answer);
    bench.request(Method::Ack);
    bench.event();
    bench.hangs_up(id);
}

#[test]
fn bye_overtakes_an_open_offer_and_a_late_2xx_is_acknowledged() {
    let mut bench = Bench::new();
    let (id, _, _) = bench.established();
    let again = reoffered(&mut bench, id);
    bench.act(|ua, now| ua.end(id, now));
    let bye = bench.request(Method::Bye);
    bench.reply(&bye, 200);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.reply_with(&again, 200, with_answer);
    bench.request(Method::Ack);
    bench.no_event();
    bench.over();
}

#[test]
fn a_challenged_offer_and_a_challenged_bye_keep_what_they_say() {
    let mut bench = Bench::new();
    let id = behind_a_proxy_that_asks(&mut bench);
    let again = reoffered(&mut bench, id);
    bench.reply_with(&again, 407, |r| challenge(r, "fresh", false));
    bench.request(Method::Ack);
    let again = bench.request(Method::Invite);
    assert!(again.headers.has(&HeaderName::ProxyAuthorization));
    assert_eq!(again.body.as_ref(), HELD);
    bench.reply_with(&again, 200, with_answer);
    bench.request(Method::Ack);
    bench.event();
    let cause = sip::Cause::normal(sip::Stage::Call, sip::Side::Browser, "Enough.");
    bench.act(|ua, now| ua.end_with(id, &cause, now));
    let bye = bench.request(Method::Bye);
    let reason = bye.headers.get(&HeaderName::Reason).unwrap().to_owned();
    bench.reply_with(&bye, 407, |r| challenge(r, "fresher", true));
    let bye = bench.request(Method::Bye);
    assert!(bye.headers.has(&HeaderName::ProxyAuthorization));
    assert_eq!(bye.headers.get(&HeaderName::Reason), Some(reason.as_str()));
    bench.reply(&bye, 200);
    bench.event();
    bench.over();
}

/// A call whose next hop has asked for a password, and stays in the path.
fn behind_a_proxy_that_asks(bench: &mut Bench) -> InviteId {
    let id = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply_with(&invite, 407, |r| challenge(r, "first", false));
    bench.request(Method::Ack);
    let invite = bench.request(Method::Invite);
    bench.picked_up_through_pbx(&invite);
    id
}

#[test]
fn a_challenge_after_a_183_comes_from_the_callee_and_gets_no_credentials() {
    let mut bench = Bench::new();
    let id = behind_a_proxy_that_asks(&mut bench);
    let again = reoffered(&mut bench, id);
    bench.reply(&again, 183);
    bench.reply_with(&again, 407, |r| challenge(r, "bait", false));
    bench.request(Method::Ack);
    let Event::OfferRefused { cause, .. } = bench.event() else {
        panic!("a refusal expected")
    };
    assert_eq!(cause.sip_code, Some(407));
    bench.hangs_up(id);
}

#[test]
fn a_challenged_offer_is_not_sent_again_after_bye() {
    let mut bench = Bench::new();
    let id = behind_a_proxy_that_asks(&mut bench);
    let again = reoffered(&mut bench, id);
    bench.act(|ua, now| ua.end(id, now));
    let bye = bench.request(Method::Bye);
    bench.reply_with(&again, 407, |r| challenge(r, "fresh", false));
    bench.request(Method::Ack);
    bench.silent();
    bench.reply(&bye, 200);
    assert!(matches!(bench.event(), Event::Ended { .. }));
    bench.over();
}
