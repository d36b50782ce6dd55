//! A SIP phone: baresip with a tone as its microphone and a film as its camera, recording what it hears.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::folder::Folder;
use crate::kamailio::User;
use crate::picture::{self, Colour, Still};
use crate::process::Process;
use crate::tone::Tone;
use crate::wav::Recording;
use crate::{netns, ports, wait};

mod control;
use control::Control;

const CONFIG: &str = include_str!("../peers/baresip.conf");
/// Longer than any call of the tests: the tone and the film do not repeat.
const SOURCE_SECONDS: usize = 75;
const FRAMES_PER_SECOND: usize = 15;
/// How much later than its length a stretch of sound may be whole: the pace of asking, and a packet either way.
const LATE: f64 = 0.150;

/// What kind of phone it is.
#[derive(Debug, Clone)]
pub struct Phone {
    /// Its account.
    pub user: User,
    /// The proxy where it registers.
    pub proxy: SocketAddr,
    /// What its microphone hears.
    pub tone: Tone,
    /// What its camera sees; `None` for a phone without video.
    pub colour: Option<Colour>,
    /// Whether it answers calls by itself.
    pub answers: bool,
    /// Codecs in baresip's notation, e.g. `opus/48000/2,PCMU`.
    pub audio_codecs: &'static str,
    /// Codecs in baresip's notation, e.g. `VP8,H264`.
    pub video_codecs: &'static str,
}

/// A running, registered phone.
#[derive(Debug)]
pub struct Baresip {
    /// Where it speaks SIP, UDP and TCP.
    pub sip: SocketAddr,
    /// Its RTP and RTCP ports.
    pub rtp_ports: RangeInclusive<u16>,
    folder: PathBuf,
    control: Control,
    /// How many recordings of earlier calls were put aside.
    put_aside: u32,
    stills: u32,
    process: Process,
}

impl Baresip {
    /// Starts it with its files in `folder` and waits until it is registered.
    pub fn start(folder: &Folder, phone: &Phone) -> Result<Self> {
        Self::start_at(netns::address(), folder, phone)
    }

    /// [`Self::start`] at this address of the machine.
    pub fn start_at(address: IpAddr, folder: &Folder, phone: &Phone) -> Result<Self> {
        let inner = folder.inner(phone.user.name)?;
        phone
            .tone
            .sound(48_000, SOURCE_SECONDS as f64, 0.3)
            .write(&inner.join("tone.wav"))?;
        if let Some(colour) = phone.colour {
            picture::write_film(
                &inner.join("film.y4m"),
                colour,
                FRAMES_PER_SECOND,
                SOURCE_SECONDS,
            )?;
        }
        // SIP over UDP and TCP on the first, over TLS on the second, commands on the third.
        let sip = ports::free(4)?;
        let rtp = ports::free(40)?;
        // An account has no word for "no video"; a phone without video loads no video codec.
        let video = |line: &str| line.ends_with("vp8.so") || line.ends_with("avcodec.so");
        let lines = CONFIG
            .lines()
            .filter(|line| phone.colour.is_some() || !video(line));
        let config = lines.map(|line| format!("{line}\n")).collect::<String>();
        let config = config
            .replace("@DIR@", &inner.display().to_string())
            .replace("@ADDRESS@", &address.to_string())
            .replace("@LISTEN@", &SocketAddr::new(address, sip).to_string())
            .replace("@CTRL_PORT@", &(sip + 2).to_string())
            .replace("@RTP_FROM@", &rtp.to_string())
            .replace("@RTP_TO@", &(rtp + 39).to_string());
        std::fs::write(inner.join("config"), config)?;
        std::fs::write(inner.join("accounts"), phone.account())?;
        let mut command = Command::new("baresip");
        // -s: every SIP message goes to the log.
        command.arg("-s").arg("-f").arg(&inner).current_dir(&inner);
        let mut process =
            Process::start(&format!("baresip-{}", phone.user.name), folder, &command)?;
        let control = Control::connect(SocketAddr::from(([127, 0, 0, 1], sip + 2)), &mut process)?;
        let mut baresip = Self {
            sip: SocketAddr::from((address, sip)),
            rtp_ports: rtp..=rtp + 39,
            folder: inner,
            control,
            put_aside: 0,
            stills: 0,
            process,
        };
        baresip.wait_until_registered()?;
        Ok(baresip)
    }

    /// Dials a user of the proxy or a SIP address.
    pub fn dial(&mut self, callee: &str) -> Result<()> {
        self.before_a_call()?;
        self.control.command("dial", callee)?;
        Ok(())
    }

    /// Puts aside the recordings that are there, as those of earlier calls: the name of one has its time in seconds only,
    /// and the next call may begin in the same. [`Self::dial`] does so itself; for a call that comes in it is done before
    /// the caller dials.
    pub fn before_a_call(&mut self) -> Result<()> {
        for path in self.recordings()? {
            self.put_aside += 1;
            let name = format!("earlier-{}.wav", self.put_aside);
            std::fs::rename(path, self.folder.join(name))?;
        }
        Ok(())
    }

