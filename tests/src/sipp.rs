//! A SIP peer that follows a script: SIPp, any number of calls, each checked by SIPp itself.
//!
//! The scripts are `tests/peers/*.xml`, those with `@...@` in them after a little printing (`sipp/parts.rs`).

mod parts;

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::folder::Folder;
use crate::process::Process;
use crate::tone::Tone;
use crate::{ports, wait};

/// More calls than this are not written down message by message.
const WRITTEN: u32 = 100;

/// What SIPp is to do.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    /// `tests/peers/<name>.xml`.
    pub name: &'a str,
    /// Where its calls go, and to whom; `None`: it waits for calls.
    pub toward: Option<(SocketAddr, &'a str)>,
    /// So many calls, then it ends.
    pub calls: u32,
    /// Calls begun in a second, when it calls.
    pub per_second: u32,
    /// Of a hundred packets so many get lost, sent and received ones.
    pub lost_percent: u32,
    /// It takes each packet as it comes, and says nothing twice by itself.
    pub literal: bool,
    /// It passes over messages that the script does not expect.
    pub lenient: bool,
    /// Each RTP packet goes back where it came from.
    pub echoes: bool,
    /// What a script that plays `tone.alaw` plays.
    pub tone: Option<Tone>,
    /// It gives up after this.
    pub limit: Duration,
    /// What `@name@` in the script stands for.
    pub words: &'a [(&'a str, &'a str)],
}

impl<'a> Script<'a> {
    /// Waits for one call.
    #[must_use]
    pub fn waits(name: &'a str) -> Self {
        Self {
            name,
            toward: None,
            calls: 1,
            per_second: 10,
            lost_percent: 0,
            literal: false,
            lenient: false,
            echoes: false,
            tone: None,
            limit: Duration::from_secs(60),
            words: &[],
        }
    }

    /// Makes one call to `callee` at `server`.
    #[must_use]
    pub fn calls(name: &'a str, server: SocketAddr, callee: &'a str) -> Self {
        Self {
            toward: Some((server, callee)),
            ..Self::waits(name)
        }
    }
}

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
        Self::run(folder, &Script::waits(script))
    }

    /// Starts a script; one that waits for calls listens when this returns.
    pub fn run(folder: &Folder, script: &Script<'_>) -> Result<Self> {
        // Media is 2 and 4 above SIP.
        let port = ports::free(6)?;
        let name = format!("sipp-{}-{port}", script.name.replace('/', "-"));
        let inner = folder.inner(&name)?;
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("peers/{}.xml", script.name));
        let text = std::fs::read_to_string(&file);
        let text = text.with_context(|| format!("no script {}", file.display()))?;
        let printed = inner.join("script.xml");
        std::fs::write(&printed, parts::print(&text, script.words)?)?;
        if let Some(tone) = script.tone {
            write_alaw(tone, &inner)?;
        }
        let mut command = Command::new("sipp");
        command.current_dir(&inner).env("TERM", "dumb");
        if let Some((server, callee)) = script.toward {
            command.args([&server.to_string(), "-s", callee]);
        }
        let numbers = [
            ("-p", port.into()),
            ("-mp", u32::from(port) + 2),
            ("-m", script.calls),
            ("-l", script.calls),
            ("-r", script.per_second),
            ("-lost", script.lost_percent),
            ("-timeout", script.limit.as_secs() as u32),
        ];
        for (flag, value) in numbers {
            command.args([flag, &value.to_string()]);
        }
        command.args(["-i", "127.0.0.1", "-mi", "127.0.0.1", "-nostdin"]);
        command.args(["-timeout_error", "-trace_err", "-error_file", "errors.txt"]);
        command.args(["-sf", "script.xml"]);
        if script.calls <= WRITTEN {
            command.args(["-trace_msg", "-message_file", "messages.txt"]);
        }
        if script.lenient || script.lost_percent > 0 {
            // SIPp does not know a repeated request again when its own answer was one of the lost ones.
            command.args(["-default_behaviors", "bye,pingreply"]);
        }
        if script.literal {
            command.arg("-nr");
        }
        if script.echoes {
            command.arg("-rtp_echo");
        }
        let mut process = Process::start(&name, folder, &command)?;
        if script.toward.is_none() {
            wait::until_true("SIPp's port", Duration::from_secs(10), || {
                process.alive()?;
                Ok(UdpSocket::bind(("127.0.0.1", port)).is_err())
            })?;
        }
        Ok(Self {
            addr: SocketAddr::from(([127, 0, 0, 1], port)),
            folder: inner,
            process,
        })
    }

    /// Waits for the end of the script; an error with the messages when something did not go by it.
    pub fn passed(&mut self, limit: Duration) -> Result<()> {
        let status = self.process.ended(limit);
        let status = status.with_context(|| self.messages())?;
        if !status.success() {
            bail!("SIPp ended with {status}\n{}", self.messages());
        }
        Ok(())
    }

    /// The SIP messages that have come to it so far, as text, each time they came. Needs at most 100 calls.
    pub fn received(&self) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(self.folder.join("messages.txt"))?;
        Ok(received(&text))
    }

    fn messages(&self) -> String {
        let read = |name| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        format!("{}\n{}", read("errors.txt"), read("messages.txt"))
    }
}

/// The messages that came, of what SIPp writes down: a line of dashes and the time, `UDP message received [N] bytes :`, an
/// empty line, the message.
fn received(text: &str) -> Vec<String> {
    let entries = text.split("-----------------------------------------------");
    let came =
        entries.filter_map(|entry| entry.split_once("message received [")?.1.split_once("\n\n"));
    came.map(|(_, message)| {
        message
            .replace("\r\n", "\n")
            .trim_end()
            .replace('\n', "\r\n")
    })
    .collect()
}

/// One second of it as `tone.alaw`, to be played over and over: whole periods, for its frequency is a whole number.
fn write_alaw(tone: Tone, folder: &Path) -> Result<()> {
    let (wav, alaw) = (folder.join("tone.wav"), folder.join("tone.alaw"));
    tone.sound(8000, 1.0, 0.3).write(&wav)?;
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-i"]).arg(wav);
    ffmpeg.args(["-f", "alaw"]).arg(alaw);
    ensure!(ffmpeg.status()?.success(), "ffmpeg makes no A-law");
    Ok(())
}
