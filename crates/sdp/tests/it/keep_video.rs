//! Video that the SIP side has not answered is kept on the browser leg, ready for a later answer.

use sdp::{
    CodecSettings, Description, Encoding, MediaPlan, Plan, formats_for_browser, late_offer,
    offer_to_sip, plan_incoming, plan_late, plan_outgoing,
};

use crate::samples::{
    ASTERISK_ANSWER, CHROMIUM_AUDIO, CHROMIUM_AV, FIREFOX_AV, drawn, local, origin, parsed,
    same_text, settings, sip,
};

const AUDIO_ONLY: &str = "m=audio 4000 RTP/AVP 0\nm=video 0 RTP/AVP 96";

fn ours(browser: &Description) -> Description {
    offer_to_sip(browser, &local(), origin(), &CodecSettings::default(), &[]).unwrap()
}

/// The plan of an answer, kept.
fn kept(browser: &str, answer: &str) -> Plan {
    let browser = parsed(browser);
    let ours = ours(&browser);
    let mut plan = plan_outgoing(&browser, &ours, &parsed(answer)).unwrap();
    plan.keep_video(&browser, &ours, "183 is not the final answer");
    plan
}

fn video(plan: &Plan) -> &MediaPlan {
    plan.media
        .iter()
        .find(|media| media.kind == sdp::MediaKind::Video)
        .unwrap()
}

#[test]
fn what_was_offered_is_accepted_without_routes() {
    let plan = kept(CHROMIUM_AV, ASTERISK_ANSWER);
    let drawn = drawn(&plan);
    let (_, video_drawn) = drawn.split_once("video: ").unwrap();
    same_text(
        video_drawn,
        "browser 108 H264/90000, 106 H264/90000, 96 VP8/90000, 102 H264/90000, 104 H264/90000
  inactive to nowhere, 20 ms
  the SIP side refused video, but it is kept: 183 is not the final answer
",
    );
    let video = video(&plan);
    assert!(video.stand_in && video.remote.is_none());
    // As a browser may read it: its own profile and mode.
    assert_eq!(
        video.browser[0].fmtp.as_deref(),
        Some("level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f")
    );
    assert!(!plan.media[0].stand_in, "sound is never made up");
}

#[test]
fn an_answer_that_leaves_the_line_out_or_needs_a_decoder_is_kept_too() {
    for (answer, reason) in [
        (
            "m=audio 4000 RTP/AVP 0",
            "the SIP side refused video, but it is kept: 183 is not the final answer",
        ),
        (
            "m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 102\na=rtpmap:102 H264/90000\na=fmtp:102 profile-level-id=640028;packetization-mode=1",
            "Transcoding required, but disabled: ",
        ),
    ] {
        let plan = kept(CHROMIUM_AV, &sip(answer));
        let video = video(&plan);
        assert!(video.accepted && video.stand_in && video.routes.is_empty());
        assert!(video.reason.starts_with(reason), "{}", video.reason);
    }
}

#[test]
fn the_order_is_that_of_our_offer() {
    for (codecs, first) in [
        ("ulaw,vp8,h264", Encoding::Vp8),
        ("ulaw,h264,vp8", Encoding::H264),
        ("ulaw,vp8", Encoding::Vp8),
    ] {
        for browser in [CHROMIUM_AV, FIREFOX_AV] {
            let browser = parsed(browser);
            let settings = settings(codecs, false);
            let ours = offer_to_sip(&browser, &local(), origin(), &settings, &[]).unwrap();
            let mut plan = plan_outgoing(&browser, &ours, &parsed(&sip(AUDIO_ONLY))).unwrap();
            plan.keep_video(&browser, &ours, "test");
            let formats = &video(&plan).browser;
            assert_eq!(formats[0].encoding, first, "{codecs}: {formats:?}");
            let has_h264 = formats.iter().any(|f| f.encoding == Encoding::H264);
            assert_eq!(has_h264, codecs.contains("h264"), "{codecs}");
        }
    }
}

