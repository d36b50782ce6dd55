//! Packets of a call that has ended must not be heard in the next: freed ports rest 30 s while
//! others are free, and never less than 2 s.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use media::ports::{PortPool, Ports};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

fn pool(from: u16, to: u16, seed: u64) -> PortPool {
    PortPool::new(from, to, ChaCha20Rng::seed_from_u64(seed))
}

fn rtp(ports: Option<Ports>) -> Option<u16> {
    match ports {
        Some(Ports::Pair { rtp }) => Some(rtp),
        Some(Ports::Any) => panic!("no range"),
        None => None,
    }
}

#[test]
fn pairs_are_even_distinct_inside_the_range_and_in_random_order() {
    let now = Instant::now();
    let order = |seed| -> Vec<u16> {
        let mut pool = pool(31_001, 31_101, seed);
        assert_eq!(pool.capacity(), Some(50));
        std::iter::from_fn(|| rtp(pool.allocate(now))).collect()
    };
    let first = order(1);
    assert_eq!(first.len(), 50);
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 50);
    assert!(
        first
            .iter()
            .all(|p| p % 2 == 0 && *p > 31_001 && *p < 31_101)
    );
    assert_ne!(first, order(2));
    assert_eq!(first, order(1), "same seed, same run");
    assert!(!first.is_sorted());
}

#[test]
fn a_freed_pair_rests_30_s_while_others_are_free() {
    let start = Instant::now();
    let mut pool = pool(40_000, 40_999, 3);
    let old = pool.allocate(start).unwrap();
    pool.release(old, start);
    // 400 calls of 50 ms, one after the other, within 29 s.
    for n in 0..400 {
        let now = start + Duration::from_millis(n * 70);
        let ports = pool.allocate(now).unwrap();
        assert_ne!(ports, old, "after {} ms", n * 70);
        pool.release(ports, now + Duration::from_millis(50));
    }
}

#[test]
fn it_is_among_the_free_ones_again_after_30_s() {
    let start = Instant::now();
    for seed in 0..20 {
        let mut pool = pool(40_000, 40_011, seed);
        let old = pool.allocate(start).unwrap();
        pool.release(old, start);
        let almost = start + Duration::from_millis(29_999);
        let mut others: Vec<_> = (0..5).map(|_| pool.allocate(almost).unwrap()).collect();
        assert!(!others.contains(&old), "seed {seed}");
        for ports in others.drain(1..) {
            pool.release(ports, almost);
        }
        let rested = start + Duration::from_secs(30);
        assert_eq!((pool.resting(almost), pool.resting(rested)), (5, 4));
        assert_eq!(pool.allocate(rested), Some(old), "seed {seed}");
    }
}

#[test]
fn under_pressure_the_longest_rested_goes_first_and_never_before_2_s() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut pool = pool(50_000, 50_005, 4);
    let pairs: Vec<_> = (0..3).map(|_| pool.allocate(start).unwrap()).collect();
    assert_eq!((pool.in_use(), pool.resting(start)), (3, 0));
    assert_eq!(pool.allocate(start), None, "exhausted");
    assert!(!pool.has_free(start));
    pool.release(pairs[2], at(0));
    pool.release(pairs[0], at(500));
    assert_eq!((pool.in_use(), pool.resting(at(500))), (1, 2));
    assert_eq!(pool.allocate(at(1999)), None);
    assert!(!pool.has_free(at(1999)) && pool.has_free(at(2000)));
    assert_eq!(pool.retry_after(at(1500)), Some(Duration::from_millis(500)));
    assert_eq!(pool.allocate(at(2000)), Some(pairs[2]));
    assert_eq!(pool.allocate(at(2000)), None);
    assert_eq!(pool.allocate(at(2500)), Some(pairs[0]));
}

#[test]
fn ten_ports_carry_five_calls() {
    let now = Instant::now();
    let mut pool = pool(20_000, 20_009, 5);
    let calls: Vec<_> = (0..12).map(|_| pool.allocate(now)).collect();
    assert_eq!(calls.iter().flatten().count(), 5);
}

#[test]
fn zero_means_any_port() {
    let now = Instant::now();
    for (from, to) in [(0, 0), (0, 40_000), (40_000, 0)] {
        let mut pool = pool(from, to, 6);
        assert_eq!(pool.capacity(), None);
        assert_eq!(pool.allocate(now), Some(Ports::Any));
        assert!(pool.in_use() == 1 && pool.has_free(now));
        pool.release(Ports::Any, now);
        assert_eq!((pool.in_use(), pool.resting(now)), (0, 0));
    }
    let mut none = pool(7, 7, 7);
    assert!(none.allocate(now).is_none() && !none.has_free(now));
}
