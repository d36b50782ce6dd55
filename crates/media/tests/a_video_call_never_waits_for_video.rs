//! A page that was promised video keeps the call silent until its first picture. So black pictures
//! go out from the moment the browser is up, before any sound, until a key frame of the SIP peer
//! comes; again when the peer has video no more; and in one line of numbers with the peer's.

mod common;

use common::*;
use media::rtcp::Rtcp;
use media::{BridgeOutput, BridgeSettings, OutRtp};
use sdp::{Direction, Plan};

/// VP8 of the peer, with a picture id of 15 bits: a key frame, and another.
fn vp8(key: bool, picture_id: u16) -> [u8; 6] {
    let [high, low] = (0x8000 | picture_id).to_be_bytes();
    [0x90, 0x80, high, low, u8::from(!key), 0xee]
}

/// Opus and VP8 at the peer, as an outgoing call has it.
fn both() -> Plan {
    let mut plan = opus_vp8_plan();
    plan.media[1].stand_in = true;
    plan
}

/// The peer has sound only; the browser was promised video.
fn sound_only() -> Plan {
    let mut plan = both();
    plan.media[1].routes.clear();
    plan.media[1].remote = None;
    plan.media[1].sip_direction = Direction::Inactive;
    plan
}

fn h264_first(mut plan: Plan) -> Plan {
    plan.media[1].browser.insert(0, format(108, "H264", 90_000));
    plan
}

/// What the browser got since the last look, with kind and time in ms; what the peer was asked.
fn look(world: &mut World) -> (Vec<(u64, OutRtp)>, Vec<u64>) {
    let (mut video, mut asked) = (Vec::new(), Vec::new());
    for (ms, output) in world.take() {
        match output {
            BridgeOutput::ToBrowser {
                kind: Video,
                packet,
            } => video.push((ms, packet)),
            BridgeOutput::ToSip { bytes, .. } if media::rtp::is_rtcp(&bytes) => {
                let packets = media::rtcp::parse(&bytes);
                if packets
                    .iter()
                    .any(|packet| matches!(packet, Rtcp::Pli { .. }))
                {
                    asked.push(ms);
                }
            }
            _ => {}
        }
    }
    (video, asked)
}

fn video(world: &mut World) -> Vec<(u64, OutRtp)> {
    look(world).0
}

/// Of a VP8 payload: whether it begins a key frame, and its picture id.
fn read(packet: &OutRtp) -> (bool, u16) {
    let payload = &packet.payload;
    assert_eq!(payload[..2], [0x90, 0x80], "{payload:x?}");
    let id = u16::from_be_bytes([payload[2], payload[3]]) & 0x7fff;
    (payload[4] & 1 == 0, id)
}

fn is_ours(packet: &OutRtp) -> bool {
    packet.payload.len() > 6
}

/// One packet after the other without a gap, time growing as it passed, picture ids by one.
fn check_one_line(packets: &[(u64, OutRtp)]) {
    for pair in packets.windows(2) {
        let ((before, one), (after, two)) = (&pair[0], &pair[1]);
        assert_eq!(two.sequence, one.sequence + 1, "{pair:?}");
        let moved = two.timestamp.wrapping_sub(one.timestamp);
        // 10 ms is the least between two pictures.
        let passed = (after - before).max(10) as u32 * 90;
        assert!(
            moved.abs_diff(passed) <= 90 * 10,
            "{moved} in {passed}: {pair:?}"
        );
        assert_eq!(read(two).1, read(one).1 + 1, "{pair:?}");
    }
}

fn replan(world: &mut World, stream: u32, plan: &Plan) {
    let now = world.now();
    world.bridge.connect_sip(stream, plan, now);
    world.bridge.select_stream(stream, now);
    world.drain();
}

#[test]
fn the_first_picture_goes_before_the_first_sound() {
    let mut world = World::quiet();
    world.connect(&sound_only());
    let mut voice = Source::new(96, 960);
    talk(&mut world, &mut voice, 10);
    assert_eq!(
        world
            .take()
            .iter()
            .filter(|(_, o)| matches!(o, BridgeOutput::ToBrowser { .. }))
            .count(),
        0
    );
    world.browser_up();
    let kinds: Vec<_> = world
        .take()
        .into_iter()
        .filter_map(|(_, output)| match output {
            BridgeOutput::ToBrowser { kind, packet } => Some((kind, packet)),
            _ => None,
        })
        .collect();
    assert_eq!(kinds.len(), 11);
    assert_eq!(kinds[0].0, Video);
    let first = &kinds[0].1;
    assert!(read(first).0 && first.marker && is_ours(first));
    assert!(kinds[1..].iter().all(|(kind, _)| *kind == Audio));
}

