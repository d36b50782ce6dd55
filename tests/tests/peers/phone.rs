//! A browser and a SIP phone talk to each other: Chromium on our Phone Video page, Ringdown, a Kamailio with digest, and
//! baresip. Voice and picture both ways, each direction known by a tone and a colour chosen in this run.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::folder::case;
use tests::line::{Line, PAGE, Setup};

/// What the SDK says of the call that our page shows.
const EXPLAIN: &str = "import(new URL('../shared/phone.js', location)).then((phone) => phone.currentCall().explain())";

/// One call, from established to muted: pictures and sound both ways, then silence both ways.
fn see_talk_and_mute(line: &mut Line) -> Result<()> {
    let from = line.page.now()?;
    line.see_each_other(from)?;
    line.talk_and_mute()
}

/// `call.explain()` in the call that is up (C4): what was offered and chosen and why, and what went over SIP without its
/// secrets.
fn explain(line: &mut Line) -> Result<()> {
    let told = line.page.evaluate(EXPLAIN)?;
    for (medium, codec) in [("audio", "opus/48000/2"), ("video", "VP8/90000")] {
        let of = |part: &str| -> Result<&Value> {
            let all = told[part].as_array().context("no list")?;
            let found = all.iter().find(|entry| entry["medium"] == medium);
            found.with_context(|| format!("nothing of {medium} in {part}: {told}"))
        };
        let (offered, chosen) = (of("offered")?, of("chosen")?);
        for side in ["browser", "sip"] {
            let codecs = offered[side].as_array().context("no codecs")?;
            ensure!(
                codecs.contains(&codec.into()),
                "{side} without {codec}: {offered}"
            );
            ensure!(chosen[side] == codec, "{chosen}");
        }
        let reason = chosen["reason"].as_str().context("no reason")?;
        ensure!(reason.contains(codec), "{reason}");
    }
    let ladder = told["ladder"].as_array().context("no ladder")?;
    let summary = |entry: &Value| entry["summary"].as_str().unwrap_or_default().to_owned();
    let summaries: Vec<String> = ladder.iter().map(summary).collect();
    let steps = [
        "INVITE",
        "407 Proxy Authentication Required to INVITE",
        "ACK",
        "INVITE",
    ];
    ensure!(
        summaries.starts_with(&steps.map(String::from)),
        "{summaries:?}"
    );
    // baresip calls it "200 Answering".
    let accepted =
        |summary: &String| summary.starts_with("200 ") && summary.ends_with(" to INVITE");
    ensure!(summaries.iter().any(accepted), "{summaries:?}");
    let texts: Vec<&str> = ladder.iter().filter_map(|e| e["text"].as_str()).collect();
    let texts = texts.concat();
    for name in ["nonce", "response"] {
        let values: Vec<&str> = texts.split(&format!(" {name}=\"")).skip(1).collect();
        ensure!(
            !values.is_empty() && values.iter().all(|value| value.starts_with("***\"")),
            "{name} in {texts}"
        );
    }
    ensure!(!told.to_string().contains(PAGE.password), "{told}");
    Ok(())
}

#[test]
fn the_page_calls_and_the_phone_hangs_up() {
    case(|folder| {
        let mut line = Line::up(folder, Setup::default())?;
        line.page_dials()?;
        see_talk_and_mute(&mut line)?;
        explain(&mut line)?;
        line.phone_hangs_up()?;
        line.page.check_no_problems()
    });
}

#[test]
fn the_phone_calls_and_the_page_hangs_up() {
    case(|folder| {
        let mut line = Line::up(folder, Setup::default())?;
        line.phone_dials()?;
        see_talk_and_mute(&mut line)?;
        line.page_hangs_up()?;
        line.page.check_no_problems()
    });
}

#[test]
fn g711_and_h264_pass_too_and_the_caller_hangs_up() {
    case(|folder| {
        let setup = Setup {
            audio_codecs: "PCMA",
            video_codecs: "H264",
            ..Setup::default()
        };
        let mut line = Line::up(folder, setup)?;
        line.page_dials()?;
        see_talk_and_mute(&mut line)?;
        line.page_hangs_up()?;
        line.page.check_no_problems()
    });
}
