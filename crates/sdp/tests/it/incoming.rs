//! Incoming calls: INVITE's offer -> offer to the browser -> its answer -> plan and SIP answer.

use sdp::{CodecSettings, Description, answer_to_sip, formats_for_browser, plan_incoming};

use crate::samples::{
    BARESIP_OFFER, LINPHONE_OFFER, POLYCOM_OFFER, drawn, local, origin, parsed, same_text,
    settings, sip,
};

/// What a browser answers: our offer with its own fmtp, every m-line taken.
fn browser_answer(offer: &Description, settings: &CodecSettings) -> String {
    let media = formats_for_browser(Some(offer), settings).unwrap();
    let mut text = "v=0\no=- 5 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0 1\n".to_owned();
    for line in media {
        let numbers: Vec<String> = line
            .formats
            .iter()
            .map(|format| format.payload_type.to_string())
            .collect();
        text += &format!(
            "m={} 9 UDP/TLS/RTP/SAVPF {}\nc=IN IP4 0.0.0.0\n",
            line.kind,
            numbers.join(" ")
        );
        text += &format!("a={}\na=rtcp-mux\n", line.direction.name());
        for format in &line.formats {
            text += &format!("a=rtpmap:{} {format}\n", format.payload_type);
            if let Some(fmtp) = &format.fmtp {
                text += &format!("a=fmtp:{} {fmtp}\n", format.payload_type);
            }
        }
    }
    text
}

fn offered(offer: &str, settings: &CodecSettings) -> String {
    let media = formats_for_browser(Some(&parsed(offer)), settings).unwrap();
    let line = |media: &sdp::BrowserMedia| {
        let formats: Vec<String> = media
            .formats
            .iter()
            .map(|format| {
                let fmtp = format.fmtp.as_deref().map(|fmtp| format!(" [{fmtp}]"));
                format!(
                    "{} {format}{}",
                    format.payload_type,
                    fmtp.unwrap_or_default()
                )
            })
            .collect();
        format!(
            "{} {}: {}\n",
            media.kind,
            media.direction.name(),
            formats.join(", ")
        )
    };
    media.iter().map(line).collect()
}

#[track_caller]
fn check_offered(offer: &str, expected: &str) {
    same_text(&offered(offer, &CodecSettings::default()), expected);
}

/// INVITE's m-lines, what to change in the browser's answer -> plan, and the 200's m-lines.
#[track_caller]
fn check(offer: &str, change: impl Fn(String) -> String, plan: &str, answer: &str) {
    let settings = CodecSettings::default();
    let offer = parsed(offer);
    let browser = parsed(&change(browser_answer(&offer, &settings)));
    let made = plan_incoming(&offer, &browser, &settings).unwrap();
    same_text(&drawn(&made), plan);
    let text = answer_to_sip(&offer, &made, &local(), origin(), &[]).to_string();
    let head = "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
    same_text(text.strip_prefix(head).unwrap_or(&text), answer);
}

#[test]
fn a_browser_is_offered_what_the_invite_offers() {
    check_offered(
        BARESIP_OFFER,
        "audio sendrecv: 96 opus/48000/2 [stereo=1;sprop-stereo=1], 9 G722/8000, 0 PCMU/8000, 8 PCMA/8000, 101 telephone-event/48000 [0-15]
video sendrecv: 97 H264/90000 [level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f], 98 VP8/90000
",
    );
    // linphone uses the numbers of audio again in video; in a bundle they must differ.
    check_offered(
        LINPHONE_OFFER,
        "audio sendrecv: 96 opus/48000/2 [useinbandfec=1], 0 PCMU/8000, 8 PCMA/8000, 101 telephone-event/48000 [0-15]
video sendrecv: 98 VP8/90000, 97 H264/90000 [level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f]
",
    );
    check_offered(
        POLYCOM_OFFER,
        "audio sendrecv: 9 G722/8000, 0 PCMU/8000, 8 PCMA/8000, 127 telephone-event/8000 [0-15]
video sendrecv: 109 H264/90000 [level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e00d], 110 H264/90000 [level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f], 111 H264/90000 [level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f]
",
    );
}

