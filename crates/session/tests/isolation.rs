//! A panic in one call's step ends that call with FAILED, and nothing else.

mod world;

use world::{PHONE_SDP, World};

#[test]
fn a_panic_ends_one_call() {
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
    w.hub.panic_in(victim);
    w.hangup(page, "c2");
    let frames = w.frames(page);
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(frames[0]["data"][0]["callId"], "c2");
    assert_eq!(frames[0]["data"][0]["status"], "FAILED");
    w.expect_sip("BYE");
    assert!(!w.media.open.contains(&victim), "its ports are free");
    assert_eq!(w.hub.call_ids().len(), 2, "the others play on");
    w.hangup(page, "c1");
    assert_eq!(w.told(page), ["finish:FINISH"]);
}
