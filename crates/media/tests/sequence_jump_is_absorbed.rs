//! The sequence of a source may jump (restart, hand-over inside a PBX); the browser's SRTP would
//! call it replay and fall silent. Real loss is another thing: it stays a gap, so that the browser
//! conceals it or asks again.

mod common;

use common::*;

fn jump_by(jump: i32) -> Vec<media::OutRtp> {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    source.header.sequence = 30_000;
    talk(&mut world, &mut source, 200);
    source.header.sequence = source.header.sequence.wrapping_add(jump as u16);
    talk(&mut world, &mut source, 50);
    world.to_browser()
}

#[test]
fn a_jump_either_way_is_the_next_number() {
    for jump in [-20_000, 20_000, 32_768, -5000, 1500, 400] {
        let heard = jump_by(jump);
        assert_eq!(heard.len(), 250, "jump by {jump}");
        check_smooth(&heard, 8000, 0);
        assert!(heard[200].marker, "jump by {jump}");
    }
}

#[test]
fn a_restart_a_little_further_back_with_time_going_on_is_absorbed_at_once() {
    for jump in [-2, -50, -120, -190, -1000] {
        let heard = jump_by(jump);
        assert_eq!(heard.len(), 250, "jump by {jump}");
        check_smooth(&heard, 8000, 0);
    }
}

#[test]
fn a_restart_of_sequence_and_timestamp_costs_less_than_200_ms() {
    for packets_back in [30_u16, 100, 190] {
        let mut world = World::connected(&pcmu_plan());
        let mut source = Source::new(0, 160);
        talk(&mut world, &mut source, 200);
        source.header.sequence -= packets_back;
        source.header.timestamp -= u32::from(packets_back) * 160;
        talk(&mut world, &mut source, 50);
        let heard = world.to_browser();
        assert!(heard.len() >= 246, "{packets_back} back: {}", heard.len());
        let numbers = heard
            .windows(2)
            .map(|pair| pair[1].sequence - pair[0].sequence);
        assert!(numbers.into_iter().all(|step| step == 1));
    }
}

#[test]
fn the_wrap_is_no_jump() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    source.header.sequence = 65_500;
    source.header.timestamp = u32::MAX - 2000;
    talk(&mut world, &mut source, 100);
    let heard = world.to_browser();
    check_smooth(&heard, 8000, 0);
    assert_eq!(
        world.bridge.counters().audio.switches,
        1,
        "the first packet"
    );
}

#[test]
fn numbers_start_below_65536_and_pass_it_without_wrapping() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    talk(&mut world, &mut source, 70_000);
    let heard = world.to_browser();
    assert!(heard[0].sequence < 65_536 && heard[0].sequence >= 128);
    assert_eq!(heard[69_999].sequence, heard[0].sequence + 69_999);
}

#[test]
fn loss_stays_a_gap_in_both_directions() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    let mut browser = Source::new(0, 160);
    let (mut heard, mut sent) = (Vec::new(), Vec::new());
    for n in 0..100 {
        let (from_sip, from_browser) = (source.next(), browser.next());
        if !(n % 10 == 5 || (40..47).contains(&n)) {
            world.sip(Audio, &from_sip);
            heard.extend(world.to_browser());
            world.browser(Audio, &from_browser);
            sent.extend(world.to_sip());
        }
        world.wait_ms(20);
        world.take();
    }
    for packet in &heard {
        let n = count(&packet.payload);
        assert_eq!(packet.sequence - heard[0].sequence, u64::from(n));
        let passed = packet.timestamp.wrapping_sub(heard[0].timestamp);
        assert_eq!(passed, n * 160);
        assert!(n == 0 || !packet.marker, "loss is no talkspurt");
    }
    for (_, packet) in &sent {
        let n = count(&packet.payload);
        let number = packet.sequence.wrapping_sub(sent[0].1.sequence);
        assert_eq!(u32::from(number), n);
    }
    assert_eq!(sent.len(), heard.len());
}
