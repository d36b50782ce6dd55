//! The published pages against `ringdown demo`: each number of its test PBX, and a phone that is registered there. What
//! the PBX says and when is held by our own pages ([`crate::demo`]) and beneath them.

use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};
use tests::audio;
use tests::baresip::{Baresip, Phone};
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
    fn echoes(&mut self) -> Result<()> {
        let before = self.page.now()?;
        self.page.call("echo")?;
        self.page.call_status("^ESTABLISHED$", SOON)?;
        let from = self.page.now()?;
        self.page.listen(3.5)?;
        self.page.check_it_plays_aloud()?;
        conversation::check_pictures_at(&mut self.page, from, self.talk.page_colour)?;
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

fn each_number(folder: &Folder) -> Result<()> {
    let mut demo = Demo::up(folder, Sample::PhoneVideo, &[("no_answer_timeout", "4")])?;
    demo.echoes()?;
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
    demo.echoes()?;
    demo.page.check_no_problems()
}

/// A phone registered at the same PBX calls the page, and is called by it.
fn a_phone_of_the_pbx(folder: &Folder) -> Result<()> {
    let mut demo = Demo::up(folder, Sample::PhoneVideo, &[])?;
    let phone = Phone {
        user: PHONE,
        proxy: demo.pbx,
        tone: demo.talk.phone_tone,
        colour: Some(demo.talk.phone_colour),
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
    converse(page, &mut phone, talk)?;
    page.hang_up()?;
    phone.event("CALL_CLOSED", SOON)?;
    page.call_status("^FINISH$", SOON)?;
    is_usable(page)?;

    phone.before_a_call()?;
    page.call(PHONE.name)?;
    page.call_status("^ESTABLISHED$", SOON)?;
    phone.event("CALL_ESTABLISHED", SOON)?;
    converse(page, &mut phone, talk)?;
    phone.hang_up()?;
    page.call_status("^FINISH$", SOON)?;
    is_usable(page)?;
    page.check_no_problems()
}

fn converse(page: &mut PhonePage, phone: &mut Baresip, talk: &Conversation) -> Result<()> {
    let from = page.now()?;
    talk.see(page, phone, from)?;
    talk.hold(page, phone, |page| press_switch(page, "#muteAudioToggle"))
}

#[test]
fn phone_video_meets_each_number() {
    case(each_number);
}

#[test]
fn phone_video_and_a_phone_of_the_pbx_call_each_other() {
    case(a_phone_of_the_pbx);
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
