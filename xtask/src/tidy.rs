//! The rules of this repository that a compiler does not check: which crate may use which, the length of files, and
//! words that must not occur.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::root;

mod ids;
mod manifest;
mod prose;
use manifest::Manifest;

/// Which of our crates each crate may use (ARCHITECTURE.md). `testkit` may stand among anyone's dev-dependencies.
const WALLS: &[(&str, &[&str])] = &[
    ("signaling", &[]),
    ("sdp", &[]),
    ("sip", &[]),
    ("codec", &[]),
    ("config", &[]),
    ("media", &["codec", "sdp"]),
    ("webrtc", &["sdp"]),
    ("session", &["signaling", "sip", "sdp", "config"]),
    ("pbx", &["sip", "sdp", "media", "codec"]),
    (
        "testkit",
        &[
            "signaling",
            "sip",
            "sdp",
            "config",
            "session",
            "media",
            "codec",
            "webrtc",
        ],
    ),
    (
        "gateway",
        &[
            "signaling",
            "sip",
            "sdp",
            "config",
            "session",
            "media",
            "codec",
            "webrtc",
            "pbx",
        ],
    ),
    // A peer of the tests speaks and hears G.711 itself.
    ("tests", &["testkit", "codec"]),
    ("xtask", &[]),
];

/// Crates from outside that only these of ours may use, in any kind of dependency: whatever opens sockets, reads clocks
/// or spawns tasks belongs to the shell.
const KEPT: &[(&str, &[&str])] = &[
    ("tokio", &["gateway"]),
    ("tokio-rustls", &["gateway"]),
    ("axum", &["gateway"]),
    ("rustls", &["gateway"]),
    ("hickory-resolver", &["gateway"]),
    ("mio", &["gateway"]),
    ("quinn-udp", &["gateway"]),
    ("socket2", &["gateway"]),
    ("if-addrs", &["gateway"]),
    ("clap", &["gateway"]),
    // The page without a browser is a WebRTC end that is not ours.
    ("str0m", &["webrtc", "tests"]),
    ("anyhow", &["gateway", "xtask", "tests"]),
];

/// What the tests of a crate may use in addition: (crate, dependency).
const IN_TESTS: &[(&str, &str)] = &[("gateway", "str0m"), ("gateway", "tests")];

/// A longer file probably does two things.
const MOST_LINES: usize = 700;

/// Words that must not occur: (the words, in which files, what to do instead or why).
const FORBIDDEN: &[(&str, Files, &str)] = &[
    (
        "thread::sleep",
        Files::Rust,
        "wait for a condition with a deadline",
    ),
    (
        "time::sleep(",
        Files::RustTests,
        "wait for a condition with a deadline, or move simulated time",
    ),
    ("todo!", Files::Rust, "finish it"),
    ("unimplemented!", Files::Rust, "finish it"),
    ("#[ignore", Files::Rust, "no test is skipped"),
    (".skip(`", Files::Script, "no test is skipped"),
    ("test.skip", Files::Script, "no test is skipped"),
    ("test.todo", Files::Script, "no test is skipped"),
    ("test.only", Files::Script, "no test is skipped"),
    (
        "waitForTimeout",
        Files::Script,
        "wait for a condition with a deadline",
    ),
    ("/work/", Files::All, "it is a path of one machine"),
    (
        "seams.md",
        Files::All,
        "it names a document that is not in this repository",
    ),
    (
        "behaviour.md",
        Files::All,
        "it names a document that is not in this repository",
    ),
    (
        "trust.md",
        Files::All,
        "it names a document that is not in this repository",
    ),
    (
        "peers.md",
        Files::All,
        "it names a document that is not in this repository",
    ),
    ("crates.io/", Files::All, "it names a registry's host"),
    ("npmjs.", Files::All, "it names a registry's host"),
    ("deb.debian.org", Files::All, "it names a registry's host"),
    ("pypi.org", Files::All, "it names a registry's host"),
];

/// Where ids are defined.
const REQUIREMENTS: &str = "docs/requirements.md";

#[derive(Clone, Copy)]
enum Files {
    All,
    Rust,
    RustTests,
    Script,
}

impl Files {
    fn hold(self, path: &str) -> bool {
        let is_test =
            path.contains("/tests/") || path.ends_with("/tests.rs") || path.starts_with("tests/");
        match self {
            Self::All => true,
            Self::Rust => path.ends_with(".rs"),
            Self::RustTests => path.ends_with(".rs") && is_test,
            Self::Script => path.ends_with(".js") || path.ends_with(".mjs"),
        }
    }
}

/// All files that git tracks, except these tests (which contain the forbidden words) and the lock files.
fn tracked() -> Vec<(String, String)> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .expect("git");
    assert!(
        output.status.success(),
        "the tidy test needs git and its work tree"
    );
    let names = String::from_utf8(output.stdout).expect("file names are UTF-8");
    let ours = |name: &&str| {
        !name.is_empty() && !name.starts_with("xtask/src/tidy") && !name.ends_with("Cargo.lock")
    };
    let read = |name: &str| {
        Some((
            name.to_owned(),
            std::fs::read_to_string(root().join(name)).ok()?,
        ))
    };
    names.split('\0').filter(ours).filter_map(read).collect()
}

