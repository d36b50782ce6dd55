//! The published WebSDK 2.0 with its own sample pages, unmodified, served from a place of their own as their users do.
//!
//! The package is fetched for the tests (`tests/published-sdk/package-lock.json` pins it) and is no part of Ringdown.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::browser::Browser;
use crate::folder::Folder;
use crate::kamailio::User;
use crate::page::PhonePage;
use crate::picture::Colour;
use crate::tone::Tone;
use crate::web_server::WebServer;

const PACKAGE: &str = "published-sdk/node_modules/@flashphoner/websdk";
const MISSING: &str =
    "`cargo xtask test` fetches it, or `npm ci --ignore-scripts` in tests/published-sdk";
const READY: Duration = Duration::from_secs(15);

/// The page's jQuery has loaded its parts and the page has made itself ready: what a person sees as "it is there".
const IS_READY: &str =
    "document.querySelector('#urlServer')?.value && document.querySelector('#callBtn') !== null";
/// The lists from which Phone Video takes its microphone and its camera are filled.
const HAS_DEVICES: &str = "['#micList', '#cameraList'].every((list) => document.querySelector(`${list} option`) !== null)";
/// The element for the other side of the call plays.
const REMOTE_PLAYS: &str =
    "[...document.querySelectorAll('#remoteVideo video, #remoteDisplay video')]
    .some((element) => element.srcObject && !element.paused && element.currentTime > 0)";
/// Keeps every word that a status of the page has ever shown, however short it was: in the order in which they came.
const KEEP_STATUSES: &str = "
    window.__said = [];
    for (const id of ['regStatus', 'callStatus', 'status']) {
        const element = document.getElementById(id);
        if (element !== null) {
            new MutationObserver((changes) => {
                for (const { addedNodes } of changes) {
                    for (const { textContent } of addedNodes) if (textContent !== '') window.__said.push(textContent);
                }
            }).observe(element, { childList: true });
        }
    }
    null";

/// Their own place: the folder of the package, on a port of its own, as the published product has it.
#[derive(Debug, Clone, Copy)]
pub struct PublishedSdk(WebServer);

/// A sample page that dials and is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// `phone.html`, "Phone Min": voice.
    Phone,
    /// `phone-video.html`: voice and picture.
    PhoneVideo,
}

impl PublishedSdk {
    /// Serves the fetched package.
    pub fn served() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(PACKAGE);
        Ok(Self(WebServer::start(&root, MISSING)?))
    }

    /// The origin of the pages.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin()
    }

    /// Opens one of the phones and types where the server is, as its users do who run it on another port than 8080.
    pub fn phone(
        &self,
        folder: &Folder,
        sample: Sample,
        server: SocketAddr,
        tone: Tone,
        colour: Colour,
    ) -> Result<PhonePage> {
        let page = match sample {
            Sample::Phone => "phone/phone.html",
            Sample::PhoneVideo => "phone-video/phone-video.html",
        };
        let mut browser = self.open(folder, page, server, tone, colour)?;
        if sample == Sample::PhoneVideo {
            browser.wait_true(HAS_DEVICES, READY)?;
        }
        Ok(PhonePage::new(browser))
    }

    /// Opens `click-to-call.html`.
    pub fn click_to_call(
        &self,
        folder: &Folder,
        server: SocketAddr,
        tone: Tone,
        colour: Colour,
    ) -> Result<ClickToCall> {
        let page = "click-to-call/click-to-call.html";
        Ok(ClickToCall(self.open(folder, page, server, tone, colour)?))
    }

    fn open(
        &self,
        folder: &Folder,
        page: &str,
        server: SocketAddr,
        tone: Tone,
        colour: Colour,
    ) -> Result<Browser> {
        let url = format!("{}/examples/demo/sip/{page}", self.origin());
        let mut browser = Browser::open(folder, &url, tone, colour)?;
        browser.wait_true(IS_READY, READY)?;
        browser.evaluate(KEEP_STATUSES)?;
        browser.fill("#urlServer", &format!("ws://{server}"))?;
        Ok(browser)
    }
}

/// Every word that the statuses of a published page have shown so far, in order.
pub fn said(page: &mut Browser) -> Result<Vec<String>> {
    let said = page.evaluate("window.__said")?;
    let words = said.as_array().context("the page keeps no statuses")?;
    let word = |word: &serde_json::Value| word.as_str().unwrap_or_default().to_owned();
    Ok(words.iter().map(word).collect())
}

/// Waits until the other side plays at a page that was told that its call is up.
///
/// Playback begins a moment after the answer, and a call that ends in that moment makes the SDK set `muted` on an
/// element that it has already given up (`ontrack`, the `catch` of `play()`). Nobody hangs up that fast, but a test does.
pub fn wait_playing(page: &mut Browser) -> Result<()> {
    page.wait_true(REMOTE_PLAYS, READY)
}

/// Presses the switch that stands for a checkbox: the pages draw two buttons and hide the box.
pub fn press_switch(page: &mut Browser, checkbox: &str) -> Result<()> {
    page.click(&format!("{checkbox} + .btn-toggle button"))
}

/// The page with one button: it connects, calls at once, and leaves after the call.
#[derive(Debug)]
pub struct ClickToCall(Browser);

impl ClickToCall {
    /// Types account and callee, and closes the form.
    pub fn fill_in(&mut self, user: User, server: SocketAddr, callee: &str) -> Result<()> {
        let (host, port) = (server.ip().to_string(), server.port().to_string());
        self.click("#sipCredentialsBtn")?;
        for (field, value) in [
            ("#sipLogin", user.name),
            ("#sipAuthenticationName", user.name),
            ("#sipPassword", user.password),
            ("#sipDomain", &host),
            ("#sipOutboundProxy", &host),
            ("#sipPort", &port),
        ] {
            self.fill(field, value)?;
        }
        self.click("#okBtn")?;
        self.fill("#callee", callee)
    }

    /// Presses the one button, which must read `word` now: Call or Hangup.
    pub fn press(&mut self, word: &str) -> Result<()> {
        let text = self.wait_text("#callBtn", word, READY)?;
        ensure!(text == word, "the button reads {text}, not {word}");
        self.click("#callBtn")
    }

    /// Waits until the one status matches, e.g. `Call: RING`.
    pub fn status(&mut self, pattern: &str, limit: Duration) -> Result<String> {
        self.wait_text("#status", pattern, limit)
    }
}

impl Deref for ClickToCall {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.0
    }
}

impl DerefMut for ClickToCall {
    fn deref_mut(&mut self) -> &mut Browser {
        &mut self.0
    }
}
