//! What a test runner says about itself: libtest's result lines and the closing lines of `node --test`.

use std::time::Duration;

use crate::cases::Timed;

/// Tests by their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Passed.
    pub(crate) passed: usize,
    /// Failed, and runners that died without a word.
    pub(crate) failed: usize,
    /// Ignored, skipped, to do, cancelled: none may be.
    pub(crate) skipped: usize,
}

impl Counts {
    /// One check that passed or failed.
    pub(crate) fn of(passed: bool) -> Self {
        Self {
            passed: usize::from(passed),
            failed: usize::from(!passed),
            skipped: 0,
        }
    }

    /// Passed and failed.
    pub(crate) fn executed(self) -> usize {
        self.passed + self.failed
    }

    /// Adds another runner's.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Reads all closing lines of a runner's output.
    pub(crate) fn read(lines: &[String]) -> Self {
        let mut counts = Self::default();
        for line in lines {
            if let Some(found) = libtest(line) {
                counts.add(found);
            } else if let Some(found) = node(line) {
                counts.add(found);
            }
        }
        counts
    }
}

/// How long each test of `node --test` took. The TAP reporter gives a test and then its duration, the spec reporter both
/// in one line; a test within a test is indented and belongs to the one around it.
pub(crate) fn node_times(lines: &[String]) -> Vec<Timed> {
    let timed = |name: &str, milliseconds: &str| {
        let seconds = milliseconds.trim().parse::<f64>().ok()? / 1000.0;
        Some(Timed {
            name: format!("sdk::{name}"),
            took: Duration::try_from_secs_f64(seconds).ok()?,
            cpu: None,
        })
    };
    let mut name = None;
    let mut times = Vec::new();
    for line in lines {
        if let Some(test) = line.strip_prefix("ok ") {
            name = test.split_once(" - ").map(|(_, name)| name);
        } else if let Some(milliseconds) = line.strip_prefix("  duration_ms: ") {
            times.extend(name.take().and_then(|name| timed(name, milliseconds)));
        } else if let Some(test) = line.strip_prefix("✔ ") {
            let parts = test
                .strip_suffix("ms)")
                .and_then(|test| test.rsplit_once(" ("));
            times.extend(parts.and_then(|(name, milliseconds)| timed(name, milliseconds)));
        }
    }
    times
}

/// `test result: ok. 20 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.27s`
fn libtest(line: &str) -> Option<Counts> {
    let (_, rest) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = Counts::default();
    for part in rest.split("; ") {
        let (number, word) = part.split_once(' ')?;
        match word {
            "passed" => counts.passed = number.parse().ok()?,
            "failed" => counts.failed = number.parse().ok()?,
            "ignored" => counts.skipped = number.parse().ok()?,
            _ => {}
        }
    }
    Some(counts)
}

/// `# pass 5` in TAP, `ℹ pass 5` of the spec reporter, which newer versions use everywhere. Only whole lines count: a
/// test's own output is indented or quoted by both.
fn node(line: &str) -> Option<Counts> {
    let (word, number) = line
        .strip_prefix("# ")
        .or_else(|| line.strip_prefix("ℹ "))?
        .split_once(' ')?;
    let number = number.trim().parse().ok()?;
    let none = Counts::default();
    match word {
        "pass" => Some(Counts {
            passed: number,
            ..none
        }),
        "fail" => Some(Counts {
            failed: number,
            ..none
        }),
        "cancelled" | "skipped" | "todo" => Some(Counts {
            skipped: number,
            ..none
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Counts {
        Counts::read(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn libtest_lines_add_up() {
        let text = "running 3 tests\n\
            test result: ok. 20 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.27s\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.00s";
        assert_eq!(
            read(text),
            Counts {
                passed: 21,
                failed: 2,
                skipped: 1
            }
        );
    }

    #[test]
    fn node_is_read_in_both_of_its_voices() {
        let tap = "TAP version 13\n# tests 5\n# suites 0\n# pass 3\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n# duration_ms 41.2";
        assert_eq!(
            read(tap),
            Counts {
                passed: 3,
                failed: 1,
                skipped: 1
            }
        );
        assert_eq!(
            read(&tap.replace("# ", "ℹ ")),
            Counts {
                passed: 3,
                failed: 1,
                skipped: 1
            }
        );
    }

    #[test]
    fn durations_are_read_in_both_voices_of_node() {
        let tap = "ok 3 - it rings\n  ---\n  duration_ms: 1500.5\n  ...\n    ok 1 - within\n# duration_ms 41.2";
        let spec = "✔ it rings (1500.5ms)\n  ✔ within (3ms)\nℹ duration_ms 41.2";
        for text in [tap, spec] {
            let times = node_times(&text.lines().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(times.len(), 1, "{times:?}");
            assert_eq!(times[0].name, "sdk::it rings");
            assert_eq!(times[0].took, Duration::from_micros(1_500_500));
        }
    }

    #[test]
    fn other_lines_do_not_count() {
        assert_eq!(
            read("test sip::ok ... ok\n    # pass 5\nerror: test failed\n# Subtest: pass 1"),
            Counts::default()
        );
    }
}
