//! After a call nothing of it is there, and nobody from elsewhere gets anything.

mod world;

use bytes::Bytes;
use media::WallClock;
use media::rtcp::Rtcp;
use pbx::{Input, NotLoopback, Pbx, PbxConfig};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use sip::Hop;
use testkit::sip_text::respond;
use world::{Audio, G711, PBX, Phone, World, addr, ms, offer, packet};

fn phone() -> Phone {
    Phone::new("anna", 5070)
}

#[test]
fn everything_is_gone_after_bye() {
    for number in ["echo", "ivr", "tone"] {
        let mut world = World::new();
        let call = world.call(&phone(), number, &offer(&[G711]));
        world.pass(ms(300));
        world.rtp(call.id, Audio, false, &packet(0, 0, b"x"));
        assert!(!world.media.is_empty());
        world.send(&phone(), &phone().bye(&call.ok));
        world.expect(&phone(), 200);
        assert!(world.open.is_empty());
        let last = world.media.last().unwrap().rtcp();
        assert!(
            last.iter().any(|rtcp| matches!(rtcp, Rtcp::Bye { .. })),
            "{last:?}"
        );
        let sent = world.media.len();
        world.rtp(call.id, Audio, false, &packet(0, 1, b"x"));
        world.pass_until_idle();
        assert_eq!(world.media.len(), sent);
    }
}

#[test]
fn a_caller_that_never_acknowledges_is_given_up() {
    let mut world = World::new();
    world.invite(&phone(), "tone", &offer(&[G711]));
    world.pass(ms(33_000));
    let mut bye = None;
    while let Some(text) = world.read(&phone()) {
        bye = text.starts_with("BYE").then_some(text);
    }
    let bye = bye.expect("a BYE");
    world.send(&phone(), &respond(&bye, "200 OK", "", &[], ""));
    world.pass_until_idle();
}

#[test]
fn a_caller_that_gives_up_first_leaves_no_port() {
    let mut world = World::new();
    world.ports_left = 0;
    world.invite(&phone(), "echo", &offer(&[G711]));
    world.expect(&phone(), 503);
    world.pass_until_idle();
}

#[test]
fn nobody_from_elsewhere_is_heard() {
    let mut world = World::new();
    let call = world.call(&phone(), "echo", &offer(&[G711]));
    let from = addr("192.0.2.7:4000");
    let bytes = Bytes::from(packet(0, 0, b"x"));
    world.input(Input::Rtp {
        call: call.id,
        kind: Audio,
        rtcp: false,
        from,
        bytes,
    });
    assert!(world.media.is_empty());
    let stranger = Phone {
        addr: addr("192.0.2.7:5060"),
        ..phone()
    };
    for text in [
        stranger.register("10005", 1, &[]),
        stranger.request("INVITE", "echo", 1, "", &offer(&[G711])),
        stranger.request("OPTIONS", "echo", 2, "", ""),
        "nonsense".to_owned(),
    ] {
        let from: Hop = stranger.hop();
        let bytes = Bytes::from(text);
        world.input(Input::Sip {
            from,
            local: addr(PBX),
            bytes,
        });
        assert!(world.step.is_empty());
    }
}

#[test]
fn it_stands_on_loopback_only() {
    let now = std::time::Duration::ZERO;
    for (ip, fits) in [
        ("127.0.0.1", true),
        ("::1", true),
        ("192.0.2.1", false),
        ("0.0.0.0", false),
    ] {
        let ip = ip.parse().unwrap();
        let config = PbxConfig {
            addr: std::net::SocketAddr::new(ip, 5060),
            domain: "127.0.0.1".into(),
            clock: WallClock::new(World::new().now, now),
        };
        let pbx = Pbx::new(config, ChaCha20Rng::seed_from_u64(1));
        assert_eq!(pbx.err(), (!fits).then_some(NotLoopback(ip)));
    }
}
