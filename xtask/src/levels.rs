//! `cargo xtask test`: every level, from formatting to browsers, one summary.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::counts::Counts;
use crate::run::{cargo, run};
use crate::summary::{self, Line};
use crate::{install, root};

/// One level: its name, and what runs it.
struct Level {
    name: &'static str,
    run: fn() -> Result<Counts>,
}

/// In this order. All run even when one fails, but for `build`: after it nothing could.
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

/// Every level, or those named. `Ok(false)`: something failed, and the summary says what.
pub(crate) fn test(names: &[String]) -> Result<bool> {
    let named = |level: &&Level| names.is_empty() || names.iter().any(|name| name == level.name);
    let levels: Vec<&Level> = LEVELS.iter().filter(named).collect();
    if levels.len() < names.len() {
        bail!("no such level among {}", names.join(", "));
    }
    install::packages(install::BUILD)?;
    if levels
        .iter()
        .any(|level| ["sdk", "peers"].contains(&level.name))
    {
        install::packages(install::TEST)?;
        install::node()?;
    }
    run_levels(&levels)
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
    let mut lines: Vec<Line> = Vec::new();
    for level in levels {
        println!("\n=== {} ===", level.name);
        let start = Instant::now();
        let counts = (level.run)().unwrap_or_else(|error| {
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
    println!("{}", summary::text(&lines));
    Ok(lines.iter().all(Line::is_good))
}

fn formatting() -> Result<Counts> {
    yes_or_no(&mut cargo(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<Counts> {
    yes_or_no(&mut cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn documents() -> Result<Counts> {
    yes_or_no(cargo(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}

/// All test binaries, and the server.
fn build() -> Result<Counts> {
    let mut counts = yes_or_no(&mut cargo(["test", "--workspace", "--no-run"]))?;
    counts.add(yes_or_no(&mut cargo(["build", "--package", "gateway"]))?);
    Ok(counts)
}

/// The tests beside the code, the machines in simulated time, the simulated world.
fn unit() -> Result<Counts> {
    tests(&mut cargo([
        "test",
        "--workspace",
        "--exclude",
        "tests",
        "--no-fail-fast",
    ]))
}

/// The SDK's types by `tsc`, then its tests and the pages' own by `node --test`.
fn sdk() -> Result<Counts> {
    let web = root().join("web");
    let tsc = web.join("node_modules/typescript/bin/tsc");
    let mut counts = yes_or_no(
        Command::new("node")
            .arg(tsc)
            .args(["-p", "tsconfig.json"])
            .current_dir(&web),
    )?;
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(web.join("test")).context("no web/test")? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.ends_with(".test.mjs") || name.ends_with(".browser.mjs") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        println!("error: web/test holds no *.test.mjs and no *.browser.mjs");
        counts.failed += 1;
        return Ok(counts);
    }
    counts.add(tests(
        Command::new("node")
            .arg("--test")
            .args(files)
            .current_dir(&web),
    )?);
    Ok(counts)
}

/// Cases that mostly wait for timers of SIP, and need half a second of clear sound at most: several at a time.
const WAITING: &[&str] = &["sipp_calls", "sipp_is_called"];

/// Real peers and real browsers, one case at a time: they share two cores with what they measure.
fn peers() -> Result<Counts> {
    let mut counts = Counts::default();
    for (name, binary) in test_binaries("tests")? {
        let at_once = if WAITING.contains(&name.as_str()) {
            "4"
        } else {
            "1"
        };
        let mut command = Command::new(binary);
        command
            .args(["--test-threads", at_once])
            .current_dir(root().join("tests"));
        counts.add(tests(&mut command)?);
    }
    let shards = ["--features", "chromium", "--test", "chromium"];
    let alone = ["--no-fail-fast", "--", "--test-threads", "1"];
    counts.add(tests(
        cargo(["test", "--package", "gateway"])
            .args(shards)
            .args(alone),
    )?);
    Ok(counts)
}

/// The test binaries of one package out of the build of all. A build of that package alone would want other features of
/// what it shares with the server, and compile WebRTC and its crypto once more.
fn test_binaries(package: &str) -> Result<Vec<(String, PathBuf)>> {
    let format = "json-render-diagnostics";
    let mut build = cargo([
        "test",
        "--workspace",
        "--no-run",
        "--message-format",
        format,
    ]);
    let output = build
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the tests do not build");
    }
    let manifest = root().join(package).join("Cargo.toml");
    let of_package = |line: &str| {
        let artifact: Value = serde_json::from_str(line).ok()?;
        let is_ours = Path::new(artifact["manifest_path"].as_str()?) == manifest;
        let executable = artifact["executable"].as_str()?;
        let name = artifact["target"]["name"].as_str()?;
        is_ours.then(|| (name.to_owned(), PathBuf::from(executable)))
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let binaries: Vec<_> = text.lines().filter_map(of_package).collect();
    if binaries.is_empty() {
        bail!("cargo built no test of the package {package}");
    }
    Ok(binaries)
}

/// A program that only succeeds or fails: one check.
fn yes_or_no(command: &mut Command) -> Result<Counts> {
    let good = run(command)?.success;
    Ok(Counts {
        passed: usize::from(good),
        failed: usize::from(!good),
        skipped: 0,
    })
}

/// A test runner. One that fails without counting a failure (it crashed, it did not compile) counts as one.
fn tests(command: &mut Command) -> Result<Counts> {
    let outcome = run(command.env("RUST_BACKTRACE", "0"))?;
    let mut counts = Counts::read(&outcome.lines);
    if !outcome.success && counts.failed == 0 {
        counts.failed = 1;
    }
    Ok(counts)
}
