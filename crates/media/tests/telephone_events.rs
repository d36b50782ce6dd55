//! Digits (RFC 4733): all packets of one event have its start as timestamp, however long it lasts,
//! and cross between clocks with their duration rescaled.

mod common;

use common::*;
use media::OutRtp;
use sdp::Plan;

/// Presses a key for `ms` among the audio of `source`: an event packet each 20 ms, the end thrice.
fn press(world: &mut World, source: &mut Source, payload_type: u8, ms: u32, clock_hz: u32) {
    let audio = source.clone();
    let started = world.now_ms();
    source.header.payload_type = payload_type;
    source.step = 0;
    source.header.marker = true;
    for elapsed in (20..=ms).step_by(20) {
        let duration = ((elapsed * clock_hz / 1000) as u16).to_be_bytes();
        let end = if elapsed == ms { 0x80 } else { 0 };
        for _ in 0..if end == 0 { 1 } else { 3 } {
            world.sip(
                Audio,
                &source.next_with(&[5, 0x0a | end, duration[0], duration[1]]),
            );
            source.header.marker = false;
        }
        world.wait_ms(20);
    }
    source.header.payload_type = audio.header.payload_type;
    source.step = audio.step;
    let passed = (world.now_ms() - started) as u32;
    source.header.timestamp += passed / 20 * audio.step;
}

fn events(packets: &[OutRtp], payload_type: u8) -> Vec<&OutRtp> {
    let events = packets.iter().filter(|p| p.payload_type == payload_type);
    events.collect()
}

#[test]
fn one_event_has_one_timestamp_even_if_it_is_long() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    talk(&mut world, &mut source, 10);
    press(&mut world, &mut source, 101, 3000, 8000);
    talk(&mut world, &mut source, 10);
    press(&mut world, &mut source, 101, 100, 8000);
    talk(&mut world, &mut source, 10);
    let heard = world.to_browser();
    for pair in heard.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
    }
    let events = events(&heard, 101);
    assert_eq!(events.len(), 149 + 3 + 4 + 3);
    let (first, second) = events.split_at(152);
    assert!(first.iter().all(|p| p.timestamp == first[0].timestamp));
    assert!(second.iter().all(|p| p.timestamp == second[0].timestamp));
    assert!(first[0].marker && !first[1].marker);
    let audio: Vec<&OutRtp> = heard.iter().filter(|p| p.payload_type == 0).collect();
    assert_eq!(first[0].timestamp.wrapping_sub(audio[9].timestamp), 160);
    let over_the_event = audio[10].timestamp.wrapping_sub(audio[9].timestamp);
    assert_eq!(over_the_event, 8 * 3020);
    assert_eq!(
        world.bridge.counters().audio.switches,
        1,
        "nothing to absorb"
    );
}

/// Opus on both legs; telephone-event at 48 kHz in the browser, at 8 kHz at the SIP peer.
fn two_clocks() -> Plan {
    Plan {
        media: vec![media(
            Audio,
            PEER,
            vec![
                route(format(111, "opus", 48_000), format(96, "opus", 48_000)),
                route(
                    format(110, "telephone-event", 48_000),
                    format(101, "telephone-event", 8000),
                ),
            ],
        )],
    }
}

#[test]
fn a_late_packet_of_an_event_belongs_to_it() {
    for (plan, payload_type) in [(pcmu_plan(), 0), (two_clocks(), 96)] {
        let mut world = World::connected(&plan);
        let mut source = Source::new(payload_type, 160);
        talk(&mut world, &mut source, 3);
        source.header.payload_type = 101;
        source.step = 0;
        let event = |n: u8| [5, 10, 0, n];
        let packets = [1, 2, 3].map(|n| source.next_with(&event(n * 0x50)));
        for n in [0, 2, 1] {
            world.sip(Audio, &packets[n]);
            world.wait_ms(20);
        }
        let heard = world.to_browser();
        assert_eq!(heard[4].sequence, heard[3].sequence + 2);
        assert_eq!(heard[5].sequence, heard[3].sequence + 1);
        assert!(heard[3..].iter().all(|p| p.timestamp == heard[3].timestamp));
    }
}

#[test]
fn durations_and_timestamps_cross_between_clocks() {
    let mut world = World::connected(&two_clocks());
    let mut source = Source::new(96, 960);
    talk(&mut world, &mut source, 10);
    press(&mut world, &mut source, 101, 200, 8000);
    talk(&mut world, &mut source, 10);
    press(&mut world, &mut source, 101, 200, 8000);
    let heard = world.to_browser();
    let events = events(&heard, 110);
    assert_eq!(events.len(), 24);
    let durations: Vec<u16> = events[..12]
        .iter()
        .map(|p| u16::from_be_bytes([p.payload[2], p.payload[3]]))
        .collect();
    assert_eq!(durations[0], 960);
    assert_eq!(durations[9..], [9600; 3]);
    let start = events[0].timestamp;
    assert!(events[..12].iter().all(|p| p.timestamp == start));
    assert!(
        events[12..]
            .iter()
            .all(|p| p.timestamp == events[12].timestamp)
    );
    assert_eq!(start.wrapping_sub(heard[9].timestamp), 960);
    let between = events[12].timestamp.wrapping_sub(start);
    assert_eq!(between, 400 * 48);

    // And from the browser: 48 kHz durations become 8 kHz ones.
    let mut browser = Source::new(110, 0);
    world.browser(Audio, &browser.next_with(&[1, 0x0a, 0x03, 0xc0]));
    world.browser(Audio, &browser.next_with(&[1, 0x8a, 0x25, 0x80]));
    let sent = world.to_sip();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].1.payload_type, 101);
    assert_eq!(sent[0].1.payload[..], [1, 0x0a, 0x00, 0xa0]);
    assert_eq!(sent[1].1.payload[..], [1, 0x8a, 0x06, 0x40]);
}

