//! Hold and a peer whose SDP changes: the browser leg is not disturbed by either, and while we hold
//! a call nothing of the browser goes to the SIP side but silence of ours.

mod common;

use common::*;
use media::rtcp::Rtcp;
use media::{BridgeOutput, BridgeSettings, OutRtp, RtpPacket, rtp};
use sdp::{Direction, Plan};

const MOVED: &str = "198.51.100.1:6000";

/// With silence, connected and with a browser.
fn world(plan: &Plan) -> World {
    let mut world = World::new(BridgeSettings::default());
    world.connect(plan);
    world.browser_up();
    world
}

fn with_direction(plan: &Plan, direction: Direction) -> Plan {
    let mut plan = plan.clone();
    for media in &mut plan.media {
        media.sip_direction = direction;
    }
    plan
}

fn hold(world: &mut World, held: bool) {
    let now = world.now();
    world.bridge.set_hold(held, now);
    world.drain();
}

/// What each side got.
#[derive(Default)]
struct Heard {
    browser: Vec<OutRtp>,
    sip: Vec<RtpPacket>,
}

impl Heard {
    fn listen(&mut self, world: &mut World) {
        for (_, output) in world.take() {
            match output {
                BridgeOutput::ToBrowser { packet, .. } => self.browser.push(packet),
                BridgeOutput::ToSip { bytes, .. } if !rtp::is_rtcp(&bytes) => {
                    self.sip.push(RtpPacket::parse(&bytes).expect("RTP"));
                }
                _ => {}
            }
        }
    }

    /// One SSRC, a sequence that grows by one, a timestamp that follows time.
    fn check(&self) {
        for pair in self.browser.windows(2) {
            assert_eq!(pair[1].sequence, pair[0].sequence + 1);
            let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32;
            assert!(step > 0, "toward the browser: {step}");
        }
        for pair in self.sip.windows(2) {
            assert_eq!(pair[1].ssrc, pair[0].ssrc);
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
            let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32;
            assert!(step > 0, "toward the SIP peer: {step}");
        }
    }
}

/// Both sides talk for so many packets.
fn talk_both(
    world: &mut World,
    heard: &mut Heard,
    sip: &mut Source,
    browser: &mut Source,
    packets: usize,
) -> (usize, usize) {
    heard.listen(world);
    let before = (heard.browser.len(), heard.sip.len());
    let from = world.bridge.peer(Audio).unwrap_or(addr(PEER));
    for _ in 0..packets {
        world.sip_from(Audio, from, &sip.next());
        world.browser(Audio, &browser.next());
        world.wait_ms(20);
        heard.listen(world);
    }
    (heard.browser.len() - before.0, heard.sip.len() - before.1)
}

#[test]
fn while_we_hold_the_peer_gets_silence_and_nothing_of_the_browser() {
    let plan = pcmu_plan();
    let (mut world, mut heard) = (world(&plan), Heard::default());
    let (mut sip, mut browser) = (Source::new(0, 160), Source::new(0, 160));
    talk_both(&mut world, &mut heard, &mut sip, &mut browser, 50);
    let talk = heard.sip.len();

    // The button is pressed; the answer to our re-INVITE comes 200 ms later.
    hold(&mut world, true);
    talk_both(&mut world, &mut heard, &mut sip, &mut browser, 10);
    world.connect(&with_direction(&plan, Direction::SendOnly));
    let held_ms: usize = 11 * 60 * 1000;
    for _ in 0..held_ms / 20 {
        world.browser(Audio, &browser.next());
        world.wait_ms(20);
        heard.listen(&mut world);
    }
    let silence = &heard.sip[talk..];
    let due = held_ms / 20 + 10;
    assert!(due - silence.len() <= 1, "{} of {due}", silence.len());
    assert!(
        silence
            .iter()
            .all(|packet| packet.payload == [0xff; 160].as_slice())
    );
    assert!(silence[0].marker && !silence[1].marker);
    let counters = world.bridge.counters().audio;
    assert_eq!(counters.held, due as u64);

    // Resumed: speech both ways.
    hold(&mut world, false);
    world.connect(&plan);
    let (browser_heard, sip_heard) = talk_both(&mut world, &mut heard, &mut sip, &mut browser, 50);
    assert_eq!(browser_heard, 50);
    assert!((50..=51).contains(&sip_heard), "{sip_heard}");
    assert_eq!(world.bridge.counters().audio.held, due as u64);
    let spoken = |packet: &&RtpPacket| packet.payload.len() == 4;
    assert_eq!(heard.sip[talk + due..].iter().filter(spoken).count(), 50);
    heard.check();
}

