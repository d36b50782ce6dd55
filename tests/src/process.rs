//! A peer's process: started, heard line by line, and ended by its own id when the value is dropped.

use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::folder::Folder;
use crate::wait;

/// How long a process may take to end after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(4);

/// A running process with everything it has printed so far.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts `command`; stdout and stderr are captured together, stdin is a pipe (see [`Self::write`]).
    ///
    /// `setpriv --pdeathsig` (util-linux, on every Debian) sees to it that the process ends with the thread that started
    /// it, even when the test is killed and no destructor runs.
    /// When it is dropped, all it said is written to `<name>.log` in the folder.
    pub fn start(name: &str, folder: &Folder, command: &Command) -> Result<Self> {
        let mut wrapped = Command::new("setpriv");
        wrapped
            .args(["--pdeathsig", "TERM", "--"])
            .arg(command.get_program())
            .args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(key, value),
                None => wrapped.env_remove(key),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            wrapped.current_dir(folder);
        }
        wrapped
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = wrapped
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        if let Some(out) = child.stdout.take() {
            collect(out, Arc::clone(&lines));
        }
        if let Some(err) = child.stderr.take() {
            collect(err, Arc::clone(&lines));
        }
        Ok(Self {
            log: folder.path().join(format!("{name}.log")),
            name: name.to_owned(),
            child,
            lines,
        })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first line printed so far that `matches`.
    #[must_use]
    pub fn find(&self, matches: impl Fn(&str) -> bool) -> Option<String> {
        self.said().iter().find(|line| matches(line)).cloned()
    }

    /// The first line that `matches` after the first `skipped` lines, with its number.
    #[must_use]
    pub fn find_after(
        &self,
        skipped: usize,
        matches: impl Fn(&str) -> bool,
    ) -> Option<(usize, String)> {
        let said = self.said();
        let mut lines = said.iter().enumerate().skip(skipped);
        let found = lines.find(|(_, line)| matches(line));
        found.map(|(number, line)| (number, line.clone()))
    }

    /// Writes a line to its stdin.
    pub fn write(&mut self, line: &str) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("stdin is closed")?;
        writeln!(stdin, "{line}").with_context(|| format!("{} does not listen", self.name))
    }

    /// Waits for a line that `matches`; fails at once when the process has ended.
    pub fn line(
        &mut self,
        what: &str,
        limit: Duration,
        matches: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let found = wait::until(what, limit, || {
            if let Some(line) = self.find(&matches) {
                return Ok(Some(line));
            }
            self.alive()?;
            Ok(None)
        });
        found.with_context(|| format!("{} said:\n{}", self.name, self.tail(40)))
    }

    /// An error when the process has ended.
    pub fn alive(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended with {status}:\n{}", self.name, self.tail(40));
        }
        Ok(())
    }

    /// Sends `signal` (`TERM`, `INT`) to this process alone.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let status = Command::new("kill")
            .args([&format!("-{signal}"), &self.child.id().to_string()])
            .status()?;
        if !status.success() {
            bail!("cannot send SIG{signal} to {}", self.name);
        }
        Ok(())
    }

    /// Waits for the process to end by itself.
    pub fn ended(&mut self, limit: Duration) -> Result<ExitStatus> {
        let name = self.name.clone();
        wait::until(&format!("the end of {name}"), limit, || {
            Ok(self.child.try_wait()?)
        })
    }

    /// The last `count` lines, for an error text.
    #[must_use]
    pub fn tail(&self, count: usize) -> String {
        let lines = self.said();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }

    fn said(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.signal("TERM");
            if self.ended(GRACE).is_err() {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
        let _ = std::fs::write(&self.log, self.tail(usize::MAX));
    }
}

fn collect(stream: impl Read + Send + 'static, lines: Arc<Mutex<Vec<String>>>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(text);
            line.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hears_a_line_and_ends_the_process() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo ready; exec tail -f /dev/null"]);
        let folder = Folder::new().unwrap();
        let mut process = Process::start("sh", &folder, &command).unwrap();
        process
            .line("ready", Duration::from_secs(5), |line| line == "ready")
            .unwrap();
        process.alive().unwrap();
        process.signal("TERM").unwrap();
        assert!(!process.ended(Duration::from_secs(5)).unwrap().success());
    }

    #[test]
    fn a_process_that_ended_is_told_with_its_last_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such luck; exit 3"]);
        let folder = Folder::new().unwrap();
        let mut process = Process::start("sh", &folder, &command).unwrap();
        let error = process
            .line("ready", Duration::from_secs(5), |line| line == "ready")
            .unwrap_err();
        assert!(format!("{error:#}").contains("no such luck"), "{error:#}");
    }
}
