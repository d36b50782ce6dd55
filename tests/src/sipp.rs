//! A SIP peer that follows a script: SIPp, one call, checked by SIPp itself.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::folder::Folder;
use crate::process::Process;
use crate::{ports, wait};

/// A running script.
#[derive(Debug)]
pub struct Sipp {
    /// Where it listens, UDP.
    pub addr: SocketAddr,
    folder: PathBuf,
    process: Process,
}

impl Sipp {
    /// Starts the script `tests/peers/<script>.xml` and waits until it listens.
    pub fn start(folder: &Folder, script: &str) -> Result<Self> {
        let inner = folder.inner(script)?;
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("peers/{script}.xml"));
        let port = ports::free(4)?;
        let (sip, media) = (port.to_string(), (port + 2).to_string());
        let mut command = Command::new("sipp");
        command
            .current_dir(&inner)
            .env("TERM", "dumb")
            .arg("-sf")
            .arg(file);
        command.args([
            "-i",
            "127.0.0.1",
            "-p",
            &sip,
            "-mi",
            "127.0.0.1",
            "-mp",
            &media,
        ]);
        command.args([
            "-m",
            "1",
            "-nostdin",
            "-timeout",
            "60",
            "-timeout_error",
            "-trace_err",
            "-rtp_echo",
        ]);
        command.args([
            "-error_file",
            "errors.txt",
            "-trace_msg",
            "-message_file",
            "messages.txt",
        ]);
        let mut process = Process::start(&format!("sipp-{script}"), folder, &command)?;
        wait::until_true("SIPp's port", Duration::from_secs(10), || {
            process.alive()?;
            Ok(UdpSocket::bind(("127.0.0.1", port)).is_err())
        })?;
        Ok(Self {
            addr: SocketAddr::from(([127, 0, 0, 1], port)),
            folder: inner,
            process,
        })
    }

    /// Waits for the end of the script; an error with the messages when something did not go by it.
    pub fn passed(&mut self, limit: Duration) -> Result<()> {
        let status = self.process.ended(limit)?;
        if !status.success() {
            let read = |name| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
            bail!(
                "SIPp ended with {status}\n{}\n{}",
                read("errors.txt"),
                read("messages.txt")
            );
        }
        Ok(())
    }
}
