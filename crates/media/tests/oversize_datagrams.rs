//! A datagram of any size on a media port does no harm: what is larger than a packet of media is
//! dropped and counted, and nothing is truncated and passed on.

mod common;

use common::*;
use media::{BridgeOutput, MAX_DATAGRAM, RtpOrRtcp};

/// The largest datagram that the peer and the browser send here.
const LARGEST: usize = 9000;

/// Bytes of the fixed RTP header.
const HEADER: usize = 12;

#[test]
fn every_size_from_the_sip_side_is_carried_whole_or_dropped() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    for size in 1..=LARGEST {
        let mut bytes = source.next_with(&vec![0x55; size.saturating_sub(HEADER)]);
        bytes.truncate(size);
        world.sip(Audio, &bytes);
        world.wait_ms(1);
        let carried = world.to_browser();
        // A packet without payload is a probe, and a shorter datagram is no packet.
        if size <= HEADER || size > MAX_DATAGRAM {
            assert_eq!(carried, [], "{size} bytes");
        } else {
            assert_eq!(carried.len(), 1, "{size} bytes");
            assert_eq!(carried[0].payload.len(), size - HEADER);
        }
    }
    let counters = world.bridge.counters().audio;
    assert_eq!(counters.oversize, (LARGEST - MAX_DATAGRAM) as u64);
    talk(&mut world, &mut source, 50);
    assert_eq!(world.to_browser().len(), 50, "the call goes on");
}

#[test]
fn every_size_from_the_browser_is_carried_whole_or_dropped() {
    let mut world = World::connected(&pcmu_plan());
    let mut browser = Source::new(0, 160);
    let mut sequence = None;
    for size in HEADER + 1..=LARGEST {
        world.browser(Audio, &browser.next_with(&vec![0x55; size - HEADER]));
        world.wait_ms(1);
        let carried = world.to_sip();
        if size > MAX_DATAGRAM {
            assert_eq!(carried, [], "{size} bytes");
            continue;
        }
        let (_, packet) = &carried[0];
        assert_eq!((carried.len(), packet.payload.len()), (1, size - HEADER));
        sequence = Some(packet.sequence);
    }
    let counters = world.bridge.counters().audio;
    assert_eq!(counters.oversize, (LARGEST - MAX_DATAGRAM) as u64);
    // What we drop ourselves leaves no gap.
    world.browser(Audio, &browser.next());
    let next = world.to_sip()[0].1.sequence;
    assert_eq!(Some(next), sequence.map(|last| last.wrapping_add(1)));
}

/// The port is the peer's, so even a datagram that is dropped could teach the latch an address.
#[test]
fn an_oversize_datagram_teaches_nothing_and_is_not_kept() {
    let mut world = World::quiet();
    let mut source = Source::new(0, 160);
    world.sip(Audio, &source.next_with(&[0x55; LARGEST]));
    world.connect(&pcmu_plan());
    world.browser_up();
    assert_eq!(world.to_browser(), [], "it did not wait for the plan");
    let elsewhere = addr("192.0.2.10:61234");
    for _ in 0..20 {
        world.sip_from(Audio, elsewhere, &source.next_with(&[0x55; LARGEST]));
        world.wait_ms(20);
    }
    world.browser(Audio, &Source::new(0, 160).next());
    assert_eq!(world.to_sip()[0].0, addr(PEER));
}

#[test]
fn rtcp_and_noise_of_every_size_do_no_harm_on_either_port() {
    let mut world = World::connected(&opus_vp8_plan());
    for size in 1..=LARGEST {
        for first in [[0x80, 200], [0x81, 206], [0xff, 0xff], [0, 1]] {
            let mut bytes = vec![0xaa; size];
            for (byte, value) in bytes.iter_mut().zip(first) {
                *byte = value;
            }
            // The length of an RTCP packet, in words, minus one (RFC 3550 §6.4.1).
            if let Some(length) = bytes.get_mut(2..4) {
                length.copy_from_slice(&((size / 4).saturating_sub(1) as u16).to_be_bytes());
            }
            let now = world.now();
            for (port, from) in [
                (RtpOrRtcp::Rtp, addr("192.0.2.10:40002")),
                (RtpOrRtcp::Rtcp, addr("192.0.2.10:40003")),
            ] {
                world.bridge.sip_datagram(Video, port, from, &bytes, now);
            }
            world.drain();
        }
    }
    let sizes = (LARGEST - MAX_DATAGRAM) as u64;
    assert_eq!(world.bridge.counters().video.oversize, sizes * 4 * 2);
    let large = world.take().into_iter().any(|(_, output)| match output {
        BridgeOutput::ToBrowser { packet, .. } => packet.payload.len() > MAX_DATAGRAM - HEADER,
        BridgeOutput::ToSip { bytes, .. } => bytes.len() > MAX_DATAGRAM,
        BridgeOutput::WantBrowserKeyFrame { .. } => false,
    });
    assert!(!large, "something larger than a datagram was passed on");
}
