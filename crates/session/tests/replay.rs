//! The Hub is a function of its seed and its input log: the log, replayed, gives the same outputs.
//! `replayed_in_a_second_process` runs this very test in a child and compares digests.

mod world;

use std::time::Duration;

use testkit::sip_text;
use world::{PHONE_SDP, World, config, contact_uri};

/// A bit of everything.
fn a_busy_minute() -> World {
    let mut w = World::new();
    w.keeps_outputs = true;
    let one = w.connect("10006");
    let register = w.expect_sip("REGISTER");
    w.answer_register(&register);
    let two = w.registered("10006");
    w.call(one, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "180 Ringing", "phone", "");
    w.advance(Duration::from_secs(3));
    w.respond(&invite, "200 OK", "phone", PHONE_SDP);
    w.invite_for(&contact_uri(&register), "in1", PHONE_SDP);
    w.advance(Duration::from_secs(20));
    w.hangup(one, "c1");
    if let Some(bye) = w.try_sip("BYE") {
        w.sip(sip_text::respond(&bye, "200 OK", "", &[], ""));
    }
    w.input(session::Input::SocketClosed { socket: two });
    w.advance(Duration::from_secs(90));
    w
}

/// FNV-1a: the same everywhere, unlike a hasher of the standard library.
fn digest(lines: &[String]) -> u64 {
    lines
        .iter()
        .flat_map(|line| line.bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

#[test]
fn the_same_log_gives_the_same_outputs() {
    let first = a_busy_minute();
    assert!(
        first.outputs.len() > 30,
        "only {} outputs",
        first.outputs.len()
    );
    // Inputs that the media side gave are in the log, so nobody plays it now.
    let mut hub = session::Hub::new(config(), [7; 32]);
    let start = first.start;
    let mut outputs = Vec::new();
    let mut drain = |hub: &mut session::Hub, at: Duration| {
        while let Some(output) = hub.poll_output() {
            outputs.push(format!("{at:?} {output:?}"));
        }
    };
    for (at, input) in &first.log {
        while let Some((due, _)) = hub.poll_timeout().filter(|(due, _)| *due < start + *at) {
            hub.handle_timeout(due);
            drain(&mut hub, due - start);
        }
        hub.handle_input(input.clone(), start + *at);
        drain(&mut hub, *at);
    }
    let mut expected = first.outputs.clone();
    expected.truncate(outputs.len());
    let (mut a, mut b) = (expected, outputs);
    // Inputs are logged before the outputs of the step that caused them are drained to the end.
    a.sort();
    b.sort();
    assert_eq!(a.len(), b.len());
    assert_eq!(a, b);
}

#[test]
fn replayed_in_a_second_process() {
    let own = digest(&a_busy_minute().outputs);
    if std::env::var_os("RINGDOWN_REPLAY_CHILD").is_some() {
        println!("digest={own}");
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "replayed_in_a_second_process", "--nocapture"])
        .env("RINGDOWN_REPLAY_CHILD", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    assert!(
        text.contains(&format!("digest={own}")),
        "another process did otherwise: {text}"
    );
}
