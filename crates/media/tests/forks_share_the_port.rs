//! A forked INVITE has several early dialogs that send to our one port; one is heard. When another
//! answers, its media goes on in the same numbers, from its first packet.

mod common;

use common::*;

const OTHER: &str = "198.51.100.20:9000";

fn other_plan() -> sdp::Plan {
    let mut plan = pcmu_plan();
    if let Some(remote) = &mut plan.media[0].remote {
        remote.rtp = addr(OTHER);
    }
    plan
}

#[test]
fn only_the_selected_stream_is_heard_and_spoken_to() {
    let mut world = World::connected(&pcmu_plan());
    let now = world.now();
    world.bridge.connect_sip(2, &other_plan(), now);
    let (mut one, mut two) = (Source::new(0, 160), Source::new(0, 160));
    two.header.ssrc = 2;
    let mut heard = Vec::new();
    for _ in 0..20 {
        world.sip(Audio, &one.next());
        world.sip_from(Audio, addr(OTHER), &two.next());
        heard.extend(world.to_browser());
        world.wait_ms(20);
    }
    assert_eq!(heard.len(), 20);
    let now = world.now();
    world.bridge.select_stream(2, now);
    world.drain();
    for _ in 0..20 {
        world.sip(Audio, &one.next());
        world.sip_from(Audio, addr(OTHER), &two.next());
        world.wait_ms(20);
    }
    world.browser(Audio, &Source::new(0, 160).next());
    let seen = world.take();
    let mut to = None;
    for (_, output) in seen {
        match output {
            media::BridgeOutput::ToBrowser { packet, .. } => heard.push(packet),
            media::BridgeOutput::ToSip {
                to: target,
                port: media::RtpOrRtcp::Rtp,
                ..
            } => {
                to = Some(target);
            }
            _ => {}
        }
    }
    assert_eq!(to, Some(addr(OTHER)));
    for pair in heard.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
    }
    // 20 of the first, what the second said within 300 ms before it was selected, and 20 more.
    let of_second = heard.len() - 20;
    assert!((34..=36).contains(&of_second), "{of_second}");
    assert_eq!(count(&heard.last().unwrap().payload), 39);
}

#[test]
fn media_that_overtakes_the_answer_of_a_second_fork_is_not_clipped() {
    let mut world = World::connected(&pcmu_plan());
    let mut ringback = Source::new(0, 160);
    talk(&mut world, &mut ringback, 20);
    world.take();
    // The callee has answered: its RTP is 100 ms faster than its 200.
    let mut callee = Source::new(0, 160);
    callee.header.ssrc = 2;
    for _ in 0..5 {
        world.sip_from(Audio, addr(OTHER), &callee.next());
        world.wait_ms(20);
    }
    assert_eq!(world.to_browser(), []);
    let now = world.now();
    world.bridge.connect_sip(2, &other_plan(), now);
    world.bridge.select_stream(2, now);
    world.drain();
    world.sip_from(Audio, addr(OTHER), &callee.next());
    let heard = world.to_browser();
    let counts: Vec<u32> = heard.iter().map(|packet| count(&packet.payload)).collect();
    assert_eq!(counts, [0, 1, 2, 3, 4, 5]);
    check_smooth(&heard, 8000, 0);
}

#[test]
fn unknown_streams_are_ignored() {
    let mut world = World::connected(&pcmu_plan());
    let now = world.now();
    world.bridge.select_stream(9, now);
    world.bridge.disconnect_stream(9);
    world.bridge.disconnect_stream(1);
    talk(&mut world, &mut Source::new(0, 160), 1);
    assert_eq!(world.to_browser().len(), 1);
}

/// Ringback of the first fork that still waits for the browser is not what the callee says.
#[test]
fn what_waited_of_the_first_fork_is_not_played_once_another_is_selected() {
    let mut world = World::quiet();
    world.connect(&pcmu_plan());
    talk(&mut world, &mut Source::new(0, 160), 20);
    let now = world.now();
    world.bridge.connect_sip(2, &other_plan(), now);
    world.bridge.select_stream(2, now);
    let mut callee = Source::new(0, 160);
    callee.header.ssrc = 2;
    for _ in 0..5 {
        world.sip_from(Audio, addr(OTHER), &callee.next());
        world.wait_ms(20);
    }
    world.browser_up();
    let heard = world.to_browser();
    assert_eq!(heard.len(), 5);
    check_smooth(&heard, 8000, 0);
}
