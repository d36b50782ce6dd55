//! A browser and a SIP phone talk to each other: Chromium on our Phone Video page, Ringdown, a Kamailio with digest, and
//! baresip. Voice and picture both ways, each direction known by a tone and a colour chosen in this run.

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
use tests::tone::Tone;

const SOON: Duration = Duration::from_secs(10);
const OVER: &str = "FINISH";
const PAGE: usize = 1;
const PHONE: usize = 0;

/// Everything between the page and the phone, both registered. Fields end in this order: the page first.
struct Line {
    page: PhonePage,
    phone: Baresip,
    _ringdown: Ringdown,
    _proxy: Kamailio,
    page_tone: Tone,
    phone_tone: Tone,
    page_colour: Colour,
    phone_colour: Colour,
}

impl Line {
    fn up(folder: &Folder, audio_codecs: &'static str, video_codecs: &'static str) -> Result<Self> {
        let (page_tone, phone_tone) = Tone::pick_two();
        let (page_colour, phone_colour) = Colour::pick_two();
        let proxy = Kamailio::start(folder)?;
        let phone = Phone {
            user: USERS[PHONE],
            proxy: proxy.addr,
            tone: phone_tone,
            colour: Some(phone_colour),
            answers: true,
            audio_codecs,
            video_codecs,
        };
        let phone = Baresip::start(folder, &phone)?;
        let ringdown = Ringdown::serve(folder, &[])?;
        let browser = Browser::open(
            folder,
            &ringdown.page("phone-video"),
            page_tone,
            page_colour,
        )?;
        let mut page = PhonePage::new(browser);
        page.register(USERS[PAGE], &proxy)?;
        Ok(Self {
            page,
            phone,
            _ringdown: ringdown,
            _proxy: proxy,
            page_tone,
            phone_tone,
            page_colour,
            phone_colour,
        })
    }

    /// The page dials; the phone answers by itself.
    fn page_dials(&mut self) -> Result<()> {
        self.phone.before_a_call()?;
        self.page.call(USERS[PHONE].name)?;
        self.page.call_status("ESTABLISHED", SOON)?;
        self.phone.event("CALL_ESTABLISHED", SOON)?;
        Ok(())
    }

    /// The phone dials; a person at the page presses Answer.
    fn phone_dials(&mut self) -> Result<()> {
        self.phone.dial(USERS[PAGE].name)?;
        let alert = self.page.incoming(SOON)?;
        ensure!(
            alert.contains(USERS[PHONE].name),
            "the alert does not name the caller: {alert}"
        );
        self.page.click("#answerBtn")?;
        self.page.call_status("ESTABLISHED", SOON)?;
        self.phone.event("CALL_ESTABLISHED", SOON)?;
        Ok(())
    }

    /// 20 decoded pictures at each end: of the other's colour, and moving.
    fn see_each_other(&mut self, from: f64) -> Result<()> {
        let frames = self.page.watch(from, 20, SOON)?;
        let coloured = frames
            .iter()
            .filter(|frame| frame.mean.is_near(self.phone_colour))
            .count();
        ensure!(
            coloured >= 20,
            "{coloured} of {} pictures at the page are {:?}",
            frames.len(),
            self.phone_colour
        );
        ensure!(
            frames.iter().filter(|frame| frame.change > 0.2).count() >= 10,
            "the page's picture stands still"
        );
        let stills = self.phone.stills(20, SOON)?;
        for still in &stills {
            ensure!(
                still.mean.is_near(self.page_colour),
                "{:?} arrived as {:?}",
                self.page_colour,
                still.mean
            );
        }
        let moves = stills
            .windows(2)
            .filter(|pair| pair[0].difference(&pair[1]) > 0.2)
            .count();
        ensure!(moves >= 10, "the phone's picture stands still");
        Ok(())
    }

    /// One call, from established to muted: sound and pictures both ways, then silence both ways.
    fn talk_and_mute(&mut self) -> Result<()> {
        let from = self.page.now()?;
        self.page.listen(3.0)?;
        self.phone.hear_steadily(2.5, SOON)?;
        self.page.check_it_plays_aloud()?;
        self.see_each_other(from)?;
        self.page.click("#muteAudioToggle")?;
        self.phone.toggle_mute()?;
        self.page.listen(2.0)?;
        self.phone.hear(0.5, SOON)
    }

    /// What was recorded at both ends: the other's tone, nothing of one's own, and silence after the mute.
    fn check_sound(&mut self) -> Result<()> {
        let (page, phone) = (self.page.heard()?, self.phone.heard()?);
        for (who, heard, other, own) in [
            ("page", page, self.phone_tone, self.page_tone),
            ("phone", phone, self.page_tone, self.phone_tone),
        ] {
            let clear = audio::check_heard(&heard, other, own).map_err(Error::msg)?;
            let after = heard.part(clear.to - 0.1, heard.seconds());
            let silence = audio::longest_silence(&after);
            ensure!(
                silence.seconds() > 1.0,
                "muted, and yet heard at the {who}: {:.2} s of silence",
                silence.seconds()
            );
        }
        self.page.check_no_problems()
    }
}

#[test]
fn the_page_calls_and_the_phone_hangs_up() {
    case(|folder| {
        let mut line = Line::up(folder, "opus/48000/2,PCMU", "VP8")?;
        line.page_dials()?;
        line.talk_and_mute()?;
        line.phone.hang_up()?;
        line.page.call_status(OVER, SOON)?;
        line.check_sound()
    });
}

#[test]
fn the_phone_calls_and_the_page_hangs_up() {
    case(|folder| {
        let mut line = Line::up(folder, "opus/48000/2,PCMU", "VP8")?;
        line.phone_dials()?;
        line.talk_and_mute()?;
        line.page.hang_up()?;
        line.phone.event("CALL_CLOSED", SOON)?;
        line.page.call_status(OVER, SOON)?;
        line.check_sound()
    });
}

#[test]
fn g711_and_h264_pass_too_and_the_caller_hangs_up() {
    case(|folder| {
        let mut line = Line::up(folder, "PCMA", "H264")?;
        line.page_dials()?;
        line.talk_and_mute()?;
        line.page.hang_up()?;
        line.phone.event("CALL_CLOSED", SOON)?;
        line.page.call_status(OVER, SOON)?;
        line.check_sound()
    });
}
