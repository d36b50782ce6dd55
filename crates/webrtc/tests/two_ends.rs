//! A leg against a plain `str0m` peer in simulated time: both offer directions, gates, key frames.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, missing_docs)]

mod world;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sdp::{BrowserMedia, Direction, Encoding, MediaKind};
use str0m::media::{Direction as StrDirection, MediaKind as StrKind};
use webrtc::{Leg, LegFailure, LegOutput, OutRtp};
use world::{BROWSER, Browser, GATEWAY, World, config, format, media_plan, plan};

const SECOND: Duration = Duration::from_secs(1);

/// A connected audio and video call which the browser offered; PCMU is the first codec.
fn video_call() -> World {
    let now = Instant::now();
    let mut browser = Browser::new(now);
    let offer = browser.offer(&[
        (StrKind::Audio, StrDirection::SendRecv),
        (StrKind::Video, StrDirection::SendRecv),
    ]);
    let plan = plan(vec![
        media_plan(
            MediaKind::Audio,
            true,
            vec![
                format(0, Encoding::Pcmu, 8_000, 1),
                format(111, Encoding::Opus, 48_000, 2),
                format(110, Encoding::TelephoneEvent, 48_000, 1),
                format(126, Encoding::TelephoneEvent, 8_000, 1),
            ],
        ),
        media_plan(
            MediaKind::Video,
            true,
            vec![format(96, Encoding::Vp8, 90_000, 1)],
        ),
    ]);
    let (leg, answer) = Leg::answer(&config(), &offer, &plan, now).unwrap();
    browser.take_answer(&answer);
    let mut world = World::new(leg, browser, now);
    world.run(SECOND);
    assert!(world.connected());
    world
}

fn m_line<'a>(sdp: &'a str, name: &str) -> &'a str {
    sdp.lines()
        .find(|l| l.starts_with(&format!("m={name} ")))
        .unwrap()
}

#[test]
fn the_answer_has_the_plans_order_and_one_telephone_event() {
    let now = Instant::now();
    let mut browser = Browser::new(now);
    let offer = browser.offer(&[
        (StrKind::Audio, StrDirection::SendRecv),
        (StrKind::Video, StrDirection::SendRecv),
    ]);
    let events = [
        format(126, Encoding::TelephoneEvent, 8_000, 1),
        format(110, Encoding::TelephoneEvent, 48_000, 1),
    ];
    let pcmu = format(0, Encoding::Pcmu, 8_000, 1);
    let opus = format(111, Encoding::Opus, 48_000, 2);
    for (order, expected) in [
        ([opus.clone(), pcmu.clone()], "111 0 110"),
        ([pcmu, opus], "0 111 126"),
    ] {
        let formats = order.into_iter().chain(events.clone()).collect();
        let plan = plan(vec![
            media_plan(MediaKind::Audio, true, formats),
            media_plan(
                MediaKind::Video,
                false,
                vec![format(96, Encoding::Vp8, 90_000, 1)],
            ),
        ]);
        let (_, answer) = Leg::answer(&config(), &offer, &plan, now).unwrap();
        assert_eq!(
            m_line(&answer, "audio"),
            format!("m=audio 40000 UDP/TLS/RTP/SAVPF {expected}")
        );
        assert!(m_line(&answer, "video").starts_with("m=video 0 UDP/TLS/RTP/SAVPF 96"));
        let group = answer.lines().find(|l| l.starts_with("a=group")).unwrap();
        let audio_mid = &browser.mids[0].1;
        assert_eq!(group, format!("a=group:BUNDLE {audio_mid}"));
        assert_eq!(answer.matches("a=candidate:").count(), 1);
        assert!(answer.contains("203.0.113.1 40000 typ host\r\na=end-of-candidates\r\n"));
        assert_eq!(answer.matches("telephone-event").count(), 1);
        assert_eq!(answer.matches("a=setup:passive").count(), 1);
        assert!(
            !answer.contains("transport-wide"),
            "audio needs no such extension"
        );
    }
}

