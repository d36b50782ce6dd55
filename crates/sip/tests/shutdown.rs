//! Shutting down: CANCEL, BYE, refusal, un-REGISTER for everything there is.
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use sip::{Counts, Event, Method};

#[test]
fn everything_ends_and_is_forgotten() {
    let mut bench = Bench::new();
    let (_, contact) = bench.registered();
    bench.established();
    bench.offered(&contact);
    bench.taken(&contact);
    let ringing = bench.call("192.0.2.10");
    let invite = bench.request(Method::Invite);
    bench.reply(&invite, 180);
    bench.event();
    bench.call("unresolved.example.com");
    bench.act(|ua, now| ua.shutdown(now));
    assert!(!bench.ua.settled());
    let mut methods = Vec::new();
    while let Some(sent) = bench.sent.pop_front() {
        match sent.message {
            sip::Message::Request(request) => {
                methods.push(request.method.to_string());
                bench.reply(&request, 200);
            }
            sip::Message::Response(response) => methods.push(response.status.to_string()),
        }
    }
    methods.sort();
    assert_eq!(methods, ["486", "BYE", "BYE", "CANCEL", "REGISTER"]);
    bench.reply(&invite, 487);
    bench.request(Method::Ack);
    assert!(bench.ua.settled(), "no time has to pass for that");
    assert_ne!(bench.ua.counts(), Counts::default());
    let ended = bench
        .events
        .iter()
        .filter(|event| matches!(event, Event::Ended { .. }))
        .count();
    assert_eq!(ended, 5);
    assert!(
        bench
            .events
            .iter()
            .any(|event| matches!(event, Event::Ended { id, .. } if *id == ringing))
    );
    assert!(
        bench
            .events
            .iter()
            .any(|event| matches!(event, Event::Unregistered { .. }))
    );
    bench.events.clear();
    bench.pass(secs(70));
    assert_eq!(bench.ua.counts(), Counts::default());
    bench.act(|ua, now| ua.shutdown(now));
    bench.no_event();
}
