//! What our INVITE offers: browser offer x settings -> SDP.

use sdp::{CodecSettings, Description, PlanError, offer_to_sip};

use crate::samples::{
    CHROMIUM_AUDIO, CHROMIUM_AV, FIREFOX_153_AV, FIREFOX_AV, local, origin, parsed, same_text,
    settings, sip,
};

fn offered(browser: &str, settings: &CodecSettings) -> Result<Description, PlanError> {
    offer_to_sip(&parsed(browser), &local(), origin(), settings, &[])
}

/// The m-lines of the offer.
#[track_caller]
fn check(browser: &str, settings: &CodecSettings, expected: &str) {
    let offer = offered(browser, settings).unwrap().to_string();
    let head = "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
    same_text(offer.strip_prefix(head).unwrap_or(&offer), expected);
}

#[test]
fn a_chromium_audio_call() {
    check(
        CHROMIUM_AUDIO,
        &CodecSettings::default(),
        "m=audio 31002 RTP/AVP 111 8 0 9 126 110
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:9 G722/8000
a=rtpmap:126 telephone-event/8000
a=fmtp:126 0-16
a=rtpmap:110 telephone-event/48000
a=fmtp:110 0-16
a=ptime:20
a=rtcp-mux
a=sendrecv
",
    );
}

#[test]
fn a_chromium_video_call() {
    let offer = offered(CHROMIUM_AV, &CodecSettings::default())
        .unwrap()
        .to_string();
    let video = &offer[offer.find("m=video").unwrap()..];
    same_text(
        video,
        "m=video 31004 RTP/AVP 106 108 96
a=rtpmap:106 H264/90000
a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:108 H264/90000
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f
a=rtpmap:96 VP8/90000
a=rtcp-fb:* nack pli
a=rtcp-fb:* ccm fir
a=rtcp-mux
a=sendrecv
",
    );
}

#[test]
fn an_offer_is_compact() {
    // K4: with 500 bytes of headers an audio INVITE stays below the 1300 of RFC 3261 §18.1.1.
    let length = |browser| {
        offered(browser, &CodecSettings::default())
            .unwrap()
            .to_string()
            .len()
    };
    let (audio, both) = (length(CHROMIUM_AUDIO), length(CHROMIUM_AV));
    assert!(audio < 450 && both < 1500, "{audio} {both}");
    for word in [
        "ice",
        "extmap",
        "ssrc",
        "msid",
        "mid",
        "group",
        "fingerprint",
        "setup",
        "rtx",
        "red",
    ] {
        let text = offered(CHROMIUM_AV, &CodecSettings::default())
            .unwrap()
            .to_string();
        assert!(!text.contains(word), "{word} in\n{text}");
    }
}

#[test]
fn the_settings_give_the_order_and_the_browser_the_rest() {
    let m_line = |settings| {
        let offer = offered(CHROMIUM_AUDIO, &settings).unwrap().to_string();
        offer
            .lines()
            .find(|line| line.starts_with("m="))
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        m_line(settings("ulaw,alaw", true)),
        "m=audio 31002 RTP/AVP 0 8 111 9 126 110"
    );
    // telephone-event is a codec of the list like any other.
    assert_eq!(
        m_line(settings("ulaw,alaw", false)),
        "m=audio 31002 RTP/AVP 0 8"
    );
    assert_eq!(
        m_line(settings("telephone-event,g722,ulaw", false)),
        "m=audio 31002 RTP/AVP 9 0 126"
    );
    assert_eq!(
        m_line(settings("telephone-event,opus", false)),
        "m=audio 31002 RTP/AVP 111 110"
    );
    let mut excluded = CodecSettings::default();
    excluded.exclude_sip.push(sdp::CodecToken::Opus);
    excluded.exclude_sip.push(sdp::CodecToken::G722);
    assert_eq!(m_line(excluded), "m=audio 31002 RTP/AVP 8 0 126");
}

/// G722/8000/1, digits at 8000 alone, no H.264; AV1, VP9, RED and what belongs to browsers stay behind.
#[test]
fn firefox_153_without_h264() {
    check(
        FIREFOX_153_AV,
        &CodecSettings::default(),
        "m=audio 31002 RTP/AVP 109 8 0 9 101
a=rtpmap:109 opus/48000/2
a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:9 G722/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=rtcp-mux
a=sendrecv
m=video 31004 RTP/AVP 120
a=rtpmap:120 VP8/90000
a=fmtp:120 max-fs=12288;max-fr=60
a=rtcp-fb:* nack pli
a=rtcp-fb:* ccm fir
a=rtcp-mux
a=sendrecv
",
    );
}

#[test]
fn firefox_has_digits_at_8000_only() {
    check(
        FIREFOX_AV,
        &settings("opus,telephone-event,vp8,h264", false),
        "m=audio 31002 RTP/AVP 109 101
a=rtpmap:109 opus/48000/2
a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=rtcp-mux
a=sendrecv
m=video 31004 RTP/AVP 120 126 97
a=rtpmap:120 VP8/90000
a=fmtp:120 max-fs=12288;max-fr=60
a=rtpmap:126 H264/90000
a=fmtp:126 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:97 H264/90000
a=fmtp:97 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f
a=rtcp-fb:* nack pli
a=rtcp-fb:* ccm fir
a=rtcp-mux
a=sendrecv
",
    );
}

