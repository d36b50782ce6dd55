//! `ringdown demo` as a newcomer meets it: the printed address, Connect, Call, with the values already filled.

use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};
use tests::audio;
use tests::browser::Browser;
use tests::chirp::{Start, Sweep};
use tests::folder::{Folder, case};
use tests::page::PhonePage;
use tests::picture::Colour;
use tests::ringdown::Ringdown;
use tests::tone::Tone;

const SOON: Duration = Duration::from_secs(10);
/// What the test PBX plays as `ivr`.
const GREETING: Sweep = Sweep {
    from_hertz: 300.0,
    to_hertz: 3000.0,
    seconds: 2.0,
};
/// How much of the greeting may be missing.
const FIRST_SYLLABLE: f64 = 0.020;

struct Demo {
    page: PhonePage,
    ringdown: Ringdown,
    tone: Tone,
    colour: Colour,
}

impl Demo {
    fn up(folder: &Folder, settings: &[(&str, &str)]) -> Result<Self> {
        let (tone, _) = Tone::pick_two();
        let (colour, _) = Colour::pick_two();
        let mut ringdown = Ringdown::demo(folder, settings)?;
        let line = ringdown.line("the address to open", SOON, |line| line.contains("http://"))?;
        let address = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .context("no address")?;
        let address = format!("{}/pages/phone-video/", address.trim_end_matches('/'));
        let mut page = PhonePage::new(Browser::open(folder, &address, tone, colour)?);
        page.connect()?;
        Ok(Self {
            page,
            ringdown,
            tone,
            colour,
        })
    }

    /// Calls the greeting and measures how much of its start is missing.
    fn greeting(&mut self) -> Result<Start> {
        self.page.call("ivr")?;
        self.page.call_status("ESTABLISHED", SOON)?;
        self.page.listen(3.0)?;
        self.page.check_it_plays_aloud()?;
        let start = GREETING
            .start_in(&self.page.heard()?)
            .context("no greeting was heard")?;
        ensure!(
            start.fit > 0.8,
            "what was heard is no part of the greeting: {start:?}"
        );
        Ok(start)
    }
}

#[test]
fn echo_gives_back_ones_own_voice_and_picture() {
    case(|folder| {
        let mut demo = Demo::up(folder, &[])?;
        demo.page.call("echo")?;
        demo.page
            .call_status("ESTABLISHED", Duration::from_secs(5))?;
        let from = demo.page.now()?;
        demo.page.listen(3.5)?;
        demo.page.check_it_plays_aloud()?;
        let frames = demo.page.watch(from, 20, SOON)?;
        let coloured = frames
            .iter()
            .filter(|frame| frame.mean.is_near(demo.colour))
            .count();
        ensure!(
            coloured >= 20,
            "{coloured} of {} pictures are {:?}",
            frames.len(),
            demo.colour
        );
        ensure!(
            frames.iter().filter(|frame| frame.change > 0.2).count() >= 10,
            "the picture stands still"
        );
        demo.page.hang_up()?;
        demo.page.call_status("FINISH", SOON)?;
        // Nobody else's tone is in this call: the one that must be absent is just another one.
        let absent = Tone {
            hertz: demo.tone.hertz + 500.0,
        };
        audio::check_heard(&demo.page.heard()?, demo.tone, absent).map_err(Error::msg)?;
        demo.page.check_no_problems()
    });
}

