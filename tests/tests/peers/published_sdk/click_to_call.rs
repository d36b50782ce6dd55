//! Click-to-Call: one button that connects, calls as soon as the session stands (before it is registered), and leaves
//! after the call.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::conversation::Conversation;
use tests::folder::case;
use tests::kamailio::{Kamailio, User};
use tests::ports;
use tests::published_sdk::{ClickToCall, PublishedSdk, said, wait_playing};
use tests::relay::Relay;
use tests::ringdown::Ringdown;

use super::line::{Line, PAGE, PHONE, SOON};

/// The page has no switch for its microphone: what the SDK's own `muteAudio` does.
const MUTE: &str = "document.querySelector('#localDisplay video, #localDisplay audio').srcObject.getAudioTracks()[0].enabled = false";

/// After each call, and each refusal: the one button calls again.
fn is_ready(page: &mut ClickToCall) -> Result<()> {
    let ready = "$('#callBtn').is(':enabled') && $('#callBtn').text() === 'Call' && $('#callee').is(':enabled')";
    page.wait_true(ready, SOON)
}

impl Line<ClickToCall> {
    fn established(&mut self) -> Result<()> {
        self.phone.before_a_call()?;
        self.page.press("Call")?;
        self.page.status("^Call: ESTABLISHED$", SOON)?;
        self.phone.event("CALL_ESTABLISHED", SOON)?;
        wait_playing(&mut self.page)
    }

    /// The call ended with this word, and with the call the session; the number of ends so far tells them apart.
    fn ended(&mut self, word: &str, ends: usize) -> Result<()> {
        let told =
            format!("window.__said.filter((word) => word === 'Call: {word}').length === {ends}");
        self.page.wait_true(&told, SOON)?;
        self.page.status("^Session: DISCONNECTED$", SOON)?;
        is_ready(&mut self.page)
    }
}

#[test]
fn it_calls_and_either_side_hangs_up() {
    case(|folder| {
        let mut line = Line::with_button(folder, true, &[])?;
        line.established()?;
        line.talk.hold(&mut line.page, &mut line.phone, |page| {
            page.evaluate(MUTE).map(drop)
        })?;
        line.page.press("Hangup")?;
        line.phone.event("CALL_CLOSED", SOON)?;
        line.ended("FINISH", 1)?;
        line.established()?;
        line.phone.hang_up()?;
        line.ended("FINISH", 2)?;
        line.page.check_no_problems()
    });
}

#[test]
fn its_call_does_not_wait_for_the_registration() {
    case(|folder| {
        let mut line = Line::with_button(folder, true, &[])?;
        let relay = Relay::start(line.proxy.addr, "REGISTER")?;
        line.page.click("#sipCredentialsBtn")?;
        line.page.fill("#sipPort", &relay.addr.port().to_string())?;
        line.page.click("#okBtn")?;
        line.established()?;
        let status = line
            .page
            .evaluate("Flashphoner.getSessions()[0].status()")?;
        ensure!(
            status == "ESTABLISHED",
            "the session is {status} in the call"
        );
        relay.let_through();
        line.page.wait_true(
            "Flashphoner.getSessions()[0].status() === 'REGISTERED'",
            SOON,
        )?;
        line.page.press("Hangup")?;
        line.phone.event("CALL_CLOSED", SOON)?;
        line.ended("FINISH", 1)?;
        line.page.check_no_problems()
    });
}

#[test]
fn it_cancels_meets_busy_and_nobody() {
    case(|folder| {
        let mut line = Line::with_button(folder, false, &[("no_answer_timeout", "4")])?;
        line.page.press("Call")?;
        line.page.status("^Call: RING$", SOON)?;
        line.page.press("Hangup")?;
        line.phone.event("CALL_CLOSED", SOON)?;
        line.ended("FINISH", 1)?;

        line.page.press("Call")?;
        line.page.status("^Call: RING$", SOON)?;
        line.phone.hang_up()?;
        line.ended("FAILED", 1)?;

        line.page.press("Call")?;
        line.page.status("^Call: RING$", SOON)?;
        line.ended("FAILED", 2)?;

        line.page.fill("#callee", "4711")?;
        line.page.press("Call")?;
        line.ended("FAILED", 3)?;

        line.page.fill("#callee", PHONE.name)?;
        line.page.press("Call")?;
        line.page.status("^Call: RING$", SOON)?;
        line.phone.answer()?;
        line.page.status("^Call: ESTABLISHED$", SOON)?;
        wait_playing(&mut line.page)?;
        line.page.press("Hangup")?;
        line.ended("FINISH", 2)?;
        line.page.check_no_problems()
    });
}

#[test]
fn it_says_that_a_password_is_wrong() {
    case(|folder| {
        let talk = Conversation::pick();
        let proxy = Kamailio::start(folder)?;
        let ringdown = Ringdown::serve(folder, &[])?;
        let sdk = PublishedSdk::served()?;
        let mut page = sdk.click_to_call(folder, ringdown.ws, talk.page_tone, talk.page_colour)?;
        let wrong = User {
            name: PAGE.name,
            password: "wrong",
        };
        page.fill_in(wrong, proxy.addr, PHONE.name)?;
        page.press("Call")?;
        page.status("^(Call: FAILED|Session: DISCONNECTED)$", SOON)?;
        is_ready(&mut page)?;
        let said = said(&mut page)?;
        ensure!(!said.contains(&"Call: ESTABLISHED".to_owned()), "{said:?}");
        page.check_no_problems()
    });
}

#[test]
fn it_says_that_no_server_lets_it_in() {
    case(|folder| {
        let talk = Conversation::pick();
        let proxy = Kamailio::start(folder)?;
        let sdk = PublishedSdk::served()?;
        let nobody = ([127, 0, 0, 1], ports::free(2)?).into();
        let mut page = sdk.click_to_call(folder, nobody, talk.page_tone, talk.page_colour)?;
        page.fill_in(PAGE, proxy.addr, PHONE.name)?;
        page.press("Call")?;
        page.status("^Session: FAILED$", SOON)?;
        is_ready(&mut page)?;
        let strict = Ringdown::serve(folder, &[("ws.origins", "https://phone.example")])?;
        page.fill("#urlServer", &format!("ws://{}", strict.ws))?;
        page.press("Call")?;
        page.wait_true(
            "window.__said.join() === 'Session: FAILED,Session: FAILED'",
            SOON,
        )?;
        is_ready(&mut page)?;
        page.check_no_problems_but(&["WebSocket connection to"])
    });
}

#[test]
fn it_says_that_the_server_stopped() {
    case(|folder| {
        let mut line = Line::with_button(folder, true, &[])?;
        line.established()?;
        let Line {
            mut page,
            mut phone,
            ringdown,
            ..
        } = line;
        let (status, took) = ringdown.interrupt()?;
        ensure!(
            status.success() && took < Duration::from_secs(2),
            "{status} after {took:?}"
        );
        page.status("^Session: (DISCONNECTED|FAILED)$", SOON)?;
        phone
            .event("CALL_CLOSED", SOON)
            .context("the phone was not told")?;
        let said = said(&mut page)?;
        let ends = said
            .iter()
            .filter(|word| ["Call: FINISH", "Call: FAILED"].contains(&word.as_str()));
        ensure!(ends.count() == 1, "{said:?}");
        is_ready(&mut page)?;
        page.check_no_problems()
    });
}
