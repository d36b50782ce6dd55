//! Everything between a page and a SIP phone, up and registered: browser, Ringdown, Kamailio, baresip.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};

use crate::audio;
use crate::baresip::{Baresip, Phone};
use crate::browser::{Browser, Engine};
use crate::capture::{Capture, Ports, Trace};
use crate::folder::Folder;
use crate::kamailio::{Kamailio, Role, USERS, User};
use crate::netns;
use crate::page::PhonePage;
use crate::picture::Colour;
use crate::ports;
use crate::ringdown::Ringdown;
use crate::rtpengine::Rtpengine;
use crate::tone::Tone;

const SOON: Duration = Duration::from_secs(10);
const OUR_MEDIA_PORTS: u16 = 20;

/// The account of the page.
pub const PAGE: User = USERS[1];
/// The account of the phone.
pub const PHONE: User = USERS[0];

/// What stands between them.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// The browser.
    pub engine: Engine,
    /// `phone` or `phone-video`.
    pub page: &'static str,
    /// The phone's codecs in baresip's notation.
    pub audio_codecs: &'static str,
    /// The same for video; without any the phone has no camera.
    pub video_codecs: &'static str,
    /// Whether the phone answers by itself.
    pub phone_answers: bool,
    /// Whether the proxy stays in the way of a call's later requests.
    pub record_route: bool,
    /// Whether the proxy has an rtpengine through which all RTP goes.
    pub relay: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            engine: Engine::Chromium,
            page: "phone-video",
            audio_codecs: "opus/48000/2,PCMU",
            video_codecs: "VP8",
            phone_answers: true,
            record_route: true,
            relay: false,
        }
    }
}

/// A page and a phone that can call each other, every packet between them recorded. The phone lives at another address
/// than the proxy, and the server trusts only whom it must: no test is easier than a server's life. Fields end in this order: the page
/// first.
#[derive(Debug)]
pub struct Line {
    /// The page.
    pub page: PhonePage,
    /// The phone.
    pub phone: Baresip,
    /// The server.
    pub ringdown: Ringdown,
    /// The proxy.
    pub proxy: Kamailio,
    /// The media relay, where there is one.
    pub relay: Option<Rtpengine>,
    /// Our RTP and RTCP ports.
    pub our_media: RangeInclusive<u16>,
    /// What the page's microphone hears.
    pub page_tone: Tone,
    /// What the phone's microphone hears.
    pub phone_tone: Tone,
    page_colour: Colour,
    phone_colour: Colour,
    capture: Option<Capture>,
}

impl Line {
    /// Starts everything.
    pub fn up(folder: &Folder, setup: Setup) -> Result<Self> {
        let (page_tone, phone_tone) = Tone::pick_two();
        let (page_colour, phone_colour) = Colour::pick_two();
        let relay = setup.relay.then(|| Rtpengine::start(folder)).transpose()?;
        let role = Role {
            record_route: setup.record_route,
            relay: relay.as_ref().map(|relay| relay.control),
        };
        let proxy = Kamailio::with(folder, role)?;
        let phone = Phone {
            user: PHONE,
            proxy: proxy.addr,
            tone: phone_tone,
            colour: (!setup.video_codecs.is_empty()).then_some(phone_colour),
            answers: setup.phone_answers,
            audio_codecs: setup.audio_codecs,
            video_codecs: setup.video_codecs,
        };
        let phone = Baresip::start_at(netns::second_address(), folder, &phone)?;
        let first = ports::free(OUR_MEDIA_PORTS)?;
        let our_media = first..=first + OUR_MEDIA_PORTS - 1;
        let (from, to) = (our_media.start().to_string(), our_media.end().to_string());
        let ringdown = Ringdown::serve(
            folder,
            &[
                ("media_port_from", &from),
                ("media_port_to", &to),
                // As a server has it that nobody has told anything: all sockets open to all, loopback among the addresses,
                // RFC 1918 addresses may be called, and none is trusted for being one.
                ("ip_local", ""),
                ("ip", &format!("{},127.0.0.1", netns::address())),
                ("sip_targets", ""),
            ],
        )?;
        let relayed = relay.as_ref().map(|relay| relay.media.clone());
        let watched = Ports {
            our_sip: vec![ringdown.sip.port()],
            our_media: vec![our_media.clone()],
            their_sip: vec![proxy.addr.port(), phone.sip.port()],
            their_media: [Some(phone.rtp_ports.clone()), relayed]
                .into_iter()
                .flatten()
                .collect(),
        };
        let capture = Capture::start(folder, watched)?;
        let url = ringdown.page(setup.page);
        let mut page = PhonePage::new(Browser::open_in(
            setup.engine,
            folder,
            &url,
            page_tone,
            page_colour,
        )?);
        page.register(PAGE, &proxy)?;
        Ok(Self {
            page,
            phone,
            ringdown,
            proxy,
            relay,
            our_media,
            page_tone,
            phone_tone,
            page_colour,
            phone_colour,
            capture: Some(capture),
        })
    }

