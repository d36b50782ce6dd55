//! `cargo xtask test`: every level, from formatting to browsers, one summary.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::binaries::{self, Binary, Built};
use crate::cases::{Case, Timed};
use crate::counts::{self, Counts};
use crate::run::{cargo, run};
use crate::summary::{self, Line};
use crate::{install, peers, root};

/// One level: its name, and what runs it.
struct Level {
    name: &'static str,
    run: fn(&mut Run) -> Result<Counts>,
}

/// What one level leaves to those after it.
#[derive(Default)]
struct Run {
    built: Option<Built>,
    times: Vec<Timed>,
}

/// The levels in the order in which they run. All run even if one fails, except that nothing runs after a failed
/// `build`.
const LEVELS: [Level; 7] = [
    Level {
        name: "formatting",
        run: formatting,
    },
    Level {
        name: "clippy",
        run: clippy,
    },
    Level {
        name: "documents",
        run: documents,
    },
    Level {
        name: BUILD,
        run: build,
    },
    Level {
        name: "unit",
        run: unit,
    },
    Level {
        name: "sdk",
        run: sdk,
    },
    Level {
        name: "peers",
        run: peers,
    },
];
const BUILD: &str = "build";
/// How many of them need neither peers nor browsers nor npm.
const ALONE: usize = 5;

/// Runs every level, or those that are named. A name that is not a level's selects all files and cases whose names
/// contain it. `Ok(false)` means that something failed; the summary says what.
pub(crate) fn test(names: &[String]) -> Result<bool> {
    let is_level = |name: &str| LEVELS.iter().any(|level| level.name == name);
    let others: Vec<&String> = names.iter().filter(|name| !is_level(name)).collect();
    if !others.is_empty() {
        if others.len() < names.len() {
            bail!("name either levels or cases, not both: {}", names.join(" "));
        }
        install::packages(install::BUILD)?;
        return named(&others);
    }
    let named = |level: &&Level| names.is_empty() || names.iter().any(|name| name == level.name);
    let levels: Vec<&Level> = LEVELS.iter().filter(named).collect();
    install::packages(install::BUILD)?;
    if levels
        .iter()
        .any(|level| ["sdk", "peers"].contains(&level.name))
    {
        install::for_tests()?;
    }
    run_levels(&levels)
}

/// Runs all files and cases with one of these texts in their names.
fn named(parts: &[&String]) -> Result<bool> {
    let matches = |name: &str| parts.iter().any(|part| name.contains(part.as_str()));
    let mut scripts = Vec::new();
    for path in sdk_files()? {
        if matches(&path.to_string_lossy()) {
            scripts.push(path);
        }
    }
    let mut cases = Vec::new();
    let built = binaries::build()?.context("it does not build")?;
    for binary in &built.tests {
        cases.extend(
            Case::of(binary)?
                .into_iter()
                .filter(|case| matches(&case.name)),
        );
    }
    if cases.is_empty() && scripts.is_empty() {
        let levels = LEVELS.map(|level| level.name).join(", ");
        bail!(
            "no level, file or case has {} in its name; the levels are {levels}; \
             a case's name is that of its test target and its path, such as peers::wire::busy",
            parts
                .iter()
                .map(|part| format!("`{part}`"))
                .collect::<Vec<_>>()
                .join(" or ")
        );
    }
    if !scripts.is_empty() || cases.iter().any(|case| needs_peers(&case.binary)) {
        install::for_tests()?;
    }
    let start = Instant::now();
    let mut counts = Counts::default();
    if !scripts.is_empty() {
        counts.add(tests(&mut node(&scripts))?);
    }
    let (found, times) = peers::run(&built, cases)?;
    counts.add(found);
    let line = Line {
        name: "named",
        counts,
        took: start.elapsed(),
    };
    let good = line.is_good();
    println!("{}{}", summary::slowest(times), summary::text(&[line]));
    Ok(good)
}

/// The levels that a developer runs between two edits; nothing is installed.
pub(crate) fn check() -> Result<bool> {
    run_levels(&LEVELS[..ALONE].iter().collect::<Vec<_>>())
}

/// Writes docs/config.md from the one table of settings.
pub(crate) fn write_docs() -> Result<bool> {
    let mut command = cargo(["test", "--quiet", "--package", "config", "--test", "docs"]);
    Ok(run(command.env("UPDATE_DOCS", "1"))?.success)
}

