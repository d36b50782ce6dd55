//! Hold and resume, by either side, in every form: what the SIP side is answered, what the page is
//! told, what media does.

mod world;

use std::time::Duration;

use sdp::Direction;
use serde_json::json;
use session::SocketId;
use testkit::sip_text;
use world::peer::{Peer, direction, version};
use world::{PHONE_SDP, World, contact_uri};

/// The phone's SDP with another direction, and as the version after.
fn phone(direction: &str) -> String {
    PHONE_SDP.replace("a=sendrecv", &format!("a={direction}"))
}

/// A call that we made, and one that we got, both up.
fn both_ways() -> [(World, SocketId, Peer, String); 2] {
    let mut out = World::new();
    let page = out.registered_with("10006", &["holdState"]);
    let peer = out.calls(page);
    let mut inc = World::new();
    let called = inc.connect("10006");
    let register = inc.expect_sip("REGISTER");
    inc.answer_register(&register);
    inc.frames(called);
    let (caller, id) = inc.is_called(called, &contact_uri(&register));
    [(out, page, peer, "c1".into()), (inc, called, caller, id)]
}

/// `(name, their offer, our answer's direction, whether the page hears HOLD, which way our media goes)`
fn forms() -> Vec<(&'static str, String, &'static str, bool, Direction)> {
    let no_attribute = PHONE_SDP.replace("a=sendrecv\r\n", "");
    let at_session =
        |direction: &str| no_attribute.replace("t=0 0\r\n", &format!("t=0 0\r\na={direction}\r\n"));
    let zero = PHONE_SDP.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0");
    let media_zero =
        PHONE_SDP.replace("RTP/AVP 0 101\r\n", "RTP/AVP 0 101\r\nc=IN IP4 0.0.0.0\r\n");
    vec![
        (
            "sendonly",
            phone("sendonly"),
            "recvonly",
            true,
            Direction::RecvOnly,
        ),
        (
            "inactive",
            phone("inactive"),
            "inactive",
            true,
            Direction::Inactive,
        ),
        (
            "recvonly",
            phone("recvonly"),
            "sendonly",
            false,
            Direction::SendOnly,
        ),
        (
            "sendonly of the session",
            at_session("sendonly"),
            "recvonly",
            true,
            Direction::RecvOnly,
        ),
        (
            "inactive of the session",
            at_session("inactive"),
            "inactive",
            true,
            Direction::Inactive,
        ),
        (
            "no CRLF at the end",
            phone("sendonly").trim_end().to_owned(),
            "recvonly",
            true,
            Direction::RecvOnly,
        ),
        (
            "0.0.0.0",
            zero.clone(),
            "recvonly",
            true,
            Direction::RecvOnly,
        ),
        (
            "0.0.0.0 of the m-line",
            media_zero,
            "recvonly",
            true,
            Direction::RecvOnly,
        ),
        (
            "0.0.0.0 and inactive",
            zero.replace("sendrecv", "inactive"),
            "inactive",
            true,
            Direction::Inactive,
        ),
        (
            "::",
            PHONE_SDP.replace("IN IP4 127.0.0.1", "IN IP6 ::"),
            "recvonly",
            true,
            Direction::RecvOnly,
        ),
    ]
}

/// How the peer takes its hold back.
const RESUMES: [&str; 3] = ["sendrecv", "no attribute", "no SDP"];

fn resume(w: &mut World, peer: &mut Peer, how: &str) -> String {
    match how {
        "sendrecv" => peer.re_invite(w, PHONE_SDP),
        "no attribute" => peer.re_invite(w, &PHONE_SDP.replace("a=sendrecv\r\n", "")),
        _ => peer.re_invite_without_sdp(w, PHONE_SDP),
    }
}

