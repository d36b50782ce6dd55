//! Refreshes of the session by re-INVITE, and offers of ours that the peer cannot take yet, beside the page's hold.

mod world;

use std::time::Duration;

use sdp::Direction;
use session::SocketId;
use testkit::sip_text;
use world::peer::{Peer, direction, version};
use world::{PHONE_SDP, SIP_SERVER, World, config};

/// A call of ours whose peer wants a refresh every 45 s and does not know UPDATE.
fn refreshed_call() -> (World, SocketId, Peer) {
    let mut config = config();
    config.ua.session_expires = Duration::from_secs(90);
    let mut w = World::with(config, [7; 32]);
    let page = w.registered_with("10006", &[]);
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    takes(&mut w, &invite, PHONE_SDP);
    w.frames(page);
    (w, page, Peer::called(&invite, "phone"))
}

/// The peer takes an INVITE, and the timer goes on.
fn takes(w: &mut World, invite: &str, sdp: &str) {
    let contact = format!("Contact: <sip:phone@{SIP_SERVER}>");
    let headers = [contact.as_str(), "Session-Expires: 90;refresher=uac"];
    w.sip(sip_text::respond(invite, "200 OK", "phone", &headers, sdp));
    w.expect_sip("ACK");
}

fn held() -> String {
    PHONE_SDP.replace("a=sendrecv", "a=recvonly")
}

#[test]
fn a_refresh_after_a_refused_hold_says_what_is_in_force_as_a_new_version() {
    let (mut w, page, _) = refreshed_call();
    w.hold(page, "c1");
    let offer = w.expect_sip("INVITE");
    assert_eq!(version(&offer), 2);
    w.respond(&offer, "488 Not Acceptable Here", "", "");
    w.expect_sip("ACK");
    assert_eq!(w.told(page), ["fail:FAILED", "talk:ESTABLISHED"]);
    w.advance(Duration::from_secs(45));
    let refresh = w.answer_re_invite(PHONE_SDP);
    assert_eq!((version(&refresh), direction(&refresh)), (3, "sendrecv"));
    let (plan, is_held) = w.media_now();
    assert_eq!(plan.media[0].sip_direction, Direction::SendRecv);
    assert!(!is_held);
    assert_eq!(w.told(page), [""; 0], "the page has nothing to hear of");
}

#[test]
fn a_refresh_of_a_held_call_keeps_it_held() {
    let (mut w, page, _) = refreshed_call();
    w.hold(page, "c1");
    let offer = w.expect_sip("INVITE");
    takes(&mut w, &offer, &held());
    w.frames(page);
    w.advance(Duration::from_secs(45));
    let refresh = w.answer_re_invite(&held());
    assert_eq!(direction(&refresh), "sendonly");
    assert_eq!(version(&refresh), version(&offer), "nothing has changed");
    assert_eq!(w.told(page), [""; 0]);
    assert!(w.media_now().1);
    let holds = |record: &&session::Record| record.what.to_string().contains("holds the call");
    assert_eq!(w.records.iter().filter(holds).count(), 1, "{:?}", w.records);
}

#[test]
fn a_refused_refresh_is_no_refused_hold() {
    let (mut w, page, _) = refreshed_call();
    w.advance(Duration::from_secs(45));
    let refresh = w.expect_sip("INVITE");
    w.hold(page, "c1");
    w.respond(&refresh, "500 Server Internal Error", "", "");
    w.expect_sip("ACK");
    let offer = w.answer_re_invite(&held());
    assert_eq!(direction(&offer), "sendonly");
    assert_eq!(w.told(page), ["hold:HOLD"]);
}

#[test]
fn an_offer_in_our_200_during_a_glare_is_not_the_hold_that_waits() {
    for (line, wait) in [("491 Request Pending", 4), ("500 Busy", 10)] {
        let (mut w, page, mut peer) = refreshed_call();
        w.hold(page, "c1");
        let offer = w.expect_sip("INVITE");
        let later = [format!("Retry-After: {wait}")];
        let later: Vec<&str> = later.iter().map(String::as_str).collect();
        w.sip(sip_text::respond(&offer, line, "", &later, ""));
        w.expect_sip("ACK");
        let ours = peer.re_invite_without_sdp(&mut w, PHONE_SDP);
        assert_eq!(direction(&ours), "sendrecv");
        assert_eq!(w.told(page), [""; 0], "{line}: the peer is not held yet");
        w.advance(Duration::from_secs(wait));
        let again = w.answer_re_invite(&held());
        assert_eq!(direction(&again), "sendonly");
        assert_eq!(w.told(page), ["hold:HOLD"], "{line}");
    }
}

#[test]
fn a_hold_that_is_refused_after_one_without_an_answer_is_told_too() {
    let (mut w, page, _) = refreshed_call();
    w.hold(page, "c1");
    w.answer_re_invite("");
    assert_eq!(w.told(page), ["fail:FAILED", "talk:ESTABLISHED"]);
    w.hold(page, "c1");
    let offer = w.expect_sip("INVITE");
    w.respond(&offer, "488 Not Acceptable Here", "", "");
    w.expect_sip("ACK");
    assert_eq!(w.told(page), ["fail:FAILED", "talk:ESTABLISHED"]);
    assert!(!w.media_now().1, "the page is heard again");
}
