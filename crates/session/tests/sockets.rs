//! What a page may do on its socket, and what happens when it does more (t-A15, `keep_alive.*`).

mod world;

use std::time::Duration;

use serde_json::json;
use world::World;

#[test]
fn get_user_data_comes_first_and_never_carries_the_password() {
    let mut w = World::new();
    let page = w.connect("10006");
    let frames = w.frames(page);
    assert_eq!(frames.len(), 1, "{frames:?}");
    let user = &frames[0]["data"][0];
    assert_eq!(frames[0]["message"], "getUserData");
    assert_eq!(user["sipLogin"], "10006");
    assert!(user["authToken"].as_str().unwrap().len() >= 64);
    assert!(user.get("sipPassword").is_none());
    assert!(!format!("{:?}", w.log).contains("no such thing"));
}

#[test]
fn pings_every_five_seconds_and_gives_up_after_ten_without_a_pong() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.deaf = true;
    w.advance(Duration::from_secs(25));
    assert_eq!(w.frames(page).len(), 5);
    w.say(page, json!({"message":"pong","data":[null]}));
    w.advance(Duration::from_secs(50));
    assert!(!w.closed.contains_key(&page));
    w.advance(Duration::from_secs(5));
    assert!(w.closed.contains_key(&page), "ten pings without a pong");
}

#[test]
fn a_malformed_frame_gets_an_error_and_harms_nothing() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.input(session::Input::Frame {
        socket: page,
        text: "{\"message\":".into(),
    });
    assert_eq!(w.told(page), ["fail:FAILED"]);
    w.call(page, "c1", "10005");
    assert_eq!(w.told(page), ["notifyTryingResponse:TRYING"]);
}

#[test]
fn too_deep_a_frame_closes_the_socket_with_a_reason() {
    let mut w = World::new();
    let page = w.registered("10006");
    let deep = format!(
        "{{\"message\":\"sendData\",\"data\":{}{}}}",
        "[".repeat(40),
        "]".repeat(40)
    );
    w.input(session::Input::Frame {
        socket: page,
        text: deep,
    });
    assert!(!w.closed[&page].1.is_empty());
}

#[test]
fn more_than_a_hundred_messages_a_second_close_the_socket() {
    let mut w = World::new();
    let page = w.registered("10006");
    for _ in 0..99 {
        w.say(page, json!({"message":"pong","data":[null]}));
    }
    w.advance(Duration::from_secs(1));
    for _ in 0..100 {
        w.say(page, json!({"message":"pong","data":[null]}));
    }
    assert!(!w.closed.contains_key(&page));
    w.say(page, json!({"message":"pong","data":[null]}));
    assert!(w.closed.contains_key(&page));
}

#[test]
fn send_data_resolves_and_streams_end_cleanly() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.say(
        page,
        json!({"message":"sendData","data":[{"operationId":"o1","payload":{"a":1}}]}),
    );
    w.say(
        page,
        json!({"message":"playStream","data":[{"mediaSessionId":"m1","name":"x"}]}),
    );
    let frames = w.frames(page);
    assert_eq!(frames[0]["message"], "DataStatusEvent");
    assert_eq!(frames[0]["data"][0]["status"], "ACCEPTED");
    assert_eq!(frames[1]["data"][0]["apiMethod"], "StreamStatusEvent");
    assert_eq!(frames[1]["data"][0]["id"], "m1");
}

#[test]
fn the_last_page_that_leaves_unregisters() {
    let mut w = World::new();
    let one = w.registered("10006");
    let two = w.registered("10006");
    w.sip_out.clear();
    w.input(session::Input::SocketClosed { socket: one });
    w.advance(Duration::ZERO);
    assert!(
        w.try_sip("REGISTER").is_none(),
        "another page is still there"
    );
    w.input(session::Input::SocketClosed { socket: two });
    w.advance(Duration::ZERO);
    let bye = w.expect_sip("REGISTER");
    assert!(
        bye.contains("Expires: 0") || bye.contains("expires=0"),
        "{bye}"
    );
}

#[test]
fn another_password_does_not_share_a_registration() {
    let mut w = World::new();
    w.registered("10006");
    let thief = w.open_page();
    let mut frame = world::connection("10006");
    frame["data"][0]["sipPassword"] = "guess".into();
    w.say(thief, frame);
    assert_eq!(
        w.told(thief),
        ["getUserData:ESTABLISHED"],
        "not registered by another's password"
    );
    w.expect_sip("REGISTER");
}

#[test]
fn a_stop_ends_calls_and_registrations() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "200 OK", "phone", world::PHONE_SDP);
    w.told(page);
    w.input(session::Input::Shutdown);
    assert_eq!(w.told(page), ["finish:FINISH"]);
    let sent: Vec<String> = w.sip_out.iter().map(|(_, text)| text.clone()).collect();
    assert!(sent.iter().any(|text| text.starts_with("BYE ")), "{sent:?}");
    assert!(
        sent.iter().any(|text| text.starts_with("REGISTER ")),
        "{sent:?}"
    );
}
