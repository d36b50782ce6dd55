//! A phone calls a phone: SDP unchanged, answers relayed, hang-up both ways.

mod world;

use testkit::sip_text::{body, header, request_uri, respond, status, tag};
use world::{G711, Phone, World, ms, offer};

const ANSWER: &str = "v=0\r\no=- 9 9 IN IP4 127.0.0.1\r\ns=x y\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                      m=audio 6000 RTP/AVP 8\r\na=x-own:kept\r\n";

fn anna() -> Phone {
    Phone::new("10005", 5070)
}

fn bert() -> Phone {
    Phone::new("10006", 5071)
}

fn registered() -> World {
    let mut world = World::new();
    world.register(&anna(), "10005");
    world.register(&bert(), "10006");
    world
}

/// Both are up: Anna's 200, and the INVITE Bert got.
fn talking(world: &mut World) -> (String, String) {
    world.invite(&anna(), "10006", &offer(&[G711]));
    let invite = world.expect_request(&bert(), "INVITE");
    world.send(&bert(), &bert().respond(&invite, "200 OK", ANSWER));
    world.expect_request(&bert(), "ACK");
    let ok = world.expect(&anna(), 200);
    world.send(&anna(), &anna().ack(&ok));
    (ok, invite)
}

#[test]
fn the_callee_sees_who_calls_and_what_is_offered() {
    let mut world = registered();
    let sdp = offer(&[G711, "a=x-own:kept"]);
    world.invite(&anna(), "10006", &sdp);
    let invite = world.expect_request(&bert(), "INVITE");
    assert_eq!(request_uri(&invite), Some(bert().contact().as_str()));
    assert_eq!(header(&invite, "To"), Some("<sip:10006@127.0.0.1>"));
    let from = header(&invite, "From").unwrap();
    assert!(
        from.starts_with("\"Anna\" <sip:10005@127.0.0.1>;tag="),
        "{from}"
    );
    assert!(header(&invite, "Via").unwrap().contains("127.0.0.1:5060"));
    assert_eq!(body(&invite), sdp);
    assert_eq!(world.read(&anna()), None, "nothing rings yet");
    world.send(&bert(), &bert().respond(&invite, "180 Ringing", ""));
    world.expect(&anna(), 180);
    world.send(&bert(), &bert().respond(&invite, "200 OK", ANSWER));
    world.expect_request(&bert(), "ACK");
    assert_eq!(body(&world.expect(&anna(), 200)), ANSWER);
    assert!(world.open.is_empty(), "media goes directly");
}

#[test]
fn the_caller_hangs_up() {
    let mut world = registered();
    let (ok, _) = talking(&mut world);
    world.send(&anna(), &anna().bye(&ok));
    world.expect(&anna(), 200);
    let bye = world.expect_request(&bert(), "BYE");
    world.send(&bert(), &respond(&bye, "200 OK", "", &[], ""));
    world.pass_until_idle();
}

