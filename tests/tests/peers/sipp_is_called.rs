//! A page calls a SIP peer that follows a script (SIPp). Each case: one final status at the page with its code and its
//! words, what SIPp itself checked, and nothing left of the call afterwards.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::folder::case;
use tests::rtp_end::RtpEnd;
use tests::sipp::Script;
use tests::sipp_line::{OWN_END, SILENCE_MS, SippLine, THEIR_END};
use tests::tone::Tone;

const SOON: Duration = Duration::from_secs(10);
/// 64*T1 is 6.4 s here.
const AFTER_SILENCE: Duration = Duration::from_secs(15);

/// Calls the script; `then` is what the page does meanwhile. Afterwards the page's call ended with `status`,
/// `sip_status`, and words that hold `words`.
fn called(
    script: Script<'_>,
    settings: &[(&str, &str)],
    then: impl FnOnce(&SippLine, &str) -> Result<()>,
    (status, sip_status, words): (&str, Option<u64>, &str),
) {
    case(|folder| {
        let mut line = SippLine::to_script(folder, &script, settings)?;
        let id = line.page()?.call("10005")?;
        then(&line, &id)?;
        line.page()?.wait_for(&id, status, AFTER_SILENCE)?;
        line.passed(AFTER_SILENCE)?;
        let ends = line.over(&[&id])?;
        let end = &ends[0];
        ensure!(
            end.status == status && end.sip_status == sip_status && end.info.contains(words),
            "the end was {end:?}"
        );
        Ok(())
    });
}

/// Talks until both sides have heard each other, then hangs up.
fn talk(line: &SippLine, id: &str) -> Result<()> {
    let page = line.page()?;
    page.wait_for(id, "ESTABLISHED", SOON)?;
    tests::wait::until_true("sound both ways", SOON, || {
        Ok(line.both_are_heard(id).is_ok())
    })?;
    line.both_are_heard(id)?;
    page.hang_up(id)
}

/// Talks until the peer hangs up.
fn listen(line: &SippLine, id: &str) -> Result<()> {
    line.page()?.wait_for(id, "ESTABLISHED", SOON)?;
    line.page()?.wait_for(id, "FINISH", SOON)?;
    line.both_are_heard(id)
}

fn cancel(line: &SippLine, id: &str) -> Result<()> {
    line.page()?.wait_for(id, "RING", SOON)?;
    line.page()?.hang_up(id)
}

fn wait(_: &SippLine, _: &str) -> Result<()> {
    Ok(())
}

#[test]
fn every_provisional_answer_is_told_once_and_both_sides_are_heard() {
    let then = |line: &SippLine, id: &str| {
        talk(line, id)?;
        line.page()?.wait_for(id, "FINISH", SOON)?;
        let statuses = line.page()?.statuses(id)?;
        let expected = [
            "TRYING",
            "RING",
            "SESSION_PROGRESS",
            "ESTABLISHED",
            "FINISH",
        ];
        ensure!(statuses == expected, "{statuses:?}");
        Ok(())
    };
    called(Script::waits("uas/answers"), &[], then, OWN_END);
}

#[test]
fn the_peer_hangs_up() {
    called(Script::waits("uas/hangs_up"), &[], listen, THEIR_END);
}

#[test]
fn busy_is_told_with_its_code() {
    let script = Script {
        words: &[("status", "486 Busy Here")],
        ..Script::waits("uas/refuses")
    };
    let then = |line: &SippLine, id: &str| {
        line.page()?.wait_for(id, "FAILED", SOON)?;
        let statuses = line.page()?.statuses(id)?;
        ensure!(
            statuses == ["TRYING", "RING", "BUSY", "FAILED"],
            "{statuses:?}"
        );
        Ok(())
    };
    let end = ("FAILED", Some(486), "10005 is busy (486 Busy Here).");
    called(script, &[], then, end);
}

#[test]
fn a_decline_is_told_with_its_code() {
    let script = Script {
        words: &[("status", "603 Decline")],
        ..Script::waits("uas/refuses")
    };
    let end = (
        "FAILED",
        Some(603),
        "10005 declined the call (603 Decline).",
    );
    called(script, &[], wait, end);
}

#[test]
fn a_refusal_that_is_repeated_is_acknowledged_each_time_and_told_once() {
    let script = Script {
        literal: true,
        ..Script::waits("uas/refuses_twice")
    };
    called(script, &[], wait, ("FAILED", Some(486), "10005 is busy"));
}

#[test]
fn a_redirection_is_refused_with_a_cause() {
    let words = "forwarded elsewhere (302 Moved Temporarily); this gateway does not follow";
    let end = ("FAILED", Some(302), words);
    called(Script::waits("uas/redirects"), &[], wait, end);
}

#[test]
fn a_silent_peer_is_given_up_after_64_t1() {
    let end = (
        "FAILED",
        Some(408),
        "did not answer within 6 s (no response to INVITE)",
    );
    called(Script::waits("uas/silent"), &[], wait, end);
}

#[test]
fn a_peer_that_says_100_and_no_more_is_cancelled() {
    let end = (
        "FAILED",
        Some(408),
        "took the call but nobody rang within 2 s",
    );
    let settings = [("sip_trying_timeout", "2")];
    called(Script::waits("uas/only_100"), &settings, wait, end);
}

