//! INVITE without SDP (RFC 3261 §13.2.1): we offer in the 200, the answer comes in the ACK.

use sdp::{CodecSettings, Plan, PlanError, formats_for_browser, late_offer, plan_late};

use crate::samples::{drawn, local, origin, parsed, same_text, settings, sip};

const BROWSER: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 8 0 126\na=rtpmap:126 telephone-event/8000";

fn plan(browser: &str, answer: &str) -> Result<Plan, PlanError> {
    let browser = parsed(&sip(browser));
    let ours = late_offer(&browser, &local(), origin(), &CodecSettings::default())?;
    plan_late(&browser, &ours, &parsed(&sip(answer)))
}

fn offered(settings: &CodecSettings) -> Result<String, PlanError> {
    let media = formats_for_browser(None, settings)?;
    assert_eq!(media.len(), 1);
    let formats = media[0]
        .formats
        .iter()
        .map(|format| format!("{} {format}", format.payload_type));
    Ok(formats.collect::<Vec<_>>().join(", "))
}

#[test]
fn the_browser_is_offered_what_every_peer_has() {
    for (settings, expected) in [
        (
            CodecSettings::default(),
            "8 PCMA/8000, 0 PCMU/8000, 126 telephone-event/8000",
        ),
        (settings("opus,ulaw", false), "0 PCMU/8000"),
        (
            settings("opus,g722,telephone-event", false),
            "111 opus/48000/2, 110 telephone-event/48000",
        ),
    ] {
        assert_eq!(offered(&settings).unwrap(), expected);
    }
    let error = offered(&settings("g729,speex16", false)).unwrap_err();
    assert_eq!(error.text(), "Transcoding required, but disabled");
}

#[test]
fn the_200_offers_what_the_browser_already_sends() {
    let browser = parsed(&sip(BROWSER));
    let offer = late_offer(&browser, &local(), origin(), &CodecSettings::default()).unwrap();
    let text = offer.to_string();
    same_text(
        &text[text.find("m=").unwrap()..],
        "m=audio 31002 RTP/AVP 8 0 126
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:126 telephone-event/8000
a=fmtp:126 0-16
a=ptime:20
a=rtcp-mux
a=sendrecv
",
    );
    // Opus first means opus alone: the browser sends nothing else.
    let browser = parsed(&sip(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 8\na=rtpmap:111 opus/48000/2",
    ));
    let offer = late_offer(&browser, &local(), origin(), &CodecSettings::default()).unwrap();
    assert!(offer.to_string().contains("m=audio 31002 RTP/AVP 111\r\n"));
}

#[test]
fn the_ack_may_choose_the_other_law() {
    same_text(
        &drawn(&plan(BROWSER, "m=audio 4000 RTP/AVP 0 126\na=rtpmap:126 telephone-event/8000").unwrap()),
        "audio: browser 8 PCMA/8000, 0 PCMU/8000, 126 telephone-event/8000
  8 PCMA/8000 = PCMU/8000 send 0 recv 0 G711Table
  0 PCMU/8000 = PCMU/8000 send 0 recv 0 Pass
  126 telephone-event/8000 = telephone-event/8000 send 126 recv 126 Pass
  sendrecv to 192.0.2.9:4000 rtcp 192.0.2.9:4001, 20 ms
  PCMA/8000 to the browser, PCMU/8000 to the SIP side: converted byte by byte, since the two share no other codec; digits as telephone-event/8000
",
    );
}

#[test]
fn the_ack_on_hold_and_the_ack_that_refuses() {
    let held = plan(BROWSER, "m=audio 4000 RTP/AVP 8\na=sendonly").unwrap();
    assert_eq!(held.media[0].sip_direction.name(), "recvonly");
    let error = plan(BROWSER, "m=audio 0 RTP/AVP 8").unwrap_err();
    assert_eq!(error.text(), "No common codecs");
    let error = plan(BROWSER, "m=audio 4000 RTP/AVP 18").unwrap_err();
    assert_eq!(error.text(), "Transcoding required, but disabled");
}
