//! Running a program in the workspace: its words go on to ours as they come, and what it says on stdout is kept.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::root;

/// How a program ended.
pub(crate) struct Outcome {
    /// Whether its exit code was 0.
    pub(crate) success: bool,
    /// Its stdout.
    pub(crate) lines: Vec<String>,
}

/// The cargo that runs us, in the workspace.
pub(crate) fn cargo<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root());
    command
}

/// Runs it without stdin. A program that cannot be started is an error; one that fails is an outcome.
pub(crate) fn run(command: &mut Command) -> Result<Outcome> {
    println!("$ {}", shown(command));
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let mut lines = Vec::new();
    for line in child
        .stdout
        .take()
        .into_iter()
        .flat_map(|out| BufReader::new(out).split(b'\n'))
    {
        let line = String::from_utf8_lossy(&line?).into_owned();
        println!("{line}");
        lines.push(line);
    }
    Ok(Outcome {
        success: child.wait()?.success(),
        lines,
    })
}

/// The command as a person would type it, with the program's name alone.
pub(crate) fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program)
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}
