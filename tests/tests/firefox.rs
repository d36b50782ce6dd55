//! Firefox on our Phone Video page and a SIP phone talk to each other: voice and picture both ways.

use anyhow::Result;
use tests::browser::Engine;
use tests::line::{Line, Setup};
use tests::netns::case;

fn firefox() -> Setup {
    Setup {
        engine: Engine::Firefox,
        ..Setup::default()
    }
}

fn talk_and_see(line: &mut Line) -> Result<()> {
    let from = line.page.now()?;
    line.talk()?;
    line.see_each_other(from)
}

fn check(line: &mut Line) -> Result<()> {
    line.check_sound()?;
    let trace = line.trace()?;
    trace.check()?;
    trace.check_media("opus/48000")?;
    trace.check_media("VP8/90000")
}

#[test]
fn the_page_calls_and_the_phone_hangs_up() {
    case(|folder| {
        let mut line = Line::up(folder, firefox())?;
        line.page_dials()?;
        talk_and_see(&mut line)?;
        line.phone_hangs_up()?;
        check(&mut line)
    });
}

#[test]
fn the_phone_calls_and_the_page_hangs_up() {
    case(|folder| {
        let mut line = Line::up(folder, firefox())?;
        line.phone_dials()?;
        talk_and_see(&mut line)?;
        line.page_hangs_up()?;
        check(&mut line)
    });
}
