//! A panic ends the one call or the one connection it struck, with words, and nothing else.

mod world;

use session::PlantedPanic;
use session::media::CallId;
use world::{PHONE_SDP, World};

#[test]
fn a_panic_in_a_step_ends_one_call() {
    one_of_three_ends(PlantedPanic::Step, "FAILED");
}

#[test]
fn a_panic_between_a_step_and_its_effects_ends_one_call() {
    // The first effect of a hang-up is lost: the others are performed, and SIP is ended once more.
    one_of_three_ends(PlantedPanic::Effects, "FINISH");
}

fn one_of_three_ends(panic: fn(CallId) -> PlantedPanic, status: &str) {
    std::panic::set_hook(Box::new(|_| {}));
    let mut w = World::new();
    let page = w.registered("10006");
    for id in ["c1", "c2", "c3"] {
        w.call(page, id, "10005");
        let invite = w.expect_sip("INVITE");
        w.respond(&invite, "200 OK", id, PHONE_SDP);
    }
    w.told(page);
    let victim = w.hub.call_ids()[1];
    w.hub.plant(panic(victim));
    w.hangup(page, "c2");
    let frames = w.frames(page);
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(frames[0]["data"][0]["callId"], "c2");
    assert_eq!(frames[0]["data"][0]["status"], status);
    w.expect_sip("BYE");
    assert!(!w.media.open.contains(&victim), "its ports are free");
    assert_eq!(w.hub.call_ids().len(), 2, "the others play on");
    w.hangup(page, "c1");
    assert_eq!(w.told(page), ["finish:FINISH"]);
}

#[test]
fn a_panic_outside_any_call_closes_the_connection_it_came_from() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut w = World::new();
    let (struck, other) = (w.registered("10006"), w.registered("10007"));
    w.call(other, "c1", "10005");
    let invite = w.expect_sip("INVITE");
    w.respond(&invite, "200 OK", "t", PHONE_SDP);
    w.told(other);
    w.hub.plant(PlantedPanic::Routing);
    w.call(struck, "c2", "10005");
    let (code, reason) = &w.closed[&struck];
    assert_eq!(*code, 1011, "RFC 6455 section 7.4.1: {reason}");
    assert!(!w.closed.contains_key(&other));
    w.hangup(other, "c1");
    assert_eq!(w.told(other), ["finish:FINISH"]);
}

#[test]
fn a_panic_in_an_alarm_leaves_the_others_to_ring() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut w = World::new();
    let (one, two) = (w.registered("10006"), w.registered("10007"));
    w.hub.plant(PlantedPanic::Routing);
    // The first ping of either is struck; the other page is pinged on and makes its call.
    w.advance(std::time::Duration::from_secs(20));
    let struck: Vec<_> = [one, two]
        .into_iter()
        .filter(|page| w.closed.contains_key(page))
        .collect();
    assert_eq!(struck.len(), 1, "{:?}", w.closed);
    assert_eq!(w.closed[&struck[0]].0, 1011);
    let other = if struck[0] == one { two } else { one };
    w.call(other, "c1", "10005");
    w.expect_sip("INVITE");
}