fn run_levels(levels: &[&Level]) -> Result<bool> {
    let mut run = Run::default();
    let mut lines: Vec<Line> = Vec::new();
    for level in levels {
        println!("\n=== {} ===", level.name);
        let start = Instant::now();
        let counts = (level.run)(&mut run).unwrap_or_else(|error| {
            println!("error: {error:#}");
            Counts {
                failed: 1,
                ..Counts::default()
            }
        });
        let line = Line {
            name: level.name,
            counts,
            took: start.elapsed(),
        };
        let stop = level.name == BUILD && !line.is_good();
        lines.push(line);
        if stop {
            println!("nothing builds: the levels after it did not run");
            break;
        }
    }
    if levels.iter().any(|level| level.name == "peers") {
        println!("\ntried with {}", install::versions()?.join(", "));
    }
    println!("{}{}", summary::slowest(run.times), summary::text(&lines));
    Ok(lines.iter().all(Line::is_good))
}

fn formatting(_: &mut Run) -> Result<Counts> {
    yes_or_no(&mut cargo(["fmt", "--all", "--check"]))
}

fn clippy(_: &mut Run) -> Result<Counts> {
    yes_or_no(&mut cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn documents(_: &mut Run) -> Result<Counts> {
    yes_or_no(cargo(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}

/// All test binaries, and the server.
fn build(run: &mut Run) -> Result<Counts> {
    run.built = binaries::build()?;
    Ok(Counts::of(run.built.is_some()))
}

impl Run {
    /// The result of the build. A run without the level `build` builds now.
    fn built(&mut self) -> Result<&Built> {
        if self.built.is_none() {
            self.built = binaries::build()?;
        }
        self.built.as_ref().context("it does not build")
    }
}

fn needs_peers(binary: &Binary) -> bool {
    peers::TARGETS.contains(&binary.target.as_str())
}

/// The unit tests, the state machines in simulated time, the simulated world, and the examples in documentation.
fn unit(run: &mut Run) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut times = Vec::new();
    for binary in run
        .built()?
        .tests
        .iter()
        .filter(|binary| !needs_peers(binary))
    {
        let start = Instant::now();
        counts.add(tests(
            Command::new(&binary.path).current_dir(&binary.folder),
        )?);
        times.push(Timed {
            name: format!("all of {}::{}", binary.package, binary.target),
            took: start.elapsed(),
            cpu: None,
        });
    }
    run.times.extend(times);
    counts.add(tests(&mut cargo([
        "test",
        "--workspace",
        "--doc",
        "--no-fail-fast",
    ]))?);
    Ok(counts)
}

/// The SDK's types by `tsc`, then its tests and the pages' own by `node --test`.
fn sdk(run: &mut Run) -> Result<Counts> {
    let web = root().join("web");
    let tsc = web.join("node_modules/typescript/bin/tsc");
    let mut counts = yes_or_no(
        Command::new("node")
            .arg(tsc)
            .args(["-p", "tsconfig.json"])
            .current_dir(&web),
    )?;
    let (found, times) = timed_tests(&mut node(&sdk_files()?))?;
    counts.add(found);
    run.times.extend(times);
    Ok(counts)
}

/// The files of the SDK's tests and of the pages' own.
fn sdk_files() -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(root().join("web/test")).context("no web/test")? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.ends_with(".test.mjs") || name.ends_with(".browser.mjs") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("web/test holds no *.test.mjs and no *.browser.mjs");
    }
    Ok(files)
}

fn node(files: &[PathBuf]) -> Command {
    let mut command = Command::new("node");
    command.arg("--test").args(files);
    command.current_dir(root().join("web"));
    command
}

/// Real peers and real browsers.
fn peers(run: &mut Run) -> Result<Counts> {
    let built = run.built()?;
    let mut cases = Vec::new();
    for binary in built.tests.iter().filter(|binary| needs_peers(binary)) {
        cases.extend(Case::of(binary)?);
    }
    let (counts, times) = peers::run(built, cases)?;
    run.times.extend(times);
    Ok(counts)
}

/// A program that only succeeds or fails: one check.
fn yes_or_no(command: &mut Command) -> Result<Counts> {
    Ok(Counts::of(run(command)?.success))
}

/// A test runner. One that fails without counting a failure (it crashed, it did not compile) counts as one.
fn tests(command: &mut Command) -> Result<Counts> {
    Ok(timed_tests(command)?.0)
}

/// [`tests`], and how long each took, as far as the runner says it.
fn timed_tests(command: &mut Command) -> Result<(Counts, Vec<Timed>)> {
    let outcome = run(command.env("RUST_BACKTRACE", "0"))?;
    let mut counts = Counts::read(&outcome.lines);
    if !outcome.success && counts.failed == 0 {
        counts.failed = 1;
    }
    Ok((counts, counts::node_times(&outcome.lines)))
}
