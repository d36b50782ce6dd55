//! A page that calls with video hears the other side at once, whatever becomes of the video: Chromium on our Phone Video
//! page, and beside it an element as the published SDK has it, which stays muted until it knows the size of a picture.
//!
//! These cases hold what a browser makes of the pictures: it shows them, decodes them without a loss, and its sound does
//! not wait. Which picture is sent when is held in simulated time (`crates/media/tests`), and which plan a call has, forks
//! and refusals included, in `crates/session/tests`.

use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};
use tests::audio;
use tests::baresip::{Baresip, Phone};
use tests::browser::{Browser, Frame};
use tests::conversation;
use tests::folder::{Folder, case};
use tests::kamailio::{Kamailio, USERS};
use tests::page::PhonePage;
use tests::picture::Colour;
use tests::ringdown::Ringdown;
use tests::sipp::{Script, Sipp};
use tests::tone::Tone;

const SOON: Duration = Duration::from_secs(10);
const BLACK: Colour = Colour {
    red: 0.0,
    green: 0.0,
    blue: 0.0,
};

/// One element for sound and picture, muted, un-muted at `loadedmetadata`: what the published SDK does. `after` tells how
/// many milliseconds after the tracks that was.
const PUBLISHED: &str = "(() => {
  const element = document.createElement('video');
  element.muted = true;
  element.width = 40;
  document.body.append(element);
  const published = { element, after: null };
  let tracks;
  element.addEventListener('loadedmetadata', () => {
    element.muted = false;
    element.play();
    published.after = performance.now() - tracks;
  });
  const Connection = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Connection {
    constructor(...args) {
      super(...args);
      this.addEventListener('track', ({ streams: [stream] }) => {
        if (element.srcObject === stream) return;
        tracks = performance.now();
        element.srcObject = stream;
      });
    }
  };
  window.__published = published;
})()";

/// A page ready to call whoever is at `peer`.
struct Caller {
    page: PhonePage,
    _ringdown: Ringdown,
    tone: Tone,
    peer_tone: Tone,
    colour: Colour,
}

impl Caller {
    fn open(folder: &Folder, page: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let ((tone, peer_tone), (colour, _)) = (Tone::pick_two(), Colour::pick_two());
        let ringdown = Ringdown::serve(folder, settings)?;
        let mut browser = Browser::open(folder, &ringdown.page(page), tone, colour)?;
        browser.evaluate(PUBLISHED)?;
        Ok(Self {
            page: PhonePage::new(browser),
            _ringdown: ringdown,
            tone,
            peer_tone,
            colour,
        })
    }

    /// Waits until the element of the published SDK plays aloud; gives the milliseconds it was silent for.
    fn plays_aloud(&mut self) -> Result<f64> {
        let aloud = "window.__published.after !== null && !window.__published.element.muted \
                     && !window.__published.element.paused && window.__published.element.currentTime > 0.2";
        self.page.wait_true(aloud, SOON).context("it stays muted")?;
        self.page.check_it_plays_aloud()?;
        let after = self.page.evaluate("window.__published.after")?;
        after.as_f64().context("no time")
    }

    /// Pictures since `from`, all of them black.
    fn sees_black(&mut self, from: f64, count: usize) -> Result<()> {
        let frames = self.page.watch(from, count, SOON)?;
        ensure!(all_near(&frames, BLACK), "they are not black: {frames:?}");
        Ok(())
    }

    /// What was heard between two times is the peer's tone, and not one's own.
    fn heard(&mut self, from: f64, to: f64) -> Result<()> {
        let part = self.page.heard()?.part(from, to);
        audio::check_heard(&part, self.peer_tone, self.tone)
            .map(drop)
            .map_err(Error::msg)
    }
}

fn all_near(frames: &[Frame], colour: Colour) -> bool {
    frames.iter().all(|frame| is_like(frame, colour))
}

/// How far a channel may be off. VP8 does not say which YUV it means, and a page sees its own colours up to 31 off when they
/// come back. Black is farther from each of them.
const NEAR: f64 = 45.0;

fn is_like(frame: &Frame, colour: Colour) -> bool {
    let Colour { red, green, blue } = frame.mean;
    [red - colour.red, green - colour.green, blue - colour.blue]
        .iter()
        .all(|difference| difference.abs() <= NEAR)
}

#[test]
fn early_media_without_video_is_heard_before_the_answer() {
    case(|folder| {
        let mut caller = Caller::open(folder, "phone-video", &[])?;
        let mut peer = Sipp::run(
            folder,
            &Script {
                tone: Some(caller.peer_tone),
                ..Script::waits("early_without_video")
            },
        )?;
        caller
            .page
            .connect_without_registering(USERS[0], peer.addr)?;
        caller.page.call("early")?;
        caller.page.call_status("SESSION_PROGRESS", SOON)?;
        let from = caller.page.now()?;
        caller.plays_aloud()?;
        caller.page.listen(3.0)?;
        caller.sees_black(from, 10)?;
        let to = caller.page.now()?;
        let status = caller.page.text("#callStatus")?;
        ensure!(status.contains("SESSION_PROGRESS"), "too late: {status}");
        caller.page.call_status("ESTABLISHED", SOON)?;
        // The final answer has no video either: nothing changes.
        let from_answer = caller.page.now()?;
        caller.page.listen(3.0)?;
        caller.sees_black(from_answer, 10)?;
        let to_answer = caller.page.now()?;
        caller.page.hang_up()?;
        caller.page.call_status("FINISH", SOON)?;
        peer.passed(SOON)?;
        caller.heard(from, to)?;
        caller.heard(from_answer, to_answer)?;
        caller.page.check_no_problems()
    });
}

