//! Whose media is believed (symmetric RTP): the peer behind a NAT is found, an injector is not.

mod common;

use std::net::{IpAddr, SocketAddr};

use common::*;
use media::rtcp::Rtcp;
use media::{BridgeSettings, RtpOrRtcp, SymmetricRtp};

const EVIL: &str = "203.0.113.66:50000";

/// What the browser hears of packets from `from`, and where we send after them.
fn speak(
    world: &mut World,
    from: SocketAddr,
    source: &mut Source,
    packets: usize,
) -> (usize, Option<SocketAddr>) {
    world.take();
    for _ in 0..packets {
        world.sip_from(Audio, from, &source.next());
        world.wait_ms(20);
    }
    (world.to_browser().len(), target(world))
}

/// Where a packet of the browser goes.
fn target(world: &mut World) -> Option<SocketAddr> {
    world.wait_ms(1);
    world.take();
    let mut browser = Source::new(0, 160);
    browser.header.sequence = world.now_ms() as u16;
    browser.header.ssrc = world.now_ms() as u32;
    world.browser(Audio, &browser.next());
    world.to_sip().first().map(|(to, _)| *to)
}

fn strict() -> World {
    let mut world = World::new(BridgeSettings {
        symmetric_rtp: SymmetricRtp::Strict,
        fill_silence: false,
        ..BridgeSettings::default()
    });
    world.connect(&pcmu_plan());
    world.browser_up();
    world
}

#[test]
fn the_sdp_address_is_believed_and_sent_to_from_the_start() {
    let mut world = World::connected(&pcmu_plan());
    assert_eq!(target(&mut world), Some(addr(PEER)));
    let heard = speak(&mut world, addr(PEER), &mut Source::new(0, 160), 5);
    assert_eq!(heard, (5, Some(addr(PEER))));
}

#[test]
fn a_nat_that_rewrites_the_port_is_learned_from_the_first_packet() {
    let mut world = World::connected(&pcmu_plan());
    let from = addr("192.0.2.10:61234");
    let heard = speak(&mut world, from, &mut Source::new(0, 160), 5);
    assert_eq!(heard, (5, Some(from)));
}

#[test]
fn a_peer_behind_nat_is_learned_by_the_ip_of_its_signalling() {
    let mut plan = pcmu_plan();
    plan.media[0].remote.as_mut().unwrap().rtp = addr("10.0.0.5:4000");
    let mut world = World::quiet();
    world
        .bridge
        .signalling_source(1, "198.51.100.7".parse().unwrap());
    world.connect(&plan);
    world.browser_up();
    assert_eq!(target(&mut world), None, "nobody is at 10.0.0.5 for us");
    let from = addr("198.51.100.7:33333");
    let heard = speak(&mut world, from, &mut Source::new(0, 160), 5);
    assert_eq!(heard, (5, Some(from)));
    // Without the signalling's IP the same packets are a stranger's.
    let mut world = World::quiet();
    world.connect(&plan);
    world.browser_up();
    assert_eq!(speak(&mut world, from, &mut Source::new(0, 160), 5).0, 0);
}

/// A phone on this machine names loopback in its SDP; what it sends to our SDP's address comes from that address.
#[test]
fn a_peer_at_loopback_speaks_from_this_machines_address_and_nobody_elses() {
    let own: IpAddr = "198.51.100.1".parse().unwrap();
    let at_loopback = |sdp: &str, mode| {
        let mut plan = pcmu_plan();
        plan.media[0].remote.as_mut().unwrap().rtp = addr(sdp);
        let mut world = World::new(BridgeSettings {
            here: [own].into(),
            symmetric_rtp: mode,
            fill_silence: false,
            ..BridgeSettings::default()
        });
        world.connect(&plan);
        world.browser_up();
        world
    };
    let from = SocketAddr::new(own, 4000);
    let mut world = at_loopback("127.0.0.1:4000", SymmetricRtp::Auto);
    let heard = speak(&mut world, from, &mut Source::new(0, 160), 5);
    assert_eq!(heard, (5, Some(from)));
    for (mut world, from, why) in [
        (
            at_loopback("127.0.0.1:4000", SymmetricRtp::Auto),
            addr(EVIL),
            "an address of another machine",
        ),
        (
            at_loopback(PEER, SymmetricRtp::Auto),
            from,
            "the peer is on another machine",
        ),
        (
            at_loopback("127.0.0.1:4000", SymmetricRtp::Strict),
            from,
            "the SDP and nothing else",
        ),
    ] {
        let heard = speak(&mut world, from, &mut Source::new(0, 160), 5);
        assert_eq!(heard.0, 0, "{why}");
    }
}

#[test]
fn an_injector_is_not_heard_and_gets_nothing_before_during_and_after_the_start() {
    for mut world in [World::connected(&pcmu_plan()), strict()] {
        let mut injector = Source::new(0, 160);
        injector.header.ssrc = 666;
        let mut source = Source::new(0, 160);
        let heard = speak(&mut world, addr(EVIL), &mut injector, 50);
        assert_eq!(heard, (0, Some(addr(PEER))));
        let heard = speak(&mut world, addr(PEER), &mut source, 50);
        assert_eq!(heard, (50, Some(addr(PEER))));
        for _ in 0..50 {
            let (heard, to) = speak(&mut world, addr(EVIL), &mut injector, 1);
            assert_eq!((heard, to), (0, Some(addr(PEER))));
            assert_eq!(speak(&mut world, addr(PEER), &mut source, 1).0, 1);
        }
        // The peer falls silent: still nobody else's turn.
        world.wait_ms(10_000);
        let heard = speak(&mut world, addr(EVIL), &mut injector, 50);
        assert_eq!(heard, (0, Some(addr(PEER))));
        assert_eq!(world.bridge.counters().audio.foreign, 150);
    }
}

