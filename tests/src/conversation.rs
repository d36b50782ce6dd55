//! Two ends of a call that can be told apart: what each of them must hear and see of the other, and nothing of itself.

use std::time::Duration;

use anyhow::{Error, Result, ensure};

use crate::audio;
use crate::baresip::Baresip;
use crate::browser::Browser;
use crate::picture::Colour;
use crate::tone::Tone;

const SOON: Duration = Duration::from_secs(15);
/// How many pictures each end shows or decodes.
const PICTURES: usize = 20;
/// A call's first pictures may be those of a decoder that has not seen everything yet.
const FIRST_PICTURES: usize = 10;
/// The least of them that must differ from the one before.
const MOVES: usize = 10;
/// Mean difference of two pictures, per channel and pixel, over which something moved.
const MOVED: f64 = 0.2;

/// The tones and colours of this run: a page's and a phone's.
#[derive(Debug, Clone, Copy)]
pub struct Conversation {
    /// What the page's microphone hears.
    pub page_tone: Tone,
    /// What the phone's microphone hears.
    pub phone_tone: Tone,
    /// What the page's camera sees.
    pub page_colour: Colour,
    /// What the phone's camera sees.
    pub phone_colour: Colour,
}

impl Conversation {
    /// Picks them.
    #[must_use]
    pub fn pick() -> Self {
        let (page_tone, phone_tone) = Tone::pick_two();
        let (page_colour, phone_colour) = Colour::pick_two();
        Self {
            page_tone,
            phone_tone,
            page_colour,
            phone_colour,
        }
    }

    /// In an established call: each end hears the other's tone for 2 s without a gap and not its own; then `mute` mutes
    /// the page, the phone is muted too, and both hear silence.
    pub fn hold(
        &self,
        page: &mut Browser,
        phone: &mut Baresip,
        mute: impl FnOnce(&mut Browser) -> Result<()>,
    ) -> Result<()> {
        let from = page.now()?;
        listen(page, phone)?;
        mute(page)?;
        phone.toggle_mute()?;
        page.listen(2.0)?;
        phone.hear(0.5, SOON)?;
        let at_page = page.heard()?;
        let at_page = at_page.part(from, at_page.seconds());
        for (who, heard, other, own) in [
            ("page", at_page, self.phone_tone, self.page_tone),
            ("phone", phone.heard()?, self.page_tone, self.phone_tone),
        ] {
            let clear = audio::check_heard(&heard, other, own)
                .map_err(|error| Error::msg(format!("at the {who}: {error}")))?;
            let after = heard.part(clear.to - 0.1, heard.seconds());
            let silence = audio::longest_silence(&after);
            ensure!(
                silence.seconds() > 1.0,
                "muted, and yet heard at the {who}: {:.2} s of silence",
                silence.seconds()
            );
        }
        Ok(())
    }

    /// Pictures at each end since `from` on the page's timeline: of the other's colour, and moving.
    pub fn see(&self, page: &mut Browser, phone: &mut Baresip, from: f64) -> Result<()> {
        check_pictures_at(page, from, self.phone_colour)?;
        let stills = phone.stills(PICTURES, SOON)?;
        for still in &stills {
            ensure!(
                still.mean.is_near(self.page_colour),
                "{:?} arrived at the phone as {:?}",
                self.page_colour,
                still.mean
            );
        }
        let moves = stills
            .windows(2)
            .filter(|pair| pair[0].difference(&pair[1]) > MOVED)
            .count();
        ensure!(moves >= MOVES, "the phone's picture stands still");
        Ok(())
    }
}

/// Both ends hear at the same time for some seconds, the phone without a pause, and the page plays aloud.
pub fn listen(page: &mut Browser, phone: &Baresip) -> Result<()> {
    std::thread::scope(|scope| {
        let at_phone = scope.spawn(|| phone.hear_steadily(2.5, SOON));
        page.listen(4.0)?;
        let at_phone = at_phone.join();
        at_phone.map_err(|_| Error::msg("the phone's listener panicked"))?
    })?;
    page.check_it_plays_aloud()
}

/// What the page shows since `from` is of this colour, and moves.
pub fn check_pictures_at(page: &mut Browser, from: f64, colour: Colour) -> Result<()> {
    let frames = page.watch(from, FIRST_PICTURES + PICTURES, SOON)?;
    let coloured = frames
        .iter()
        .filter(|frame| frame.mean.is_near(colour))
        .count();
    ensure!(
        coloured >= PICTURES,
        "{coloured} of {} pictures at the page are {colour:?}",
        frames.len(),
    );
    ensure!(
        frames.iter().filter(|frame| frame.change > MOVED).count() >= MOVES,
        "the page's picture stands still"
    );
    Ok(())
}
