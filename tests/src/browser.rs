//! A page in a real browser, commanded over a Node.js driver (`tests/js/page.mjs`).
//!
//! The browser is the case's own (`driver.mjs`), or a Chromium that `cargo xtask test` starts once for all cases
//! (`shared_chromium.mjs`); then the page has a context of its own, which shares nothing with other contexts.
//!
//! Its microphone and camera are the test's own (a tone, a colour); what it plays is recorded from the remote tracks on,
//! on a timeline that starts when the page is loaded.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::picture::Colour;
use crate::pulse::Pulse;
use crate::tone::Tone;
use crate::wav::Recording;

mod link;
use link::Link;

/// Where the Chromium that cases share listens; unset: each page has a browser of its own.
pub(crate) const SHARED: &str = "RINGDOWN_TESTS_CHROMIUM";
/// What a command may take that waits for nothing.
const ANSWER: Duration = Duration::from_secs(15);
const START: Duration = Duration::from_secs(30);

/// Which browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Over the DevTools protocol.
    Chromium,
    /// Over WebDriver BiDi. It needs a network where it finds an address that is not loopback: [`crate::netns`].
    Firefox,
}

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    folder: PathBuf,
    commands: u32,
    link: Link,
    /// What Firefox plays to; it ends after the browser.
    _pulse: Option<Pulse>,
}

/// One decoded picture of the far side, as the page showed it.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Seconds on the recording's timeline.
    pub at: f64,
    /// Its mean colour.
    pub mean: Colour,
    /// Mean difference to the picture before, per channel and pixel.
    pub change: f64,
}

impl Browser {
    /// Starts Chromium and opens `url` with a microphone that hears `tone` and a camera that sees `colour`.
    pub fn open(folder: &Folder, url: &str, tone: Tone, colour: Colour) -> Result<Self> {
        Self::open_in(Engine::Chromium, folder, url, tone, colour)
    }

    /// [`Self::open`] in a browser of this kind.
    pub fn open_in(
        engine: Engine,
        folder: &Folder,
        url: &str,
        tone: Tone,
        colour: Colour,
    ) -> Result<Self> {
        let inner = folder.inner("browser")?;
        let shared = std::env::var_os(SHARED).filter(|_| engine == Engine::Chromium);
        let mut pulse = None;
        let link = if let Some(socket) = shared {
            Link::shared(Path::new(&socket))?
        } else {
            let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("js/driver.mjs");
            let mut command = Command::new("node");
            command.arg(driver).arg(inner.join("profile"));
            match engine {
                Engine::Chromium => command.arg("chromium"),
                Engine::Firefox => {
                    let pulse = pulse.insert(Pulse::start(folder)?);
                    command.arg("firefox").env("PULSE_SERVER", pulse.server())
                }
            };
            Link::own(folder, &command)?
        };
        let mut browser = Self {
            folder: inner,
            commands: 0,
            link,
            _pulse: pulse,
        };
        let open = json!({ "url": url, "tone": tone.hertz, "colour": colour.css() });
        browser.command("open", open, START)?;
        Ok(browser)
    }

    /// Types a value into a field, in place of what is there.
    pub fn fill(&mut self, selector: &str, value: &str) -> Result<()> {
        self.command(
            "fill",
            json!({ "selector": selector, "value": value }),
            ANSWER,
        )
        .map(drop)
    }

    /// Clicks, as soon as the element can be clicked.
    pub fn click(&mut self, selector: &str) -> Result<()> {
        self.command("click", json!({ "selector": selector }), ANSWER)
            .map(drop)
    }

