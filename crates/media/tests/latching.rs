//! Whose media is believed (symmetric RTP, RFC 4961): the peer behind a NAT is found and found
//! again, and an injector neither hears nor is heard.

mod common;

use std::net::{IpAddr, SocketAddr};

use common::*;
use media::rtcp::Rtcp;
use media::{BridgeSettings, RtpOrRtcp, SymmetricRtp};
use sdp::{Direction, Plan};

const EVIL: &str = "203.0.113.66:50000";

/// Where a peer behind a NAT is heard from.
const NAT: &str = "198.51.100.7:33333";

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
        .signalling_sources(1, &["198.51.100.7".parse().unwrap()]);
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

#[test]
fn a_peer_that_moves_and_says_the_same_sdp_is_found_by_its_new_signalling() {
    let mut plan = pcmu_plan();
    plan.media[0].remote.as_mut().unwrap().rtp = addr("10.0.0.5:4000");
    let mut world = World::quiet();
    let mut source = Source::new(0, 160);
    for (signalling, from) in [
        ("198.51.100.7", addr("198.51.100.7:33333")),
        ("203.0.113.9", addr("203.0.113.9:44444")),
    ] {
        world
            .bridge
            .signalling_sources(1, &[signalling.parse().unwrap()]);
        world.connect(&plan);
        world.browser_up();
        // For longer than an SDP opens the door to a better match.
        let heard = speak(&mut world, from, &mut source, 200);
        assert_eq!(heard, (200, Some(from)));
    }
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
    for mode in [SymmetricRtp::Auto, SymmetricRtp::Strict] {
        let mut world = World::new(BridgeSettings {
            symmetric_rtp: mode,
            fill_silence: false,
            ..BridgeSettings::default()
        });
        let mut injector = Source::new(0, 160);
        injector.header.ssrc = 666;
        for _ in 0..50 {
            world.sip_from(Audio, addr(EVIL), &injector.next());
            world.wait_ms(20);
        }
        world.connect(&pcmu_plan());
        world.browser_up();
        assert_eq!(world.to_browser(), [], "what waited for the SDP");
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
        // The peer falls silent, and a re-INVITE comes: still nobody else's turn.
        world.wait_ms(10_000);
        let heard = speak(&mut world, addr(EVIL), &mut injector, 50);
        assert_eq!(heard, (0, Some(addr(PEER))));
        world.connect(&pcmu_plan());
        let heard = speak(&mut world, addr(EVIL), &mut injector, 50);
        assert_eq!(heard, (0, Some(addr(PEER))));
        // Not even with the numbers of the peer's own stream.
        world.wait_ms(10_000);
        let mut copy = source.clone();
        let heard = speak(&mut world, addr(EVIL), &mut copy, 50);
        assert_eq!(heard, (0, Some(addr(PEER))));
        assert!(world.bridge.counters().audio.foreign >= 300);
    }
}

#[test]
fn from_the_right_ip_an_unknown_payload_type_teaches_nothing() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(77, 160);
    let heard = speak(&mut world, addr("192.0.2.10:61234"), &mut source, 5);
    assert_eq!(heard, (0, Some(addr(PEER))));
}

/// A peer behind a NAT: its SDP names an address of the inside, and it is heard from [`NAT`].
fn natted() -> (World, Plan, Source) {
    let mut plan = pcmu_plan();
    plan.media[0].remote.as_mut().expect("a peer").rtp = addr("10.0.0.5:4000");
    let mut world = World::quiet();
    let nat = addr(NAT).ip();
    world.bridge.signalling_sources(1, &[nat]);
    world.connect(&plan);
    world.browser_up();
    let mut source = Source::new(0, 160);
    let heard = speak(&mut world, addr(NAT), &mut source, 250);
    assert_eq!(heard, (250, Some(addr(NAT))));
    (world, plan, source)
}

/// The numbers of the packets that the browser hears of a source that begins to speak from `from`,
/// and how long the first of them took.
fn until_heard(world: &mut World, from: SocketAddr, source: &mut Source) -> (Vec<u32>, u64) {
    world.take();
    let begin = world.now_ms();
    for _ in 0..500 {
        world.sip_from(Audio, from, &source.next());
        let heard = world.to_browser();
        if !heard.is_empty() {
            let counts = heard.iter().map(|packet| count(&packet.payload)).collect();
            return (counts, world.now_ms() - begin);
        }
        world.wait_ms(20);
    }
    panic!("{from} was not heard within 10 s");
}

#[test]
fn a_rebinding_in_mid_stream_is_followed_in_less_than_a_second() {
    let (mut world, _, mut source) = natted();
    let rebound = addr("198.51.100.7:7777");
    let first = source.count;
    let (heard, ms) = until_heard(&mut world, rebound, &mut source);
    assert!(ms < 600, "{ms} ms");
    // The packets that win the latch are kept: all five are heard, and nothing after them is lost.
    assert_eq!(heard, (source.count - 5..source.count).collect::<Vec<_>>());
    assert!(source.count - first >= 5);
    let heard = speak(&mut world, rebound, &mut source, 50);
    assert_eq!(heard, (50, Some(rebound)));
    assert_eq!(world.bridge.counters().audio.moves, 2);
}

