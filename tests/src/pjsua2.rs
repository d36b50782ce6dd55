//! A SIP phone that knows the extensions which baresip lacks: 100rel, UPDATE, session timers, INFO (pjsua2).
//!
//! It is driven by `tests/pjsua2/phone.py` over lines of JSON. A tone is its microphone, and each call's sound is recorded.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::kamailio::User;
use crate::process::Process;
use crate::tone::Tone;
use crate::wav::Recording;
use crate::{netns, ports, wait};

/// Where `cargo xtask test` has installed pjsua2 for Python.
const PYTHON: &str = "pjsua2/.venv/bin/python";
const MISSING: &str = "`cargo xtask test` installs it, or `python3 -m venv tests/pjsua2/.venv` and \
    `pip install -r tests/pjsua2/requirements.txt` in there";
const START: Duration = Duration::from_secs(15);
/// The time limit of a command that waits for nothing.
const ANSWER: Duration = Duration::from_secs(5);
/// Longer than any call of the tests: the tone does not repeat.
const TONE_SECONDS: f64 = 75.0;
/// The rate at which pjsua2 mixes sound.
const RATE: u32 = 16_000;
const RTP_PORTS: u16 = 20;

/// Whether an extension is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It is not named, and not used when the peer names it.
    Off,
    /// It is named in Supported, and used when the peer wants it.
    Optional,
    /// It is named in Require: a peer without it has no call.
    Required,
}

impl Use {
    fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

/// What kind of phone it is.
#[derive(Debug, Clone)]
pub struct Softphone {
    /// Its account.
    pub user: User,
    /// Where it registers and what its calls go through; `None`: it does neither.
    pub registrar: Option<SocketAddr>,
    /// Whether it reaches that over TCP.
    pub tcp: bool,
    /// What its microphone hears.
    pub tone: Tone,
    /// The status by which it answers a call at once, e.g. 180 or 200; `None`: the test answers.
    pub answers: Option<u16>,
    /// The beginnings of pjsua2's names of its codecs, e.g. `PCMU/8000` or `G722/16000`, the preferred one first.
    pub codecs: &'static [&'static str],
    /// 100rel (RFC 3262).
    pub reliable: Use,
    /// Session timers (RFC 4028).
    pub timers: Use,
    /// The Session-Expires that it asks for.
    pub session_expires: Duration,
    /// Its Min-SE.
    pub min_se: Duration,
}

impl Softphone {
    /// A phone that registers nowhere, answers at once in PCMU, and uses the extensions where the peer wants them.
    #[must_use]
    pub fn new(user: User, tone: Tone) -> Self {
        Self {
            user,
            registrar: None,
            tcp: false,
            tone,
            answers: Some(200),
            codecs: &["PCMU/8000"],
            reliable: Use::Optional,
            timers: Use::Optional,
            session_expires: Duration::from_secs(1800),
            min_se: Duration::from_secs(90),
        }
    }
}

/// A running phone.
#[derive(Debug)]
pub struct Pjsua2 {
    /// Where it speaks SIP, UDP and TCP.
    pub sip: SocketAddr,
    /// Its RTP and RTCP ports.
    pub rtp_ports: RangeInclusive<u16>,
    folder: PathBuf,
    commands: u32,
    /// How many of its lines are behind the last event taken.
    taken: usize,
    process: Process,
}

impl Pjsua2 {
    /// Starts it with its files in `folder` and waits until it is ready, and registered if it is to be.
    pub fn start(folder: &Folder, phone: &Softphone) -> Result<Self> {
        Self::start_at(netns::address(), folder, phone)
    }

