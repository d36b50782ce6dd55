//! Random walks: {1xx, reliable 1xx, 2xx, refusal, CANCEL, BYE, ACK, PRACK, re-INVITE, UPDATE, INFO,
//! timer, media, WebSocket lost, answer, hold, hangup} in any order, over 10,000 seeds. After each walk
//! the invariants hold; over all walks every reachable (state, input) row was hit. Each of nine
//! deliberate faults is found.

mod walk;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use walk::{INCOMING, OUTGOING, Step, Walk};

const SEEDS: u64 = 10_000;
const STEPS: usize = 18;

type Rows = BTreeMap<(String, Step), u64>;

/// Walks one seed; `rows` counts what was done in which state.
fn walk(seed: u64, rows: &mut Rows) -> Result<(), String> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let incoming = seed.is_multiple_of(2);
    let mut walk = if incoming {
        Walk::incoming(seed)
    } else {
        Walk::outgoing(seed)
    };
    let steps: &[Step] = if incoming { &INCOMING } else { &OUTGOING };
    let mut trail = Vec::new();
    for _ in 0..STEPS {
        // Media and timers move a call along; without a thumb on the scale most walks end early.
        let step = if rng.random_bool(0.35) {
            Step::Media
        } else {
            *steps.choose(&mut rng).expect("there are steps")
        };
        walk.look();
        let way = if incoming { "in" } else { "out" };
        *rows
            .entry((format!("{way} {}", walk.state()), step))
            .or_default() += 1;
        trail.push(step);
        walk.step(step);
    }
    walk.settle()
        .map_err(|why| format!("seed {seed}: {why}; after {trail:?}"))
}

/// Every state of a direction may meet every input of it.
fn reachable() -> BTreeSet<(String, Step)> {
    let mut rows = BTreeSet::new();
    for state in ["Opening", "Calling", "Answered", "Established", "Ended"] {
        rows.extend(OUTGOING.map(|step| (format!("out {state}"), step)));
    }
    for state in [
        "Opening",
        "Ringing",
        "Answering",
        "Accepting",
        "Established",
        "Ended",
    ] {
        rows.extend(INCOMING.map(|step| (format!("in {state}"), step)));
    }
    rows
}

#[test]
fn five_thousand_calls_of_ours_hold_the_invariants_and_hit_every_row() {
    hold_the_invariants("out", (0..SEEDS).filter(|seed| seed % 2 == 1));
}

#[test]
fn five_thousand_calls_to_us_hold_the_invariants_and_hit_every_row() {
    hold_the_invariants("in", (0..SEEDS).filter(|seed| seed % 2 == 0));
}

#[expect(clippy::print_stdout, reason = "the rows are read with --nocapture")]
fn hold_the_invariants(way: &str, seeds: impl Iterator<Item = u64>) {
    let mut rows = Rows::new();
    let failures: Vec<String> = seeds
        .filter_map(|seed| walk(seed, &mut rows).err())
        .take(5)
        .collect();
    for ((state, step), count) in &rows {
        println!("{count:>7}  {state:<16} {step:?}");
    }
    assert!(failures.is_empty(), "{failures:#?}");
    let missed: Vec<_> = reachable()
        .into_iter()
        .filter(|row| row.0.starts_with(way) && !rows.contains_key(row))
        .collect();
    assert!(missed.is_empty(), "rows never hit: {missed:?}");
}

/// The walk with a fault planted finds it within this many seeds.
fn finds(plant: impl Fn(bool), expected: &str) {
    plant(true);
    let mut rows = Rows::new();
    let found = (0..2_000).find_map(|seed| walk(seed, &mut rows).err());
    plant(false);
    let found = found.expect("the walk did not notice the fault");
    assert!(found.contains(expected), "found something else: {found}");
}

fn hub_fault(fault: session::fault::Fault) -> impl Fn(bool) {
    move |on| session::fault::plant(on.then_some(fault))
}

fn sip_fault(fault: sip::fault::Fault) -> impl Fn(bool) {
    move |on| sip::fault::plant(on.then_some(fault))
}

#[test]
fn finds_a_double_finish() {
    finds(
        hub_fault(session::fault::Fault::DoubleFinish),
        "final statuses",
    );
}

#[test]
fn finds_a_leaked_port() {
    finds(
        hub_fault(session::fault::Fault::LeakedPort),
        "ports still open",
    );
}

#[test]
fn finds_a_lost_ack() {
    finds(sip_fault(sip::fault::Fault::LostAck), "never ACKed");
}

#[test]
fn finds_a_late_cancel_accepted() {
    finds(
        sip_fault(sip::fault::Fault::LateCancelAccepted),
        "got the final responses",
    );
}

#[test]
fn finds_a_missing_bye_after_a_late_2xx() {
    finds(sip_fault(sip::fault::Fault::MissingBye), "was never BYEd");
}

#[test]
fn finds_an_offer_that_is_answered_twice() {
    finds(
        sip_fault(sip::fault::Fault::OfferAnsweredTwice),
        "got the final responses",
    );
}

#[test]
fn finds_a_cseq_that_a_2xx_resets() {
    finds(sip_fault(sip::fault::Fault::CseqReset), "our CSeq fell");
}

#[test]
fn finds_the_cancel_of_a_re_invite_that_ends_the_call() {
    finds(
        sip_fault(sip::fault::Fault::ReinviteCancelEndsCall),
        "the CANCEL of a re-INVITE ended the call",
    );
}

#[test]
fn finds_a_prack_that_waits_for_its_invite() {
    finds(
        sip_fault(sip::fault::Fault::PrackHeldUp),
        "was not PRACKed at once",
    );
}