#[test]
fn a_rebinding_after_a_minute_of_lost_packets_is_followed() {
    let (mut world, _, mut source) = natted();
    let rebound = addr("198.51.100.7:7777");
    // The stream went on unheard: the step of the sequence tells nothing any more.
    source.header.sequence = source.header.sequence.wrapping_add(4000);
    world.wait_ms(80_000);
    let (heard, ms) = until_heard(&mut world, rebound, &mut source);
    assert_eq!((heard.len(), ms), (5, 80));
}

#[test]
fn a_nat_that_rebinds_in_hold_is_heard_again_after_the_re_invite() {
    for peer_plays_music in [false, true] {
        let (mut world, plan, mut source) = natted();
        let mut held = plan.clone();
        held.media[0].sip_direction = Direction::RecvOnly;
        world.connect(&held);
        if peer_plays_music {
            speak(&mut world, addr(NAT), &mut source, 3500);
        } else {
            world.wait_ms(70_000);
        }
        world.connect(&plan);
        // The last packets of the music come after the re-INVITE.
        if peer_plays_music {
            speak(&mut world, addr(NAT), &mut source, 5);
        }
        let rebound = addr("198.51.100.7:7777");
        let mut other = Source::new(0, 160);
        other.header.ssrc = 99;
        other.header.sequence = 9;
        let (heard, ms) = until_heard(&mut world, rebound, &mut other);
        assert!(ms < 800, "{ms} ms, music: {peer_plays_music}");
        assert_eq!(heard, (other.count - 5..other.count).collect::<Vec<_>>());
        let heard = speak(&mut world, rebound, &mut other, 50);
        assert_eq!(heard, (50, Some(rebound)));
    }
}

/// The NAT may also give its port to another stream while nothing says so.
#[test]
fn a_silent_source_is_left_for_another_stream_after_two_seconds() {
    let (mut world, _, source) = natted();
    let mut other = source.clone();
    other.header.ssrc ^= 1;
    let rebound = addr("198.51.100.7:7777");
    let (heard, ms) = until_heard(&mut world, rebound, &mut other);
    assert_eq!(heard.len(), 5);
    assert!((1900..=2100).contains(&ms), "{ms} ms");
}

#[test]
fn a_live_stream_is_not_taken_by_a_spoofed_packet_nor_by_many() {
    for sdps_own in [true, false] {
        let mut world = World::connected(&pcmu_plan());
        let nat = addr("192.0.2.10:61234");
        let mut source = Source::new(0, 160);
        speak(&mut world, nat, &mut source, 250);
        let mut spoofer = Source::new(0, 160);
        spoofer.header.ssrc = 666;
        let from = if sdps_own {
            addr(PEER)
        } else {
            addr("192.0.2.10:5555")
        };
        for _ in 0..500 {
            let (heard, to) = speak(&mut world, from, &mut spoofer, 1);
            assert_eq!((heard, to), (0, Some(nat)));
            let (heard, to) = speak(&mut world, nat, &mut source, 1);
            assert_eq!((heard, to), (1, Some(nat)));
        }
        assert_eq!(world.bridge.counters().audio.moves, 1);
    }
}

#[test]
fn one_spoofed_packet_takes_no_stream_at_the_start_and_none_that_is_silent() {
    let (mut world, plan, mut source) = natted();
    // Inside the 3 s after an SDP, where the better match wins.
    world.connect(&plan);
    let mut spoofer = Source::new(0, 160);
    spoofer.header.ssrc = 666;
    for silence_ms in [0, 1000, 20_000] {
        world.wait_ms(silence_ms);
        let (heard, to) = speak(&mut world, addr("10.0.0.5:4000"), &mut spoofer, 1);
        assert_eq!((heard, to), (0, Some(addr(NAT))));
        spoofer.header.ssrc += 1;
    }
    assert_eq!(speak(&mut world, addr(NAT), &mut source, 5).0, 5);
}

#[test]
fn a_change_needs_silence_and_five_packets_in_a_row() {
    let (mut world, _, mut source) = natted();
    let other = addr("198.51.100.7:5555");
    // The source still speaks.
    let mut copy = source.clone();
    copy.header.sequence += 5;
    for _ in 0..10 {
        assert_eq!(speak(&mut world, addr(NAT), &mut source, 1).0, 1);
        assert_eq!(speak(&mut world, other, &mut copy, 1).0, 0);
    }
    // It is silent for long, and the other changes its SSRC with every fourth packet.
    world.wait_ms(5000);
    let mut restless = Source::new(0, 160);
    for ssrc in 0..10 {
        restless.header.ssrc = ssrc;
        assert_eq!(speak(&mut world, other, &mut restless, 4).0, 0);
    }
    // Four packets, sent again and again, are not five.
    let mut again = Source::new(0, 160);
    again.header.ssrc = 77;
    for _ in 0..10 {
        again.header.sequence = 5000;
        assert_eq!(speak(&mut world, other, &mut again, 4).0, 0);
    }
    assert_eq!(speak(&mut world, other, &mut again, 1).0, 5);
}

