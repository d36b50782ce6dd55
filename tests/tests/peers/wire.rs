//! What an independent dissector sees on the wire: one call of each kind, with every packet checked by tshark.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::audio;
use tests::browser::Browser;
use tests::capture::{Capture, Ports, Side, Trace};
use tests::folder::Folder;
use tests::line::{Line, PAGE, PHONE, Setup};
use tests::netns::case;
use tests::page::PhonePage;
use tests::picture::Colour;
use tests::ports;
use tests::ringdown::Ringdown;
use tests::sipp::{Script, Sipp};
use tests::tone::Tone;

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
        let mut line = Line::up(folder, Setup::voice())?;
        let trace = call(&mut line, &["PCMA/8000"], Line::page_dials)?;
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

/// Our Phone page and a peer that follows a script.
struct Scripted {
    page: PhonePage,
    tone: Tone,
    peer: Sipp,
    _ringdown: Ringdown,
    capture: Capture,
}

impl Scripted {
    fn up(folder: &Folder, script: &str) -> Result<Self> {
        let echoing = Script {
            echoes: true,
            ..Script::waits(script)
        };
        let peer = Sipp::run(folder, &echoing)?;
        let first = ports::free(4)?;
        let (from, to) = (first.to_string(), (first + 3).to_string());
        let settings = [
            ("media_port_from", from.as_str()),
            ("media_port_to", to.as_str()),
        ];
        let ringdown = Ringdown::serve(folder, &settings)?;
        let watched = Ports {
            our_sip: vec![ringdown.sip.port()],
            our_media: vec![first..=first + 3],
            their_sip: vec![peer.addr.port()],
            their_media: vec![peer.addr.port() + 2..=peer.addr.port() + 3],
        };
        let capture = Capture::start(folder, watched)?;
        let ((tone, _), (colour, _)) = (Tone::pick_two(), Colour::pick_two());
        let mut page = PhonePage::new(Browser::open(
            folder,
            &ringdown.page("phone"),
            tone,
            colour,
        )?);
        page.connect_without_registering(PAGE, peer.addr)?;
        page.call("somebody")?;
        Ok(Self {
            page,
            tone,
            peer,
            _ringdown: ringdown,
            capture,
        })
    }

    /// The script ran to its end; the capture is clean and shows the peer's answer.
    fn check(mut self, answer: &str) -> Result<()> {
        self.peer.passed(Duration::from_secs(30))?;
        let trace = self.capture.stop()?;
        trace.check()?;
        let sip = trace.sip();
        ensure!(
            sip.iter().any(|(_, line)| line.starts_with(answer)),
            "no {answer}: {sip:?}"
        );
        Ok(())
    }
}

#[test]
fn busy() {
    case(|folder| {
        let mut call = Scripted::up(folder, "busy")?;
        call.page.call_status("FAILED|BUSY", SOON)?;
        call.check("SIP/2.0 486")
    });
}

#[test]
fn declined() {
    case(|folder| {
        let mut call = Scripted::up(folder, "declines")?;
        call.page.call_status("FAILED", SOON)?;
        call.check("SIP/2.0 603")
    });
}

#[test]
fn early_media_and_a_caller_who_gives_up() {
    case(|folder| {
        let mut call = Scripted::up(folder, "early_media")?;
        call.page.call_status("RING|SESSION_PROGRESS", SOON)?;
        call.page.listen(3.0)?;
        let heard = audio::longest_clear(&call.page.heard()?, call.tone, 0.060);
        ensure!(
            heard.seconds() > 1.0,
            "the echo was heard for {:.2} s",
            heard.seconds()
        );
        call.page.hang_up()?;
        call.page.call_status("FINISH", SOON)?;
        call.check("SIP/2.0 183")
    });
}

#[test]
fn a_hold_of_the_peer() {
    case(|folder| {
        let mut call = Scripted::up(folder, "asks_in_dialog")?;
        call.page.call_status("FINISH", Duration::from_secs(30))?;
        call.check("UPDATE")
    });
}
