//! What holds for every description, shown on the samples and on seeded damage done to them.

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use sdp::{
    Agreement, BrowserMedia, CodecSettings, CodecToken, Description, Encoding, MediaKind, Plan,
    answer_to_sip, formats_for_browser, late_offer, offer_to_sip, plan_incoming, plan_late,
    plan_outgoing,
};

use crate::agreed::{BROWSER, BROWSER_VIDEO, incoming, outgoing};
use crate::samples::{ALL, CHROMIUM_AV, local, origin, parsed};

const ROUNDS: usize = 600;

fn settings(rng: &mut ChaCha20Rng) -> CodecSettings {
    if rng.random_bool(0.3) {
        return CodecSettings::default();
    }
    let count = rng.random_range(0..8);
    let codecs = (0..count)
        .filter_map(|_| CodecToken::ALL.choose(rng).copied())
        .collect();
    CodecSettings {
        codecs,
        exclude_sip: Vec::new(),
        allow_outside_codecs: rng.random(),
    }
}

/// A browser's answer to our offer: some m-lines refused, formats cut and shuffled.
fn browser_answer(media: &[BrowserMedia], rng: &mut ChaCha20Rng) -> Description {
    let mut text = "v=0\no=- 5 2 IN IP4 127.0.0.1\ns=-\nt=0 0\n".to_owned();
    for line in media {
        let mut formats = line.formats.clone();
        if rng.random_bool(0.3) {
            let place = rng.random_range(0..formats.len());
            formats.rotate_left(place);
        }
        if formats.len() > 1 && rng.random_bool(0.2) {
            formats.pop();
        }
        let numbers: Vec<String> = formats.iter().map(|f| f.payload_type.to_string()).collect();
        let port = if rng.random_bool(0.1) { 0 } else { 9 };
        text += &format!(
            "m={} {port} UDP/TLS/RTP/SAVPF {}\nc=IN IP4 0.0.0.0\n",
            line.kind,
            numbers.join(" ")
        );
        for format in formats {
            text += &format!("a=rtpmap:{} {format}\n", format.payload_type);
            if let Some(fmtp) = format.fmtp {
                text += &format!("a=fmtp:{} {fmtp}\n", format.payload_type);
            }
        }
    }
    parsed(&text)
}

