use super::*;

/// What the published SDK sends after `stripCodecs` (bare LF, trailing space, orphaned fmtp).
const STRIPPED: &str = "v=0\r\no=- 3885062018265434144 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
a=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS x\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 \nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
a=ice-ufrag:8pZZ\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=ice-options:trickle\r\n\
a=fingerprint:SHA-256 AB:CD\r\na=setup:actpass\r\na=mid:0\r\n\
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=sendrecv\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=ssrc:11 cname:c\r\na=ssrc:11 msid:- t\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 96 97 \na=mid:1\r\na=recvonly\r\n\
a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:* ccm fir\r\n\
a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n\
a=ssrc-group:FID 21 22\r\na=ssrc:21 cname:c\r\na=ssrc:22 cname:c\r\n\
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n";

#[test]
fn a_stripped_offer_is_read() {
    let remote = Remote::parse(STRIPPED).unwrap();
    assert_eq!(remote.ufrag, "8pZZ");
    assert_eq!(remote.fingerprint, ("sha-256".into(), "AB:CD".into()));
    assert_eq!(remote.setup, Setup::ActPass);
    assert!(!remote.ice_lite);
    let [audio, video, data] = &remote.media[..] else {
        panic!("three m-lines");
    };
    assert_eq!(audio.payload_types().collect::<Vec<_>>(), [111, 63]);
    assert_eq!(audio.extension(crate::write::MID_URI), Some(4));
    assert_eq!(audio.ssrcs, [(11, None)]);
    assert_eq!(audio.direction, Direction::SendRecv);
    assert!(audio.reduced_size && !video.reduced_size);
    assert_eq!(video.direction, Direction::RecvOnly);
    assert_eq!(video.rtx, [(97, 96)], "99 is not listed any more");
    assert_eq!(video.ssrcs, [(21, Some(22))]);
    assert!(video.has_feedback(96, "nack pli") && video.has_feedback(96, "ccm fir"));
    assert!(!video.has_feedback(96, "nack"));
    assert_eq!((data.kind, data.mid.as_str()), (None, "2"));
}

#[test]
fn what_is_missing_is_named() {
    for (without, named) in [
        ("a=ice-ufrag:8pZZ\r\n", "a=ice-ufrag"),
        ("a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n", "a=ice-pwd"),
        ("a=fingerprint:SHA-256 AB:CD\r\n", "a=fingerprint"),
    ] {
        let error = Remote::parse(&STRIPPED.replace(without, "")).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
    assert!(Remote::parse("").is_err());
    let many = format!("{STRIPPED}{}", "m=audio 9 X 0\r\n".repeat(20));
    assert!(Remote::parse(&many).is_err());
}

#[test]
fn port_0_is_a_refusal_only_outside_the_bundle() {
    let refused = STRIPPED.replace("m=video 9", "m=video 0");
    assert!(!Remote::parse(&refused).unwrap().media[1].rejected);
    let refused = refused.replace("BUNDLE 0 1", "BUNDLE 0");
    assert!(Remote::parse(&refused).unwrap().media[1].rejected);
}

#[test]
fn no_cut_of_an_offer_panics() {
    for end in 0..STRIPPED.len() {
        let _ = Remote::parse(&STRIPPED[..end]);
        let _ = Remote::parse(&STRIPPED[end..]);
    }
}
