//! Key frames are asked for where they are made: the browser's PLI reaches the SIP peer as RTCP,
//! the peer's PLI or FIR reaches the browser; at start and at a change of source nobody waits for
//! somebody to ask, and no request is repeated faster than twice a second.

mod common;

use common::*;
use media::BridgeOutput;
use media::rtcp::Rtcp;
use sdp::Feedback;

const KEY: [u8; 2] = [0x10, 0x00];
const INTER: [u8; 2] = [0x10, 0x01];

/// Times and kinds of the requests to the SIP peer since the last look.
fn asked(world: &mut World) -> Vec<(u64, Rtcp)> {
    let compounds = world.rtcp_to_sip().into_iter();
    let requests = compounds.filter_map(|(ms, _, to, packets)| {
        let last = packets.last()?.clone();
        if !matches!(last, Rtcp::Pli { .. } | Rtcp::Fir { .. }) {
            return None;
        }
        assert_eq!(to, addr("192.0.2.10:40003"));
        assert!(
            matches!(
                packets[..2],
                [
                    Rtcp::ReceiverReport { .. } | Rtcp::SenderReport { .. },
                    Rtcp::Sdes { .. }
                ]
            ),
            "a compound begins with a report: {packets:?}"
        );
        Some((ms, last))
    });
    requests.collect()
}

fn times(world: &mut World) -> Vec<u64> {
    asked(world).into_iter().map(|(ms, _)| ms).collect()
}

fn with_feedback(pli: bool, fir: bool) -> World {
    let mut plan = opus_vp8_plan();
    if let Some(remote) = &mut plan.media[1].remote {
        remote.feedback = Feedback {
            pli,
            fir,
            nack: false,
        };
    }
    World::connected(&plan)
}

#[test]
fn at_the_start_at_once_and_each_second_until_one_is_seen() {
    let mut world = World::connected(&opus_vp8_plan());
    let mut source = Source::new(97, 3000);
    assert_eq!(times(&mut world), [0]);
    world.wait_ms(100);
    // The source is known now, so it is asked by name.
    world.sip(Video, &source.next_with(&INTER));
    for _ in 0..70 {
        world.wait_ms(33);
        world.sip(Video, &source.next_with(&INTER));
    }
    let requests = asked(&mut world);
    let at: Vec<u64> = requests.iter().map(|(ms, _)| *ms).collect();
    assert_eq!(at, [100, 1100, 2100]);
    assert!(
        requests.iter().all(|(_, packet)| matches!(
            packet,
            Rtcp::Pli {
                media: 0x5151_5151,
                ..
            }
        )),
        "{requests:?}"
    );
    world.sip(Video, &source.next_with(&KEY));
    world.wait_ms(10_000);
    assert_eq!(times(&mut world), [] as [u64; 0]);
}

#[test]
fn the_browsers_requests_reach_the_peer_at_most_twice_a_second() {
    let mut world = World::connected(&opus_vp8_plan());
    world.sip(Video, &Source::new(97, 3000).next_with(&KEY));
    world.wait_ms(5000);
    world.take();
    for _ in 0..20 {
        let now = world.now();
        world.bridge.browser_key_frame_wanted(Video, now);
        world.drain();
        world.wait_ms(100);
    }
    assert_eq!(times(&mut world), [5000, 5500, 6000, 6500, 7000]);
}

#[test]
fn a_request_is_repeated_until_a_key_frame_comes() {
    let mut world = World::connected(&opus_vp8_plan());
    let mut source = Source::new(97, 3000);
    world.sip(Video, &source.next_with(&KEY));
    world.wait_ms(5000);
    world.take();
    let now = world.now();
    world.bridge.browser_key_frame_wanted(Video, now);
    world.drain();
    world.wait_ms(2500);
    assert_eq!(times(&mut world), [5000, 6000, 7000]);
    world.sip(Video, &source.next_with(&KEY));
    world.wait_ms(2500);
    assert_eq!(times(&mut world), [] as [u64; 0]);
}

#[test]
fn a_new_source_is_asked_at_once() {
    let mut world = World::connected(&opus_vp8_plan());
    let mut source = Source::new(97, 3000);
    world.sip(Video, &source.next_with(&KEY));
    world.wait_ms(5000);
    world.take();
    source.header.ssrc = 42;
    world.sip(Video, &source.next_with(&INTER));
    let requests = asked(&mut world);
    assert!(
        matches!(requests[..], [(5000, Rtcp::Pli { media: 42, .. })]),
        "{requests:?}"
    );
}

