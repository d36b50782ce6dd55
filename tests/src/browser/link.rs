//! The way to the driver of a page: the stdin and stdout of a process that has a browser of its own, or a connection to
//! the Chromium that cases share.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::folder::Folder;
use crate::process::Process;
use crate::wait;

/// How long a page may take to close.
const CLOSE: Duration = Duration::from_secs(4);

/// See the module.
#[derive(Debug)]
pub(super) enum Link {
    Own(Process),
    Shared(Connection),
}

/// A page in the Chromium that cases share.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    /// The driver's lines; closed when the page has closed.
    lines: Receiver<String>,
}

impl Link {
    /// Starts a driver with a browser of its own.
    pub(super) fn own(folder: &Folder, command: &Command) -> Result<Self> {
        Ok(Self::Own(Process::start("browser", folder, command)?))
    }

    /// Connects to the driver that listens at this socket.
    pub(super) fn shared(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket)
            .with_context(|| format!("no shared browser at {}", socket.display()))?;
        let reader = BufReader::new(stream.try_clone()?);
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self::Shared(Connection { stream, lines }))
    }

    /// Sends a command and waits for the line that begins with `head`.
    pub(super) fn ask(
        &mut self,
        what: &str,
        command: &str,
        head: &str,
        limit: Duration,
    ) -> Result<String> {
        match self {
            Self::Own(process) => {
                process.write(command)?;
                wait::until(what, limit, || {
                    let line = process.find(|line| line.starts_with(head));
                    if line.is_none() {
                        process.alive()?;
                    }
                    Ok(line)
                })
            }
            Self::Shared(connection) => {
                writeln!(connection.stream, "{command}").context("the shared browser is gone")?;
                // One command is under way at a time, so the next line is its answer.
                let line = connection.lines.recv_timeout(limit);
                let line = line.with_context(|| format!("waited in vain for {what}"))?;
                if !line.starts_with(head) {
                    bail!("the shared browser said: {line}");
                }
                Ok(line)
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The page closes when it hears no more commands; its end of the connection closes after that.
        let _ = self.stream.shutdown(Shutdown::Write);
        while self.lines.recv_timeout(CLOSE).is_ok() {}
    }
}
