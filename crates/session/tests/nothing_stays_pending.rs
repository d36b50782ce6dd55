//! K1: whatever goes wrong, a call gets exactly one final status with a cause in words, in time.

mod world;

use std::time::Duration;

use serde_json::Value;
use testkit::sip_text;
use world::{Ice, PHONE_SDP, World};

/// Timer B (64 * T1) and a second.
const TIMER_B: Duration = Duration::from_secs(33);

/// Advances by `within` and returns the one final status of call `c1`.
fn the_final_status(w: &mut World, page: session::SocketId, within: Duration) -> Value {
    w.advance(within);
    let finals: Vec<Value> = w
        .frames(page)
        .into_iter()
        .filter(|frame| frame["message"] == "finish")
        .map(|frame| frame["data"][0].clone())
        .collect();
    assert_eq!(finals.len(), 1, "exactly one final status: {finals:?}");
    let info = finals[0]["info"].as_str().unwrap_or("");
    assert!(info.len() > 10, "a cause in words: {}", finals[0]);
    assert_eq!(finals[0]["status"], "FAILED", "{}", finals[0]);
    w.assert_calls_gone();
    finals[0].clone()
}

fn calling() -> (World, session::SocketId, String) {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    (w, page, invite)
}

#[test]
fn silent_peer() {
    let (mut w, page, _) = calling();
    let status = the_final_status(&mut w, page, TIMER_B);
    assert_eq!(status["sipStatus"], 408);
}

#[test]
fn only_100() {
    let (mut w, page, invite) = calling();
    w.respond(&invite, "100 Trying", "", "");
    // `sip_trying_timeout`.
    let status = the_final_status(&mut w, page, Duration::from_secs(180));
    assert!(status["sipStatus"].is_u64(), "{status}");
}

#[test]
fn only_180() {
    let (mut w, page, invite) = calling();
    w.respond(&invite, "180 Ringing", "phone", "");
    w.advance(Duration::from_secs(60));
    w.expect_sip("CANCEL");
    the_final_status(&mut w, page, TIMER_B);
}

#[test]
fn challenged_for_ever() {
    let (mut w, page, mut invite) = calling();
    for nonce in 0..10 {
        let challenge = format!(
            "WWW-Authenticate: Digest realm=\"127.0.0.1\", nonce=\"n{nonce}\", algorithm=MD5"
        );
        w.sip(sip_text::respond(
            &invite,
            "401 Unauthorized",
            "srv",
            &[&challenge],
            "",
        ));
        match w.try_sip("INVITE") {
            Some(again) => invite = again,
            None => break,
        }
    }
    let status = the_final_status(&mut w, page, Duration::from_secs(1));
    assert_eq!(status["sipStatus"], 401);
}

#[test]
fn a_malformed_200() {
    let (mut w, page, invite) = calling();
    let ok = sip_text::respond(&invite, "200 OK", "phone", &[], PHONE_SDP);
    w.sip(ok.replace("CSeq: 1 INVITE", "CSeq: one INVITE"));
    the_final_status(&mut w, page, TIMER_B);
}

#[test]
fn a_200_whose_sdp_is_no_sdp() {
    let (mut w, page, invite) = calling();
    w.respond(&invite, "200 OK", "phone", "this is not SDP");
    the_final_status(&mut w, page, Duration::from_secs(1));
}

#[test]
fn a_200_without_a_common_codec() {
    let (mut w, page, invite) = calling();
    w.respond(
        &invite,
        "200 OK",
        "phone",
        &PHONE_SDP.replace("0 101", "18").replace("PCMU", "G729"),
    );
    let status = the_final_status(&mut w, page, Duration::from_secs(1));
    assert!(
        ["No common codecs", "Transcoding required, but disabled"]
            .contains(&status["info"].as_str().unwrap())
    );
}

#[test]
fn ice_never_comes() {
    let mut w = World::new();
    w.media.ice = Ice::Never;
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "200 OK", "phone", PHONE_SDP);
    w.advance(Duration::from_millis(9_999));
    assert!(!w.told(page).iter().any(|told| told.starts_with("finish")));
    w.advance(Duration::from_millis(1));
    w.expect_sip("BYE");
    let status = the_final_status(&mut w, page, Duration::from_millis(1));
    assert_eq!(status["info"], "Failed by ICE error");
    assert_eq!(status["sipStatus"], 408);
}

