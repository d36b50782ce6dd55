//! What one build of the whole workspace makes: the test binaries, and the server that they test.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::root;
use crate::run::{cargo, shown};

/// Builds all test targets, including those that a plain `cargo test` leaves out because they need a browser. One call
/// builds everything: a build of one package alone selects other features of shared dependencies and compiles them
/// again.
const BUILD: [&str; 9] = [
    "test",
    "--workspace",
    "--lib",
    "--bins",
    "--test",
    "*",
    "--no-run",
    "--message-format",
    "json-render-diagnostics",
];

/// One test binary.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    /// Its package.
    pub(crate) package: String,
    /// The name of its target; for unit tests that is the name of the package.
    pub(crate) target: String,
    /// The executable file.
    pub(crate) path: PathBuf,
    /// The folder of its package, where cargo runs tests.
    pub(crate) folder: PathBuf,
}

/// A finished build.
#[derive(Debug)]
pub(crate) struct Built {
    /// The test binaries.
    pub(crate) tests: Vec<Binary>,
    /// The server.
    pub(crate) server: PathBuf,
}

/// Builds everything. `None` means that it does not compile; cargo has printed why.
pub(crate) fn build() -> Result<Option<Built>> {
    let mut command = cargo(BUILD);
    println!("$ {}", shown(&command));
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let artifacts = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut tests = Vec::new();
    let mut server = None;
    for artifact in artifacts {
        let Some(executable) = artifact["executable"].as_str() else {
            continue;
        };
        let target = artifact["target"]["name"].as_str().unwrap_or_default();
        if artifact["profile"]["test"] == true {
            let manifest = artifact["manifest_path"].as_str().unwrap_or_default();
            let folder = Path::new(manifest).parent().unwrap_or(Path::new(""));
            let package = folder.file_name().unwrap_or_default();
            tests.push(Binary {
                package: package.to_string_lossy().into_owned(),
                target: target.to_owned(),
                path: executable.into(),
                folder: folder.to_owned(),
            });
        } else if target == "ringdown" {
            server = Some(PathBuf::from(executable));
        }
    }
    tests.sort_by(|one, two| (&one.package, &one.target).cmp(&(&two.package, &two.target)));
    if tests.is_empty() {
        bail!("cargo built no tests in {}", root().display());
    }
    let server = server.context("cargo built no server")?;
    Ok(Some(Built { tests, server }))
}
