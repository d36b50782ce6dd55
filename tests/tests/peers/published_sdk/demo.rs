//! The published pages against `ringdown demo`: each number of its test PBX, and a phone that is registered there.

use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};
use tests::audio;
use tests::baresip::{Baresip, Phone};
use tests::chirp::Sweep;
use tests::conversation::{self, Conversation};
use tests::folder::{Folder, case};
use tests::kamailio::User;
use tests::page::PhonePage;
use tests::published_sdk::{PublishedSdk, Sample, press_switch};
use tests::ringdown::Ringdown;
use tests::tone::Tone;

use super::line::{SOON, is_usable};

/// The accounts of the test PBX.
const PAGE: User = User {
    name: "10006",
    password: "demo",
};
const PHONE: User = User {
    name: "10005",
    password: "demo",
};
/// What the test PBX plays as `ivr`.
const GREETING: Sweep = Sweep {
    from_hertz: 300.0,
    to_hertz: 3000.0,
    seconds: 2.0,
};
/// How much of the greeting may be missing.
const FIRST_SYLLABLE: f64 = 0.020;

/// The demo, and a published page that is registered at its PBX.
struct Demo {
    page: PhonePage,
    ringdown: Ringdown,
    pbx: std::net::SocketAddr,
    talk: Conversation,
}

/// The demo, and where its PBX listens.
fn demo(folder: &Folder, settings: &[(&str, &str)]) -> Result<(Ringdown, std::net::SocketAddr)> {
    let mut ringdown = Ringdown::demo(folder, settings)?;
    let told = "The test PBX listens on ";
    let line = ringdown.line("the PBX's address", SOON, |line| line.contains(told))?;
    let rest = line.split(told).nth(1).context("no address")?;
    let addr = rest.split_whitespace().next().context("no address")?;
    Ok((ringdown, addr.parse()?))
}

impl Demo {
    fn up(folder: &Folder, sample: Sample, settings: &[(&str, &str)]) -> Result<Self> {
        let talk = Conversation::pick();
        let (ringdown, pbx) = demo(folder, settings)?;
        let sdk = PublishedSdk::served()?;
        let mut page = sdk.phone(
            folder,
            sample,
            ringdown.ws,
            talk.page_tone,
            talk.page_colour,
        )?;
        page.account(PAGE, pbx)?;
        page.connect()?;
        Ok(Self {
            page,
            ringdown,
            pbx,
            talk,
        })
    }

    /// One's own voice comes back, and one's own picture.
    fn echoes(&mut self, sample: Sample) -> Result<()> {
        let before = self.page.now()?;
        self.page.call("echo")?;
        self.page.call_status("^ESTABLISHED$", SOON)?;
        let from = self.page.now()?;
        self.page.listen(3.5)?;
        self.page.check_it_plays_aloud()?;
        if sample == Sample::PhoneVideo {
            conversation::check_pictures_at(&mut self.page, from, self.talk.page_colour)?;
        }
        self.page.hang_up()?;
        self.page.call_status("^FINISH$", SOON)?;
        let heard = self.page.heard()?;
        let heard = heard.part(before, heard.seconds());
        // Nobody else's tone is in this call: the one that must be absent is just another one.
        let absent = Tone {
            hertz: self.talk.page_tone.hertz + 500.0,
        };
        audio::check_heard(&heard, self.talk.page_tone, absent).map_err(Error::msg)?;
        is_usable(&mut self.page)
    }
}

fn each_number(folder: &Folder, sample: Sample) -> Result<()> {
    let mut demo = Demo::up(folder, sample, &[("no_answer_timeout", "4")])?;
    demo.echoes(sample)?;
    for (n, callee) in ["busy", "reject", "4711"].into_iter().enumerate() {
        demo.page.call(callee)?;
        let failed = format!(
            "window.__said.filter((word) => word === 'FAILED').length === {}",
            n + 1
        );
        demo.page.wait_true(&failed, SOON)?;
        is_usable(&mut demo.page).with_context(|| format!("after {callee}"))?;
    }
    demo.page.call("noanswer")?;
    demo.page.call_status("^RING$", SOON)?;
    demo.page.hang_up()?;
    demo.page.call_status("^FINISH$", SOON)?;
    is_usable(&mut demo.page)?;
    demo.page.call("noanswer")?;
    demo.page.call_status("^RING$", SOON)?;
    demo.page.call_status("^FAILED$", SOON)?;
    is_usable(&mut demo.page)?;
    demo.echoes(sample)?;
    demo.page.check_no_problems()
}

