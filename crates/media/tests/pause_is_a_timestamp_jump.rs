//! A pause (VAD, hold, mute) is a timestamp jump with marker and never a lost number: a receiver
//! that sees lost numbers conceals, and the sound fades in and out. And each direction flows
//! whether or not the other does.

mod common;

use common::*;

#[test]
fn toward_the_browser() {
    let mut source = Source::new(0, 160);
    let mut world = World::connected(&pcmu_plan());
    talk(&mut world, &mut source, 10);
    world.wait_ms(5000);
    source.header.timestamp += 5000 * 8;
    talk(&mut world, &mut source, 10);
    let heard = world.to_browser();
    check_smooth(&heard[..10], 8000, 0);
    check_smooth(&heard[10..], 8000, 0);
    assert_eq!(heard[10].sequence, heard[9].sequence + 1);
    let step = heard[10].timestamp.wrapping_sub(heard[9].timestamp);
    assert_eq!(step, 5020 * 8);
    assert!(heard[10].marker && !heard[11].marker);
    assert_eq!(
        world.bridge.counters().audio.switches,
        1,
        "nothing to absorb"
    );
}

#[test]
fn a_source_whose_clock_stood_still_is_set_right() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    talk(&mut world, &mut source, 10);
    world.wait_ms(5000);
    talk(&mut world, &mut source, 10);
    let heard = world.to_browser();
    let step = heard[10].timestamp.wrapping_sub(heard[9].timestamp);
    assert_eq!(step, 5020 * 8);
    assert!(heard[10].marker);
    check_smooth(&heard[10..], 8000, 0);
}

#[test]
fn toward_the_sip_peer_through_discontinuous_transmission() {
    let mut world = World::connected(&opus_vp8_plan());
    let mut browser = Source::new(111, 960);
    let mut sent = Vec::new();
    for n in 0..100_u32 {
        world.browser(Audio, &browser.next());
        sent.extend(world.to_sip());
        // Chromium's DTX: a packet each 400 ms.
        let pause = if n % 10 > 5 { 400 } else { 20 };
        world.wait_ms(pause);
        browser.header.timestamp += (pause as u32 - 20) * 48;
    }
    assert_eq!(sent.len(), 100);
    for pair in sent.windows(2) {
        let (before, after) = (&pair[0].1, &pair[1].1);
        assert_eq!(after.sequence, before.sequence.wrapping_add(1));
        let step = after.timestamp.wrapping_sub(before.timestamp);
        assert!(step == 960 || step == 400 * 48, "{step}");
        assert_eq!(after.marker, step > 960);
    }
}

#[test]
fn each_direction_flows_without_the_other() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    talk(&mut world, &mut source, 100);
    assert_eq!(world.to_browser().len(), 100, "the browser is silent");

    let mut world = World::connected(&pcmu_plan());
    let mut browser = Source::new(0, 160);
    let mut sent = Vec::new();
    for _ in 0..100 {
        world.browser(Audio, &browser.next());
        sent.extend(world.to_sip());
        world.wait_ms(20);
    }
    assert_eq!(sent.len(), 100, "the far side is silent from the start");
    assert!(sent.iter().all(|(to, _)| *to == addr(PEER)));
}

/// Comfort noise the browser did not negotiate is dropped, and leaves no gap.
#[test]
fn what_we_drop_ourselves_leaves_no_gap() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    for n in 0..60 {
        source.header.payload_type = if n % 6 == 4 { 13 } else { 0 };
        world.sip(Audio, &source.next());
        world.wait_ms(20);
    }
    let heard = world.to_browser();
    assert_eq!(heard.len(), 50);
    for pair in heard.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        let packets = count(&pair[1].payload) - count(&pair[0].payload);
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert_eq!(step, packets * 160);
    }
    assert_eq!(world.bridge.counters().audio.unknown_payload_type, 10);
}