#[test]
fn the_peer_holds_in_every_form_and_resumes_in_every_form() {
    for (form, offer, answered, held, way) in forms() {
        for how in RESUMES {
            for (mut w, page, mut peer, _) in both_ways() {
                let case = format!("{form}, resumed by {how}");
                w.frames(page);
                let answer = peer.re_invite(&mut w, &offer);
                assert_eq!(sip_text::status(&answer), Some(200), "{case}: {answer}");
                assert_eq!(direction(&answer), answered, "{case}");
                let (plan, silent) = w.media_now();
                assert_eq!(plan.media[0].sip_direction, way, "{case}");
                assert!(!silent, "{case}: it is not we who hold");
                let told = w.told(page);
                let last = told.last().map(String::as_str);
                assert_eq!(last, held.then_some("hold:HOLD"), "{case}: {told:?}");

                let answer = resume(&mut w, &mut peer, how);
                assert_eq!(direction(&answer), "sendrecv", "{case}");
                let (plan, _) = w.media_now();
                assert_eq!(plan.media[0].sip_direction, Direction::SendRecv, "{case}");
                assert!(plan.media[0].remote.is_some(), "{case}");
                let told = w.told(page);
                let last = told.last().map(String::as_str);
                assert_eq!(last, held.then_some("talk:ESTABLISHED"), "{case}: {told:?}");
            }
        }
    }
}

#[test]
fn the_page_holds_and_resumes() {
    for (mut w, page, mut peer, id) in both_ways() {
        w.frames(page);
        w.sip_out.clear();
        w.hold(page, &id);
        assert_eq!(w.told(page), [""; 0], "not before the peer has agreed");
        assert!(w.media_now().1, "nobody who has pressed Hold is heard");
        let offer = w.answer_re_invite(&phone("recvonly"));
        assert_eq!(direction(&offer), "sendonly");
        assert_eq!(version(&offer), 2);
        let told = w.frames(page);
        assert_eq!(told.last().unwrap()["message"], "hold");
        assert_eq!(told.last().unwrap()["data"][0]["status"], "HOLD");
        assert_eq!(w.media_now().0.media[0].sip_direction, Direction::SendOnly);

        w.unhold(page, &id);
        assert!(w.media_now().1, "held until the peer has agreed");
        let offer = w.answer_re_invite(PHONE_SDP);
        assert_eq!(direction(&offer), "sendrecv");
        assert_eq!(version(&offer), 3);
        assert_eq!(w.told(page).last().unwrap(), "talk:ESTABLISHED");
        let (plan, held) = w.media_now();
        assert_eq!(
            (plan.media[0].sip_direction, held),
            (Direction::SendRecv, false)
        );
        // And the peer is answered with what it has by then.
        let answer = peer.re_invite(&mut w, PHONE_SDP);
        assert_eq!(
            version(&answer),
            3,
            "an unchanged description has an unchanged version"
        );
    }
}

#[test]
fn eleven_minutes_on_hold_and_both_directions_flow_again() {
    for by_page in [true, false] {
        for (mut w, page, mut peer, id) in both_ways() {
            if by_page {
                w.hold(page, &id);
                w.answer_re_invite(&phone("recvonly"));
            } else {
                peer.re_invite(&mut w, &phone("sendonly"));
            }
            w.frames(page);
            w.advance(Duration::from_secs(11 * 60));
            assert_eq!(w.hub.call_ids().len(), 1, "the call is up");
            w.frames(page);
            w.sip_out.clear();
            if by_page {
                w.unhold(page, &id);
                w.answer_re_invite(PHONE_SDP);
            } else {
                peer.re_invite(&mut w, PHONE_SDP);
            }
            assert_eq!(w.told(page).last().unwrap(), "talk:ESTABLISHED");
            let (plan, held) = w.media_now();
            assert_eq!(plan.media[0].sip_direction, Direction::SendRecv);
            assert!(plan.media[0].remote.is_some() && !held);
        }
    }
}

