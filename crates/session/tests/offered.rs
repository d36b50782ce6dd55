//! Offers of the peer in a call: re-INVITE and UPDATE, with and without SDP; late offers.

mod world;

use std::time::Duration;

use serde_json::json;
use session::media::{MediaCommand, StreamId};
use session::{SocketId, What};
use testkit::sip_text;
use world::peer::{Peer, direction, version};
use world::{Ice, PHONE_SDP, World};

fn up() -> (World, SocketId, Peer) {
    let mut w = World::new();
    let page = w.registered("10006");
    let peer = w.calls(page);
    w.sip_out.clear();
    (w, page, peer)
}

#[test]
fn an_unchanged_description_gets_an_unchanged_answer() {
    let (mut w, page, mut peer) = up();
    let first = peer.re_invite(&mut w, PHONE_SDP);
    let second = peer.re_invite(&mut w, PHONE_SDP);
    assert_eq!(sip_text::status(&first), Some(200));
    assert_eq!(version(&first), version(&second));
    assert_eq!(sip_text::body(&first), sip_text::body(&second));
    assert_eq!(w.told(page), [""; 0]);
    let changed = w
        .records
        .iter()
        .any(|r| matches!(r.what, What::Changed { .. }));
    assert!(!changed, "nothing to put on record");
}

/// `(method, what is new, a sign of it in the plan)`
#[test]
fn address_port_number_and_codec_are_followed() {
    let port = PHONE_SDP.replace("43000", "43100");
    let address = PHONE_SDP.replace("c=IN IP4 127.0.0.1", "c=IN IP4 127.0.0.9");
    let codec = PHONE_SDP
        .replace("AVP 0 101", "AVP 8 101")
        .replace("0 PCMU", "8 PCMA");
    for method in ["INVITE", "UPDATE"] {
        for (offer, sign) in [
            (&port, "127.0.0.1:43100"),
            (&address, "127.0.0.9:43000"),
            (&codec, "PCMA/8000"),
        ] {
            let (mut w, page, mut peer) = up();
            peer.ask(&mut w, method, Some(("application/sdp", offer)));
            let answer = w.expect_sip("200");
            assert_eq!(
                sip_text::header(&answer, "CSeq").unwrap(),
                format!("{} {method}", peer.cseq)
            );
            let plan = &w.media_now().0.media[0];
            let remote = plan.remote.unwrap().rtp.to_string();
            let codec = plan.routes[0].sip.to_string();
            assert!(
                [remote, codec].contains(&sign.to_owned()),
                "{method}: {plan:?}"
            );
            assert_eq!(w.told(page), [""; 0], "the page notices nothing");
            let opened = w
                .media
                .commands
                .iter()
                .filter(|c| matches!(c, MediaCommand::OpenBrowserLeg { .. }));
            assert_eq!(opened.count(), 1, "the browser is never renegotiated");
            let last = w.records.last().unwrap().what.to_string();
            assert!(
                last.starts_with("changed by sip") && last.contains(sign),
                "{last}"
            );
        }
    }
}

#[test]
fn what_cannot_be_carried_gets_488_with_a_warning_and_changes_nothing() {
    let g729 = PHONE_SDP
        .replace("AVP 0 101", "AVP 18")
        .replace("0 PCMU", "18 G729");
    let t38 = "v=0\r\no=phone 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=image 43002 udptl t38\r\n";
    for (offer, code) in [(g729.as_str(), 305), (t38, 399), ("v=0\r\n", 399)] {
        for method in ["INVITE", "UPDATE"] {
            let (mut w, page, mut peer) = up();
            let commands = w.media.commands.len();
            peer.ask(&mut w, method, Some(("application/sdp", offer)));
            let answer = w.final_answer();
            assert_eq!(sip_text::status(&answer), Some(488), "{offer}");
            let warning = sip_text::header(&answer, "Warning").expect("a Warning");
            assert!(
                warning.starts_with(&format!("{code} ringdown \"")),
                "{warning}"
            );
            assert_eq!(w.media.commands.len(), commands);
            assert_eq!(w.told(page), [""; 0]);
            let again = peer.re_invite(&mut w, PHONE_SDP);
            assert_eq!(version(&again), 1, "it is as it was");
        }
    }
}

#[test]
fn added_video_is_refused_and_the_call_goes_on() {
    let (mut w, _, mut peer) = up();
    let video = format!("{PHONE_SDP}m=video 43002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n");
    let answer = peer.re_invite(&mut w, &video);
    assert_eq!(sip_text::status(&answer), Some(200));
    assert!(sip_text::body(&answer).contains("m=video 0 "), "{answer}");
}

