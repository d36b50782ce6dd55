//! A browser that closes its media is about to hang up, or has gone: its page has half a second to say which.

mod world;

use std::time::Duration;

use session::media::{MediaEvent, MediaFailure};
use session::{Input, SocketId};
use world::World;

/// A call that is up, and whose browser has just closed DTLS.
fn closed() -> (World, SocketId) {
    let mut w = World::new();
    let page = w.registered("10006");
    w.calls(page);
    w.frames(page);
    let (call, legs) = w.media.legs.first_key_value().expect("a call");
    let (call, leg) = (*call, *legs.first().expect("a browser leg"));
    let failure = MediaFailure::Closed;
    w.input(Input::Media(MediaEvent::BrowserFailed {
        call,
        leg,
        failure,
    }));
    w.settle();
    assert_eq!(w.told(page), [""; 0]);
    (w, page)
}

#[test]
fn a_hangup_that_comes_after_the_media_has_closed_ends_the_call_as_any_other() {
    let (mut w, page) = closed();
    w.advance(Duration::from_millis(400));
    w.hangup(page, "c1");
    w.expect_sip("BYE");
    assert_eq!(w.told(page), ["finish:FINISH"]);
}

#[test]
fn a_browser_that_has_gone_ends_the_call_half_a_second_later() {
    let (mut w, page) = closed();
    w.advance(Duration::from_millis(499));
    assert_eq!(w.told(page), [""; 0]);
    w.advance(Duration::from_millis(1));
    w.expect_sip("BYE");
    assert_eq!(w.told(page), ["finish:FAILED"]);
}
