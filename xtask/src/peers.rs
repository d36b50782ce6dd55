//! The cases with real peers and browsers: which of them run beside each other, and in what surroundings.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;

use crate::binaries::Built;
use crate::cases::{Case, Outcome, Timed};
use crate::chromium::Chromium;
use crate::counts::Counts;
use crate::lanes;

/// The test targets that need peers, a browser, or a network of their own.
pub(crate) const TARGETS: &[&str] = &["peers", "chromium", "tests"];

/// What the cases that run at the same time may weigh together.
const BOUND: u32 = 12;

/// What a case weighs, by the beginning of its name; the longest that fits counts. The weights leave room on the two
/// cores that CI has, because sound is late as soon as they are busy. A case that stands nowhere here runs alone, which is safe for a new one and right for one that
/// measures the machine.
const WEIGHTS: &[(&str, u32)] = &[
    // Chromium with sound: two at a time, and no case beside them that starts programs all the time.
    ("peers::demo::", 6),
    ("peers::scripted::", 6),
    ("peers::tcp::", 6),
    ("peers::ipv6::", 6),
    ("peers::published_sdk::", 6),
    ("peers::wire::", 6),
    // Chromium with sound and pictures that are encoded, decoded and looked at.
    ("chromium::", 11),
    ("peers::harness_browser::", 11),
    ("peers::harness_phones::", 11),
    ("peers::never_waits_for_video::", 11),
    ("peers::phone::", 11),
    ("peers::published_sdk::call_ends::phone_video", 11),
    ("peers::published_sdk::calls::phone_video", 11),
    ("peers::published_sdk::demo::phone_video", 11),
    ("peers::published_sdk::sdk::a_video", 11),
    ("peers::published_sdk::sdk::the_methods", 11),
    ("peers::topology::", 11),
    ("peers::wire::incoming", 11),
    ("peers::wire::outgoing_video", 11),
    // The same in Firefox, which needs most of a core.
    ("peers::firefox::", 12),
    // The harness's own parts.
    ("tests::", 1),
    // Pages without a browser: many calls at once, each with ICE, DTLS and SRTP.
    ("peers::sipp_many::", 2),
    ("peers::sipp_many::ten_calls_a_second", 11),
    // No browser: frames, SIP, and at most half a second of sound. They mostly wait for timers of SIP.
    ("peers::latch::", 1),
    ("peers::log::", 1),
    ("peers::sipp_calls::", 1),
    ("peers::sipp_changes::", 1),
    ("peers::sipp_is_called::", 1),
    ("peers::changes", 2),
    ("peers::pjsua2::", 2),
    ("peers::tcp_peers::", 1),
    ("peers::ipv6::the_texts_on_both_wires", 1),
];

/// Below the ports that Linux gives out by itself.
const PORTS: Range<usize> = 10_000..32_000;
/// Each case that runs takes ports of a range of its own, so that no two take the same one.
const PORTS_OF_A_LANE: usize = 1_800;

/// The Chromium of a run, from the first case on that may have a page in it.
#[derive(Default)]
struct Shared(Mutex<Option<Chromium>>);

impl Shared {
    /// Where it listens. One that has ended is followed by a new one.
    fn socket(&self) -> Result<String> {
        let mut chromium = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = chromium.take();
        let running = last
            .as_mut()
            .is_some_and(Chromium::runs)
            .then_some(last)
            .flatten();
        let running = running.map_or_else(Chromium::start, Ok)?;
        Ok(chromium.insert(running).socket().display().to_string())
    }
}

/// Runs these cases, several at a time, and prints how each ended.
pub(crate) fn run(built: &Built, cases: Vec<Case>) -> Result<(Counts, Vec<Timed>)> {
    let server = built.server.display().to_string();
    let needs_peers = |case: &Case| TARGETS.contains(&case.binary.target.as_str());
    let shared = Shared::default();
    let outcomes: Vec<Result<Outcome>> = lanes::run(
        cases,
        BOUND,
        |case| {
            if needs_peers(case) {
                weight(&case.name)
            } else {
                1
            }
        },
        |case, lane| {
            let first = PORTS.start + lane * PORTS_OF_A_LANE;
            let ports = format!("{first}-{}", first + PORTS_OF_A_LANE - 1);
            let mut environment = vec![
                ("RINGDOWN_BIN", server.clone()),
                ("RINGDOWN_TESTS_PORTS", ports),
            ];
            if needs_peers(case) {
                environment.push(("RINGDOWN_TESTS_CHROMIUM", shared.socket()?));
            }
            let outcome = case.run(&environment);
            println!("{}", outcome.told());
            Ok(outcome)
        },
    );
    let mut counts = Counts::default();
    let mut times = Vec::new();
    for outcome in outcomes {
        let outcome = outcome?;
        counts.add(Counts::of(outcome.passed));
        if !outcome.passed {
            println!("FAILED: {}", outcome.timed.name);
        }
        times.push(outcome.timed);
    }
    Ok((counts, times))
}

fn weight(name: &str) -> u32 {
    let fitting = WEIGHTS.iter().filter(|(start, _)| name.starts_with(start));
    fitting
        .max_by_key(|(start, _)| start.len())
        .map_or(BOUND, |(_, weight)| *weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_counts_and_an_unknown_case_runs_alone() {
        assert_eq!(weight("peers::ipv6::ipv6_on_both_legs"), 6);
        assert_eq!(weight("peers::ipv6::the_texts_on_both_wires"), 1);
        assert_eq!(weight("peers::new_file::case"), BOUND);
    }

    #[test]
    fn every_lane_has_ports() {
        let lightest = WEIGHTS.iter().map(|(_, weight)| *weight).min().unwrap_or(1);
        let most = (BOUND / lightest) as usize;
        assert!(PORTS.start + most * PORTS_OF_A_LANE <= PORTS.end);
    }
}
