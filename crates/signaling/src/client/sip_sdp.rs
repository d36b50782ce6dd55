//! `sipSDP`: lines a page adds to the session part of the SDP we send (`b=` before `t=`, `a=` after).
//!
//! A page may set bandwidth and attributes. It may not set what names addresses, keys or the shape
//! of the description: those are ours.

use super::Fields;
use crate::DecodeError;

/// Longest line, in bytes.
const MAX_LINE_BYTES: usize = 256;
/// Most lines in one message.
const MAX_LINES: usize = 32;
/// Attributes that carry keys, addresses or identity of a stream.
const REFUSED_ATTRIBUTES: [&str; 18] = [
    "candidate",
    "crypto",
    "end-of-candidates",
    "extmap",
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
    "remote-candidates",
    "rtcp",
    "setup",
    "ssrc",
];

/// The checked lines; empty where the field is absent.
pub(super) fn read(fields: &Fields<'_>) -> Result<Vec<String>, DecodeError> {
    let lines = fields.lines("sipSDP")?;
    if lines.len() > MAX_LINES {
        return Err(fields.error(
            "sipSDP",
            format!("has {} lines; at most {MAX_LINES} are allowed", lines.len()),
        ));
    }
    for (index, line) in lines.iter().enumerate() {
        if let Some(problem) = fault(line) {
            return Err(fields.error("sipSDP", format!("line {}: {problem}", index + 1)));
        }
    }
    Ok(lines)
}

fn fault(line: &str) -> Option<String> {
    if line.len() > MAX_LINE_BYTES {
        return Some(format!(
            "is {} bytes long; at most {MAX_LINE_BYTES} are allowed",
            line.len()
        ));
    }
    let value = match line.split_at_checked(2) {
        Some(("b=", value)) => return value.is_empty().then(|| "is empty after \"b=\"".into()),
        Some(("a=", value)) => value,
        _ => return Some("must begin with \"a=\" or \"b=\"".into()),
    };
    let attribute = value.split(':').next().unwrap_or_default().trim();
    if attribute.is_empty() {
        return Some("names no attribute after \"a=\"".into());
    }
    REFUSED_ATTRIBUTES
        .iter()
        .find(|refused| attribute.eq_ignore_ascii_case(refused))
        .map(|refused| format!("\"a={refused}\" is set by the server and may not be given"))
}
