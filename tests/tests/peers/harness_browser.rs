//! The harness itself: a page calls itself in one Chromium, and what it hears and sees is measured. When this fails the
//! fault is in the harness or the machine, not in Ringdown.

use std::time::Duration;

use tests::audio;
use tests::browser::Browser;
use tests::folder::case;
use tests::picture::Colour;
use tests::tone::Tone;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_page_hears_and_sees_itself() {
    case(|folder| {
        let (tone, other) = Tone::pick_two();
        let (colour, wrong) = Colour::pick_two();
        let mut browser =
            Browser::open(folder, "http://test.localhost/loopback.html", tone, colour)?;
        browser.fill("#callee", "myself")?;
        browser.click("#callBtn")?;
        assert_eq!(
            browser.wait_text("#callStatus", "^ESTABLISHED", SOON)?,
            "ESTABLISHED myself"
        );
        let from = browser.now()?;
        browser.listen(3.5)?;
        let frames = browser.watch(from, 20, SOON)?;
        browser.check_it_plays_aloud()?;

        let muted_at = browser.now()?;
        browser.click("#muteAudioToggle")?;
        browser.listen(2.0)?;
        let heard = browser.heard()?;
        let clear = audio::check_heard(&heard, tone, other).map_err(anyhow::Error::msg)?;
        assert!(
            audio::check_heard(&heard, other, tone).is_err(),
            "a tone that nobody made"
        );
        assert!(
            clear.to < muted_at + 1.0,
            "muted at {muted_at}, and yet heard until {}",
            clear.to
        );
        let silence = audio::longest_silence(&heard.part(clear.to, heard.seconds()));
        assert!(silence.seconds() > 1.0, "muted, and yet heard: {silence:?}");

        let coloured = frames
            .iter()
            .filter(|frame| frame.mean.is_near(colour))
            .count();
        assert!(
            coloured >= 20,
            "{coloured} of {} pictures are {colour:?}: {frames:?}",
            frames.len()
        );
        assert!(!frames.iter().any(|frame| frame.mean.is_near(wrong)));
        assert!(
            frames.iter().filter(|frame| frame.change > 0.2).count() >= 10,
            "the picture stands still: {frames:?}"
        );
        browser.check_no_problems()
    });
}

#[test]
fn what_goes_wrong_in_a_page_is_told() {
    case(|folder| {
        let (tone, _) = Tone::pick_two();
        let (colour, _) = Colour::pick_two();
        let mut browser =
            Browser::open(folder, "http://test.localhost/loopback.html", tone, colour)?;
        browser.fill("#callee", "error")?;
        browser.click("#callBtn")?;
        browser.wait_text("#callStatus", "ESTABLISHED", SOON)?;
        let problems = browser.problems()?.join("\n");
        assert!(
            problems.contains("a word of trouble") && problems.contains("thrown"),
            "{problems}"
        );
        // Expected of the console is only what a test names; what is thrown is expected of nobody.
        let but = |browser: &mut Browser, expected: &[&str]| {
            let told = browser.check_no_problems_but(expected);
            told.err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        let left = but(&mut browser, &["a word of trouble", "thrown"]);
        assert!(
            left.contains("thrown") && !left.contains("a word of trouble"),
            "{left}"
        );
        // No page of the tests needs anybody else's server.
        browser.evaluate("fetch('http://elsewhere.example/x.js').catch(() => null)")?;
        let problems = browser.problems()?.join("\n");
        assert!(
            problems.contains("fetched from outside: http://elsewhere.example/x.js"),
            "{problems}"
        );
        let error = browser
            .wait_text("#callStatus", "^FINISH$", Duration::from_millis(200))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("#callStatus is \"ESTABLISHED error\""),
            "{error}"
        );
        Ok(())
    });
}