fn the_greeting(folder: &Folder, sample: Sample) -> Result<()> {
    let mut demo = Demo::up(folder, sample, &[])?;
    demo.page.call("ivr")?;
    demo.page.call_status("^ESTABLISHED$", SOON)?;
    demo.page.listen(3.0)?;
    demo.page.check_it_plays_aloud()?;
    let start = GREETING
        .start_in(&demo.page.heard()?)
        .context("no greeting was heard")?;
    ensure!(
        start.fit > 0.8,
        "what was heard is no part of the greeting: {start:?}"
    );
    ensure!(
        start.missing <= FIRST_SYLLABLE,
        "{:.0} ms of the greeting are missing",
        start.missing * 1000.0
    );
    demo.page.hang_up()?;
    demo.page.call_status("^FINISH$", SOON)?;
    demo.page.check_no_problems()
}

/// A phone registered at the same PBX calls the page, and is called by it.
fn a_phone_of_the_pbx(folder: &Folder, sample: Sample) -> Result<()> {
    let mut demo = Demo::up(folder, sample, &[])?;
    let has_video = sample == Sample::PhoneVideo;
    let phone = Phone {
        user: PHONE,
        proxy: demo.pbx,
        tone: demo.talk.phone_tone,
        colour: has_video.then_some(demo.talk.phone_colour),
        answers: true,
        audio_codecs: "PCMU,PCMA",
        video_codecs: "VP8",
    };
    let mut phone = Baresip::start(folder, &phone)?;
    let Demo { page, talk, .. } = &mut demo;

    phone.dial(PAGE.name)?;
    let alert = page.incoming(SOON)?;
    ensure!(
        alert == "You have a new call from 10005",
        "the page says: {alert}"
    );
    page.click("#answerBtn")?;
    page.call_status("^ESTABLISHED$", SOON)?;
    phone.event("CALL_ESTABLISHED", SOON)?;
    converse(page, &mut phone, talk, has_video)?;
    page.hang_up()?;
    phone.event("CALL_CLOSED", SOON)?;
    page.call_status("^FINISH$", SOON)?;
    is_usable(page)?;

    phone.before_a_call()?;
    page.call(PHONE.name)?;
    page.call_status("^ESTABLISHED$", SOON)?;
    phone.event("CALL_ESTABLISHED", SOON)?;
    converse(page, &mut phone, talk, has_video)?;
    phone.hang_up()?;
    page.call_status("^FINISH$", SOON)?;
    is_usable(page)?;
    page.check_no_problems()
}

fn converse(
    page: &mut PhonePage,
    phone: &mut Baresip,
    talk: &Conversation,
    has_video: bool,
) -> Result<()> {
    if has_video {
        let from = page.now()?;
        talk.see(page, phone, from)?;
    }
    talk.hold(page, phone, |page| press_switch(page, "#muteAudioToggle"))
}

#[test]
fn phone_min_meets_each_number() {
    case(|folder| each_number(folder, Sample::Phone));
}

#[test]
fn phone_video_meets_each_number() {
    case(|folder| each_number(folder, Sample::PhoneVideo));
}

#[test]
fn phone_min_hears_the_greeting_from_its_first_syllable() {
    case(|folder| the_greeting(folder, Sample::Phone));
}

#[test]
fn phone_video_hears_the_greeting_from_its_first_syllable() {
    case(|folder| the_greeting(folder, Sample::PhoneVideo));
}

#[test]
fn phone_min_and_a_phone_of_the_pbx_call_each_other() {
    case(|folder| a_phone_of_the_pbx(folder, Sample::Phone));
}

#[test]
fn phone_video_and_a_phone_of_the_pbx_call_each_other() {
    case(|folder| a_phone_of_the_pbx(folder, Sample::PhoneVideo));
}

#[test]
fn the_demo_that_stops_is_told_in_mid_call() {
    case(|folder| {
        let mut demo = Demo::up(folder, Sample::Phone, &[])?;
        demo.page.call("echo")?;
        demo.page.call_status("^ESTABLISHED$", SOON)?;
        let Demo {
            mut page, ringdown, ..
        } = demo;
        let (status, took) = ringdown.interrupt()?;
        ensure!(
            status.success() && took < Duration::from_secs(2),
            "{status} after {took:?}"
        );
        page.wait_text("#regStatus", "^DISCONNECTED$", SOON)?;
        page.check_no_problems()
    });
}

#[test]
fn click_to_call_hears_its_own_echo() {
    case(|folder| {
        let talk = Conversation::pick();
        let (ringdown, pbx) = demo(folder, &[])?;
        let sdk = PublishedSdk::served()?;
        let mut page = sdk.click_to_call(folder, ringdown.ws, talk.page_tone, talk.page_colour)?;
        page.fill_in(PAGE, pbx, "echo")?;
        page.press("Call")?;
        page.status("^Call: ESTABLISHED$", SOON)?;
        page.listen(3.5)?;
        page.check_it_plays_aloud()?;
        page.press("Hangup")?;
        page.status("^Session: DISCONNECTED$", SOON)?;
        let absent = Tone {
            hertz: talk.page_tone.hertz + 500.0,
        };
        audio::check_heard(&page.heard()?, talk.page_tone, absent).map_err(Error::msg)?;
        page.check_no_problems()
    });
}