#[test]
fn video_that_comes_with_the_answer_takes_over_in_h264() {
    video_comes_late("H264", "alaw,h264");
}

#[test]
fn video_that_comes_with_the_answer_takes_over_in_vp8() {
    video_comes_late("VP8", "alaw,vp8");
}

fn video_comes_late(codec: &str, codecs: &str) {
    case(|folder| {
        let settings = [("codecs", codecs), ("allow_outside_codecs", "false")];
        let mut caller = Caller::open(folder, "phone-video", &settings)?;
        // It sends back what it gets, so the picture of the page comes back once the video is there.
        let mut peer = Sipp::run(
            folder,
            &Script {
                echoes: true,
                ..Script::waits("early_then_video")
            },
        )?;
        caller
            .page
            .connect_without_registering(USERS[0], peer.addr)?;
        caller.page.call("early")?;
        caller.page.call_status("SESSION_PROGRESS", SOON)?;
        let from = caller.page.now()?;
        caller.plays_aloud()?;
        caller.sees_black(from, 10)?;
        let source = video_source(&mut caller.page)?;
        caller.page.call_status("ESTABLISHED", SOON)?;
        let answered = caller.page.now()?;
        let colour = caller.colour;
        caller.page.listen(3.0)?;
        let frames = caller.page.watch(answered, 30, SOON)?;
        let first = frames.iter().position(|frame| is_like(frame, colour));
        let first = first.with_context(|| format!("no picture is {colour:?}: {frames:?}"))?;
        ensure!(
            frames[first].at < answered + 1.5,
            "the peer's picture came after {:.2} s",
            frames[first].at - answered
        );
        ensure!(all_near(&frames[..first], BLACK), "{frames:?}");
        ensure!(all_near(&frames[first..], colour), "{frames:?}");
        let all = caller.page.frames(from)?;
        let longest = all.windows(2).map(|pair| pair[1].at - pair[0].at);
        let longest = longest.fold(0.0, f64::max);
        ensure!(longest < 1.0, "for {longest:.2} s there was no picture");
        let now = video_source(&mut caller.page)?;
        ensure!(now.ssrc == source.ssrc, "{source:?} became {now:?}");
        ensure!(now.codec.contains(codec), "{codec} was wanted: {now:?}");
        ensure!(
            now.decoded > source.decoded + 20 && now.lost == 0,
            "{now:?}"
        );
        caller.page.hang_up()?;
        caller.page.call_status("FINISH", SOON)?;
        peer.passed(SOON)?;
        caller.page.check_no_problems()
    });
}

/// What the browser receives as video.
#[derive(Debug)]
struct Source {
    ssrc: u64,
    codec: String,
    decoded: u64,
    lost: i64,
}

fn video_source(page: &mut PhonePage) -> Result<Source> {
    let stats = page.stats()?;
    let video = stats
        .iter()
        .find(|stream| stream["type"] == "inbound-rtp" && stream["kind"] == "video")
        .context("no video is received")?;
    let codec = stats.iter().find(|codec| codec["id"] == video["codecId"]);
    Ok(Source {
        ssrc: video["ssrc"].as_u64().context("no SSRC")?,
        codec: codec.context("no codec")?["mimeType"].to_string(),
        decoded: video["framesDecoded"].as_u64().context("no frames")?,
        lost: video["packetsLost"].as_i64().context("no losses")?,
    })
}

/// A call to a phone without video; gives for how many milliseconds the published SDK's element was silent.
fn call_a_phone_without_video(
    folder: &Folder,
    page: &str,
    settings: &[(&str, &str)],
    check: impl FnOnce(&mut Caller, f64) -> Result<()>,
) -> Result<f64> {
    let proxy = Kamailio::start(folder)?;
    let mut caller = Caller::open(folder, page, settings)?;
    let phone = Phone {
        user: USERS[0],
        proxy: proxy.addr,
        tone: caller.peer_tone,
        colour: None,
        answers: true,
        audio_codecs: "opus/48000/2,PCMU",
        video_codecs: "VP8",
    };
    let mut phone = Baresip::start(folder, &phone)?;
    caller.page.register(USERS[1], &proxy)?;
    phone.before_a_call()?;
    caller.page.call(USERS[0].name)?;
    caller.page.call_status("ESTABLISHED", SOON)?;
    let from = caller.page.now()?;
    let silent_for = caller.plays_aloud()?;
    conversation::listen(&mut caller.page, &phone)?;
    check(&mut caller, from)?;
    let to = caller.page.now()?;
    caller.heard(from, to)?;
    caller.page.hang_up()?;
    caller.page.call_status("FINISH", SOON)?;
    audio::check_heard(&phone.heard()?, caller.tone, caller.peer_tone).map_err(Error::msg)?;
    caller.page.check_no_problems()?;
    Ok(silent_for)
}

#[test]
fn generate_av_for_ua_shows_black_pictures_and_costs_no_time() {
    let (mut voice, mut video) = (0.0, 0.0);
    case(|folder| {
        voice = call_a_phone_without_video(folder, "phone", &[], |_, _| Ok(()))?;
        Ok(())
    });
    case(|folder| {
        let settings = [("generate_av_for_ua", "all")];
        let black = |caller: &mut Caller, from| caller.sees_black(from, 10);
        video = call_a_phone_without_video(folder, "phone-video", &settings, black)?;
        Ok(())
    });
    eprintln!("silent for {video:.0} ms with video, {voice:.0} ms without");
    assert!(
        video < voice + 300.0,
        "silent for {video:.0} ms with video, {voice:.0} ms without"
    );
}