#[test]
fn silence_has_the_packet_length_that_the_peer_asks_for() {
    for (name, payload_type, clock_hz, ptime_ms, payload) in [
        ("PCMU", 0, 8000, 30, vec![0xff; 240]),
        ("PCMA", 8, 8000, 60, vec![0xd5; 480]),
        ("G722", 9, 8000, 10, vec![0xff; 80]),
        ("opus", 96, 48_000, 10, vec![0xf0, 0xff, 0xfe]),
        ("opus", 96, 48_000, 20, vec![0xf8, 0xff, 0xfe]),
        (
            "opus",
            96,
            48_000,
            60,
            vec![0xfb, 3, 0xff, 0xfe, 0xff, 0xfe, 0xff, 0xfe],
        ),
    ] {
        let codec = format(payload_type, name, clock_hz);
        let mut line = media(Audio, PEER, vec![route(codec.clone(), codec)]);
        line.ptime_ms = ptime_ms;
        line.sip_direction = Direction::SendOnly;
        let mut world = world(&Plan { media: vec![line] });
        hold(&mut world, true);
        world.wait_ms(3000);
        let sent: Vec<RtpPacket> = world.to_sip().into_iter().map(|(_, p)| p).collect();
        let due = 3000 / usize::from(ptime_ms);
        assert!(
            (due - 10..=due).contains(&sent.len()),
            "{name}: {}",
            sent.len()
        );
        for pair in sent.windows(2) {
            let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
            assert_eq!(step, clock_hz / 1000 * u32::from(ptime_ms), "{name}");
            assert_eq!(pair[1].payload, payload, "{name}");
        }
    }
}

#[test]
fn a_page_that_only_listens_holds_as_well() {
    let plan = pcmu_plan();
    let mut world = world(&plan);
    world.wait_ms(1000);
    hold(&mut world, true);
    world.connect(&with_direction(&plan, Direction::SendOnly));
    world.wait_ms(1000);
    hold(&mut world, false);
    world.connect(&plan);
    world.wait_ms(1000);
    let sent: Vec<RtpPacket> = world.to_sip().into_iter().map(|(_, p)| p).collect();
    assert_eq!(sent.len(), 141, "from 200 ms on, without a break");
    for pair in sent.windows(2) {
        assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), 160);
        assert!(!pair[1].marker);
    }
}

#[test]
fn both_hold_and_nothing_is_sent() {
    let plan = pcmu_plan();
    let mut world = world(&plan);
    hold(&mut world, true);
    world.connect(&with_direction(&plan, Direction::Inactive));
    world.wait_ms(100);
    world.take();
    world.wait_ms(60_000);
    let seen = world.take();
    assert!(!seen.is_empty(), "reports go on (RFC 3264 §5.1)");
    for (_, output) in seen {
        assert!(matches!(output, BridgeOutput::ToSip { bytes, .. } if rtp::is_rtcp(&bytes)));
    }
}

#[test]
fn music_on_hold_reaches_the_browser_where_the_plan_lets_it() {
    let plan = pcmu_plan();
    for (direction, we_hold, heard_of_50) in [
        // They hold us, and play.
        (Direction::RecvOnly, false, 50),
        // We hold; the answer says that they may play all the same.
        (Direction::SendRecv, true, 50),
        (Direction::SendOnly, true, 0),
        (Direction::Inactive, true, 0),
    ] {
        let (mut world, mut heard) = (world(&plan), Heard::default());
        let (mut sip, mut browser) = (Source::new(0, 160), Source::new(0, 160));
        talk_both(&mut world, &mut heard, &mut sip, &mut browser, 50);
        hold(&mut world, we_hold);
        world.connect(&with_direction(&plan, direction));
        // The music server is another source.
        let mut music = Source::new(0, 160);
        music.header.ssrc = 5;
        let (to_browser, _) = talk_both(&mut world, &mut heard, &mut music, &mut browser, 50);
        assert_eq!(to_browser, heard_of_50, "{direction:?}");
        hold(&mut world, false);
        world.connect(&plan);
        let (to_browser, _) = talk_both(&mut world, &mut heard, &mut sip, &mut browser, 50);
        assert_eq!(to_browser, 50, "after {direction:?}");
        heard.check();
    }
}

#[test]
fn held_by_address_zero_and_taken_up_again() {
    let plan = pcmu_plan();
    let (mut world, mut heard) = (world(&plan), Heard::default());
    let (mut sip, mut browser) = (Source::new(0, 160), Source::new(0, 160));
    talk_both(&mut world, &mut heard, &mut sip, &mut browser, 50);
    let mut held = plan.clone();
    held.media[0].remote = None;
    world.connect(&held);
    let (_, to_sip) = talk_both(&mut world, &mut heard, &mut sip, &mut browser, 50);
    assert_eq!(to_sip, 0, "there is nowhere to send");
    world.connect(&plan);
    let both = talk_both(&mut world, &mut heard, &mut sip, &mut browser, 50);
    assert_eq!(both, (50, 50));
    heard.check();
}