#[test]
fn a_re_invite_without_sdp_gets_our_offer_and_its_ack_is_the_answer() {
    let (mut w, _, mut peer) = up();
    let pcma = PHONE_SDP
        .replace("AVP 0 101", "AVP 8 101")
        .replace("0 PCMU", "8 PCMA");
    let ok = peer.re_invite_without_sdp(&mut w, &pcma);
    assert_eq!(direction(&ok), "sendrecv");
    assert_eq!(
        w.media_now().0.media[0].routes[0].sip.to_string(),
        "PCMA/8000"
    );
}

#[test]
fn an_ack_without_the_answer_that_was_due_leaves_the_call_as_it_was() {
    let (mut w, page, mut peer) = up();
    peer.ask(&mut w, "INVITE", None);
    w.expect_sip("200");
    peer.ask_as(&mut w, "ACK", peer.cseq, None);
    assert_eq!(w.hub.call_ids().len(), 1);
    assert_eq!(w.told(page), [""; 0]);
    let next = peer.re_invite(&mut w, PHONE_SDP);
    assert_eq!(sip_text::status(&next), Some(200));
}

#[test]
fn an_offer_in_an_early_dialog_changes_that_dialog_alone() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    for (tag, number) in [("a", 1), ("b", 2)] {
        let contact = "Contact: <sip:phone@127.0.0.1:5060>";
        let reliable = format!("RSeq: {number}");
        w.sip(sip_text::respond(
            &invite,
            "183 Session Progress",
            tag,
            &[contact, "Require: 100rel", &reliable],
            PHONE_SDP,
        ));
        let prack = w.expect_sip("PRACK");
        w.sip(sip_text::respond(&prack, "200 OK", tag, &[contact], ""));
    }
    let mut peer = Peer::called(&invite, "a");
    let moved = PHONE_SDP.replace("43000", "43100");
    peer.ask(&mut w, "UPDATE", Some(("application/sdp", &moved)));
    w.expect_sip("200");
    let last = w
        .media
        .commands
        .iter()
        .rev()
        .find_map(|command| match command {
            MediaCommand::ConnectSipLeg { stream, plan, .. } => {
                Some((*stream, plan.media[0].remote.unwrap().rtp.port()))
            }
            _ => None,
        });
    assert_eq!(last, Some((StreamId(0), 43100)));
}

/// RFC 3261 section 13.2.1: descriptions in later responses to the INVITE are ignored.
#[test]
fn what_an_update_has_changed_is_not_undone_by_a_later_18x() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    let contact = "Contact: <sip:phone@127.0.0.1:5060>";
    w.sip(sip_text::respond(
        &invite,
        "183 Session Progress",
        "a",
        &[contact, "Require: 100rel", "RSeq: 1"],
        PHONE_SDP,
    ));
    let prack = w.expect_sip("PRACK");
    w.sip(sip_text::respond(&prack, "200 OK", "a", &[contact], ""));
    let mut peer = Peer::called(&invite, "a");
    let moved = PHONE_SDP
        .replace("43000", "43100")
        .replace("sendrecv", "sendonly");
    peer.ask(&mut w, "UPDATE", Some(("application/sdp", &moved)));
    assert_eq!(version(&w.expect_sip("200")), 2);
    let (changed, _) = w.media_now();
    assert_eq!(changed.media[0].remote.unwrap().rtp.port(), 43100);

    w.respond(&invite, "180 Ringing", "a", PHONE_SDP);
    assert_eq!(w.media_now().0, changed);
    w.respond(&invite, "200 OK", "a", "");
    assert_eq!(w.media_now().0, changed);
    let answer = peer.re_invite(&mut w, PHONE_SDP);
    assert_eq!(version(&answer), 3);
}

#[test]
fn an_early_dialog_that_ends_is_not_heard_and_the_page_hears_nothing() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "183 Session Progress", "a", PHONE_SDP);
    w.respond(&invite, "183 Session Progress", "b", PHONE_SDP);
    w.frames(page);
    let before = w.media.commands.len();
    w.respond(&invite, "199 Early Dialog Terminated", "b", "");
    assert_eq!(w.told(page), [""; 0]);
    let commands = &w.media.commands[before..];
    assert!(matches!(
        &commands[0],
        MediaCommand::ConnectSipLeg { stream: StreamId(1), plan, .. } if plan.media[0].remote.is_none()
    ));
    assert!(matches!(
        commands[1],
        MediaCommand::SelectRemoteStream {
            stream: StreamId(0),
            ..
        }
    ));
    w.respond(&invite, "200 OK", "a", "");
    assert_eq!(w.told(page), ["talk:ESTABLISHED"]);
}

