//! Text messages both ways, the mailbox, and how a registration stands.

mod world;

use std::time::Duration;

use serde_json::json;
use session::SocketId;
use testkit::sip_text;
use world::peer::Peer;
use world::{SIP_SERVER, World, connection};

fn send(w: &mut World, page: SocketId, body: &str) {
    w.say(
        page,
        json!({"message":"sipMessage","data":[{"operationId":"m1","to":"10005","body":body}]}),
    );
}

#[test]
fn a_page_sends_a_message_and_hears_what_became_of_it() {
    for (line, status) in [("200 OK", "ACCEPTED"), ("404 Not Found", "FAILED")] {
        let mut w = World::new();
        let (page, _) = w.callee("10006", &["sipMessage"]);
        send(&mut w, page, "Hello");
        let message = w.expect_sip("MESSAGE");
        assert_eq!(sip_text::body(&message), "Hello");
        assert_eq!(
            sip_text::header(&message, "Content-Type"),
            Some("text/plain")
        );
        assert_eq!(w.told(page), [""; 0], "not before the answer");
        w.sip(sip_text::respond(&message, line, "x", &[], ""));
        let frames = w.frames(page);
        assert_eq!(frames[0]["message"], "sipMessageStatus");
        assert_eq!(frames[0]["data"][0]["operationId"], "m1");
        assert_eq!(frames[0]["data"][0]["status"], status);
        assert_eq!(frames.len(), 1);
    }
}

#[test]
fn a_message_that_cannot_go_out_is_answered_at_once() {
    let mut w = World::new();
    let (page, _) = w.callee("10006", &["sipMessage"]);
    // RFC 3428 section 8 counts the whole request.
    for length in [1000, 1300, 1301] {
        send(&mut w, page, &"x".repeat(length));
        let frames = w.frames(page);
        assert_eq!(frames[0]["data"][0]["status"], "FAILED");
        let info = frames[0]["data"][0]["info"].as_str().unwrap();
        assert!(info.contains("at most 1300"), "{info}");
        assert!(w.try_sip("MESSAGE").is_none());
    }
    send(&mut w, page, &"x".repeat(700));
    assert!(w.expect_sip("MESSAGE").len() <= 1300);
}

/// `(the frame's data, its one answer)`
#[test]
fn a_message_that_cannot_be_used_gets_one_answer() {
    let no_receiver = json!({"operationId":"m1","body":"Hello"});
    let no_id = json!({"to":"10005","body":"Hello"});
    let granted: &[&str] = &["sipMessage"];
    for (features, data, answer) in [
        (granted, &no_receiver, "sipMessageStatus"),
        (granted, &no_id, "fail"),
        (&[], &no_receiver, "fail"),
    ] {
        let mut w = World::new();
        let (page, _) = w.callee("10006", features);
        w.say(page, json!({"message":"sipMessage","data":[data]}));
        let frames = w.frames(page);
        assert_eq!(frames.len(), 1, "{data}: {frames:?}");
        assert_eq!(frames[0]["message"], answer, "{data}");
        let told = &frames[0]["data"][0];
        assert_eq!(told["status"], "FAILED");
        if answer == "sipMessageStatus" {
            assert_eq!(told["operationId"], "m1");
            assert_eq!(told["info"], "sipMessage: to is missing or empty.");
            assert!(told["cause"].is_null(), "the page has not asked for it");
        }
    }
}

#[test]
fn a_message_without_the_extension_is_ignored() {
    let mut w = World::new();
    let page = w.registered("10006");
    send(&mut w, page, "Hello");
    assert_eq!(w.told(page), [""; 0]);
    assert!(w.try_sip("MESSAGE").is_none());
}

fn arrives(w: &mut World, contact: &str) {
    arrives_from(w, contact, "\"Bob\" <sip:10005@elsewhere.example>", 1);
}

fn arrives_from(w: &mut World, contact: &str, from: &str, number: usize) {
    w.sip(format!(
        "MESSAGE {contact} SIP/2.0\r\nVia: SIP/2.0/UDP {SIP_SERVER};branch=z9hG4bKm{number}\r\nMax-Forwards: 70\r\n\
         From: {from};tag=m\r\nTo: <sip:10006@127.0.0.1>\r\nCall-ID: m{number}\r\n\
         CSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nHello"
    ));
}

#[test]
fn a_message_reaches_every_page_of_the_account() {
    let mut w = World::new();
    let (page, contact) = w.callee("10006", &["sipMessage"]);
    let deaf = w.registered("10006");
    w.frames(deaf);
    arrives(&mut w, &contact);
    w.expect_sip("200");
    assert_eq!(
        w.frames(page),
        [json!({"message":"sipMessage","data":[{
            "from":"10005@elsewhere.example","visibleName":"Bob","to":"10006",
            "contentType":"text/plain","body":"Hello"}]})]
    );
    assert_eq!(w.told(deaf), [""; 0]);
}

