//! A peer's process: started, heard line by line, and ended by its own id when the value is dropped.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::wait;

/// How long a process may take to end after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(4);

/// A running process with everything it has printed so far.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts `command`; stdout and stderr are captured together, stdin is closed unless the caller piped it.
    ///
    /// `setpriv --pdeathsig` (util-linux, on every Debian) sees to it that the process dies with the test even when the
    /// test is killed and no destructor runs.
    pub fn start(name: &str, command: &Command) -> Result<Self> {
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

    /// All lines printed so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits for a line that `matches`; fails at once when the process has ended.
    pub fn line(
        &mut self,
        what: &str,
        limit: Duration,
        matches: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let found = wait::until(what, limit, || {
            if let Some(line) = self.lines().into_iter().find(|line| matches(line)) {
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
        let lines = self.lines();
        lines[lines.len().saturating_sub(count)..].join("\n")
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
        if std::thread::panicking() {
            eprintln!("--- {} ---\n{}", self.name, self.tail(60));
        }
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
        let mut process = Process::start("sh", &command).unwrap();
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
        let mut process = Process::start("sh", &command).unwrap();
        let error = process
            .line("ready", Duration::from_secs(5), |line| line == "ready")
            .unwrap_err();
        assert!(format!("{error:#}").contains("no such luck"), "{error:#}");
    }
}
