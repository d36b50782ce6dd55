//! The published SDK's own methods, called in its page as an application calls them.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::folder::{Folder, case};
use tests::page::PhonePage;
use tests::published_sdk::{Sample, press_switch, wait_playing};

use super::line::{Line, PHONE, SOON};

/// Keeps the frames that the page sends from now on.
const KEEP_FRAMES: &str = "
    window.__sent = [];
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (frame) {
        window.__sent.push(JSON.parse(frame));
        return send.call(this, frame);
    };
    null";
/// The session's call of an application: what the sample page does, with its own list of codecs.
const CALL: &str = "
    window.appCall = Flashphoner.getSessions()[0].createCall({
        callee: '@CALLEE@',
        visibleName: 'application',
        localVideoDisplay: document.querySelector('#localDisplay, #localVideo'),
        remoteVideoDisplay: document.querySelector('#remoteDisplay, #remoteVideo'),
        constraints: { audio: true, video: @VIDEO@ },
        receiveAudio: true,
        receiveVideo: @VIDEO@,
        stripCodecs: '@STRIP@',
    });
    window.appCall.call();
    null";

/// The SDP of the newest `call` or `answer` the page sent.
fn sent_sdp(page: &mut PhonePage) -> Result<String> {
    let last = "window.__sent.findLast(({ message }) => message === 'call' || message === 'answer')?.data[0].sdp";
    let sdp = page.evaluate(last)?;
    Ok(sdp.as_str().context("no SDP was sent")?.to_owned())
}

/// What `stripCodecs` leaves where the last payload type went: a space, and no CR (R13).
fn ragged_lines(sdp: &str) -> usize {
    let ragged = |line: &&str| line.starts_with("m=") && line.ends_with(' ');
    sdp.split('\n').filter(ragged).count()
}

fn app_calls(line: &mut Line<PhonePage>, video: bool, strip: &str) -> Result<()> {
    line.phone.before_a_call()?;
    let call = CALL
        .replace("@CALLEE@", PHONE.name)
        .replace("@VIDEO@", if video { "true" } else { "false" })
        .replace("@STRIP@", strip);
    line.page.evaluate(&call)?;
    line.page
        .wait_true("window.appCall.status() === 'ESTABLISHED'", SOON)
        .with_context(|| format!("without {strip}"))?;
    line.phone.event("CALL_ESTABLISHED", SOON)?;
    wait_playing(&mut line.page)
}

fn app_hangs_up(line: &mut Line<PhonePage>) -> Result<()> {
    line.page.evaluate("window.appCall.hangup(); null")?;
    line.phone.event("CALL_CLOSED", SOON)?;
    line.page
        .wait_true("window.appCall.status() === 'FINISH'", SOON)
}

fn mute_app(page: &mut tests::browser::Browser) -> Result<()> {
    page.evaluate("window.appCall.muteAudio(); null").map(drop)
}

/// The name of the codec whose payload type stands last in the m-line, and whether others of that name do not matter.
fn last_codec(sdp: &str, kind: &str) -> Result<String> {
    let line = sdp
        .lines()
        .find(|line| line.starts_with(&format!("m={kind} ")));
    let last = line.and_then(|line| line.split_whitespace().last());
    let map = format!("a=rtpmap:{} ", last.context("no m-line")?);
    let name = sdp
        .lines()
        .find_map(|line| line.strip_prefix(&map)?.split('/').next());
    Ok(name.context("no rtpmap")?.to_owned())
}

#[test]
fn an_m_line_that_strip_codecs_left_ragged_still_calls() {
    case(|folder| {
        let mut line = Line::up(folder, Sample::Phone, true, &[])?;
        line.page.evaluate(KEEP_FRAMES)?;
        for (strip, ragged) in [
            ("telephone-event", 1),
            ("opus,telephone-event", 1),
            ("PCMA,CN,red,telephone-event", 1),
            ("opus", 0),
        ] {
            app_calls(&mut line, false, strip)?;
            let sdp = sent_sdp(&mut line.page)?;
            ensure!(ragged_lines(&sdp) == ragged, "without {strip}: {sdp}");
            line.talk.hold(&mut line.page, &mut line.phone, mute_app)?;
            app_hangs_up(&mut line)?;
        }
        // The same in an answer.
        line.phone_calls()?;
        line.page.evaluate(
            "currentCall.answer({ localVideoDisplay: localDisplay, remoteVideoDisplay: remoteDisplay, receiveVideo: false,
                constraints: { audio: true, video: false }, stripCodecs: 'telephone-event' }); null",
        )?;
        line.page.call_status("^ESTABLISHED$", SOON)?;
        line.phone.event("CALL_ESTABLISHED", SOON)?;
        let sdp = sent_sdp(&mut line.page)?;
        ensure!(ragged_lines(&sdp) == 1, "the answer is not ragged: {sdp}");
        line.talk.hold(&mut line.page, &mut line.phone, |page| {
            press_switch(page, "#muteAudioToggle")
        })?;
        line.phone.hang_up()?;
        line.page.call_status("^FINISH$", SOON)?;
        line.page.check_no_problems()
    });
}