#[test]
fn pictures_go_on_five_a_second_with_a_key_frame_each_five_seconds() {
    let mut world = World::connected(&sound_only());
    world.wait_ms(10_100);
    let seen = video(&mut world);
    let at: Vec<u64> = seen.iter().map(|(ms, _)| *ms).collect();
    let each_200: Vec<u64> = (0..=50).map(|n| n * 200).collect();
    assert_eq!(at, each_200);
    let keys: Vec<u64> = seen
        .iter()
        .filter(|(_, p)| read(p).0)
        .map(|(ms, _)| *ms)
        .collect();
    assert_eq!(keys, [0, 5000, 10_000]);
    check_one_line(&seen);
    assert!(
        seen.iter()
            .all(|(_, packet)| packet.marker && packet.payload_type == 96)
    );
    assert_eq!(world.bridge.counters().video.generated, 51);
}

#[test]
fn h264_has_its_parameter_sets_before_each_key_frame() {
    let mut world = World::connected(&h264_first(sound_only()));
    world.wait_ms(5000);
    let seen = video(&mut world);
    let kinds: Vec<u8> = seen
        .iter()
        .map(|(_, packet)| packet.payload[0] & 0x1f)
        .collect();
    let mut expected = vec![7, 8, 5];
    expected.extend([1; 24]);
    expected.extend([7, 8, 5]);
    assert_eq!(kinds, expected);
    for (n, (ms, packet)) in seen.iter().enumerate() {
        assert_eq!(packet.sequence, seen[0].1.sequence + n as u64);
        let since = packet.timestamp.wrapping_sub(seen[0].1.timestamp);
        assert_eq!(u64::from(since), ms * 90);
        assert_eq!(packet.marker, ![7, 8].contains(&kinds[n]), "packet {n}");
        assert_eq!(packet.payload_type, 108);
    }
}

#[test]
fn who_asks_for_a_key_frame_gets_one_but_not_twice_in_half_a_second() {
    let mut world = World::connected(&sound_only());
    world.wait_ms(1250);
    world.take();
    let ask = |world: &mut World| {
        let now = world.now();
        world.bridge.browser_key_frame_wanted(Video, now);
        world.drain();
    };
    ask(&mut world);
    let seen = video(&mut world);
    assert_eq!(seen.len(), 1, "at once");
    assert!(seen[0].0 == 1250 && read(&seen[0].1).0);
    for _ in 0..200 {
        ask(&mut world);
        world.wait_ms(10);
    }
    let seen = video(&mut world);
    let keys: Vec<u64> = seen
        .iter()
        .filter(|(_, p)| read(p).0)
        .map(|(ms, _)| *ms)
        .collect();
    assert_eq!(keys, [1750, 2250, 2750, 3250]);
}

#[test]
fn the_peer_is_seen_from_its_key_frame_on_and_the_numbers_go_on() {
    let mut world = World::connected(&sound_only());
    world.wait_ms(950);
    let mut seen = video(&mut world);
    assert_eq!(seen.len(), 5);
    replan(&mut world, 1, &both());
    let mut peer = Source::new(97, 3000);
    for n in 0..10 {
        world.sip(Video, &peer.next_with(&vp8(false, 700 + n)));
        world.wait_ms(33);
    }
    let (ours, asked) = look(&mut world);
    assert!(
        ours.iter().all(|(_, packet)| is_ours(packet)),
        "no picture without its key frame"
    );
    assert_eq!(ours.len(), 2, "and ours go on: {ours:?}");
    assert_eq!(asked.first(), Some(&950), "the peer is asked for it");
    seen.extend(ours);
    for n in 0..10 {
        world.sip(Video, &peer.next_with(&vp8(n == 0, 710 + n)));
        world.wait_ms(33);
    }
    let theirs = video(&mut world);
    assert_eq!(theirs.len(), 10, "ours have ended");
    assert!(theirs.iter().all(|(_, packet)| !is_ours(packet)));
    seen.extend(theirs);
    check_one_line(&seen);
    // A peer that pauses stays on the screen.
    world.wait_ms(20_000);
    assert_eq!(video(&mut world), []);
    let counts = world.bridge.counters().video;
    assert_eq!((counts.generated, counts.before_key_frame), (7, 10));
}