#[test]
fn a_later_answer_needs_nothing_that_the_browser_was_not_told() {
    for (browser, video_line) in [
        (
            CHROMIUM_AV,
            "106\na=rtpmap:106 H264/90000\na=fmtp:106 profile-level-id=42e01f;packetization-mode=1",
        ),
        // As baresip says it: the number of mode 1, and mode 0.
        (
            CHROMIUM_AV,
            "106\na=rtpmap:106 H264/90000\na=fmtp:106 profile-level-id=42e01f",
        ),
        (
            CHROMIUM_AV,
            "108\na=rtpmap:108 H264/90000\na=fmtp:108 profile-level-id=42e01f",
        ),
        (
            CHROMIUM_AV,
            "106 96\na=rtpmap:106 H264/90000\na=fmtp:106 profile-level-id=42801f;packetization-mode=1\na=rtpmap:96 VP8/90000",
        ),
        (
            FIREFOX_AV,
            "126\na=rtpmap:126 H264/90000\na=fmtp:126 profile-level-id=42e01f;packetization-mode=1",
        ),
    ] {
        let early = kept(browser, &sip(AUDIO_ONLY));
        let answer = sip(&format!(
            "m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP {video_line}"
        ));
        let late = kept(browser, &answer);
        let (early, late) = (video(&early), video(&late));
        let told = |number| early.browser.iter().any(|f| f.payload_type == number);
        assert!(late.stand_in && late.remote.is_some(), "{video_line}");
        assert!(
            late.routes
                .iter()
                .all(|route| told(route.browser.payload_type)),
            "{video_line}: {late:?}"
        );
        // What the browser sends, the first it was told, reaches the peer.
        let sent = early.browser[0].payload_type;
        let route = late
            .routes
            .iter()
            .find(|route| route.browser.payload_type == sent);
        assert!(route.is_some(), "{video_line}: {late:?}");
    }
}

#[test]
fn what_comes_in_mode_1_goes_to_the_browser_as_mode_1() {
    let answer = sip(
        "m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 106\na=rtpmap:106 H264/90000\na=fmtp:106 profile-level-id=42e01f;packetization-mode=1",
    );
    let plan = kept(CHROMIUM_AV, &answer);
    let video = video(&plan);
    let incoming = video
        .routes
        .iter()
        .find(|r| r.sip_recv.get() == 106)
        .unwrap();
    assert_eq!(incoming.browser.payload_type.get(), 106);
    let number = |route: &sdp::Route| route.browser.payload_type.get();
    let sent: Vec<u8> = video.routes.iter().map(number).collect();
    assert_eq!(sent, [106, 104, 108], "in mode 0 to the peer of mode 1");
    assert!(video.routes.iter().all(|r| r.sip_send.get() == 106));
    // Nothing is sent in mode 1 to a peer of mode 0.
    let answer = answer.replace(";packetization-mode=1", "");
    let plan = kept(CHROMIUM_AV, &answer);
    let sent: Vec<u8> = plan.media[1].routes.iter().map(number).collect();
    assert_eq!(sent, [108]);
}

#[test]
fn what_was_not_offered_stays_refused() {
    let inactive = CHROMIUM_AV.replace("a=sendrecv", "a=inactive");
    let rejected = CHROMIUM_AV.replace("m=video 9", "m=video 0");
    for browser in [&inactive, &rejected] {
        let plan = kept(browser, &sip("m=audio 4000 RTP/AVP 0"));
        assert!(!video(&plan).accepted, "{}", video(&plan).reason);
    }
    let plan = kept(CHROMIUM_AUDIO, &sip("m=audio 4000 RTP/AVP 0"));
    assert_eq!(plan.media.len(), 1);
}

#[test]
fn it_is_the_first_line_that_the_browser_wants() {
    let (session, video) = CHROMIUM_AV.split_once("m=video 9").unwrap();
    let browser = format!("{session}m=video 0{video}m=video 9{video}");
    let plan = kept(&browser, &sip("m=audio 4000 RTP/AVP 0"));
    let accepted: Vec<bool> = plan.media.iter().map(|media| media.accepted).collect();
    assert_eq!(accepted, [true, false, true]);
}

#[test]
fn who_does_not_look_is_shown_nothing() {
    for (direction, stand_in) in [("recvonly", true), ("sendonly", false)] {
        let browser = CHROMIUM_AV.replace("a=sendrecv", &format!("a={direction}"));
        for answer in [
            AUDIO_ONLY,
            "m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 96",
        ] {
            let plan = kept(&browser, &sip(answer));
            let video = video(&plan);
            assert!(video.accepted);
            assert_eq!(video.stand_in, stand_in, "{direction}, {answer}");
        }
    }
}

#[test]
fn calls_that_come_in_are_as_they_were() {
    let offer = parsed(&sip(
        "m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000",
    ));
    let settings = CodecSettings::default();
    let ours = formats_for_browser(Some(&offer), &settings).unwrap();
    assert_eq!(ours.len(), 2);
    let answer = parsed(&sip(
        "m=audio 9 UDP/TLS/RTP/SAVPF 0\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=rtpmap:96 VP8/90000",
    ));
    let plan = plan_incoming(&offer, &answer, &settings).unwrap();
    assert!(
        plan.media
            .iter()
            .all(|media| media.accepted && !media.stand_in)
    );
    let ours = late_offer(&answer, &local(), origin(), &settings).unwrap();
    let plan = plan_late(&answer, &ours, &offer).unwrap();
    assert!(
        plan.media
            .iter()
            .all(|media| media.accepted && !media.stand_in)
    );
}
