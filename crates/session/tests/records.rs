//! The record of a call: one entry for each thing that happens to it, with its names.

mod world;

use std::time::Duration;

use serde_json::json;
use session::media::{MediaEvent, MediaFailure};
use session::{Input, What};
use testkit::sip_text;
use world::{PHONE_SDP, World, contact_uri};

/// The records so far, as the log prints them.
fn said(w: &World) -> Vec<String> {
    w.records.iter().map(|r| r.what.to_string()).collect()
}

#[test]
fn an_outgoing_call_is_followed_from_start_to_end() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "180 Ringing", "a", "");
    w.respond(&invite, "180 Ringing", "a", "");
    w.respond(&invite, "200 OK", "a", PHONE_SDP);
    w.advance(Duration::from_secs(75));
    w.hangup(page, "c1");
    assert_eq!(
        said(&w),
        [
            "started: outgoing, 10006 calls 10005",
            "ringing",
            "answered: audio: PCMU/8000 on both legs: passed through by payload type; digits as telephone-event/8000",
            "ended by browser after 75 s: Normal call clearing",
        ]
    );
    let call_id = sip_text::header(&invite, "Call-ID").unwrap();
    let session = w.hub.session_of(page).unwrap();
    for record in &w.records {
        assert_eq!(record.sip_call_id.as_deref(), Some(call_id));
        assert_eq!(record.sessions, [session]);
    }
}

#[test]
fn an_incoming_call_names_all_sessions_that_ring_and_then_the_one_that_talks() {
    let mut w = World::new();
    let ringing = w.two_ring();
    w.answer(ringing.two, &ringing.id_two);
    w.hangup(ringing.two, &ringing.id_two);
    let sessions = [ringing.one, ringing.two].map(|page| w.hub.session_of(page).unwrap());
    let of = |w: &World, at: usize| w.records[at].sessions.clone();
    assert!(matches!(
        w.records[0].what,
        What::Started { incoming: true, .. }
    ));
    assert_eq!(of(&w, 0), sessions);
    assert_eq!(w.records[1].what, What::Ringing);
    assert!(matches!(w.records[2].what, What::Answered { .. }));
    assert_eq!(of(&w, 2), sessions[1..]);
    assert!(matches!(w.records[3].what, What::Ended { .. }));
    assert_eq!(w.records.len(), 4);
    assert!(
        w.records
            .iter()
            .all(|r| r.sip_call_id.as_deref() == Some("in1"))
    );
}

#[test]
fn a_call_that_never_came_to_be_is_started_and_ended_all_the_same() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "486 Busy Here", "a", "");
    assert_eq!(w.records.len(), 2);
    let What::Ended { cause, duration } = &w.records[1].what else {
        panic!("{:?}", w.records);
    };
    assert_eq!((cause.sip_code, *duration), (Some(486), None));
    assert_eq!(
        said(&w)[1],
        "ended by sip before it was answered: 10005 is busy (486 Busy Here)."
    );
}

#[test]
fn the_end_of_a_call_names_its_code_once() {
    for (text, told) in [
        (
            "10005 is busy (486 Busy Here).",
            "10005 is busy (486 Busy Here).",
        ),
        (
            "Nobody answered within 60s.",
            "Nobody answered within 60s. (486)",
        ),
    ] {
        let cause = sip::Cause::new(486, sip::Stage::Ringing, sip::Side::Sip, text);
        let ended = What::Ended {
            cause,
            duration: None,
        };
        let told = format!("ended by sip before it was answered: {told}");
        assert_eq!(ended.to_string(), told);
    }
}

/// The codec of a late offer is known when the ACK brings the answer.
#[test]
fn a_late_offer_is_answered_first_and_agreed_on_later() {
    let mut w = World::new();
    let page = w.connect("10006");
    let register = w.expect_sip("REGISTER");
    w.answer_register(&register);
    w.frames(page);
    let invite = w.invite_for(&contact_uri(&register), "in1", "");
    let id = w.ringing_id(page);
    w.answer(page, &id);
    let ok = w.expect_sip("200");
    let peer = world::peer::Peer::caller(&invite, &ok);
    peer.ask_as(&mut w, "ACK", 1, Some(("application/sdp", PHONE_SDP)));
    let said = said(&w);
    assert_eq!(said[2], "answered: the SIP side's SDP is still to come");
    assert!(
        said[3].starts_with("agreed: audio: PCMU/8000 on both legs"),
        "{said:?}"
    );
    assert_eq!(said.len(), 4);
}

