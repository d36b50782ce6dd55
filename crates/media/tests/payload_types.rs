//! Payload types are those of each leg; what nobody negotiated goes nowhere.

mod common;

use common::*;
use sdp::PayloadType;

#[test]
fn each_leg_has_its_own_numbers() {
    let mut world = World::connected(&opus_vp8_plan());
    world.sip(Audio, &Source::new(96, 960).next());
    world.sip(Video, &Source::new(97, 3000).next());
    let heard: Vec<u8> = world.to_browser().iter().map(|p| p.payload_type).collect();
    assert_eq!(heard, [111, 96]);
    world.browser(Audio, &Source::new(111, 960).next());
    world.browser(Video, &Source::new(96, 3000).next());
    let sent: Vec<u8> = world.to_sip().iter().map(|(_, p)| p.payload_type).collect();
    assert_eq!(sent, [96, 97]);
}

#[test]
fn the_peer_may_number_its_two_directions_differently() {
    let mut plan = opus_vp8_plan();
    plan.media[0].routes[0].sip_recv = PayloadType::new(110).unwrap();
    let mut world = World::connected(&plan);
    world.sip(Audio, &Source::new(110, 960).next());
    assert_eq!(world.to_browser().len(), 1);
    world.sip(Audio, &Source::new(96, 960).next());
    assert_eq!(world.to_browser().len(), 0);
    world.browser(Audio, &Source::new(111, 960).next());
    assert_eq!(world.to_sip()[0].1.payload_type, 96);
}

#[test]
fn unknown_ones_are_dropped_and_counted_both_ways() {
    let mut world = World::connected(&pcmu_plan());
    for payload_type in [3, 13, 96, 127] {
        world.sip(Audio, &Source::new(payload_type, 160).next());
        world.browser(Audio, &Source::new(payload_type, 160).next());
    }
    assert_eq!(world.take(), []);
    assert_eq!(world.bridge.counters().audio.unknown_payload_type, 8);
}

#[test]
fn header_extensions_and_csrcs_do_not_cross() {
    let mut world = World::connected(&pcmu_plan());
    let mut bytes = Source::new(0, 160).next().to_vec();
    bytes[0] |= 0x11;
    bytes.splice(12..12, [1, 1, 1, 1, 0xbe, 0xde, 0, 1, 0x10, 0, 0, 0]);
    world.browser(Audio, &bytes);
    let seen = world.take();
    let [(_, media::BridgeOutput::ToSip { bytes, .. })] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(bytes.len(), 12 + 4);
    assert_eq!(bytes[0], 0x80);
}

#[test]
fn the_ssrc_toward_the_peer_is_one_for_the_whole_call() {
    let mut world = World::connected(&pcmu_plan());
    let mut browser = Source::new(0, 160);
    let mut sent = Vec::new();
    for ssrc in [1, 1, 2, 3, 3] {
        browser.header.ssrc = ssrc;
        world.browser(Audio, &browser.next());
        sent.extend(world.to_sip());
        world.wait_ms(20);
        if ssrc == 2 {
            browser.header.sequence = 40_000;
            browser.header.timestamp = 12;
        }
    }
    let ours = world.bridge.ssrcs()[0];
    assert!(sent.iter().all(|(_, packet)| packet.ssrc == ours));
    for pair in sent.windows(2) {
        assert_eq!(pair[1].1.sequence, pair[0].1.sequence.wrapping_add(1));
        let step = pair[1].1.timestamp.wrapping_sub(pair[0].1.timestamp);
        assert_eq!(step, 160);
    }
}
