//! A voice line: a page in Chromium and a baresip, both registered at one Kamailio, with Ringdown between.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Error, Result};

use crate::audio;
use crate::baresip::{Baresip, Phone};
use crate::browser::Browser;
use crate::folder::Folder;
use crate::kamailio::{Kamailio, USERS};
use crate::page::PhonePage;
use crate::picture::Colour;
use crate::ports;
use crate::ringdown::Ringdown;
use crate::tone::Tone;

const SOON: Duration = Duration::from_secs(10);
const PAGE: usize = 1;
const PHONE: usize = 0;

/// Page and phone, both registered. Fields end in this order: the page first.
#[derive(Debug)]
pub struct VoiceLine {
    /// See there.
    pub page: PhonePage,
    /// See there.
    pub phone: Baresip,
    /// See there.
    pub ringdown: Ringdown,
    /// See there.
    pub proxy: Kamailio,
    page_tone: Tone,
    phone_tone: Tone,
}

impl VoiceLine {
    /// Starts all of it: the proxy at a free port of `proxy_ip`, the server with `settings`, the phone page with
    /// `proxy_field` in its proxy field, or with the proxy's address.
    pub fn up(
        folder: &Folder,
        proxy_ip: IpAddr,
        settings: &[(&str, &str)],
        proxy_field: Option<&str>,
    ) -> Result<Self> {
        let (page_tone, phone_tone) = Tone::pick_two();
        let addr = SocketAddr::new(proxy_ip, ports::free(2)?);
        let proxy = Kamailio::start_on(folder, addr)?;
        let phone = Phone {
            user: USERS[PHONE],
            proxy: proxy.addr,
            tone: phone_tone,
            colour: None,
            answers: true,
            audio_codecs: "PCMA",
            video_codecs: "",
        };
        let phone = Baresip::start(folder, &phone)?;
        let ringdown = Ringdown::serve(folder, settings)?;
        let (colour, _) = Colour::pick_two();
        let browser = Browser::open(folder, &ringdown.page("phone"), page_tone, colour)?;
        let mut page = PhonePage::new(browser);
        page.account(USERS[PAGE], proxy.addr)?;
        if let Some(field) = proxy_field {
            page.fill("#sipOutboundProxy", field)?;
        }
        page.connect()?;
        Ok(Self {
            page,
            phone,
            ringdown,
            proxy,
            page_tone,
            phone_tone,
        })
    }

    /// The page dials; the phone answers by itself.
    pub fn page_dials(&mut self) -> Result<()> {
        self.phone.before_a_call()?;
        self.page.call(USERS[PHONE].name)?;
        self.page.call_status("ESTABLISHED", SOON)?;
        self.phone.event("CALL_ESTABLISHED", SOON).map(drop)
    }

    /// The phone dials; a person at the page presses Answer.
    pub fn phone_dials(&mut self) -> Result<()> {
        self.phone.dial(USERS[PAGE].name)?;
        self.page.incoming(SOON)?;
        self.page.click("#answerBtn")?;
        self.page.call_status("ESTABLISHED", SOON)?;
        self.phone.event("CALL_ESTABLISHED", SOON).map(drop)
    }

    /// Both hear the other's tone and nothing of their own.
    pub fn talk(&mut self) -> Result<()> {
        let from = self.page.now()?;
        self.page.listen(3.0)?;
        self.phone.hear_steadily(2.5, SOON)?;
        let page = self.page.heard()?;
        let page = page.part(from, page.seconds());
        audio::check_heard(&page, self.phone_tone, self.page_tone).map_err(Error::msg)?;
        audio::check_heard(&self.phone.heard()?, self.page_tone, self.phone_tone)
            .map(drop)
            .map_err(Error::msg)
    }

    /// The page hangs up, and both say so.
    pub fn page_hangs_up(&mut self) -> Result<()> {
        self.page.hang_up()?;
        self.phone.event("CALL_CLOSED", SOON)?;
        self.page.call_status("FINISH", SOON).map(drop)
    }

    /// The phone hangs up, and the page says so.
    pub fn phone_hangs_up(&mut self) -> Result<()> {
        self.phone.hang_up()?;
        self.page.call_status("FINISH", SOON).map(drop)
    }
}
