//! One case of a test binary, run as a process of its own: how it ended, how long it took, what it cost.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::binaries::Binary;

/// The time limit of a case, in seconds. No case takes so long unless it hangs.
const LIMIT_SECONDS: &str = "300";
/// Runs the given program with stdout and stderr in one stream, then prints the CPU time that it and its children used.
const TIMED: &str =
    r#"timeout --foreground --kill-after=10 "$@" 2>&1; code=$?; times; exit "$code""#;

/// A case.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Its name for people: the target and the path within it, e.g. `peers::wire::busy`.
    pub(crate) name: String,
    /// The path within its binary, e.g. `wire::busy`.
    pub(crate) path: String,
    /// The binary that holds it.
    pub(crate) binary: Binary,
}

/// How long something took.
#[derive(Debug, Clone)]
pub(crate) struct Timed {
    /// The name of the case or test.
    pub(crate) name: String,
    /// Wall time.
    pub(crate) took: Duration,
    /// CPU time of it and all its children, where that is known.
    pub(crate) cpu: Option<Duration>,
}

/// How a case ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// It ran, and did not fail.
    pub(crate) passed: bool,
    /// How long it took.
    pub(crate) timed: Timed,
    /// Everything it printed.
    pub(crate) output: String,
}

impl Case {
    /// All cases of a binary, in its order.
    pub(crate) fn of(binary: &Binary) -> Result<Vec<Self>> {
        let output = Command::new(&binary.path)
            .args(["--list", "--format", "terse"])
            .current_dir(&binary.folder)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start {}", binary.path.display()))?;
        ensure!(output.status.success(), "{} lists no cases", binary.target);
        let text = String::from_utf8_lossy(&output.stdout);
        let case = |path: &str| Self {
            name: format!("{}::{path}", binary.target),
            path: path.to_owned(),
            binary: binary.clone(),
        };
        let paths = text.lines().filter_map(|line| line.strip_suffix(": test"));
        Ok(paths.map(case).collect())
    }

    /// Runs it in a process of its own, with these variables in its environment.
    pub(crate) fn run(&self, environment: &[(&str, String)]) -> Outcome {
        // The shell is ended when this process ends.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "TERM", "--", "sh", "-c", TIMED])
            .args(["sh", LIMIT_SECONDS])
            .arg(&self.binary.path)
            .args(["--exact", &self.path, "--test-threads", "1"])
            .envs(environment.iter().map(|(key, value)| (key, value)))
            .env("RUST_BACKTRACE", "0")
            .current_dir(&self.binary.folder)
            .stdin(Stdio::null());
        let start = Instant::now();
        let ended = command.output();
        let took = start.elapsed();
        let (success, output) = match ended {
            Ok(ended) => (
                ended.status.success(),
                String::from_utf8_lossy(&ended.stdout).into_owned(),
            ),
            Err(error) => (false, format!("cannot start setpriv: {error}")),
        };
        Outcome {
            // libtest also succeeds when no case has this name.
            passed: success && output.contains("test result: ok. 1 passed; 0 failed"),
            timed: Timed {
                name: self.name.clone(),
                took,
                cpu: output.lines().next_back().and_then(cpu_time),
            },
            output,
        }
    }
}

impl Outcome {
    /// One line, followed by everything that the case printed if it failed.
    pub(crate) fn told(&self) -> String {
        let Timed { name, took, cpu } = &self.timed;
        let end = if self.passed { "ok" } else { "FAILED" };
        let cpu = cpu.map_or(String::new(), |cpu| {
            format!(", {:.1} s of CPU", cpu.as_secs_f32())
        });
        let said = if self.passed {
            ""
        } else {
            self.output.trim_end()
        };
        let line = format!("test {name} ... {end} ({:.1} s{cpu})", took.as_secs_f32());
        format!("{line}\n{said}").trim_end().to_owned()
    }
}

/// The last line of a shell's `times`: user and system time of all children, e.g. `0m1.230s 1m0.45s`.
fn cpu_time(line: &str) -> Option<Duration> {
    let seconds = |word: &str| -> Option<f64> {
        let (minutes, seconds) = word.strip_suffix('s')?.split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    let (user, system) = line.split_once(' ')?;
    Duration::try_from_secs_f64(seconds(user)? + seconds(system)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_from_the_shells_words() {
        assert_eq!(
            cpu_time("1m0.500s 0m1.25s"),
            Some(Duration::from_millis(61_750))
        );
        assert_eq!(cpu_time("test result: ok."), None);
    }
}
