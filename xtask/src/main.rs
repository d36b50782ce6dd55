//! `cargo xtask`: what a person or CI does with this repository, each in one command.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod binaries;
mod cases;
mod chromium;
mod counts;
mod demo;
mod install;
mod lanes;
mod levels;
mod peers;
mod run;
mod summary;
#[cfg(test)]
mod tidy;

const HELP: &str = "\
cargo xtask demo [ARGUMENT...]  install what a build needs, build, start the server with its test PBX
cargo xtask test [LEVEL...]     install what the tests need, then run every level (or the ones named):
                                formatting, clippy, documents, build, unit, sdk, peers
cargo xtask test NAME...        run the files and cases that have one of these texts in their names
cargo xtask check               the levels that need no peer and no browser: formatting to unit
cargo xtask docs                write docs/config.md anew from the table of settings";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = arguments.get(1..).unwrap_or_default();
    let done = match arguments.first().map(String::as_str) {
        Some("demo") => demo::demo(rest),
        Some("test") => levels::test(rest),
        Some("check") => levels::check(),
        Some("docs") => levels::write_docs(),
        _ => {
            println!("{HELP}");
            Ok(false)
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}
