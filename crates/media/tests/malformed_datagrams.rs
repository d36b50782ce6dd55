//! Whatever comes in, nothing panics, nothing is passed on that is no packet, and the call goes on.

mod common;

use common::*;
use media::rtcp::{ReportBlock, Rtcp, SenderInfo};
use media::{RtpOrRtcp, key_frame, rtcp, rtp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use sdp::Encoding;

fn seeds() -> Vec<Vec<u8>> {
    let mut extended = Source::new(0, 160).next().to_vec();
    extended[0] |= 0x32;
    extended.splice(
        12..12,
        [0; 8].into_iter().chain([0xbe, 0xde, 0, 1, 0, 0, 0, 0]),
    );
    extended.extend_from_slice(&[0, 0, 3]);
    let info = SenderInfo {
        ntp: 1,
        rtp: 2,
        packets: 3,
        octets: 4,
    };
    let block = ReportBlock {
        ssrc: 1,
        fraction_lost: 2,
        lost: 3,
        highest_sequence: 4,
        jitter: 5,
        last_sr: 6,
        delay_since_sr: 7,
    };
    vec![
        Source::new(0, 160).next().to_vec(),
        Source::new(101, 160)
            .next_with(&[5, 0x8a, 3, 0x20])
            .to_vec(),
        extended,
        rtcp::print(&[
            Rtcp::SenderReport {
                ssrc: 1,
                info,
                blocks: vec![block; 3],
            },
            Rtcp::Sdes {
                ssrc: 1,
                cname: "peer".into(),
            },
            Rtcp::Fir {
                sender: 1,
                entries: vec![(1, 1), (2, 2)],
            },
            Rtcp::Bye { ssrcs: vec![1, 2] },
        ]),
    ]
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut ChaCha20Rng) {
    for _ in 0..rng.random_range(1..5) {
        let at = rng.random_range(0..bytes.len().max(1));
        match rng.random_range(0..5) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] = rng.random(),
            2 if !bytes.is_empty() => bytes[at] ^= 1 << rng.random_range(0..8),
            3 if !bytes.is_empty() => bytes[at] = [0, 0xff, 0x7f, 0x80][rng.random_range(0..4)],
            _ => {
                let tail = bytes.split_off(at.min(bytes.len()));
                bytes.extend((0..rng.random_range(0..9)).map(|_| rng.random::<u8>()));
                bytes.extend(tail);
            }
        }
    }
}

#[test]
fn mutations_harm_nothing() {
    let seeds = seeds();
    let mut rng = ChaCha20Rng::seed_from_u64(42);
    let mut world = World::connected(&opus_vp8_plan());
    let pcmu = pcmu_plan();
    world.connect(&pcmu);
    for round in 0..60_000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        mutate(&mut bytes, &mut rng);
        let _ = rtp::parse(&bytes);
        let parsed = rtcp::parse(&bytes);
        assert_eq!(rtcp::parse(&rtcp::print(&parsed)).len(), parsed.len());
        for encoding in [Encoding::Vp8, Encoding::H264] {
            key_frame::begins_key_frame(&encoding, &bytes);
        }
        let kind = if rng.random() { Audio } else { Video };
        let port = if rng.random() {
            RtpOrRtcp::Rtp
        } else {
            RtpOrRtcp::Rtcp
        };
        let now = world.now();
        world
            .bridge
            .sip_datagram(kind, port, addr(PEER), &bytes, now);
        if round % 50 == 0 {
            world.wait_ms(rng.random_range(0..100));
        }
        world.drain();
        world.take();
    }
    let mut source = Source::new(0, 160);
    source.header.ssrc = 12;
    talk(&mut world, &mut source, 50);
    assert_eq!(world.to_browser().len(), 50, "the call goes on");
}

#[test]
fn the_smallest_and_the_lying_are_counted() {
    let mut world = World::connected(&pcmu_plan());
    let good = Source::new(0, 160).next_with(&[1, 1, 0xff, 0xff]).to_vec();
    let lie = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        bytes
    };
    for bytes in [
        vec![],
        vec![0x80],
        vec![0],
        good[..11].to_vec(),
        lie(&|b| b[0] |= 0x0f),
        lie(&|b| b[0] |= 0x20),
        lie(&|b| b[0] |= 0x10),
        lie(&|b| b[0] = 0),
        vec![0x80, 200],
        vec![0x80, 200, 0xff, 0xff, 0, 0, 0, 0],
    ] {
        world.sip(Audio, &bytes);
    }
    let now = world.now();
    world
        .bridge
        .sip_datagram(Audio, RtpOrRtcp::Rtcp, addr(PEER), &good, now);
    assert_eq!(world.take(), []);
    assert_eq!(world.bridge.counters().audio.malformed, 11);
    // Header without payload: a packet, but nothing to hear.
    world.sip(Audio, &good[..12]);
    assert_eq!(world.to_browser(), []);
    assert_eq!(world.bridge.counters().audio.empty, 1);
}