/// Firefox ESR 140 offers transport-wide congestion control for video alone, and refuses an answer that has it for audio.
#[test]
fn each_m_line_has_only_the_extensions_that_it_was_offered() {
    const TRANSPORT_CC: &str = "transport-wide-cc";
    let now = Instant::now();
    let mut browser = Browser::new(now);
    let offer = browser.offer(&[
        (StrKind::Audio, StrDirection::SendRecv),
        (StrKind::Video, StrDirection::SendRecv),
    ]);
    let (audio, video) = offer.split_at(offer.find("m=video").unwrap());
    assert!(audio.contains(TRANSPORT_CC) && video.contains(TRANSPORT_CC));
    let without: String = audio
        .split_inclusive("\r\n")
        .filter(|line| !line.contains(TRANSPORT_CC))
        .collect();
    let plan = plan(vec![
        media_plan(
            MediaKind::Audio,
            true,
            vec![format(0, Encoding::Pcmu, 8_000, 1)],
        ),
        media_plan(
            MediaKind::Video,
            true,
            vec![format(96, Encoding::Vp8, 90_000, 1)],
        ),
    ]);
    let (_, answer) = Leg::answer(&config(), &format!("{without}{video}"), &plan, now).unwrap();
    let (audio, video) = answer.split_at(answer.find("m=video").unwrap());
    assert!(!audio.contains(TRANSPORT_CC), "{audio}");
    assert!(video.contains(TRANSPORT_CC), "{video}");
    assert!(audio.contains("sdes:mid") && video.contains("sdes:mid"));
}

#[test]
fn media_flows_both_ways_when_the_browser_offers() {
    let mut world = video_call();
    let now = world.now;
    for n in 0..5 {
        world
            .browser
            .send(StrKind::Audio, 0, 100 + n, &[n as u8; 160], now);
        world
            .browser
            .send(StrKind::Video, 96, 200 + n, b"frame", now);
        world.send(MediaKind::Audio, 0, b"from sip");
        world.run(Duration::from_millis(20));
    }
    let audio = world.received(MediaKind::Audio);
    assert_eq!(audio.len(), 5);
    assert_eq!(audio[4].sequence, 104);
    assert_eq!(audio[4].payload[..], [4; 160]);
    assert_eq!(audio[4].payload_type, 0);
    assert_eq!(world.received(MediaKind::Video).len(), 5);
    assert_eq!(world.browser.packets.len(), 5);
    assert_eq!(&world.browser.packets[0].payload[..], b"from sip");
    assert_eq!(world.refused, 0);
}

#[test]
fn media_flows_both_ways_when_we_offer() {
    let now = Instant::now();
    let mut browser = Browser::new(now);
    let media = [
        BrowserMedia {
            kind: MediaKind::Audio,
            direction: Direction::SendRecv,
            formats: vec![
                format(8, Encoding::Pcma, 8_000, 1),
                format(101, Encoding::TelephoneEvent, 8_000, 1),
            ],
        },
        BrowserMedia {
            kind: MediaKind::Video,
            direction: Direction::SendRecv,
            formats: vec![format(99, Encoding::Vp8, 90_000, 1)],
        },
    ];
    let (mut leg, offer) = Leg::offer(&config(), &media, now).unwrap();
    assert_eq!(
        m_line(&offer, "audio"),
        "m=audio 40000 UDP/TLS/RTP/SAVPF 8 101"
    );
    assert_eq!(
        m_line(&offer, "video"),
        "m=video 40000 UDP/TLS/RTP/SAVPF 99 127"
    );
    assert!(offer.contains("a=rtcp-fb:99 nack pli") && offer.contains("a=rtcp-fb:99 ccm fir"));
    let answer = browser.answer(&offer);
    browser.mids = vec![(StrKind::Audio, "0".into()), (StrKind::Video, "1".into())];
    leg.accept_answer(&answer, now).unwrap();
    assert!(leg.accept_answer(&answer, now).is_err(), "only once");
    let mut world = World::new(leg, browser, now);
    world.run(SECOND);
    assert!(world.connected());
    let now = world.now;
    world.browser.send(StrKind::Audio, 8, 1, b"up", now);
    world.browser.send(StrKind::Video, 99, 1, b"picture", now);
    world.send(MediaKind::Audio, 8, b"down");
    world.run(Duration::from_millis(50));
    assert_eq!(&world.received(MediaKind::Audio)[0].payload[..], b"up");
    assert_eq!(&world.received(MediaKind::Video)[0].payload[..], b"picture");
    assert_eq!(&world.browser.packets[0].payload[..], b"down");
}

