//! A hundred thousand broken messages: no panic, and what is accepted stays what it is when printed and read again.
//!
//! Seeded: a failure prints the round, and the same round fails again.

mod vectors;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use sip::{StreamFramer, Uri, parse};
use vectors::{check_round_trip, check_uri, vectors};

const ROUNDS: u64 = 50_000;

/// What the vectors do not have: challenges, credentials, IPv6, record routes.
const SAMPLES: [&str; 4] = [
    "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP [2001:db8::9:1]:5060;received=2001:db8::9:255;rport=5060;branch=z9hG4bKas3\r\nFrom: \"A\" <sip:10005@example.com>;tag=1\r\nTo: <sip:10005@example.com>;tag=2\r\nCall-ID: 1@x\r\nCSeq: 1 REGISTER\r\nWWW-Authenticate: Digest realm=\"a, \\\"b\\\"\", nonce=\"x==\", algorithm=SHA-256, qop=\"auth,auth-int\", stale=true, Digest realm=\"c\", nonce=\"d\"\r\nProxy-Authenticate: Digest realm=\"p\", nonce=\"n\"\r\nRetry-After: 10 (busy);duration=5\r\nContent-Length: 0\r\n\r\n",
    "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKx;rport\r\nMax-Forwards: 70\r\nFrom: <sip:10005@example.com>;tag=1\r\nTo: <sip:10005@example.com>\r\nCall-ID: 2\r\nCSeq: 2 REGISTER\r\nContact: <sip:abc@192.0.2.1:5080;transport=tcp>;expires=300;+sip.instance=\"<urn:uuid:1>\", <sip:b@c>;q=0.5\r\nAuthorization: Digest username=\"a\\\"b\", realm=\"r\", nonce=\"n\", uri=\"sip:example.com\", response=\"0123456789abcdef\", algorithm=MD5, cnonce=\"c\", qop=auth, nc=00000001\r\nExpires: 300\r\nContent-Length: 0\r\n\r\n",
    "BYE sips:a@[::1]:5061;lr?x=y SIP/2.0\r\nv: SIP/2.0/TLS a.b.c;branch=z9hG4bKy\r\nf: A B <sip:a@b>;tag=1\r\nt: <tel:+7-495;phone-context=x>;tag=2\r\ni: 3@y\r\nCSeq: 3 BYE\r\nRoute: <sip:p1;lr>,<sip:p2:5070;lr>;x=\"y\"\r\nRecord-Route: <sip:p3>\r\nReason: Q.850;cause=16;text=\"bye, bye\", SIP;cause=200\r\nl: 0\r\n\r\n",
    "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a@b>\r\nTo: <sip:a@b>\r\nCall-ID: 4\r\nCSeq: 4 REGISTER\r\nContact: *\r\nExpires: 0\r\n\r\n",
];

/// What parsers stumble over.
const SPLINTERS: [&[u8]; 40] = [
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b"\r\n ",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\"",
    b"\\",
    b"\\\r\n",
    b"\\\0",
    b"<",
    b">",
    b"@",
    b":",
    b";",
    b",",
    b"=",
    b"?",
    b"%",
    b"%00",
    b"%0d%0a",
    b"[",
    b"]",
    b"/",
    b"*",
    b"-1",
    b"256",
    b"4294967296",
    b"18446744073709551616",
    b"\xff",
    b"\xe2\x80\xa8",
    b"\xd0\x96",
    b"\x7f",
    b"Content-Length: 0\r\n",
    b"Via: x\r\n",
    b"a:\r\n",
    b"SIP/2.0",
    b"sip:",
];

