//! What real devices write.

use std::net::SocketAddr;

use sdp::{Description, Encoding, MediaKind};

use crate::samples::{ALL, CHROMIUM_AV, LINPHONE_OFFER, POLYCOM_OFFER, parsed, sip};

fn names(description: &Description, place: usize) -> String {
    let formats = description.media[place].formats.iter();
    let text: Vec<String> = formats.map(|f| format!("{} {f}", f.payload_type)).collect();
    text.join(", ")
}

fn rtcp(media: &str) -> Option<SocketAddr> {
    parsed(&sip(media)).media[0].rtcp_addr()
}

#[test]
fn a_browser_is_read_without_its_ice() {
    let offer = parsed(CHROMIUM_AV);
    assert_eq!(offer.media.len(), 2);
    let audio = &offer.media[0];
    assert_eq!(
        (audio.kind, audio.port, audio.addr),
        (Some(MediaKind::Audio), 9, None)
    );
    assert_eq!(audio.mid.as_deref(), Some("0"));
    // 0.0.0.0 is no hold here.
    assert_eq!(audio.direction.name(), "sendrecv");
    assert!(audio.rtcp_mux);
    assert!(names(&offer, 0).starts_with("111 opus/48000/2, 63 red/48000/2, 9 G722/8000"));
    let video = &offer.media[1];
    assert!(video.feedback.pli && video.feedback.fir && video.feedback.nack);
}

#[test]
fn what_strip_codecs_leaves() {
    // protocol R13: trailing space and bare LF, rtx and red that point to nothing.
    let stripped = CHROMIUM_AV
        .replace(
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126",
            "m=audio 9 UDP/TLS/RTP/SAVPF 63 0 8 ",
        )
        .replace("SAVPF 96 97 102 103", "SAVPF 97 102 103")
        .replace("a=rtpmap:96 VP8/90000\n", "");
    let offer = parsed(&stripped);
    assert_eq!(names(&offer, 0), "0 PCMU/8000, 8 PCMA/8000");
    assert!(
        names(&offer, 1).starts_with("102 H264/90000, 103 rtx/90000, 104"),
        "{}",
        names(&offer, 1)
    );
    for empty in [
        "m=audio 9 UDP/TLS/RTP/SAVPF \n",
        "m=audio 9 UDP/TLS/RTP/SAVPF",
    ] {
        let offer = parsed(&sip(empty));
        assert_eq!((offer.media.len(), offer.media[0].formats.len()), (1, 0));
    }
}

#[test]
fn lines_end_in_every_way() {
    let text = sip("m=audio 4000 RTP/AVP 0\na=ptime:30\na=sendonly");
    let expected = parsed(&text);
    assert_eq!(expected.media[0].direction.name(), "sendonly");
    for other in [
        text.replace('\n', "\r\n"),
        text.replace('\n', "\r"),
        text.replace('\n', " \r\n\r\n"),
        text.trim_end().to_owned(),
        format!("\r\n {text}"),
    ] {
        assert_eq!(parsed(&other), expected, "{other:?}");
    }
}

#[test]
fn origins_of_all_kinds() {
    for (line, expected) in [
        ("o=- 7 8 IN IP4 192.0.2.1", "o=- 7 8 IN IP4 192.0.2.1"),
        ("o=Ralf C 7 8 IN IP4 192.0.2.1", "o=- 7 8 IN IP4 192.0.2.1"),
        (
            "o=mozilla...THIS-99.0 7 0 IN IP6 2001:db8::1",
            "o=- 7 0 IN IP6 2001:db8::1",
        ),
        ("o=- 7 8 IN IP6 [2001:db8::1]", "o=- 7 8 IN IP6 2001:db8::1"),
        (
            "o=- 99999999999999999999999 x IN IP4 192.0.2.1",
            "o=- 0 0 IN IP4 192.0.2.1",
        ),
        ("o=- 7 8 IN IP4 pbx.example.com", "o=- 7 8 IN IP4 0.0.0.0"),
        ("o=", "o=- 0 0 IN IP4 0.0.0.0"),
        ("s=no origin", "o=- 0 0 IN IP4 0.0.0.0"),
    ] {
        let text = parsed(&format!("v=0\n{line}\ns=-\nt=0 0\n")).to_string();
        assert_eq!(text.lines().nth(1), Some(expected), "{line}");
    }
}