/// What every description of ours keeps to.
#[track_caller]
pub(crate) fn ours_is_sound(ours: &Description) {
    let text = ours.to_string();
    assert_eq!(&parsed(&text), ours, "{text}");
    assert!(
        text.ends_with("\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']),
        "{text}"
    );
    // A refused line of theirs is sent back as it came.
    let lines = text.lines().filter(|line| !line.starts_with("m="));
    let text = lines.collect::<Vec<_>>().join("\n");
    for word in [
        "0.0.0.0",
        "candidate",
        "ice-",
        "extmap",
        "ssrc",
        "msid",
        "a=mid",
        "group",
        "fingerprint",
        "setup",
        " rtx/",
        " red/",
        "crypto",
        "IN IP6 ::\n",
    ] {
        assert!(!text.contains(word), "{word} in\n{text}");
    }
    for media in ours.media.iter().filter(|media| !media.rejected()) {
        assert!(media.kind.is_some() && media.rtp_addr().is_some(), "{text}");
        assert!(!media.formats.is_empty(), "{text}");
    }
}

#[track_caller]
fn plan_is_sound(plan: &Plan) {
    for media in &plan.media {
        assert!(
            media.reason.split_whitespace().count() >= 4,
            "{:?}",
            media.reason
        );
        assert_eq!(media.accepted, !media.routes.is_empty(), "{media:?}");
        assert_eq!(media.accepted, !media.browser.is_empty(), "{media:?}");
        let Some(first) = media.browser.first() else {
            continue;
        };
        assert_eq!(
            media.routes[0].browser, *first,
            "the first is the one really used"
        );
        let mut numbers: Vec<_> = media.browser.iter().map(|f| f.payload_type).collect();
        numbers.sort();
        numbers.dedup();
        assert_eq!(numbers.len(), media.browser.len(), "{media:?}");
        let is_event = |place: usize| media.browser[place].encoding == Encoding::TelephoneEvent;
        let events: Vec<usize> = (0..media.browser.len())
            .filter(|place| is_event(*place))
            .collect();
        assert!(
            events.is_empty() || events == [media.browser.len() - 1],
            "{media:?}"
        );
        assert!(
            media
                .routes
                .iter()
                .all(|route| media.browser.contains(&route.browser))
        );
    }
}

/// Everything this crate does with a description that someone sent.
fn use_it(text: &str, samples: &[Description], rng: &mut ChaCha20Rng) -> Option<()> {
    let theirs = Description::parse(text).ok()?;
    assert_eq!(parsed(&theirs.to_string()), theirs, "{text}");
    let settings = settings(rng);
    // As what a browser offers.
    if let Ok(ours) = offer_to_sip(&theirs, &local(), origin(), &settings, &[]) {
        ours_is_sound(&ours);
        // Ours can be answered by ourselves, and that answer can be used.
        let media = formats_for_browser(Some(&ours), &CodecSettings::default()).unwrap();
        let browser = browser_answer(&media, rng);
        if let Ok(plan) = plan_incoming(&ours, &browser, &CodecSettings::default()) {
            plan_is_sound(&plan);
            let answer = answer_to_sip(&ours, &plan, &local(), origin(), &[]);
            ours_is_sound(&answer);
            assert_eq!(answer.media.len(), ours.media.len());
            let plan = plan_outgoing(&theirs, &ours, &answer).unwrap();
            plan_is_sound(&plan);
            assert_eq!(
                plan.media.len(),
                theirs.media.iter().filter(|m| m.kind.is_some()).count()
            );
        }
        // As an answer to it, whatever it may say.
        for sample in samples {
            if let Ok(plan) = plan_outgoing(sample, &ours, &theirs) {
                plan_is_sound(&plan);
            }
        }
    }
    // As an INVITE's offer.
    if let Ok(media) = formats_for_browser(Some(&theirs), &settings) {
        let browser = browser_answer(&media, rng);
        if let Ok(plan) = plan_incoming(&theirs, &browser, &settings) {
            plan_is_sound(&plan);
            let answer = answer_to_sip(&theirs, &plan, &local(), origin(), &[]);
            ours_is_sound(&answer);
            assert_eq!(answer.media.len(), theirs.media.len());
            for (ours, theirs) in answer.media.iter().zip(&theirs.media) {
                assert_eq!(
                    (&ours.media_name, &ours.proto),
                    (&theirs.media_name, &theirs.proto)
                );
                assert!(ours.rejected() || !theirs.rejected());
                let offered = |number| theirs.formats.iter().any(|f| f.payload_type == number);
                let none = ours.rejected() && theirs.formats.is_empty();
                assert!(none || ours.formats.iter().all(|f| offered(f.payload_type)));
            }
            let accepted = |kind: MediaKind| {
                answer
                    .media
                    .iter()
                    .any(|m| m.kind == Some(kind) && !m.rejected())
            };
            for media in &plan.media {
                assert_eq!(
                    accepted(media.kind),
                    plan.media
                        .iter()
                        .any(|m| m.kind == media.kind && m.accepted)
                );
            }
        }
    }
    // As a browser's answer to an INVITE without SDP.
    if let Ok(ours) = late_offer(&theirs, &local(), origin(), &settings) {
        ours_is_sound(&ours);
        let plan = plan_late(&theirs, &ours, &ours).unwrap();
        plan_is_sound(&plan);
    }
    Some(())
}

/// What a call in progress does with a description that someone sent, as an offer and as an answer.
fn change_with_it(call: &Agreement, text: &str) {
    let Ok(theirs) = Description::parse(text) else {
        return;
    };
    for held in [false, true] {
        if let Ok(changed) = call.answer(&theirs, held) {
            ours_is_sound(changed.ours());
            assert_eq!(changed.ours().media.len(), theirs.media.len(), "{text}");
            for (ours, theirs) in changed.ours().media.iter().zip(&theirs.media) {
                assert!(ours.rejected() || !theirs.rejected(), "{text}");
                let legal = ours.direction.and(theirs.direction.reversed()) == ours.direction;
                assert!(ours.rejected() || legal, "{text}");
            }
            ours_is_sound(changed.offer(held).ours());
            ours_is_sound(changed.late_offer(held).ours());
            let changes = changed.plan().changes_since(call.plan());
            assert!(changes.iter().all(|change| !change.is_empty()), "{text}");
        }
        for offer in [call.offer(held), call.late_offer(held)] {
            if let Ok(changed) = offer.answered(&theirs) {
                assert_eq!(changed.ours(), offer.ours());
                assert!(changed.plan().media[0].is_live(), "{text}");
            }
        }
    }
}

fn calls() -> Vec<Agreement> {
    let browser = format!("{BROWSER}{BROWSER_VIDEO}");
    let media = "m=audio 4000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\nm=video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000";
    vec![
        outgoing(
            CHROMIUM_AV,
            "m=audio 4000 RTP/AVP 111\na=rtpmap:111 opus/48000/2",
        ),
        outgoing(&browser, media),
        incoming(media, &browser),
    ]
}

fn samples() -> Vec<Description> {
    ALL.iter().map(|(_, text)| parsed(text)).collect()
}

/// Words that hurt.
const WORDS: [&str; 36] = [
    "0",
    "9",
    "65535",
    "65536",
    "-1",
    "256",
    "127",
    "128",
    "4294967296",
    "",
    " ",
    ";",
    "=",
    "/",
    "opus/48000/2",
    "telephone-event/48000",
    "H264/90000",
    "rtx/90000",
    "apt=96",
    "profile-level-id=42e01f",
    "packetization-mode=1",
    "sprop-parameter-sets=",
    "RTP/AVP",
    "RTP/SAVP",
    "UDP/TLS/RTP/SAVPF",
    "audio",
    "video",
    "image",
    "c=IN IP4 0.0.0.0",
    "c=IN IP6 ::",
    "a=inactive",
    "a=rtcp-mux",
    "a=bundle-only",
    "\u{2028}",
    "é",
    "\0",
];

fn damaged(rng: &mut ChaCha20Rng) -> String {
    let (_, sample) = ALL.choose(rng).unwrap();
    let mut lines: Vec<String> = sample.lines().map(str::to_owned).collect();
    for _ in 0..rng.random_range(1..8) {
        let place = rng.random_range(0..lines.len());
        match rng.random_range(0..8) {
            0 => drop(lines.remove(place)),
            1 => lines.insert(place, lines[place].clone()),
            2 => {
                let other = rng.random_range(0..lines.len());
                lines.swap(place, other);
            }
            3 => {
                let (_, other) = ALL.choose(rng).unwrap();
                let stolen = other.lines().collect::<Vec<_>>().choose(rng).copied();
                lines.insert(place, stolen.unwrap_or_default().to_owned());
            }
            4 => lines.insert(place, (*WORDS.choose(rng).unwrap()).to_owned()),
            5 => {
                let mut words: Vec<&str> = lines[place].split(' ').collect();
                let word = rng.random_range(0..words.len());
                words[word] = WORDS.choose(rng).unwrap();
                lines[place] = words.join(" ");
            }
            6 => {
                let mut chars: Vec<char> = lines[place].chars().collect();
                chars.truncate(rng.random_range(0..=chars.len()));
                lines[place] = chars.into_iter().collect();
            }
            _ => {
                let mut chars: Vec<char> = lines[place].chars().collect();
                let at = rng.random_range(0..=chars.len());
                chars.insert(at, char::from(rng.random_range(1..127u8)));
                lines[place] = chars.into_iter().collect();
            }
        }
        if lines.is_empty() {
            lines.push("v=0".into());
        }
    }
    let end = ["\n", "\r\n", "\r"].choose(rng).unwrap();
    lines.join(end)
}

#[test]
fn the_samples_hold() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for (name, text) in ALL {
        assert_eq!(use_it(text, &samples(), &mut rng), Some(()), "{name}");
        calls().iter().for_each(|call| change_with_it(call, text));
    }
}

#[test]
fn damage_never_panics_and_what_is_read_holds() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (mut read, samples, calls) = (0, samples(), calls());
    for _ in 0..ROUNDS {
        let text = damaged(&mut rng);
        read += usize::from(use_it(&text, &samples, &mut rng).is_some());
        calls.iter().for_each(|call| change_with_it(call, &text));
    }
    // The damage is not so great that nothing would be tested.
    assert!(
        read > ROUNDS / 3 && read < ROUNDS,
        "{read} of {ROUNDS} were read"
    );
}

#[test]
fn noise_never_panics() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for _ in 0..ROUNDS {
        let length = rng.random_range(0..200);
        let noise: Vec<u8> = (0..length).map(|_| rng.random()).collect();
        let text = String::from_utf8_lossy(&noise);
        let _ = Description::parse(&text);
        let _ = Description::parse(&format!("v=0\nm=audio 1 RTP/AVP 0\n{text}"));
    }
}