#[test]
fn a_peer_that_drops_its_video_is_replaced_at_once() {
    let mut world = World::connected(&both());
    let mut peer = Source::new(97, 3000);
    let mut seen = video(&mut world);
    assert_eq!(seen.len(), 1, "until the peer comes");
    for n in 0..10 {
        world.sip(Video, &peer.next_with(&vp8(n == 0, 90 + n)));
        world.wait_ms(33);
    }
    replan(&mut world, 1, &sound_only());
    // What was under way is the past.
    world.sip(Video, &peer.next_with(&vp8(false, 100)));
    world.wait_ms(450);
    seen.extend(video(&mut world));
    assert_eq!(seen.len(), 1 + 10 + 3);
    assert!(seen[1..11].iter().all(|(_, packet)| !is_ours(packet)));
    assert!(seen[11..].iter().all(|(_, packet)| is_ours(packet)));
    assert!(
        read(&seen[11].1).0 && seen[11].0 == 330,
        "a key frame, at once"
    );
    // And the peer comes back.
    replan(&mut world, 1, &both());
    world.sip(Video, &peer.next_with(&vp8(true, 101)));
    seen.extend(video(&mut world));
    assert!(!is_ours(&seen[seen.len() - 1].1));
    check_one_line(&seen);
}

#[test]
fn another_early_dialog_is_not_the_picture_of_the_one_before() {
    let mut other = both();
    if let Some(remote) = &mut other.media[1].remote {
        remote.rtp = addr("198.51.100.20:9002");
    }
    let mut world = World::connected(&both());
    let mut one = Source::new(97, 3000);
    world.sip(Video, &one.next_with(&vp8(true, 1)));
    let mut seen = video(&mut world);
    replan(&mut world, 2, &other);
    seen.extend(video(&mut world));
    assert_eq!(
        seen.iter().map(|(_, p)| is_ours(p)).collect::<Vec<_>>(),
        [true, false, true]
    );
    let mut two = Source::new(97, 3000);
    two.header.ssrc = 2;
    world.sip_from(
        Video,
        addr("198.51.100.20:9002"),
        &two.next_with(&vp8(true, 5000)),
    );
    world.wait_ms(3000);
    seen.extend(video(&mut world));
    assert_eq!(seen.len(), 4);
    check_one_line(&seen);
}

#[test]
fn an_early_dialog_with_video_follows_one_without() {
    // 183 of the one has sound, 183 of the other both, and then the first answers after all.
    let mut world = World::connected(&sound_only());
    world.wait_ms(500);
    replan(&mut world, 2, &both());
    let mut peer = Source::new(97, 3000);
    world.sip(Video, &peer.next_with(&vp8(true, 1)));
    world.wait_ms(33);
    world.sip(Video, &peer.next_with(&vp8(false, 2)));
    world.wait_ms(33);
    replan(&mut world, 1, &sound_only());
    world.sip(Video, &peer.next_with(&vp8(false, 3)));
    world.wait_ms(300);
    let seen = video(&mut world);
    let ours: Vec<bool> = seen.iter().map(|(_, packet)| is_ours(packet)).collect();
    assert_eq!(
        ours,
        [true, true, true, false, false, true, true],
        "{seen:?}"
    );
    check_one_line(&seen);
}

#[test]
fn a_key_frame_is_asked_for_until_it_comes() {
    let mut world = World::quiet();
    world.connect(&both());
    // It came while nobody was there, and what came after it did not fit the buffer.
    let mut peer = Source::new(97, 3000);
    for n in 0..2500_u16 {
        world.sip(Video, &peer.next_with(&vp8(n == 0, n)));
    }
    world.wait_ms(5000);
    world.browser_up();
    world.take();
    world.sip(Video, &peer.next_with(&vp8(false, 2500)));
    for _ in 0..30 {
        world.wait_ms(100);
        world.sip(Video, &peer.next_with(&vp8(false, 2501)));
    }
    let (seen, asked) = look(&mut world);
    assert!(seen.iter().all(|(_, packet)| is_ours(packet)));
    assert!(asked.len() >= 3, "{asked:?}");
}

#[test]
fn what_waits_with_a_key_frame_needs_no_picture_of_ours() {
    let mut world = World::quiet();
    world.connect(&both());
    let mut peer = Source::new(97, 3000);
    for n in 0..5 {
        world.sip(Video, &peer.next_with(&vp8(n == 0, n)));
        world.wait_ms(33);
    }
    world.browser_up();
    world.wait_ms(3000);
    let seen = video(&mut world);
    assert_eq!(seen.len(), 5);
    assert!(seen.iter().all(|(_, packet)| !is_ours(packet)));
    assert_eq!(world.bridge.counters().video.generated, 0);
}