#[test]
fn lines_nobody_knows_are_passed_over() {
    let text = "v=0\no=- 1 1 IN IP4 192.0.2.9\no=- 2 2 IN IP4 192.0.2.8\ns=-\nq=what\nnonsense\n\
                c=IN IP4 192.0.2.9\nc=IN IP4 192.0.2.8\nb=AS:many\nb=X:5\nt=0 0\nr=x\nz=y\n\
                a=\nm=audio 4000/2 RTP/AVP 0 8 0 200 x\ni=title\ni=title\nb=\nk=clear:x\nk=clear:y\n\
                a=rtpmap:0\na=rtpmap:8 /8000\na=rtpmap:x PCMU/8000\na=fmtp:0\na=ptime:x\na=rtcp:x\n";
    let read = parsed(text);
    assert_eq!(read.addr, Some("192.0.2.9".parse().unwrap()));
    assert_eq!(read.session_lines, ["b=X:5"]);
    assert_eq!(names(&read, 0), "0 PCMU/8000, 8 PCMA/8000");
    assert_eq!((read.media[0].ptime_ms, read.media[0].rtcp), (None, None));
}

#[test]
fn session_lines_are_those_before_the_first_m_line() {
    let text = "v=0\ns=-\na=x-before:1\nb=AS:3000\nt=0 0\na=x-after:1\nb=AS:9\nm=audio 1 RTP/AVP 0\na=x\nb=AS:1\n";
    let read = parsed(text);
    assert_eq!(
        read.session_lines,
        ["b=AS:3000", "b=AS:9", "a=x-before:1", "a=x-after:1"]
    );
}

#[test]
fn where_rtcp_goes() {
    let addr = |text: &str| text.parse::<SocketAddr>().ok();
    let line = "m=audio 4000 RTP/AVP 0";
    assert_eq!(rtcp(line), addr("192.0.2.9:4001"));
    assert_eq!(
        rtcp(&format!("{line}\na=rtcp:4007")),
        addr("192.0.2.9:4007")
    );
    assert_eq!(
        rtcp(&format!("{line}\na=rtcp:4007 IN IP4 192.0.2.7")),
        addr("192.0.2.7:4007")
    );
    assert_eq!(
        rtcp(&format!("{line}\na=rtcp:4007\na=rtcp-mux")),
        addr("192.0.2.9:4000")
    );
    assert_eq!(rtcp("m=audio 65535 RTP/AVP 0"), addr("192.0.2.9:65535"));
    assert_eq!(rtcp("m=audio 0 RTP/AVP 0"), None);
}

#[test]
fn parameters_of_devices() {
    let linphone = parsed(LINPHONE_OFFER);
    assert!(names(&linphone, 0).contains("18 G729/8000, 101 telephone-event/48000"));
    assert_eq!(
        linphone.media[0].formats[5].fmtp.as_deref(),
        Some("annexb=yes")
    );
    assert!(linphone.media[1].feedback.pli && linphone.media[1].feedback.fir);
    let polycom = parsed(POLYCOM_OFFER);
    assert_eq!(polycom.media[3].other_formats, ["t38"]);
    assert_eq!(polycom.media[3].kind, None);
    assert_eq!(
        polycom.media[0].formats[1].encoding,
        Encoding::Other("g7221".into())
    );
    assert_eq!(polycom.media[0].ptime_ms, None);
    let twice = parsed(&sip(
        "m=audio 1 RTP/AVP 96\na=rtpmap:96 OPUS/48000/2\na=fmtp:96 a=1\na=fmtp:96 b=2\na=ptime:20.0",
    ));
    assert_eq!(twice.media[0].formats[0].encoding, Encoding::Opus);
    assert_eq!(twice.media[0].formats[0].fmtp.as_deref(), Some("a=1;b=2"));
    assert_eq!(twice.media[0].ptime_ms, Some(20));
}