#[test]
fn a_video_m_line_that_strip_codecs_left_ragged_still_calls() {
    case(|folder| {
        let mut line = Line::up(folder, Sample::PhoneVideo, true, &[])?;
        line.page.evaluate(KEEP_FRAMES)?;
        app_calls(&mut line, true, "H264")?;
        let sdp = sent_sdp(&mut line.page)?;
        let apt_left = |line: &str| {
            let target = line.split("apt=").nth(1).unwrap_or_default().trim();
            !target.is_empty() && !sdp.contains(&format!("a=rtpmap:{target} "))
        };
        ensure!(
            sdp.lines().any(apt_left),
            "no rtx points to what was stripped: {sdp}"
        );
        app_hangs_up(&mut line)?;

        let last = last_codec(&sdp, "video")?;
        app_calls(&mut line, true, &format!("H264,{last}"))?;
        let sdp = sent_sdp(&mut line.page)?;
        ensure!(ragged_lines(&sdp) == 1, "without H264,{last}: {sdp}");
        let from = line.page.now()?;
        line.talk.see(&mut line.page, &mut line.phone, from)?;
        line.talk.hold(&mut line.page, &mut line.phone, mute_app)?;
        app_hangs_up(&mut line)?;
        line.page.check_no_problems()
    });
}

#[test]
fn the_methods_of_a_call_do_what_they_say() {
    case(|folder| {
        let mut line = Line::up(folder, Sample::PhoneVideo, true, &[])?;
        app_calls(&mut line, true, "")?;
        let muted = line.page.evaluate(
            "(() => { const call = window.appCall; const said = [];
                call.muteAudio(); call.muteVideo(); said.push(call.isAudioMuted(), call.isVideoMuted());
                call.unmuteAudio(); call.unmuteVideo(); said.push(call.isAudioMuted(), call.isVideoMuted());
                call.setVolume(40); said.push(call.getVolume()); call.setVolume(100); said.push(call.getVolume());
                said.push(call.callee(), call.caller(), call.visibleName(), call.id().length);
                return said; })()",
        )?;
        ensure!(
            muted
                == serde_json::json!([
                    true,
                    true,
                    false,
                    false,
                    40,
                    100,
                    "10005",
                    "10006",
                    "application",
                    36
                ]),
            "{muted}"
        );
        // More than one microphone, one camera: the first can be switched, the second says why not.
        let mic = line.page.evaluate("window.appCall.switchMic()")?;
        ensure!(
            mic.as_str().is_some_and(|id| !id.is_empty()),
            "switchMic gave {mic}"
        );
        let cam = line
            .page
            .evaluate("window.appCall.switchCam().catch((error) => `refused: ${error}`)")?;
        ensure!(
            cam.as_str()
                .is_some_and(|text| text.starts_with("refused: ")),
            "switchCam gave {cam}"
        );
        line.page
            .evaluate("window.appCall.setAudioOutputId('default')")?;
        check_statistics(&mut line)?;
        // After all that both still hear each other: nothing of it was a matter of signalling.
        line.talk.hold(&mut line.page, &mut line.phone, mute_app)?;
        app_hangs_up(&mut line)?;
        line.page.check_no_problems()
    });
}