#[test]
fn a_peer_that_rings_for_ever_is_cancelled() {
    let settings = [("no_answer_timeout", "2")];
    let end = ("FAILED", Some(408), "10005 did not answer within 2 s.");
    called(Script::waits("uas/rings"), &settings, wait, end);
}

#[test]
fn the_page_cancels() {
    called(Script::waits("uas/rings"), &[], cancel, OWN_END);
}

#[test]
fn a_200_that_crosses_the_cancel_is_acknowledged_and_left() {
    called(Script::waits("uas/crosses_cancel"), &[], cancel, OWN_END);
}

#[test]
fn a_200_after_the_cancel_was_confirmed_is_acknowledged_and_left() {
    called(
        Script::waits("uas/answers_after_cancel"),
        &[],
        cancel,
        OWN_END,
    );
}

#[test]
fn a_stale_nonce_is_answered_with_the_fresh_one() {
    called(Script::waits("uas/stale"), &[], talk, OWN_END);
}

#[test]
fn a_peer_that_takes_no_login_is_told_in_words() {
    let words = "Wrong SIP login or password";
    let end = ("FAILED", Some(401), words);
    called(Script::waits("uas/never_satisfied"), &[], wait, end);
}

#[test]
fn a_nonce_that_is_always_stale_comes_to_an_end() {
    let words = "keeps asking for the password of 10006";
    let end = ("FAILED", Some(401), words);
    called(Script::waits("uas/always_stale"), &[], wait, end);
}

#[test]
fn answers_out_of_order_and_repeated_are_told_once_each() {
    let script = Script {
        literal: true,
        ..Script::waits("uas/muddled")
    };
    let then = |line: &SippLine, id: &str| {
        talk(line, id)?;
        line.page()?.wait_for(id, "FINISH", SOON)?;
        let statuses = line.page()?.statuses(id)?;
        // The last 180 came after a 183: it rings again.
        let expected = [
            "TRYING",
            "RING",
            "SESSION_PROGRESS",
            "RING",
            "ESTABLISHED",
            "FINISH",
        ];
        ensure!(statuses == expected, "{statuses:?}");
        Ok(())
    };
    called(script, &[], then, OWN_END);
}

#[test]
fn of_two_early_dialogs_each_is_heard_in_its_time() {
    let (first, second) = Tone::pick_two();
    let two = || -> Result<_> { Ok((RtpEnd::start(first)?, RtpEnd::start(second)?)) };
    let (one, other) = two().expect("two RTP ends");
    let ports = [one.addr.port().to_string(), other.addr.port().to_string()];
    let words = [
        ("first_port", ports[0].as_str()),
        ("second_port", ports[1].as_str()),
    ];
    let script = Script {
        words: &words,
        ..Script::waits("uas/two_183")
    };
    let then = |line: &SippLine, id: &str| {
        let page = line.page()?;
        page.wait_for(id, "SESSION_PROGRESS", SOON)?;
        page.wait_for(id, "ESTABLISHED", SOON)?;
        let clear = |tone, seconds: f64| -> Result<bool> {
            let heard = page.heard(id)?;
            let stretch = tests::audio::longest_clear(&heard, tone, 0.060);
            Ok(stretch.seconds() >= seconds)
        };
        tests::wait::until_true("the second's tone", SOON, || clear(second, 0.5))?;
        ensure!(clear(first, 0.3)?, "the first early dialog was not heard");
        page.hang_up(id)?;
        page.wait_for(id, "FINISH", SOON)?;
        let statuses = page.statuses(id)?;
        let expected = ["TRYING", "SESSION_PROGRESS", "ESTABLISHED", "FINISH"];
        ensure!(statuses == expected, "{statuses:?}");
        Ok(())
    };
    called(script, &[], then, OWN_END);
}

#[test]
fn the_second_answer_of_a_fork_is_acknowledged_and_left() {
    let (tone, _) = Tone::pick_two();
    let second = RtpEnd::start(tone)
        .expect("an RTP end")
        .addr
        .port()
        .to_string();
    let then = |line: &SippLine, id: &str| {
        let page = line.page()?;
        page.wait_for(id, "ESTABLISHED", SOON)?;
        tests::wait::until_true("the sound of the first", SOON, || {
            let heard = page.heard(id)?;
            Ok(heard.seconds() > 1.0)
        })?;
        page.hang_up(id)
    };
    let words = [("second_port", second.as_str())];
    let script = Script {
        literal: true,
        words: &words,
        ..Script::waits("uas/two_200")
    };
    called(script, &[], then, OWN_END);
}

#[test]
fn a_late_answer_to_bye_keeps_nobody_waiting() {
    called(Script::waits("uas/late_bye_answer"), &[], talk, OWN_END);
}

#[test]
fn a_bye_without_an_answer_is_over_after_64_t1() {
    assert!(SILENCE_MS.parse::<u32>().is_ok_and(|ms| ms > 6400));
    called(Script::waits("uas/no_bye_answer"), &[], talk, OWN_END);
}

#[test]
fn requests_with_wrong_tags_get_481_and_harm_no_call() {
    called(Script::waits("uas/wrong_tags"), &[], listen, THEIR_END);
}

#[test]
fn request_numbers_may_jump_up_and_never_down() {
    called(Script::waits("uas/cseq_jumps"), &[], listen, THEIR_END);
}