/// A page that is called, and what its `answer` adds.
fn answer_with(w: &mut World, page: SocketId, id: &str) {
    w.say(
        page,
        json!({"message":"answer","data":[{"callId":id,"sdp":world::BROWSER_ANSWER,
            "sipSDP":["b=AS:3000"],"sipHeaders":{"X-Tenant":"7"}}]}),
    );
}

fn called(features: &[&str]) -> (World, SocketId, String) {
    let mut w = World::new();
    let (page, contact) = w.callee("10006", features);
    (w, page, contact)
}

#[test]
fn what_a_page_adds_to_its_answer_stands_in_the_200_also_of_a_late_offer() {
    for body in [PHONE_SDP, ""] {
        let (mut w, page, contact) = called(&["sipHeaders"]);
        w.invite_for(&contact, "in1", body);
        let id = w.ringing_id(page);
        answer_with(&mut w, page, &id);
        let ok = w.expect_sip("200");
        assert!(sip_text::body(&ok).contains("\r\nb=AS:3000\r\n"), "{ok}");
        assert_eq!(sip_text::header(&ok, "X-Tenant"), Some("7"));
    }
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let (mut w, page, contact) = called(&[]);
    let invite = w.invite_for(&contact, "in1", "");
    let id = w.ringing_id(page);
    w.answer(page, &id);
    let ok = w.expect_sip("200");
    let mut peer = Peer::caller(&invite, &ok);
    peer.ask_as(&mut w, "ACK", 1, Some(("application/sdp", PHONE_SDP)));
    assert_eq!(w.told(page), ["talk:ESTABLISHED"]);
    assert_eq!(
        w.media_now().0.media[0].routes[0].sip.to_string(),
        "PCMU/8000"
    );
    let answer = peer.re_invite(&mut w, PHONE_SDP);
    assert_eq!(sip_text::status(&answer), Some(200));
}

#[test]
fn a_late_offer_whose_ack_has_no_sdp_ends_the_call_with_a_reason() {
    let (mut w, page, contact) = called(&[]);
    let invite = w.invite_for(&contact, "in1", "");
    let id = w.ringing_id(page);
    w.answer(page, &id);
    let ok = w.expect_sip("200");
    w.in_dialog(&invite, &ok, "ACK", 1);
    let bye = w.expect_sip("BYE");
    assert!(sip_text::header(&bye, "Reason").is_some(), "{bye}");
    assert_eq!(w.told(page), ["talk:ESTABLISHED", "finish:FAILED"]);
    w.sip(sip_text::respond(&bye, "200 OK", "", &[], ""));
    w.assert_calls_gone();
}

/// An INVITE without SDP that requires reliable provisional responses: our offer is in the 180, the answer in PRACK.
fn reliable_late_offer(w: &mut World, contact: &str) -> (String, Peer, String) {
    let invite = sip_text::request(
        &format!("INVITE {contact}"),
        &[
            "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKrel",
            "Max-Forwards: 70",
            "From: <sip:10005@127.0.0.1>;tag=caller",
            "To: <sip:10006@127.0.0.1>",
            "Call-ID: rel1",
            "CSeq: 1 INVITE",
            "Contact: <sip:10005@127.0.0.1:5060>",
            "Require: 100rel",
        ],
        "",
    );
    w.sip(invite.clone());
    let ringing = w.expect_sip("180");
    let peer = Peer::caller(&invite, &ringing);
    (invite, peer, ringing)
}

