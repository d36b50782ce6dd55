//! A browser and a SIP phone talk to each other: Chromium on our Phone Video page, Ringdown, a Kamailio with digest, and
//! baresip. Voice and picture both ways, each direction known by a tone and a colour chosen in this run.

use anyhow::Result;
use tests::folder::case;
use tests::line::{Line, Setup};

/// One call, from established to muted: pictures and sound both ways, then silence both ways.
fn see_talk_and_mute(line: &mut Line) -> Result<()> {
    let from = line.page.now()?;
    line.see_each_other(from)?;
    line.talk_and_mute()
}

#[test]
fn the_page_calls_and_the_phone_hangs_up() {
    case(|folder| {
        let mut line = Line::up(folder, Setup::default())?;
        line.page_dials()?;
        see_talk_and_mute(&mut line)?;
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
