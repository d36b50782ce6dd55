//! A browser and a SIP phone talk to each other, and what lies between page and proxy is one TCP connection: Chromium,
//! Ringdown, a Kamailio with digest, and baresip.

use std::time::Duration;

use anyhow::{Error, Result, ensure};
use tests::audio;
use tests::baresip::{Baresip, Phone};
use tests::browser::Browser;
use tests::folder::{Folder, case};
use tests::kamailio::{Kamailio, USERS};
use tests::page::PhonePage;
use tests::picture::Colour;
use tests::ringdown::Ringdown;
use tests::sockets;
use tests::tone::Tone;

const SOON: Duration = Duration::from_secs(10);
const PAGE: usize = 1;
const PHONE: usize = 0;

/// Page and phone, both registered. Fields end in this order: the page first.
struct Line {
    page: PhonePage,
    phone: Baresip,
    ringdown: Ringdown,
    proxy: Kamailio,
    page_tone: Tone,
    phone_tone: Tone,
}

impl Line {
    fn up(folder: &Folder, settings: &[(&str, &str)], proxy_field: Option<&str>) -> Result<Self> {
        let (page_tone, phone_tone) = Tone::pick_two();
        let proxy = Kamailio::start(folder)?;
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

    fn page_dials(&mut self) -> Result<()> {
        self.phone.before_a_call()?;
        self.page.call(USERS[PHONE].name)?;
        self.page.call_status("ESTABLISHED", SOON)?;
        self.phone.event("CALL_ESTABLISHED", SOON).map(drop)
    }

    fn phone_dials(&mut self) -> Result<()> {
        self.phone.dial(USERS[PAGE].name)?;
        self.page.incoming(SOON)?;
        self.page.click("#answerBtn")?;
        self.page.call_status("ESTABLISHED", SOON)?;
        self.phone.event("CALL_ESTABLISHED", SOON).map(drop)
    }

    /// Both hear the other's tone and nothing of their own.
    fn talk(&mut self) -> Result<()> {
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

    /// One connection between server and proxy, made once and used both ways.
    fn check_one_connection(&self) -> Result<()> {
        let proxy = self.proxy.addr;
        let all = sockets::connections(self.ringdown.id())?;
        let of_sip = all
            .iter()
            .filter(|(local, remote)| *remote == proxy || local.port() == self.ringdown.sip.port());
        let count = of_sip.count();
        ensure!(count == 1, "{count} SIP connections, of {all:?}");
        Ok(())
    }
}

fn calls_both_ways(folder: &Folder, settings: &[(&str, &str)], field: Option<&str>) -> Result<()> {
    let mut line = Line::up(folder, settings, field)?;
    line.page_dials()?;
    line.talk()?;
    line.phone.hang_up()?;
    line.page.call_status("FINISH", SOON)?;
    line.check_one_connection()?;
    line.phone_dials()?;
    line.talk()?;
    line.page.hang_up()?;
    line.phone.event("CALL_CLOSED", SOON)?;
    line.page.call_status("FINISH", SOON)?;
    line.check_one_connection()?;
    line.page.check_no_problems()
}

#[test]
fn tcp_by_the_setting() {
    case(|folder| calls_both_ways(folder, &[("sip_transport", "tcp")], None));
}

#[test]
fn tcp_by_the_proxy_field_of_the_page() {
    case(|folder| calls_both_ways(folder, &[], Some("sip:127.0.0.1;transport=tcp")));
}
