//! Which address family and which transport a call takes: those of the way to the SIP server.

mod world;

use serde_json::json;
use session::Input;
use session::media::{Family, MediaCommand, MediaEvent, MediaFailure};
use sip::{Hop, ResolveError, Transport};
use testkit::sip_text;
use world::{BROWSER_AUDIO, PHONE_SDP, World, call, config};

/// Everything there is: UDP and TCP, IPv4 and IPv6.
fn world(sip_transport: Option<Transport>) -> World {
    let mut config = config();
    config.ua.contacts = ["127.0.0.1:5080", "[::1]:5080"]
        .into_iter()
        .flat_map(|addr| {
            [Transport::Udp, Transport::Tcp].map(|t| (t, addr.parse().expect("an address")))
        })
        .collect();
    config
        .ua
        .targets
        .listed
        .push("::1/128".parse().expect("a network"));
    config.sip_transport = sip_transport;
    World::with(config, [7; 32])
}

/// A page that only calls, at this domain and over this proxy.
fn guest(w: &mut World, domain: &str, proxy: &str) -> session::SocketId {
    let page = w.open_page();
    let connection = json!({"message":"connection","data":[{
        "appKey":"defaultApp","sipLogin":"10006","sipPassword":"secret","sipDomain":domain,
        "sipOutboundProxy":proxy,"sipPort":"5060","sipRegisterRequired":false}]});
    w.say(page, connection);
    page
}

fn families(w: &World) -> Vec<Family> {
    let family = |command: &MediaCommand| match command {
        MediaCommand::OpenSipLeg { family, .. } => Some(*family),
        _ => None,
    };
    w.media.commands.iter().filter_map(family).collect()
}

#[test]
fn an_address_in_a_field_decides() {
    for (domain, proxy, family, request_uri) in [
        ("127.0.0.1", "127.0.0.1", Family::V4, "sip:10005@127.0.0.1"),
        ("::1", "", Family::V6, "sip:10005@[::1]"),
        ("[::1]", "[::1]:5060", Family::V6, "sip:10005@[::1]"),
        ("example.com", "::1", Family::V6, "sip:10005@example.com"),
        ("[::1]", "127.0.0.1", Family::V4, "sip:10005@[::1]"),
    ] {
        let mut w = world(None);
        let page = guest(&mut w, domain, proxy);
        w.say(page, call("c1", "10005", BROWSER_AUDIO));
        let (to, invite) = w
            .sip_out
            .pop_front()
            .unwrap_or_else(|| panic!("no INVITE for {domain} over {proxy}: {:?}", w.frames(page)));
        assert!(
            invite.starts_with(&format!("INVITE {request_uri} SIP/2.0\r\n")),
            "{invite}"
        );
        assert_eq!(to.is_ipv6(), family == Family::V6);
        assert_eq!(families(&w), [family], "{domain} {proxy}");
        let via = sip_text::header(&invite, "Via").unwrap();
        let ours = if to.is_ipv6() {
            "[::1]:5080"
        } else {
            "127.0.0.1:5080"
        };
        assert!(via.starts_with(&format!("SIP/2.0/UDP {ours};")), "{via}");
    }
}

/// What a name leads to is known before ports are opened.
#[test]
fn a_name_that_leads_to_ipv6_has_ipv6_media() {
    let mut w = world(None);
    let page = guest(&mut w, "pbx.example.com", "");
    w.say(page, call("c1", "10005", BROWSER_AUDIO));
    assert_eq!(families(&w), [], "not before the way is known");
    let (id, target) = w.resolves.pop().expect("a look-up");
    assert_eq!(target.host, "pbx.example.com");
    let hop = Hop {
        transport: Transport::Udp,
        addr: "[::1]:5060".parse().unwrap(),
        verified_name: None,
    };
    let result = Ok(vec![hop]);
    w.input(Input::Sip(sip::Input::Resolved { id, result }));
    assert_eq!(families(&w), [Family::V6]);
    let invite = w.expect_sip("INVITE");
    assert!(sip_text::body(&invite).contains("m=audio "), "{invite}");
}

#[test]
fn a_name_that_leads_nowhere_takes_no_port() {
    let mut w = world(None);
    let page = guest(&mut w, "pbx.example.com", "");
    w.say(page, call("c1", "10005", BROWSER_AUDIO));
    let (id, _) = w.resolves.pop().expect("a look-up");
    let result = Err(ResolveError::NotFound);
    w.input(Input::Sip(sip::Input::Resolved { id, result }));
    assert_eq!(families(&w), []);
    assert_eq!(w.told(page).last().unwrap(), "finish:FAILED");
    w.assert_calls_gone();
}

