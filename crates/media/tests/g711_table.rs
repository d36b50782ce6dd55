//! PCMU on one leg and PCMA on the other: converted byte by byte, through a table, both ways.

mod common;

use common::*;
use sdp::Plan;

fn plan(browser: (u8, &str), sip: (u8, &str)) -> Plan {
    Plan {
        media: vec![media(
            Audio,
            PEER,
            vec![route(
                format(browser.0, browser.1, 8000),
                format(sip.0, sip.1, 8000),
            )],
        )],
    }
}

#[test]
fn payload_and_payload_type_change_and_come_back() {
    let all: Vec<u8> = (0..=255).collect();
    for (browser, sip) in [((0, "PCMU"), (8, "PCMA")), ((8, "PCMA"), (0, "PCMU"))] {
        let mut world = World::connected(&plan(browser, sip));
        world.sip(Audio, &Source::new(sip.0, 160).next_with(&all));
        let heard = world.to_browser();
        assert_eq!(heard[0].payload_type, browser.0);
        let table = |to: &str| -> Vec<u8> {
            let convert = match to {
                "PCMU" => codec::alaw_to_ulaw,
                _ => codec::ulaw_to_alaw,
            };
            all.iter().map(|&byte| convert(byte)).collect()
        };
        assert_eq!(heard[0].payload[..], table(browser.1));
        world.browser(Audio, &Source::new(browser.0, 160).next_with(&all));
        let sent = world.to_sip();
        assert_eq!(sent[0].1.payload_type, sip.0);
        assert_eq!(sent[0].1.payload[..], table(sip.1));
    }
}

#[test]
fn the_same_law_on_both_legs_passes_untouched() {
    let all: Vec<u8> = (0..=255).collect();
    let mut world = World::connected(&plan((0, "PCMU"), (0, "PCMU")));
    world.sip(Audio, &Source::new(0, 160).next_with(&all));
    assert_eq!(world.to_browser()[0].payload[..], all);
}