#[test]
fn numbers_a_browser_does_not_take_are_changed() {
    check_offered(
        &sip(
            "m=audio 4000 RTP/AVP 35 77 3\na=rtpmap:35 opus/48000/2\na=rtpmap:77 PCMU/8000\na=rtpmap:3 telephone-event/8000",
        ),
        "audio sendrecv: 96 opus/48000/2, 97 PCMU/8000, 98 telephone-event/48000 [0-15]",
    );
}

#[test]
fn settings_filter_an_incoming_call_too() {
    let only = |list, outside| offered(BARESIP_OFFER, &settings(list, outside));
    same_text(
        &only("ulaw,telephone-event", false),
        "audio sendrecv: 0 PCMU/8000, 101 telephone-event/8000 [0-15]",
    );
    same_text(&only("alaw", false), "audio sendrecv: 8 PCMA/8000");
    assert!(only("ulaw", true).contains("opus"));
}

#[test]
fn baresip_calls_and_chromium_answers() {
    check(
        BARESIP_OFFER,
        |answer| {
            answer.replace("a=fmtp:96 stereo=1;sprop-stereo=1", "a=fmtp:96 minptime=10;useinbandfec=1")
        },
        "audio: browser 96 opus/48000/2, 9 G722/8000, 0 PCMU/8000, 8 PCMA/8000, 101 telephone-event/48000
  96 opus/48000/2 = opus/48000/2 send 96 recv 96 Pass
  101 telephone-event/48000 = telephone-event/8000 send 101 recv 101 Pass
  sendrecv to 192.0.2.20:15820 rtcp 192.0.2.20:15821, 20 ms
  opus/48000/2 on both legs: passed through by payload type; digits as telephone-event/48000 to the browser and telephone-event/8000 to the SIP side, durations rescaled
video: browser 97 H264/90000, 98 VP8/90000
  97 H264/90000 = H264/90000 send 97 recv 97 Pass
  sendrecv to 192.0.2.20:13042 rtcp 192.0.2.20:13043, 20 ms
  H264/90000 (Constrained Baseline, packetization-mode 0) on both legs: passed through by payload type
",
        "m=audio 31002 RTP/AVP 96 101
a=rtpmap:96 opus/48000/2
a=fmtp:96 minptime=10;useinbandfec=1
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
m=video 31004 RTP/AVP 97
a=rtpmap:97 H264/90000
a=fmtp:97 packetization-mode=0;profile-level-id=42e01f
a=rtcp-fb:* nack pli
a=sendrecv
",
    );
}

#[test]
fn what_the_browser_put_first_is_used() {
    check(
        LINPHONE_OFFER,
        |answer| {
            answer
                .replace("SAVPF 96 0 8 101", "SAVPF 8 0 96 101")
                .replace("SAVPF 98 97", "SAVPF 97 98")
        },
        "audio: browser 8 PCMA/8000, 0 PCMU/8000, 96 opus/48000/2, 101 telephone-event/48000
  8 PCMA/8000 = PCMA/8000 send 8 recv 8 Pass
  101 telephone-event/48000 = telephone-event/8000 send 100 recv 100 Pass
  sendrecv to 192.0.2.30:7078 rtcp 192.0.2.30:7079, 20 ms
  PCMA/8000 on both legs: passed through by payload type; digits as telephone-event/48000 to the browser and telephone-event/8000 to the SIP side, durations rescaled
video: browser 97 H264/90000, 98 VP8/90000
  97 H264/90000 = H264/90000 send 97 recv 97 Pass
  sendrecv to 192.0.2.30:9078 rtcp 192.0.2.30:9079, 20 ms
  H264/90000 (Constrained Baseline, packetization-mode 0) to the browser, H264/90000 (Baseline, packetization-mode 0) to the SIP side: passed through by payload type
",
        "m=audio 31002 RTP/AVP 8 100
a=rtpmap:8 PCMA/8000
a=rtpmap:100 telephone-event/8000
a=fmtp:100 0-15
a=ptime:20
a=sendrecv
m=video 31004 RTP/AVP 97
a=rtpmap:97 H264/90000
a=fmtp:97 packetization-mode=0;profile-level-id=42801f
a=rtcp-fb:* nack pli
a=rtcp-fb:* ccm fir
a=sendrecv
",
    );
}