/// Opus on both legs, and telephone-event at 8 kHz alone: Firefox.
fn firefox() -> Plan {
    let event = format(101, "telephone-event", 8000);
    let opus = |payload_type| format(payload_type, "opus", 48_000);
    let routes = vec![route(opus(109), opus(96)), route(event.clone(), event)];
    Plan {
        media: vec![media(Audio, PEER, routes)],
    }
}

/// Firefox sends three ends and no start: there is one start before them, and no number twice or left out.
#[test]
fn an_event_of_the_browser_without_a_start_gets_one() {
    let mut world = World::connected(&firefox());
    let mut browser = Source::new(109, 960);
    let mut pressed = 0;
    for n in 0..40 {
        if n % 10 == 5 {
            pressed += 1;
            let mut key = browser.clone();
            key.header.payload_type = 101;
            key.step = 0;
            for _ in 0..3 {
                world.browser(Audio, &key.next_with(&[pressed, 0x8a, 0x03, 0xc0]));
            }
            browser.header.sequence = key.header.sequence;
        } else {
            world.browser(Audio, &browser.next_with(&[0; 40]));
        }
        world.wait_ms(20);
        browser.header.timestamp += if n % 10 == 5 { 960 } else { 0 };
    }
    let sent = world.to_sip();
    for pair in sent.windows(2) {
        assert_eq!(pair[1].1.sequence, pair[0].1.sequence.wrapping_add(1));
    }
    let events: Vec<_> = sent
        .iter()
        .filter(|(_, packet)| packet.payload_type == 101)
        .collect();
    assert_eq!(events.len(), 16);
    for (key, event) in (1..).zip(events.chunks(4)) {
        let [start, ends @ ..] = event else {
            panic!("no event")
        };
        assert_eq!(start.1.payload[..], [key, 0x0a, 0, 160]);
        assert!(start.1.marker);
        for end in ends {
            assert_eq!(end.1.payload[..], [key, 0x8a, 0x03, 0xc0]);
            assert_eq!((end.1.timestamp, end.1.marker), (start.1.timestamp, false));
        }
    }
}

/// An end that comes after the next key has begun belongs to a key that was told already.
#[test]
fn a_late_end_begins_nothing() {
    let mut world = World::connected(&firefox());
    let mut browser = Source::new(109, 960);
    for _ in 0..5 {
        world.browser(Audio, &browser.next_with(&[0; 40]));
        world.wait_ms(20);
    }
    let mut key = |n: u8| {
        browser.header.payload_type = 101;
        browser.step = 0;
        let packets = [
            browser.next_with(&[n, 0x0a, 0, 160]),
            browser.next_with(&[n, 0x8a, 3, 0xc0]),
        ];
        browser.header.timestamp += 4800;
        packets
    };
    let ([one, one_over], [two, two_over]) = (key(1), key(2));
    for packet in [&one, &two, &one_over, &two_over] {
        world.browser(Audio, packet);
        world.wait_ms(20);
    }
    let sent = world.to_sip();
    let starts = sent
        .iter()
        .filter(|(_, packet)| packet.payload_type == 101 && packet.payload[1] == 0x0a);
    assert_eq!(starts.count(), 2);
}

/// Some devices count the timestamps of events in the events' clock.
#[test]
fn an_event_in_a_time_of_its_own_does_not_touch_the_audio() {
    let mut world = World::connected(&two_clocks());
    let mut source = Source::new(96, 960);
    talk(&mut world, &mut source, 10);
    let mut audio = source.clone();
    source.header.timestamp = 3_000_000_000;
    press(&mut world, &mut source, 101, 100, 8000);
    audio.header.sequence = source.header.sequence;
    audio.header.timestamp += 5 * 960;
    talk(&mut world, &mut audio, 10);
    let heard = world.to_browser();
    let audio: Vec<&OutRtp> = heard.iter().filter(|p| p.payload_type == 111).collect();
    assert_eq!(audio.len(), 20);
    let step = audio[10].timestamp.wrapping_sub(audio[9].timestamp);
    assert_eq!(step, 6 * 960);
    assert_eq!(world.bridge.counters().audio.switches, 1);
}

#[test]
fn a_digit_before_any_audio_crosses() {
    let mut world = World::connected(&pcmu_plan());
    let mut source = Source::new(0, 160);
    press(&mut world, &mut source, 101, 100, 8000);
    let heard = world.to_browser();
    assert_eq!(heard.len(), 7);
    assert!(heard.iter().all(|p| p.timestamp == heard[0].timestamp));
}