#[test]
fn from_the_right_ip_an_unknown_payload_type_teaches_nothing() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(77, 160);
    let heard = speak(&mut world, addr("192.0.2.10:61234"), &mut source, 5);
    assert_eq!(heard, (0, Some(addr(PEER))));
}

#[test]
fn a_rebinding_in_mid_call_is_followed_in_less_than_a_second() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    speak(&mut world, addr(PEER), &mut source, 100);
    // The NAT picks another address and port; SSRC and sequence go on.
    let rebound = addr("198.51.100.99:7777");
    let (heard, to) = speak(&mut world, rebound, &mut source, 50);
    assert_eq!(to, Some(rebound));
    assert!(heard >= 25, "heard {heard} of 50 packets in a second");
}

#[test]
fn a_change_needs_silence_and_a_stream_that_goes_on() {
    let thief = addr("192.0.2.10:5555");
    // The source still speaks.
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    speak(&mut world, addr(PEER), &mut source, 10);
    let mut copy = source.clone();
    copy.header.sequence += 5;
    assert_eq!(speak(&mut world, thief, &mut copy, 1).0, 0);
    // Silent long enough, but another SSRC.
    world.wait_ms(1000);
    let mut other = source.clone();
    other.header.ssrc ^= 1;
    assert_eq!(speak(&mut world, thief, &mut other, 10).0, 0);
    // The SSRC, but the sequence does not go on.
    let mut stale = source.clone();
    stale.header.sequence -= 3;
    assert_eq!(speak(&mut world, thief, &mut stale, 1).0, 0);
    stale.header.sequence += 20_000;
    assert_eq!(speak(&mut world, thief, &mut stale, 1).0, 0);
    // All of it.
    assert_eq!(speak(&mut world, thief, &mut source, 1).0, 1);
}

#[test]
fn at_most_one_change_in_two_seconds() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    speak(&mut world, addr(PEER), &mut source, 10);
    world.wait_ms(600);
    let first = addr("192.0.2.10:1111");
    assert_eq!(speak(&mut world, first, &mut source, 1), (1, Some(first)));
    world.wait_ms(600);
    let second = addr("192.0.2.10:2222");
    assert_eq!(speak(&mut world, second, &mut source, 1), (0, Some(first)));
    world.wait_ms(1400);
    assert_eq!(speak(&mut world, second, &mut source, 1), (1, Some(second)));
}

#[test]
fn the_sdp_address_takes_its_place_back_at_once() {
    let mut world = World::connected(&pcmu_plan());
    // Somebody at the peer's IP was faster.
    let mut squatter = Source::new(0, 160);
    squatter.header.ssrc = 666;
    let from = addr("192.0.2.10:1111");
    assert_eq!(speak(&mut world, from, &mut squatter, 2), (2, Some(from)));
    let mut source = Source::new(0, 160);
    let heard = speak(&mut world, addr(PEER), &mut source, 2);
    assert_eq!(heard, (2, Some(addr(PEER))));
    assert_eq!(speak(&mut world, from, &mut squatter, 10).0, 0);
}

#[test]
fn strict_knows_the_sdp_address_only() {
    let mut world = strict();
    world
        .bridge
        .signalling_source(1, "192.0.2.10".parse().unwrap());
    let mut source = Source::new(0, 160);
    let heard = speak(&mut world, addr("192.0.2.10:61234"), &mut source, 5);
    assert_eq!(heard, (0, Some(addr(PEER))));
    assert_eq!(speak(&mut world, addr(PEER), &mut source, 5).0, 5);
    world.wait_ms(5000);
    assert_eq!(speak(&mut world, addr(EVIL), &mut source, 5).0, 0);
}

#[test]
fn another_plan_for_another_address_starts_anew() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    speak(&mut world, addr("192.0.2.10:61234"), &mut source, 5);
    // The same plan again: what was learned stays.
    world.connect(&pcmu_plan());
    assert_eq!(target(&mut world), Some(addr("192.0.2.10:61234")));
    let mut plan = pcmu_plan();
    plan.media[0].remote.as_mut().unwrap().rtp = addr("198.51.100.1:6000");
    world.connect(&plan);
    assert_eq!(target(&mut world), Some(addr("198.51.100.1:6000")));
    source.header.ssrc = 2;
    let heard = speak(&mut world, addr("198.51.100.1:6000"), &mut source, 5);
    assert_eq!(heard.0, 5);
    assert_eq!(speak(&mut world, addr(PEER), &mut source, 5).0, 0);
}

#[test]
fn rtcp_of_a_stranger_has_no_effect() {
    let mut world = World::connected(&opus_vp8_plan());
    world.wait_ms(2000);
    world.take();
    let now = world.now();
    let pli = media::rtcp::print(&[Rtcp::Pli {
        sender: 1,
        media: 2,
    }]);
    for port in [RtpOrRtcp::Rtp, RtpOrRtcp::Rtcp] {
        world
            .bridge
            .sip_datagram(Video, port, addr(EVIL), &pli, now);
    }
    let counters = world.bridge.counters().video;
    assert_eq!((counters.foreign, counters.rtcp.received), (2, 0));
}
