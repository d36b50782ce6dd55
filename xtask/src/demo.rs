//! `cargo xtask demo`: from a fresh clone to a call.

use std::os::unix::process::CommandExt as _;

use anyhow::{Result, bail};

use crate::{install, run};

/// Installs what a build needs, then becomes `ringdown demo`, so that Ctrl-C and the exit code are the server's own.
///
/// The development profile: its dependencies (crypto, WebRTC) are optimised all the same, our own crates compile in a
/// fraction of the time, and the tests use the very same build.
pub(crate) fn demo(arguments: &[String]) -> Result<bool> {
    install::packages(install::BUILD)?;
    let mut command = run::cargo([
        "run",
        "--package",
        "gateway",
        "--bin",
        "ringdown",
        "--",
        "demo",
    ]);
    command.args(arguments);
    bail!("cannot start cargo: {}", command.exec());
}
