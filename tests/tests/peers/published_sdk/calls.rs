//! Calls that come about, in both directions, ended from either side, one after the other on the same page.

use anyhow::Result;
use tests::conversation::Press;
use tests::folder::{Folder, case};
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
    anyhow::ensure!(ends == 4, "four calls ended {ends} times: {said:?}");
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

#[test]
fn the_hold_button_holds_and_resumes() {
    case(|folder| {
        let mut line = Line::up(folder, Sample::Phone, true, &[])?;
        line.page_calls()?;
        let Line {
            page, phone, talk, ..
        } = &mut line;
        talk.put_on_hold(page, phone, |page, press| {
            page.click("#holdBtn")?;
            // The page disables the button until it is told how the call is.
            let (reads, status) = match press {
                Press::Hold => ("Unhold", "HOLD"),
                Press::Resume => ("Hold", "ESTABLISHED"),
            };
            let told = format!(
                "$('#holdBtn').is(':enabled') && $('#holdBtn').text() === '{reads}' \
                    && currentCall.status() === '{status}'"
            );
            page.wait_true(&told, SOON)
        })?;
        page.hang_up()?;
        line.over("FINISH")?;
        line.page.check_no_problems()
    });
}
