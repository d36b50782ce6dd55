//! A SIP peer that hands over to another device, or forgets its SSRC after hold, must not silence
//! the browser: toward it there is one stream whose sequence grows by one and whose timestamp
//! follows time.

mod common;

use common::*;

#[test]
fn a_new_ssrc_with_new_numbers_goes_on_in_the_old_ones() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    talk(&mut world, &mut source, 10);
    source.header.ssrc = 99;
    source.header.sequence = 3;
    source.header.timestamp = 4_000_000_000;
    talk(&mut world, &mut source, 10);
    let heard = world.to_browser();
    assert_eq!(heard.len(), 20);
    check_smooth(&heard, 8000, 0);
    assert!(heard[10].marker, "a talkspurt begins");
    assert!(!heard[9].marker && !heard[11].marker);
}

#[test]
fn a_pause_between_two_sources_is_a_timestamp_jump() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    talk(&mut world, &mut source, 10);
    world.wait_ms(730);
    source.header.ssrc = 99;
    source.header.sequence = 60_000;
    talk(&mut world, &mut source, 2);
    let heard = world.to_browser();
    assert_eq!(heard[10].sequence, heard[9].sequence + 1);
    let step = heard[10].timestamp.wrapping_sub(heard[9].timestamp);
    assert_eq!(step, 750 * 8);
}

#[test]
fn stragglers_of_the_old_source_do_not_switch_back() {
    let mut world = World::connected(&pcmu_plan());
    let mut old = Source::new(0, 160);
    talk(&mut world, &mut old, 9);
    let straggler = old.next();
    let mut new = Source::new(0, 160);
    world.sip(Audio, &old.next());
    new.header.ssrc = 99;
    talk(&mut world, &mut new, 1);
    world.sip(Audio, &straggler);
    talk(&mut world, &mut new, 5);
    let heard = world.to_browser();
    assert_eq!(heard.len(), 16);
    assert_eq!(
        world.bridge.counters().audio.switches,
        2,
        "the first and the new"
    );
    assert_eq!(world.bridge.counters().audio.too_late, 1);
}

#[test]
fn two_sources_in_one_moment_have_two_timestamps() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    for ssrc in [1, 2, 3] {
        source.header.ssrc = ssrc;
        world.sip(Audio, &source.next());
    }
    check_smooth(&world.to_browser(), 8000, 0);
}

#[test]
fn a_source_that_comes_back_is_heard() {
    let mut world = World::connected(&pcmu_plan());
    let mut one = Source::new(0, 160);
    let mut two = Source::new(0, 160);
    two.header.ssrc = 2;
    talk(&mut world, &mut one, 5);
    talk(&mut world, &mut two, 5);
    talk(&mut world, &mut one, 5);
    let heard = world.to_browser();
    assert_eq!(heard.len(), 15);
    check_smooth(&heard, 8000, 0);
}

#[test]
fn the_marker_of_video_is_never_touched() {
    let mut world = World::connected(&opus_vp8_plan());
    let mut source = Source::new(97, 0);
    for ssrc in [1, 2, 3] {
        source.header.ssrc = ssrc;
        for marker in [false, false, true] {
            source.header.marker = marker;
            world.sip(Video, &source.next_with(&[0x10, 0, 0]));
        }
        world.wait_ms(33);
        source.header.timestamp += 3000;
    }
    let heard = world.to_browser();
    let markers: Vec<bool> = heard.iter().map(|packet| packet.marker).collect();
    assert_eq!(markers, [false, false, true].repeat(3));
    let times: Vec<u32> = heard.iter().map(|packet| packet.timestamp).collect();
    assert_eq!(times[0], times[2], "one frame, one timestamp");
    assert_eq!(times[3], times[5]);
    assert_eq!(times[3].wrapping_sub(times[0]), 33 * 90);
}
