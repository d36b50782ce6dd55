//! The built binary under test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::folder::Folder;
use crate::netns;
use crate::process::Process;

const START: Duration = Duration::from_secs(20);

/// A running server and what its ready line says.
#[derive(Debug)]
pub struct Ringdown {
    /// WebSocket and pages.
    pub ws: SocketAddr,
    /// The same over TLS.
    pub wss: SocketAddr,
    /// SIP.
    pub sip: SocketAddr,
    /// The first media shard's port for browsers.
    pub webrtc: SocketAddr,
    /// Figures, when `metrics_port` is set.
    pub metrics: Option<SocketAddr>,
    process: Process,
}

impl Ringdown {
    /// `ringdown serve` on free ports, SIP to this machine allowed, with `settings` in their place, and the pages as
    /// they are in the work tree.
    pub fn serve(folder: &Folder, settings: &[(&str, &str)]) -> Result<Self> {
        Self::serve_logging(folder, settings, None)
    }

    /// The same with a filter of the log as `RUST_LOG` takes it; `None` is that of the server.
    pub fn serve_logging(
        folder: &Folder,
        settings: &[(&str, &str)],
        log: Option<&str>,
    ) -> Result<Self> {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web");
        let address = netns::address();
        let (address, targets) = (address.to_string(), format!("127.0.0.0/8,{address}"));
        let free = [
            ("ip", address.as_str()),
            ("ip_local", address.as_str()),
            ("ws.port", "0"),
            ("wss.port", "0"),
            ("sip_port", "0"),
            ("webrtc_port", "0"),
            ("media_port_from", "0"),
            ("media_port_to", "0"),
            ("sip_targets", targets.as_str()),
        ];
        let mut command = Command::new(binary()?);
        command.arg("serve").arg("--web").arg(web);
        // A setting given without a value is left at its default.
        let given = |key: &str| settings.iter().any(|(given, _)| *given == key);
        let free = free.iter().filter(|(key, _)| !given(key));
        let settings = settings.iter().filter(|(_, value)| !value.is_empty());
        for (key, value) in free.chain(settings) {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        if let Some(filter) = log {
            command.env("RUST_LOG", filter);
        }
        Self::start(folder, &mut command)
    }

    /// `ringdown demo`: the server with its test PBX, on its usual ports or the next free ones.
    pub fn demo(folder: &Folder, settings: &[(&str, &str)]) -> Result<Self> {
        let mut command = Command::new(binary()?);
        command.arg("demo");
        for (key, value) in settings {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        Self::start(folder, &mut command)
    }

    /// The address of a page, e.g. `phone-video`, where browsers give out microphone and camera: over TLS, or from
    /// loopback.
    #[must_use]
    pub fn page(&self, name: &str) -> String {
        if self.ws.ip().is_loopback() {
            format!("http://{}/pages/{name}/", self.ws)
        } else {
            format!("https://{}/pages/{name}/", self.wss)
        }
    }

    /// Its process id, for what /proc tells.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for a line of its output.
    pub fn line(
        &mut self,
        what: &str,
        limit: Duration,
        matches: impl Fn(&str) -> bool,
    ) -> Result<String> {
        self.process.line(what, limit, matches)
    }

    /// Everything it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.tail(usize::MAX)
    }

    /// Ends it as Ctrl-C does; gives its status and how long it took.
    pub fn interrupt(mut self) -> Result<(ExitStatus, Duration)> {
        let start = Instant::now();
        self.process.signal("INT")?;
        let status = self.process.ended(Duration::from_secs(10))?;
        Ok((status, start.elapsed()))
    }

    /// Ends it as a crash would: nobody is told anything, and its ports are free again.
    pub fn kill(mut self) -> Result<()> {
        self.process.signal("KILL")?;
        self.process.ended(Duration::from_secs(5)).map(drop)
    }

    fn start(folder: &Folder, command: &mut Command) -> Result<Self> {
        // A certificate made at the first start, and whatever else it keeps, stays in the folder of the test.
        command
            .current_dir(folder.inner("ringdown")?)
            .env("HOME", folder.path());
        let mut process = Process::start("ringdown", folder, command)?;
        let line = process.line("the ready line", START, |line| {
            line.starts_with("ringdown ready ")
        })?;
        let [ws, wss, sip, webrtc] =
            ready(&line).with_context(|| format!("not a ready line: {line}"))?;
        let metrics = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("metrics="));
        let metrics = metrics.map(str::parse).transpose()?;
        Ok(Self {
            ws,
            wss,
            sip,
            webrtc,
            metrics,
            process,
        })
    }
}

/// `ringdown ready ws=HOST:PORT wss=HOST:PORT sip=HOST:PORT webrtc=HOST:PORT [metrics=HOST:PORT]`
fn ready(line: &str) -> Result<[SocketAddr; 4]> {
    let words: Vec<&str> = line.split_whitespace().skip(2).collect();
    let addr = |key: &str| -> Result<SocketAddr> {
        let word = words
            .iter()
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let mut addr: SocketAddr = word.with_context(|| format!("no {key}="))?.parse()?;
        if addr.ip().is_unspecified() {
            addr.set_ip(netns::address());
        }
        if addr.port() == 0 {
            bail!("{key} has port 0");
        }
        Ok(addr)
    };
    Ok([addr("ws")?, addr("wss")?, addr("sip")?, addr("webrtc")?])
}

/// The binary: `RINGDOWN_BIN`, else built once for this test run.
pub(crate) fn binary() -> Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let binary = BINARY.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    binary
        .as_deref()
        .map_err(|error| anyhow::anyhow!("{error}"))
}

fn build() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("RINGDOWN_BIN") {
        return Ok(path.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--package",
        "gateway",
        "--bin",
        "ringdown",
        "--message-format",
        "json",
    ]);
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = command.output().context("cannot start cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let executable = messages
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back();
    match executable {
        Some(path) if output.status.success() => Ok(path),
        _ => bail!("`cargo build --package gateway` failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_is_read() {
        let line = "ringdown ready ws=0.0.0.0:8080 wss=127.0.0.1:8443 sip=127.0.0.1:5080 webrtc=127.0.0.1:8100";
        let [ws, wss, sip, webrtc] = ready(line).unwrap();
        assert_eq!(ws, SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!((wss.port(), sip.port(), webrtc.port()), (8443, 5080, 8100));
    }

    #[test]
    fn an_incomplete_ready_line_is_refused() {
        assert!(ready("ringdown ready ws=127.0.0.1:8080 sip=127.0.0.1:5080").is_err());
        assert!(
            ready("ringdown ready ws=127.0.0.1:0 wss=1.1.1.1:1 sip=1.1.1.1:1 webrtc=1.1.1.1:1")
                .is_err()
        );
    }
}
