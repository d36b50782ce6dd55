//! A reload brings a fresh peer connection to a live call: numbers of its own, no stale media. A
//! leg that is used again, here or in another call, goes on in the numbers it has seen.

mod common;

use common::*;

#[test]
fn a_fresh_leg_starts_below_65536_and_hears_no_stale_media() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    talk(&mut world, &mut source, 70_000);
    world.take();
    let now = world.now();
    assert!(world.bridge.browser_down(now).is_some());
    talk(&mut world, &mut source, 100);
    assert_eq!(world.to_browser(), []);
    world.browser_up();
    talk(&mut world, &mut source, 10);
    let heard = world.to_browser();
    assert!(heard[0].sequence < 65_536);
    assert_eq!(count(&heard[0].payload), 70_100);
    check_smooth(&heard, 8000, 0);
}

#[test]
fn the_sip_peer_notices_nothing_but_a_marker() {
    let mut world = World::connected(&pcmu_plan());
    let mut browser = Source::new(0, 160);
    world.browser(Audio, &browser.next());
    let before = world.to_sip().remove(0).1;
    let now = world.now();
    world.bridge.browser_down(now);
    world.wait_ms(1000);
    world.browser_up();
    browser.header.ssrc = 99;
    browser.header.sequence = 7;
    world.browser(Audio, &browser.next());
    let after = world.to_sip().remove(0).1;
    assert_eq!(after.ssrc, before.ssrc);
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert_eq!(after.timestamp.wrapping_sub(before.timestamp), 8000);
    assert!(after.marker);
}

#[test]
fn a_leg_that_moves_to_another_call_goes_on_in_its_numbers() {
    let mut one = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    talk(&mut one, &mut source, 50);
    let before = one.to_browser();
    let now = one.now();
    let numbers = one.bridge.browser_down(now).unwrap();
    let mut two = World::quiet();
    two.connect(&pcmu_plan());
    two.wait_ms(1000);
    let now = two.now();
    two.bridge.browser_up_with(numbers, now);
    two.drain();
    let mut other = Source::new(0, 160);
    other.header.ssrc = 2;
    talk(&mut two, &mut other, 5);
    let after = two.to_browser();
    assert_eq!(after[0].sequence, before[49].sequence + 1);
    check_smooth(&after, 8000, 0);
}

#[test]
fn down_without_up_answers_nothing() {
    let mut world = World::quiet();
    let now = world.now();
    assert!(world.bridge.browser_down(now).is_none());
    world.connect(&pcmu_plan());
    talk(&mut world, &mut Source::new(0, 160), 5);
    world.browser_up();
    world.browser_up();
    assert_eq!(world.to_browser().len(), 5, "the early buffer still holds");
}