#[test]
fn fir_where_only_fir_was_agreed_each_with_its_own_number() {
    let mut world = with_feedback(false, true);
    world.wait_ms(2500);
    let numbers: Vec<u8> = asked(&mut world)
        .into_iter()
        .map(|(_, packet)| match packet {
            Rtcp::Fir { entries, .. } => entries[0].1,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(numbers.len(), 3);
    assert_eq!(numbers[1], numbers[0].wrapping_add(1));
    assert_eq!(numbers[2], numbers[0].wrapping_add(2));
}

#[test]
fn a_peer_that_promised_nothing_is_asked_by_pli_now_and_then() {
    let mut world = with_feedback(false, false);
    world.wait_ms(10_000);
    let requests = asked(&mut world);
    let at: Vec<u64> = requests.iter().map(|(ms, _)| *ms).collect();
    assert_eq!(at, [0, 3000, 6000, 9000]);
    assert!(matches!(requests[0].1, Rtcp::Pli { .. }));
}

/// Times at which the browser was asked since the last look.
fn browser_asked(world: &mut World) -> Vec<u64> {
    let seen = world.take().into_iter();
    let asks = seen.filter_map(|(ms, output)| {
        (output == BridgeOutput::WantBrowserKeyFrame { kind: Video }).then_some(ms)
    });
    asks.collect()
}

#[test]
fn the_browser_is_asked_at_the_start_and_whenever_the_peer_asks() {
    let mut world = World::connected(&opus_vp8_plan());
    let mut browser = Source::new(96, 3000);
    assert_eq!(browser_asked(&mut world), [0]);
    world.wait_ms(1500);
    assert_eq!(browser_asked(&mut world), [1000], "until one is seen");
    world.browser(Video, &browser.next_with(&KEY));
    world.wait_ms(3500);
    assert_eq!(browser_asked(&mut world), [] as [u64; 0]);
    let pli = Rtcp::Pli {
        sender: 1,
        media: 0,
    };
    let fir = Rtcp::Fir {
        sender: 1,
        entries: vec![(9, 1)],
    };
    for request in [pli, fir] {
        world.sip_rtcp(Video, &[request]);
        world.wait_ms(250);
        world.browser(Video, &browser.next_with(&KEY));
        world.wait_ms(750);
    }
    assert_eq!(browser_asked(&mut world), [5000, 6000]);
}

#[test]
fn a_flood_of_requests_asks_the_browser_twice_a_second() {
    let mut world = World::connected(&opus_vp8_plan());
    world.browser(Video, &Source::new(96, 3000).next_with(&KEY));
    world.wait_ms(5000);
    world.take();
    for _ in 0..1000 {
        world.sip_rtcp(
            Video,
            &[Rtcp::Pli {
                sender: 1,
                media: 0,
            }],
        );
        world.wait_ms(2);
    }
    assert_eq!(browser_asked(&mut world), [5000, 5500, 6000, 6500, 7000]);
}

#[test]
fn rtcp_that_comes_on_the_rtp_port_counts() {
    let mut world = World::connected(&opus_vp8_plan());
    world.browser(Video, &Source::new(96, 3000).next_with(&KEY));
    world.wait_ms(5000);
    world.take();
    let pli = media::rtcp::print(&[Rtcp::Pli {
        sender: 1,
        media: 0,
    }]);
    world.sip(Video, &pli);
    assert_eq!(browser_asked(&mut world), [5000]);
}

#[test]
fn nobody_is_asked_for_what_the_direction_forbids() {
    let mut plan = opus_vp8_plan();
    plan.media[1].sip_direction = sdp::Direction::Inactive;
    let mut world = World::quiet();
    world.connect(&plan);
    world.wait_ms(3000);
    assert_eq!(times(&mut world), [] as [u64; 0]);
    assert_eq!(browser_asked(&mut world), [] as [u64; 0]);
    // A browser that is up for an inactive m-line changes nothing.
    world.browser_up();
    world.wait_ms(3000);
    assert_eq!(browser_asked(&mut world), [] as [u64; 0]);
    assert_eq!(world.bridge.counters().video.key_frames_asked, 0);
}

#[test]
fn who_was_asked_is_let_alone_once_the_direction_forbids_it() {
    let mut world = World::connected(&opus_vp8_plan());
    let mut plan = opus_vp8_plan();
    plan.media[1].sip_direction = sdp::Direction::Inactive;
    world.connect(&plan);
    let seen = world.take();
    assert!(
        seen.iter()
            .any(|(_, output)| matches!(output, BridgeOutput::WantBrowserKeyFrame { .. }))
    );
    world.wait_ms(3000);
    assert_eq!(browser_asked(&mut world), [] as [u64; 0]);
}

#[test]
fn the_same_plan_again_asks_for_no_key_frame() {
    let mut world = World::connected(&opus_vp8_plan());
    world.sip(Video, &Source::new(97, 3000).next_with(&KEY));
    world.wait_ms(5000);
    world.take();
    world.connect(&opus_vp8_plan());
    let said = world.take();
    assert!(said.is_empty(), "{said:?}");
}