#[test]
fn another_address_and_other_numbers_are_followed() {
    let opus = |sip: u8, at: &str| {
        let formats = route(format(111, "opus", 48_000), format(sip, "opus", 48_000));
        Plan {
            media: vec![media(Audio, at, vec![formats])],
        }
    };
    let (mut world, mut heard) = (world(&opus(96, PEER)), Heard::default());
    let (mut sip, mut browser) = (Source::new(96, 960), Source::new(111, 960));
    talk_both(&mut world, &mut heard, &mut sip, &mut browser, 50);
    world.connect(&opus(100, PEER));
    // Packets with the old number are still under way.
    let both = talk_both(&mut world, &mut heard, &mut sip, &mut browser, 3);
    assert_eq!(both, (3, 3));
    assert_eq!(heard.sip.last().unwrap().payload_type, 100);
    sip.header.payload_type = 100;
    let both = talk_both(&mut world, &mut heard, &mut sip, &mut browser, 50);
    assert_eq!(both, (50, 50));
    check_smooth(&heard.browser, 48_000, 0);

    // Another device takes over: address, SSRC and numbers are its own.
    world.connect(&opus(101, MOVED));
    let mut device = Source::new(101, 960);
    device.header.ssrc = 9;
    device.header.sequence = 3;
    device.header.timestamp = 4;
    let both = talk_both(&mut world, &mut heard, &mut device, &mut browser, 50);
    assert_eq!(both, (50, 50));
    world.browser(Audio, &browser.next());
    let (to, packet) = world.to_sip().remove(0);
    assert_eq!((to, packet.payload_type), (addr(MOVED), 101));
    check_smooth(&heard.browser, 48_000, 0);
    assert!(
        heard
            .browser
            .iter()
            .all(|packet| packet.payload_type == 111)
    );
    heard.check();
}

/// The browser was told both of G.711, so the peer may change between them.
#[test]
fn another_codec_that_the_browser_knows_is_followed() {
    let pcmu = || format(0, "PCMU", 8000);
    let pcma = || format(8, "PCMA", 8000);
    let mut plan = pcmu_plan();
    plan.media[0].routes = vec![route(pcmu(), pcmu())];
    plan.media[0].browser = vec![pcmu(), pcma()];
    let mut changed = plan.clone();
    // What the browser sends becomes the peer's; what the peer sends the browser plays itself.
    changed.media[0].routes = vec![route(pcmu(), pcma()), route(pcma(), pcma())];
    changed.media[0].routes[0].sip_recv = sdp::PayloadType::new(127).unwrap();
    let (mut world, mut heard) = (world(&plan), Heard::default());
    let (mut sip, mut browser) = (Source::new(0, 160), Source::new(0, 160));
    talk_both(&mut world, &mut heard, &mut sip, &mut browser, 50);
    world.connect(&changed);
    sip.header.payload_type = 8;
    let both = talk_both(&mut world, &mut heard, &mut sip, &mut browser, 50);
    assert_eq!(both, (50, 50));
    assert_eq!(heard.browser.last().unwrap().payload_type, 8);
    assert_eq!(heard.sip.last().unwrap().payload_type, 8);
    check_smooth(&heard.browser, 8000, 0);
    heard.check();
}

/// VP8 payload descriptor and frame tag of a key frame or another.
fn vp8(key: bool) -> [u8; 3] {
    [0x10, u8::from(!key), 0]
}

#[test]
fn video_is_held_too_and_comes_back_with_a_key_frame() {
    let plan = opus_vp8_plan();
    let mut world = world(&plan);
    let mut browser = Source::new(96, 3000);
    let wanted = |(_, output): &(u64, BridgeOutput)| {
        matches!(output, BridgeOutput::WantBrowserKeyFrame { .. })
    };
    world.browser(Video, &browser.next_with(&vp8(false)));
    world.wait_ms(2000);
    let asked = world.take().iter().filter(|output| wanted(output)).count();
    assert!(asked >= 2, "the browser owes a key frame");
    hold(&mut world, true);
    world.connect(&with_direction(&plan, Direction::SendOnly));
    let now = world.now();
    // The peer may ask for what it does not get, and the browser is not troubled.
    let pli = media::rtcp::print(&[Rtcp::Pli {
        sender: 1,
        media: 2,
    }]);
    let from = addr("192.0.2.10:40003");
    world
        .bridge
        .sip_datagram(Video, media::RtpOrRtcp::Rtcp, from, &pli, now);
    for key in [true, false, false] {
        world.browser(Video, &browser.next_with(&vp8(key)));
        world.wait_ms(33);
    }
    world.wait_ms(2000);
    for output in world.take() {
        assert!(!wanted(&output));
        let (_, output) = output;
        if let BridgeOutput::ToSip {
            kind: Video, bytes, ..
        } = output
        {
            assert!(rtp::is_rtcp(&bytes), "video went out");
        }
    }
    world.connect(&plan);
    assert!(!world.take().iter().any(wanted));
    hold(&mut world, false);
    assert!(world.take().iter().any(wanted));
    world.browser(Video, &browser.next_with(&vp8(true)));
    assert_eq!(world.to_sip().len(), 1);
}
