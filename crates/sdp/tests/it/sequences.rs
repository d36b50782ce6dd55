//! Random later offers of both sides, with what must hold after each (RFC 3264 §8).

use std::collections::BTreeMap;

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use sdp::{
    Agreement, CodecSettings, Description, Direction, MediaKind, answer_to_sip,
    formats_for_browser, plan_incoming,
};

use crate::agreed::{BROWSER, BROWSER_VIDEO, incoming, outgoing};
use crate::invariants::ours_is_sound;
use crate::samples::{local, origin, parsed};

const SEQUENCES: u64 = 120;
const STEPS: usize = 12;

/// A peer that keeps to RFC 3264: it removes no m-line, and its numbers keep their meaning.
struct Peer {
    /// Its number, `rtpmap` and `fmtp` of each codec it knows.
    audio: Vec<(u8, &'static str)>,
    video: Vec<(u8, &'static str)>,
    lines: Vec<Line>,
    version: u64,
}

struct Line {
    name: &'static str,
    port: u16,
    numbers: Vec<u8>,
    direction: Direction,
    no_address: bool,
}

impl Peer {
    fn new(rng: &mut ChaCha20Rng) -> Self {
        let mut dynamic = [96, 97, 101, 102, 111, 126];
        dynamic.shuffle(rng);
        let [opus, event, vp8, h264, ..] = dynamic;
        Self {
            audio: vec![
                (0, "PCMU/8000"),
                (8, "PCMA/8000"),
                (18, "G729/8000"),
                (opus, "opus/48000/2"),
                (event, "telephone-event/8000"),
            ],
            video: vec![(vp8, "VP8/90000"), (h264, "H264/90000")],
            lines: vec![Line {
                name: "audio",
                port: 4000,
                numbers: vec![0, event],
                direction: Direction::SendRecv,
                no_address: false,
            }],
            version: 1,
        }
    }

    fn meaning(&self, line: &Line, number: u8) -> Option<&'static str> {
        let known = match line.name {
            "audio" => &self.audio,
            _ => &self.video,
        };
        let found = known.iter().find(|(known, _)| *known == number);
        found.map(|(_, meaning)| *meaning)
    }

    /// Changes something of what it wants.
    fn change_mind(&mut self, rng: &mut ChaCha20Rng) {
        let directions = [
            Direction::SendRecv,
            Direction::SendOnly,
            Direction::RecvOnly,
            Direction::Inactive,
        ];
        let known: Vec<u8> = self.audio.iter().map(|(number, _)| *number).collect();
        let known_video: Vec<u8> = self.video.iter().map(|(number, _)| *number).collect();
        let place = rng.random_range(0..self.lines.len());
        let line = &mut self.lines[place];
        let known = if line.name == "audio" {
            known
        } else {
            known_video.clone()
        };
        match rng.random_range(0..9) {
            0 | 1 => line.direction = *directions.choose(rng).unwrap(),
            2 => line.no_address = !line.no_address,
            3 => {
                line.port = if line.port == 0 {
                    4010
                } else {
                    rng.random_range(0..3) * 4000
                }
            }
            4 | 5 if line.name != "image" => {
                let count = rng.random_range(1..=known.len());
                line.numbers = known.sample(rng, count).copied().collect();
            }
            6 => self.lines.push(Line {
                name: "video",
                port: 4002,
                numbers: known_video,
                direction: Direction::SendRecv,
                no_address: false,
            }),
            7 => self.lines.push(Line {
                name: "image",
                port: 4004,
                numbers: Vec::new(),
                direction: Direction::SendRecv,
                no_address: false,
            }),
            // The same again.
            _ => {}
        }
    }

    fn offer(&mut self) -> Description {
        let lines: Vec<Option<Direction>> = self.lines.iter().map(|l| Some(l.direction)).collect();
        self.describe(&lines)
    }

    /// Each line with this direction; `None` refuses it.
    fn describe(&mut self, directions: &[Option<Direction>]) -> Description {
        self.version += 1;
        let mut text = format!(
            "v=0\no=- 1 {} IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\n",
            self.version
        );
        for (line, direction) in self.lines.iter().zip(directions) {
            let port = if direction.is_some() { line.port } else { 0 };
            if line.name == "image" {
                text += &format!("m=image {port} udptl t38\n");
                continue;
            }
            let numbers: Vec<String> = line.numbers.iter().map(u8::to_string).collect();
            text += &format!("m={} {port} RTP/AVP {}\n", line.name, numbers.join(" "));
            if line.no_address {
                text += "c=IN IP4 0.0.0.0\n";
            }
            for number in &line.numbers {
                if let Some(meaning) = self.meaning(line, *number) {
                    text += &format!("a=rtpmap:{number} {meaning}\n");
                }
                if self.meaning(line, *number) == Some("H264/90000") {
                    text +=
                        &format!("a=fmtp:{number} profile-level-id=42e01f;packetization-mode=1\n");
                }
            }
            if let Some(direction) = direction {
                text += &format!("a={}\n", direction.name());
            }
        }
        parsed(&text)
    }

    /// Answers in its own numbers, with what it has in common with the offer.
    fn answer(&mut self, offer: &Description) -> Description {
        let mut directions = Vec::new();
        for (place, ours) in offer.media.iter().enumerate() {
            let known = match ours.kind {
                Some(MediaKind::Audio) => self.audio.clone(),
                Some(MediaKind::Video) => self.video.clone(),
                None => Vec::new(),
            };
            let offered = |meaning: &str| ours.formats.iter().any(|f| f.to_string() == meaning);
            let common = known.iter().filter(|(_, meaning)| offered(meaning));
            let line = &mut self.lines[place];
            let refused = ours.rejected() || line.port == 0 || line.name == "image";
            if !refused {
                line.numbers = common.map(|(number, _)| *number).collect();
            }
            directions.push((!refused).then(|| line.direction.and(ours.direction.reversed())));
        }
        self.describe(&directions)
    }
}

/// What our descriptions have said so far.
struct Watch {
    last: Description,
    meanings: BTreeMap<(usize, u8), String>,
}

impl Watch {
    #[track_caller]
    fn sent(&mut self, ours: &Description, row: &str) {
        let (before, now) = (self.last.origin, ours.origin);
        assert_eq!((before.session_id, before.addr), (now.session_id, now.addr));
        let same = parsed(&self.last.to_string().replacen(
            &format!("o=- 7 {} ", before.version),
            &format!("o=- 7 {} ", now.version),
            1,
        )) == *ours;
        let expected = before.version + u64::from(!same);
        assert_eq!(now.version, expected, "{row}\n{}\n{ours}", self.last);
        assert!(self.last.media.len() <= ours.media.len(), "{row}\n{ours}");
        ours_is_sound(ours);
        for (place, line) in ours.media.iter().enumerate().filter(|(_, l)| !l.rejected()) {
            for format in &line.formats {
                let key = (place, format.payload_type.get());
                let meaning = self.meanings.entry(key).or_insert(format.to_string());
                assert_eq!(*meaning, format.to_string(), "{row}, {key:?}\n{ours}");
            }
        }
        self.last = ours.clone();
    }
}

/// Another gateway of ours answers the offer.
fn answered_by_ourselves(offer: &Description) -> Description {
    let settings = CodecSettings::default();
    let media = formats_for_browser(Some(offer), &settings).unwrap();
    let mut text = "v=0\no=- 5 2 IN IP4 127.0.0.1\ns=-\nt=0 0\n".to_owned();
    for line in media {
        let numbers: Vec<String> = line
            .formats
            .iter()
            .map(|f| f.payload_type.to_string())
            .collect();
        text += &format!(
            "m={} 9 UDP/TLS/RTP/SAVPF {}\n",
            line.kind,
            numbers.join(" ")
        );
        for format in line.formats {
            text += &format!("a=rtpmap:{} {format}\n", format.payload_type);
            if let Some(fmtp) = format.fmtp {
                text += &format!("a=fmtp:{} {fmtp}\n", format.payload_type);
            }
        }
    }
    let plan = plan_incoming(offer, &parsed(&text), &settings).unwrap();
    answer_to_sip(offer, &plan, &local(), origin(), &[])
}

#[track_caller]
fn plan_holds(call: &Agreement, first: &Agreement, row: &str) {
    for (now, told) in call.plan().media.iter().zip(&first.plan().media) {
        assert_eq!(
            (&now.browser, now.accepted),
            (&told.browser, told.accepted),
            "{row}"
        );
        assert!(
            now.reason.split_whitespace().count() >= 4,
            "{row}: {}",
            now.reason
        );
        assert!(now.stand_in || !told.stand_in, "{row}");
        let routed = |number| now.routes.iter().any(|r| r.browser.payload_type == number);
        if now.sip_direction.sends() {
            assert!(routed(now.browser[0].payload_type), "{row}: {now:?}");
        }
        assert!(
            now.routes.iter().all(|r| now.browser.contains(&r.browser)),
            "{row}"
        );
        if !now.is_live() {
            assert_eq!(
                (now.remote, now.sip_direction),
                (None, Direction::Inactive),
                "{row}"
            );
        }
    }
    assert!(call.plan().media[0].is_live(), "{row}: no sound");
}

#[test]
fn any_sequence_of_later_offers_keeps_to_the_rules() {
    let (mut taken, mut refused) = (0, 0);
    for seed in 0..SEQUENCES {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut peer = Peer::new(&mut rng);
        let browser = match rng.random() {
            true => format!("{BROWSER}{BROWSER_VIDEO}"),
            false => BROWSER.to_owned(),
        };
        let event = peer.lines[0].numbers[1];
        let mut media =
            format!("m=audio 4000 RTP/AVP 0 {event}\na=rtpmap:{event} telephone-event/8000");
        let first = match rng.random() {
            true => {
                if browser.contains("m=video") {
                    media += "\nm=video 0 RTP/AVP 96";
                    peer.lines.push(Line {
                        name: "video",
                        port: 0,
                        numbers: vec![peer.video[0].0],
                        direction: Direction::SendRecv,
                        no_address: false,
                    });
                }
                outgoing(&browser, &media)
            }
            false => incoming(&media, &browser.replace("m=video 9", "m=video 0")),
        };
        let mut watch = Watch {
            last: first.ours().clone(),
            meanings: BTreeMap::new(),
        };
        watch.sent(first.ours(), "first");
        let mut call = first.clone();
        for step in 0..STEPS {
            let row = format!("seed {seed}, step {step}");
            let held: bool = rng.random();
            let before = call.clone();
            peer.change_mind(&mut rng);
            if rng.random() {
                let offer = peer.offer();
                let Ok(next) = call.answer(&offer, held) else {
                    refused += 1;
                    continue;
                };
                call = next;
                watch.sent(call.ours(), &row);
                assert_eq!(call.ours().media.len(), offer.media.len(), "{row}");
                for (ours, theirs) in call.ours().media.iter().zip(&offer.media) {
                    let names = |line: &sdp::Media| (line.media_name.clone(), line.proto.clone());
                    assert_eq!(names(ours), names(theirs), "{row}");
                    assert!(ours.rejected() || !theirs.rejected(), "{row}");
                    let allowed = theirs.direction.reversed();
                    let legal = ours.rejected() || ours.direction.and(allowed) == ours.direction;
                    assert!(legal, "{row}\n{offer}\n{}", call.ours());
                }
                // Asked again it says the same again.
                let again = call.answer(&offer, held).unwrap();
                assert_eq!(again.ours(), call.ours(), "{row}");
            } else {
                call = match rng.random() {
                    true => call.offer(held),
                    false => call.late_offer(held),
                };
                watch.sent(call.ours(), &row);
                assert_eq!(call.plan(), before.plan(), "{row}");
                call.answered(&answered_by_ourselves(call.ours())).unwrap();
                let answer = peer.answer(call.ours());
                match call.answered(&answer) {
                    Ok(next) => call = next,
                    // It takes audio away, or none of what it has is offered.
                    Err(_) => refused += 1,
                }
            }
            taken += 1;
            plan_holds(&call, &first, &row);
        }
    }
    // Enough of both is tested.
    assert!(
        taken > 700 && refused > 100,
        "{taken} taken, {refused} refused"
    );
}