#[test]
fn dns_failure_is_told_at_once() {
    let mut w = World::new();
    let page = w.open_page();
    let mut frame = world::connection("10006");
    frame["data"][0]["sipOutboundProxy"] = "nowhere.invalid".into();
    frame["data"][0]["sipRegisterRequired"] = false.into();
    w.say(page, frame);
    w.call(page, "c1", "10005");
    let (id, target) = w.resolves.pop().expect("the name is looked up");
    assert_eq!(target.host, "nowhere.invalid");
    let result = Err(sip::ResolveError::NotFound);
    w.input(session::Input::Sip(sip::Input::Resolved { id, result }));
    let status = the_final_status(&mut w, page, Duration::ZERO);
    assert!(
        status["info"].as_str().unwrap().contains("nowhere.invalid"),
        "{status}"
    );
}

#[test]
fn a_closed_port_is_told_at_once() {
    let (mut w, page, _) = calling();
    let hop = sip::Hop {
        transport: sip::Transport::Udp,
        addr: world::SIP_SERVER,
        verified_name: None,
    };
    let error = "Connection refused".to_owned();
    w.input(session::Input::Sip(sip::Input::SendFailed { hop, error }));
    the_final_status(&mut w, page, Duration::from_millis(1));
}

#[test]
fn a_bad_callee_is_told_at_once() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "1 0<>005@");
    the_final_status(&mut w, page, Duration::ZERO);
}

#[test]
fn a_malformed_call_frame_ends_its_call() {
    let mut w = World::new();
    let page = w.registered("10006");
    let mut frame = world::call("c1", "10005", world::BROWSER_AUDIO);
    frame["data"][0]["sdp"] = 5.into();
    w.say(page, frame);
    the_final_status(&mut w, page, Duration::ZERO);
}

#[test]
fn a_lost_websocket_ends_its_calls_on_the_sip_side() {
    let (mut w, page, invite) = calling();
    w.respond(&invite, "200 OK", "phone", PHONE_SDP);
    w.input(session::Input::SocketClosed { socket: page });
    w.advance(Duration::ZERO);
    let bye = w.expect_sip("BYE");
    w.sip(sip_text::respond(&bye, "200 OK", "", &[], ""));
    w.assert_calls_gone();
    assert_eq!(w.hub.counts().sessions, 0);
}

#[test]
fn a_bad_login_is_refused_with_field_and_character() {
    let mut w = World::new();
    let page = w.open_page();
    w.say(page, world::connection("Ralf C12441@host.com"));
    let frames = w.frames(page);
    assert_eq!(frames[0]["message"], "fail");
    let info = frames[0]["data"][0]["info"].as_str().unwrap();
    assert!(
        info.contains("sipLogin") && info.contains("space"),
        "{info}"
    );
    assert!(w.closed.contains_key(&page), "and the socket is closed");
    assert!(w.try_sip("REGISTER").is_none());
}

#[test]
fn a_wrong_password_is_told_and_the_socket_closed() {
    let mut w = World::new();
    let page = w.connect("10006");
    let mut tries = 0;
    while let Some(register) = w.try_sip("REGISTER") {
        tries += 1;
        let challenge = format!("WWW-Authenticate: Digest realm=\"x\", nonce=\"n{tries}\"");
        w.sip(sip_text::respond(
            &register,
            "401 Unauthorized",
            "srv",
            &[&challenge],
            "",
        ));
    }
    assert_eq!(tries, 2, "once without and once with credentials");
    let frames = w.frames(page);
    let fail = frames
        .iter()
        .find(|f| f["message"] == "fail")
        .expect("it is told");
    assert_eq!(fail["data"][0]["apiMethod"], "RegistrationStatusEvent");
    assert_eq!(fail["data"][0]["sipStatus"], 401);
    assert!(w.closed.contains_key(&page));
    w.advance(Duration::from_secs(64));
    let counts = w.hub.counts();
    assert_eq!(
        (counts.sessions, counts.registrations, counts.alarms),
        (0, 0, 0),
        "{counts:?}"
    );
}