#[test]
fn a_peer_that_took_video_and_sends_none_keeps_nobody_waiting() {
    let mut listens = both();
    listens.media[1].sip_direction = Direction::SendOnly;
    for plan in [both(), listens] {
        let mut world = World::connected(&plan);
        world.wait_ms(1000);
        let seen = video(&mut world);
        assert_eq!(seen.len(), 6);
        assert!(seen.iter().all(|(_, packet)| is_ours(packet)));
    }
}

#[test]
fn nothing_is_made_up_where_the_plan_does_not_say_so() {
    let mut refused = sound_only();
    refused.media[1].accepted = false;
    let mut unplanned = sound_only();
    unplanned.media[1].stand_in = false;
    for plan in [opus_vp8_plan(), refused, unplanned, pcmu_plan()] {
        let mut world = World::connected(&plan);
        world.wait_ms(10_000);
        let now = world.now();
        world.bridge.browser_key_frame_wanted(Video, now);
        world.drain();
        assert_eq!(video(&mut world), [], "{plan:?}");
    }
    // Then what comes is passed as it comes.
    let mut world = World::connected(&opus_vp8_plan());
    world.sip(Video, &Source::new(97, 3000).next_with(&vp8(false, 7)));
    let seen = video(&mut world);
    assert_eq!(read(&seen[0].1), (false, 7));
}

#[test]
fn a_later_plan_that_refuses_video_takes_nothing_from_the_browser() {
    // As a re-INVITE of the peer is planned: first its video is held, then it is gone.
    let mut world = World::connected(&both());
    let mut peer = Source::new(97, 3000);
    world.sip(Video, &peer.next_with(&vp8(true, 1)));
    world.wait_ms(33);
    replan(&mut world, 1, &opus_vp8_plan());
    world.sip(Video, &peer.next_with(&vp8(false, 2)));
    world.wait_ms(33);
    let mut refused = sound_only();
    refused.media[1].accepted = false;
    refused.media[1].stand_in = false;
    replan(&mut world, 1, &refused);
    world.wait_ms(250);
    let seen = video(&mut world);
    let ours: Vec<bool> = seen.iter().map(|(_, packet)| is_ours(packet)).collect();
    assert_eq!(ours, [true, false, false, true, true]);
    check_one_line(&seen);
}

#[test]
fn the_browsers_picture_goes_nowhere_while_the_peer_has_no_video() {
    let mut world = World::connected(&sound_only());
    let mut camera = Source::new(96, 3000);
    for _ in 0..10 {
        world.browser(Video, &camera.next_with(&vp8(true, 1)));
        world.wait_ms(33);
    }
    assert_eq!(world.to_sip(), []);
    assert_eq!(world.bridge.counters().video.no_peer, 10);
    // And everywhere once it has: from a key frame, which the browser is asked for.
    replan(&mut world, 1, &both());
    let wanted = BridgeOutput::WantBrowserKeyFrame { kind: Video };
    assert!(world.take().iter().any(|(_, output)| *output == wanted));
    world.browser(Video, &camera.next_with(&vp8(true, 2)));
    let sent = world.to_sip();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].1.payload_type, 97);
}

#[test]
fn it_ends_with_the_call_and_with_the_browser() {
    let picture = "picture of our own";
    let due = |world: &World| {
        world
            .bridge
            .poll_timeout()
            .is_some_and(|(_, why)| why == picture)
    };
    let mut world = World::connected(&sound_only());
    world.wait_ms(350);
    assert!(due(&world));
    let now = world.now();
    let numbers = world.bridge.browser_down(now).unwrap();
    world.wait_ms(1000);
    assert_eq!(video(&mut world).len(), 2, "those before");
    assert!(!due(&world));
    // A leg that comes back has forgotten nothing, and sees a key frame first.
    world.bridge.browser_up_with(numbers, world.now());
    world.drain();
    let seen = video(&mut world);
    assert!(seen.len() == 1 && read(&seen[0].1).0);
    assert!(due(&world));
    let now = world.now();
    world.bridge.bye(now);
    world.drain();
    world.take();
    world.wait_ms(10_000);
    assert_eq!(video(&mut world), []);
    assert!(!due(&world));
}

#[test]
fn a_call_that_listens_only_is_sent_silence_all_the_same() {
    let mut world = World::new(BridgeSettings::default());
    world.connect(&sound_only());
    world.browser_up();
    world.wait_ms(1000);
    assert!(world.to_sip().len() > 30, "silence for the peer");
}
