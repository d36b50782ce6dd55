//! How values are read. Each function says in words what is wrong; what is allowed stands in the
//! table.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::SipTarget;

/// What is wrong with a value, a part of a sentence.
pub(crate) type Fault = String;

/// Codec tokens that mean something here or in the described product.
pub(crate) const CODECS: [&str; 13] = [
    "opus",
    "alaw",
    "ulaw",
    "g729",
    "speex8",
    "speex16",
    "g722",
    "telephone-event",
    "h264",
    "vp8",
    "mpeg4-generic",
    "flv",
    "mpv",
];

/// `true` or `false`.
pub(crate) fn flag(text: &str) -> Result<bool, Fault> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("it is neither true nor false".into()),
    }
}

/// A whole number from `least` to `most`.
pub(crate) fn number<T>(text: &str, least: T, most: T) -> Result<T, Fault>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    match text.parse() {
        Ok(number) if least <= number && number <= most => Ok(number),
        _ => Err(format!("it is not a whole number from {least} to {most}")),
    }
}

/// A port; 0 means any.
pub(crate) fn port(text: &str) -> Result<u16, Fault> {
    number(text, 0, u16::MAX)
}

/// Milliseconds, at least 1, at most 30 days.
pub(crate) fn milliseconds(text: &str) -> Result<Duration, Fault> {
    number(text, 1, 30 * 24 * 3_600_000).map(Duration::from_millis)
}

/// Milliseconds of media, 0 to 10 s.
pub(crate) fn early_buffer(text: &str) -> Result<Duration, Fault> {
    number(text, 0, 10_000).map(Duration::from_millis)
}

/// T1: milliseconds, 10 to 5000.
pub(crate) fn round_trip(text: &str) -> Result<Duration, Fault> {
    number(text, 10, 5000).map(Duration::from_millis)
}

/// Seconds, 1 to 3600.
pub(crate) fn seconds(text: &str) -> Result<Duration, Fault> {
    number(text, 1, 3600).map(Duration::from_secs)
}

/// Longest session interval, in seconds: a day.
const MAX_SESSION_INTERVAL: u64 = 86_400;
/// Shortest session interval, in seconds (RFC 4028 §4 and §5).
const MIN_SESSION_INTERVAL: u64 = 90;

/// A session interval in seconds; 0 means none.
pub(crate) fn session_interval(text: &str) -> Result<Duration, Fault> {
    match number(text, 0, MAX_SESSION_INTERVAL)? {
        0 => Ok(Duration::ZERO),
        1..MIN_SESSION_INTERVAL => Err(format!(
            "an interval is at least {MIN_SESSION_INTERVAL} s (RFC 4028 section 4)"
        )),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

/// The least session interval in seconds.
pub(crate) fn min_session_interval(text: &str) -> Result<Duration, Fault> {
    number(text, MIN_SESSION_INTERVAL, MAX_SESSION_INTERVAL).map(Duration::from_secs)
}

/// A count; 0 means "as many as cores".
pub(crate) fn shards(text: &str) -> Result<Option<NonZeroU16>, Fault> {
    number(text, 0, 256).map(NonZeroU16::new)
}

/// One of some words, whatever their case.
pub(crate) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Fault> {
    words
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text))
        .map(|(_, value)| *value)
        .ok_or_else(|| "it is none of the words allowed".into())
}

/// One address.
pub(crate) fn addr(text: &str) -> Result<IpAddr, Fault> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse()
        .map_err(|_| format!("{text:?} is not an IP address"))
}

/// Addresses others can send to.
pub(crate) fn addrs(text: &str) -> Result<Vec<IpAddr>, Fault> {
    let mut addrs = Vec::new();
    for item in items(text) {
        let addr = addr(item)?;
        if addr.is_unspecified() || addr.is_multicast() {
            return Err(format!("{addr} is not an address others can send to"));
        }
        if !addrs.contains(&addr) {
            addrs.push(addr);
        }
    }
    Ok(addrs)
}

/// Addresses, networks and names.
pub(crate) fn targets(text: &str) -> Result<Vec<SipTarget>, Fault> {
    items(text).map(target).collect()
}

fn target(text: &str) -> Result<SipTarget, Fault> {
    if let Some((net, prefix)) = text.split_once('/') {
        let addr = addr(net)?;
        let prefix = number(prefix, 0, full_prefix(addr))
            .map_err(|fault| format!("in {text:?} the prefix is wrong: {fault}"))?;
        return Ok(SipTarget::Net { addr, prefix });
    }
    if let Ok(addr) = addr(text) {
        let prefix = full_prefix(addr);
        return Ok(SipTarget::Net { addr, prefix });
    }
    // A last label of digits alone would be a mistyped address (RFC 1123 §2.1).
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    if text.len() > 253 || !text.split('.').all(is_label) || last.parse::<u32>().is_ok() {
        return Err(format!("{text:?} is neither address, network nor name"));
    }
    Ok(SipTarget::Name(text.to_ascii_lowercase()))
}

fn full_prefix(addr: IpAddr) -> u8 {
    if addr.is_ipv4() { 32 } else { 128 }
}

/// Codec tokens, lower case, each once.
pub(crate) fn codecs(text: &str) -> Result<Vec<String>, Fault> {
    let mut tokens: Vec<String> = Vec::new();
    for item in items(text) {
        let token = item.to_ascii_lowercase();
        if !CODECS.contains(&token.as_str()) {
            return Err(format!("{item:?} is not a codec token"));
        }
        if !tokens.contains(&token) {
            tokens.push(token);
        }
    }
    Ok(tokens)
}

/// Origins as browsers write them (RFC 6454 §6.1): scheme, host, port where it is not the
/// scheme's own.
pub(crate) fn origins(text: &str) -> Result<Vec<String>, Fault> {
    items(text)
        .map(|item| {
            let rest = item
                .strip_prefix("https://")
                .or_else(|| item.strip_prefix("http://"));
            match rest {
                Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', '*']) => {
                    Ok(item.to_ascii_lowercase())
                }
                _ => Err(format!("{item:?} is not an origin")),
            }
        })
        .collect()
}

/// A path; whether the file is there is seen when it is opened.
pub(crate) fn path(text: &str) -> Result<PathBuf, Fault> {
    line(text).map(PathBuf::from)
}

/// One line of text.
pub(crate) fn line(text: &str) -> Result<String, Fault> {
    if text.chars().any(char::is_control) {
        return Err("it holds a control character".into());
    }
    if text.len() > 256 {
        return Err("it is longer than 256 bytes".into());
    }
    Ok(text.to_owned())
}

/// Parts of User-Agents, which may hold spaces: lower case, each once.
pub(crate) fn user_agents(text: &str) -> Result<Vec<String>, Fault> {
    let mut parts: Vec<String> = Vec::new();
    for part in line(text)?.split(',').map(str::trim) {
        let part = part.to_ascii_lowercase();
        if !part.is_empty() && !parts.contains(&part) {
            parts.push(part);
        }
    }
    Ok(parts)
}

/// The parts between commas (or spaces), without empty ones.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\t', ';'])
        .filter(|item| !item.is_empty())
}