#[test]
fn a_bundled_line_with_port_0_is_no_refusal() {
    let offer = sip("m=video 0 UDP/TLS/RTP/SAVPF 96\na=bundle-only\na=rtpmap:96 VP8/90000");
    assert!(!parsed(&offer).media[0].rejected());
}

#[test]
fn errors_name_the_line() {
    let many = format!("v=0\n{}", "m=audio 1 RTP/AVP 0\n".repeat(33));
    let long = format!("v=0\n{}", "a=x\n".repeat(20_000));
    for (text, expected) in [
        ("", "the description is empty"),
        ("\r\n\r\n", "the description is empty"),
        ("hello", "line 1: the first line is not v=0"),
        ("v=1\n", "line 1: the first line is not v=0"),
        ("v=0\n\n\nm=audio", "line 4: Media port is missing"),
        (
            "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nq=1\r\nm=audio x RTP/AVP 0",
            "line 4: Media port cannot be read",
        ),
        (
            "v=0\nm=audio 70000 RTP/AVP 0",
            "line 2: Media port cannot be read",
        ),
        ("v=0\nm=audio 1", "line 2: Media proto is missing"),
        (
            "v=0\nc=IN IP4",
            "line 2: Connection connection-address is missing",
        ),
        (
            "v=0\nc=IN IP4 1.2.3.4 5",
            "line 2: Connection has more fields than it may",
        ),
        ("v=0\na=x\0y", "line 2: the line has a control character"),
        (
            "v=0\nc=IN IP4 pbx.example.com\nm=audio 1 RTP/AVP 0",
            "line 2: c= names the host \"pbx.example.com\", and only IP addresses are taken",
        ),
        (
            "v=0\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 1 RTP/AVP 0\nm=video 2 RTP/AVP 96\nc=IN IP4 b.example.com\n",
            "line 6: c= names the host \"b.example.com\", and only IP addresses are taken",
        ),
        (&many, "line 34: there are more than 32 m-lines"),
        (&long, "the description is longer than 64 KiB"),
    ] {
        let error = Description::parse(text).unwrap_err().to_string();
        assert_eq!(error, expected, "{text:?}");
    }
}

#[test]
fn every_sample_is_read() {
    for (name, text) in ALL {
        assert!(!parsed(text).media.is_empty(), "{name}");
        assert!(
            !parsed(&text.replace('\n', "\r\n")).media.is_empty(),
            "{name}"
        );
    }
}

#[test]
fn a_refused_line_does_not_take_the_direction_of_the_session() {
    let text = "v=0\ns=-\nc=IN IP4 192.0.2.9\na=inactive\nt=0 0\nm=audio 0 RTP/AVP 0\na=sendrecv\n";
    let read = parsed(text);
    assert_eq!(parsed(&read.to_string()), read, "{read}");
}

#[test]
fn a_host_name_that_nobody_needs_is_no_error() {
    let name = "c=IN IP4 pbx.example.com";
    for text in [
        // The m-line has an address of its own, or is refused.
        format!("v=0\n{name}\nt=0 0\nm=audio 1 RTP/AVP 0\nc=IN IP4 192.0.2.1"),
        format!(
            "v=0\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 1 RTP/AVP 0\nm=video 0 RTP/AVP 96\n{name}"
        ),
    ] {
        assert_eq!(
            parsed(&text).media[0].addr,
            "192.0.2.1".parse().ok(),
            "{text}"
        );
    }
}