#[test]
fn one_ssrc_and_rebased_numbers_whatever_the_source_does() {
    let mut world = video_call();
    // A source that takes over a long-lived call: its extended numbers are far beyond 65,536.
    for sequence in [196_605_u64, 196_606, 196_607, 196_608, 196_610] {
        let packet = OutRtp {
            payload_type: if sequence < 196_607 { 0 } else { 111 },
            marker: false,
            sequence,
            timestamp: sequence as u32,
            captured: world.now,
            payload: b"x".as_slice().into(),
        };
        let now = world.now;
        world.leg.send(MediaKind::Audio, packet, now);
        world.run(Duration::from_millis(20));
    }
    let packets = &world.browser.packets;
    assert_eq!(packets.len(), 5);
    assert!(
        packets
            .iter()
            .all(|p| p.header.ssrc == packets[0].header.ssrc)
    );
    let numbers: Vec<u64> = packets.iter().map(|p| *p.seq_no).collect();
    assert_eq!(numbers, [65_533, 65_534, 65_535, 65_536, 65_538]);
}

#[test]
fn a_direction_is_kept_both_ways() {
    let now = Instant::now();
    let mut browser = Browser::new(now);
    // Both constraints false: the published SDK offers recvonly.
    let offer = browser.offer(&[(StrKind::Audio, StrDirection::RecvOnly)]);
    let formats = vec![format(0, Encoding::Pcmu, 8_000, 1)];
    let plan = plan(vec![media_plan(MediaKind::Audio, true, formats)]);
    let (leg, answer) = Leg::answer(&config(), &offer, &plan, now).unwrap();
    assert!(answer.contains("a=sendonly\r\n"));
    browser.take_answer(&answer);
    let mut world = World::new(leg, browser, now);
    world.run(SECOND);
    assert!(world.connected());
    world.send(MediaKind::Audio, 0, b"announcement");
    world.send(MediaKind::Audio, 8, b"PCMA was not negotiated");
    world.run(Duration::from_millis(50));
    assert_eq!(world.browser.packets.len(), 1);

    let mut browser = Browser::new(now);
    let offer = browser.offer(&[(StrKind::Audio, StrDirection::SendOnly)]);
    let (leg, answer) = Leg::answer(&config(), &offer, &plan, now).unwrap();
    assert!(answer.contains("a=recvonly\r\n") && !answer.contains("a=ssrc:"));
    browser.take_answer(&answer);
    let mut world = World::new(leg, browser, now);
    world.run(SECOND);
    world.send(MediaKind::Audio, 0, b"must not leave");
    let now = world.now;
    world.browser.send(StrKind::Audio, 0, 1, b"up", now);
    world.run(Duration::from_millis(50));
    assert_eq!(world.browser.packets.len(), 0);
    assert_eq!(world.received(MediaKind::Audio).len(), 1);
}

