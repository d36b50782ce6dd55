//! Numbers that are not answered, and numbers that are not there.

mod world;

use testkit::sip_text::header;
use world::{G711, Phone, World, ms, offer};

fn phone() -> Phone {
    Phone::new("anna", 5070)
}

#[test]
fn refused_at_once() {
    for (number, status) in [
        ("busy", 486),
        ("reject", 603),
        ("nobody", 404),
        ("10005", 404),
        ("10009", 404),
    ] {
        let mut world = World::new();
        world.invite(&phone(), number, &offer(&[G711]));
        let refused = world.expect(&phone(), status);
        assert!(
            header(&refused, "Server")
                .unwrap()
                .contains("not for production")
        );
        assert!(world.open.is_empty());
    }
}

#[test]
fn noanswer_rings_until_the_caller_gives_up() {
    let mut world = World::new();
    world.invite(&phone(), "noanswer", &offer(&[G711]));
    world.expect(&phone(), 180);
    // Ten minutes, with a sign of life each minute (RFC 3261 §13.3.1.1).
    for _ in 0..10 {
        world.pass(ms(60_000));
        world.expect(&phone(), 180);
        assert_eq!(world.read(&phone()), None);
    }
    world.send(&phone(), &phone().request("CANCEL", "noanswer", 1, "", ""));
    world.expect(&phone(), 200);
    let over = world.expect(&phone(), 487);
    let to_tag = testkit::sip_text::tag(header(&over, "To").unwrap()).unwrap();
    let ack = phone().request("ACK", "noanswer", 1, to_tag, "");
    world.send(&phone(), &ack.replace("ACK1noanswer2", "INVITE1noanswer"));
    world.pass_until_idle();
}
