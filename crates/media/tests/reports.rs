//! Sender and receiver reports on the SIP leg, each 5 s from about 1 s on, with true counts.

mod common;

use std::time::Duration;

use common::*;
use media::rtcp::{ReportBlock, Rtcp, SenderInfo};
use media::{BridgeSettings, RtpOrRtcp};

/// 2026-01-01T00:00:00Z.
const UNIX: Duration = Duration::from_secs(1_767_225_600);

fn world() -> World {
    let mut world = World::new(BridgeSettings {
        fill_silence: false,
        unix_time: UNIX,
        cname: "9f3a".into(),
        ..BridgeSettings::default()
    });
    world.connect(&pcmu_plan());
    world.browser_up();
    world
}

#[test]
fn one_each_5_s_from_the_first_second_on() {
    let mut world = world();
    world.wait_ms(21_500);
    let reports = world.rtcp_to_sip();
    let first = reports[0].0;
    assert!((800..=1200).contains(&first), "{first} ms");
    let at: Vec<u64> = reports.iter().map(|(ms, ..)| *ms - first).collect();
    assert_eq!(at, [0, 5000, 10_000, 15_000, 20_000]);
    for (_, port, to, packets) in &reports {
        assert_eq!((*port, *to), (RtpOrRtcp::Rtcp, addr("192.0.2.10:40001")));
        let ssrc = world.bridge.ssrcs()[0];
        let cname = "9f3a".into();
        assert_eq!(
            *packets,
            [
                Rtcp::ReceiverReport {
                    ssrc,
                    blocks: vec![]
                },
                Rtcp::Sdes { ssrc, cname }
            ],
            "nothing sent, nothing received"
        );
    }
}

#[test]
fn counts_time_and_loss_are_true() {
    let mut world = world();
    let mut source = Source::new(0, 160);
    let mut browser = Source::new(0, 160);
    let mut last = None;
    for n in 0..300 {
        let packet = source.next();
        if n % 10 != 3 {
            world.sip(Audio, &packet);
        }
        world.browser(Audio, &browser.next_with(&[0x55; 160]));
        for (ms, _, _, packets) in world.rtcp_to_sip() {
            last = Some((ms, n, packets));
        }
        world.wait_ms(20);
    }
    let (_, n, packets) = last.unwrap();
    let Rtcp::SenderReport { ssrc, info, blocks } = &packets[0] else {
        panic!("{packets:?}")
    };
    assert_eq!(*ssrc, world.bridge.ssrcs()[0]);
    // The report was made between packet n - 1 and n.
    assert!(info.packets == n || info.packets == n + 1, "{info:?}, {n}");
    assert_eq!(info.octets, info.packets * 160);
    let seconds = (info.ntp >> 32) - 2_208_988_800;
    assert!(
        (1_767_225_605..=1_767_225_606).contains(&seconds),
        "{seconds}"
    );
    let block = blocks[0];
    assert_eq!(block.ssrc, 0x5151_5151);
    let received = u64::from(n) - u64::from(n / 10);
    assert!(
        block.lost.abs_diff((n / 10) as i32) <= 1,
        "{block:?}, {received}"
    );
    assert!(
        (23..=28).contains(&block.fraction_lost),
        "a tenth of 256: {block:?}"
    );
    assert!(block.highest_sequence.abs_diff(1000 + n) <= 1);
    assert_eq!((block.last_sr, block.delay_since_sr), (0, 0), "no SR came");
}

/// The RTP timestamp of a report is that of its NTP time, not of the last packet.
#[test]
fn ntp_and_rtp_time_are_of_one_moment() {
    let mut world = world();
    let mut browser = Source::new(0, 160);
    let mut sent = Vec::new();
    for _ in 0..20 {
        world.browser(Audio, &browser.next());
        sent.extend(world.to_sip());
        world.wait_ms(20);
    }
    world.wait_ms(6000);
    let reports = world.rtcp_to_sip();
    let last_sent = &sent[19].1;
    for (ms, _, _, packets) in &reports {
        let Rtcp::SenderReport { info, .. } = &packets[0] else {
            panic!("{packets:?}")
        };
        let since = (info.rtp.wrapping_sub(last_sent.timestamp)) / 8;
        assert!(since.abs_diff(*ms as u32 - 380) <= 1, "{since} ms at {ms}");
    }
    assert_eq!(reports.len(), 2);
}