#[test]
fn the_callee_hangs_up() {
    let mut world = registered();
    let (_, invite) = talking(&mut world);
    // Bert's BYE: From and To the other way round.
    let from = header(&invite, "To").unwrap();
    let lines = [
        "Via: SIP/2.0/UDP 127.0.0.1:5071;rport;branch=z9hG4bKbye".to_owned(),
        "Max-Forwards: 70".to_owned(),
        format!("From: {from};tag=t5071"),
        format!("To: {}", header(&invite, "From").unwrap()),
        format!("Call-ID: {}", header(&invite, "Call-ID").unwrap()),
        "CSeq: 7 BYE".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let contact = header(&invite, "Contact").unwrap();
    let target = contact.trim_matches(['<', '>']);
    world.send(
        &bert(),
        &testkit::sip_text::request(&format!("BYE {target}"), &lines, ""),
    );
    world.expect(&bert(), 200);
    let bye = world.expect_request(&anna(), "BYE");
    world.send(&anna(), &respond(&bye, "200 OK", "", &[], ""));
    world.pass_until_idle();
}

#[test]
fn a_refusal_reaches_the_caller() {
    for line in ["486 Busy Here", "603 Decline", "488 Not Acceptable Here"] {
        let mut world = registered();
        world.invite(&anna(), "10006", &offer(&[G711]));
        let invite = world.expect_request(&bert(), "INVITE");
        world.send(&bert(), &bert().respond(&invite, line, ""));
        world.expect_request(&bert(), "ACK");
        let refused = world.read(&anna()).unwrap();
        assert!(
            refused.starts_with(&format!("SIP/2.0 {}", &line[..3])),
            "{refused}"
        );
    }
}

#[test]
fn the_caller_gives_up() {
    let mut world = registered();
    world.invite(&anna(), "10006", &offer(&[G711]));
    let invite = world.expect_request(&bert(), "INVITE");
    world.send(&bert(), &bert().respond(&invite, "180 Ringing", ""));
    world.expect(&anna(), 180);
    world.send(&anna(), &anna().request("CANCEL", "10006", 1, "", ""));
    world.expect(&anna(), 200);
    let over = world.expect(&anna(), 487);
    let to_tag = tag(header(&over, "To").unwrap()).unwrap();
    let ack = anna().request("ACK", "10006", 1, to_tag, "");
    world.send(&anna(), &ack.replace("ACK1100062", "INVITE110006"));
    let cancel = world.expect_request(&bert(), "CANCEL");
    world.send(&bert(), &bert().respond(&cancel, "200 OK", ""));
    world.send(
        &bert(),
        &bert().respond(&invite, "487 Request Terminated", ""),
    );
    world.expect_request(&bert(), "ACK");
    world.pass_until_idle();
}

#[test]
fn a_phone_that_is_gone_does_not_hold_the_caller_for_ever() {
    let mut world = registered();
    world.invite(&anna(), "10006", &offer(&[G711]));
    world.pass(ms(33_000));
    let refused = world.read(&anna()).expect("a final response");
    assert!((400..700).contains(&status(&refused).unwrap()), "{refused}");
}

#[test]
fn all_phones_ring_and_the_first_that_answers_wins() {
    let mut world = registered();
    let other = Phone::new("10006", 5072);
    world.register(&other, "10006");
    world.invite(&anna(), "10006", &offer(&[G711]));
    let one = world.expect_request(&bert(), "INVITE");
    let two = world.expect_request(&other, "INVITE");
    world.send(&bert(), &bert().respond(&one, "180 Ringing", ""));
    world.send(&other, &other.respond(&two, "180 Ringing", ""));
    world.expect(&anna(), 180);
    assert_eq!(world.read(&anna()), None, "it rings once");
    world.send(&other, &other.respond(&two, "200 OK", ANSWER));
    world.expect_request(&other, "ACK");
    world.expect(&anna(), 200);
    world.expect_request(&bert(), "CANCEL");
}

#[test]
fn one_phone_that_refuses_does_not_end_it_for_the_others() {
    let mut world = registered();
    let other = Phone::new("10006", 5072);
    world.register(&other, "10006");
    world.invite(&anna(), "10006", &offer(&[G711]));
    let one = world.expect_request(&bert(), "INVITE");
    let two = world.expect_request(&other, "INVITE");
    world.send(&bert(), &bert().respond(&one, "486 Busy Here", ""));
    world.expect_request(&bert(), "ACK");
    assert_eq!(world.read(&anna()), None);
    world.send(&other, &other.respond(&two, "404 Not Found", ""));
    world.expect(&anna(), 486);
}

#[test]
fn the_page_registered_elsewhere_on_this_machine_is_reached_where_it_registered_from() {
    let mut world = World::new();
    let page = Phone::new("10006", 5080);
    let elsewhere = ["Contact: <sip:token@192.0.2.2:5080>"];
    world.register_as(
        &page,
        "10006",
        "demo",
        sip::digest::Algorithm::Sha256,
        &elsewhere,
    );
    world.invite(&anna(), "10006", &offer(&[G711]));
    let invite = world.expect_request(&page, "INVITE");
    assert_eq!(request_uri(&invite), Some("sip:token@192.0.2.2:5080"));
}