#[test]
fn key_frames_are_asked_for_both_ways() {
    let mut world = video_call();
    let now = world.now;
    world.browser.send(StrKind::Video, 96, 1, b"frame", now);
    world.send(MediaKind::Video, 96, b"frame");
    world.run(Duration::from_millis(50));
    assert_eq!(world.browser.key_frames_wanted, 0);
    let now = world.now;
    world.leg.request_key_frame(MediaKind::Audio, now);
    world.run(Duration::from_millis(50));
    assert_eq!(world.browser.key_frames_wanted, 0);
    let now = world.now;
    world.leg.request_key_frame(MediaKind::Video, now);
    world.run(Duration::from_millis(50));
    assert_eq!(world.browser.key_frames_wanted, 1);

    world.browser.want_key_frame(StrKind::Video);
    world.run(Duration::from_millis(50));
    let wanted = LegOutput::KeyFrameWanted {
        kind: MediaKind::Video,
    };
    assert_eq!(world.outputs.iter().filter(|o| **o == wanted).count(), 1);
}

#[test]
fn nothing_foreign_is_accepted() {
    let mut world = video_call();
    let gateway: SocketAddr = GATEWAY.parse().unwrap();
    let browser: SocketAddr = BROWSER.parse().unwrap();
    let evil: SocketAddr = "192.0.2.66:6666".parse().unwrap();
    let client_hello = [22, 254, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1];
    let rtp = [0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9];
    for bytes in [&client_hello[..], &rtp[..], &[][..], &[0xff; 40][..]] {
        assert!(!world.leg.accepts(bytes, evil, gateway));
    }
    assert!(
        world.leg.accepts(&rtp, browser, gateway),
        "the proved address"
    );

    // A STUN request with our ufrag but without the password proves nothing.
    let mut forged = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    forged.extend([7; 12]);
    let name = format!("{}:evil", world.leg.local_ufrag());
    forged.extend([0, 6]);
    forged.extend((name.len() as u16).to_be_bytes());
    forged.extend(name.as_bytes());
    forged.resize(forged.len().next_multiple_of(4), 0);
    let length = (forged.len() - 20) as u16;
    forged[2..4].copy_from_slice(&length.to_be_bytes());
    assert_eq!(
        webrtc::username_for_us(&forged),
        Some(world.leg.local_ufrag())
    );
    assert!(!world.leg.accepts(&forged, evil, gateway));

    // Junk from the proved address is survived.
    let now = world.now;
    for bytes in [&rtp[..], &[22, 254, 253, 9, 9][..], &[0x80, 200, 0, 99][..]] {
        world.leg.handle_input(bytes, browser, gateway, now);
    }
    world.browser.send(StrKind::Audio, 0, 1, b"still", now);
    world.run(Duration::from_millis(50));
    assert_eq!(world.received(MediaKind::Audio).len(), 1);
}

#[test]
fn a_wrong_fingerprint_fails_the_leg_and_no_media_passes() {
    let now = Instant::now();
    let mut browser = Browser::new(now);
    let offer = browser.offer(&[(StrKind::Audio, StrDirection::SendRecv)]);
    let formats = vec![format(0, Encoding::Pcmu, 8_000, 1)];
    let plan = plan(vec![media_plan(MediaKind::Audio, true, formats)]);
    let start = offer.find("a=fingerprint:sha-256 ").unwrap() + 22;
    let other = if offer[start..].starts_with("00") {
        "11"
    } else {
        "00"
    };
    let forged = format!("{}{other}{}", &offer[..start], &offer[start + 2..]);
    let (leg, answer) = Leg::answer(&config(), &forged, &plan, now).unwrap();
    browser.take_answer(&answer);
    let mut world = World::new(leg, browser, now);
    world.run(SECOND);
    assert!(!world.connected());
    let failed = |o: &LegOutput| {
        matches!(
            o,
            LegOutput::Failed(LegFailure::Dtls(_) | LegFailure::Closed)
        )
    };
    assert_eq!(world.outputs.iter().filter(|o| failed(o)).count(), 1);
    assert_eq!(world.leg.poll_timeout(), None);
}

