//! Hold: nothing goes where the negotiated direction forbids it, and resuming costs no numbers.

mod common;

use common::*;
use sdp::Direction;

#[test]
fn each_direction_as_negotiated() {
    for (direction, to_browser, to_sip) in [
        (Direction::SendRecv, 1, 1),
        (Direction::SendOnly, 0, 1),
        (Direction::RecvOnly, 1, 0),
        (Direction::Inactive, 0, 0),
    ] {
        let mut plan = pcmu_plan();
        plan.media[0].sip_direction = direction;
        let mut world = World::connected(&plan);
        world.sip(Audio, &Source::new(0, 160).next());
        assert_eq!(world.to_browser().len(), to_browser, "{direction:?}");
        world.browser(Audio, &Source::new(0, 160).next());
        assert_eq!(world.to_sip().len(), to_sip, "{direction:?}");
    }
}

#[test]
fn nothing_is_sent_to_a_peer_that_gives_no_address() {
    let mut world = World::connected(&pcmu_plan());
    let mut plan = pcmu_plan();
    plan.media[0].remote = None;
    world.connect(&plan);
    world.browser(Audio, &Source::new(0, 160).next());
    assert_eq!(world.to_sip(), []);
    assert_eq!(world.bridge.counters().audio.against_direction, 1);
}

#[test]
fn hold_and_resume_leave_no_gap() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    let mut browser = Source::new(0, 160);
    let (mut heard, mut sent) = (Vec::new(), Vec::new());
    for held in [false, true, false] {
        let mut plan = pcmu_plan();
        if held {
            // By direction and by the address 0.0.0.0 of old devices.
            plan.media[0].sip_direction = Direction::Inactive;
            plan.media[0].remote = None;
        }
        world.connect(&plan);
        for _ in 0..50 {
            world.sip(Audio, &source.next());
            heard.extend(world.to_browser());
            world.browser(Audio, &browser.next());
            sent.extend(world.to_sip());
            world.wait_ms(20);
            world.take();
        }
    }
    assert_eq!((heard.len(), sent.len()), (100, 100));
    for pair in heard.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
    }
    for pair in sent.windows(2) {
        assert_eq!(pair[1].1.sequence, pair[0].1.sequence.wrapping_add(1));
    }
    let over_hold = heard[50].timestamp.wrapping_sub(heard[49].timestamp);
    assert_eq!(over_hold, 51 * 160);
    let over_hold = sent[50].1.timestamp.wrapping_sub(sent[49].1.timestamp);
    assert_eq!(over_hold, 51 * 160);
}