#[test]
fn packets_that_do_not_go_on_wait_for_two_seconds_of_silence() {
    for (name, change) in [
        ("another SSRC", (1, 0)),
        ("older numbers", (0, 65_036)),
        ("numbers far ahead", (0, 20_000)),
    ] {
        let (mut world, _, source) = natted();
        let mut other = source.clone();
        other.header.ssrc ^= change.0;
        other.header.sequence = other.header.sequence.wrapping_add(change.1);
        // The last packet of the source was heard 21 ms ago.
        let heard = speak(&mut world, addr("198.51.100.7:5555"), &mut other, 95);
        assert_eq!(heard, (0, Some(addr(NAT))), "{name}");
        let (heard, _) = speak(&mut world, addr("198.51.100.7:5555"), &mut other, 10);
        assert!(heard >= 10, "{name}: {heard}");
    }
}

#[test]
fn at_most_one_change_in_two_seconds() {
    let (mut world, _, mut source) = natted();
    let first = addr("198.51.100.7:1111");
    let (_, ms) = until_heard(&mut world, first, &mut source);
    assert!(ms < 600, "{ms} ms");
    let second = addr("198.51.100.7:2222");
    let (_, ms) = until_heard(&mut world, second, &mut source);
    assert!((1900..=2100).contains(&ms), "{ms} ms");
}

#[test]
fn the_better_match_wins_within_three_seconds_of_an_sdp() {
    let ips = ["198.51.100.1", "198.51.100.2", "198.51.100.3"].map(|ip| ip.parse().unwrap());
    // From the worst to the best: SIP source, bottom Via, Contact, IP of the SDP, its address.
    let sources = [
        "198.51.100.3:1000",
        "198.51.100.2:1000",
        "198.51.100.1:1000",
        "192.0.2.10:1000",
        PEER,
    ]
    .map(addr);
    let settled = |order: &[SocketAddr], wait_ms: u64| {
        let mut world = World::quiet();
        world.bridge.signalling_sources(1, &ips);
        world.connect(&pcmu_plan());
        world.browser_up();
        let mut heard = Vec::new();
        world.wait_ms(wait_ms);
        for (ssrc, from) in (1..).zip(order) {
            let mut source = Source::new(0, 160);
            source.header.ssrc = ssrc;
            heard.push(speak(&mut world, *from, &mut source, 6).0);
        }
        (heard, target(&mut world))
    };
    // All that the winner said is heard.
    assert_eq!(settled(&sources, 0), (vec![6; 5], Some(addr(PEER))));
    let mut reversed = sources;
    reversed.reverse();
    assert_eq!(
        settled(&reversed, 0),
        (vec![6, 0, 0, 0, 0], Some(addr(PEER)))
    );
    // An equal match is none that is better.
    let equals = ["192.0.2.10:1000", "192.0.2.10:2000"].map(addr);
    assert_eq!(settled(&equals, 0), (vec![6, 0], Some(equals[0])));
    // Later the first one stays while it is live.
    let (heard, to) = settled(&sources, 3000);
    assert_eq!((heard, to), (vec![6, 0, 0, 0, 0], Some(sources[0])));
}

#[test]
fn the_sdp_address_takes_its_place_back() {
    let mut world = World::connected(&pcmu_plan());
    // Somebody at the peer's IP was faster.
    let mut squatter = Source::new(0, 160);
    squatter.header.ssrc = 666;
    let from = addr("192.0.2.10:1111");
    assert_eq!(speak(&mut world, from, &mut squatter, 2), (2, Some(from)));
    let mut source = Source::new(0, 160);
    let (heard, _) = until_heard(&mut world, addr(PEER), &mut source);
    assert_eq!(heard, [0, 1, 2, 3, 4]);
    assert_eq!(target(&mut world), Some(addr(PEER)));
    assert_eq!(speak(&mut world, from, &mut squatter, 10).0, 0);
}

/// The packets that waited are said once: not again when the next plan explains what strayed.
#[test]
fn what_was_kept_is_not_said_again_at_the_next_plan() {
    let (mut world, plan, mut source) = natted();
    let rebound = addr("198.51.100.7:7777");
    until_heard(&mut world, rebound, &mut source);
    world.connect(&plan);
    assert_eq!(world.to_browser(), []);
    let (heard, _) = speak(&mut world, rebound, &mut source, 5);
    assert_eq!(heard, 5);
}

#[test]
fn strict_knows_the_sdp_address_only() {
    let mut world = strict();
    world
        .bridge
        .signalling_sources(1, &["192.0.2.10".parse().unwrap()]);
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