/// Both hold; each of the two may release first.
#[test]
fn both_hold_and_release_in_either_order() {
    for page_first in [true, false] {
        for (mut w, page, mut peer, id) in both_ways() {
            peer.re_invite(&mut w, &phone("sendonly"));
            assert_eq!(w.told(page).last().unwrap(), "hold:HOLD");
            w.sip_out.clear();
            w.hold(page, &id);
            let offer = w.answer_re_invite(&phone("inactive"));
            assert_eq!(direction(&offer), "inactive", "RFC 3264 §8.4");
            assert_eq!(
                w.told(page).last().unwrap(),
                "hold:HOLD",
                "answered though nothing is new"
            );
            if page_first {
                w.unhold(page, &id);
                let offer = w.answer_re_invite(&phone("sendonly"));
                assert_eq!(direction(&offer), "sendrecv", "RFC 6337 §5.1");
                assert_eq!(w.told(page).last().unwrap(), "hold:HOLD", "the true state");
                assert!(!w.media_now().1);
                let answer = peer.re_invite(&mut w, PHONE_SDP);
                assert_eq!(direction(&answer), "sendrecv");
            } else {
                let answer = peer.re_invite(&mut w, PHONE_SDP);
                assert_eq!(direction(&answer), "sendonly", "we hold still");
                assert_eq!(w.told(page).iter().filter(|t| *t != "holdState").count(), 0);
                w.sip_out.clear();
                w.unhold(page, &id);
                let offer = w.answer_re_invite(PHONE_SDP);
                assert_eq!(direction(&offer), "sendrecv");
            }
            assert_eq!(w.told(page).last().unwrap(), "talk:ESTABLISHED");
            let (plan, held) = w.media_now();
            assert_eq!(
                (plan.media[0].sip_direction, held),
                (Direction::SendRecv, false)
            );
        }
    }
}

#[test]
fn a_page_with_hold_state_hears_who_holds() {
    let [(mut w, page, mut peer, id), _] = both_ways();
    let mut heard = Vec::new();
    let mut look = |w: &mut World| {
        for frame in w.frames(page) {
            let data = &frame["data"][0];
            heard.push(match frame["message"].as_str().unwrap() {
                "holdState" => format!("{} {}", data["local"], data["remote"]),
                other => other.to_owned(),
            });
        }
    };
    peer.re_invite(&mut w, &phone("sendonly"));
    look(&mut w);
    w.sip_out.clear();
    w.hold(page, &id);
    w.answer_re_invite(&phone("inactive"));
    look(&mut w);
    peer.re_invite(&mut w, PHONE_SDP);
    look(&mut w);
    w.sip_out.clear();
    w.unhold(page, &id);
    w.answer_re_invite(PHONE_SDP);
    look(&mut w);
    assert_eq!(
        heard,
        [
            "false true",
            "hold",
            "true true",
            "hold",
            "true false",
            "false false",
            "talk"
        ]
    );
}

/// `(the peer's refusal, whether the call ends)`
#[test]
fn a_refused_hold_tells_the_true_state() {
    for (line, ends) in [
        ("488 Not Acceptable Here", false),
        ("403 Forbidden", false),
        ("500 Server Internal Error", false),
        ("603 Decline", false),
        ("481 Call/Transaction Does Not Exist", true),
        ("408 Request Timeout", true),
    ] {
        for (mut w, page, _, id) in both_ways() {
            w.frames(page);
            w.sip_out.clear();
            w.hold(page, &id);
            let offer = w.expect_sip("INVITE");
            w.respond(&offer, line, "", "");
            w.expect_sip("ACK");
            let told = w.frames(page);
            let names: Vec<&str> = told
                .iter()
                .map(|f| f["message"].as_str().unwrap())
                .collect();
            if ends {
                assert_eq!(names, ["finish"], "{line}");
                w.expect_sip("BYE");
                continue;
            }
            assert_eq!(names, ["fail", "talk"], "{line}");
            assert_eq!(told[0]["data"][0]["apiMethod"], "hold");
            assert_eq!(told[0]["data"][0]["id"], id.as_str());
            assert_eq!(told[1]["data"][0]["status"], "ESTABLISHED");
            assert!(!w.media_now().1, "{line}: the page is heard again");
            // RFC 3264 §8: the next try says the same, so it has the same version.
            w.hold(page, &id);
            let again = w.answer_re_invite(&phone("recvonly"));
            assert_eq!(version(&again), version(&offer), "{line}");
            assert_eq!(sip_text::body(&again), sip_text::body(&offer), "{line}");
            assert_eq!(w.told(page).last().unwrap(), "hold:HOLD");
        }
    }
}

