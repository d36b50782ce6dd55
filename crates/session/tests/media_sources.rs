//! From where media is to believe a peer: what its SIP tells of its address, the best first.

mod world;

use std::net::{IpAddr, SocketAddr};

use session::media::MediaCommand;
use testkit::sip_text;
use world::{PHONE_SDP, SIP_SERVER, World, contact_uri};

/// What each `ConnectSipLeg` so far said.
fn told(w: &World) -> Vec<Vec<String>> {
    let connects = w.media.commands.iter().filter_map(|command| match command {
        MediaCommand::ConnectSipLeg { signalling, .. } => Some(signalling),
        _ => None,
    });
    let texts = |list: &Vec<IpAddr>| list.iter().map(IpAddr::to_string).collect();
    connects.map(texts).collect()
}

/// A phone behind a NAT calls by way of a proxy, which noted where the INVITE came from.
#[test]
fn a_caller_behind_a_proxy() {
    let mut w = World::new();
    let page = w.connect("10006");
    let register = w.expect_sip("REGISTER");
    w.answer_register(&register);
    w.frames(page);
    let target = contact_uri(&register);
    let length = PHONE_SDP.len();
    w.sip(format!(
        "INVITE {target} SIP/2.0\r\nVia: SIP/2.0/UDP {SIP_SERVER};branch=z9hG4bKproxy\r\n\
         Via: SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bKphone;received=203.0.113.7\r\nMax-Forwards: 69\r\n\
         From: <sip:10005@localhost>;tag=phone\r\nTo: <sip:10006@localhost>\r\nCall-ID: behind\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:10005@10.0.0.5:5062>\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{PHONE_SDP}"
    ));
    let id = w.ringing_id(page);
    w.answer(page, &id);
    w.expect_sip("200");
    assert_eq!(told(&w), [["10.0.0.5", "203.0.113.7", "127.0.0.1"]]);
}

/// A phone that goes to another network says the same in its SDP, if it does not know its NAT.
#[test]
fn a_re_invite_that_comes_from_elsewhere_is_told_though_its_sdp_is_unchanged() {
    let mut w = World::new();
    let page = w.registered("10006");
    let mut peer = w.calls(page);
    assert_eq!(told(&w), [["127.0.0.1"]]);
    peer.re_invite(&mut w, PHONE_SDP);
    assert_eq!(told(&w)[1..], [["127.0.0.1"]]);
    w.sip_out.clear();
    peer.cseq += 1;
    let elsewhere: SocketAddr = "198.51.100.9:5060".parse().expect("an address");
    let content = Some(("application/sdp", PHONE_SDP));
    let moved = peer.text("INVITE", peer.cseq, content);
    w.sip_from(elsewhere, moved);
    let answer = w.final_answer();
    assert_eq!(sip_text::status(&answer), Some(200));
    assert_eq!(told(&w)[2..], [["198.51.100.9"]]);
    assert_eq!(w.told(page), [""; 0], "the page notices nothing");
}
