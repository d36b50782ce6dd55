//! `sipSDP`: session-level lines that a page adds to our SDP (A15).
//!
//! A page may set bandwidth (`b=`, written before `t=`) and attributes (`a=`, written after it).
//! Attributes that carry addresses or keys or that shape the description are the server's alone.

use crate::description::is_bandwidth;

/// The longest line, in bytes.
const MAX_BYTES: usize = 256;
/// The most lines.
const MAX_LINES: usize = 32;
/// Attributes that carry an address, a key, or the identity of a stream.
const OURS: [&str; 28] = [
    "bundle-only",
    "candidate",
    "connection",
    "crypto",
    "dtls-id",
    "end-of-candidates",
    "extmap",
    "extmap-allow-mixed",
    "fingerprint",
    "group",
    "ice-lite",
    "ice-options",
    "ice-pwd",
    "ice-ufrag",
    "identity",
    "key-mgmt",
    "mid",
    "msid",
    "msid-semantic",
    "remote-candidates",
    "rid",
    "rtcp",
    "setup",
    "simulcast",
    "ssrc",
    "ssrc-group",
    "tls-id",
    "zrtp-hash",
];

/// Why a `sipSDP` line is refused, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sipSDP line {line} {what}")]
pub struct SessionLineError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Checks the lines that a page gives: at most 32 lines, each an `a=` or a `b=` of at most 256
/// bytes, none of an attribute that only the server may set.
pub fn check_session_lines(lines: &[String]) -> Result<(), SessionLineError> {
    if lines.len() > MAX_LINES {
        let what = format!("is one too many: at most {MAX_LINES} are allowed");
        return Err(SessionLineError {
            line: MAX_LINES + 1,
            what,
        });
    }
    for (index, line) in lines.iter().enumerate() {
        if let Some(what) = fault(line) {
            return Err(SessionLineError {
                line: index + 1,
                what,
            });
        }
    }
    Ok(())
}

/// The lines that pass the check, in the order of [`Description::session_lines`]. They are checked
/// here once more, right before they are written.
///
/// [`Description::session_lines`]: crate::Description::session_lines
pub(crate) fn sound(lines: &[String]) -> Vec<String> {
    let mut sound: Vec<String> = lines
        .iter()
        .take(MAX_LINES)
        .filter(|line| fault(line).is_none())
        .cloned()
        .collect();
    sound.sort_by_key(|line| !is_bandwidth(line));
    sound
}

fn fault(line: &str) -> Option<String> {
    if line.len() > MAX_BYTES {
        return Some(format!(
            "has {} bytes; at most {MAX_BYTES} are allowed",
            line.len()
        ));
    }
    // U+0085, U+2028 and U+2029 end a line for some readers.
    if let Some(c) = line
        .chars()
        .find(|c| c.is_control() || ['\u{2028}', '\u{2029}'].contains(c))
    {
        return Some(format!(
            "has the character U+{:04X}, which may not stand in it",
            c as u32
        ));
    }
    if line.trim() != line {
        return Some("begins or ends with a space".into());
    }
    match line.split_once('=') {
        Some(("b", value)) => bandwidth_fault(value),
        Some(("a", value)) => attribute_fault(value),
        Some(_) | None => Some("begins with neither \"a=\" nor \"b=\"".into()),
    }
}

/// RFC 8866 §5.8.
fn bandwidth_fault(value: &str) -> Option<String> {
    let sound = value
        .split_once(':')
        .is_some_and(|(kind, number)| is_token(kind) && is_number(number));
    (!sound).then(|| "is no bandwidth: it takes the form \"b=AS:3000\"".into())
}

/// RFC 8866 §6.
fn attribute_fault(value: &str) -> Option<String> {
    let name = value.split(':').next().unwrap_or_default();
    if !is_token(name) {
        return Some("names no attribute after \"a=\"".into());
    }
    OURS.iter()
        .find(|ours| name.eq_ignore_ascii_case(ours))
        .map(|ours| format!("gives \"a={ours}\", which only the server may set"))
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u64>().is_ok()
}

/// RFC 8866 §9 `token`.
fn is_token(text: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte);
    !text.is_empty() && text.bytes().all(sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<(), &str>) {
        let result = check_session_lines(&["b=AS:1".to_owned(), line.to_owned()]);
        let text = result.map_err(|error| error.to_string());
        assert_eq!(
            text,
            expected.map_err(|what| format!("sipSDP line 2 {what}")),
            "{line:?}"
        );
    }

    #[test]
    fn bandwidth_and_attributes_pass() {
        for line in [
            "b=AS:3000",
            "b=TIAS:2500000",
            "b=RS:1000",
            "b=RR:3000",
            "a=x-tag",
            "a=label:1",
        ] {
            check(line, Ok(()));
        }
    }

    #[test]
    fn what_is_ours_is_refused() {
        for name in [
            "crypto",
            "candidate",
            "fingerprint",
            "setup",
            "ice-pwd",
            "group",
            "rtcp",
        ] {
            let what = format!("gives \"a={name}\", which only the server may set");
            check(&format!("a={name}:1 x"), Err(&what));
            check(&format!("a={}:1 x", name.to_uppercase()), Err(&what));
        }
    }

    #[test]
    fn other_line_types_are_refused() {
        let what = "begins with neither \"a=\" nor \"b=\"";
        for line in [
            "c=IN IP4 10.0.0.1",
            "m=audio 1 RTP/AVP 0",
            "o=x",
            "v=0",
            "a",
            "",
            "ab=1",
            "A=x",
        ] {
            check(line, Err(what));
        }
    }

    #[test]
    fn nothing_that_could_become_a_second_line() {
        check(
            "a=x\r\nc=IN IP4 10.0.0.1",
            Err("has the character U+000D, which may not stand in it"),
        );
        check(
            "a=x\nm=audio",
            Err("has the character U+000A, which may not stand in it"),
        );
        check(
            "a=x\u{2028}c=1",
            Err("has the character U+2028, which may not stand in it"),
        );
        check(
            "a=x\0",
            Err("has the character U+0000, which may not stand in it"),
        );
        check(" a=crypto:1", Err("begins or ends with a space"));
        check("a= crypto:1", Err("names no attribute after \"a=\""));
        check("a=", Err("names no attribute after \"a=\""));
        check(
            "b=AS",
            Err("is no bandwidth: it takes the form \"b=AS:3000\""),
        );
        check(
            "b=AS:+3",
            Err("is no bandwidth: it takes the form \"b=AS:3000\""),
        );
    }

    #[test]
    fn lines_and_their_number_are_limited() {
        check(
            &format!("a={}", "x".repeat(255)),
            Err("has 257 bytes; at most 256 are allowed"),
        );
        check(&format!("a={}", "x".repeat(254)), Ok(()));
        let many = vec!["a=x".to_owned(); 33];
        let error = check_session_lines(&many).unwrap_err().to_string();
        assert_eq!(
            error,
            "sipSDP line 33 is one too many: at most 32 are allowed"
        );
    }
}