#[test]
fn lines_stay_in_the_order_of_the_invite_and_the_unknown_are_refused() {
    check(
        POLYCOM_OFFER,
        |answer| answer,
        "audio: browser 9 G722/8000, 0 PCMU/8000, 8 PCMA/8000, 127 telephone-event/8000
  9 G722/8000 = G722/8000 send 9 recv 9 Pass
  127 telephone-event/8000 = telephone-event/8000 send 127 recv 127 Pass
  sendrecv to 192.0.2.40:2242 rtcp 192.0.2.40:2243, 20 ms
  G722/8000 on both legs: passed through by payload type; digits as telephone-event/8000
video: browser 109 H264/90000, 110 H264/90000, 111 H264/90000
  109 H264/90000 = H264/90000 send 109 recv 109 Pass
  sendrecv to 192.0.2.40:2244 rtcp 192.0.2.40:2245, 20 ms
  H264/90000 (Constrained Baseline, packetization-mode 0) to the browser, H264/90000 (Baseline, packetization-mode 0) to the SIP side: passed through by payload type
",
        "m=audio 31002 RTP/AVP 9 127
a=rtpmap:9 G722/8000
a=rtpmap:127 telephone-event/8000
a=fmtp:127 0-15
a=ptime:20
a=sendrecv
m=video 31004 RTP/AVP 109
a=rtpmap:109 H264/90000
a=fmtp:109 packetization-mode=0;profile-level-id=42800d
a=rtcp-fb:* ccm fir
a=sendrecv
m=application 0 UDP/BFCP *
m=image 0 udptl t38
",
    );
}

#[test]
fn optional_srtp_offered_as_a_second_line() {
    check(
        &sip(
            "m=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\nm=video 4004 RTP/AVP 96\na=rtpmap:96 VP8/90000\nm=audio 4002 RTP/AVPF 8\na=rtcp-mux",
        ),
        |answer| answer,
        "video: browser 96 VP8/90000
  96 VP8/90000 = VP8/90000 send 96 recv 96 Pass
  sendrecv to 192.0.2.9:4004 rtcp 192.0.2.9:4005, 20 ms
  VP8/90000 on both legs: passed through by payload type
audio: browser 8 PCMA/8000
  8 PCMA/8000 = PCMA/8000 send 8 recv 8 Pass
  sendrecv to 192.0.2.9:4002 rtcp 192.0.2.9:4002 mux, 20 ms
  PCMA/8000 on both legs: passed through by payload type
",
        "m=audio 0 RTP/SAVP 0
a=rtpmap:0 PCMU/8000
m=video 31004 RTP/AVP 96
a=rtpmap:96 VP8/90000
a=sendrecv
m=audio 31002 RTP/AVPF 8
a=rtpmap:8 PCMA/8000
a=ptime:20
a=rtcp-mux
a=sendrecv
",
    );
}

#[test]
fn a_page_without_a_camera_receives_video_and_sends_silence() {
    // Measured: the SDK answers m=video recvonly, never refused.
    check(
        &sip("m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000"),
        |answer| answer.replace("a=sendrecv", "a=recvonly"),
        "audio: browser 0 PCMU/8000
  0 PCMU/8000 = PCMU/8000 send 0 recv 0 Pass
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4001, 20 ms
  PCMU/8000 on both legs: passed through by payload type
video: browser 96 VP8/90000
  96 VP8/90000 = VP8/90000 send 96 recv 96 Pass
  recvonly to 192.0.2.9:4002 rtcp 192.0.2.9:4003, 20 ms
  VP8/90000 on both legs: passed through by payload type
",
        "m=audio 31002 RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=ptime:20
a=sendrecv
m=video 31004 RTP/AVP 96
a=rtpmap:96 VP8/90000
a=recvonly
",
    );
}

#[test]
fn a_line_the_browser_refuses_is_refused_to_sip() {
    check(
        &sip("m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000"),
        |answer| answer.replace("m=video 9", "m=video 0"),
        "audio: browser 0 PCMU/8000
  0 PCMU/8000 = PCMU/8000 send 0 recv 0 Pass
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4001, 20 ms
  PCMU/8000 on both legs: passed through by payload type
video: refused, the browser refused video
",
        "m=audio 31002 RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=ptime:20
a=sendrecv
m=video 0 RTP/AVP 96
",
    );
}

