//! A SIP peer that follows a script (SIPp) calls a page. Each case: one final status at the page with its code and its
//! words, what SIPp itself checked, and nothing left of the call afterwards.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::bot::{Bot, Login, Manner};
use tests::figures::{Figures, nothing_is_left};
use tests::folder::case;
use tests::ringdown::Ringdown;
use tests::sipp::{Script, Sipp};
use tests::sipp_line::{OWN_END, SippLine, THEIR_END, USER};
use tests::tone::Tone;
use tests::wait;

const SOON: Duration = Duration::from_secs(10);
/// 64*T1 is 6.4 s here.
const AFTER_SILENCE: Duration = Duration::from_secs(15);

/// The script calls; `then` is what the page does meanwhile. Afterwards the page's call ended with `status`,
/// `sip_status`, and words that hold `words`.
fn calls(
    name: &str,
    words: &[(&str, &str)],
    manner: Manner,
    settings: &[(&str, &str)],
    then: impl FnOnce(&SippLine, &str) -> Result<()>,
    end: (&str, Option<u64>, &str),
) {
    let script = Script {
        words,
        ..Script::waits(name)
    };
    calls_as(script, manner, settings, then, end);
}

fn calls_as(
    script: Script<'_>,
    manner: Manner,
    settings: &[(&str, &str)],
    then: impl FnOnce(&SippLine, &str) -> Result<()>,
    (status, sip_status, text): (&str, Option<u64>, &str),
) {
    case(|folder| {
        let mut line = SippLine::to_page(folder, manner, settings)?;
        line.call(folder, script)?;
        let id = line.page()?.incoming(0)?;
        then(&line, &id)?;
        line.page()?.wait_for(&id, status, AFTER_SILENCE)?;
        line.passed(AFTER_SILENCE)?;
        let all = line.page()?.all_incoming()?;
        ensure!(all.len() == 1, "{} calls came", all.len());
        let ends = line.over(&[&id])?;
        let end = &ends[0];
        ensure!(
            end.status == status && end.sip_status == sip_status && end.info.contains(text),
            "the end was {end:?}"
        );
        Ok(())
    });
}

/// Talks until both sides have heard each other, then hangs up.
fn talk(line: &SippLine, id: &str) -> Result<()> {
    line.page()?.wait_for(id, "ESTABLISHED", SOON)?;
    wait::until_true("sound both ways", SOON, || {
        Ok(line.both_are_heard(id).is_ok())
    })?;
    line.both_are_heard(id)?;
    line.page()?.hang_up(id)
}

/// Talks until the peer hangs up.
fn listen(line: &SippLine, id: &str) -> Result<()> {
    line.page()?.wait_for(id, "FINISH", SOON)?;
    let statuses = line.page()?.statuses(id)?;
    ensure!(
        statuses == ["RING", "ESTABLISHED", "FINISH"],
        "{statuses:?}"
    );
    line.both_are_heard(id)
}

fn nothing(_: &SippLine, _: &str) -> Result<()> {
    Ok(())
}

#[test]
fn the_page_answers_and_the_peer_hangs_up() {
    let words = [("talk_ms", "1500")];
    calls("uac/calls", &words, Manner::Answers, &[], listen, THEIR_END);
}

#[test]
fn the_page_answers_and_hangs_up() {
    calls(
        "uac/is_hung_up_on",
        &[],
        Manner::Answers,
        &[],
        talk,
        OWN_END,
    );
}

#[test]
fn the_page_declines_with_486() {
    let words = [("status", "486")];
    calls(
        "uac/is_refused",
        &words,
        Manner::Declines,
        &[],
        nothing,
        OWN_END,
    );
}

#[test]
fn the_page_declines_with_603_when_the_settings_say_so() {
    let words = [("status", "603")];
    let settings = [("sip_decline_code", "603")];
    calls(
        "uac/is_refused",
        &words,
        Manner::Declines,
        &settings,
        nothing,
        OWN_END,
    );
}

