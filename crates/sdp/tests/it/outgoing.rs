//! Plans of outgoing calls: the SIP side's answer -> plan.

use sdp::{CodecSettings, Description, Plan, PlanError, offer_to_sip, plan_outgoing};

use crate::samples::{
    ASTERISK_ANSWER, CHROMIUM_AUDIO, CHROMIUM_AV, FIREFOX_AV, drawn, local, origin, parsed,
    same_text, sip,
};

fn ours(browser: &Description) -> Description {
    offer_to_sip(browser, &local(), origin(), &CodecSettings::default(), &[]).unwrap()
}

fn plan(browser: &str, answer: &str) -> Result<Plan, PlanError> {
    let browser = parsed(browser);
    plan_outgoing(&browser, &ours(&browser), &parsed(answer))
}

#[track_caller]
fn check(browser: &str, answer: &str, expected: &str) {
    same_text(&drawn(&plan(browser, answer).unwrap()), expected);
}

#[test]
fn asterisk_takes_pcmu_and_refuses_video() {
    check(
        CHROMIUM_AV,
        ASTERISK_ANSWER,
        "audio: browser 0 PCMU/8000, 8 PCMA/8000, 111 opus/48000/2, 9 G722/8000, 126 telephone-event/8000
  0 PCMU/8000 = PCMU/8000 send 0 recv 0 Pass
  8 PCMA/8000 = PCMU/8000 send 0 recv 0 G711Table
  126 telephone-event/8000 = telephone-event/8000 send 126 recv 126 Pass
  sendrecv to 192.0.2.10:14732 rtcp 192.0.2.10:14732 mux, 20 ms
  PCMU/8000 on both legs: passed through by payload type; digits as telephone-event/8000
video: refused, the SIP side refused video
",
    );
}

#[test]
fn opus_with_digits_at_8000_gives_the_browser_digits_at_48000() {
    check(
        CHROMIUM_AUDIO,
        &sip("m=audio 4000 RTP/AVP 111 126\na=rtpmap:111 opus/48000/2\na=fmtp:111 maxaveragebitrate=24000\na=rtpmap:126 telephone-event/8000\na=rtcp:4005"),
        "audio: browser 111 opus/48000/2, 9 G722/8000, 0 PCMU/8000, 8 PCMA/8000, 110 telephone-event/48000
  111 opus/48000/2 = opus/48000/2 send 111 recv 111 Pass
  110 telephone-event/48000 = telephone-event/8000 send 126 recv 126 Pass
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4005, 20 ms
  opus/48000/2 on both legs: passed through by payload type; digits as telephone-event/48000 to the browser and telephone-event/8000 to the SIP side, durations rescaled
",
    );
}

#[test]
fn digits_at_both_clocks_prefer_that_of_the_codec() {
    check(
        CHROMIUM_AUDIO,
        &sip("m=audio 4000 RTP/AVP 111 126 110\na=rtpmap:111 opus/48000/2\na=rtpmap:126 telephone-event/8000\na=rtpmap:110 telephone-event/48000\na=ptime:40"),
        "audio: browser 111 opus/48000/2, 9 G722/8000, 0 PCMU/8000, 8 PCMA/8000, 110 telephone-event/48000
  111 opus/48000/2 = opus/48000/2 send 111 recv 111 Pass
  110 telephone-event/48000 = telephone-event/48000 send 110 recv 110 Pass
  110 telephone-event/48000 = telephone-event/8000 send 126 recv 126 Pass
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4001, 40 ms
  opus/48000/2 on both legs: passed through by payload type; digits as telephone-event/48000
",
    );
}

#[test]
fn firefox_sends_digits_at_8000_beside_opus() {
    let plan = plan(FIREFOX_AV, &sip("m=audio 4000 RTP/AVP 109 101\na=rtpmap:109 opus/48000/2\na=rtpmap:101 telephone-event/8000")).unwrap();
    assert_eq!(
        plan.media[0].browser.last().unwrap().to_string(),
        "telephone-event/8000"
    );
}