#[test]
fn the_peers_reports_give_round_trip_and_loss() {
    let mut world = world();
    let mut browser = Source::new(0, 160);
    world.browser(Audio, &browser.next());
    world.sip(Audio, &Source::new(0, 160).next());
    world.wait_ms(1200);
    let reports = world.rtcp_to_sip();
    let (_, _, _, packets) = reports.last().unwrap();
    let Rtcp::SenderReport { info, .. } = &packets[0] else {
        panic!("{packets:?}")
    };
    let sent_at = reports.last().unwrap().0;
    // The peer answers 100 ms after it got our report; both ways take 40 ms.
    world.wait_ms(sent_at + 180 - world.now_ms().min(sent_at + 180));
    let late = world.now_ms() - sent_at;
    let block = ReportBlock {
        ssrc: world.bridge.ssrcs()[0],
        fraction_lost: 26,
        lost: 7,
        highest_sequence: 0,
        jitter: 0,
        last_sr: (info.ntp >> 16) as u32,
        delay_since_sr: (late as u32 - 80) * 65_536 / 1000,
    };
    let theirs = SenderInfo {
        ntp: 0x1111_2222_3333_4444,
        rtp: 0,
        packets: 1,
        octets: 4,
    };
    world.sip_rtcp(
        Audio,
        &[Rtcp::SenderReport {
            ssrc: 0x5151_5151,
            info: theirs,
            blocks: vec![block],
        }],
    );
    let summary = world.bridge.counters().audio.rtcp;
    let round_trip = summary.round_trip.unwrap();
    assert!(
        round_trip.abs_diff(Duration::from_millis(80)) < Duration::from_millis(2),
        "{round_trip:?}"
    );
    assert_eq!(summary.peer_lost, Some(7));
    assert_eq!(summary.peer_fraction_lost, Some(26));
    // Our next report names their SR and how long ago it was.
    let heard_at = world.now_ms();
    world.wait_ms(5000);
    let (ms, _, _, packets) = world.rtcp_to_sip().pop().unwrap();
    let Rtcp::SenderReport { blocks, .. } = &packets[0] else {
        panic!("{packets:?}")
    };
    assert_eq!(blocks[0].last_sr, 0x2222_3333);
    let delay_ms = u64::from(blocks[0].delay_since_sr) * 1000 / 65_536;
    assert!(delay_ms.abs_diff(ms - heard_at) <= 1, "{delay_ms}");
}

#[test]
fn multiplexed_where_that_was_agreed() {
    let mut plan = pcmu_plan();
    let remote = plan.media[0].remote.as_mut().unwrap();
    remote.rtcp_mux = true;
    remote.rtcp = remote.rtp;
    let mut world = World::connected(&plan);
    world.wait_ms(2000);
    let reports = world.rtcp_to_sip();
    assert_eq!((reports[0].1, reports[0].2), (RtpOrRtcp::Rtp, addr(PEER)));
}

#[test]
fn the_end_of_the_call_is_said() {
    let mut world = World::connected(&opus_vp8_plan());
    world.wait_ms(100);
    world.take();
    let now = world.now();
    world.bridge.bye(now);
    world.drain();
    let ssrcs = world.bridge.ssrcs();
    let byes: Vec<_> = world
        .rtcp_to_sip()
        .into_iter()
        .map(|(.., packets)| packets.last().cloned())
        .collect();
    let bye = |ssrc| Some(Rtcp::Bye { ssrcs: vec![ssrc] });
    assert_eq!(byes, [bye(ssrcs[0]), bye(ssrcs[1])]);
}

/// The peer learns at once how the timestamps go on in another clock.
#[test]
fn a_change_of_clock_is_reported_at_once() {
    let mut plan = pcmu_plan();
    plan.media[0].routes.push(route(
        format(111, "opus", 48_000),
        format(96, "opus", 48_000),
    ));
    let mut world = World::connected(&plan);
    let mut browser = Source::new(0, 160);
    world.browser(Audio, &browser.next());
    world.wait_ms(2000);
    world.take();
    browser.header.payload_type = 111;
    browser.header.timestamp += 2000 * 8;
    world.browser(Audio, &browser.next());
    world.wait_ms(0);
    let reports = world.rtcp_to_sip();
    assert!(
        matches!(&reports[..], [(2000, _, _, packets)] if matches!(packets[0], Rtcp::SenderReport { .. })),
        "{reports:?}"
    );
}
