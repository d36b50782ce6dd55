//! Length, nesting and number of values; and that no frame whatever makes `decode` panic.
#![allow(clippy::unwrap_used)]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use signaling::*;

fn kind(frame: &str) -> Option<ErrorKind> {
    let error = decode(frame).err()?;
    let limit = matches!(
        error.kind,
        ErrorKind::TooLong | ErrorKind::TooDeep | ErrorKind::TooManyValues
    );
    assert_eq!(error.closes_socket(), limit);
    Some(error.kind)
}

/// A frame with `depth` levels in all.
fn nested(depth: usize, open: &str, close: &str) -> String {
    let inner = depth - 2;
    format!(
        r#"{{"message":"x","data":[{}1{}]}}"#,
        open.repeat(inner),
        close.repeat(inner)
    )
}

#[test]
fn sixty_four_kibibytes_and_no_more() {
    let frame = |len: usize| {
        let empty = r#"{"message":"x","data":[""]}"#;
        empty.replace("\"\"", &format!("{:?}", "x".repeat(len - empty.len())))
    };
    assert_eq!(frame(MAX_FRAME_BYTES).len(), MAX_FRAME_BYTES);
    assert_eq!(kind(&frame(MAX_FRAME_BYTES)), None);
    assert_eq!(kind(&frame(MAX_FRAME_BYTES + 1)), Some(ErrorKind::TooLong));
}

#[test]
fn thirty_two_levels_and_no_more() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        assert_eq!(kind(&nested(MAX_DEPTH, open, close)), None);
        assert_eq!(
            kind(&nested(MAX_DEPTH + 1, open, close)),
            Some(ErrorKind::TooDeep)
        );
    }
    assert_eq!(kind(&"[".repeat(60_000)), Some(ErrorKind::TooDeep));
    let brackets = format!(
        r#"{{"message":"x","data":["{}\"{}"]}}"#,
        "[".repeat(99),
        "{".repeat(99)
    );
    assert_eq!(kind(&brackets), None, "brackets in a string do not nest");
}

#[test]
fn four_thousand_values_and_no_more() {
    let frame = |values: usize| format!(r#"{{"message":"x","data":[0{}]}}"#, ",0".repeat(values));
    // The object, the list and the comma between the two fields count as well.
    assert_eq!(kind(&frame(MAX_VALUES - 3)), None);
    assert_eq!(kind(&frame(MAX_VALUES - 2)), Some(ErrorKind::TooManyValues));
}

/// One random damage to a frame.
fn damage(rng: &mut ChaCha20Rng, frame: &mut Vec<u8>, other: &[u8]) {
    const SPLICES: [&str; 16] = [
        "null",
        "[]",
        "{}",
        "-1",
        "1e999",
        "\\u0000",
        "\\ud800",
        "\r\n",
        "\"\"",
        "\u{2028}",
        "[[[[",
        "}}",
        "18446744073709551616",
        "\"data\":",
        "\"callId\":",
        ",",
    ];
    let at = rng.random_range(0..=frame.len());
    match rng.random_range(0..6) {
        0 if at < frame.len() => frame[at] = rng.random(),
        1 if at < frame.len() => {
            frame.remove(at);
        }
        2 => frame.truncate(at),
        3 => {
            let splice = SPLICES[rng.random_range(0..SPLICES.len())];
            frame.splice(at..at, splice.bytes());
        }
        4 => {
            let from = rng.random_range(0..other.len());
            let to = rng.random_range(from..other.len());
            frame.splice(at..at, other[from..to].iter().copied());
        }
        _ => {
            let to = rng.random_range(at..=frame.len());
            frame.drain(at..to);
        }
    }
}

#[test]
fn no_damaged_frame_makes_decode_panic() {
    let seeds: Vec<&str> = include_str!("golden/client.jsonl")
        .lines()
        .chain(include_str!("golden/server.jsonl").lines())
        .chain(include_str!("golden/extensions.jsonl").lines())
        .collect();
    let mut rng = ChaCha20Rng::seed_from_u64(0x51);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..60_000 {
        let mut frame = seeds[rng.random_range(0..seeds.len())].as_bytes().to_vec();
        let other = seeds[rng.random_range(0..seeds.len())].as_bytes();
        for _ in 0..rng.random_range(1..4) {
            damage(&mut rng, &mut frame, other);
        }
        let text = String::from_utf8_lossy(&frame);
        match decode(&text) {
            Ok(_) => good += 1,
            Err(error) => {
                assert!(error.text.ends_with('.'), "not a sentence: {}", error.text);
                assert!(error.text.len() < 1000, "too long: {}", error.text);
                bad += 1;
            }
        }
        if let Ok(message) = decode_server(&text) {
            assert_eq!(decode_server(&encode(&message)).as_ref(), Ok(&message));
        }
    }
    assert!(good > 1000 && bad > 1000, "{good} good, {bad} bad");
}