#[test]
fn one_law_of_the_browser_is_both_for_sip() {
    // The page stripped PCMA and the digits at 8000.
    let browser = CHROMIUM_AUDIO.replace("111 63 9 0 8 13 110 126", "111 0 110");
    check(
        &browser,
        &settings("alaw,ulaw,telephone-event", false),
        "m=audio 31002 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=rtcp-mux
a=sendrecv
",
    );
}

#[test]
fn a_browser_without_a_microphone_is_silent_not_recvonly() {
    let listening = CHROMIUM_AV.replace("a=sendrecv", "a=recvonly");
    let offer = offered(&listening, &CodecSettings::default()).unwrap();
    let directions: Vec<_> = offer
        .media
        .iter()
        .map(|media| media.direction.name())
        .collect();
    assert_eq!(directions, ["sendrecv", "recvonly"]);
}

#[test]
fn bandwidth_of_the_page_stands_before_the_time_and_attributes_after_it() {
    let lines = ["b=AS:3000", "b=TIAS:2500000", "b=RS:1000", "b=RR:3000"].map(str::to_owned);
    let settings = CodecSettings::default();
    let offer = offer_to_sip(
        &parsed(CHROMIUM_AUDIO),
        &local(),
        origin(),
        &settings,
        &lines,
    );
    let text = offer.unwrap().to_string();
    assert!(
        text.contains(
            "\r\nc=IN IP4 192.0.2.1\r\nb=AS:3000\r\nb=TIAS:2500000\r\nb=RS:1000\r\nb=RR:3000\r\nt=0 0\r\n"
        ),
        "{text}"
    );
    let lines = ["a=label:1", "b=AS:3000", "a=x-tag"].map(str::to_owned);
    let offer = offer_to_sip(
        &parsed(CHROMIUM_AUDIO),
        &local(),
        origin(),
        &settings,
        &lines,
    )
    .unwrap();
    let text = offer.to_string();
    let expected = "\r\nc=IN IP4 192.0.2.1\r\nb=AS:3000\r\nt=0 0\r\na=label:1\r\na=x-tag\r\nm=";
    assert!(text.contains(expected), "{text}");
    assert_eq!(parsed(&text), offer);
    let lines = ["a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x".to_owned()];
    let error = offer_to_sip(
        &parsed(CHROMIUM_AUDIO),
        &local(),
        origin(),
        &settings,
        &lines,
    );
    assert_eq!(
        error.unwrap_err().text(),
        "sipSDP line 1 gives \"a=crypto\", which only the server may set."
    );
}

#[test]
fn only_the_first_line_of_a_kind_and_only_with_a_port() {
    let two = sip(
        "m=audio 9 RTP/AVP 0\nm=audio 9 RTP/AVP 8\nm=video 9 RTP/AVP 96\na=rtpmap:96 VP8/90000",
    );
    let audio_only = &local()[..1];
    let offer = offer_to_sip(
        &parsed(&two),
        audio_only,
        origin(),
        &settings("ulaw", false),
        &[],
    )
    .unwrap();
    let text = offer.to_string();
    assert_eq!(text.matches("m=").count(), 1, "{text}");
    assert!(text.contains("m=audio 31002 RTP/AVP 0\r\n"), "{text}");
}

#[test]
fn ipv6_stands_without_brackets() {
    let addr = "2001:db8::1".parse().unwrap();
    let mut local = local();
    local.iter_mut().for_each(|local| local.rtp.set_ip(addr));
    let origin = sdp::Origin { addr, ..origin() };
    let settings = CodecSettings::default();
    let offer = offer_to_sip(&parsed(CHROMIUM_AUDIO), &local, origin, &settings, &[]).unwrap();
    let text = offer.to_string();
    assert!(text.starts_with(
        "v=0\r\no=- 7 1 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n"
    ));
}

#[test]
fn what_cannot_be_offered_says_why() {
    let only = |browser: &str, list: &str| offered(browser, &settings(list, false)).unwrap_err();
    let error = only(CHROMIUM_AUDIO, "g729,telephone-event");
    assert_eq!(error.text(), "Transcoding required, but disabled");
    assert_eq!(
        error.detail(),
        "Transcoding required, but disabled: the browser has opus/48000/2, G722/8000, PCMU/8000, \
         PCMA/8000, CN/8000, telephone-event/48000, telephone-event/8000, the SIP side has g729"
    );
    let exotic = CHROMIUM_AUDIO.replace("111 63 9 0 8 13 110 126", "13 126");
    assert_eq!(only(&exotic, "opus,ulaw").text(), "No common codecs");
    let nothing = sip("m=application 9 UDP/DTLS/SCTP webrtc-datachannel");
    assert_eq!(
        only(&nothing, "opus").text(),
        "The browser offers neither audio nor video."
    );
}

#[test]
fn video_that_cannot_be_offered_leaves_the_call() {
    let vp9 = CHROMIUM_AV.replace(
        "96 97 102 103 104 105 106 107 108 109 127 125 39 40 45",
        "45",
    );
    let offer = offered(&vp9, &CodecSettings::default()).unwrap();
    assert_eq!(offer.media.len(), 1);
}