#[test]
fn session_lines_of_the_page_go_into_the_answer_and_bad_ones_do_not() {
    let settings = CodecSettings::default();
    let offer = parsed(&sip("m=audio 4000 RTP/AVP 0"));
    let browser = parsed(&browser_answer(&offer, &settings));
    let plan = plan_incoming(&offer, &browser, &settings).unwrap();
    let lines = [
        "a=label:1",
        "b=AS:3000",
        "a=setup:active",
        "a=x\r\nc=IN IP4 10.0.0.1",
    ]
    .map(str::to_owned);
    let text = answer_to_sip(&offer, &plan, &local(), origin(), &lines).to_string();
    assert!(
        text.contains("\r\nc=IN IP4 192.0.2.1\r\nb=AS:3000\r\nt=0 0\r\na=label:1\r\nm=audio"),
        "{text}"
    );
}

#[test]
fn an_invite_that_cannot_be_carried_says_why() {
    for (offer, text) in [
        (
            "m=audio 4000 RTP/AVP 18",
            "Transcoding required, but disabled",
        ),
        (
            "m=audio 4000 RTP/AVP 18\nm=video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000",
            "Transcoding required, but disabled",
        ),
        (
            "m=audio 4000 RTP/AVP 18\nm=video 4002 RTP/SAVP 97\nm=video 4004 RTP/AVP 96\na=rtpmap:96 VP8/90000",
            "Transcoding required, but disabled",
        ),
        (
            "m=video 4002 RTP/AVP 34\nm=audio 4000 RTP/AVP 18",
            "Transcoding required, but disabled",
        ),
        ("m=video 4002 RTP/AVP 34", "No common codecs"),
        // A codec at a clock it does not have: nobody knows what its timestamps mean.
        (
            "m=audio 4000 RTP/AVP 96\na=rtpmap:96 opus/16000/2",
            "Transcoding required, but disabled",
        ),
        (
            "m=audio 4000 RTP/AVP 96\na=rtpmap:96 G722/16000",
            "Transcoding required, but disabled",
        ),
        ("m=audio 4000 RTP/AVP 3 13", "No common codecs"),
        ("m=audio 4000 RTP/AVP", "No common codecs"),
        (
            "m=image 4000 udptl t38",
            "The SIP side offers neither audio nor video.",
        ),
        (
            "m=audio 0 RTP/AVP 0",
            "The SIP side offers neither audio nor video.",
        ),
        (
            "m=audio 4000 RTP/SAVP 0",
            "The SIP side offers audio as RTP/SAVP, but only RTP/AVP and RTP/AVPF are spoken here.",
        ),
    ] {
        let error = formats_for_browser(Some(&parsed(&sip(offer))), &CodecSettings::default());
        assert_eq!(error.unwrap_err().text(), text, "{offer}");
    }
}

#[test]
fn the_same_codec_twice_is_offered_once() {
    check_offered(
        &sip("m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 97 98 99\na=rtpmap:97 H264/90000\na=fmtp:97 profile-level-id=42e01f\na=rtpmap:98 H264/90000\na=fmtp:98 profile-level-id=42801f\na=rtpmap:99 H264/90000\na=fmtp:99 profile-level-id=42e00d;packetization-mode=1"),
        "audio sendrecv: 0 PCMU/8000
video sendrecv: 97 H264/90000 [level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f], 99 H264/90000 [level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e00d]
",
    );
}

#[test]
fn the_encrypted_twin_of_a_line_is_refused() {
    check(
        &sip(
            "m=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\nm=audio 4002 RTP/AVP 0",
        ),
        |answer| answer,
        "audio: browser 0 PCMU/8000
  0 PCMU/8000 = PCMU/8000 send 0 recv 0 Pass
  sendrecv to 192.0.2.9:4002 rtcp 192.0.2.9:4003, 20 ms
  PCMU/8000 on both legs: passed through by payload type
",
        "m=audio 0 RTP/SAVP 0
a=rtpmap:0 PCMU/8000
m=audio 31002 RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=ptime:20
a=sendrecv
",
    );
}

#[test]
fn digits_that_nobody_offered_are_left_out() {
    check(
        &sip("m=audio 4000 RTP/AVP 0"),
        |answer| answer.replace("SAVPF 0", "SAVPF 0 126") + "a=rtpmap:126 telephone-event/8000\n",
        "audio: browser 0 PCMU/8000
  0 PCMU/8000 = PCMU/8000 send 0 recv 0 Pass
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4001, 20 ms
  PCMU/8000 on both legs: passed through by payload type
",
        "m=audio 31002 RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=ptime:20
a=sendrecv
",
    );
}