/// `(what the INVITE meets, its status, why)`
#[test]
fn an_invite_that_is_refused_before_it_rings_is_on_record() {
    let g729 = PHONE_SDP
        .replace("AVP 0 101", "AVP 18")
        .replace("0 PCMU", "18 G729");
    for (sdp, status, why) in [
        (PHONE_SDP, 404, "10006 is not registered here"),
        (PHONE_SDP, 480, "10006 has no page that could ring"),
        (&g729, 488, "Transcoding required"),
    ] {
        let mut config = world::config();
        config.ua.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        config.detach_after = Duration::from_secs(60);
        let mut w = World::with(config, [7; 32]);
        let mut contact = "sip:10006@127.0.0.1:5080".to_owned();
        if status != 404 {
            let page = w.connect("10006");
            let register = w.expect_sip("REGISTER");
            w.answer_register(&register);
            contact = contact_uri(&register);
            if status == 480 {
                w.input(Input::SocketClosed { socket: page });
            }
        }
        w.invite_for(&contact, "in1", sdp);
        w.expect_sip(&status.to_string());
        assert_eq!(w.records.len(), 2, "{:?}", w.records);
        assert_eq!(said(&w)[0], "started: incoming, 10005 calls 10006");
        let ended = format!("ended by gateway before it was answered: {why}");
        assert!(said(&w)[1].starts_with(&ended), "{:?}", said(&w));
        let What::Ended { cause, .. } = &w.records[1].what else {
            panic!("{:?}", w.records);
        };
        assert_eq!(cause.sip_code, Some(status));
        for record in &w.records {
            assert_eq!(record.sip_call_id.as_deref(), Some("in1"));
            assert_eq!(record.call, w.records[0].call);
        }
    }
}

#[test]
fn a_call_of_a_page_that_cannot_be_made_is_on_record() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.say(page, world::call("c1", "10005", "this is no SDP"));
    w.say(
        page,
        world::call("c2", "not a number <", world::BROWSER_AUDIO),
    );
    let session = w.hub.session_of(page).unwrap();
    let told = w.told(page);
    assert_eq!(told.iter().filter(|t| *t == "finish:FAILED").count(), 2);
    let said = said(&w);
    assert_eq!(said.len(), 4, "{said:?}");
    assert_eq!(said[0], "started: outgoing, 10006 calls 10005");
    assert!(
        said[1]
            .starts_with("ended by browser before it was answered: The page's SDP cannot be used"),
        "{said:?}"
    );
    assert_eq!(said[2], "started: outgoing, 10006 calls not a number <");
    assert!(said[3].starts_with("ended by browser"), "{said:?}");
    assert!(w.records.iter().all(|r| r.sessions == [session]));
}

/// `(how the only page that rings goes, what the page hears, what the caller hears, how it ended)`
#[test]
fn the_end_of_a_call_names_the_last_page_that_rang() {
    let by_page = "ended by browser before it was answered: Normal call clearing";
    let by_media = "ended by browser before it was answered: Failed by ICE error (408)";
    for (gone, told, status, ended) in [
        ("thisTab", "finish:FINISH", "480", by_page),
        ("failed", "finish:FAILED", "500", by_media),
    ] {
        let mut w = World::new();
        let page = w.connect("10006");
        let register = w.expect_sip("REGISTER");
        w.answer_register(&register);
        w.invite_for(&contact_uri(&register), "in1", PHONE_SDP);
        let id = w.ringing_id(page);
        if gone == "thisTab" {
            w.say(
                page,
                json!({"message":"hangup","data":[{"callId":id,"scope":"thisTab"}]}),
            );
        } else {
            let call = w.hub.call_ids()[0];
            let leg = *w.media.legs[&call].first().unwrap();
            let failure = MediaFailure::Ice;
            w.input(Input::Media(MediaEvent::BrowserFailed {
                call,
                leg,
                failure,
            }));
        }
        w.expect_sip(status);
        assert_eq!(w.told(page), [told]);
        assert_eq!(said(&w).last().unwrap(), ended);
        let session = w.hub.session_of(page).unwrap();
        assert_eq!(w.records.last().unwrap().sessions, [session], "{gone}");
        w.assert_calls_gone();
    }
}
