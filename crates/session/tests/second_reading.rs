//! What a second reading of the Hub found, each in simulated time: races between pages that ring
//! together, and failures that must not take a call along.

mod world;

use std::time::Duration;

use testkit::sip_text;
use world::peer::TwoRing;
use world::{PHONE_SDP, World};

/// Two pages ring; the first has answered, and media has not taken its SDP yet.
fn one_answers_two_rings() -> (World, TwoRing) {
    let mut w = World::new();
    let ringing = w.two_ring();
    w.media.manual = true;
    w.answer(ringing.one, &ringing.id_one);
    (w, ringing)
}

#[test]
fn a_reject_that_comes_after_anothers_answer_harms_nothing() {
    let (mut w, ringing) = one_answers_two_rings();
    w.hangup(ringing.two, &ringing.id_two);
    assert_eq!(w.told(ringing.two), ["finish:FINISH"]);
    assert!(w.try_sip("486").is_none(), "the caller is not declined");
    while w.media_event() {}
    w.expect_sip("200");
    assert_eq!(w.told(ringing.one), ["talk:ESTABLISHED"]);
}

#[test]
fn the_others_ring_on_when_the_one_that_answered_is_lost() {
    let (mut w, ringing) = one_answers_two_rings();
    w.input(session::Input::SocketClosed {
        socket: ringing.one,
    });
    w.advance(Duration::ZERO);
    assert_eq!(w.told(ringing.two), [""; 0]);
    w.media.manual = false;
    w.answer(ringing.two, &ringing.id_two);
    w.expect_sip("200");
    assert_eq!(w.told(ringing.two), ["talk:ESTABLISHED"]);
}

#[test]
fn the_last_page_lost_while_answering_is_480_not_busy() {
    let (mut w, ringing) = one_answers_two_rings();
    w.say(
        ringing.two,
        serde_json::json!({"message":"hangup","data":[{"callId":ringing.id_two,"scope":"thisTab"}]}),
    );
    w.input(session::Input::SocketClosed {
        socket: ringing.one,
    });
    w.advance(Duration::ZERO);
    w.expect_sip("480");
    assert!(w.media.open.is_empty());
}

#[test]
fn a_registration_that_fails_later_leaves_the_call_alone() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "200 OK", "phone", PHONE_SDP);
    w.told(page);
    w.sip_out.clear();
    w.advance(Duration::from_secs(590));
    let mut refused = 0;
    while let Some(register) = w.try_sip("REGISTER") {
        refused += 1;
        let challenge = format!("WWW-Authenticate: Digest realm=\"x\", nonce=\"later{refused}\"");
        w.sip(sip_text::respond(
            &register,
            "401 Unauthorized",
            "srv",
            &[&challenge],
            "",
        ));
    }
    assert!(refused >= 2, "the refresh was refused {refused} times");
    assert!(
        w.told(page).contains(&"fail:FAILED".to_owned()),
        "it is told"
    );
    assert!(!w.closed.contains_key(&page), "the socket stays");
    assert_eq!(w.hub.call_ids().len(), 1, "the call goes on");
}

#[test]
fn a_malformed_call_of_a_live_call_id_does_not_end_it() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    w.told(page);
    let mut frame = world::call("c1", "10005", world::BROWSER_AUDIO);
    frame["data"][0]["sdp"] = 5.into();
    w.say(page, frame);
    assert_eq!(w.told(page), ["fail:FAILED"]);
    assert_eq!(w.hub.call_ids().len(), 1);
}

#[test]
fn a_takeover_that_fails_harms_no_call() {
    let mut w = World::new();
    let one = w.registered("10006");
    w.call(one, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "200 OK", "phone", PHONE_SDP);
    let two = w.registered("10006");
    let call = w.hub.call_ids()[0];
    let (session, now) = (w.hub.session_of(two).unwrap(), w.now);
    let id = w.hub.offer_to(call, session, now);
    w.settle();
    w.media.refuse_answer = true;
    w.told(one);
    w.answer(two, &id);
    assert_eq!(
        w.told(two).last().map(String::as_str),
        Some("finish:FAILED")
    );
    w.advance(Duration::from_secs(30));
    assert_eq!(w.told(one), [""; 0], "the call is unharmed");
    assert_eq!(w.hub.call_ids(), [call]);
}

#[test]
fn a_server_of_another_account_cannot_ring_this_one() {
    let mut w = World::new();
    let page = w.connect("10006");
    let register = w.expect_sip("REGISTER");
    w.answer_register(&register);
    let other = w.open_page();
    let mut frame = world::connection("20001");
    frame["data"][0]["sipOutboundProxy"] = "127.0.0.9".into();
    frame["data"][0]["sipDomain"] = "127.0.0.9".into();
    w.say(other, frame);
    w.frames(page);
    let stranger = "127.0.0.9:5060".parse().unwrap();
    let invite = sip_text::request(
        "INVITE sip:10006@127.0.0.1:5080",
        &[
            "Via: SIP/2.0/UDP 127.0.0.9:5060;branch=z9hG4bKevil",
            "Max-Forwards: 70",
            "From: <sip:evil@127.0.0.9>;tag=e",
            "To: <sip:10006@127.0.0.1>",
            "Call-ID: evil",
            "CSeq: 1 INVITE",
            "Contact: <sip:evil@127.0.0.9:5060>",
        ],
        PHONE_SDP,
    );
    w.sip_from(stranger, invite.clone());
    assert_eq!(
        w.told(page),
        [""; 0],
        "another server does not ring this account"
    );
    // The account's own server may, by the user's name.
    w.sip(
        invite
            .replace("127.0.0.9", "127.0.0.1")
            .replace("evil", "good"),
    );
    assert!(w.told(page).contains(&"ring:RING".to_owned()));
}

#[test]
fn a_page_that_joins_a_failing_registration_is_told_why() {
    let mut w = World::new();
    let _first = w.registered("10006");
    w.sip_out.clear();
    w.advance(Duration::from_secs(590));
    let register = w.expect_sip("REGISTER");
    w.sip(sip_text::respond(
        &register,
        "503 Service Unavailable",
        "srv",
        &[],
        "",
    ));
    let second = w.connect("10006");
    let told = w.frames(second);
    assert_eq!(told[0]["message"], "getUserData");
    assert_eq!(told[1]["message"], "fail", "{told:?}");
    assert_eq!(told[1]["data"][0]["apiMethod"], "RegistrationStatusEvent");
}

/// Two forks with two codecs; the first one answers, and its own 183 holds.
#[test]
fn a_takeover_is_offered_the_codec_of_the_fork_that_answered() {
    let mut w = World::new();
    let one = w.registered("10006");
    let two = w.registered("10006");
    w.call(one, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    let pcma = PHONE_SDP
        .replace("AVP 0 101", "AVP 8 101")
        .replace("0 PCMU", "8 PCMA");
    w.respond(&invite, "183 Session Progress", "a", PHONE_SDP);
    w.respond(&invite, "183 Session Progress", "b", &pcma);
    w.respond(&invite, "200 OK", "a", "");
    let call = w.hub.call_ids()[0];
    let session = w.hub.session_of(two).unwrap();
    w.hub.offer_to(call, session, w.now);
    w.settle();
    let offered = w
        .media
        .commands
        .iter()
        .rev()
        .find_map(|command| match command {
            session::media::MediaCommand::OpenBrowserLeg {
                mode: session::media::BrowserLegMode::Offer { media },
                ..
            } => Some(media[0].formats[0].to_string()),
            _ => None,
        });
    assert_eq!(offered.as_deref(), Some("PCMU/8000"));
}
