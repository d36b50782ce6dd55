//! Digits in SIP INFO, both ways.

mod world;

use serde_json::json;
use session::SocketId;
use testkit::sip_text;
use world::peer::Peer;
use world::{PHONE_SDP, World};

fn up() -> (World, SocketId, Peer) {
    let mut w = World::new();
    let page = w.registered_with("10006", &["digit"]);
    let peer = w.calls(page);
    w.sip_out.clear();
    (w, page, peer)
}

fn send(w: &mut World, page: SocketId, kind: &str, dtmf: &str) {
    w.say(
        page,
        json!({"message":"sendDtmf","data":[{"callId":"c1","type":kind,"dtmf":dtmf}]}),
    );
}

/// `(type, Content-Type, body)`
#[test]
fn a_digit_goes_out_in_the_body_its_type_names() {
    for (kind, content_type, body) in [
        ("INFO", "application/dtmf", "5"),
        (
            "INFO_RELAY",
            "application/dtmf-relay",
            "Signal=5\r\nDuration=250\r\n",
        ),
    ] {
        let (mut w, page, _) = up();
        send(&mut w, page, kind, "5");
        let info = w.expect_sip("INFO");
        assert_eq!(sip_text::header(&info, "Content-Type"), Some(content_type));
        assert_eq!(sip_text::body(&info), body);
        w.sip(sip_text::respond(&info, "200 OK", "", &[], ""));
        assert_eq!(w.told(page), [""; 0], "there is no answer");
    }
}

#[test]
fn digits_go_out_one_after_the_other() {
    let (mut w, page, _) = up();
    send(&mut w, page, "INFO", "12#");
    send(&mut w, page, "INFO", "d");
    for digit in ["1", "2", "#", "D"] {
        let info = w.expect_sip("INFO");
        assert_eq!(sip_text::body(&info), digit);
        assert!(w.try_sip("INFO").is_none(), "the next waits for the answer");
        w.sip(sip_text::respond(&info, "200 OK", "", &[], ""));
    }
    assert!(w.try_sip("INFO").is_none());
}

/// The page hears `talk` with our 200, and INFO may go out after its ACK.
#[test]
fn digits_pressed_before_the_ack_go_out_after_it() {
    let mut w = World::new();
    let (page, contact) = w.callee("10006", &[]);
    let invite = w.invite_for(&contact, "in1", PHONE_SDP);
    let id = w.ringing_id(page);
    w.answer(page, &id);
    let ok = w.expect_sip("200");
    w.say(
        page,
        json!({"message":"sendDtmf","data":[{"callId":id,"type":"INFO","dtmf":"12"}]}),
    );
    assert_eq!(w.told(page), ["talk:ESTABLISHED"]);
    assert!(w.try_sip("INFO").is_none());
    w.in_dialog(&invite, &ok, "ACK", 1);
    for digit in ["1", "2"] {
        let info = w.expect_sip("INFO");
        assert_eq!(sip_text::body(&info), digit);
        w.sip(sip_text::respond(&info, "200 OK", "", &[], ""));
    }
    assert_eq!(w.told(page), [""; 0]);
}

#[test]
fn a_refused_digit_is_told_and_drops_the_rest() {
    let (mut w, page, _) = up();
    send(&mut w, page, "INFO_RELAY", "123");
    let info = w.expect_sip("INFO");
    w.sip(sip_text::respond(
        &info,
        "415 Unsupported Media Type",
        "",
        &[],
        "",
    ));
    let frames = w.frames(page);
    assert_eq!(frames[0]["message"], "fail");
    assert_eq!(frames[0]["data"][0]["apiMethod"], "sendDtmf");
    assert_eq!(frames[0]["data"][0]["sipStatus"], 415);
    assert_eq!(frames.len(), 1);
    assert!(
        w.try_sip("INFO").is_none(),
        "half a number is worse than none"
    );
    assert_eq!(w.hub.call_ids().len(), 1, "the call goes on");
    send(&mut w, page, "INFO", "7");
    w.expect_sip("INFO");
}

#[test]
fn what_is_no_digit_is_refused_in_words() {
    let (mut w, page, _) = up();
    for (kind, dtmf, word) in [
        ("INFO", "1x", "\"x\" is no digit"),
        ("RFC2833", "1", "not available"),
        ("INFO", &"1".repeat(129), "fewer"),
    ] {
        send(&mut w, page, kind, dtmf);
        let frames = w.frames(page);
        let info = frames[0]["data"][0]["info"].as_str().unwrap();
        assert!(info.contains(word), "{info}");
        assert!(w.try_sip("INFO").is_none());
    }
}

#[test]
fn a_received_digit_is_an_event_of_the_call() {
    for (content_type, body, digit) in [
        (
            "application/dtmf-relay",
            "Signal=5\r\nDuration=160\r\n",
            "5",
        ),
        ("application/dtmf-relay", "Signal=#\r\n", "#"),
        ("Application/DTMF-Relay;x=y", "Signal=10\r\n", "*"),
        ("application/dtmf", "a", "A"),
    ] {
        let (mut w, page, mut peer) = up();
        peer.ask(&mut w, "INFO", Some((content_type, body)));
        w.expect_sip("200");
        let frames = w.frames(page);
        assert_eq!(
            frames,
            [json!({"message":"digit","data":[{"callId":"c1","digit":digit,"how":"info"}]})]
        );
    }
}

/// A peer that has answered may send digits while the page's media is still connecting.
#[test]
fn a_digit_that_comes_before_the_page_is_connected_is_not_lost() {
    let mut w = World::new();
    let page = w.registered_with("10006", &["digit"]);
    w.media.manual = true;
    w.call(page, "c1", "10005");
    // The SIP leg is open; the answer for the browser is not made yet.
    w.media_event();
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "200 OK", "phone", PHONE_SDP);
    w.sip_out.clear();
    w.frames(page);
    let mut peer = Peer::called(&invite, "phone");
    peer.ask(&mut w, "INFO", Some(("application/dtmf", "5")));
    w.expect_sip("200");
    assert_eq!(
        w.frames(page),
        [json!({"message":"digit","data":[{"callId":"c1","digit":"5","how":"info"}]})]
    );
}

/// `(Content-Type, body, our answer)`
#[test]
fn other_info_is_answered_by_the_rules() {
    for (content, status) in [
        (None, 200),
        (Some(("application/media_control+xml", "<x/>")), 415),
        (Some(("application/dtmf-relay", "Duration=160\r\n")), 400),
    ] {
        let (mut w, page, mut peer) = up();
        peer.ask(&mut w, "INFO", content);
        let answer = w.final_answer();
        assert_eq!(sip_text::status(&answer), Some(status), "{content:?}");
        if status == 415 {
            let accept = sip_text::header(&answer, "Accept");
            assert_eq!(accept, Some("application/dtmf-relay, application/dtmf"));
        }
        assert_eq!(w.told(page), [""; 0]);
    }
}

#[test]
fn a_page_without_the_extension_hears_no_digit_and_the_peer_gets_200() {
    let mut w = World::new();
    let page = w.registered("10006");
    let mut peer = w.calls(page);
    w.sip_out.clear();
    peer.ask(&mut w, "INFO", Some(("application/dtmf", "5")));
    w.expect_sip("200");
    assert_eq!(w.told(page), [""; 0]);
}
