//! `explain`: what a call negotiated and why, and its SIP messages without their secrets.

mod world;

use serde_json::{Value, json};
use session::SocketId;
use testkit::sip_text;
use world::{PHONE_SDP, World, contact_uri};

fn explain(w: &mut World, page: SocketId, id: &str) -> Value {
    w.frames(page);
    w.say(page, json!({"message":"explain","data":[{"callId":id}]}));
    let frames = w.frames(page);
    assert_eq!(frames[0]["message"], "explain", "{frames:?}");
    frames[0]["data"][0].clone()
}

fn summaries(explanation: &Value) -> Vec<String> {
    let ladder = explanation["ladder"].as_array().expect("a ladder");
    let line = |entry: &Value| {
        let arrow = if entry["direction"] == "in" { "<" } else { ">" };
        format!("{arrow} {}", entry["summary"].as_str().expect("a summary"))
    };
    ladder.iter().map(line).collect()
}

#[test]
fn an_outgoing_call_is_explained() {
    let mut w = World::new();
    let page = w.registered_with("10006", &["explain"]);
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    let challenge = "Proxy-Authenticate: Digest realm=\"x\", nonce=\"s3cretnonce\"";
    w.sip(sip_text::respond(
        &invite,
        "407 Proxy Authentication Required",
        "p",
        &[challenge],
        "",
    ));
    let invite = w.expect_sip("INVITE");
    let response = sip_text::header(&invite, "Proxy-Authorization").expect("credentials");
    let digest = response.split("response=\"").nth(1).unwrap()[..32].to_owned();
    w.respond(&invite, "180 Ringing", "a", "");
    w.respond(&invite, "200 OK", "a", PHONE_SDP);
    let told = explain(&mut w, page, "c1");
    assert_eq!(told["callId"], "c1");
    assert_eq!(
        told["sipCallId"],
        sip_text::header(&invite, "Call-ID").unwrap()
    );
    assert_eq!(
        told["offered"][0]["sip"],
        json!(["PCMU/8000", "telephone-event/8000"])
    );
    assert_eq!(told["offered"][0]["browser"][0], "opus/48000/2");
    assert_eq!(told["chosen"][0]["sip"], "PCMU/8000");
    assert_eq!(told["chosen"][0]["treatment"], "pass");
    let reason = told["chosen"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("PCMU/8000 on both legs"), "{reason}");
    assert_eq!(told["addresses"][0]["remote"], "127.0.0.1:43000");
    assert_eq!(told["hold"], json!({"local": false, "remote": false}));
    assert_eq!(
        summaries(&told),
        [
            "> INVITE",
            "< 407 Proxy Authentication Required to INVITE",
            "> ACK",
            "> INVITE",
            "< 180 Ringing to INVITE",
            "< 200 OK to INVITE",
            "> ACK"
        ]
    );
    assert_eq!(told["ladder"][0]["transport"], "UDP");
    assert_eq!(told["ladder"][0]["peer"], "127.0.0.1:5060");
    let text = told.to_string();
    assert!(
        !text.contains("s3cretnonce") && !text.contains(&digest),
        "{text}"
    );
}

#[test]
fn an_incoming_call_has_its_invite_and_the_100() {
    let mut w = World::new();
    let (page, contact) = w.callee("10006", &["explain"]);
    let (mut peer, id) = w.is_called(page, &contact);
    peer.re_invite(&mut w, &PHONE_SDP.replace("sendrecv", "sendonly"));
    let told = explain(&mut w, page, &id);
    assert_eq!(
        summaries(&told),
        [
            "< INVITE",
            "> 100 Trying to INVITE",
            "> 180 Ringing to INVITE",
            "> 200 OK to INVITE",
            "< ACK",
            "< INVITE",
            "> 200 OK to INVITE",
            "< ACK"
        ]
    );
    assert_eq!(told["hold"]["remote"], true);
    assert_eq!(told["ladderOmitted"], 0);
}

/// A proxy leads our call back to us: one Call-ID, two calls, and each sees its own half.
#[test]
fn a_call_to_ourselves_is_two_ladders() {
    let mut w = World::new();
    let (page, contact) = w.callee("10006", &["explain"]);
    w.call(page, "c1", "10006");
    let invite = w.expect_sip("INVITE");
    let call_id = sip_text::header(&invite, "Call-ID").unwrap().to_owned();
    w.invite_for(&contact, &call_id, PHONE_SDP);
    let id = w.ringing_id(page);
    w.respond(&invite, "180 Ringing", "b", "");
    let out = explain(&mut w, page, "c1");
    let inc = explain(&mut w, page, &id);
    assert_eq!(summaries(&out), ["> INVITE", "< 180 Ringing to INVITE"]);
    assert_eq!(
        summaries(&inc),
        [
            "< INVITE",
            "> 100 Trying to INVITE",
            "> 180 Ringing to INVITE"
        ]
    );
}

