//! Calls that do not come about, from either side: each is told in one final word, and the page can dial again.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::folder::{Folder, case};
use tests::published_sdk::Sample;

use super::line::{Line, PHONE, SOON};

/// How long this server lets a call ring.
const RINGS: &[(&str, &str)] = &[("no_answer_timeout", "4")];
/// A final answer to the caller's INVITE.
const REFUSED: &str = "486";

fn outgoing_call_fails(folder: &Folder, sample: Sample) -> Result<()> {
    let mut line = Line::up(folder, sample, false, RINGS)?;
    // Cancelled while it rings.
    line.page.call(PHONE.name)?;
    line.page.call_status("RING", SOON)?;
    line.page.hang_up()?;
    line.over("FINISH")?;
    // Busy (R10: the page must not stay stuck).
    line.page.call(PHONE.name)?;
    line.page.call_status("RING", SOON)?;
    line.phone.hang_up()?;
    line.over("FAILED")?;
    // Nobody answers.
    line.page.call(PHONE.name)?;
    line.page.call_status("RING", SOON)?;
    line.over("FAILED")?;
    // Nobody of that name.
    line.page.call("4711")?;
    line.page.wait_true(
        "window.__said.filter((word) => word === 'FAILED').length === 3",
        SOON,
    )?;
    super::line::is_usable(&mut line.page)?;
    // After all that, a call that is answered.
    line.phone.before_a_call()?;
    line.page.call(PHONE.name)?;
    line.page.call_status("RING", SOON)?;
    line.phone.answer()?;
    line.page.call_status("ESTABLISHED", SOON)?;
    line.phone.event("CALL_ESTABLISHED", SOON)?;
    line.converse(sample)?;
    line.page.hang_up()?;
    line.over("FINISH")?;
    line.page.check_no_problems()
}

fn incoming_call_fails(folder: &Folder, sample: Sample) -> Result<()> {
    let mut line = Line::up(folder, sample, true, &[("no_answer_timeout", "6")])?;
    // The person presses Hangup instead of Answer.
    line.phone_calls()?;
    line.page.click("#hangupBtn")?;
    let closed = line.phone.event("CALL_CLOSED", SOON)?;
    ensure!(
        closed["param"]
            .as_str()
            .is_some_and(|why| why.contains(REFUSED)),
        "the caller was told {closed}"
    );
    line.page.call_status("^FINISH$", SOON)?;
    super::line::is_usable(&mut line.page)?;
    // The caller gives up while it rings.
    line.phone_calls()?;
    line.phone.hang_up()?;
    line.over("FINISH")?;
    // Nobody answers.
    line.phone_calls()?;
    line.phone.event("CALL_CLOSED", SOON)?;
    line.page
        .call_status("^(FINISH|FAILED)$", Duration::from_secs(2))?;
    super::line::is_usable(&mut line.page)?;
    // After all that, a call that is answered.
    line.phone_calls()?;
    line.page_answers()?;
    line.converse(sample)?;
    line.phone.hang_up()?;
    line.over("FINISH")?;
    line.page.check_no_problems()
}

#[test]
fn phone_min_cancels_meets_busy_nobody_and_no_such_number() {
    case(|folder| outgoing_call_fails(folder, Sample::Phone));
}

#[test]
fn phone_video_cancels_meets_busy_nobody_and_no_such_number() {
    case(|folder| outgoing_call_fails(folder, Sample::PhoneVideo));
}

#[test]
fn phone_min_rejects_is_given_up_and_lets_it_ring() {
    case(|folder| incoming_call_fails(folder, Sample::Phone));
}

#[test]
fn phone_video_rejects_is_given_up_and_lets_it_ring() {
    case(|folder| incoming_call_fails(folder, Sample::PhoneVideo));
}
