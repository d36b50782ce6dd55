//! What the Hub says it holds, as pages and calls come and go.

mod world;

use std::time::Duration;

use session::Input;
use world::{PHONE_SDP, World, contact_uri};

#[test]
fn every_figure_follows_what_it_counts() {
    let mut w = World::new();
    assert_eq!(w.hub.counts(), session::Counts::default());
    let page = w.connect("10006");
    let register = w.expect_sip("REGISTER");
    w.answer_register(&register);
    let guest = w.guest("10007");
    let counts = w.hub.counts();
    assert_eq!(
        (counts.sockets, counts.sessions, counts.attached),
        (2, 2, 2)
    );
    assert_eq!((counts.registrations, counts.calls, counts.legs), (1, 0, 0));
    assert!(counts.alarms > 0);

    w.invite_for(&contact_uri(&register), "in1", PHONE_SDP);
    let counts = w.hub.counts();
    assert_eq!((counts.calls, counts.legs, counts.sip.dialogs), (1, 1, 1));

    for socket in [page, guest] {
        w.input(Input::SocketClosed { socket });
    }
    let counts = w.hub.counts();
    assert_eq!(
        (counts.sockets, counts.sessions, counts.attached),
        (0, 2, 0),
        "sessions outlast their sockets for a moment"
    );
    w.advance(Duration::from_secs(1));
    let counts = w.hub.counts();
    assert_eq!((counts.sessions, counts.alarms), (0, 0));
    assert_eq!((counts.registrations, counts.legs), (0, 0));
    w.assert_calls_gone();
}
