//! `echo`: what comes goes back, as a stream of the PBX's own.

mod world;

use media::rtcp::{self, Rtcp, SenderInfo};
use testkit::sip_text::{body, header, status};
use world::{Audio, Phone, Video, World, addr, ms, offer, packet};

const BROWSERLIKE: &[&str] = &[
    "m=audio 4000 RTP/AVP 111 9 0 8 101 110\na=rtpmap:111 opus/48000/2\na=fmtp:111 minptime=10\n\
     a=rtpmap:101 telephone-event/8000\na=rtpmap:110 speex/16000\na=rtcp-mux",
    "m=video 4002 RTP/AVPF 96 97 98\na=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\n\
     a=rtpmap:98 H264/90000\na=fmtp:98 packetization-mode=1\na=rtcp-fb:* nack pli\na=rtcp-fb:* ccm fir",
    "m=application 4004 UDP/DTLS/SCTP webrtc-datachannel",
];

fn phone() -> Phone {
    Phone::new("anna", 5070)
}

#[test]
fn the_answer_takes_what_is_known_in_the_offers_order() {
    let mut world = World::new();
    let call = world.call(&phone(), "echo", &offer(BROWSERLIKE));
    let answer = call.answer();
    assert!(
        answer.contains("m=audio 30000 RTP/AVP 111 9 0 8 101\r\n"),
        "{answer}"
    );
    assert!(answer.contains("a=fmtp:111 minptime=10\r\n"), "{answer}");
    assert!(
        answer.contains("m=video 30002 RTP/AVPF 96 98\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("a=fmtp:98 packetization-mode=1\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("nack pli") && answer.contains("ccm fir"),
        "{answer}"
    );
    assert!(answer.contains("m=application 0 "), "{answer}");
    assert_eq!(answer.matches("a=rtcp-mux").count(), 1, "{answer}");
    assert!(
        header(&call.ok, "Server")
            .unwrap()
            .contains("not for production")
    );
}

#[test]
fn packets_come_back_with_an_ssrc_of_its_own() {
    let mut world = World::new();
    let call = world.call(&phone(), "echo", &offer(BROWSERLIKE));
    let mut back = Vec::new();
    for n in 0..50_u16 {
        let sent = packet(if n < 25 { 0 } else { 8 }, n, &n.to_be_bytes());
        world.rtp(call.id, Audio, false, &sent);
        back.push(world.media.pop().unwrap());
        world.pass(ms(20));
        world.media.clear();
    }
    let first = back[0].rtp();
    assert_ne!(first.ssrc, 0xaaaa_aaaa);
    for (n, sent) in (0_u16..).zip(&back) {
        let rtp = sent.rtp();
        assert_eq!((sent.to, sent.rtcp), (addr("127.0.0.1:4000"), false));
        assert_eq!(rtp.payload_type, if n < 25 { 0 } else { 8 });
        assert_eq!(rtp.payload, n.to_be_bytes().as_slice());
        assert_eq!(rtp.ssrc, first.ssrc);
        assert_eq!(rtp.sequence, first.sequence.wrapping_add(n));
        assert_eq!(
            rtp.timestamp,
            first.timestamp.wrapping_add(u32::from(n) * 160)
        );
    }
}

#[test]
fn video_and_digits_come_back_too_and_nothing_else_does() {
    let mut world = World::new();
    let call = world.call(&phone(), "echo", &offer(BROWSERLIKE));
    for (n, (kind, payload_type, comes_back)) in (0..).zip([
        (Video, 96, true),
        (Video, 98, true),
        (Audio, 101, true),
        (Audio, 110, false),
        (Video, 97, false),
    ]) {
        world.media.clear();
        world.rtp(call.id, kind, false, &packet(payload_type, n, b"x"));
        let back: Vec<_> = world.media.iter().map(|sent| sent.kind).collect();
        assert_eq!(
            back,
            if comes_back { vec![kind] } else { vec![] },
            "{payload_type}"
        );
    }
    world.media.clear();
    world.rtp(call.id, Audio, false, b"no RTP");
    assert!(world.media.is_empty());
}

#[test]
fn a_new_source_goes_on_as_the_same_stream() {
    let mut world = World::new();
    let call = world.call(&phone(), "echo", &offer(BROWSERLIKE));
    world.rtp(call.id, Audio, false, &packet(0, 0, b"x"));
    world.pass(ms(20));
    let mut other = packet(0, 31_000, b"y");
    other[8..12].copy_from_slice(&[1, 2, 3, 4]);
    world.rtp(call.id, Audio, false, &other);
    let [one, two] = &world.media[..] else {
        panic!("two packets")
    };
    assert_eq!(two.rtp().ssrc, one.rtp().ssrc);
    assert_eq!(two.rtp().sequence, one.rtp().sequence.wrapping_add(1));
}

#[test]
fn reports_tell_what_came_and_what_went() {
    let mut world = World::new();
    let call = world.call(&phone(), "echo", &offer(BROWSERLIKE));
    let report = Rtcp::SenderReport {
        ssrc: 0xaaaa_aaaa,
        info: SenderInfo {
            ntp: 0x1111_2222_3333_4444,
            rtp: 5000,
            packets: 1,
            octets: 1,
        },
        blocks: vec![],
    };
    world.rtp(call.id, Audio, false, &packet(0, 0, b"x"));
    // Audio has rtcp-mux: it comes on the RTP port.
    world.rtp(call.id, Audio, false, &rtcp::print(&[report]));
    world.rtp(call.id, Audio, false, &packet(0, 2, b"x"));
    world.media.clear();
    world.pass(ms(1000));
    let reports: Vec<_> = world.media.drain(..).collect();
    let audio = reports.iter().find(|sent| sent.kind == Audio).unwrap();
    assert_eq!((audio.rtcp, audio.to), (false, addr("127.0.0.1:4000")));
    let Rtcp::SenderReport { info, blocks, .. } = &audio.rtcp()[0] else {
        panic!("no SR")
    };
    assert_eq!((info.packets, info.octets), (2, 2));
    assert_eq!((blocks[0].ssrc, blocks[0].lost), (0xaaaa_aaaa, 1));
    assert_eq!(
        (blocks[0].last_sr, blocks[0].delay_since_sr),
        (0x2222_3333, 65_536)
    );
    assert!(matches!(&audio.rtcp()[1], Rtcp::Sdes { .. }));
    let video = reports.iter().find(|sent| sent.kind == Video).unwrap();
    assert_eq!((video.rtcp, video.to), (true, addr("127.0.0.1:4003")));
    assert!(matches!(&video.rtcp()[0], Rtcp::ReceiverReport { .. }));
    world.pass(ms(10_000));
    assert_eq!(world.media.len(), 4, "one every 5 s for each line");
}

#[test]
fn who_misses_a_picture_is_sent_to_who_makes_it() {
    let mut world = World::new();
    let call = world.call(&phone(), "echo", &offer(BROWSERLIKE));
    world.rtp(call.id, Video, false, &packet(96, 0, b"x"));
    let ours = world.media[0].rtp().ssrc;
    let asks = |world: &mut World, rtcp: Rtcp| {
        world.media.clear();
        world.rtp(call.id, Video, true, &rtcp::print(&[rtcp]));
        world.pass(ms(0));
        let asked = world.media.iter().flat_map(|sent| {
            assert_eq!((sent.rtcp, sent.to), (true, addr("127.0.0.1:4003")));
            sent.rtcp()
        });
        asked
            .filter(|rtcp| {
                matches!(
                    rtcp,
                    Rtcp::Pli {
                        media: 0xaaaa_aaaa,
                        ..
                    }
                )
            })
            .count()
    };
    let pli = Rtcp::Pli {
        sender: 5,
        media: ours,
    };
    assert_eq!(asks(&mut world, pli.clone()), 1);
    // Once more at once: not now, but not forgotten either.
    assert_eq!(asks(&mut world, pli), 0);
    world.pass(ms(500));
    assert_eq!(world.media.len(), 1);
    world.pass(ms(600));
    assert_eq!(
        asks(
            &mut world,
            Rtcp::Fir {
                sender: 5,
                entries: vec![(ours, 1)]
            }
        ),
        1
    );
    world.pass(ms(600));
    assert_eq!(
        asks(
            &mut world,
            Rtcp::Pli {
                sender: 5,
                media: ours ^ 1
            }
        ),
        0,
        "about another"
    );
}

#[test]
fn a_peer_that_knows_only_fir_gets_fir() {
    let mut world = World::new();
    let video = "m=video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000\na=rtcp-fb:* ccm fir";
    let call = world.call(&phone(), "echo", &offer(&[video]));
    world.rtp(call.id, Video, false, &packet(96, 0, b"x"));
    let media = world.media[0].rtp().ssrc;
    world.rtp(
        call.id,
        Video,
        true,
        &rtcp::print(&[Rtcp::Pli { sender: 5, media }]),
    );
    world.pass(ms(0));
    let asked = world.media.last().unwrap().rtcp();
    assert!(matches!(&asked[2], Rtcp::Fir { entries, .. } if *entries == [(0xaaaa_aaaa, 1)]));
}

#[test]
fn nothing_that_could_be_taken_is_488() {
    for media in [
        "m=audio 4000 RTP/AVP 18",
        "m=audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000",
        "m=audio 0 RTP/AVP 0",
        "m=audio 4000 RTP/SAVP 0",
        "m=audio 4000 UDP/TLS/RTP/SAVPF 0",
    ] {
        let mut world = World::new();
        world.invite(&phone(), "echo", &offer(&[media]));
        world.expect(&phone(), 488);
        assert!(world.open.is_empty());
    }
}

#[test]
fn on_hold_nothing_goes_back() {
    for hold in [
        "m=audio 4000 RTP/AVP 0\na=sendonly",
        "m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0",
    ] {
        let mut world = World::new();
        let call = world.call(&phone(), "echo", &offer(&[hold]));
        assert!(call.answer().contains("a=recvonly"), "{}", call.answer());
        world.rtp(call.id, Audio, false, &packet(0, 0, b"x"));
        assert!(world.media.is_empty(), "{hold}");
    }
}

#[test]
fn without_an_offer_it_makes_one() {
    let mut world = World::new();
    world.invite(&phone(), "echo", "");
    let ok = world.expect(&phone(), 200);
    assert!(body(&ok).contains("m=audio 30000 RTP/AVP 0 8\r\n"), "{ok}");
    let to_tag = testkit::sip_text::tag(header(&ok, "To").unwrap()).unwrap();
    let ack = phone().request(
        "ACK",
        "echo",
        1,
        to_tag,
        &offer(&["m=audio 4000 RTP/AVP 8"]),
    );
    world.send(&phone(), &ack);
    let id = world.open[0].0;
    world.rtp(id, Audio, false, &packet(8, 0, b"x"));
    assert_eq!(world.media.len(), 1);
}

#[test]
fn without_ports_it_is_503() {
    let mut world = World::new();
    world.ports_left = 1;
    world.invite(&phone(), "echo", &offer(BROWSERLIKE));
    let refused = world.read(&phone()).unwrap();
    assert_eq!(status(&refused), Some(503));
    world.pass_until_idle();
}
