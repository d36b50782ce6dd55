//! A page that only listens sends nothing; the SIP peer still needs packets: for NAT, for its
//! latching, for its timers. It gets silence in the negotiated codec, on one line of numbers with
//! what the browser sends later.

mod common;

use common::*;
use media::BridgeSettings;
use sdp::Direction;

fn world(plan: &sdp::Plan) -> World {
    let mut world = World::new(BridgeSettings::default());
    world.connect(plan);
    world.browser_up();
    world
}

#[test]
fn each_20_ms_in_the_codec_of_the_call() {
    for (name, payload_type, clock_hz, first) in [
        ("PCMU", 0, 8000, 0xff),
        ("PCMA", 8, 8000, 0xd5),
        ("G722", 9, 8000, 0xff),
        ("opus", 96, 48_000, 0xf8),
    ] {
        let plan = sdp::Plan {
            media: vec![media(
                Audio,
                PEER,
                vec![route(
                    format(payload_type, name, clock_hz),
                    format(payload_type, name, clock_hz),
                )],
            )],
        };
        let mut world = world(&plan);
        world.wait_ms(2200);
        let sent = world.to_sip();
        assert_eq!(sent.len(), 101, "{name}: 2 s");
        assert!(sent[0].1.marker && !sent[1].1.marker);
        for pair in sent.windows(2) {
            let (before, after) = (&pair[0].1, &pair[1].1);
            assert_eq!(after.sequence, before.sequence.wrapping_add(1));
            let step = after.timestamp.wrapping_sub(before.timestamp);
            assert_eq!(step, clock_hz / 50);
            assert_eq!(
                (after.payload[0], after.payload_type),
                (first, payload_type)
            );
        }
    }
}

#[test]
fn it_gives_way_to_the_browser_and_comes_back() {
    let mut world = world(&pcmu_plan());
    let mut browser = Source::new(0, 160);
    world.wait_ms(1000);
    let mut sent = world.to_sip();
    for _ in 0..50 {
        world.browser(Audio, &browser.next());
        sent.extend(world.to_sip());
        world.wait_ms(20);
        sent.extend(world.to_sip());
    }
    assert_eq!(sent.len(), 41 + 50, "no silence among the browser's audio");
    world.wait_ms(1000);
    sent.extend(world.to_sip());
    browser.header.timestamp += 1000 * 8;
    for _ in 0..5 {
        world.browser(Audio, &browser.next());
        sent.extend(world.to_sip());
        world.wait_ms(20);
    }
    for pair in sent.windows(2) {
        let (before, after) = (&pair[0].1, &pair[1].1);
        assert_eq!(after.sequence, before.sequence.wrapping_add(1));
        let step = after.timestamp.wrapping_sub(before.timestamp);
        assert!(
            step == 160 || (step <= 500 * 8 && after.marker),
            "{step} from {} to {}",
            before.sequence,
            after.sequence
        );
    }
}

#[test]
fn a_browser_that_saves_silence_is_left_alone() {
    let mut world = world(&pcmu_plan());
    let mut browser = Source::new(0, 160);
    world.browser(Audio, &browser.next());
    for _ in 0..20 {
        world.wait_ms(400);
        browser.header.timestamp += 380 * 8;
        world.browser(Audio, &browser.next());
    }
    assert_eq!(world.bridge.counters().audio.silence, 0);
}

#[test]
fn not_where_we_may_not_send_and_not_when_switched_off() {
    let mut plan = pcmu_plan();
    plan.media[0].sip_direction = Direction::RecvOnly;
    let mut held = world(&plan);
    held.wait_ms(5000);
    assert_eq!(held.to_sip(), []);
    let mut off = World::connected(&pcmu_plan());
    off.wait_ms(5000);
    assert_eq!(off.to_sip(), []);
}
