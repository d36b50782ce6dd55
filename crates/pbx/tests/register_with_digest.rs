//! REGISTER (RFC 3261 §10.3, §22.4): who gets in, for how long, and how many.

mod world;

use sip::Transport;
use sip::digest::Algorithm;
use testkit::sip_text::{header, headers, status};
use world::{Phone, World, authorization, authorization_for, ms};

fn phone() -> Phone {
    Phone::new("10005", 5070)
}

#[test]
fn both_algorithms_open_the_door() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let mut world = World::new();
        let ok = world.register_as(&phone(), "10005", "demo", algorithm, &["Expires: 60"]);
        assert_eq!(status(&ok), Some(200), "{ok}");
        let contact = header(&ok, "Contact").unwrap();
        assert_eq!(contact, "<sip:10005-phone@127.0.0.1:5070>;expires=60");
        assert!(
            header(&ok, "Server")
                .unwrap()
                .contains("not for production")
        );
        assert!(header(&ok, "Via").unwrap().contains("rport=5070"));
    }
}

#[test]
fn a_phone_that_stumbles_over_sha256_is_offered_md5_alone() {
    for (agent, offered) in [("baresip v1.0.0 (x86_64/linux)", 1), ("baresip v3.5.1", 2)] {
        let mut world = World::new();
        let agent = format!("User-Agent: {agent}");
        let refused = world.register_bare(&phone(), "10005", &[&agent]);
        let challenges: Vec<_> = headers(&refused, "WWW-Authenticate").collect();
        assert_eq!(challenges.len(), offered, "{refused}");
        assert!(
            challenges[offered - 1].contains("algorithm=MD5"),
            "{refused}"
        );
    }
}

#[test]
fn a_wrong_password_gets_401_again() {
    for (user, password) in [("10005", "Demo"), ("10005", ""), ("10006", "nonsense")] {
        let mut world = World::new();
        let refused = world.register_as(&phone(), user, password, Algorithm::Md5, &[]);
        assert_eq!(status(&refused), Some(401), "{refused}");
        for challenge in headers(&refused, "WWW-Authenticate") {
            assert!(challenge.contains("realm=\"127.0.0.1\""), "{challenge}");
            assert!(!challenge.contains("stale"), "{challenge}");
        }
    }
}

#[test]
fn another_accounts_password_does_not_do() {
    let mut world = World::new();
    let refused = world.register_bare(&phone(), "10005", &[]);
    let line = authorization(&refused, "10006", "demo", Algorithm::Md5, 1);
    assert_eq!(
        status(&world.register_bare(&phone(), "10005", &[&line])),
        Some(401)
    );
}

#[test]
fn an_answer_for_another_realm_or_another_request_does_not_do() {
    for (realm, uri, expected) in [
        ("127.0.0.1", "sip:127.0.0.1", 200),
        ("elsewhere", "sip:127.0.0.1", 401),
        ("127.0.0.1", "sip:elsewhere", 401),
    ] {
        let mut world = World::new();
        let refused = world.register_bare(&phone(), "10005", &[]);
        let refused = refused.replace("realm=\"127.0.0.1\"", &format!("realm=\"{realm}\""));
        let line = authorization_for(uri, &refused, "10005", "demo", Algorithm::Md5, 1);
        let answer = world.register_bare(&phone(), "10005", &[&line]);
        assert_eq!(status(&answer), Some(expected), "{realm} {uri}");
    }
}

#[test]
fn an_unknown_account_is_not_found() {
    let mut world = World::new();
    assert_eq!(
        status(&world.register_bare(&phone(), "10008", &[])),
        Some(404)
    );
}

