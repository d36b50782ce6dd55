//! Networks duplicate and reorder. A browser leg must never see a number twice (its SRTP would be
//! asked to encrypt two packets under one), and a late packet keeps its own number.

mod common;

use std::collections::BTreeSet;

use common::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

#[test]
fn each_packet_twice_is_each_packet_once() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    for _ in 0..200 {
        let packet = source.next();
        world.sip(Audio, &packet);
        world.sip(Audio, &packet);
        world.wait_ms(20);
    }
    let heard = world.to_browser();
    assert_eq!(heard.len(), 200);
    check_smooth(&heard, 8000, 0);
    assert_eq!(world.bridge.counters().audio.duplicates, 200);
}

#[test]
fn late_duplicates_among_new_packets_are_dropped() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    let mut sent = Vec::new();
    for n in 0..200 {
        sent.push(source.next());
        world.sip(Audio, &sent[n]);
        if n >= 3 {
            world.sip(Audio, &sent[n - 3]);
        }
        world.wait_ms(20);
    }
    let heard = world.to_browser();
    assert_eq!(heard.len(), 200);
    check_smooth(&heard, 8000, 0);
}

#[test]
fn late_packets_keep_their_numbers() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    // The second is first of all: there is room below the first number.
    let first = source.next();
    world.sip(Audio, &source.next());
    world.sip(Audio, &first);
    for _ in 0..30 {
        let (a, b, c) = (source.next(), source.next(), source.next());
        for packet in [b, c, a] {
            world.sip(Audio, &packet);
            world.wait_ms(20);
        }
    }
    let mut heard = world.to_browser();
    assert_eq!(heard.len(), 92);
    assert_eq!(heard[1].sequence, heard[0].sequence - 1);
    heard.sort_by_key(|packet| packet.sequence);
    check_smooth(&heard, 8000, 0);
    let counts: Vec<u32> = heard.iter().map(|packet| count(&packet.payload)).collect();
    assert!(counts.is_sorted());
}

/// Random loss, delay, duplication, switches and jumps: whatever comes, no number goes out twice,
/// and no packet without payload of its own.
#[test]
fn no_number_is_ever_given_twice() {
    for seed in 0..300 {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut world = World::connected(&pcmu_plan());
        let mut source = Source::new(0, 160);
        let mut sent = Vec::new();
        for _ in 0..400 {
            match rng.random_range(0..40) {
                0 => source.header.ssrc = rng.random_range(0..3),
                1 => source.header.sequence = rng.random(),
                2 => source.header.timestamp = rng.random(),
                3 => {
                    source.header.sequence = source
                        .header
                        .sequence
                        .wrapping_sub(rng.random_range(0..300))
                }
                4 => world.wait_ms(rng.random_range(0..3000)),
                5 => source.header.payload_type = [0, 13, 101][rng.random_range(0..3)],
                _ => {}
            }
            sent.push(source.next());
            let from = sent.len().saturating_sub(rng.random_range(1..8));
            if rng.random_bool(0.95) {
                let which = rng.random_range(from..sent.len());
                world.sip(Audio, &sent[which]);
            }
            world.wait_ms(rng.random_range(0..30));
        }
        let heard = world.to_browser();
        let numbers: BTreeSet<u64> = heard.iter().map(|packet| packet.sequence).collect();
        assert_eq!(numbers.len(), heard.len(), "seed {seed}");
    }
}