fn manifests() -> BTreeMap<String, Manifest> {
    let crates = std::fs::read_dir(root().join("crates")).expect("crates/");
    let folders = crates
        .map(|entry| entry.expect("entry").path())
        .chain([root().join("tests"), root().join("xtask")]);
    let is_crate = |path: &PathBuf| path.join("Cargo.toml").is_file();
    let name = |path: &Path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .expect("a name")
            .to_owned()
    };
    folders
        .filter(is_crate)
        .map(|path| (name(&path), Manifest::read(&path.join("Cargo.toml"))))
        .collect()
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_walls_between_crates_stand() {
    let manifests = manifests();
    let mut faults = Vec::new();
    for name in manifests.keys() {
        if !WALLS.iter().any(|(walled, _)| walled == name) {
            faults.push(format!("{name} has no row in the table WALLS"));
        }
    }
    for (name, may) in WALLS {
        let manifest = manifests
            .get(*name)
            .unwrap_or_else(|| panic!("there is no crate {name}"));
        for (section, dependency) in &manifest.dependencies {
            let ours = manifests.contains_key(dependency);
            let of_tests = section == "dev-dependencies"
                && (dependency == "testkit"
                    || dependency == name
                    || IN_TESTS.contains(&(name, dependency)));
            if ours && !may.contains(&dependency.as_str()) && !of_tests {
                faults.push(format!("{name} must not use {dependency} ({section})"));
            }
            for (kept, by) in KEPT {
                if dependency == kept && !by.contains(name) && !of_tests {
                    faults.push(format!(
                        "{name} must not use {kept}: it belongs to {}",
                        by.join(", ")
                    ));
                }
            }
        }
    }
    report(&faults);
}

#[test]
fn every_manifest_keeps_the_rules() {
    let mut faults = Vec::new();
    for (folder, manifest) in manifests() {
        if manifest.name != folder {
            faults.push(format!("the crate in {folder} is called {}", manifest.name));
        }
        if !manifest.is_unpublished {
            faults.push(format!("{folder} could be published"));
        }
        if !manifest.has_house_lints {
            faults.push(format!("{folder} does not take the workspace's lints"));
        }
        if manifest.renames {
            faults.push(format!(
                "{folder} renames a dependency, which hides it from these tests"
            ));
        }
    }
    report(&faults);
}

#[test]
fn unsafe_is_forbidden_everywhere_but_in_codec() {
    let mut faults = Vec::new();
    for (name, manifest) in manifests() {
        for file in ["src/lib.rs", "src/main.rs"] {
            let text = std::fs::read_to_string(manifest.folder.join(file));
            if name != "codec" && text.is_ok_and(|text| !text.contains("#![forbid(unsafe_code)]")) {
                faults.push(format!("{name}/{file} does not forbid unsafe code"));
            }
        }
    }
    report(&faults);
}

#[test]
fn no_file_is_too_long() {
    let is_source = |name: &str| {
        [".rs", ".js", ".mjs", ".css", ".html"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let mut faults = Vec::new();
    for (name, text) in tracked() {
        let lines = text.lines().count();
        if is_source(&name) && lines > MOST_LINES {
            faults.push(format!(
                "{name} has {lines} lines, more than {MOST_LINES}: split it into files that each do one thing"
            ));
        }
    }
    report(&faults);
}

#[test]
fn no_forbidden_words_occur() {
    let mut faults = Vec::new();
    for (name, text) in tracked() {
        for (number, line) in text.lines().enumerate() {
            let found = FORBIDDEN
                .iter()
                .filter(|(words, files, _)| files.hold(&name) && line.contains(words));
            faults.extend(
                found.map(|(words, _, why)| format!("{name}:{}: `{words}`: {why}", number + 1)),
            );
        }
    }
    report(&faults);
}

/// Vectors that are handed over beside the repository may be read by tests; nothing else there is known here.
#[test]
fn only_tests_look_beside_the_repository() {
    let outside = "shared/vectors";
    let mut faults = Vec::new();
    for (name, text) in tracked() {
        let is_test = Files::RustTests.hold(&name)
            || (name.ends_with(".rs") && text.contains("#[cfg(test)]"));
        if text.contains(outside) && !is_test {
            faults.push(format!("{name} reads {outside} and is no test"));
        }
    }
    report(&faults);
}

/// An id that code, tests or documents name is explained in one place.
#[test]
fn every_id_is_defined() {
    let document = std::fs::read_to_string(root().join(REQUIREMENTS)).expect(REQUIREMENTS);
    let rows = ids::requirements(&document);
    let mut faults = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        if rows[..index].iter().any(|other| other.id == row.id) {
            faults.push(format!("{REQUIREMENTS}:{}: a second {}", row.line, row.id));
        }
    }
    for (name, text) in tracked() {
        for (line, id) in ids::named(&name, &text) {
            if !rows.iter().any(|row| row.id == id) {
                faults.push(format!(
                    "{name}:{line}: {id} has no row in {REQUIREMENTS} (if it is no id: `{id}`)"
                ));
            }
        }
    }
    report(&faults);
}

/// A row of the requirements names tests that exist, or says that it is not built yet.
#[test]
fn every_requirement_is_held_by_a_test() {
    let document = std::fs::read_to_string(root().join(REQUIREMENTS)).expect(REQUIREMENTS);
    let rows = ids::requirements(&document);
    assert!(rows.len() > 50, "{} rows", rows.len());
    let mut faults = Vec::new();
    for row in &rows {
        let place = format!("{REQUIREMENTS}:{}: {}", row.line, row.id);
        if row.tests().is_empty() && !row.is_unbuilt() {
            faults.push(format!("{place} names no test"));
        }
        for (file, case) in row.tests() {
            match std::fs::read_to_string(root().join(file)) {
                Err(_) => faults.push(format!("{place}: there is no file {file}")),
                Ok(text) if !text.contains(&case_begins(file, case)) => {
                    faults.push(format!("{place}: {file} has no case {case}"));
                }
                Ok(_) => {}
            }
        }
    }
    report(&faults);
}

/// How a case stands in its file: as a function in Rust, as a part of a title in a script.
fn case_begins(file: &str, case: &str) -> String {
    if file.ends_with(".rs") {
        format!("fn {case}(")
    } else {
        case.to_owned()
    }
}