#[test]
fn a_nonce_counts_up_and_ages() {
    let mut world = World::new();
    let refused = world.register_bare(&phone(), "10005", &[]);
    let line = |count| authorization(&refused, "10005", "demo", Algorithm::Sha256, count);
    assert_eq!(
        status(&world.register_bare(&phone(), "10005", &[&line(1)])),
        Some(200)
    );
    assert_eq!(
        status(&world.register_bare(&phone(), "10005", &[&line(2)])),
        Some(200)
    );
    // Somebody who has listened sends it again.
    let again = world.register_bare(&phone(), "10005", &[&line(2)]);
    assert_eq!(status(&again), Some(401));
    assert!(
        header(&again, "WWW-Authenticate")
            .unwrap()
            .contains("stale=true")
    );
    world.pass(ms(301_000));
    let late = world.register_bare(&phone(), "10005", &[&line(3)]);
    assert_eq!(status(&late), Some(401));
    assert!(
        header(&late, "WWW-Authenticate")
            .unwrap()
            .contains("stale=true")
    );
    let made_up = refused.replace("nonce=\"", "nonce=\"0");
    let line = authorization(&made_up, "10005", "demo", Algorithm::Sha256, 1);
    assert_eq!(
        status(&world.register_bare(&phone(), "10005", &[&line])),
        Some(401)
    );
}

#[test]
fn a_copy_gets_the_same_answer() {
    let mut world = World::new();
    let refused = world.register_bare(&phone(), "10005", &[]);
    let line = authorization(&refused, "10005", "demo", Algorithm::Sha256, 1);
    let cseq = world.next_cseq();
    let text = phone().register("10005", cseq, &[&line]);
    for _ in 0..2 {
        world.send(&phone(), &text);
        world.expect(&phone(), 200);
    }
}

#[test]
fn too_short_is_said_with_what_is_enough() {
    let mut world = World::new();
    for expires in ["Expires: 9", "Expires: 1"] {
        let brief = world.register_as(&phone(), "10005", "demo", Algorithm::Md5, &[expires]);
        assert_eq!(status(&brief), Some(423), "{brief}");
        assert_eq!(header(&brief, "Min-Expires"), Some("10"));
    }
    let enough = world.register_as(&phone(), "10005", "demo", Algorithm::Md5, &["Expires: 10"]);
    assert_eq!(status(&enough), Some(200));
}

#[test]
fn a_binding_ends_by_zero_by_star_and_by_time() {
    let mut world = World::new();
    let caller = Phone::new("10007", 5071);
    let reachable = |world: &mut World, n: u16| {
        let caller = Phone {
            addr: ([127, 0, 0, 1], 6000 + n).into(),
            ..caller.clone()
        };
        world.invite(&caller, "10005", &world::offer(&[world::G711]));
        world.read(&phone()).is_some()
    };
    assert!(!reachable(&mut world, 0));
    world.register(&phone(), "10005");
    assert!(reachable(&mut world, 1));
    for (n, more) in [
        (2, vec!["Expires: 0"]),
        (3, vec!["Contact: *", "Expires: 0"]),
    ] {
        world.register(&phone(), "10005");
        let ok = world.register_as(&phone(), "10005", "demo", Algorithm::Md5, &more);
        assert_eq!(
            (status(&ok), header(&ok, "Contact")),
            (Some(200), None),
            "{ok}"
        );
        assert!(!reachable(&mut world, n));
    }
    let star = world.register_as(&phone(), "10005", "demo", Algorithm::Md5, &["Contact: *"]);
    assert_eq!(status(&star), Some(400));
    let mut world = World::new();
    world.register_as(&phone(), "10005", "demo", Algorithm::Md5, &["Expires: 20"]);
    world.pass(ms(19_000));
    assert!(reachable(&mut world, 4));
    world.pass(ms(1_000));
    while world.read(&phone()).is_some() {}
    assert!(!reachable(&mut world, 5));
}

#[test]
fn an_account_has_ten_phones_at_most() {
    let mut world = World::new();
    for n in 0..10 {
        world.register(&Phone::new("10005", 7000 + n), "10005");
    }
    let eleventh = Phone::new("10005", 7010);
    let full = world.register_as(&eleventh, "10005", "demo", Algorithm::Md5, &[]);
    assert_eq!(status(&full), Some(403), "{full}");
    // One of the ten refreshes, and another account is another matter.
    world.register(&Phone::new("10005", 7003), "10005");
    world.register(&eleventh, "10006");
}

#[test]
fn over_tcp_the_answer_goes_back_the_same_way() {
    let mut world = World::new();
    let phone = Phone {
        transport: Transport::Tcp,
        ..phone()
    };
    world.register(&phone, "10005");
}
