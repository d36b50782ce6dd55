//! The host of a URI or a Via: a name or an IP address (RFC 3261 §25.1 `host`).
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Error;
use crate::error::{FieldError, FieldProblem};

/// A host name or an address; names are kept as received and compare without regard to case in
/// [`Uri::equivalent`](crate::Uri::equivalent).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// A name for DNS; never a number in disguise.
    Name(String),
    /// An address.
    Ip(IpAddr),
}

impl Host {
    /// The empty name of URIs that have no host.
    pub(crate) fn none() -> Self {
        Self::Name(String::new())
    }

    /// Reads `hostname`, `192.0.2.1` or `[2001:db8::1]`. A name whose last label is a number, decimal or
    /// hexadecimal, is refused: resolvers disagree on `2130706433` and `0x7f.1`, and an address must be recognizable
    /// as one (t-A9). `_` is allowed, because container networks use it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || Error::malformed("a host name or address is expected", 1);
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or_else(wrong)?;
            return ipv6(inner)
                .map(|ip| Self::Ip(IpAddr::V6(ip)))
                .ok_or_else(wrong);
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Ip(IpAddr::V4(ip)));
        }
        let labels = text.strip_suffix('.').unwrap_or(text);
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        let fine = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(legal);
        let last = labels.rsplit('.').next().unwrap_or("");
        if text.len() > 255 || !labels.split('.').all(fine) || is_number(last) {
            return Err(wrong());
        }
        Ok(Self::Name(text.to_owned()))
    }

    /// True if both are the same host, names without regard to case.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => a.eq_ignore_ascii_case(b),
            (a, b) => a == b,
        }
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

/// As in a URI: IPv6 in brackets.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

/// Reads `host` or `host:port` that a person typed into `field`. An IPv6 address may come without brackets when
/// no port follows.
pub(super) fn typed_host(
    text: &str,
    field: &'static str,
) -> Result<(Host, Option<u16>), FieldError> {
    let text = text.trim_matches(' ');
    if text.is_empty() {
        return Err(FieldError::new(field, FieldProblem::Empty));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
    if let Some((index, character)) = text.chars().enumerate().find(|(_, c)| !legal(*c)) {
        return Err(FieldError::new(
            field,
            FieldProblem::Character {
                character,
                position: index + 1,
            },
        ));
    }
    if let Ok(ip) = text.parse::<Ipv6Addr>() {
        return Ok((Host::Ip(IpAddr::V6(ip)), None));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let host = Host::parse(host).map_err(|_| {
        FieldError::new(
            field,
            FieldProblem::Shape("is neither a host name nor an IP address"),
        )
    })?;
    let port = port.map(super::port).transpose().map_err(|_| {
        FieldError::new(
            field,
            FieldProblem::Shape("has a port that is not in 1..65535"),
        )
    })?;
    Ok((host, port))
}

/// An IPv6 address, also with three colons before an embedded IPv4 address: the grammar of RFC 3261 allows them by
/// mistake, and RFC 5118 §4.10 asks to take them for two.
fn ipv6(text: &str) -> Option<Ipv6Addr> {
    if let Ok(ip) = text.parse() {
        return Some(ip);
    }
    let (before, ipv4) = text.split_once(":::")?;
    let ipv4: Ipv4Addr = ipv4.parse().ok()?;
    format!("{before}::{ipv4}").parse().ok()
}

/// True for a label that some resolvers read as a number.
fn is_number(label: &str) -> bool {
    let hex = label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|b| b.is_ascii_digit())
        || hex.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses() {
        for text in [
            "example.com",
            "a",
            "my_pbx",
            "3cx",
            "xn--80ak6aa92e.com",
            "example.com.",
            "192.0.2.1",
            "[2001:db8::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert_eq!(Host::parse(text).unwrap().to_string(), text);
        }
        assert!(matches!(Host::parse("192.0.2.1"), Ok(Host::Ip(_))));
        assert!(
            Host::parse("EXAMPLE.com")
                .unwrap()
                .is_same(&Host::parse("example.COM").unwrap())
        );
    }

    #[test]
    fn numbers_in_disguise_are_no_names() {
        for bad in [
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "256.1.1.1",
            "1.2.3.4.",
            "",
            ".",
            "a..b",
            "a b",
            "[::1",
            "::1",
            "[1.2.3.4]",
            "a/b",
            "é",
        ] {
            assert!(Host::parse(bad).is_err(), "{bad}");
        }
        assert!(Host::parse(&"a".repeat(64)).is_err());
    }

    /// RFC 5118 §4.10.
    #[test]
    fn three_colons_before_an_embedded_ipv4_address_are_two() {
        for (text, ip) in [
            ("[2001:db8:::192.0.2.1]", "2001:db8::192.0.2.1"),
            ("[:::192.0.2.1]", "::192.0.2.1"),
            ("[1:2:3:4:5:::192.0.2.1]", "1:2:3:4:5::192.0.2.1"),
        ] {
            let ip: Ipv6Addr = ip.parse().unwrap();
            assert_eq!(Host::parse(text), Ok(Host::Ip(IpAddr::V6(ip))), "{text}");
        }
        for bad in [
            "[2001:db8:::1]",
            "[2001:db8::::192.0.2.1]",
            "[2001::db8:::192.0.2.1]",
            "[1:2:3:4:5:6:::192.0.2.1]",
            "[2001:db8:::192.0.2]",
            "[:::]",
            "2001:db8:::192.0.2.1",
        ] {
            assert!(Host::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn typed_hosts() {
        assert_eq!(
            typed_host(" pbx.example.com:5070 ", "f").unwrap(),
            (Host::Name("pbx.example.com".into()), Some(5070))
        );
        assert_eq!(
            typed_host("::1", "f").unwrap(),
            (Host::Ip("::1".parse().unwrap()), None)
        );
        assert_eq!(
            typed_host("[::1]:5060", "f").unwrap(),
            (Host::Ip("::1".parse().unwrap()), Some(5060))
        );
        assert_eq!(typed_host("[::1]", "f").unwrap().1, None);
        for (bad, sentence) in [
            ("", "sipDomain is empty"),
            (
                "a\r\nb",
                "sipDomain contains a line break at position 2, which is not allowed there",
            ),
            (
                "a;lr",
                "sipDomain contains a semicolon (;) at position 2, which is not allowed there",
            ),
            ("a:0", "sipDomain has a port that is not in 1..65535"),
            (
                "0x7f.1",
                "sipDomain is neither a host name nor an IP address",
            ),
        ] {
            assert_eq!(
                typed_host(bad, "sipDomain").unwrap_err().to_string(),
                sentence
            );
        }
    }
}