    /// The element's text, or its value.
    pub fn text(&mut self, selector: &str) -> Result<String> {
        let text = self.command("text", json!({ "selector": selector }), ANSWER)?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the element's text matches a JavaScript pattern, and gives the text.
    pub fn wait_text(&mut self, selector: &str, pattern: &str, limit: Duration) -> Result<String> {
        let values =
            json!({ "selector": selector, "pattern": pattern, "limit": limit.as_millis() });
        let text = self.command("waitText", values, limit + ANSWER)?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until a JavaScript expression is true in the page.
    pub fn wait_true(&mut self, expression: &str, limit: Duration) -> Result<()> {
        let values = json!({ "expression": expression, "limit": limit.as_millis() });
        self.command("waitTrue", values, limit + ANSWER).map(drop)
    }

    /// The value of a JavaScript expression in the page.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        self.command("evaluate", json!({ "expression": expression }), ANSWER)
    }

    /// Writes a screenshot of the whole page.
    pub fn screenshot(&mut self, path: &Path) -> Result<()> {
        self.command("screenshot", json!({ "path": path }), ANSWER)
            .map(drop)
    }

    /// Where the recording is, in seconds.
    pub fn now(&mut self) -> Result<f64> {
        self.command("now", json!({}), ANSWER)?
            .as_f64()
            .context("no time")
    }

    /// Waits until the recording is this many seconds longer than now.
    pub fn listen(&mut self, seconds: f64) -> Result<()> {
        let until = self.now()? + seconds;
        self.wait_true(
            &format!("window.__test.now() >= {until}"),
            Duration::from_secs_f64(seconds * 3.0 + 5.0),
        )
    }

    /// All that was heard since the page was loaded.
    pub fn heard(&mut self) -> Result<Recording> {
        let path = self.folder.join("heard.wav");
        self.command("heard", json!({ "path": path }), ANSWER)?;
        Recording::read(&path)
    }

    /// The pictures of the far side shown since `from` seconds.
    pub fn frames(&mut self, from: f64) -> Result<Vec<Frame>> {
        let frames = self.command("frames", json!({ "from": from }), ANSWER)?;
        let number = |frame: &Value, key: &str| frame[key].as_f64().unwrap_or(f64::NAN);
        let frame = |frame: &Value| Frame {
            at: number(frame, "at"),
            mean: Colour {
                red: number(frame, "red"),
                green: number(frame, "green"),
                blue: number(frame, "blue"),
            },
            change: number(frame, "change"),
        };
        Ok(frames
            .as_array()
            .context("no frames")?
            .iter()
            .map(frame)
            .collect())
    }

    /// Waits until `count` pictures of the far side were shown since `from` seconds, and gives them.
    pub fn watch(&mut self, from: f64, count: usize, limit: Duration) -> Result<Vec<Frame>> {
        let enough = format!("window.__test.frames({from}).length >= {count}");
        if let Err(error) = self.wait_true(&enough, limit) {
            let seen = self.frames(from)?.len();
            let is_video =
                |stream: &Value| stream["kind"] == "video" && stream["type"] == "inbound-rtp";
            let streams: Vec<Value> = self.stats()?.into_iter().filter(is_video).collect();
            let streams = Value::from(streams);
            let answer = self.evaluate("window.__test.descriptions()[1]")?;
            let answer = answer.as_str().unwrap_or_default();
            let told = format!("{seen} pictures of {count} were shown: {streams}\n{answer}");
            return Err(error.context(told));
        }
        self.frames(from)
    }

    /// An error unless the far side's audio is in an element that plays it aloud: started, not muted, its volume up.
    pub fn check_it_plays_aloud(&mut self) -> Result<()> {
        let players = self.command("players", json!({}), ANSWER)?;
        let has_sound = |player: &Value| {
            let mut tracks = player["tracks"].as_array().into_iter().flatten();
            tracks.any(|track| track["kind"] == "audio" && track["readyState"] == "live")
        };
        let aloud = |player: &&Value| {
            player["paused"] == false
                && player["muted"] == false
                && player["volume"].as_f64().is_some_and(|volume| volume > 0.5)
                && has_sound(player)
        };
        if players
            .as_array()
            .into_iter()
            .flatten()
            .find(aloud)
            .is_none()
        {
            bail!("no element of the page plays the far side aloud: {players}");
        }
        Ok(())
    }

    /// RTP statistics of the newest peer connection, one object for each stream, pair and codec.
    pub fn stats(&mut self) -> Result<Vec<Value>> {
        Ok(self
            .command("stats", json!({}), ANSWER)?
            .as_array()
            .context("no statistics")?
            .clone())
    }

    /// Page errors and console errors since the start, in words.
    pub fn problems(&mut self) -> Result<Vec<String>> {
        let problems = self.command("problems", json!({}), ANSWER)?;
        let text = |problem: &Value| problem.as_str().unwrap_or_default().to_owned();
        Ok(problems
            .as_array()
            .context("no list")?
            .iter()
            .map(text)
            .collect())
    }

    /// An error when the page or its console complained.
    pub fn check_no_problems(&mut self) -> Result<()> {
        let problems = self.problems()?;
        if !problems.is_empty() {
            bail!("the page complains: {}", problems.join("\n"));
        }
        Ok(())
    }

    /// [`Self::check_no_problems`] for a page whose console is known to complain about what the test does to it: an entry
    /// with one of these texts is expected. An error that the page throws never is.
    pub fn check_no_problems_but(&mut self, expected: &[&str]) -> Result<()> {
        let known = |problem: &String| {
            problem.starts_with("console error")
                && expected.iter().any(|text| problem.contains(text))
        };
        let mut problems = self.problems()?;
        problems.retain(|problem| !known(problem));
        if !problems.is_empty() {
            bail!("the page complains: {}", problems.join("\n"));
        }
        Ok(())
    }

    fn command(&mut self, command: &str, mut values: Value, limit: Duration) -> Result<Value> {
        self.commands += 1;
        values["id"] = json!(self.commands);
        values["command"] = json!(command);
        let head = format!("{{\"id\":{},", self.commands);
        let what = format!("the browser's {command}");
        let line = self.link.ask(&what, &values.to_string(), &head, limit)?;
        let mut answer: Value = serde_json::from_str(&line)?;
        match answer["error"].as_str() {
            Some(error) => bail!("{command} {values}: {error}"),
            None => Ok(answer["ok"].take()),
        }
    }
}