#[test]
fn an_upper_case_hash_name_is_the_same_hash() {
    let now = Instant::now();
    let mut browser = Browser::new(now);
    let offer = browser.offer(&[(StrKind::Audio, StrDirection::SendRecv)]);
    let formats = vec![format(0, Encoding::Pcmu, 8_000, 1)];
    let plan = plan(vec![media_plan(MediaKind::Audio, true, formats)]);
    let offer = offer.replace("fingerprint:sha-256", "fingerprint:SHA-256");
    let (leg, answer) = Leg::answer(&config(), &offer, &plan, now).unwrap();
    browser.take_answer(&answer);
    let mut world = World::new(leg, browser, now);
    world.run(SECOND);
    assert!(world.connected());
}

#[test]
fn a_browser_that_vanishes_is_noticed_within_16_seconds() {
    let mut world = video_call();
    let start = world.now;
    let mut failed_at = None;
    while failed_at.is_none() && world.now < start + 40 * SECOND {
        world.now += Duration::from_millis(100);
        world.leg.handle_timeout(world.now);
        while let Some(output) = world.leg.poll_output() {
            if output == LegOutput::Failed(LegFailure::Ice) {
                failed_at = Some(world.now);
            }
        }
    }
    let after = failed_at.expect("the leg ends") - start;
    assert!(after > 10 * SECOND && after < 20 * SECOND, "{after:?}");
}

#[test]
fn a_packet_leaves_at_once_and_wakes_nobody_later() {
    let mut world = video_call();
    for n in 0..50 {
        world.now += Duration::from_millis(20);
        let now = world.now;
        world.leg.handle_timeout(now);
        while world.leg.poll_output().is_some() {}
        world.send(
            if n % 2 == 0 {
                MediaKind::Audio
            } else {
                MediaKind::Video
            },
            if n % 2 == 0 { 0 } else { 96 },
            b"x",
        );
        let sent = std::iter::from_fn(|| world.leg.poll_output());
        assert_eq!(sent.count(), 1);
        let next = world.leg.poll_timeout().unwrap();
        assert!(
            next >= now + Duration::from_millis(5),
            "{:?} at {n}",
            next - now
        );
    }
}

#[test]
fn what_the_browsers_answer_left_out_is_not_sent() {
    let now = Instant::now();
    let mut browser = Browser::new(now);
    let media = [BrowserMedia {
        kind: MediaKind::Audio,
        direction: Direction::SendRecv,
        formats: vec![
            format(8, Encoding::Pcma, 8_000, 1),
            format(0, Encoding::Pcmu, 8_000, 1),
        ],
    }];
    let (mut leg, offer) = Leg::offer(&config(), &media, now).unwrap();
    let answer = browser.answer(&offer);
    assert!(answer.contains("SAVPF 0 8\r\n"));
    let answer = answer.replace("SAVPF 0 8\r\n", "SAVPF 8\r\n");
    leg.accept_answer(&answer, now).unwrap();
    let mut world = World::new(leg, browser, now);
    world.run(SECOND);
    assert!(world.connected());
    for (payload_type, datagrams) in [(0, 0), (8, 1)] {
        world.send(MediaKind::Audio, payload_type, b"voice");
        let sent = std::iter::from_fn(|| world.leg.poll_output());
        assert_eq!(sent.count(), datagrams, "payload type {payload_type}");
    }
}

/// `str0m` writes a packet into 2,000 bytes and panics when it does not fit.
#[test]
fn a_payload_of_any_size_is_sent_whole_or_dropped() {
    let mut world = video_call();
    let mut sent = Vec::new();
    for size in (1..=9_000).step_by(7) {
        for (kind, payload_type) in [(MediaKind::Audio, 0), (MediaKind::Video, 96)] {
            world.send(kind, payload_type, &vec![0x55; size]);
            world.run(Duration::from_millis(10));
            if size <= webrtc::MAX_PAYLOAD {
                sent.push(size);
            }
        }
    }
    let came: Vec<usize> = world
        .browser
        .packets
        .iter()
        .map(|p| p.payload.len())
        .collect();
    assert_eq!(came, sent);
}