    /// Ends the call, or refuses the one that rings.
    pub fn hang_up(&mut self) -> Result<()> {
        self.control.command("hangup", "")?;
        Ok(())
    }

    /// Answers the call that rings.
    pub fn answer(&mut self) -> Result<()> {
        self.control.command("accept", "")?;
        Ok(())
    }

    /// Holds the other side.
    pub fn hold(&mut self) -> Result<()> {
        self.control.command("hold", "")?;
        Ok(())
    }

    /// Resumes the call that it has held.
    pub fn resume(&mut self) -> Result<()> {
        self.control.command("resume", "")?;
        Ok(())
    }

    /// Mutes the microphone, or unmutes it.
    pub fn toggle_mute(&mut self) -> Result<()> {
        self.control.command("mute", "")?;
        Ok(())
    }

    /// Waits for the next event of this kind, e.g. `CALL_ESTABLISHED`, and gives it.
    pub fn event(&mut self, kind: &str, limit: Duration) -> Result<Value> {
        let event = self.control.event(kind, limit);
        event.with_context(|| format!("baresip said:\n{}", self.process.tail(40)))
    }

    /// Waits until the present call's recording holds this many seconds more than it does now.
    pub fn hear(&self, seconds: f64, limit: Duration) -> Result<()> {
        let start = self.heard_seconds();
        wait::until_true(&format!("{seconds} s of sound at baresip"), limit, || {
            Ok(self.heard_seconds() >= start + seconds)
        })
    }

    /// [`Self::hear`], and an error when it took longer than the sound lasts: a recording holds what was decoded, one
    /// packet after the other, so a pause of the sender shows in nothing else.
    pub fn hear_steadily(&self, seconds: f64, limit: Duration) -> Result<()> {
        self.hear(0.2, limit)?;
        let start = Instant::now();
        self.hear(seconds, limit)?;
        let late = start.elapsed().as_secs_f64() - seconds;
        if late > LATE {
            bail!("{seconds} s of sound took baresip {late:.2} s longer to hear");
        }
        Ok(())
    }

    /// How many seconds of the present (or last) call are recorded; 0 before the first.
    fn heard_seconds(&self) -> f64 {
        let file = self.recording();
        file.map_or(0.0, |file| Recording::seconds_in(&file).unwrap_or_default())
    }

    /// What it has heard in the present (or last) call, as far as it is written.
    pub fn heard(&self) -> Result<Recording> {
        Recording::read(&self.recording()?)
    }

    fn recording(&self) -> Result<PathBuf> {
        let length = |path: &PathBuf| path.metadata().map_or(0, |data| data.len());
        let longest = self.recordings()?.into_iter().max_by_key(length);
        longest.context("baresip has recorded nothing")
    }

    /// Takes `count` pictures, one after the other, of the video that it decodes.
    pub fn stills(&mut self, count: usize, limit: Duration) -> Result<Vec<Still>> {
        (0..count).map(|_| self.still(limit)).collect()
    }

    fn still(&mut self, limit: Duration) -> Result<Still> {
        self.stills += 1;
        let file = self.folder.join(format!("{}.png", self.stills));
        self.control
            .command("snapshot_recv", &file.display().to_string())?;
        let whole = |path: &Path| {
            std::fs::read(path).is_ok_and(|bytes| bytes.ends_with(b"IEND\xae\x42\x60\x82"))
        };
        wait::until_true("a decoded picture at baresip", limit, || Ok(whole(&file)))?;
        Still::read(&file)
    }

    /// What it knows of its calls: codecs, packets, losses.
    pub fn call_status(&mut self) -> Result<String> {
        self.control.command("callstat", "")
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.tail(400)
    }

    fn recordings(&self) -> Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(&self.folder)?
            .filter_map(Result::ok)
            .map(|entry| entry.path());
        Ok(entries
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .collect())
    }

    fn wait_until_registered(&mut self) -> Result<()> {
        let control = &mut self.control;
        let registered =
            wait::until_true("baresip's registration", Duration::from_secs(15), || {
                let info = control.command("reginfo", "")?;
                if info.contains("ERR") {
                    bail!("registration failed: {info}");
                }
                Ok(info.contains("OK"))
            });
        registered.with_context(|| format!("baresip said:\n{}", self.process.tail(40)))
    }
}

impl Phone {
    fn account(&self) -> String {
        let Self {
            user: User { name, password },
            proxy,
            ..
        } = self;
        let mut line = format!(
            "<sip:{name}@{proxy}>;auth_user={name};auth_pass={password};outbound=\"sip:{proxy}\""
        );
        let answers = if self.answers { "auto" } else { "manual" };
        let _ = write!(
            line,
            ";regint=60;answermode={answers};audio_codecs={}",
            self.audio_codecs
        );
        let _ = writeln!(line, ";video_codecs={}", self.video_codecs);
        line
    }
}
