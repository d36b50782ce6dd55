//! A timestamp that jumps without time passing makes a browser wait, or throw away what comes.
//! Toward it the timestamp follows time.

mod common;

use common::*;

#[test]
fn a_jump_by_half_the_range_either_way_is_projected_from_time() {
    for jump in [
        1_u32 << 31,
        (1 << 31) + 1,
        40_000,
        0_u32.wrapping_sub(40_000),
    ] {
        let mut world = World::connected(&pcmu_plan());
        let mut source = Source::new(0, 160);
        talk(&mut world, &mut source, 20);
        source.header.timestamp = source.header.timestamp.wrapping_add(jump);
        talk(&mut world, &mut source, 20);
        let heard = world.to_browser();
        assert_eq!(heard.len(), 40, "jump by {jump}");
        check_smooth(&heard, 8000, 0);
        assert!(heard[20].marker);
    }
}

#[test]
fn a_late_packet_from_before_the_jump_is_dropped() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    talk(&mut world, &mut source, 5);
    let late = source.next();
    source.header.timestamp += 40_000;
    talk(&mut world, &mut source, 1);
    world.sip(Audio, &late);
    talk(&mut world, &mut source, 5);
    assert_eq!(world.to_browser().len(), 11);
    assert_eq!(world.bridge.counters().audio.too_late, 1);
}

#[test]
fn jitter_is_not_a_jump() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    talk(&mut world, &mut source, 10);
    world.wait_ms(400);
    for _ in 0..20 {
        world.sip(Audio, &source.next());
    }
    world.wait_ms(20);
    talk(&mut world, &mut source, 10);
    let heard = world.to_browser();
    check_smooth(&heard, 8000, 0);
    assert_eq!(world.bridge.counters().audio.switches, 1);
}

/// The order of architecture: a change between clock rates continues the timestamp, with marker.
#[test]
fn a_change_of_clock_continues_the_timestamp() {
    let plan = sdp::Plan {
        media: vec![media(
            Audio,
            PEER,
            vec![
                route(format(111, "opus", 48_000), format(96, "opus", 48_000)),
                route(format(0, "PCMU", 8000), format(0, "PCMU", 8000)),
            ],
        )],
    };
    let mut world = World::connected(&plan);
    let mut source = Source::new(96, 960);
    talk(&mut world, &mut source, 10);
    source.header.payload_type = 0;
    source.step = 160;
    talk(&mut world, &mut source, 10);
    let heard = world.to_browser();
    check_smooth(&heard[..10], 48_000, 0);
    check_smooth(&heard[10..], 8000, 0);
    assert_eq!(heard[10].sequence, heard[9].sequence + 1);
    let step = heard[10].timestamp.wrapping_sub(heard[9].timestamp);
    assert_eq!(step, 160, "20 ms in the new clock");
    assert!(heard[10].marker);
    assert_eq!((heard[9].payload_type, heard[10].payload_type), (111, 0));
}