/// `sip_transport` is for servers that are named without one.
#[test]
fn the_setting_decides_where_the_page_does_not() {
    for (setting, proxy, transport) in [
        (None, "127.0.0.1", "UDP"),
        (Some(Transport::Tcp), "127.0.0.1", "TCP"),
        (Some(Transport::Tcp), "sip:127.0.0.1;transport=udp", "UDP"),
        (None, "sip:127.0.0.1;transport=tcp", "TCP"),
        (None, "sip:[::1];transport=tcp", "TCP"),
    ] {
        let mut w = world(setting);
        let page = guest(&mut w, "127.0.0.1", proxy);
        w.say(page, call("c1", "10005", BROWSER_AUDIO));
        let invite = w.expect_sip("INVITE");
        let via = sip_text::header(&invite, "Via").unwrap();
        assert!(
            via.starts_with(&format!("SIP/2.0/{transport} ")),
            "{proxy}: {via}"
        );
    }
}

/// An incoming call goes by the caller's SDP, and without one by the way its SIP came.
#[test]
fn an_incoming_call_has_the_callers_family() {
    let v6 = PHONE_SDP.replace("IN IP4 127.0.0.1", "IN IP6 ::1");
    for (sdp, family) in [(PHONE_SDP, Family::V4), (&v6, Family::V6), ("", Family::V4)] {
        let mut w = world(None);
        let (_, uri) = w.callee("10006", &[]);
        w.invite_for(&uri, "in1", sdp);
        assert_eq!(families(&w), [family], "{sdp}");
    }
    let mut w = world(None);
    let (_, uri) = w.callee("10006", &[]);
    let from = "[::1]:5060".parse().expect("an address");
    let invite = w.invite_for(&uri, "in1", "").replace("in1", "in2");
    w.sip_from(from, invite);
    assert_eq!(families(&w), [Family::V4, Family::V6]);
}

#[test]
fn a_family_that_media_lacks_is_refused_in_words() {
    let mut w = world(None);
    let (_, uri) = w.callee("10006", &[]);
    w.media.manual = true;
    let v6 = PHONE_SDP.replace("IN IP4 127.0.0.1", "IN IP6 ::1");
    w.invite_for(&uri, "in1", &v6);
    let call = w.hub.call_ids()[0];
    w.input(Input::Media(MediaEvent::SipLegFailed {
        call,
        failure: MediaFailure::NoAddress(Family::V6),
    }));
    w.expect_sip("488");
    assert_eq!(
        MediaFailure::NoAddress(Family::V6).to_string(),
        "This server has no IPv6 address for media, which the SIP side needs (settings ip and media_advertise)."
    );
}

/// Whoever answers in the other family would hear nothing, and not be heard.
#[test]
fn an_answer_in_the_other_family_ends_the_call_in_words() {
    let mut w = world(None);
    let page = guest(&mut w, "127.0.0.1", "");
    w.say(page, call("c1", "10005", BROWSER_AUDIO));
    let invite = w.expect_sip("INVITE");
    let v6 = PHONE_SDP.replace("IN IP4 127.0.0.1", "IN IP6 2001:db8::7");
    w.respond(&invite, "183 Session Progress", "phone", &v6);
    w.respond(&invite, "200 OK", "phone", &v6);
    w.expect_sip("ACK");
    w.expect_sip("BYE");
    let frames = w.frames(page);
    let finish = frames.last().unwrap();
    assert_eq!(finish["message"], "finish");
    assert_eq!(
        finish["data"][0]["info"],
        "The SIP side answered with an IPv6 address for media, and this call goes over IPv4: nothing could be heard."
    );
}

/// A peer on hold says `0.0.0.0` (RFC 2543), whatever its family.
#[test]
fn an_unspecified_address_says_nothing_about_the_family() {
    let mut w = world(None);
    let page = guest(&mut w, "127.0.0.1", "");
    w.say(page, call("c1", "10005", BROWSER_AUDIO));
    let invite = w.expect_sip("INVITE");
    let held = PHONE_SDP.replace("IN IP4 127.0.0.1", "IN IP6 ::");
    w.respond(&invite, "200 OK", "phone", &held);
    // It answered, and holds.
    let told = w.told(page);
    assert_eq!(told[told.len() - 2..], ["talk:ESTABLISHED", "hold:HOLD"]);
}
