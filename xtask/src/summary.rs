//! The closing table of a run, its slowest cases, and its last line.

use std::time::Duration;

use crate::cases::Timed;
use crate::counts::Counts;

/// How many of the slowest cases are named.
const SLOWEST: usize = 10;

/// One level's end.
pub(crate) struct Line {
    /// Its name.
    pub(crate) name: &'static str,
    /// What was counted.
    pub(crate) counts: Counts,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Line {
    /// Nothing failed, nothing was skipped, something ran.
    pub(crate) fn is_good(&self) -> bool {
        self.counts.failed == 0 && self.counts.skipped == 0 && self.counts.executed() > 0
    }
}

/// The slowest cases, the slowest first, with the CPU time of those for which it is known.
pub(crate) fn slowest(mut cases: Vec<Timed>) -> String {
    cases.sort_by_key(|case| std::cmp::Reverse(case.took));
    let mut text = String::new();
    for case in cases.iter().take(SLOWEST) {
        let cpu = case.cpu.map_or(String::new(), |cpu| {
            format!("  ({:.1} s of CPU)", cpu.as_secs_f32())
        });
        text += &format!("{:>7.1} s  {}{cpu}\n", case.took.as_secs_f32(), case.name);
    }
    if text.is_empty() {
        text
    } else {
        format!("\nslowest cases\n{text}")
    }
}

/// The table, and `N passed, N failed` alone on the last line. A skipped test counts as failed there; a level in which
/// nothing ran is one failure.
pub(crate) fn text(lines: &[Line]) -> String {
    let mut text = format!(
        "\n{:<12} {:>8} {:>8} {:>8} {:>8}\n",
        "level", "executed", "failed", "skipped", "time"
    );
    let (mut passed, mut failed) = (0, 0);
    for line in lines {
        let Counts {
            failed: bad,
            skipped,
            ..
        } = line.counts;
        let seconds = line.took.as_secs_f32();
        let mark = if line.is_good() { "" } else { "  <- FAILED" };
        let executed = line.counts.executed();
        text += &format!(
            "{:<12} {executed:>8} {bad:>8} {skipped:>8} {seconds:>6.1} s{mark}\n",
            line.name
        );
        passed += line.counts.passed;
        failed += bad + skipped + usize::from(executed == 0);
    }
    let total: f32 = lines.iter().map(|line| line.took.as_secs_f32()).sum();
    text + &format!(
        "\nin {:.0} min {:.0} s\n{passed} passed, {failed} failed",
        (total / 60.0).floor(),
        total % 60.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(passed: usize, failed: usize, skipped: usize) -> Line {
        Line {
            name: "unit",
            counts: Counts {
                passed,
                failed,
                skipped,
            },
            took: Duration::from_secs(2),
        }
    }

    #[test]
    fn the_ten_slowest_cases_are_named_in_their_order() {
        let case = |n: u64| Timed {
            name: format!("case{n}."),
            took: Duration::from_secs(n),
            cpu: (n == 11).then_some(Duration::from_secs(3)),
        };
        let text = slowest((1..12).map(case).collect());
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(lines.len(), SLOWEST);
        assert!(
            lines[0].contains("case11.") && lines[0].contains("3.0 s of CPU"),
            "{text}"
        );
        assert!(lines[9].contains("case2."), "{text}");
        assert_eq!(slowest(Vec::new()), "");
    }

    #[test]
    fn the_last_line_is_bare() {
        let text = text(&[line(3, 0, 0), line(4, 1, 0)]);
        assert_eq!(text.lines().last(), Some("7 passed, 1 failed"));
    }

    #[test]
    fn a_skipped_test_and_an_empty_level_are_failures() {
        assert!(!line(3, 0, 1).is_good() && !line(0, 0, 0).is_good() && line(1, 0, 0).is_good());
        assert!(text(&[line(3, 0, 1)]).ends_with("\n3 passed, 1 failed"));
        assert!(text(&[line(0, 0, 0)]).ends_with("\n0 passed, 1 failed"));
    }
}
