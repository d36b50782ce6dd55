//! An outgoing call from `call` to both ways of ending it (A7, R4, R7): order and once-only.

mod world;

use serde_json::json;
use testkit::sip_text;
use world::{PHONE_SDP, World};

#[test]
fn from_call_to_talk_in_the_order_of_the_wire() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    assert_eq!(
        w.told(page),
        ["notifyTryingResponse:TRYING"],
        "at once, before any SIP answer (R4)"
    );
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "100 Trying", "", "");
    w.respond(&invite, "180 Ringing", "phone", "");
    w.respond(&invite, "180 Ringing", "phone", "");
    assert_eq!(w.told(page), ["ring:RING"], "once per change");
    w.respond(&invite, "200 OK", "phone", PHONE_SDP);
    assert_eq!(
        w.told(page),
        ["setRemoteSDP", "talk:ESTABLISHED"],
        "SDP before talk"
    );
    let ack = w.expect_sip("ACK");
    assert_eq!(sip_text::header(&ack, "CSeq"), Some("1 ACK"));
    w.hangup(page, "c1");
    assert_eq!(w.told(page), ["finish:FINISH"]);
    let bye = w.expect_sip("BYE");
    w.sip(sip_text::respond(&bye, "200 OK", "", &[], ""));
    w.assert_calls_gone();
    assert_eq!(w.told(page), [""; 0], "one final status only (R10)");
}

#[test]
fn early_media_answers_the_browser_once() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "183 Session Progress", "phone", PHONE_SDP);
    w.respond(&invite, "200 OK", "phone", PHONE_SDP);
    assert_eq!(
        w.told(page),
        [
            "notifyTryingResponse:TRYING",
            "ring:SESSION_PROGRESS",
            "setRemoteSDP",
            "talk:ESTABLISHED"
        ],
        "setRemoteSDP once per peer connection (R7)"
    );
}

#[test]
fn a_200_without_sdp_keeps_what_its_183_said() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "183 Session Progress", "phone", PHONE_SDP);
    w.respond(&invite, "200 OK", "phone", "");
    assert_eq!(
        w.told(page).last().map(String::as_str),
        Some("talk:ESTABLISHED")
    );
}

#[test]
fn the_far_side_hangs_up() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "200 OK", "phone", PHONE_SDP);
    w.told(page);
    let target = world::contact_uri(&invite);
    let head = |name| sip_text::header(&invite, name).unwrap().to_owned();
    w.sip(sip_text::request(
        &format!("BYE {target}"),
        &[
            "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKbye",
            "Max-Forwards: 70",
            &format!("From: {};tag=phone", head("To")),
            &format!("To: {}", head("From")),
            &format!("Call-ID: {}", head("Call-ID")),
            "CSeq: 9 BYE",
        ],
        "",
    ));
    w.expect_sip("200");
    let frames = w.frames(page);
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(frames[0]["message"], "finish");
    assert_eq!(frames[0]["data"][0]["status"], "FINISH");
    w.assert_calls_gone();
}

#[test]
fn a_call_before_registered_is_accepted() {
    // Click-to-call sends its call on ESTABLISHED, before REGISTERED.
    let mut w = World::new();
    let page = w.connect("10006");
    w.call(page, "c1", "10005");
    w.expect_sip("INVITE");
}

#[test]
fn busy_says_busy_and_then_frees_the_page() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "486 Busy Here", "phone", "");
    w.expect_sip("ACK");
    let frames = w.frames(page);
    assert_eq!(frames[1]["message"], "busy");
    assert_eq!(frames[1]["data"][0]["status"], "BUSY");
    assert_eq!(frames[2]["message"], "finish");
    assert_eq!(frames[2]["data"][0]["status"], "FAILED");
    assert_eq!(frames[2]["data"][0]["sipStatus"], 486);
    assert_eq!(frames.len(), 3);
    w.assert_calls_gone();
}

#[test]
fn several_calls_at_once() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let first = w.expect_sip("INVITE");
    w.call(page, "c2", "10007");
    let second = w.expect_sip("INVITE");
    w.respond(&second, "200 OK", "two", PHONE_SDP);
    w.respond(&first, "200 OK", "one", PHONE_SDP);
    w.told(page);
    assert_eq!(w.hub.call_ids().len(), 2);
    w.hangup(page, "c1");
    let frames = w.frames(page);
    assert_eq!(frames[0]["data"][0]["callId"], "c1");
    assert_eq!(w.hub.call_ids().len(), 1, "the other call goes on");
}

#[test]
fn a_second_call_of_the_same_id_is_refused_and_the_first_unharmed() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    w.told(page);
    w.call(page, "c1", "10007");
    assert_eq!(w.told(page), ["fail:FAILED"]);
    assert_eq!(w.hub.call_ids().len(), 1);
}

#[test]
fn what_is_not_there_yet_is_answered_with_a_sentence() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "200 OK", "phone", PHONE_SDP);
    w.told(page);
    w.say(
        page,
        json!({"message":"sendDtmf","data":[{"callId":"c1","type":"RFC2833","dtmf":5}]}),
    );
    w.say(
        page,
        json!({"message":"transfer","data":[{"callId":"c1","target":"10007"}]}),
    );
    let frames = w.frames(page);
    for (frame, method) in frames.iter().zip(["sendDtmf", "transfer"]) {
        assert_eq!(frame["message"], "fail");
        assert_eq!(frame["data"][0]["apiMethod"], method);
        let info = frame["data"][0]["info"].as_str().unwrap();
        assert!(info.contains("not available"), "{info}");
    }
    assert_eq!(frames.len(), 2);
}
