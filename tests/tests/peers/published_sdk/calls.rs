//! Calls that come about, in both directions, ended from either side, one after the other on the same page.

use anyhow::{Error, Result, ensure};
use tests::audio;
use tests::folder::{Folder, case};
use tests::kamailio::USERS;
use tests::page::PhonePage;
use tests::pjsua2::{Pjsua2, Softphone};
use tests::published_sdk::{Sample, said};

use super::line::{Line, SOON};

/// Four calls: each direction, each end. In the first of each direction both are heard (and seen).
fn calls_and_is_called(folder: &Folder, sample: Sample) -> Result<()> {
    let mut line = Line::up(folder, sample, true, &[])?;
    line.page_calls()?;
    line.converse(sample)?;
    line.page.hang_up()?;
    line.over("FINISH")?;

    line.phone_calls()?;
    line.page_answers()?;
    line.converse(sample)?;
    line.phone.hang_up()?;
    line.over("FINISH")?;

    line.page_calls()?;
    line.phone.hang_up()?;
    line.over("FINISH")?;

    line.phone_calls()?;
    line.page_answers()?;
    line.page.hang_up()?;
    line.over("FINISH")?;

    let said = said(&mut line.page)?;
    let ends = said.iter().filter(|word| *word == "FINISH").count();
    ensure!(ends == 4, "four calls ended {ends} times: {said:?}");
    line.page.check_no_problems()
}

#[test]
fn phone_min_calls_and_is_called_and_either_side_hangs_up() {
    case(|folder| calls_and_is_called(folder, Sample::Phone));
}

#[test]
fn phone_video_calls_and_is_called_and_either_side_hangs_up() {
    case(|folder| calls_and_is_called(folder, Sample::PhoneVideo));
}

/// The page presses Hold; the button is disabled until the page is told how the call is.
fn press_hold(page: &mut PhonePage, reads: &str, status: &str) -> Result<()> {
    page.click("#holdBtn")?;
    let told = format!(
        "$('#holdBtn').is(':enabled') && $('#holdBtn').text() === '{reads}' && currentCall.status() === '{status}'"
    );
    page.wait_true(&told, SOON)
}

/// baresip records nothing more once it has been on hold, so that this phone is pjsua2.
#[test]
fn the_hold_button_holds_and_resumes() {
    case(|folder| {
        let Line {
            mut page,
            proxy,
            talk,
            ringdown: _ringdown,
            ..
        } = Line::up(folder, Sample::Phone, true, &[])?;
        let softphone = Softphone {
            registrar: Some(proxy.addr),
            ..Softphone::new(USERS[2], talk.phone_tone)
        };
        let mut phone = Pjsua2::start(folder, &softphone)?;
        page.call(USERS[2].name)?;
        let call = phone.incoming(SOON)?;
        phone.state(call, "CONFIRMED", SOON)?;
        page.call_status("^ESTABLISHED$", SOON)?;
        page.listen(2.5)?;

        press_hold(&mut page, "Unhold", "HOLD")?;
        let status = [("status", "remote hold".into())];
        phone.event_with("media", &status, SOON)?;
        let (held, held_at_phone) = (page.now()?, phone.heard(call)?.seconds());
        page.listen(2.5)?;
        let heard = page.heard()?.part(held, page.now()?);
        let silence = audio::longest_silence(&heard).seconds();
        ensure!(
            silence > 1.2,
            "on hold the page hears {silence:.2} s of silence"
        );
        let heard = phone.heard(call)?;
        let heard = heard.part(held_at_phone, heard.seconds());
        let clear = audio::longest_clear(&heard, talk.page_tone, 0.060).seconds();
        ensure!(
            clear < 0.5,
            "on hold the phone hears the page for {clear:.2} s"
        );

        press_hold(&mut page, "Hold", "ESTABLISHED")?;
        let (resumed, resumed_at_phone) = (page.now()?, phone.heard(call)?.seconds());
        page.listen(4.0)?;
        let heard = page.heard()?.part(resumed, page.now()?);
        audio::check_heard(&heard, talk.phone_tone, talk.page_tone).map_err(Error::msg)?;
        let heard = phone.heard(call)?;
        let heard = heard.part(resumed_at_phone, heard.seconds());
        audio::check_heard(&heard, talk.page_tone, talk.phone_tone).map_err(Error::msg)?;

        page.hang_up()?;
        page.call_status("^FINISH$", SOON)?;
        phone.state(call, "DISCONNECTED", SOON)?;
        page.check_no_problems()
    });
}
