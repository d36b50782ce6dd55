//! Directions and hold in all their forms (RFC 3264 §6.1, §8.4).

use sdp::{CodecSettings, Description, answer_to_sip, offer_to_sip, plan_incoming, plan_outgoing};

use crate::samples::{CHROMIUM_AUDIO, local, origin, parsed};

const BROWSER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n";

/// Head lines and m-line lines of a peer -> our answer's direction, and whether we know where to
/// send.
#[track_caller]
fn check(session: &str, media: &str, direction: &str, sends: bool) {
    let text =
        format!("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\n{session}m=audio 4000 RTP/AVP 0{media}");
    let offer = parsed(&text);
    let settings = CodecSettings::default();
    let plan = plan_incoming(&offer, &parsed(BROWSER), &settings).unwrap();
    assert_eq!(
        plan.media[0].sip_direction.name(),
        direction,
        "plan for\n{text}"
    );
    assert_eq!(plan.media[0].remote.is_some(), sends, "remote for\n{text}");
    let answer = answer_to_sip(&offer, &plan, &local(), origin(), &[]).to_string();
    assert!(
        answer.ends_with(&format!("\r\na={direction}\r\n")),
        "{answer}"
    );
    assert!(!answer.contains("0.0.0.0"), "{answer}");
    // The same description as an answer to our offer.
    let browser = parsed(CHROMIUM_AUDIO);
    let ours: Description = offer_to_sip(&browser, &local(), origin(), &settings, &[]).unwrap();
    let plan = plan_outgoing(&browser, &ours, &offer).unwrap();
    assert_eq!(
        plan.media[0].sip_direction.name(),
        direction,
        "outgoing plan for\n{text}"
    );
}

const C: &str = "c=IN IP4 192.0.2.9\r\nt=0 0\r\n";

#[test]
fn the_four_directions_are_answered_by_their_mirror() {
    for (theirs, ours) in [
        ("sendrecv", "sendrecv"),
        ("sendonly", "recvonly"),
        ("recvonly", "sendonly"),
        ("inactive", "inactive"),
    ] {
        check(C, &format!("\r\na={theirs}\r\n"), ours, true);
        // The last line without its end.
        check(C, &format!("\r\na={theirs}"), ours, true);
        // At session level, and overruled by the m-line.
        check(&format!("{C}a={theirs}\r\n"), "\r\n", ours, true);
        check(
            &format!("{C}a=inactive\r\n"),
            &format!("\r\na={theirs}\r\n"),
            ours,
            true,
        );
        // With a space too many, and in capitals.
        check(C, &format!("\r\na={theirs} \r\n"), ours, true);
        check(C, &format!("\r\na={}\n", theirs.to_uppercase()), ours, true);
    }
    check(C, "", "sendrecv", true);
}

#[test]
fn hold_by_address() {
    let held = |addr: &str| format!("c=IN {addr}\r\nt=0 0\r\n");
    for addr in ["IP4 0.0.0.0", "IP6 ::"] {
        // It may still send to us (music), so we only receive.
        check(&held(addr), "\r\n", "recvonly", false);
        check(&held(addr), "\r\na=sendrecv\r\n", "recvonly", false);
        check(&held(addr), "\r\na=sendonly\r\n", "recvonly", false);
        check(&held(addr), "\r\na=recvonly\r\n", "inactive", false);
        check(&held(addr), "\r\na=inactive\r\n", "inactive", false);
        check(C, &format!("\r\nc=IN {addr}\r\n"), "recvonly", false);
        check(C, &format!("\r\nc=IN {addr}"), "recvonly", false);
        // The m-line's own address overrules the session's.
        check(&held(addr), "\r\nc=IN IP4 192.0.2.9\r\n", "sendrecv", true);
    }
}