#[test]
fn no_digits_for_the_browser_where_sip_has_none() {
    check(
        CHROMIUM_AUDIO,
        &sip("m=audio 4000 RTP/AVP 9"),
        "audio: browser 9 G722/8000, 111 opus/48000/2, 0 PCMU/8000, 8 PCMA/8000
  9 G722/8000 = G722/8000 send 9 recv 9 Pass
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4001, 20 ms
  G722/8000 on both legs: passed through by payload type
",
    );
}

#[test]
fn a_peer_that_renumbers_is_sent_its_numbers_and_sends_ours_or_its_own() {
    check(
        CHROMIUM_AUDIO,
        &sip("m=audio 4000 RTP/AVP 96 101\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/48000"),
        "audio: browser 111 opus/48000/2, 9 G722/8000, 0 PCMU/8000, 8 PCMA/8000, 110 telephone-event/48000
  111 opus/48000/2 = opus/48000/2 send 96 recv 111 Pass
  110 telephone-event/48000 = telephone-event/48000 send 101 recv 110 Pass
  111 opus/48000/2 = opus/48000/2 send 96 recv 96 Pass
  110 telephone-event/48000 = telephone-event/48000 send 101 recv 101 Pass
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4001, 20 ms
  opus/48000/2 on both legs: passed through by payload type; digits as telephone-event/48000
",
    );
}

#[test]
fn numbers_that_are_swapped_mean_what_we_offered() {
    // Each number of theirs is one of ours for something else: then only ours count.
    check(
        CHROMIUM_AUDIO,
        &sip("m=audio 4000 RTP/AVP 126 111\na=rtpmap:126 opus/48000/2\na=rtpmap:111 telephone-event/8000"),
        "audio: browser 111 opus/48000/2, 9 G722/8000, 0 PCMU/8000, 8 PCMA/8000, 110 telephone-event/48000
  111 opus/48000/2 = opus/48000/2 send 126 recv 111 Pass
  110 telephone-event/48000 = telephone-event/8000 send 111 recv 126 Pass
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4001, 20 ms
  opus/48000/2 on both legs: passed through by payload type; digits as telephone-event/48000 to the browser and telephone-event/8000 to the SIP side, durations rescaled
",
    );
}

#[test]
fn a_number_without_rtpmap_is_what_we_offered() {
    check(
        CHROMIUM_AUDIO,
        &sip("m=audio 4000 RTP/AVP 111"),
        "audio: browser 111 opus/48000/2, 9 G722/8000, 0 PCMU/8000, 8 PCMA/8000
  111 opus/48000/2 = opus/48000/2 send 111 recv 111 Pass
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4001, 20 ms
  opus/48000/2 on both legs: passed through by payload type
",
    );
}

#[test]
fn what_passes_goes_before_what_needs_a_table() {
    // The browser has PCMU alone; the peer would rather have PCMA.
    let browser = CHROMIUM_AUDIO.replace("111 63 9 0 8 13 110 126", "0");
    check(
        &browser,
        &sip("m=audio 4000 RTP/AVP 8 0"),
        "audio: browser 0 PCMU/8000
  0 PCMU/8000 = PCMU/8000 send 0 recv 0 Pass
  0 PCMU/8000 = PCMA/8000 send 8 recv 8 G711Table
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4001, 20 ms
  PCMU/8000 on both legs: passed through by payload type
",
    );
    check(
        &browser,
        &sip("m=audio 4000 RTP/AVP 8"),
        "audio: browser 0 PCMU/8000
  0 PCMU/8000 = PCMA/8000 send 8 recv 8 G711Table
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4001, 20 ms
  PCMU/8000 to the browser, PCMA/8000 to the SIP side: converted byte by byte, since the two share no other codec
",
    );
}