#[test]
fn a_page_that_never_answers_is_not_available() {
    let words = [("status", "480")];
    let settings = [("no_answer_timeout", "2")];
    let end = ("FAILED", Some(480), "Nobody answered within 2s.");
    calls(
        "uac/is_refused",
        &words,
        Manner::Rings,
        &settings,
        nothing,
        end,
    );
}

#[test]
fn a_late_ack_is_waited_for() {
    calls("uac/late_ack", &[], Manner::Answers, &[], listen, THEIR_END);
}

#[test]
fn without_an_ack_the_call_ends_after_64_t1() {
    let end = (
        "FAILED",
        Some(408),
        "never confirmed our answer (no ACK within 6 s)",
    );
    calls("uac/no_ack", &[], Manner::Answers, &[], nothing, end);
}

#[test]
fn the_caller_cancels() {
    let end = ("FINISH", Some(487), "hung up before the call was answered");
    calls("uac/cancels", &[], Manner::Rings, &[], nothing, end);
}

#[test]
fn a_cancel_that_crosses_the_200_has_no_effect() {
    calls(
        "uac/cancels_too_late",
        &[],
        Manner::Answers,
        &[],
        listen,
        THEIR_END,
    );
}

#[test]
fn bye_while_it_rings_ends_the_call() {
    let name = "uac/hangs_up_while_it_rings";
    calls(name, &[], Manner::Rings, &[], nothing, THEIR_END);
}

#[test]
fn an_invite_that_comes_three_times_is_one_call() {
    // Answers to the first copy come while SIPp says the next one.
    let script = Script {
        literal: true,
        lenient: true,
        ..Script::waits("uac/repeats")
    };
    calls_as(script, Manner::Answers, &[], listen, THEIR_END);
}

#[test]
fn a_late_answer_to_bye_keeps_nobody_waiting() {
    calls(
        "uac/late_bye_answer",
        &[],
        Manner::Answers,
        &[],
        talk,
        OWN_END,
    );
}

#[test]
fn a_bye_without_an_answer_is_over_after_64_t1() {
    calls(
        "uac/no_bye_answer",
        &[],
        Manner::Answers,
        &[],
        talk,
        OWN_END,
    );
}

#[test]
fn requests_with_wrong_tags_get_481_and_harm_no_call() {
    calls(
        "uac/wrong_tags",
        &[],
        Manner::Answers,
        &[],
        listen,
        THEIR_END,
    );
}

#[test]
fn request_numbers_may_jump_up_and_never_down() {
    calls(
        "uac/cseq_jumps",
        &[],
        Manner::Answers,
        &[],
        listen,
        THEIR_END,
    );
}

#[test]
fn a_refusal_without_an_ack_is_over_after_64_t1() {
    let words = [("status", "486")];
    let name = "uac/never_acks_a_refusal";
    calls(name, &words, Manner::Declines, &[], nothing, OWN_END);
}

#[test]
fn a_registrar_that_takes_no_login_is_told_in_words_and_leaves_nothing() {
    case(|folder| {
        let ringdown = Ringdown::serve(folder, &[("metrics_port", "0"), ("sip_t1", "100")])?;
        let before = Figures::of(&ringdown)?;
        let mut registrar = Sipp::start(folder, "registrar_refuses")?;
        let login = Login {
            user: USER,
            server: registrar.addr,
            registers: true,
        };
        let (tone, _) = Tone::pick_two();
        let error = match Bot::open(&ringdown, &login, Manner::Rings, tone) {
            Ok(_) => anyhow::bail!("the page is registered"),
            Err(error) => format!("{error:#}"),
        };
        let words = "Wrong SIP login or password";
        ensure!(error.contains(words), "the page heard: {error}");
        registrar.passed(SOON)?;
        nothing_is_left(&ringdown, &before, AFTER_SILENCE)
    });
}
