//! Everything between a published page and a SIP phone, and what a person at that page does and sees.

use std::ops::DerefMut;
use std::time::Duration;

use anyhow::{Result, ensure};
use tests::baresip::{Baresip, Phone};
use tests::browser::Browser;
use tests::conversation::Conversation;
use tests::folder::Folder;
use tests::kamailio::{Kamailio, USERS, User};
use tests::page::PhonePage;
use tests::published_sdk::{self, ClickToCall, PublishedSdk, Sample};
use tests::ringdown::Ringdown;

/// Whatever a person would not like to wait for longer.
pub(crate) const SOON: Duration = Duration::from_secs(15);
/// The page's account.
pub(crate) const PAGE: User = USERS[1];
/// The phone's account.
pub(crate) const PHONE: User = USERS[0];

/// Both ends, and the servers between them. Fields end in this order: the page first.
pub(crate) struct Line<Page> {
    pub(crate) page: Page,
    pub(crate) phone: Baresip,
    pub(crate) ringdown: Ringdown,
    pub(crate) proxy: Kamailio,
    pub(crate) talk: Conversation,
}

impl Line<PhonePage> {
    /// One of the phones, registered; `answers`: whether the SIP phone does so by itself.
    pub(crate) fn up(
        folder: &Folder,
        sample: Sample,
        answers: bool,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let has_video = sample == Sample::PhoneVideo;
        let mut line = Self::with_page(folder, has_video, answers, settings, |ringdown, talk| {
            let sdk = PublishedSdk::served()?;
            sdk.phone(
                folder,
                sample,
                ringdown.ws,
                talk.page_tone,
                talk.page_colour,
            )
        })?;
        line.page.register(PAGE, &line.proxy)?;
        Ok(line)
    }

    /// The page dials until it is told that the call is up, and plays it.
    pub(crate) fn page_calls(&mut self) -> Result<()> {
        self.phone.before_a_call()?;
        self.page.call(PHONE.name)?;
        self.page.call_status("ESTABLISHED", SOON)?;
        self.phone.event("CALL_ESTABLISHED", SOON)?;
        published_sdk::wait_playing(&mut self.page)
    }

    /// The phone dials until the page tells of it in the published words.
    pub(crate) fn phone_calls(&mut self) -> Result<()> {
        self.phone.dial(PAGE.name)?;
        let alert = self.page.incoming(SOON)?;
        ensure!(
            alert == format!("You have a new call from {}", PHONE.name),
            "the page says: {alert}"
        );
        self.page.call_status("RING", SOON).map(drop)
    }

    /// A person presses Answer.
    pub(crate) fn page_answers(&mut self) -> Result<()> {
        self.page.click("#answerBtn")?;
        self.page.call_status("ESTABLISHED", SOON)?;
        self.phone.event("CALL_ESTABLISHED", SOON)?;
        published_sdk::wait_playing(&mut self.page)
    }

    /// Voice both ways, pictures where the page has a camera, then silence both ways.
    pub(crate) fn converse(&mut self, sample: Sample) -> Result<()> {
        if sample == Sample::PhoneVideo {
            let from = self.page.now()?;
            self.talk.see(&mut self.page, &mut self.phone, from)?;
        }
        self.talk.hold(&mut self.page, &mut self.phone, |page| {
            published_sdk::press_switch(page, "#muteAudioToggle")
        })
    }

    /// The call is over at both ends, with this word, and the page can dial again.
    pub(crate) fn over(&mut self, word: &str) -> Result<()> {
        self.phone.event("CALL_CLOSED", SOON)?;
        self.page.call_status(&format!("^{word}$"), SOON)?;
        is_usable(&mut self.page)
    }
}

impl Line<ClickToCall> {
    /// The page with one button, its form filled in.
    pub(crate) fn with_button(
        folder: &Folder,
        answers: bool,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let mut line = Self::with_page(folder, false, answers, settings, |ringdown, talk| {
            let sdk = PublishedSdk::served()?;
            sdk.click_to_call(folder, ringdown.ws, talk.page_tone, talk.page_colour)
        })?;
        line.page.fill_in(PAGE, line.proxy.addr, PHONE.name)?;
        Ok(line)
    }
}

impl<Page: DerefMut<Target = Browser>> Line<Page> {
    fn with_page(
        folder: &Folder,
        has_video: bool,
        answers: bool,
        settings: &[(&str, &str)],
        page: impl FnOnce(&Ringdown, &Conversation) -> Result<Page>,
    ) -> Result<Self> {
        let talk = Conversation::pick();
        let proxy = Kamailio::start(folder)?;
        let phone = Phone {
            user: PHONE,
            proxy: proxy.addr,
            tone: talk.phone_tone,
            colour: has_video.then_some(talk.phone_colour),
            answers,
            audio_codecs: "opus/48000/2,PCMU",
            video_codecs: "VP8",
        };
        let phone = Baresip::start(folder, &phone)?;
        let ringdown = Ringdown::serve(folder, settings)?;
        let page = page(&ringdown, &talk)?;
        Ok(Self {
            page,
            phone,
            ringdown,
            proxy,
            talk,
        })
    }
}

/// A person could dial now: the fields for a call that comes in are gone, and the button to call is there.
pub(crate) fn is_usable(page: &mut Browser) -> Result<()> {
    let usable = "$('#callBtn').is(':visible:enabled') && $('#callBtn').text() === 'Call' \
        && $('#callee').is(':visible:enabled') && !$('#incomingCall, #incomingCallAlert').is(':visible')";
    page.wait_true(usable, SOON)
}