#[test]
fn baresip_takes_h264_in_mode_0() {
    // baresip answers under the number of mode 1 what it can: mode 0.
    check(
        CHROMIUM_AV,
        &sip("m=audio 4000 RTP/AVP 8 126\na=rtpmap:126 telephone-event/8000\nm=video 4002 RTP/AVP 106 96\na=rtpmap:106 H264/90000\na=fmtp:106 profile-level-id=42e01f\na=rtpmap:96 VP8/90000\na=rtcp-fb:* nack pli\na=rtcp:4003"),
        "audio: browser 8 PCMA/8000, 0 PCMU/8000, 111 opus/48000/2, 9 G722/8000, 126 telephone-event/8000
  8 PCMA/8000 = PCMA/8000 send 8 recv 8 Pass
  0 PCMU/8000 = PCMA/8000 send 8 recv 8 G711Table
  126 telephone-event/8000 = telephone-event/8000 send 126 recv 126 Pass
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4001, 20 ms
  PCMA/8000 on both legs: passed through by payload type; digits as telephone-event/8000
video: browser 108 H264/90000, 96 VP8/90000, 102 H264/90000, 104 H264/90000, 106 H264/90000
  108 H264/90000 = H264/90000 send 106 recv 106 Pass
  96 VP8/90000 = VP8/90000 send 96 recv 96 Pass
  sendrecv to 192.0.2.9:4002 rtcp 192.0.2.9:4003, 20 ms
  H264/90000 (Constrained Baseline, packetization-mode 0) on both legs: passed through by payload type
",
    );
}

#[test]
fn the_browser_is_told_what_the_sip_peer_wants_to_receive() {
    let answer = "m=audio 4000 RTP/AVP 111 126\na=rtpmap:111 opus/48000/2\na=fmtp:111 maxaveragebitrate=24000;stereo=0;x-vendor=1\na=rtpmap:126 telephone-event/8000\nm=video 4002 RTP/AVPF 102\na=rtpmap:102 H264/90000\na=fmtp:102 profile-level-id=42800d;packetization-mode=1;sprop-parameter-sets=Z0LA,aM4=\na=rtcp-fb:102 ccm fir";
    let plan = plan(CHROMIUM_AV, &sip(answer)).unwrap();
    let fmtp = |place: usize| plan.media[place].browser[0].fmtp.clone().unwrap();
    assert_eq!(fmtp(0), "maxaveragebitrate=24000;stereo=0");
    assert_eq!(
        fmtp(1),
        "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42000d;sprop-parameter-sets=Z0LA,aM4="
    );
    assert_eq!(plan.media[1].routes[0].browser.fmtp, Some(fmtp(1)));
    let feedback = plan.media[1].remote.unwrap().feedback;
    assert_eq!(
        (feedback.fir, feedback.pli, feedback.nack),
        (true, false, false)
    );
}

#[test]
fn a_later_answer_in_the_other_law_needs_no_renegotiation() {
    // 183 with PCMU, 200 with PCMA: the browser goes on sending PCMU, and receives PCMA.
    let browser = parsed(CHROMIUM_AUDIO);
    let answer = |number| parsed(&sip(&format!("m=audio 4000 RTP/AVP {number}")));
    let plan = |number| plan_outgoing(&browser, &ours(&browser), &answer(number)).unwrap();
    let (early, late) = (&plan(0).media[0], &plan(8).media[0]);
    let told: Vec<_> = early
        .browser
        .iter()
        .map(|format| format.payload_type)
        .collect();
    let sent = told[0];
    let route = late
        .routes
        .iter()
        .find(|route| route.browser.payload_type == sent)
        .unwrap();
    assert_eq!(
        (route.sip_send.get(), route.treatment),
        (8, sdp::Treatment::G711Table)
    );
    let heard = late
        .routes
        .iter()
        .find(|route| route.sip_recv.get() == 8)
        .unwrap();
    assert!(told.contains(&heard.browser.payload_type));
}