#[test]
fn a_refused_resume_leaves_the_call_held() {
    let [(mut w, page, _, id), _] = both_ways();
    w.sip_out.clear();
    w.hold(page, &id);
    w.answer_re_invite(&phone("recvonly"));
    w.frames(page);
    w.unhold(page, &id);
    let offer = w.expect_sip("INVITE");
    w.respond(&offer, "500 Server Internal Error", "", "");
    assert_eq!(w.told(page), ["fail:FAILED", "hold:HOLD"]);
    assert!(w.media_now().1);
}

#[test]
fn a_hold_that_nobody_answers_ends_the_call() {
    for (mut w, page, _, id) in both_ways() {
        w.frames(page);
        w.hold(page, &id);
        w.advance(Duration::from_secs(33));
        assert_eq!(w.told(page), ["finish:FAILED"]);
        w.expect_sip("BYE");
    }
}

#[test]
fn glare_is_waited_out() {
    for ((mut w, page, _, id), wait) in both_ways().into_iter().zip([4000, 2000]) {
        w.frames(page);
        w.sip_out.clear();
        w.hold(page, &id);
        let offer = w.expect_sip("INVITE");
        w.respond(&offer, "491 Request Pending", "", "");
        assert_eq!(w.told(page), [""; 0], "nothing to say yet");
        w.advance(Duration::from_millis(wait));
        let again = w.answer_re_invite(&phone("recvonly"));
        assert_eq!(version(&again), version(&offer), "the same description");
        assert_eq!(w.told(page).last().unwrap(), "hold:HOLD");
    }
}

/// The peer changes the call while our hold waits: with an offer of its own, or by asking for ours.
#[test]
fn a_change_of_the_peer_is_no_answer_to_a_hold_that_waits() {
    let moved = PHONE_SDP.replace("43000", "43100");
    for without_sdp in [false, true] {
        for (mut w, page, mut peer, id) in both_ways() {
            w.frames(page);
            w.sip_out.clear();
            let hold = json!({"message":"hold","data":[{"callId":id,"holdForTransfer":true}]});
            w.say(page, hold);
            let offer = w.expect_sip("INVITE");
            w.respond(&offer, "491 Request Pending", "", "");
            let said = if without_sdp {
                peer.re_invite_without_sdp(&mut w, &moved)
            } else {
                peer.re_invite(&mut w, &moved)
            };
            assert_eq!(direction(&said), "sendrecv", "nobody holds yet");
            assert_eq!(w.told(page), [""; 0], "without SDP: {without_sdp}");

            w.advance(Duration::from_secs(4));
            let offer = w.answer_re_invite(&phone("recvonly").replace("43000", "43100"));
            assert_eq!(direction(&offer), "sendonly");
            let frames = w.frames(page);
            let told = frames.last().unwrap();
            assert_eq!(told["message"], "hold");
            assert_eq!(told["data"][0]["holdForTransfer"], true);
        }
    }
}

/// The last wish wins, and each is answered by the state it finds.
#[test]
fn what_is_pressed_while_an_offer_is_open_is_done_afterwards() {
    let [(mut w, page, _, id), _] = both_ways();
    w.sip_out.clear();
    w.hold(page, &id);
    w.unhold(page, &id);
    assert_eq!(w.told(page), [""; 0]);
    let first = w.answer_re_invite(&phone("recvonly"));
    assert_eq!(direction(&first), "sendonly");
    let second = w.answer_re_invite(PHONE_SDP);
    assert_eq!(direction(&second), "sendrecv");
    let told: Vec<String> = w
        .told(page)
        .into_iter()
        .filter(|t| t != "holdState")
        .collect();
    assert_eq!(told, ["hold:HOLD", "talk:ESTABLISHED"]);

    w.hold(page, &id);
    w.unhold(page, &id);
    w.hold(page, &id);
    w.answer_re_invite(&phone("recvonly"));
    assert!(w.try_sip("INVITE").is_none(), "it is as the page wants it");
    assert_eq!(w.told(page).last().unwrap(), "hold:HOLD");
}

