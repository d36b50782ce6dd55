//! The harness itself: two phones call each other through the proxy, and what each hears and sees is measured. When this
//! fails the fault is in the harness or the machine, not in Ringdown.

use std::time::Duration;

use tests::audio;
use tests::baresip::{Baresip, Phone};
use tests::folder::case;
use tests::kamailio::{Kamailio, USERS};
use tests::picture::Colour;
use tests::tone::Tone;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn two_phones_hear_and_see_each_other() {
    call("opus/48000/2,PCMU", "VP8");
}

#[test]
fn and_so_they_do_by_g711_and_h264() {
    call("PCMA", "H264");
}

fn call(audio_codecs: &'static str, video_codecs: &'static str) {
    case(|folder| {
        let (one, two) = Tone::pick_two();
        let (red, blue) = Colour::pick_two();
        let proxy = Kamailio::start(folder)?;
        let phone = |user, tone, colour, answers| Phone {
            user,
            proxy: proxy.addr,
            tone,
            colour: Some(colour),
            answers,
            audio_codecs,
            video_codecs,
        };
        let mut caller = Baresip::start(folder, &phone(USERS[0], one, red, false))?;
        let mut callee = Baresip::start(folder, &phone(USERS[1], two, blue, true))?;
        callee.before_a_call()?;
        caller.dial(USERS[1].name)?;
        caller.event("CALL_ESTABLISHED", SOON)?;
        callee.event("CALL_ESTABLISHED", SOON)?;
        caller.hear_steadily(2.5, SOON)?;
        callee.hear_steadily(2.5, SOON)?;
        for (phone, colour) in [(&mut caller, blue), (&mut callee, red)] {
            let stills = phone.stills(5, SOON)?;
            for still in &stills {
                assert!(
                    still.mean.is_near(colour),
                    "{colour:?} arrived as {:?}",
                    still.mean
                );
            }
            assert!(
                stills
                    .windows(2)
                    .all(|pair| pair[0].difference(&pair[1]) > 0.2),
                "the picture stands still"
            );
        }
        caller.toggle_mute()?;
        callee.hear(2.0, SOON)?;
        callee.hang_up()?;
        caller.event("CALL_CLOSED", SOON)?;

        audio::check_heard(&caller.heard()?, two, one).map_err(anyhow::Error::msg)?;
        let heard = callee.heard()?;
        let clear = audio::check_heard(&heard, one, two).map_err(anyhow::Error::msg)?;
        let silence = audio::longest_silence(&heard.part(clear.to - 0.1, heard.seconds()));
        assert!(silence.seconds() > 1.0, "muted, and yet heard: {silence:?}");
        Ok(())
    });
}
