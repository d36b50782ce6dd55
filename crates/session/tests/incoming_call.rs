//! An incoming call (A8): offer before notification (R5), RING right after (R8b), one page wins.

mod world;

use std::time::Duration;

use serde_json::json;
use testkit::sip_text;
use world::{Ice, PHONE_SDP, World};

fn ringing() -> (World, session::SocketId, String, String) {
    let mut w = World::new();
    let (page, uri) = w.callee("10006", &[]);
    let invite = w.invite_for(&uri, "in1", PHONE_SDP);
    (w, page, uri, invite)
}

#[test]
fn rings_is_answered_and_ends() {
    let (mut w, page, _, invite) = ringing();
    w.expect_sip("180");
    let frames = w.frames(page);
    let names: Vec<_> = frames
        .iter()
        .map(|f| f["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["setRemoteSDP", "notifyIncomingCall", "ring"],
        "R5, R8b"
    );
    let call = &frames[1]["data"][0];
    assert_eq!(call["incoming"], true, "R8");
    assert_eq!(call["caller"], "10005");
    assert_eq!(call["visibleName"], "Bob 10005");
    assert_eq!(call["mediaProvider"], "WebRTC");
    let id = call["callId"].as_str().unwrap();
    w.answer(page, id);
    let ok = w.expect_sip("200");
    assert!(sip_text::body(&ok).contains("m=audio"), "{ok}");
    assert_eq!(w.told(page), ["talk:ESTABLISHED"]);
    w.in_dialog(&invite, &ok, "ACK", 1);
    w.in_dialog(&invite, &ok, "BYE", 2);
    w.expect_sip("200");
    assert_eq!(w.told(page), ["finish:FINISH"]);
    w.assert_calls_gone();
}

#[test]
fn the_200_waits_for_dtls_but_not_longer_than_300_ms() {
    let (mut w, page, _, _) = ringing();
    w.media.ice = Ice::Never;
    let id = w.ringing_id(page);
    w.answer(page, &id);
    assert!(w.try_sip("200").is_none(), "DTLS is not up yet");
    w.advance(Duration::from_millis(299));
    assert!(w.try_sip("200").is_none());
    w.advance(Duration::from_millis(1));
    w.expect_sip("200");
    assert_eq!(w.told(page), ["talk:ESTABLISHED"]);
    // Ten seconds after `answer`, ICE is given up.
    w.advance(Duration::from_millis(9_699));
    assert_eq!(w.told(page), [""; 0]);
    w.advance(Duration::from_millis(1));
    let frames = w.frames(page);
    assert_eq!(frames[0]["data"][0]["status"], "FAILED");
    assert_eq!(frames[0]["data"][0]["info"], "Failed by ICE error");
}

#[test]
fn declining_says_486() {
    let (mut w, page, _, _) = ringing();
    let id = w.ringing_id(page);
    w.hangup(page, &id);
    w.expect_sip("486");
    assert_eq!(w.told(page), ["finish:FINISH"]);
}

#[test]
fn the_caller_cancels() {
    let (mut w, page, uri, invite) = ringing();
    w.told(page);
    let head = |name| sip_text::header(&invite, name).unwrap().to_owned();
    w.sip(sip_text::request(
        &format!("CANCEL {uri}"),
        &[
            &format!("Via: {}", head("Via")),
            "Max-Forwards: 70",
            &format!("From: {}", head("From")),
            &format!("To: {}", head("To")),
            &format!("Call-ID: {}", head("Call-ID")),
            "CSeq: 1 CANCEL",
        ],
        "",
    ));
    w.expect_sip("200");
    w.expect_sip("487");
    assert_eq!(w.told(page), ["finish:FINISH"]);
}

#[test]
fn nobody_answers() {
    let (mut w, page, _, _) = ringing();
    w.told(page);
    w.advance(Duration::from_secs(60));
    w.expect_sip("480");
    assert_eq!(w.told(page), ["finish:FAILED"]);
}

#[test]
fn a_page_whose_sdp_is_unusable_ends_with_488() {
    let (mut w, page, _, _) = ringing();
    w.media.refuse_answer = true;
    let id = w.ringing_id(page);
    w.answer(page, &id);
    w.expect_sip("488");
    assert_eq!(w.told(page), ["finish:FAILED"]);
}

#[test]
fn two_pages_ring_on_one_invite_and_the_first_answer_wins() {
    let mut w = World::new();
    let ringing = w.two_ring();
    let (one, two) = (ringing.one, ringing.two);
    assert_ne!(
        ringing.id_one, ringing.id_two,
        "the callId is the session's own"
    );
    w.answer(two, &ringing.id_two);
    let ok = w.expect_sip("200");
    w.in_dialog(&ringing.invite, &ok, "ACK", 1);
    assert_eq!(w.told(two), ["talk:ESTABLISHED"]);
    let lost = w.frames(one);
    assert_eq!(lost[0]["data"][0]["status"], "FINISH");
    assert_eq!(lost[0]["data"][0]["info"], "answered elsewhere");
    w.hangup(two, &ringing.id_two);
    w.expect_sip("BYE");
}

#[test]
fn declining_on_one_page_stops_the_ring_on_all() {
    let mut w = World::new();
    let ringing = w.two_ring();
    w.hangup(ringing.one, &ringing.id_one);
    w.expect_sip("486");
    assert_eq!(w.told(ringing.one), ["finish:FINISH"]);
    assert_eq!(w.told(ringing.two), ["finish:FINISH"]);
}

#[test]
fn this_tab_only_stops_ringing_here() {
    let mut w = World::new();
    let ringing = w.two_ring();
    w.say(
        ringing.one,
        json!({"message":"hangup","data":[{"callId":ringing.id_one,"scope":"thisTab"}]}),
    );
    assert_eq!(w.told(ringing.one), ["finish:FINISH"]);
    assert_eq!(w.told(ringing.two), [""; 0]);
    w.answer(ringing.two, &ringing.id_two);
    w.expect_sip("200");
}

#[test]
fn a_browser_leg_is_replaced_in_mid_call_and_the_sip_side_notices_nothing() {
    let mut w = World::new();
    let (one, contact) = w.callee("10006", &[]);
    let invite = w.invite_for(&contact, "in1", PHONE_SDP);
    let id = w.ringing_id(one);
    w.answer(one, &id);
    let ok = w.expect_sip("200");
    w.in_dialog(&invite, &ok, "ACK", 1);
    w.frames(one);
    let two = w.registered("10006");
    w.sip_out.clear();

    let call = w.hub.call_ids()[0];
    let (page, now) = (w.hub.session_of(two).unwrap(), w.now);
    let id_two = w.hub.offer_to(call, page, now);
    w.settle();
    assert_eq!(
        w.told(two),
        ["setRemoteSDP", "notifyIncomingCall:RING", "ring:RING"]
    );
    w.answer(two, &id_two);
    assert_eq!(w.told(two), ["talk:ESTABLISHED"]);
    assert_eq!(w.told(one), ["finish:FINISH"]);
    assert_eq!(
        w.media.legs[&call].len(),
        1,
        "the old browser leg is closed"
    );
    assert!(
        w.sip_out.is_empty(),
        "nothing on the SIP side: {:?}",
        w.sip_out
    );
    w.hangup(two, &id_two);
    w.expect_sip("BYE");
    w.advance(Duration::from_secs(64));
    assert!(w.media.open.is_empty());
}
