//! The binary `ringdown`: a command line in front of [`gateway::serve`].
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use gateway::serve::{Mode, Options};

/// Turns a browser into a SIP phone.
#[derive(Parser)]
#[command(name = "ringdown", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve browsers and speak to your SIP server.
    Serve(Flags),
    /// Serve with a built-in test PBX on this machine: open the page, dial `echo`.
    Demo(Flags),
}

#[derive(clap::Args)]
struct Flags {
    /// Settings in flashphoner.properties syntax (docs/config.md).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, stronger than the file; may be given again.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Serve the pages from this folder (with `sdk/` and `pages/` in it) instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    web: Option<PathBuf>,
}

fn main() -> ExitCode {
    let (mode, flags) = match Cli::parse().command {
        Command::Serve(flags) => (Mode::Serve, flags),
        Command::Demo(flags) => (Mode::Demo, flags),
    };
    let options = Options {
        mode,
        config: flags.config,
        set: flags.set,
        web: flags.web,
    };
    match gateway::serve::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ringdown: {error:#}");
            ExitCode::FAILURE
        }
    }
}