#[test]
fn mutated_messages() {
    let mut seeds: Vec<Vec<u8>> = vectors().into_iter().map(|vector| vector.bytes).collect();
    seeds.extend(SAMPLES.iter().map(|text| text.as_bytes().to_vec()));
    let good: Vec<Vec<u8>> = seeds
        .iter()
        .filter(|bytes| parse(bytes).is_ok())
        .cloned()
        .collect();
    let mut accepted = 0;
    for round in 0..ROUNDS {
        let mut rng = ChaCha20Rng::seed_from_u64(round);
        // A message that is broken already seldom becomes whole.
        let from = if rng.random_ratio(3, 4) {
            &good
        } else {
            &seeds
        };
        let mut bytes = from.choose(&mut rng).expect("seeds").clone();
        for _ in 0..rng.random_range(1..4) {
            mutate(&mut bytes, &seeds, &mut rng);
        }
        let checked = std::panic::catch_unwind(|| match parse(&bytes) {
            Ok(message) => {
                check_round_trip(&message);
                1
            }
            Err(error) => {
                // What it says can be sent.
                let _ = error.to_string();
                let head = error.request_head.iter().flatten();
                assert!(
                    head.clone()
                        .all(|header| !header.value().contains(['\r', '\n', '\0']))
                );
                0
            }
        });
        accepted += checked
            .unwrap_or_else(|_| panic!("round {round}: {:?}", String::from_utf8_lossy(&bytes)));
        check_framing(&bytes, &mut rng);
    }
    // Neither all nor none, or the test would prove little.
    assert!(
        (ROUNDS / 10..ROUNDS * 9 / 10).contains(&accepted),
        "{accepted} accepted"
    );
}

#[test]
fn mutated_uris() {
    let seeds = [
        "sip:alice:secretword@atlanta.com:5070;transport=tcp;lr?subject=project%20x&priority=urgent",
        "sips:+1-212-555-1212;x=%41@[2001:db8::10];user=phone",
        "tel:+7-495-123-45-67;phone-context=example.com",
        "urn:service:sos",
    ];
    for round in 0..ROUNDS {
        let mut rng = ChaCha20Rng::seed_from_u64(round);
        let mut bytes = seeds.choose(&mut rng).expect("seeds").as_bytes().to_vec();
        for _ in 0..rng.random_range(1..4) {
            mutate(&mut bytes, &[], &mut rng);
        }
        if let Ok(uri) = Uri::parse(&String::from_utf8_lossy(&bytes)) {
            assert!(
                uri.to_string().bytes().all(|b| b.is_ascii_graphic()),
                "round {round}: {uri}"
            );
            check_uri(&uri);
        }
        let typed = String::from_utf8_lossy(&bytes).into_owned();
        if let Ok(uri) = sip::callee_uri(&typed, "example.com") {
            check_uri(&uri);
            assert!(
                uri.headers.is_none() && uri.is_sip(),
                "round {round}: {uri}"
            );
        }
    }
}

/// Pieces of any size give the same messages as the whole.
fn check_framing(bytes: &[u8], rng: &mut ChaCha20Rng) {
    let mut whole = StreamFramer::new();
    whole.push(bytes);
    let whole: Vec<_> = whole.collect();
    let mut pieces = StreamFramer::new();
    let mut cut = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(rng.random_range(1..=rest.len()));
        pieces.push(piece);
        cut.extend(pieces.by_ref());
        rest = more;
    }
    assert_eq!(cut, whole);
}

fn mutate(bytes: &mut Vec<u8>, others: &[Vec<u8>], rng: &mut ChaCha20Rng) {
    let at = rng.random_range(0..=bytes.len());
    let to = rng.random_range(at..=bytes.len()).min(at + 40);
    match rng.random_range(0..6) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
        1 => drop(bytes.drain(at..to)),
        2 => {
            let piece = bytes[at..to].to_vec();
            bytes.splice(to..to, piece);
        }
        3 if !others.is_empty() => {
            let other = others.choose(rng).expect("others");
            let from = rng.random_range(0..=other.len());
            let piece = other[from..(from + 60).min(other.len())].to_vec();
            bytes.splice(at..to, piece);
        }
        _ => {
            let splinter = SPLINTERS.choose(rng).expect("splinters").to_vec();
            bytes.splice(at..at, splinter);
        }
    }
}