#[test]
fn an_answer_that_leaves_refused_lines_out() {
    let browser = CHROMIUM_AV;
    check(
        browser,
        &sip("m=video 4002 RTP/AVP 96"),
        "audio: refused, the SIP side refused audio
video: browser 96 VP8/90000, 102 H264/90000, 104 H264/90000, 106 H264/90000, 108 H264/90000
  96 VP8/90000 = VP8/90000 send 96 recv 96 Pass
  sendrecv to 192.0.2.9:4002 rtcp 192.0.2.9:4003, 20 ms
  VP8/90000 on both legs: passed through by payload type
",
    );
    let plan = plan(
        browser,
        &sip("m=audio 0 RTP/AVP 0\nm=video 4002 RTP/AVP 96"),
    )
    .unwrap();
    let accepted: Vec<bool> = plan.media.iter().map(|media| media.accepted).collect();
    assert_eq!(accepted, [false, true]);
}

#[test]
fn video_that_would_need_a_decoder_is_refused_and_the_call_goes_on() {
    let answer = sip(
        "m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 102\na=rtpmap:102 H264/90000\na=fmtp:102 profile-level-id=640028;packetization-mode=1",
    );
    let plan = plan(CHROMIUM_AV, &answer).unwrap();
    assert!(!plan.media[1].accepted);
    let reason = &plan.media[1].reason;
    assert!(
        reason.starts_with("Transcoding required, but disabled: the browser has VP8/90000"),
        "{reason}"
    );
    assert!(
        reason.ends_with("the SIP side has H264/90000 (High, packetization-mode 1)"),
        "{reason}"
    );
}

#[test]
fn no_plan_says_why() {
    for (answer, text) in [
        (
            "m=audio 0 RTP/AVP 0\nm=video 0 RTP/AVP 96",
            "No common codecs",
        ),
        (
            "m=audio 4000 RTP/AVP 18",
            "Transcoding required, but disabled",
        ),
        (
            "m=audio 4000 RTP/AVP 97\na=rtpmap:97 speex/8000",
            "Transcoding required, but disabled",
        ),
        (
            "m=audio 4000 RTP/AVP 4\nm=video 4002 RTP/AVP 96",
            "No common codecs",
        ),
        ("m=audio 4000 RTP/AVP", "No common codecs"),
        ("m=image 4000 udptl t38", "No common codecs"),
        (
            "m=audio 4000 RTP/SAVP 0",
            "The SIP side answered audio with RTP/SAVP, but RTP/AVP was offered.",
        ),
    ] {
        assert_eq!(
            plan(CHROMIUM_AV, &sip(answer)).unwrap_err().text(),
            text,
            "{answer}"
        );
    }
}

#[test]
fn further_lines_of_the_browser_are_refused() {
    let browser = sip(
        "m=audio 9 RTP/AVP 0\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\nm=audio 9 RTP/AVP 8",
    );
    check(
        &browser,
        &sip("m=audio 4000 RTP/AVP 0"),
        "audio: browser 0 PCMU/8000
  0 PCMU/8000 = PCMU/8000 send 0 recv 0 Pass
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4001, 20 ms
  PCMU/8000 on both legs: passed through by payload type
audio: refused, this audio line was not offered to the SIP side
",
    );
}

#[test]
fn nothing_is_sent_to_a_group() {
    for addr in [
        "IP4 224.2.1.1/127",
        "IP4 255.255.255.255",
        "IP6 ff15::101/3",
    ] {
        let answer = sip(&format!("m=audio 4000 RTP/AVP 0\nc=IN {addr}"));
        assert_eq!(
            plan(CHROMIUM_AUDIO, &answer).unwrap().media[0].remote,
            None,
            "{addr}"
        );
    }
    let answer = sip("m=audio 4000 RTP/AVP 0\na=rtcp:4001 IN IP4 224.2.1.1");
    assert_eq!(plan(CHROMIUM_AUDIO, &answer).unwrap().media[0].remote, None);
}

#[test]
fn a_peer_cannot_widen_what_was_offered() {
    let listening = CHROMIUM_AV.replace("a=sendrecv", "a=recvonly");
    let answer = sip("m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 96\na=sendrecv");
    let plan = plan(&listening, &answer).unwrap();
    let directions: Vec<_> = plan
        .media
        .iter()
        .map(|media| media.sip_direction.name())
        .collect();
    assert_eq!(directions, ["sendrecv", "recvonly"]);
}