    /// The page dials; the phone answers by itself.
    pub fn page_dials(&mut self) -> Result<()> {
        self.phone.before_a_call()?;
        self.page.call(PHONE.name)?;
        self.page.call_status("ESTABLISHED", SOON)?;
        self.phone.event("CALL_ESTABLISHED", SOON)?;
        Ok(())
    }

    /// The phone dials; a person at the page presses Answer.
    pub fn phone_dials(&mut self) -> Result<()> {
        self.phone.dial(PAGE.name)?;
        let alert = self.page.incoming(SOON)?;
        ensure!(
            alert.contains(PHONE.name),
            "the alert does not name the caller: {alert}"
        );
        self.page.click("#answerBtn")?;
        self.page.call_status("ESTABLISHED", SOON)?;
        self.phone.event("CALL_ESTABLISHED", SOON)?;
        Ok(())
    }

    /// Both hear for a few seconds, and as long as it takes the phone to get a report of ours.
    pub fn talk(&mut self) -> Result<()> {
        self.page.listen(3.0)?;
        self.phone.hear_steadily(2.5, SOON)?;
        self.page.check_it_plays_aloud()?;
        self.phone.event("CALL_RTCP", SOON)?;
        Ok(())
    }

    /// 20 decoded pictures at each end since `from` on the page's recording: of the other's colour, and moving.
    pub fn see_each_other(&mut self, from: f64) -> Result<()> {
        let frames = self.page.watch(from, 20, SOON)?;
        let coloured = frames
            .iter()
            .filter(|frame| frame.mean.is_near(self.phone_colour));
        let (coloured, all) = (coloured.count(), frames.len());
        ensure!(
            coloured >= 20,
            "{coloured} of {all} pictures at the page are {:?}: {frames:?}",
            self.phone_colour
        );
        let moves = frames.iter().filter(|frame| frame.change > 0.2).count();
        ensure!(moves >= 10, "the page's picture stands still");
        let stills = self.phone.stills(20, SOON)?;
        for still in &stills {
            ensure!(
                still.mean.is_near(self.page_colour),
                "{:?} arrived as {:?}",
                self.page_colour,
                still.mean
            );
        }
        let pairs = stills.windows(2);
        let moves = pairs
            .filter(|pair| pair[0].difference(&pair[1]) > 0.2)
            .count();
        ensure!(moves >= 10, "the phone's picture stands still");
        Ok(())
    }

    /// The page hangs up, and the phone hears of it.
    pub fn page_hangs_up(&mut self) -> Result<()> {
        self.page.hang_up()?;
        self.phone.event("CALL_CLOSED", SOON)?;
        self.page.call_status("FINISH", SOON).map(drop)
    }

    /// The phone hangs up, and the page hears of it.
    pub fn phone_hangs_up(&mut self) -> Result<()> {
        self.phone.hang_up()?;
        self.page.call_status("FINISH", SOON).map(drop)
    }

    /// What was recorded at both ends: the other's tone, and nothing of one's own. The page did not complain.
    pub fn check_sound(&mut self) -> Result<()> {
        let (page, phone) = (self.page.heard()?, self.phone.heard()?);
        for (who, heard, other, own) in [
            ("page", page, self.phone_tone, self.page_tone),
            ("phone", phone, self.page_tone, self.phone_tone),
        ] {
            let heard = audio::check_heard(&heard, other, own).map_err(Error::msg);
            heard.with_context(|| format!("at the {who}"))?;
        }
        self.page.check_no_problems()
    }

    /// Ends the recording of packets and gives them.
    pub fn trace(&mut self) -> Result<Trace> {
        self.capture.take().context("the capture is over")?.stop()
    }
}
