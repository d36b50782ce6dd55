//! The greeting of an IVR begins with the answer; the browser's DTLS is up later. Nothing of the
//! greeting may be lost, and a bridge without the buffer must lose it, or this test shows nothing.

mod common;

use std::time::Duration;

use common::*;
use media::BridgeSettings;
use media::rtcp::Rtcp;

fn without_buffer() -> BridgeSettings {
    BridgeSettings {
        early_buffer: Duration::ZERO,
        fill_silence: false,
        ..BridgeSettings::default()
    }
}

#[test]
fn audio_goes_out_whole_as_a_burst_with_its_own_timestamps() {
    let mut world = World::quiet();
    world.connect(&pcmu_plan());
    let mut source = Source::new(0, 160);
    talk(&mut world, &mut source, 40);
    assert_eq!(world.to_browser(), [], "nobody to send to");
    world.browser_up();
    let burst = world.to_browser();
    assert_eq!(burst.len(), 40);
    talk(&mut world, &mut source, 10);
    let mut all = burst;
    all.extend(world.to_browser());
    let counts: Vec<u32> = all.iter().map(|packet| count(&packet.payload)).collect();
    assert_eq!(counts, (0..50).collect::<Vec<_>>());
    check_smooth(&all, 8000, 0);
    let waited = all[49].received - all[0].received;
    assert_eq!(waited, Duration::from_millis(49 * 20), "arrival times stay");
}

#[test]
fn with_the_buffer_off_the_first_syllable_is_lost() {
    let mut world = World::new(without_buffer());
    world.connect(&pcmu_plan());
    let mut source = Source::new(0, 160);
    talk(&mut world, &mut source, 40);
    world.browser_up();
    talk(&mut world, &mut source, 1);
    let heard = world.to_browser();
    assert_eq!(count(&heard[0].payload), 40);
    assert_eq!(world.bridge.counters().audio.no_browser, 40);
}

#[test]
fn the_buffer_reaches_back_3_s() {
    let mut world = World::quiet();
    world.connect(&pcmu_plan());
    talk(&mut world, &mut Source::new(0, 160), 250);
    world.browser_up();
    let heard = world.to_browser();
    assert_eq!(heard.len(), 151);
    assert_eq!(count(&heard[150].payload), 249, "the newest is kept");
    check_smooth(&heard, 8000, 0);
}

#[test]
fn rtp_that_overtakes_the_answer_is_kept_too() {
    let mut world = World::quiet();
    let mut source = Source::new(0, 160);
    let mut injector = Source::new(0, 160);
    injector.header.ssrc = 666;
    for _ in 0..5 {
        world.sip(Audio, &source.next());
        world.sip_from(Audio, addr("203.0.113.66:40000"), &injector.next());
        world.wait_ms(20);
    }
    world.connect(&pcmu_plan());
    world.browser_up();
    talk(&mut world, &mut source, 1);
    let heard = world.to_browser();
    assert_eq!(
        heard.len(),
        6,
        "the peer's five and one, none of the injector's"
    );
    check_smooth(&heard, 8000, 0);
    let counters = world.bridge.counters().audio;
    assert_eq!((counters.sip_received, counters.foreign), (6, 5));
}

#[test]
fn a_spray_before_the_answer_takes_bounded_memory_and_no_room_from_the_peer() {
    let mut world = World::quiet();
    let mut injector = Source::new(0, 160);
    for n in 0..5000_u32 {
        let from = addr(&format!("203.0.113.66:{}", 10_000 + n % 7));
        world.sip_from(Audio, from, &injector.next());
    }
    let mut source = Source::new(0, 160);
    talk(&mut world, &mut source, 20);
    world.connect(&pcmu_plan());
    world.browser_up();
    assert_eq!(world.to_browser().len(), 20);
    assert!(world.bridge.counters().audio.foreign <= 7 * 300);
}

/// VP8 payload descriptor and frame tag; then the packet's number.
fn vp8(key: bool, n: u8) -> [u8; 3] {
    [0x10, u8::from(!key), n]
}

#[test]
fn video_is_kept_from_the_last_key_frame_on() {
    let mut world = World::quiet();
    world.connect(&opus_vp8_plan());
    let mut source = Source::new(97, 3000);
    for n in 0..30 {
        world.sip(Video, &source.next_with(&vp8(n == 3 || n == 20, n)));
        world.wait_ms(33);
    }
    world.take();
    world.browser_up();
    let seen = world.take();
    let asked = seen.iter().any(|(_, output)| match output {
        media::BridgeOutput::ToSip { bytes, .. } => media::rtcp::parse(bytes)
            .iter()
            .any(|packet| matches!(packet, Rtcp::Pli { .. } | Rtcp::Fir { .. })),
        _ => false,
    });
    assert!(!asked, "the key frame is there already");
    let numbers: Vec<u8> = seen
        .iter()
        .filter_map(|(_, output)| match output {
            media::BridgeOutput::ToBrowser { packet, .. } => Some(packet.payload[2]),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, (20..30).collect::<Vec<_>>());
}

/// Parameter sets, picture in two slices: one frame, kept from its first packet.
#[test]
fn an_h264_key_frame_is_kept_with_its_parameter_sets() {
    let mut plan = opus_vp8_plan();
    plan.media[1].routes = vec![route(
        format(96, "H264", 90_000),
        format(97, "H264", 90_000),
    )];
    let mut world = World::quiet();
    world.connect(&plan);
    let mut source = Source::new(97, 0);
    for payload in [0x41, 0x67, 0x68, 0x65, 0x65, 0x41] {
        if payload == 0x67 || payload == 0x41 {
            source.header.timestamp += 3000;
            world.wait_ms(33);
        }
        world.sip(Video, &source.next_with(&[payload, 0]));
    }
    world.browser_up();
    let heard = world.to_browser();
    let units: Vec<u8> = heard.iter().map(|packet| packet.payload[0]).collect();
    assert_eq!(units, [0x67, 0x68, 0x65, 0x65, 0x41]);
}

#[test]
fn video_without_a_key_frame_is_not_kept_and_one_is_asked_for() {
    let mut world = World::quiet();
    world.connect(&opus_vp8_plan());
    let mut source = Source::new(97, 3000);
    for n in 0..30 {
        world.sip(Video, &source.next_with(&vp8(false, n)));
        world.wait_ms(33);
    }
    world.take();
    world.browser_up();
    assert_eq!(world.to_browser(), []);
    world.wait_ms(1100);
    let asked = world.rtcp_to_sip();
    assert!(
        asked
            .iter()
            .any(|(.., packets)| matches!(packets.last(), Some(Rtcp::Pli { .. }))),
        "{asked:?}"
    );
}
