//! Later offers of the peer and of ours, apart from hold (RFC 3264 §8).

use sdp::{
    Agreement, CodecSettings, CodecToken, Description, Direction, Encoding, PlanError,
    answer_to_sip, early_late_offer, plan_incoming, plan_late,
};

use crate::agreed::{BROWSER, BROWSER_VIDEO, audio, incoming, m_lines, outgoing, version};
use crate::samples::{drawn, local, origin, parsed, same_text, settings, sip};

const PCMU: &str = "m=audio 4000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15";
const WITH_VIDEO: &str = "m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000";

fn audio_and_video() -> String {
    format!("{BROWSER}{BROWSER_VIDEO}")
}

#[track_caller]
fn answered(call: &Agreement, media: &str) -> Agreement {
    call.answer(&parsed(&sip(media)), false).unwrap()
}

#[track_caller]
fn refused(call: &Agreement, media: &str) -> PlanError {
    call.answer(&parsed(&sip(media)), false).unwrap_err()
}

/// The kinds and ports of our m-lines.
fn ports(call: &Agreement) -> Vec<(String, u16)> {
    let lines = call.ours().media.iter();
    lines
        .map(|line| (line.media_name.clone(), line.port))
        .collect()
}

fn codec(call: &Agreement) -> String {
    let routes = &audio(call).routes;
    let texts = routes
        .iter()
        .map(|route| format!("{}={}", route.browser, route.sip));
    texts.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_same_again_is_answered_with_the_same() {
    for call in [outgoing(BROWSER, PCMU), incoming(PCMU, BROWSER)] {
        let mut theirs = parsed(&sip(PCMU));
        for version in [1, 1, 2, 7] {
            theirs.origin.version = version;
            let again = call.answer(&theirs, false).unwrap();
            assert_eq!(again.ours().to_string(), call.ours().to_string());
            assert_eq!(again.plan(), call.plan());
        }
        assert_eq!(call.offer(false).offer(false), call.offer(false));
    }
    // It is the same for whoever answered our offer, and a hold of ours is seen in it.
    let call = outgoing(BROWSER, PCMU);
    let held = call.answer(&parsed(&sip(PCMU)), true).unwrap();
    assert_eq!(version(&held), version(&call) + 1);
    assert_eq!(held.ours().media[0].direction, Direction::SendOnly);
}

#[test]
fn what_changed_is_followed_even_if_their_version_did_not_grow() {
    let call = incoming(PCMU, BROWSER);
    for media in [
        PCMU.replace("4000", "4008"),
        PCMU.replace(
            "m=audio 4000 RTP/AVP 0 101\n",
            "m=audio 4000 RTP/AVP 0 101\nc=IN IP4 192.0.2.77\n",
        ),
    ] {
        let moved = answered(&call, &media);
        let theirs = parsed(&sip(&media));
        assert_eq!(
            audio(&moved).remote.map(|at| at.rtp),
            theirs.media[0].rtp_addr()
        );
        // Our own description is what it was.
        assert_eq!(moved.ours(), call.ours());
    }
    let renumbered = answered(&call, &PCMU.replace("101", "97"));
    let event = &audio(&renumbered).routes[2];
    assert_eq!((event.sip_send.get(), event.sip_recv.get()), (97, 97));
    assert_eq!(event.browser.payload_type.get(), 126);
    assert_eq!(version(&renumbered), 2);
    let back = answered(&renumbered, PCMU);
    assert_eq!(version(&back), 3);
    assert_eq!(back.ours().media, call.ours().media);
    let slower = answered(&call, &format!("{PCMU}\na=ptime:40"));
    assert_eq!(audio(&slower).ptime_ms, 40);
    assert_eq!(slower.ours(), call.ours());
}

#[test]
fn a_codec_is_followed_if_what_the_browser_sends_can_become_it() {
    for call in [outgoing(BROWSER, PCMU), incoming(PCMU, BROWSER)] {
        let law = answered(&call, "m=audio 4000 RTP/AVP 8");
        assert_eq!(codec(&law), "PCMU/8000=PCMA/8000 PCMA/8000=PCMA/8000");
        assert!(m_lines(&law).starts_with("m=audio 31002 RTP/AVP 8\r\n"));
        assert_eq!(audio(&law).browser, audio(&call).browser);
        // The codec of the browser is taken, whatever stands before it.
        let kept = answered(
            &call,
            "m=audio 4000 RTP/AVP 97 8 0\na=rtpmap:97 opus/48000/2",
        );
        assert_eq!(codec(&kept), "PCMU/8000=PCMU/8000 PCMA/8000=PCMU/8000");
        // The browser knows Opus and does not send it.
        let opus = "m=audio 4000 RTP/AVP 97\na=rtpmap:97 opus/48000/2";
        assert_eq!(
            refused(&call, opus).text(),
            "Transcoding required, but disabled"
        );
        // While the peer only sends (music on hold) that does not matter.
        let music = answered(&call, &format!("{opus}\na=sendonly"));
        assert_eq!(codec(&music), "opus/48000/2=opus/48000/2");
        assert_eq!(music.ours().media[0].direction, Direction::RecvOnly);
        let next = music.offer(false);
        let offered = next.ours().media[0].formats.iter();
        let offered: Vec<String> = offered.map(ToString::to_string).collect();
        assert_eq!(offered[..2], ["PCMU/8000", "PCMA/8000"]);
        // One that it was never told.
        let error = refused(&call, "m=audio 4000 RTP/AVP 18");
        assert_eq!(error.text(), "Transcoding required, but disabled");
        assert!(error.detail().ends_with("the SIP side has G729/8000"));
        let error = refused(&call, "m=audio 4000 RTP/AVP 9\na=sendonly");
        assert!(matches!(error, PlanError::TranscodingRequired { .. }));
    }
}

#[test]
fn a_codec_that_the_settings_exclude_is_not_taken() {
    let settings = CodecSettings {
        exclude_sip: vec![CodecToken::Alaw],
        ..CodecSettings::default()
    };
    let (browser, offer) = (parsed(BROWSER), parsed(&sip(PCMU)));
    let plan = plan_incoming(&offer, &browser, &settings).unwrap();
    let ours = answer_to_sip(&offer, &plan, &local(), origin(), &[]);
    let call = Agreement::new(browser, local(), settings, ours, offer, plan);
    refused(&call, "m=audio 4000 RTP/AVP 8");
    let offer = call.late_offer(false);
    assert!(m_lines(&offer).starts_with("m=audio 31002 RTP/AVP 0 101\r\n"));
}

#[test]
fn media_that_nobody_carries_is_refused_in_its_place() {
    let call = incoming("m=audio 4000 RTP/AVP 0", BROWSER);
    let changed = answered(
        &call,
        "m=audio 4000 RTP/AVP 0
m=video 4002 RTP/AVP 96
a=rtpmap:96 VP8/90000
m=image 4004 udptl t38
a=T38FaxVersion:0
m=application 4006 UDP/DTLS/SCTP webrtc-datachannel
m=application 4007 UDP/BFCP *
m=message 4008 TCP/MSRP *
m=text 4010 RTP/AVP 98
a=rtpmap:98 t140/1000
m=audio 4012 RTP/SAVP 0
m=audio 4014 RTP/AVP 8
m=audio 4016 RTP/AVP
m=data 4018 what/ever",
    );
    same_text(
        &m_lines(&changed),
        "m=audio 31002 RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=ptime:20
a=sendrecv
m=video 0 RTP/AVP 96
m=image 0 udptl t38
m=application 0 UDP/DTLS/SCTP webrtc-datachannel
m=application 0 UDP/BFCP *
m=message 0 TCP/MSRP *
m=text 0 RTP/AVP 98
m=audio 0 RTP/SAVP 0
a=rtpmap:0 PCMU/8000
m=audio 0 RTP/AVP 8
a=rtpmap:8 PCMA/8000
m=audio 0 RTP/AVP 0
a=rtpmap:0 PCMU/8000
m=data 0 what/ever *
",
    );
    assert_eq!(version(&changed), 2);
    assert_eq!(changed.plan().changes_since(call.plan()), [""; 0]);
    assert_eq!(parsed(&changed.ours().to_string()), *changed.ours());
    // The refused lines stand in our next offer, too.
    let held = changed.offer(true);
    assert_eq!(ports(&held), ports(&changed));
    assert_eq!(version(&held), 3);
}

#[test]
fn an_offer_without_sound_is_refused_in_words() {
    let call = incoming(PCMU, BROWSER);
    for (media, text) in [
        (
            "m=image 4004 udptl t38",
            "The SIP side's new offer has no audio: it has image over udptl.",
        ),
        (
            "m=audio 0 RTP/AVP 0\nm=image 4004 udptl t38",
            "The SIP side's new offer has no audio: it has audio refused, image over udptl.",
        ),
        (
            "",
            "The SIP side's new offer has no audio: it has no media.",
        ),
        (
            "m=audio 4000 RTP/SAVP 0",
            "The SIP side offers audio as RTP/SAVP, but only RTP/AVP and RTP/AVPF are spoken here.",
        ),
        (
            "m=audio 4000 RTP/AVP 0\nc=IN IP6 2001:db8::9",
            "The SIP side wants audio at an IPv6 address, but the media of this call goes over IPv4.",
        ),
    ] {
        assert_eq!(refused(&call, media).text(), text);
    }
    let nowhere = answered(&call, "m=audio 4000 RTP/AVP 0\nc=IN IP4 224.0.0.1");
    assert_eq!(audio(&nowhere).remote, None);
}

#[test]
fn sound_moves_to_another_line_if_its_own_is_gone() {
    let call = incoming("m=audio 4000 RTP/SAVP 0\nm=audio 4002 RTP/AVP 0", BROWSER);
    assert_eq!(ports(&call), [("audio".into(), 0), ("audio".into(), 31002)]);
    // The line that was refused becomes usable, but sound stays where it is.
    let both = answered(&call, "m=audio 4000 RTP/AVP 0\nm=audio 4002 RTP/AVP 0");
    assert_eq!(ports(&both), ports(&call));
    let moved = answered(&both, "m=audio 4000 RTP/AVP 0\nm=audio 0 RTP/AVP 0");
    assert_eq!(
        ports(&moved),
        [("audio".into(), 31002), ("audio".into(), 0)]
    );
    // A device that leaves refused lines out.
    let shorter = answered(&call, "m=audio 4002 RTP/AVP 0");
    assert_eq!(ports(&shorter), [("audio".into(), 31002)]);
}

#[test]
fn video_that_the_peer_drops_stays_on_the_browser_leg() {
    for (call, was) in [
        (outgoing(&audio_and_video(), WITH_VIDEO), true),
        (incoming(WITH_VIDEO, &audio_and_video()), false),
    ] {
        let told = call.plan().media[1].browser.clone();
        assert_eq!(call.plan().media[1].stand_in, was);
        let dropped = answered(&call, &WITH_VIDEO.replace("m=video 4002", "m=video 0"));
        let video = &dropped.plan().media[1];
        assert!(video.accepted && video.stand_in && !video.is_live());
        assert_eq!((video.remote, &video.browser), (None, &told));
        assert_eq!(
            video.reason,
            "The SIP side's new offer has no video: it has audio over RTP/AVP, video refused."
        );
        assert_eq!(
            ports(&dropped),
            [("audio".into(), 31002), ("video".into(), 0)]
        );
        // It is not offered when we hold, and it is when the peer asks what we can.
        assert_eq!(ports(&dropped.offer(true)), ports(&dropped));
        let all = dropped.late_offer(false);
        assert_eq!(
            ports(&all),
            [("audio".into(), 31002), ("video".into(), 31004)]
        );
        let none = all
            .answered(&parsed(&sip(
                "m=audio 4000 RTP/AVP 0\nm=video 0 RTP/AVP 96",
            )))
            .unwrap();
        assert!(none.plan().media[1].accepted && !none.plan().media[1].is_live());
        // Back again, in the codec that the browser sends and in one that it does not.
        let back = answered(&dropped, WITH_VIDEO);
        let video = &back.plan().media[1];
        assert!(video.is_live() && video.stand_in);
        assert_eq!(
            (&video.browser, video.sip_direction),
            (&told, Direction::SendRecv)
        );
        let other = answered(
            &dropped,
            "m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 97\na=rtpmap:97 H264/90000\na=fmtp:97 profile-level-id=640028;packetization-mode=1",
        );
        assert!(!other.plan().media[1].is_live());
        assert!(
            other.plan().media[1]
                .reason
                .starts_with("Transcoding required")
        );
    }
}

#[test]
fn video_goes_one_way_if_the_page_has_no_camera() {
    let browser = format!("{BROWSER}{BROWSER_VIDEO}a=recvonly\n");
    let call = incoming(WITH_VIDEO, &browser);
    for (held, expected) in [(false, "recvonly"), (true, "inactive")] {
        let offer = call.offer(held);
        assert_eq!(offer.ours().media[1].direction.name(), expected);
        let answer = call.answer(&parsed(&sip(WITH_VIDEO)), held).unwrap();
        assert_eq!(answer.ours().media[1].direction.name(), expected);
    }
    assert!(!call.plan().held_by_peer());
}

#[test]
fn pictures_in_single_units_suit_a_peer_of_mode_1() {
    let browser = format!(
        "{BROWSER}m=video 9 UDP/TLS/RTP/SAVPF 108 106
a=rtpmap:108 H264/90000
a=fmtp:108 profile-level-id=42e01f
a=rtpmap:106 H264/90000
a=fmtp:106 profile-level-id=42e01f;packetization-mode=1
"
    );
    let audio_only = "m=audio 4000 RTP/AVP 0\nm=video 0 RTP/AVP 108";
    let call = outgoing(&browser, audio_only);
    assert_eq!(call.plan().media[1].browser[0].payload_type.get(), 108);
    let video = "m=video 4002 RTP/AVP 99\na=rtpmap:99 H264/90000\na=fmtp:99 profile-level-id=42e01f;packetization-mode=1";
    let call = answered(&call, &format!("m=audio 4000 RTP/AVP 0\n{video}"));
    let routes: Vec<(u8, u8)> = call.plan().media[1]
        .routes
        .iter()
        .map(|route| (route.browser.payload_type.get(), route.sip_send.get()))
        .collect();
    // What comes is in mode 1, what goes is in mode 0.
    assert_eq!(routes, [(106, 99), (108, 99)]);
}

#[test]
fn a_number_keeps_its_meaning() {
    // We offered 111 as Opus and 126 as digits.
    let call = outgoing(BROWSER, PCMU);
    let theirs = "m=audio 4000 RTP/AVP 0 111\na=rtpmap:111 telephone-event/8000";
    let changed = answered(&call, theirs);
    let event = &audio(&changed).routes[2];
    assert_eq!(event.sip.encoding, Encoding::TelephoneEvent);
    // The peer hears its own number and may send with either.
    assert_eq!((event.sip_send.get(), event.sip_recv.get()), (111, 126));
    assert_eq!(audio(&changed).routes[3].sip_recv.get(), 111);
    assert!(m_lines(&changed).starts_with("m=audio 31002 RTP/AVP 0 126\r\n"));
    // It is not forgotten when our last description no longer has it.
    let plain = answered(&changed, "m=audio 4000 RTP/AVP 0");
    assert!(m_lines(&plain).starts_with("m=audio 31002 RTP/AVP 0\r\n"));
    let again = answered(&plain, theirs);
    assert_eq!(again.ours().media, changed.ours().media);
    // Two formats that both need another number get two.
    let both = answered(
        &call,
        "m=audio 4000 RTP/AVP 126 111\na=rtpmap:126 PCMU/8000\na=rtpmap:111 telephone-event/8000",
    );
    assert!(
        m_lines(&both).starts_with("m=audio 31002 RTP/AVP 0 96\r\n"),
        "{}",
        m_lines(&both)
    );
}

#[test]
fn hold_and_resume_keep_the_codec_and_the_numbers() {
    let call = outgoing(BROWSER, PCMU);
    let held = call.offer(true);
    let expected = |direction: &str| {
        format!(
            "m=audio 31002 RTP/AVP 8 0 126
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:126 telephone-event/8000
a=fmtp:126 0-16
a=ptime:20
a=rtcp-mux
a={direction}
"
        )
    };
    same_text(&m_lines(&held), &expected("sendonly"));
    assert_eq!((version(&call), version(&held)), (1, 2));
    let held = held
        .answered(&parsed(&sip(&format!("{PCMU}\na=recvonly"))))
        .unwrap();
    let resumed = held.offer(false);
    same_text(&m_lines(&resumed), &expected("sendrecv"));
    assert_eq!(version(&resumed), 3);
    let resumed = resumed.answered(&parsed(&sip(PCMU))).unwrap();
    assert_eq!(audio(&resumed).routes, audio(&call).routes);
    assert_eq!(audio(&resumed).browser, audio(&call).browser);
}

#[test]
fn an_offer_that_is_refused_counts_as_sent() {
    let call = outgoing(BROWSER, PCMU).offer(false);
    let refused = call.offer(true);
    assert_eq!(version(&refused), 3);
    assert_eq!(refused.plan(), call.plan());
    // The call goes on; the next description says so under a number of its own.
    let again = refused.answer(&parsed(&sip(PCMU)), false).unwrap();
    assert_eq!(version(&again), 4);
    assert_eq!(again.ours().media[0].direction, Direction::SendRecv);
}

#[test]
fn an_answer_that_takes_what_nobody_can_carry_is_an_error() {
    let call = outgoing(&audio_and_video(), WITH_VIDEO);
    let offer = call.offer(true);
    for (answer, text) in [
        ("m=audio 0 RTP/AVP 0", "The SIP side refused audio."),
        (
            "m=audio 4000 RTP/SAVP 0",
            "The SIP side answered audio with RTP/SAVP, but RTP/AVP was offered.",
        ),
        (
            "m=audio 4000 RTP/AVP 18",
            "Transcoding required, but disabled",
        ),
    ] {
        let error = offer.answered(&parsed(&sip(answer))).unwrap_err();
        assert_eq!(error.text(), text);
    }
    let sound = offer
        .answered(&parsed(&sip(
            "m=audio 4000 RTP/AVP 0\nm=video 0 RTP/AVP 96",
        )))
        .unwrap();
    let video = &sound.plan().media[1];
    assert!(video.accepted && video.stand_in && !video.is_live());
    assert_eq!(video.reason, "The SIP side refused video.");
}

#[test]
fn an_offer_on_request_has_all_that_the_browser_was_told() {
    let call = incoming(&format!("{PCMU}\nm=image 4004 udptl t38"), BROWSER);
    let offer = call.late_offer(false);
    same_text(
        &m_lines(&offer),
        "m=audio 31002 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
m=image 0 udptl t38
",
    );
    let answer = parsed(&sip("m=audio 4000 RTP/AVP 8\nm=image 0 udptl t38"));
    let changed = offer.answered(&answer).unwrap();
    assert!(codec(&changed).starts_with("PCMU/8000=PCMA/8000"));
    assert_eq!(changed.ours(), offer.ours());
    // Digits that went are offered again, under their number.
    let silent = answered(&call, "m=audio 4000 RTP/AVP 0\nm=image 4004 udptl t38");
    let offer = silent.late_offer(false);
    assert!(m_lines(&offer).starts_with("m=audio 31002 RTP/AVP 0 8 101\r\n"));
    // A browser that was told no digits cannot take any.
    let call = incoming("m=audio 4000 RTP/AVP 0", BROWSER);
    assert!(m_lines(&call.late_offer(false)).starts_with("m=audio 31002 RTP/AVP 0 8\r\n"));
    let digits = answered(&call, PCMU);
    assert!(m_lines(&digits).starts_with("m=audio 31002 RTP/AVP 0\r\n"));
}

#[test]
fn our_offer_in_a_reliable_ringing() {
    let settings_of = CodecSettings::default();
    let ours = early_late_offer(&local(), origin(), &settings_of).unwrap();
    same_text(
        &ours.to_string(),
        "v=0
o=- 7 1 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
m=audio 31002 RTP/AVP 8 0 126
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:126 telephone-event/8000
a=fmtp:126 0-16
a=ptime:20
a=rtcp-mux
a=sendrecv
",
    );
    // Whatever the peer takes, the page may answer either law.
    for page in ["0 8", "8 0", "0", "8"] {
        for peer in ["0", "8", "0 8"] {
            let page = parsed(&sip(&format!("m=audio 9 UDP/TLS/RTP/SAVPF {page}")));
            let peer = parsed(&sip(&format!("m=audio 4000 RTP/AVP {peer}")));
            let plan = plan_late(&page, &ours, &peer).unwrap();
            let sent = &page.media[0].formats[0];
            assert_eq!(plan.media[0].routes[0].browser, *sent);
        }
    }
    let opus = early_late_offer(&local(), origin(), &settings("opus,telephone-event", false));
    let text = opus.unwrap().to_string();
    assert!(text.contains("m=audio 31002 RTP/AVP 111 110\r\n"), "{text}");
    let error = early_late_offer(&[], origin(), &settings_of).unwrap_err();
    assert_eq!(error.text(), "There is no port for the audio of this call.");
    let error = early_late_offer(&local(), origin(), &settings("g729", false)).unwrap_err();
    assert_eq!(error.text(), "Transcoding required, but disabled");
}

#[test]
fn a_change_in_words() {
    let call = outgoing(&audio_and_video(), WITH_VIDEO);
    let check = |media: &str, expected: &[&str]| {
        let after = answered(&call, media);
        assert_eq!(after.plan().changes_since(call.plan()), expected, "{media}");
    };
    check(WITH_VIDEO, &[]);
    check(
        &WITH_VIDEO.replace("4000 RTP/AVP 0", "4010 RTP/AVP 8"),
        &[
            "audio is PCMA/8000 instead of PCMU/8000",
            "audio goes to 192.0.2.9:4010 instead of 192.0.2.9:4000",
        ],
    );
    check(
        &WITH_VIDEO.replace("96", "97"),
        &["video has the payload types 97 out and 97 in instead of 96 out and 96 in"],
    );
    let digits = outgoing(BROWSER, PCMU);
    let none = answered(&digits, "m=audio 4000 RTP/AVP 0");
    assert_eq!(
        none.plan().changes_since(digits.plan()),
        ["audio carries digits as none instead of telephone-event/8000"]
    );
    check(
        &WITH_VIDEO.replace("m=video 4002", "m=video 0"),
        &[
            "video ends: The SIP side's new offer has no video: it has audio over RTP/AVP, video refused.",
        ],
    );
    check(
        &WITH_VIDEO.replace("AVP 0\n", "AVP 0\nc=IN IP4 0.0.0.0\na=ptime:40\n"),
        &[
            "audio goes to nowhere instead of 192.0.2.9:4000",
            "audio is recvonly instead of sendrecv",
            "audio has packets of 40 ms instead of 20 ms",
            "the SIP side holds the call",
        ],
    );
    let held = answered(
        &call,
        &format!("{WITH_VIDEO}\na=sendonly").replace("AVP 0\n", "AVP 0\na=sendonly\n"),
    );
    let changes = call.plan().changes_since(held.plan());
    assert!(
        changes.contains(&"the SIP side resumes the call".to_owned()),
        "{changes:?}"
    );
    assert_eq!(
        incoming(PCMU, BROWSER).plan().reasons(),
        "audio: PCMU/8000 on both legs: passed through by payload type; digits as telephone-event/8000"
    );
}

#[test]
fn the_plan_of_a_later_answer_in_full() {
    let call = outgoing(BROWSER, PCMU);
    let same = call.offer(false).answered(&parsed(&sip(PCMU))).unwrap();
    same_text(
        &drawn(same.plan()),
        "audio: browser 0 PCMU/8000, 8 PCMA/8000, 111 opus/48000/2, 126 telephone-event/8000
  0 PCMU/8000 = PCMU/8000 send 0 recv 0 Pass
  8 PCMA/8000 = PCMU/8000 send 0 recv 0 G711Table
  126 telephone-event/8000 = telephone-event/8000 send 101 recv 126 Pass
  126 telephone-event/8000 = telephone-event/8000 send 101 recv 101 Pass
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4001, 20 ms
  PCMU/8000 on both legs: passed through by payload type; digits as telephone-event/8000
",
    );
    let ours: &Description = same.ours();
    assert_eq!(ours.media[0].formats.len(), 3);
}

#[test]
fn numbers_of_all_our_descriptions_are_remembered() {
    let call = incoming(PCMU, BROWSER);
    let renumbered = answered(&call, &PCMU.replace("101", "97"));
    let plain = answered(&renumbered, "m=audio 4000 RTP/AVP 0");
    let music = "m=audio 4000 RTP/AVP 97\na=rtpmap:97 opus/48000/2\na=sendonly";
    let text = m_lines(&answered(&plain, music));
    assert!(text.starts_with("m=audio 31002 RTP/AVP 96\r\n"), "{text}");
    // Two formats that both need a number of their own get two.
    let swapped =
        "m=audio 4000 RTP/AVP 101 0\na=rtpmap:101 PCMA/8000\na=rtpmap:0 telephone-event/8000";
    let text = m_lines(&answered(&call, swapped));
    assert!(
        text.starts_with("m=audio 31002 RTP/AVP 96 97\r\n"),
        "{text}"
    );
}

#[test]
fn digits_that_the_browser_was_not_told_are_not_offered_again() {
    let call = outgoing(BROWSER, "m=audio 4000 RTP/AVP 0");
    assert!(m_lines(&call).contains("telephone-event"));
    let text = m_lines(&call.offer(true));
    assert!(text.starts_with("m=audio 31002 RTP/AVP 8 0\r\n"), "{text}");
}

#[test]
fn a_call_of_video_alone() {
    let head = &BROWSER[..BROWSER.find("m=audio").unwrap()];
    let browser = format!("{head}{BROWSER_VIDEO}");
    let video = "m=video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000";
    let call = outgoing(&browser, video);
    let text = "The SIP side's new offer has no video: it has video refused.";
    assert_eq!(refused(&call, "m=video 0 RTP/AVP 96").text(), text);
    let refusal = parsed(&sip("m=video 0 RTP/AVP 96"));
    let error = call.offer(false).answered(&refusal).unwrap_err();
    assert_eq!(error.text(), "The SIP side refused video.");
    let moved = answered(&call, &video.replace("4002", "4012"));
    assert_eq!(ports(&moved), [("video".into(), 31004)]);
    for (direction, held) in [("inactive", true), ("sendonly", false), ("recvonly", false)] {
        let call = answered(&call, &format!("{video}\na={direction}"));
        assert_eq!(call.plan().held_by_peer(), held, "{direction}");
    }
}

#[test]
fn a_line_that_we_did_not_offer_is_not_taken() {
    let call = outgoing(
        &audio_and_video(),
        "m=audio 4000 RTP/AVP 0\nm=video 0 RTP/AVP 96",
    );
    let answer = parsed(&sip(WITH_VIDEO));
    let changed = call.offer(true).answered(&answer).unwrap();
    assert!(!changed.plan().media[1].is_live());
}