#[test]
fn on_hold_nothing_comes_back_until_the_call_is_resumed() {
    case(|folder| {
        let mut demo = Demo::up(folder, &[])?;
        demo.page.call("echo")?;
        demo.page.call_status("ESTABLISHED", SOON)?;
        demo.page.listen(3.0)?;
        demo.page.click("#holdBtn")?;
        demo.page.call_status("HOLD", SOON)?;
        let held = demo.page.now()?;
        demo.page.listen(2.0)?;
        demo.page.click("#holdBtn")?;
        demo.page.call_status("ESTABLISHED", SOON)?;
        let resumed = demo.page.now()?;
        demo.page.listen(3.5)?;
        let frames = demo.page.watch(resumed, 20, SOON)?;
        ensure!(
            frames.iter().filter(|frame| frame.change > 0.2).count() >= 10,
            "the picture stands still after hold"
        );
        demo.page.hang_up()?;
        demo.page.call_status("FINISH", SOON)?;
        let heard = demo.page.heard()?;
        let silence = audio::longest_silence(&heard.part(held, resumed)).seconds();
        ensure!(silence > 1.2, "{silence:.2} s of silence on hold");
        let absent = Tone {
            hertz: demo.tone.hertz + 500.0,
        };
        let after = heard.part(resumed, heard.seconds());
        audio::check_heard(&after, demo.tone, absent).map_err(Error::msg)?;
        demo.page.check_no_problems()
    });
}

#[test]
fn the_greeting_is_heard_from_its_first_syllable() {
    case(|folder| {
        let mut demo = Demo::up(folder, &[])?;
        let start = demo.greeting()?;
        ensure!(
            start.missing <= FIRST_SYLLABLE,
            "{:.0} ms of the greeting are missing",
            start.missing * 1000.0
        );
        demo.page.hang_up()?;
        demo.page.call_status("FINISH", SOON)?;
        demo.page.check_no_problems()
    });
}

#[test]
fn without_the_early_buffer_the_first_syllable_is_lost() {
    case(|folder| {
        let start = Demo::up(folder, &[("early_buffer", "0")])?.greeting()?;
        ensure!(
            start.missing > FIRST_SYLLABLE,
            "the check cannot tell: only {:.0} ms missing",
            start.missing * 1000.0
        );
        Ok(())
    });
}

#[test]
fn busy_and_reject_end_in_words() {
    case(|folder| {
        let mut demo = Demo::up(folder, &[])?;
        for (callee, word) in [
            ("busy", "[Bb]usy"),
            ("reject", "[Dd]eclin|[Rr]eject|[Rr]efus"),
        ] {
            demo.page.call(callee)?;
            demo.page.call_status("FAILED|BUSY", SOON)?;
            demo.page.wait_text("#callMessage", word, SOON)?;
        }
        // The page is usable after both.
        demo.page.call("echo")?;
        demo.page.call_status("ESTABLISHED", SOON)?;
        demo.page.hang_up()?;
        demo.page.call_status("FINISH", SOON)?;
        demo.page.check_no_problems()
    });
}

#[test]
fn noanswer_rings_until_the_caller_gives_up_or_the_time_is_over() {
    case(|folder| {
        let mut demo = Demo::up(folder, &[("no_answer_timeout", "3")])?;
        demo.page.call("noanswer")?;
        demo.page.call_status("RING", SOON)?;
        demo.page.hang_up()?;
        demo.page.call_status("FINISH", SOON)?;
        demo.page.call("noanswer")?;
        demo.page.call_status("RING", SOON)?;
        demo.page.call_status("FAILED", SOON)?;
        demo.page.check_no_problems()
    });
}

#[test]
fn ctrl_c_ends_it_within_two_seconds_in_mid_call() {
    case(|folder| {
        let mut demo = Demo::up(folder, &[])?;
        demo.page.call("echo")?;
        demo.page.call_status("ESTABLISHED", SOON)?;
        let (status, took) = demo.ringdown.interrupt()?;
        ensure!(status.success(), "it ended with {status}");
        ensure!(took < Duration::from_secs(2), "it took {took:?}");
        Ok(())
    });
}

#[test]
fn a_second_demo_takes_the_next_free_ports() {
    case(|folder| {
        let one = Ringdown::demo(folder, &[])?;
        let two = Ringdown::demo(folder, &[])?;
        for (one, two) in [
            (one.ws, two.ws),
            (one.wss, two.wss),
            (one.sip, two.sip),
            (one.webrtc, two.webrtc),
        ] {
            ensure!(one.port() != two.port(), "{one} and {two}");
        }
        Ok(())
    });
}
