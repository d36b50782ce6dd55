//! `ivr` and `tone`: sounds that begin with the 200.

mod world;

use codec::Law;
use testkit::sip_text::body;
use testkit::tones;
use world::{Phone, World, addr, ms, offer};

fn phone() -> Phone {
    Phone::new("anna", 5070)
}

fn heard(world: &World, law: Law) -> Vec<f32> {
    let packets = world.media.iter().filter(|sent| sent.bytes[1] & 0x7f < 64);
    let pcm: Vec<i16> = packets
        .flat_map(|sent| sent.rtp().payload.to_vec())
        .map(|code| law.expand(code))
        .collect();
    tones::from_i16(&pcm)
}

#[test]
fn the_first_packet_leaves_in_the_step_of_the_200() {
    let mut world = World::new();
    world.invite(
        &phone(),
        "ivr",
        &offer(&["m=audio 4000 RTP/AVP 111 8 0\na=rtpmap:111 opus/48000/2"]),
    );
    assert_eq!(world.step, ["sip", "sip", "rtp"], "100, 200, sound");
    let ok = world.expect(&phone(), 200);
    assert!(body(&ok).contains("m=audio 30000 RTP/AVP 8 0\r\n"), "{ok}");
    let first = world.media[0].rtp();
    assert_eq!(
        (first.payload_type, first.marker, first.payload.len()),
        (8, true, 160)
    );
    assert_eq!(world.media[0].to, addr("127.0.0.1:4000"));
}

#[test]
fn packets_follow_every_20_ms() {
    let mut world = World::new();
    world.call(&phone(), "ivr", &offer(&["m=audio 4000 RTP/AVP 0"]));
    world.pass(ms(900));
    assert_eq!(world.media.len(), 46);
    for pair in world.media.windows(2) {
        let (one, two) = (pair[0].rtp(), pair[1].rtp());
        assert_eq!(pair[1].at - pair[0].at, ms(20));
        assert_eq!(two.sequence, one.sequence.wrapping_add(1));
        assert_eq!(two.timestamp, one.timestamp.wrapping_add(160));
        assert!(!two.marker);
    }
}

#[test]
fn it_is_the_sweep_from_its_first_sample_and_again_after_a_pause() {
    for (payload_type, law) in [(0, Law::Mu), (8, Law::A)] {
        let mut world = World::new();
        let media = format!("m=audio 4000 RTP/AVP {payload_type}");
        world.call(&phone(), "ivr", &offer(&[&media]));
        world.pass(ms(6_000));
        let heard = heard(&world, law);
        let sweep = tones::chirp(300.0, 3000.0, 0.4, 2000, 8000);
        for start in [0, 3 * 8000] {
            let fit = correlation(&heard[start..start + 15_900], &sweep[..15_900]);
            assert!(fit > 0.99, "{start}: {fit}");
        }
        assert!(
            heard[16_000..24_000]
                .iter()
                .all(|sample| sample.abs() < 0.001),
            "a pause"
        );
    }
}

#[test]
fn tone_is_440_hz() {
    let mut world = World::new();
    world.call(&phone(), "tone", &offer(&["m=audio 4000 RTP/AVP 0"]));
    world.pass(ms(2_000));
    let heard = heard(&world, Law::Mu);
    let tone = tones::sine(440.0, 0.4, 2000, 8000);
    assert!(correlation(&heard[..15_900], &tone[..15_900]) > 0.99);
}

#[test]
fn pictures_are_refused_and_so_is_audio_it_cannot_make() {
    let mut world = World::new();
    let video = "m=video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000";
    let call = world.call(&phone(), "ivr", &offer(&["m=audio 4000 RTP/AVP 0", video]));
    assert!(
        call.answer().contains("m=video 0 RTP/AVP 96\r\n"),
        "{}",
        call.answer()
    );
    for media in [&["m=audio 4000 RTP/AVP 9"][..], &[video]] {
        let mut world = World::new();
        world.invite(&phone(), "ivr", &offer(media));
        world.expect(&phone(), 488);
    }
}

#[test]
fn who_only_speaks_hears_nothing() {
    let mut world = World::new();
    world.call(
        &phone(),
        "ivr",
        &offer(&["m=audio 4000 RTP/AVP 0\na=sendonly"]),
    );
    world.pass(ms(900));
    assert!(world.media.is_empty());
}

fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
