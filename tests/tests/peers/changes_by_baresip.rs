//! baresip and a page hold and resume each other. The page has no browser.

use std::time::Duration;

use anyhow::{Context, Error, Result};
use tests::audio;
use tests::baresip::{Baresip, Phone};
use tests::bot::{Bot, Login, Manner};
use tests::capture::{Capture, Ports};
use tests::folder::{Folder, case};
use tests::kamailio::{Kamailio, USERS, User};
use tests::ringdown::Ringdown;
use tests::tone::Tone;
use tests::wait;
use tests::wav::Recording;

use crate::changes::{HEARD, HELD, Marks, ON_ITS_WAY, silent};

const SOON: Duration = Duration::from_secs(10);
/// The page's account.
const PAGE: User = USERS[1];
/// The phone's account.
const PHONE: User = USERS[0];

/// A page and baresip, both registered at Kamailio. Fields end in this order: the page first.
struct Desk {
    page: Bot,
    phone: Baresip,
    _ringdown: Ringdown,
    /// baresip 1.0 records nothing more of what it hears once a call was held, so this says what came to it.
    capture: Capture,
    _proxy: Kamailio,
    page_tone: Tone,
    phone_tone: Tone,
}

impl Desk {
    fn up(folder: &Folder) -> Result<Self> {
        let (page_tone, phone_tone) = Tone::pick_two();
        let proxy = Kamailio::start(folder)?;
        let phone = Phone {
            user: PHONE,
            proxy: proxy.addr,
            tone: phone_tone,
            colour: None,
            answers: true,
            audio_codecs: "PCMU",
            video_codecs: "",
        };
        let phone = Baresip::start(folder, &phone)?;
        let ports = Ports {
            their_media: vec![phone.rtp_ports.clone()],
            ..Ports::default()
        };
        let capture = Capture::start(folder, ports)?;
        let ringdown = Ringdown::serve(folder, &[])?;
        let login = Login {
            user: PAGE,
            server: proxy.addr,
            registers: true,
        };
        Ok(Self {
            page: Bot::open(&ringdown, &login, Manner::Answers, page_tone)?,
            phone,
            _ringdown: ringdown,
            capture,
            _proxy: proxy,
            page_tone,
            phone_tone,
        })
    }

    /// The page calls; each hears the other.
    fn the_page_calls(&mut self) -> Result<String> {
        let id = self.page.call(PHONE.name)?;
        self.page.wait_for(&id, "ESTABLISHED", SOON)?;
        self.each_hears_the_other(&id)?;
        Ok(id)
    }

    /// The phone calls; each hears the other.
    fn the_phone_calls(&mut self) -> Result<String> {
        self.phone.dial(PAGE.name)?;
        let id = self.page.incoming(0)?;
        self.page.wait_for(&id, "ESTABLISHED", SOON)?;
        self.each_hears_the_other(&id)?;
        Ok(id)
    }

    fn came_to_the_phone(&mut self) -> Result<Recording> {
        self.capture.sound_to(&self.phone.rtp_ports)
    }

    fn marks(&mut self, id: &str) -> Result<Marks> {
        Ok(Marks {
            page: self.page.heard(id)?.seconds(),
            phone: self.came_to_the_phone()?.seconds(),
        })
    }

    fn heard_since(&mut self, id: &str, marks: Marks) -> Result<(Recording, Recording)> {
        let since = |heard: Recording, mark| heard.part(mark, f64::INFINITY);
        Ok((
            since(self.page.heard(id)?, marks.page),
            since(self.came_to_the_phone()?, marks.phone),
        ))
    }

    /// Waits until so much sound has come to the phone since the marks.
    fn phone_hears(&mut self, marks: Marks, seconds: f64) -> Result<()> {
        wait::until_true("sound for baresip", SOON, || {
            Ok(self.came_to_the_phone()?.seconds() >= marks.phone + seconds)
        })
    }

    /// From now on each hears the other's tone, and not its own.
    fn each_hears_the_other(&mut self, id: &str) -> Result<()> {
        let marks = self.marks(id)?;
        self.phone_hears(marks, 2.0 * HEARD)?;
        self.page.hear(id, HEARD, SOON)?;
        let (at_page, at_phone) = self.heard_since(id, marks)?;
        let check = audio::check_heard_for(&at_page, self.phone_tone, self.page_tone, HEARD);
        check.map_err(Error::msg).context("at the page")?;
        let check = audio::check_heard_for(&at_phone, self.page_tone, self.phone_tone, HEARD);
        check.map_err(Error::msg).context("at baresip")?;
        Ok(())
    }
}

#[test]
fn a_page_holds_and_resumes_baresip() {
    case(|folder| {
        let mut desk = Desk::up(folder)?;
        let id = desk.the_phone_calls()?;
        desk.page.hold(&id)?;
        desk.page.wait_for(&id, "HOLD", SOON)?;
        let marks = desk.marks(&id)?;
        desk.phone_hears(marks, HELD + ON_ITS_WAY)?;
        let (at_page, at_phone) = desk.heard_since(&id, marks)?;
        silent(&at_phone).context("at baresip, which is held")?;
        silent(&at_page).context("at the page, which holds")?;
        desk.page.unhold(&id)?;
        desk.page.wait_for_times(&id, "ESTABLISHED", 2, SOON)?;
        desk.each_hears_the_other(&id)?;
        desk.phone.hang_up()?;
        desk.page.wait_for(&id, "FINISH", SOON).map(drop)
    });
}

#[test]
fn baresip_holds_and_resumes() {
    case(|folder| {
        let mut desk = Desk::up(folder)?;
        let id = desk.the_page_calls()?;
        desk.phone.hold()?;
        desk.page.wait_for(&id, "HOLD", SOON)?;
        desk.phone.resume()?;
        desk.page.wait_for_times(&id, "ESTABLISHED", 2, SOON)?;
        desk.each_hears_the_other(&id)?;
        desk.phone.hang_up()?;
        desk.page.wait_for(&id, "FINISH", SOON).map(drop)
    });
}
