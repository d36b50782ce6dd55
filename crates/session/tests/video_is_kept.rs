//! Protocol R16: a page that calls with video is answered with video while the SIP side may still get
//! some, and where the operator wants it; else its video is refused, and it hears at once.

mod world;

use sdp::{MediaKind, MediaPlan};
use session::media::{BrowserLegMode, MediaCommand};
use testkit::sip_text;
use world::{BROWSER_AUDIO, PHONE_SDP, SIP_SERVER, World};

const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 106 108\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:106 H264/90000\r\na=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\na=rtpmap:108 H264/90000\r\na=fmtp:108 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n";

/// A phone with a camera.
const CAMERA: &str =
    "m=video 43002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:* nack pli\r\n";

fn with_camera() -> String {
    format!("{PHONE_SDP}{CAMERA}")
}

/// A page that has called with video, and its INVITE.
fn calling(names: &[&str]) -> (World, session::SocketId, String) {
    let mut config = world::config();
    config.calls.generate_av_for_ua = names.iter().map(|name| (*name).to_owned()).collect();
    let mut w = World::with(config, [7; 32]);
    let page = w.registered("10006");
    let offer = format!("{BROWSER_AUDIO}{VIDEO}");
    w.say(page, world::call("c1", "10005", &offer));
    let invite = w.expect_sip("INVITE");
    assert!(invite.contains("m=video"), "{invite}");
    (w, page, invite)
}

/// The video of each plan the SIP leg was connected with.
fn connected(w: &World) -> Vec<MediaPlan> {
    let plans = w.media.commands.iter().filter_map(|command| match command {
        MediaCommand::ConnectSipLeg { plan, .. } => Some(plan),
        _ => None,
    });
    plans.map(video).collect()
}

/// The video of the one plan the page was answered by.
fn answered(w: &World) -> MediaPlan {
    let mut plans = w.media.commands.iter().filter_map(|command| match command {
        MediaCommand::OpenBrowserLeg {
            mode: BrowserLegMode::Answer { plan, .. },
            ..
        } => Some(plan),
        _ => None,
    });
    let plan = plans.next().expect("the page is answered");
    assert!(plans.next().is_none(), "a page is answered once (R7)");
    video(plan)
}

fn video(plan: &sdp::Plan) -> MediaPlan {
    let mut media = plan.media.iter();
    let video = media.find(|media| media.kind == MediaKind::Video);
    video.expect("a video line").clone()
}

fn respond_as(w: &mut World, invite: &str, header: &str, body: &str) {
    let contact = format!("Contact: <sip:phone@{SIP_SERVER}>");
    let headers = [contact.as_str(), header];
    w.sip(sip_text::respond(invite, "200 OK", "phone", &headers, body));
}

#[test]
fn a_provisional_answer_without_video_keeps_it() {
    for status in ["183 Session Progress", "180 Ringing"] {
        let (mut w, _, invite) = calling(&[]);
        w.respond(&invite, status, "phone", PHONE_SDP);
        let video = answered(&w);
        assert!(video.accepted && video.stand_in && video.routes.is_empty());
        let number = &status[..3];
        let why = format!("but it is kept: {number} is not the final answer");
        assert!(video.reason.ends_with(&why), "{}", video.reason);
    }
}

#[test]
fn a_final_answer_without_video_refuses_it() {
    for header in ["Server: baresip v1.0.0", "X-Nothing: said"] {
        for names in [&[][..], &["polycom"]] {
            let (mut w, page, invite) = calling(names);
            respond_as(&mut w, &invite, header, PHONE_SDP);
            let video = answered(&w);
            assert!(!video.accepted && !video.stand_in, "{header} {names:?}");
            assert_eq!(video.reason, "the SIP side refused video");
            assert_eq!(w.told(page).last().unwrap(), "talk:ESTABLISHED");
        }
    }
}

#[test]
fn a_peer_whose_name_is_listed_keeps_it() {
    for (names, header) in [
        (&["all"][..], "X-Nothing: said"),
        (&["all"], "Server: baresip v1.0.0"),
        (&["polycom", "baresip"], "Server: BareSIP v1.0.0"),
        (&["vvx 411"], "User-Agent: PolycomVVX-VVX 411-UA/5.9"),
    ] {
        let (mut w, _, invite) = calling(names);
        respond_as(&mut w, &invite, header, PHONE_SDP);
        let video = answered(&w);
        assert!(video.accepted && video.stand_in, "{header} {names:?}");
        assert!(
            video.reason.contains("generate_av_for_ua"),
            "{}",
            video.reason
        );
    }
}

#[test]
fn video_that_comes_with_the_200_gets_its_routes() {
    let (mut w, page, invite) = calling(&[]);
    w.respond(&invite, "183 Session Progress", "phone", PHONE_SDP);
    w.respond(&invite, "200 OK", "phone", &with_camera());
    let told = answered(&w);
    let plans = connected(&w);
    assert_eq!(plans.len(), 2);
    let late = &plans[1];
    assert!(late.accepted && late.stand_in, "until its key frame comes");
    assert_eq!(late.remote.unwrap().rtp.port(), 43002);
    for route in &late.routes {
        let number = route.browser.payload_type;
        assert!(told.browser.iter().any(|f| f.payload_type == number));
    }
    assert_eq!(
        w.told(page),
        [
            "notifyTryingResponse:TRYING",
            "ring:SESSION_PROGRESS",
            "setRemoteSDP",
            "talk:ESTABLISHED"
        ]
    );
}

#[test]
fn once_the_page_has_video_no_later_answer_takes_it_away() {
    // The 200 has no video: neither of the same phone, nor of another after a fork.
    for tag in ["phone", "other"] {
        for early in [PHONE_SDP, &with_camera()] {
            let (mut w, _, invite) = calling(&[]);
            w.respond(&invite, "183 Session Progress", "phone", early);
            w.respond(&invite, "200 OK", tag, PHONE_SDP);
            assert!(answered(&w).accepted);
            let plans = connected(&w);
            let last = plans.last().unwrap();
            assert!(last.accepted && last.stand_in && last.routes.is_empty());
            let why = "but it is kept: the page has been answered with video";
            assert!(last.reason.ends_with(why), "{}", last.reason);
        }
    }
}

#[test]
fn a_fork_that_has_video_follows_one_that_has_none() {
    let (mut w, page, invite) = calling(&[]);
    w.respond(&invite, "183 Session Progress", "a", PHONE_SDP);
    w.respond(&invite, "183 Session Progress", "b", &with_camera());
    assert!(answered(&w).routes.is_empty());
    let plans = connected(&w);
    assert!(!plans[1].routes.is_empty() && plans[1].stand_in);
    w.respond(&invite, "200 OK", "a", PHONE_SDP);
    assert!(connected(&w)[2].accepted);
    w.hangup(page, "c1");
    let bye = w.expect_sip("BYE");
    w.sip(sip_text::respond(&bye, "200 OK", "", &[], ""));
    w.assert_calls_gone();
}

#[test]
fn a_call_without_video_is_as_it_was() {
    let mut w = World::new();
    let page = w.registered("10006");
    w.call(page, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "183 Session Progress", "phone", PHONE_SDP);
    let kinds: Vec<MediaKind> = w
        .media
        .commands
        .iter()
        .filter_map(|command| match command {
            MediaCommand::ConnectSipLeg { plan, .. } => Some(plan),
            _ => None,
        })
        .flat_map(|plan| plan.media.iter().map(|media| media.kind))
        .collect();
    assert_eq!(kinds, [MediaKind::Audio]);
}