    /// [`Self::start`] at this address of the machine.
    pub fn start_at(address: IpAddr, folder: &Folder, phone: &Softphone) -> Result<Self> {
        let name = format!("pjsua2-{}", phone.user.name);
        let inner = folder.inner(&name)?;
        let tone = inner.join("tone.wav");
        phone.tone.sound(RATE, TONE_SECONDS, 0.3).write(&tone)?;
        let (sip, rtp) = (ports::free(2)?, ports::free(RTP_PORTS)?);
        let settings = json!({
            "user": phone.user.name,
            "password": phone.user.password,
            "address": address,
            "port": sip,
            "rtp_port": rtp,
            "rtp_ports": RTP_PORTS,
            "registrar": phone.registrar,
            "transport": if phone.tcp { "tcp" } else { "udp" },
            "codecs": phone.codecs,
            "tone": tone,
            "folder": inner,
            "answers": phone.answers,
            "reliable": phone.reliable.word(),
            "timers": phone.timers.word(),
            "session_expires": phone.session_expires.as_secs(),
            "min_se": phone.min_se.as_secs(),
        });
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = here.join(PYTHON);
        ensure!(python.exists(), "no {}: {MISSING}", python.display());
        let mut command = Command::new(python);
        command
            .arg(here.join("pjsua2/phone.py"))
            .arg(settings.to_string());
        let mut pjsua2 = Self {
            sip: SocketAddr::new(address, sip),
            rtp_ports: rtp..=rtp + RTP_PORTS - 1,
            folder: inner,
            commands: 0,
            taken: 0,
            process: Process::start(&name, folder, &command)?,
        };
        pjsua2.event("ready", START)?;
        if phone.registrar.is_some() {
            let registration = pjsua2.event("registration", START)?;
            ensure!(registration["status"] == 200, "refused: {registration}");
        }
        Ok(pjsua2)
    }

    /// Calls a SIP URI; gives the number of the call.
    pub fn dial(&mut self, uri: &str) -> Result<u64> {
        let call = self.command(json!({ "command": "dial", "uri": uri }))?;
        call.as_u64().context("a call without a number")
    }

    /// Answers a call that came in with this status: 180, 183, 200, or a refusal.
    pub fn answer(&mut self, call: u64, status: u16) -> Result<()> {
        self.command(json!({ "command": "answer", "call": call, "status": status }))
            .map(drop)
    }

    /// Ends a call, cancels or declines it.
    pub fn hang_up(&mut self, call: u64) -> Result<()> {
        self.on("hang_up", call)
    }

    /// Holds the other side: a re-INVITE with `sendonly`. It sends silence meanwhile.
    pub fn hold(&mut self, call: u64) -> Result<()> {
        self.on("hold", call)
    }

    /// [`Self::hold`], and its tone goes on as music.
    pub fn hold_with_music(&mut self, call: u64) -> Result<()> {
        self.command(json!({ "command": "hold", "call": call, "music": true }))
            .map(drop)
    }

    /// Resumes a call that it has held: a re-INVITE with `sendrecv`.
    pub fn unhold(&mut self, call: u64) -> Result<()> {
        self.on("unhold", call)
    }

    /// Sends a re-INVITE with the present state of its media.
    pub fn reinvite(&mut self, call: u64) -> Result<()> {
        self.on("reinvite", call)
    }

    /// [`Self::reinvite`] with RTP at another port than before.
    pub fn reinvite_from_other_ports(&mut self, call: u64) -> Result<()> {
        self.command(json!({ "command": "reinvite", "call": call, "fresh_ports": true }))
            .map(drop)
    }

    /// Gives codecs another order, the preferred one first; the next offer has it.
    pub fn prefer(&mut self, codecs: &[&str]) -> Result<()> {
        self.command(json!({ "command": "prefer", "codecs": codecs }))
            .map(drop)
    }

    /// How many RTP packets a call's present stream has received.
    pub fn received(&mut self, call: u64) -> Result<u64> {
        let count = self.command(json!({ "command": "received", "call": call }))?;
        count.as_u64().context("no count")
    }

    /// Sends an UPDATE with the present state of its media (RFC 3311).
    pub fn update(&mut self, call: u64) -> Result<()> {
        self.on("update", call)
    }

    /// Presses keys: by INFO (`application/dtmf-relay`) or as telephone events (RFC 4733).
    pub fn press(&mut self, call: u64, keys: &str, by_info: bool) -> Result<()> {
        let method = if by_info { "info" } else { "rfc4733" };
        self.command(json!({ "command": "press", "call": call, "digits": keys, "method": method }))
            .map(drop)
    }