#[test]
fn the_sender_is_a_number_or_user_and_host_and_never_has_a_port() {
    let mut w = World::new();
    let (page, contact) = w.callee("10006", &["sipMessage"]);
    for (number, (from, told)) in [
        ("<sip:10005@127.0.0.1>", "10005"),
        ("<sip:10005@127.0.0.1:5062;transport=udp>", "10005"),
        (
            "<sip:10005@elsewhere.example:5062>",
            "10005@elsewhere.example",
        ),
        (
            "<sip:10005:secret@elsewhere.example>",
            "10005@elsewhere.example",
        ),
        ("<sip:10005@[2001:db8::1]:5062>", "10005@[2001:db8::1]"),
        ("<sip:elsewhere.example:5062>", "elsewhere.example"),
        ("<tel:+12125550100>", "+12125550100"),
    ]
    .into_iter()
    .enumerate()
    {
        arrives_from(&mut w, &contact, from, number);
        w.expect_sip("200");
        let frames = w.frames(page);
        let message = &frames[0]["data"][0];
        assert_eq!(message["from"], told, "{from}");
        assert_eq!(message["visibleName"], told, "{from}");
    }
}

#[test]
fn a_message_that_no_page_gets_is_480() {
    let mut w = World::new();
    let (_, contact) = w.callee("10006", &[]);
    arrives(&mut w, &contact);
    w.expect_sip("480");
}

#[test]
fn a_message_in_a_call_names_the_call() {
    let mut w = World::new();
    let (page, _) = w.callee("10006", &["sipMessage"]);
    let mut peer: Peer = w.calls(page);
    w.sip_out.clear();
    peer.ask(&mut w, "MESSAGE", Some(("text/plain", "Hi")));
    w.expect_sip("200");
    let frames = w.frames(page);
    assert_eq!(frames[0]["data"][0]["callId"], "c1");
    assert_eq!(frames[0]["data"][0]["from"], "10005");
}

fn notify(w: &mut World, contact: &str, body: &str) {
    w.sip(format!(
        "NOTIFY {contact} SIP/2.0\r\nVia: SIP/2.0/UDP {SIP_SERVER};branch=z9hG4bKn{}\r\nMax-Forwards: 70\r\n\
         From: <sip:10006@127.0.0.1>;tag=n\r\nTo: <sip:10006@127.0.0.1>\r\nCall-ID: n{}\r\nCSeq: 1 NOTIFY\r\n\
         Event: message-summary\r\nSubscription-State: active\r\nContact: <sip:vm@{SIP_SERVER}>\r\n\
         Content-Type: application/simple-message-summary\r\nContent-Length: {}\r\n\r\n{body}",
        body.len(),
        body.len(),
        body.len()
    ));
}

#[test]
fn the_mailbox_is_told_to_pages_and_to_those_that_come_later() {
    let mut w = World::new();
    let (page, contact) = w.callee("10006", &["messageWaiting"]);
    notify(
        &mut w,
        &contact,
        "Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n",
    );
    w.expect_sip("200");
    let told = json!({"message":"messageWaiting","data":[{
        "waiting":true,"new":2,"old":8,"urgentNew":0,"urgentOld":2}]});
    assert_eq!(w.frames(page), std::slice::from_ref(&told));
    let later = w.open_page();
    let mut frame = connection("10006");
    frame["data"][0]["features"] = json!(["messageWaiting"]);
    w.say(later, frame);
    assert!(w.frames(later).contains(&told));
    notify(&mut w, &contact, "nothing of use\r\n");
    w.expect_sip("400");
}

/// C9: every failed attempt is told, in both ways.
#[test]
fn each_retry_of_a_registration_is_told() {
    let mut w = World::new();
    let (page, _) = w.callee("10006", &["registrationState"]);
    let plain = w.registered("10006");
    w.frames(page);
    w.frames(plain);
    let mut failed = 0;
    for _ in 0..50 * 60 {
        w.advance(Duration::from_secs(1));
        if let Some(register) = w.try_sip("REGISTER") {
            failed += 1;
            w.sip(sip_text::respond(&register, "403 Forbidden", "x", &[], ""));
        }
    }
    assert!(failed >= 3, "{failed}");
    let waits: Vec<u64> = w
        .frames(page)
        .iter()
        .filter(|frame| frame["message"] == "registrationState")
        .map(|frame| {
            assert_eq!(frame["data"][0]["state"], "RETRYING");
            frame["data"][0]["retryInMs"].as_u64().unwrap() / 60_000
        })
        .collect();
    assert_eq!(waits.len(), failed);
    assert_eq!(waits[..2], [1, 5], "then every half hour: {waits:?}");
    assert!(
        waits[2..].iter().all(|wait| (25..40).contains(wait)),
        "{waits:?}"
    );
    assert_eq!(w.told(plain), vec!["fail:FAILED"; failed]);
}
