//! Everything between a page and a SIP phone, up and registered: browser, Ringdown, Kamailio, baresip.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};

use crate::audio;
use crate::baresip::{Baresip, Phone};
use crate::browser::{Browser, Engine};
use crate::capture::{Capture, Ports, Trace};
use crate::conversation::Conversation;
use crate::folder::Folder;
use crate::kamailio::{Kamailio, Role, USERS, User};
use crate::netns;
use crate::page::PhonePage;
use crate::ports;
use crate::ringdown::Ringdown;
use crate::rtpengine::Rtpengine;

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
    /// Where the proxy lives; the phone lives there, too, if it is IPv6.
    pub proxy_at: IpAddr,
    /// What stands in the page's proxy field, instead of the proxy's address.
    pub proxy_field: Option<&'static str>,
    /// Settings of the server, before those of [`Line::up`].
    pub settings: &'static [(&'static str, &'static str)],
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
            proxy_at: netns::address(),
            proxy_field: None,
            settings: &[],
        }
    }
}

impl Setup {
    /// Voice alone: our Phone page, PCMA.
    #[must_use]
    pub fn voice() -> Self {
        Self {
            page: "phone",
            audio_codecs: "PCMA",
            video_codecs: "",
            ..Self::default()
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
    /// What they say and show.
    pub conversation: Conversation,
    capture: Option<Capture>,
}

impl Line {
    /// Starts everything.
    pub fn up(folder: &Folder, setup: Setup) -> Result<Self> {
        let conversation = Conversation::pick();
        let relay = setup.relay.then(|| Rtpengine::start(folder)).transpose()?;
        let role = Role {
            record_route: setup.record_route,
            relay: relay.as_ref().map(|relay| relay.control),
            ..Role::default()
        };
        let proxy_at = SocketAddr::new(setup.proxy_at, ports::free(2)?);
        let proxy = Kamailio::with(folder, role, proxy_at)?;
        let phone = Phone {
            user: PHONE,
            proxy: proxy.addr,
            tone: conversation.phone_tone,
            colour: (!setup.video_codecs.is_empty()).then_some(conversation.phone_colour),
            answers: setup.phone_answers,
            audio_codecs: setup.audio_codecs,
            video_codecs: setup.video_codecs,
        };
        let phone_at = match setup.proxy_at {
            IpAddr::V4(_) => netns::second_address(),
            v6 => v6,
        };
        let phone = Baresip::start_at(phone_at, folder, &phone)?;
        let first = ports::free(OUR_MEDIA_PORTS)?;
        let our_media = first..=first + OUR_MEDIA_PORTS - 1;
        let (from, to) = (our_media.start().to_string(), our_media.end().to_string());
        let mut settings = vec![("media_port_from", from.as_str()), ("media_port_to", &to)];
        // In a network of its own, as a server has it that nobody has told anything: all sockets open to all, loopback among
        // the addresses, RFC 1918 addresses may be called, and none is trusted for being one.
        let own = format!("{},127.0.0.1", netns::address());
        if !netns::address().is_loopback() {
            settings.extend([("ip_local", ""), ("ip", own.as_str()), ("sip_targets", "")]);
        }
        settings.extend(setup.settings);
        let ringdown = Ringdown::serve(folder, &settings)?;
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
            conversation.page_tone,
            conversation.page_colour,
        )?);
        page.account(PAGE, proxy.addr)?;
        if let Some(field) = setup.proxy_field {
            page.fill("#sipOutboundProxy", field)?;
        }
        page.connect()?;
        Ok(Self {
            page,
            phone,
            ringdown,
            proxy,
            relay,
            our_media,
            conversation,
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

    /// Both hear for a few seconds, and as long as it takes the phone to get a report of ours. They listen one after the
    /// other, because a call must last longer than the 5 s after which baresip sends its own first report.
    pub fn talk(&mut self) -> Result<()> {
        self.page.listen(3.0)?;
        self.phone.hear_steadily(2.5, SOON)?;
        self.page.check_it_plays_aloud()?;
        self.phone.event("CALL_RTCP", SOON)?;
        Ok(())
    }

    /// Decoded pictures at each end since `from` on the page's recording: of the other's colour, and moving.
    pub fn see_each_other(&mut self, from: f64) -> Result<()> {
        self.conversation.see(&mut self.page, &mut self.phone, from)
    }

    /// Both hear the other and not themselves; then both are muted, and hear silence.
    pub fn talk_and_mute(&mut self) -> Result<()> {
        let mute = |page: &mut Browser| page.click("#muteAudioToggle");
        self.conversation
            .hold(&mut self.page, &mut self.phone, mute)
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
        let Conversation {
            page_tone,
            phone_tone,
            ..
        } = self.conversation;
        for (who, heard, other, own) in [
            ("page", page, phone_tone, page_tone),
            ("phone", phone, page_tone, phone_tone),
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