/// Bytes and packets in the documented shape, and growing: by the SDK, and on the page that shows them.
fn check_statistics(line: &mut Line<PhonePage>) -> Result<()> {
    let read = "new Promise((resolve) => window.appCall.getStats(resolve))";
    let number = |stats: &Value, stream: &str, kind: &str, field: &str| {
        let value = &stats[stream][kind][field];
        value
            .as_f64()
            .with_context(|| format!("{stream}.{kind}.{field} is {value} in {stats}"))
    };
    let first = line.page.evaluate(read)?;
    line.page.listen(1.0)?;
    let second = line.page.evaluate(read)?;
    for kind in ["audio", "video"] {
        for (stream, field) in [
            ("outboundStream", "bytesSent"),
            ("outboundStream", "packetsSent"),
            ("inboundStream", "bytesReceived"),
            ("inboundStream", "packetsReceived"),
        ] {
            let (before, after) = (
                number(&first, stream, kind, field)?,
                number(&second, stream, kind, field)?,
            );
            ensure!(after > before, "{stream}.{kind}.{field} stays at {before}");
        }
    }
    let codec = |kind: &str| {
        second["outboundStream"][kind]["codec"]
            .as_str()
            .map(str::to_lowercase)
    };
    ensure!(
        codec("audio").is_some_and(|codec| codec.contains("opus"))
            && codec("video").is_some_and(|codec| codec.contains("vp8")),
        "{second}"
    );
    let native = line.page.evaluate(
        "new Promise((resolve) => window.appCall.getStats((stats) => resolve(Object.keys(stats)), true))",
    )?;
    ensure!(native.to_string().contains("outbound-rtp"), "{native}");
    Ok(())
}

#[test]
fn phone_video_shows_what_it_sends() {
    case(|folder| {
        let mut line = Line::up(folder, Sample::PhoneVideo, true, &[])?;
        line.page_calls()?;
        for field in [
            "#audioStatBytesSent",
            "#audioStatPacketsSent",
            "#videoStatBytesSent",
            "#videoStatPacketsSent",
        ] {
            line.page.wait_text(field, "^[1-9][0-9]*$", SOON)?;
        }
        line.page.hang_up()?;
        line.over("FINISH")?;
        line.page.check_no_problems()
    });
}

/// A session of the application's own, with the SDK's words for keeping it alive.
fn session(folder: &Folder, body: impl FnOnce(&mut PhonePage) -> Result<()>) -> Result<()> {
    let mut line = Line::up(folder, Sample::Phone, true, &[])?;
    body(&mut line.page)?;
    // The session stands as before, and calls.
    line.page_calls()?;
    line.page.hang_up()?;
    line.over("FINISH")?;
    line.page.check_no_problems()
}

#[test]
fn data_of_an_application_is_accepted() {
    case(|folder| {
        session(folder, |page| {
            let answer = page.evaluate(
                "Flashphoner.getSessions()[0].sendData({ count: 1, text: 'h\\u00e9llo' }).then(() => 'accepted')",
            )?;
            ensure!(answer == "accepted", "sendData: {answer}");
            Ok(())
        })
    });
}

#[test]
fn what_is_not_about_calls_is_taken_politely() {
    case(|folder| {
        session(folder, |page| {
            page.evaluate(
                "(() => { const session = Flashphoner.getSessions()[0];
                    session.startDebug(); session.stopDebug(); session.submitBugReport({ text: 'none', type: 'no_media' });
                    session.getLogger().info('session', 'a line');
                    return null; })()",
            )?;
            // A stream of a session beside it, since the SDK gives none to a session that is registered.
            let stream = page.evaluate(
                "new Promise((resolve) => Flashphoner.createSession({ urlServer: document.querySelector('#urlServer').value,
                        sipOptions: { login: '10007', password: 'secret7', domain: '127.0.0.1', registerRequired: false } })
                    .on('ESTABLISHED', (session) => session
                        .createStream({ name: 'a stream', display: document.querySelector('#remoteDisplay') })
                        .on('FAILED', (stream) => resolve(stream.status()))
                        .play()))",
            )?;
            ensure!(stream == "FAILED", "a stream ended as {stream}");
            Ok(())
        })
    });
}

#[test]
fn a_session_that_probes_the_server_stays() {
    case(|folder| {
        let mut line = Line::up(folder, Sample::Phone, true, &[])?;
        line.page.evaluate(
            "(() => { const statuses = window.__statuses = [];
                const session = Flashphoner.createSession({ urlServer: document.querySelector('#urlServer').value,
                    keepAlive: true, pingInterval: 200, receiveProbes: 3, probesInterval: 500, timeout: 5000,
                    sipOptions: { login: '10007', password: 'secret7', domain: '127.0.0.1', registerRequired: false } });
                for (const status of ['ESTABLISHED', 'DISCONNECTED', 'FAILED']) session.on(status, () => statuses.push(status));
                return null; })()",
        )?;
        line.page
            .wait_true("window.__statuses.length === 1", SOON)?;
        line.page.listen(4.0)?;
        let statuses = line.page.evaluate("window.__statuses.join()")?;
        ensure!(
            statuses == "ESTABLISHED",
            "the session went through {statuses}"
        );
        line.page.check_no_problems()
    });
}
