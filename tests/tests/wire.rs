//! What a stranger sees on the wire: one call of each kind, every packet of it dissected by tshark.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::capture::{Side, Trace};
use tests::line::{Line, PHONE, Setup};
use tests::netns::case;

const SOON: Duration = Duration::from_secs(10);

/// A whole call in which both hear each other, and its packets.
fn call(line: &mut Line, codecs: &[&str], dial: fn(&mut Line) -> Result<()>) -> Result<Trace> {
    dial(line)?;
    line.talk()?;
    line.page_hangs_up()?;
    line.check_sound()?;
    let trace = line.trace()?;
    eprintln!("of theirs tshark says {:?}", trace.remarks(Side::Theirs));
    trace.check()?;
    for codec in codecs {
        trace.check_media(codec)?;
    }
    Ok(trace)
}

#[test]
fn outgoing_voice() {
    case(|folder| {
        let setup = Setup {
            page: "phone",
            audio_codecs: "PCMA",
            video_codecs: "",
            ..Setup::default()
        };
        let trace = call(
            &mut Line::up(folder, setup)?,
            &["PCMA/8000"],
            Line::page_dials,
        )?;
        for line in ["REGISTER", "INVITE", "ACK", "BYE"] {
            let ours = trace
                .packets
                .iter()
                .filter(|packet| packet.side == Side::Ours);
            ensure!(
                ours.clone().any(|packet| packet.is_request(line)),
                "no {line} of ours"
            );
        }
        Ok(())
    });
}

#[test]
fn outgoing_video_in_vp8() {
    case(|folder| {
        let mut line = Line::up(folder, Setup::default())?;
        call(&mut line, &["opus/48000", "VP8/90000"], Line::page_dials).map(drop)
    });
}

#[test]
fn outgoing_video_in_h264() {
    case(|folder| {
        let setup = Setup {
            audio_codecs: "PCMU",
            video_codecs: "H264",
            ..Setup::default()
        };
        let mut line = Line::up(folder, setup)?;
        call(&mut line, &["PCMU/8000", "H264/90000"], Line::page_dials).map(drop)
    });
}

#[test]
fn incoming() {
    case(|folder| {
        let mut line = Line::up(folder, Setup::default())?;
        call(&mut line, &["opus/48000", "VP8/90000"], Line::phone_dials).map(drop)
    });
}

#[test]
fn cancelled() {
    case(|folder| {
        let mut line = Line::up(
            folder,
            Setup {
                phone_answers: false,
                ..Setup::default()
            },
        )?;
        line.page.call(PHONE.name)?;
        line.page.call_status("RING", SOON)?;
        line.page_hangs_up()?;
        let trace = line.trace()?;
        trace.check()?;
        ensure!(
            trace
                .packets
                .iter()
                .any(|packet| packet.side == Side::Ours && packet.is_request("CANCEL"))
        );
        Ok(())
    });
}

#[test]
fn rejected() {
    case(|folder| {
        let mut line = Line::up(
            folder,
            Setup {
                phone_answers: false,
                ..Setup::default()
            },
        )?;
        line.page.call(PHONE.name)?;
        line.page.call_status("RING", SOON)?;
        line.phone.hang_up()?;
        line.page.call_status("FAILED|BUSY", SOON)?;
        line.trace()?.check()
    });
}