fn prack(w: &mut World, peer: &mut Peer, ringing: &str, sdp: &str) {
    peer.cseq += 1;
    let rseq = sip_text::header(ringing, "RSeq").expect("a reliable 180");
    let content = if sdp.is_empty() {
        String::new()
    } else {
        "Content-Type: application/sdp\r\n".to_owned()
    };
    let Peer {
        from,
        to,
        call_id,
        target,
        cseq,
    } = peer;
    w.sip(format!(
        "PRACK {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKprack{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} PRACK\r\n\
         RAck: {rseq} 1 INVITE\r\n{content}Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    ));
}

#[test]
fn a_reliable_180_carries_our_offer_and_its_prack_the_answer() {
    let (mut w, page, contact) = called(&[]);
    let (_, mut peer, ringing) = reliable_late_offer(&mut w, &contact);
    assert!(sip_text::body(&ringing).contains("m=audio"), "{ringing}");
    prack(&mut w, &mut peer, &ringing, PHONE_SDP);
    let id = w.ringing_id(page);
    w.answer(page, &id);
    let oks: Vec<String> = std::iter::from_fn(|| w.try_sip("200")).collect();
    let ok = oks
        .iter()
        .find(|ok| ok.contains("1 INVITE"))
        .expect("a 200 to INVITE");
    assert_eq!(sip_text::body(ok), "", "SDP here would be a new offer");
    peer.ask_as(&mut w, "ACK", 1, None);
    assert_eq!(w.told(page), ["talk:ESTABLISHED"]);
    assert_eq!(
        w.media_now().0.media[0].routes[0].sip.to_string(),
        "PCMU/8000"
    );
    assert_eq!(w.hub.call_ids().len(), 1);
}

/// The page may answer before the PRACK comes; our 200 waits for it (RFC 3262 section 3).
#[test]
fn a_prack_that_comes_after_the_page_has_answered_brings_the_answer_too() {
    let held = PHONE_SDP.replace("a=sendrecv", "a=sendonly");
    for state in ["Answering", "Accepting", "Established"] {
        for sdp in [PHONE_SDP, &held] {
            let (mut w, page, contact) = called(&[]);
            let (_, mut peer, ringing) = reliable_late_offer(&mut w, &contact);
            let id = w.ringing_id(page);
            w.media.manual = state == "Answering";
            if state == "Accepting" {
                w.media.ice = Ice::Never;
            }
            w.answer(page, &id);
            let call = w.hub.call_ids()[0];
            assert_eq!(w.hub.call_state(call), Some(state));
            assert!(w.try_sip("200").is_none(), "{state}");

            prack(&mut w, &mut peer, &ringing, sdp);
            while w.media_event() {}
            w.advance(Duration::from_millis(300));
            let oks: Vec<String> = std::iter::from_fn(|| w.try_sip("200")).collect();
            let to_invite = oks.iter().filter(|ok| ok.contains("1 INVITE"));
            assert_eq!(to_invite.count(), 1, "{state}");
            peer.ask_as(&mut w, "ACK", 1, None);
            assert!(w.try_sip("BYE").is_none(), "{state}");
            let expected = match sdp == held {
                true => &["talk:ESTABLISHED", "hold:HOLD"][..],
                false => &["talk:ESTABLISHED"],
            };
            assert_eq!(w.told(page), expected, "{state}");
            let codec = w.media_now().0.media[0].routes[0].sip.to_string();
            assert_eq!(codec, "PCMU/8000", "{state}");
            let record = w.records.iter().map(|record| record.what.to_string());
            let says = |line: &String| line.contains("PCMU/8000 on both legs");
            assert_eq!(record.filter(says).count(), 1, "{state}");
        }
    }
}

#[test]
fn a_prack_whose_answer_cannot_be_used_ends_the_call_that_the_page_has_answered() {
    let (mut w, page, contact) = called(&[]);
    let (_, mut peer, ringing) = reliable_late_offer(&mut w, &contact);
    let id = w.ringing_id(page);
    w.answer(page, &id);
    prack(&mut w, &mut peer, &ringing, "");
    peer.ask_as(&mut w, "ACK", 1, None);
    let bye = w.expect_sip("BYE");
    let frames = w.frames(page);
    let [talk, finish] = &frames[..] else {
        panic!("{frames:?}");
    };
    assert_eq!(talk["message"], "talk");
    let info = finish["data"][0]["info"].as_str().unwrap();
    assert!(info.contains("PRACK carries no SDP"), "{info}");
    w.sip(sip_text::respond(&bye, "200 OK", "", &[], ""));
    w.assert_calls_gone();
}

#[test]
fn a_prack_without_the_answer_that_was_due_ends_the_call() {
    let (mut w, page, contact) = called(&[]);
    let (_, mut peer, ringing) = reliable_late_offer(&mut w, &contact);
    prack(&mut w, &mut peer, &ringing, "");
    w.expect_sip("488");
    assert_eq!(w.told(page).last().unwrap(), "finish:FAILED");
}

#[test]
fn an_invite_that_cannot_be_answered_says_why() {
    let (mut w, _, contact) = called(&[]);
    let g729 = PHONE_SDP
        .replace("AVP 0 101", "AVP 18")
        .replace("0 PCMU", "18 G729");
    w.invite_for(&contact, "in1", &g729);
    let refusal = w.expect_sip("488");
    assert!(sip_text::header(&refusal, "Warning").is_some(), "{refusal}");
}