#[test]
fn a_wish_withdrawn_during_glare_is_no_offer() {
    let [(mut w, page, _, id), _] = both_ways();
    w.sip_out.clear();
    w.hold(page, &id);
    let offer = w.expect_sip("INVITE");
    w.respond(&offer, "491 Request Pending", "", "");
    w.unhold(page, &id);
    w.advance(Duration::from_secs(5));
    assert!(w.try_sip("INVITE").is_none());
    assert_eq!(w.told(page), ["talk:ESTABLISHED"]);
    assert!(!w.media_now().1, "the page is heard again");
}

#[test]
fn hold_for_transfer_is_marked_in_its_answer() {
    let [(mut w, page, _, id), _] = both_ways();
    w.sip_out.clear();
    w.frames(page);
    w.say(
        page,
        json!({"message":"hold","data":[{"callId":id,"holdForTransfer":true}]}),
    );
    w.answer_re_invite(&phone("recvonly"));
    let frames = w.frames(page);
    assert_eq!(frames.last().unwrap()["data"][0]["holdForTransfer"], true);
}

#[test]
fn a_call_that_only_rings_is_not_held() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "180 Ringing", "a", "");
    w.told(page);
    w.hold(page, "c1");
    assert_eq!(w.told(page), ["fail:FAILED", "ring:RING"]);
    assert!(w.try_sip("INVITE").is_none());
    w.hold(page, "nobody");
    assert_eq!(w.told(page), ["fail:FAILED"]);
}

#[test]
fn a_hold_pressed_before_the_ack_goes_out_after_it() {
    let mut w = World::new();
    let (page, contact) = w.callee("10006", &[]);
    let invite = w.invite_for(&contact, "in1", PHONE_SDP);
    let id = w.ringing_id(page);
    w.answer(page, &id);
    let ok = w.expect_sip("200");
    w.hold(page, &id);
    assert!(w.try_sip("INVITE").is_none(), "RFC 3261 §14.1");
    w.in_dialog(&invite, &ok, "ACK", 1);
    w.answer_re_invite(&phone("recvonly"));
    assert_eq!(w.told(page), ["talk:ESTABLISHED", "hold:HOLD"]);
}

/// The peer took our offer, and its answer cannot be used: nothing changes.
#[test]
fn an_answer_that_cannot_be_used_leaves_the_call_as_it_was() {
    for body in [
        "",
        "v=0\r\n",
        &PHONE_SDP.replace("0 101", "9").replace("0 PCMU", "9 G722"),
    ] {
        let [(mut w, page, _, id), _] = both_ways();
        w.sip_out.clear();
        w.hold(page, &id);
        w.answer_re_invite(body);
        assert_eq!(
            w.told(page),
            ["fail:FAILED", "talk:ESTABLISHED"],
            "{body:?}"
        );
        assert_eq!(w.hub.call_ids().len(), 1);
    }
}

#[test]
fn the_record_says_who_held_the_call() {
    let [(mut w, page, mut peer, id), _] = both_ways();
    peer.re_invite(&mut w, &phone("sendonly"));
    peer.re_invite(&mut w, PHONE_SDP);
    w.sip_out.clear();
    w.hold(page, &id);
    w.answer_re_invite(&phone("recvonly"));
    let changes: Vec<String> = w
        .records
        .iter()
        .map(|record| record.what.to_string())
        .filter(|what| what.starts_with("changed"))
        .collect();
    assert_eq!(changes.len(), 3, "{changes:?}");
    assert!(changes[0].starts_with("changed by sip: "), "{changes:?}");
    assert!(
        changes[0].contains("the SIP side holds the call"),
        "{changes:?}"
    );
    assert!(
        changes[1].contains("the SIP side resumes the call"),
        "{changes:?}"
    );
    assert!(
        changes[2].starts_with("changed by browser: "),
        "{changes:?}"
    );
    assert!(
        changes[2].contains("the page holds the call"),
        "{changes:?}"
    );
    assert!(changes[2].contains("PCMU/8000 on both legs"), "{changes:?}");
}