    /// Sends a request of any method within a call.
    pub fn request(
        &mut self,
        call: u64,
        method: &str,
        content_type: &str,
        body: &str,
    ) -> Result<()> {
        self.command(json!({
            "command": "request", "call": call, "method": method, "content_type": content_type, "body": body,
        }))
        .map(drop)
    }

    /// Waits for the next event of this kind after the last one taken, and gives it; others in between are passed over.
    /// `phone.py` tells the kinds and their fields.
    pub fn event(&mut self, kind: &str, limit: Duration) -> Result<Value> {
        self.event_with(kind, &[], limit)
    }

    /// [`Self::event`] in which these fields have these values.
    pub fn event_with(
        &mut self,
        kind: &str,
        fields: &[(&str, Value)],
        limit: Duration,
    ) -> Result<Value> {
        let wanted = |line: &str| {
            let event: Value = serde_json::from_str(line).ok()?;
            let all = fields.iter().all(|(key, value)| event[*key] == *value);
            (event["event"] == kind && all).then_some(event)
        };
        let what = format!("pjsua2's event {kind} {fields:?}");
        let found = wait::until(&what, limit, || {
            let found = self
                .process
                .find_after(self.taken, |line| wanted(line).is_some());
            if found.is_none() {
                self.process.alive()?;
            }
            Ok(found)
        });
        let (number, line) = found.with_context(|| self.process.tail(40))?;
        self.taken = number + 1;
        wanted(&line).context("no event")
    }

    /// Waits for a state of a call, e.g. `EARLY`, `CONFIRMED` or `DISCONNECTED`.
    pub fn state(&mut self, call: u64, state: &str, limit: Duration) -> Result<Value> {
        self.event_with(
            "state",
            &[("call", call.into()), ("state", state.into())],
            limit,
        )
    }

    /// Waits for the next call that comes in; gives its number.
    pub fn incoming(&mut self, limit: Duration) -> Result<u64> {
        let event = self.event("incoming", limit)?;
        event["call"].as_u64().context("a call without a number")
    }

    /// Waits until a call's recording holds this many seconds more than it does now.
    pub fn hear(&self, call: u64, seconds: f64, limit: Duration) -> Result<()> {
        let start = self.heard_seconds(call);
        wait::until_true(&format!("{seconds} s of sound at pjsua2"), limit, || {
            Ok(self.heard_seconds(call) >= start + seconds)
        })
    }

    /// What it has heard in a call, as far as it is written. Where nothing came there is silence.
    pub fn heard(&self, call: u64) -> Result<Recording> {
        Recording::read(&self.recording(call))
    }

    /// All SIP messages so far, and what the library says about them.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder.join("pjsua.log"))?)
    }

    fn heard_seconds(&self, call: u64) -> f64 {
        Recording::seconds_in(&self.recording(call)).unwrap_or_default()
    }

    fn recording(&self, call: u64) -> PathBuf {
        self.folder.join(format!("heard-{call}.wav"))
    }

    fn on(&mut self, command: &str, call: u64) -> Result<()> {
        self.command(json!({ "command": command, "call": call }))
            .map(drop)
    }

    fn command(&mut self, mut command: Value) -> Result<Value> {
        self.commands += 1;
        let id = self.commands;
        command["id"] = id.into();
        self.process.write(&command.to_string())?;
        let answer = |line: &str| {
            let answer: Value = serde_json::from_str(line).ok()?;
            (answer["id"] == id).then_some(answer)
        };
        let what = format!("pjsua2's answer to {command}");
        let line = wait::until(&what, ANSWER, || {
            let line = self.process.find(|line| answer(line).is_some());
            if line.is_none() {
                self.process.alive()?;
            }
            Ok(line)
        })?;
        let mut answer = answer(&line).context("no answer")?;
        match answer["error"].as_str() {
            Some(error) => bail!("{command}: {error}"),
            None => Ok(answer["ok"].take()),
        }
    }
}
