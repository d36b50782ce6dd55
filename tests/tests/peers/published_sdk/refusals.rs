//! What a server can refuse a page, and a server that goes away: the page says so in its own words and can be used again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::conversation::Conversation;
use tests::folder::{Folder, case};
use tests::kamailio::{Kamailio, User};
use tests::ports;
use tests::published_sdk::{PublishedSdk, Sample, said};
use tests::ringdown::Ringdown;

use super::line::{Line, PAGE, SOON, is_usable};

/// What Chromium itself writes on the console when a WebSocket cannot be opened, and the SDK's error about it.
const NO_SOCKET: &[&str] = &["WebSocket connection to"];

/// After a refusal a person can press Connect again, and does; the statuses since then end in REGISTERED.
fn connects_again(page: &mut tests::page::PhonePage) -> Result<()> {
    let again = "$('#connectBtn').is(':visible:enabled') && $('#connectBtn').text() === 'Connect'";
    page.wait_true(again, SOON)?;
    page.connect()?;
    is_usable(page)
}

fn a_wrong_password_is_told(folder: &Folder, sample: Sample) -> Result<()> {
    let talk = Conversation::pick();
    let proxy = Kamailio::start(folder)?;
    let ringdown = Ringdown::serve(folder, &[])?;
    let sdk = PublishedSdk::served()?;
    let mut page = sdk.phone(
        folder,
        sample,
        ringdown.ws,
        talk.page_tone,
        talk.page_colour,
    )?;
    let wrong = User {
        name: PAGE.name,
        password: "wrong",
    };
    page.account(wrong, proxy.addr)?;
    page.click("#connectBtn")?;
    page.wait_text("#regStatus", "^DISCONNECTED$", SOON)?;
    let said = said(&mut page)?;
    ensure!(!said.contains(&"REGISTERED".to_owned()), "{said:?}");
    page.fill("#sipPassword", PAGE.password)?;
    connects_again(&mut page)?;
    page.check_no_problems()
}

/// Nothing listens there; then a server that does not let this origin in; then one that does.
fn no_socket_is_told(folder: &Folder, sample: Sample) -> Result<()> {
    let talk = Conversation::pick();
    let proxy = Kamailio::start(folder)?;
    let sdk = PublishedSdk::served()?;
    let nobody = ([127, 0, 0, 1], ports::free(2)?).into();
    let mut page = sdk.phone(folder, sample, nobody, talk.page_tone, talk.page_colour)?;
    page.account(PAGE, proxy.addr)?;
    page.click("#connectBtn")?;
    page.wait_text("#regStatus", "^FAILED$", SOON)?;

    let strict = Ringdown::serve(folder, &[("ws.origins", "https://phone.example")])?;
    page.fill("#urlServer", &format!("ws://{}", strict.ws))?;
    page.click("#connectBtn")?;
    page.wait_true("window.__said.join() === 'FAILED,FAILED'", SOON)?;

    let open = Ringdown::serve(folder, &[("ws.origins", &sdk.origin())])?;
    page.fill("#urlServer", &format!("ws://{}", open.ws))?;
    connects_again(&mut page)?;
    page.check_no_problems_but(NO_SOCKET)
}

/// Ctrl-C in mid-call: the page says that the call is over and that it is not connected, and its fields are free.
fn a_server_that_stops_is_told(folder: &Folder, sample: Sample) -> Result<()> {
    let mut line = Line::up(folder, sample, true, &[])?;
    line.page_calls()?;
    let before = said(&mut line.page)?.len();
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
    page.wait_text("#regStatus", "^DISCONNECTED$", SOON)?;
    let closed = phone
        .event("CALL_CLOSED", SOON)
        .context("the phone was not told")?;
    let said = said(&mut page)?.split_off(before);
    let ends = |word: &&String| ["FINISH", "FAILED"].contains(&word.as_str());
    let (end, gone) = (
        said.iter().position(|word| ends(&word)),
        said.iter().position(|word| word == "DISCONNECTED"),
    );
    ensure!(
        end.is_some() && end < gone && said.iter().filter(ends).count() == 1,
        "the page said {said:?}; the phone {closed}"
    );
    let free = "$('#connectBtn').text() === 'Connect' && $('#connectBtn').is(':enabled') \
        && $('#sipLogin').is(':enabled') && $('#callBtn').text() === 'Call'";
    page.wait_true(free, SOON)?;
    // The server comes back at another port, as a restart may: the page connects and calls as before.
    let ringdown = Ringdown::serve(folder, &[])?;
    page.fill("#urlServer", &format!("ws://{}", ringdown.ws))?;
    connects_again(&mut page)?;
    page.check_no_problems()
}

#[test]
fn phone_min_says_that_a_password_is_wrong() {
    case(|folder| a_wrong_password_is_told(folder, Sample::Phone));
}

#[test]
fn phone_video_says_that_a_password_is_wrong() {
    case(|folder| a_wrong_password_is_told(folder, Sample::PhoneVideo));
}

#[test]
fn phone_min_says_that_no_server_lets_it_in() {
    case(|folder| no_socket_is_told(folder, Sample::Phone));
}

#[test]
fn phone_video_says_that_no_server_lets_it_in() {
    case(|folder| no_socket_is_told(folder, Sample::PhoneVideo));
}

#[test]
fn phone_min_says_that_the_server_stopped() {
    case(|folder| a_server_that_stops_is_told(folder, Sample::Phone));
}

#[test]
fn phone_video_says_that_the_server_stopped() {
    case(|folder| a_server_that_stops_is_told(folder, Sample::PhoneVideo));
}