#[test]
fn a_long_call_keeps_its_beginning_and_its_end() {
    let mut w = World::new();
    let page = w.registered_with("10006", &["explain"]);
    let mut peer = w.calls(page);
    for _ in 0..30 {
        peer.re_invite(&mut w, PHONE_SDP);
    }
    let told = explain(&mut w, page, "c1");
    let ladder = told["ladder"].as_array().unwrap();
    let omitted = told["ladderOmitted"].as_u64().unwrap();
    assert!(omitted > 0);
    assert_eq!(summaries(&told)[0], "> INVITE");
    assert_eq!(summaries(&told)[ladder.len() - 1], "< ACK");
    assert_eq!(ladder.len() as u64 + omitted, 3 + 30 * 3);
}

#[test]
fn a_call_that_is_not_there_is_refused_and_without_the_extension_nothing_is_said() {
    let mut w = World::new();
    let page = w.registered_with("10006", &["explain"]);
    w.say(
        page,
        json!({"message":"explain","data":[{"callId":"nobody"}]}),
    );
    assert_eq!(w.told(page), ["fail:FAILED"]);
    let plain = w.registered("10006");
    w.calls(plain);
    w.say(plain, json!({"message":"explain","data":[{"callId":"c1"}]}));
    assert_eq!(w.told(plain), [""; 0]);
}

fn is_refused(w: &mut World, page: SocketId, id: &str) -> bool {
    w.frames(page);
    w.say(page, json!({"message":"explain","data":[{"callId":id}]}));
    w.told(page) == ["fail:FAILED"]
}

#[test]
fn a_call_that_the_page_ended_is_explained_with_its_bye() {
    let mut w = World::new();
    let page = w.registered_with("10006", &["explain"]);
    w.calls(page);
    let before = explain(&mut w, page, "c1");
    w.hangup(page, "c1");
    let told = explain(&mut w, page, "c1");
    for part in ["callId", "sipCallId", "offered", "chosen", "addresses"] {
        assert_eq!(told[part], before[part], "{part}");
    }
    let up = ["> INVITE", "< 200 OK to INVITE", "> ACK"];
    assert_eq!(summaries(&told), [&up[..], &["> BYE"]].concat());
    let bye = w.expect_sip("BYE");
    w.respond(&bye, "200 OK", "", "");
    w.assert_calls_gone();
    let told = explain(&mut w, page, "c1");
    let end = ["> BYE", "< 200 OK to BYE"];
    assert_eq!(summaries(&told), [&up[..], &end].concat());
    assert_eq!(told["chosen"], before["chosen"]);
}

#[test]
fn a_call_that_the_other_side_ended_or_refused_is_explained() {
    let mut w = World::new();
    let page = w.registered_with("10006", &["explain"]);
    let mut peer = w.calls(page);
    peer.ask(&mut w, "BYE", None);
    let told = explain(&mut w, page, "c1");
    let ladder = summaries(&told);
    assert_eq!(ladder[3..], ["< BYE", "> 200 OK to BYE"]);

    w.call(page, "c2", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "486 Busy Here", "b", "");
    let told = explain(&mut w, page, "c2");
    assert_eq!(
        summaries(&told),
        ["> INVITE", "< 486 Busy Here to INVITE", "> ACK"]
    );
    assert_eq!(told["chosen"], json!([]));
}

#[test]
fn the_last_four_calls_of_a_session_are_kept_and_for_its_own_pages_alone() {
    let mut w = World::new();
    let page = w.registered_with("10006", &["explain"]);
    let other = w.registered_with("10006", &["explain"]);
    for id in ["c1", "c2", "c3", "c4", "c5"] {
        w.call(page, id, "10005");
        let invite = w.expect_sip("INVITE");
        w.respond(&invite, "404 Not Found", "b", "");
    }
    assert!(is_refused(&mut w, page, "c1"));
    for id in ["c2", "c3", "c4", "c5"] {
        assert_eq!(explain(&mut w, page, id)["callId"], id);
    }
    assert!(is_refused(&mut w, other, "c5"));
    // A live call goes before one of the same name that ended.
    w.call(page, "c5", "10005");
    w.expect_sip("INVITE");
    assert_eq!(summaries(&explain(&mut w, page, "c5")), ["> INVITE"]);
}

/// What happens in a call that another page took is not told to the page that lost it.
#[test]
fn a_call_answered_elsewhere_is_explained_up_to_there() {
    let mut w = World::new();
    let one = w.open_page();
    let mut frame = world::connection("10006");
    frame["data"][0]["features"] = json!(["explain"]);
    w.say(one, frame);
    let register = w.expect_sip("REGISTER");
    w.answer_register(&register);
    let two = w.registered_with("10006", &["explain"]);
    w.frames(one);
    let invite = w.invite_for(&contact_uri(&register), "in1", PHONE_SDP);
    let (first, second) = (w.ringing_id(one), w.ringing_id(two));
    w.answer(two, &second);
    let ok = w.expect_sip("200");
    let mut peer = world::peer::Peer::caller(&invite, &ok);
    peer.ask_as(&mut w, "ACK", 1, None);
    peer.ask(&mut w, "BYE", None);
    let rang = [
        "< INVITE",
        "> 100 Trying to INVITE",
        "> 180 Ringing to INVITE",
    ];
    assert_eq!(summaries(&explain(&mut w, one, &first)), rang);
    let ladder = summaries(&explain(&mut w, two, &second));
    assert_eq!(ladder[3..5], ["> 200 OK to INVITE", "< ACK"]);
    assert_eq!(ladder[5..], ["< BYE", "> 200 OK to BYE"]);
}
