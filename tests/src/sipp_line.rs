//! A page without a browser, a SIPp script, and the server between them. Each side sends a sound of its own, and
//! afterwards the server's figures prove that nothing is left.
//!
//! T1 is 100 ms here: what a call leaves behind by RFC 3261 (Timers D, H, J, L, M: 64*T1) is gone after 6.4 s, and a
//! peer that says nothing is given up after the same time.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::audio;
use crate::bot::{Bot, Login, Manner, Told};
use crate::figures::{Figures, calls_are_over, nothing_is_left, only_pages_are_left};
use crate::folder::Folder;
use crate::kamailio::{USERS, User};
use crate::ringdown::Ringdown;
use crate::rtp_end::RtpEnd;
use crate::sipp::{Script, Sipp};
use crate::tone::Tone;

/// The page.
pub const USER: User = USERS[1];
/// A call that is over holds nothing after this.
const AT_ONCE: Duration = Duration::from_secs(3);
/// 64*T1, the 5 s of T4, and a busy machine.
const LINGER: Duration = Duration::from_secs(20);
/// How much of a tone proves that a direction is heard, in seconds.
const HEARD: f64 = 0.5;

/// T1, in milliseconds.
const T1_MS: &str = "100";
/// More than 64*T1, in milliseconds: a script that says nothing for so long has said nothing.
pub const SILENCE_MS: &str = "8000";

/// How an ordinary call ends that the page hangs up: its status, SIP status and words.
pub const OWN_END: (&str, Option<u64>, &str) = ("FINISH", None, "Normal call clearing");
/// The same for a call that the script hangs up.
pub const THEIR_END: (&str, Option<u64>, &str) = ("FINISH", None, "10005 hung up.");

/// See the module. Fields end in this order: the page first.
#[derive(Debug)]
pub struct SippLine {
    /// The page; `None` once it was closed.
    page: Option<Bot>,
    /// The script, once it runs.
    peer: Option<Sipp>,
    registrar: Option<Sipp>,
    /// The server.
    pub ringdown: Ringdown,
    /// The sound of the SIP side.
    pub sound: RtpEnd,
    before: Figures,
    /// What the page says.
    pub page_tone: Tone,
    /// What the SIP side says.
    pub peer_tone: Tone,
}

impl SippLine {
    /// A page that calls: the script waits for it.
    pub fn to_script(
        folder: &Folder,
        script: &Script<'_>,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let mut line = Self::start(folder, settings)?;
        let peer = line.run(folder, script)?;
        let login = Login {
            user: USER,
            server: peer.addr,
            registers: false,
        };
        line.peer = Some(peer);
        line.open(&login, Manner::Rings)?;
        Ok(line)
    }

    /// A page that is called; [`Self::call`] starts the script.
    pub fn to_page(folder: &Folder, manner: Manner, settings: &[(&str, &str)]) -> Result<Self> {
        let mut line = Self::start(folder, settings)?;
        let registrar = line.run(folder, &Script::waits("registrar"))?;
        let login = Login {
            user: USER,
            server: registrar.addr,
            registers: true,
        };
        line.registrar = Some(registrar);
        line.open(&login, manner)?;
        Ok(line)
    }

    fn start(folder: &Folder, settings: &[(&str, &str)]) -> Result<Self> {
        let (page_tone, peer_tone) = Tone::pick_two();
        let own = [("metrics_port", "0"), ("sip_t1", T1_MS)];
        let settings: Vec<(&str, &str)> = own.iter().chain(settings).copied().collect();
        let ringdown = Ringdown::serve(folder, &settings)?;
        Ok(Self {
            page: None,
            peer: None,
            registrar: None,
            before: Figures::of(&ringdown)?,
            ringdown,
            sound: RtpEnd::start(peer_tone)?,
            page_tone,
            peer_tone,
        })
    }

    fn open(&mut self, login: &Login, manner: Manner) -> Result<()> {
        self.page = Some(Bot::open(&self.ringdown, login, manner, self.page_tone)?);
        Ok(())
    }

    fn run(&self, folder: &Folder, script: &Script<'_>) -> Result<Sipp> {
        let port = self.sound.addr.port().to_string();
        let mut words = vec![("audio_port", port.as_str()), ("silence_ms", SILENCE_MS)];
        words.extend(script.words);
        Sipp::run(
            folder,
            &Script {
                words: &words,
                ..*script
            },
        )
    }

    /// Starts a script that calls the page.
    pub fn call(&mut self, folder: &Folder, script: Script<'_>) -> Result<()> {
        let toward = Some((self.ringdown.sip, USER.name));
        self.peer = Some(self.run(folder, &Script { toward, ..script })?);
        Ok(())
    }

    /// The SIP messages that came to the script so far.
    pub fn received(&self) -> Result<Vec<String>> {
        self.peer.as_ref().context("no script runs")?.received()
    }

    /// The page.
    pub fn page(&self) -> Result<&Bot> {
        self.page.as_ref().context("the page was closed")
    }

    /// Waits for the end of the script.
    pub fn passed(&mut self, limit: Duration) -> Result<()> {
        let peer = self.peer.as_mut().context("no script runs")?;
        peer.passed(limit)
    }

    /// Each side hears the other's tone, and not its own.
    pub fn both_are_heard(&self, id: &str) -> Result<()> {
        let heard = self.page()?.heard(id)?;
        let check = audio::check_heard_for(&heard, self.peer_tone, self.page_tone, HEARD);
        check.map_err(|why| anyhow::anyhow!("at the page: {why}"))?;
        let all = self.sound.heard();
        ensure!(all.len() == 1, "{} streams came to the SIP side", all.len());
        let check = audio::check_heard_for(&all[0], self.page_tone, self.peer_tone, HEARD);
        check.map_err(|why| anyhow::anyhow!("at the SIP side: {why}"))?;
        Ok(())
    }

    /// The one final status of each call at the page, and everything is gone: what calls hold at once, what SIP keeps
    /// for a while (RFC 3261 table 4) after that while, and the rest when the page has left.
    pub fn over(mut self, calls: &[&str]) -> Result<Vec<Told>> {
        calls_are_over(&self.ringdown, AT_ONCE)?;
        let unregistered = self.registrar.is_none();
        if unregistered {
            only_pages_are_left(&self.ringdown, LINGER)?;
        }
        let mut ends = Vec::new();
        for id in calls {
            let told = self.page()?.told(id)?;
            let mut last = told.iter().filter(|told| told.is_final()).cloned();
            let end = last
                .next()
                .with_context(|| format!("no final status: {told:?}"))?;
            ensure!(
                last.next().is_none(),
                "more than one final status: {told:?}"
            );
            ensure!(
                told.last() == Some(&end),
                "told more after the end: {told:?}"
            );
            ends.push(end);
        }
        drop(self.page.take());
        nothing_is_left(&self.ringdown, &self.before, LINGER)?;
        Ok(ends)
    }
}
