//! Where a request goes: targets, hops, and which addresses may be called at all (RFC 3263; policy of our own).
//!
//! Looking a name up is the shell's work (`Output::Resolve`); the order of the hops, which one is next and which are
//! forbidden is decided here, on addresses: a name that changes its mind between two look-ups gains nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub use ipnet::IpNet;

use crate::error::{FieldError, FieldProblem};

/// How SIP bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream inside TLS.
    Tls,
}

impl Transport {
    /// No retransmission is needed (RFC 3261 section 17: "reliable transport").
    #[must_use]
    pub fn reliable(self) -> bool {
        self != Transport::Udp
    }

    /// 5060, and 5061 for TLS (RFC 3261 section 19.1.2).
    #[must_use]
    pub fn default_port(self) -> u16 {
        if self == Transport::Tls { 5061 } else { 5060 }
    }

    /// `udp`, `tcp`, `tls` in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Transport::Udp, Transport::Tcp, Transport::Tls]
            .into_iter()
            .find(|transport| text.eq_ignore_ascii_case(&transport.to_string()))
    }
}

/// As a Via header writes it: `UDP`, `TCP`, `TLS`.
impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        })
    }
}

/// One place bytes can be sent to: transport, address, and for TLS the name its certificate must carry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// How.
    pub transport: Transport,
    /// Where.
    pub addr: SocketAddr,
    /// Whose certificate counts (TLS only).
    pub verified_name: Option<String>,
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.transport)
    }
}

/// A SIP server by name or address, as a person writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Host name, or IP address without brackets.
    pub host: String,
    /// Port; `None` lets SRV or the transport decide.
    pub port: Option<u16>,
    /// Transport; `None` lets NAPTR or the default (UDP) decide.
    pub transport: Option<Transport>,
}

impl Target {
    /// Reads `host`, `host:port`, `[::1]:5060`, a bare IPv6 address, or `sip:host:port;transport=tcp`.
    ///
    /// # Errors
    /// Names what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let refuse = |why: &'static str| FieldError::new("SIP server", FieldProblem::Shape(why));
        let text = text.trim();
        let (scheme_transport, rest) = match text.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip") => (None, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sips") => {
                (Some(Transport::Tls), rest)
            }
            _ => (None, text),
        };
        let mut parts = rest.split(';');
        let host_port = parts.next().unwrap_or_default();
        let mut transport = scheme_transport;
        for param in parts {
            let (name, value) = param.split_once('=').unwrap_or((param, ""));
            if name.eq_ignore_ascii_case("transport") {
                transport = Some(
                    Transport::parse(value)
                        .ok_or_else(|| refuse("has a transport other than udp, tcp and tls"))?,
                );
            }
        }
        let (host, port) = if let Ok(ip) = host_port.parse::<Ipv6Addr>() {
            (ip.to_string(), None)
        } else if let Some(bracketed) = host_port.strip_prefix('[') {
            let (ip, after) = bracketed
                .split_once(']')
                .ok_or_else(|| refuse("has `[` without `]`"))?;
            let ip: Ipv6Addr = ip
                .parse()
                .map_err(|_| refuse("has no IPv6 address between its brackets"))?;
            let port = match after {
                "" => None,
                after => Some(
                    after
                        .strip_prefix(':')
                        .ok_or_else(|| refuse("goes on after `]`"))?,
                ),
            };
            (ip.to_string(), port)
        } else {
            match host_port.split_once(':') {
                Some((host, port)) => (host.to_owned(), Some(port)),
                None => (host_port.to_owned(), None),
            }
        };
        let port = match port {
            None => None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(
                digits
                    .parse::<u16>()
                    .ok()
                    .filter(|port| *port > 0)
                    .ok_or_else(|| refuse("has a port outside 1 to 65535"))?,
            ),
            Some(_) => return Err(refuse("has a port that is not a number")),
        };
        if host.parse::<IpAddr>().is_err() {
            check_name(&host).map_err(|problem| FieldError::new("SIP server", problem))?;
        }
        Ok(Self {
            host,
            port,
            transport,
        })
    }

    /// The address, when the host is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The hop of a target that needs no look-up (RFC 3263 section 4.1: a numeric host without transport means UDP).
    #[must_use]
    pub fn literal_hop(&self) -> Option<Hop> {
        let transport = self.transport.unwrap_or(Transport::Udp);
        let addr = SocketAddr::new(self.ip()?, self.port.unwrap_or(transport.default_port()));
        let verified_name = (transport == Transport::Tls).then(|| self.host.clone());
        Some(Hop {
            transport,
            addr,
            verified_name,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// RFC 1123 labels. A last label that is a number would be read as an address by some resolvers (`0x7f.1`,
/// `2130706433`), so it is no name.
fn check_name(host: &str) -> Result<(), FieldProblem> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty() {
        return Err(FieldProblem::Empty);
    }
    if host.len() > 253 {
        return Err(FieldProblem::TooLong { limit: 253 });
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if let Some((at, character)) = host.chars().enumerate().find(|(_, c)| !legal(*c)) {
        return Err(FieldProblem::Character {
            character,
            position: at + 1,
        });
    }
    if host
        .split('.')
        .any(|label| label.is_empty() || label.len() > 63)
    {
        return Err(FieldProblem::Shape(
            "has an empty or overlong part between its dots",
        ));
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    let hex = last.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("0x"));
    if hex || last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(FieldProblem::Shape(
            "is neither a host name nor an IP address",
        ));
    }
    Ok(())
}

/// Why a name gave no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The name does not exist, or has no SIP server.
    #[error("the name does not exist")]
    NotFound,
    /// No DNS server answered in time.
    #[error("no DNS server answered in time")]
    Timeout,
    /// Anything else, in words.
    #[error("{0}")]
    Failed(String),
}

/// Which addresses this gateway may send SIP to: the browser names the server, so it could name anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetPolicy {
    /// Always allowed, whatever they are (setting `sip_targets`).
    pub listed: Vec<IpNet>,
    /// Nothing but `listed` is allowed.
    pub only_listed: bool,
}

impl TargetPolicy {
    /// Whether SIP may be sent to this address and port.
    #[must_use]
    pub fn allows(&self, addr: SocketAddr) -> bool {
        let ip = addr.ip().to_canonical();
        if self.listed.iter().any(|net| net.contains(&ip)) {
            return true;
        }
        !self.only_listed && !special(ip) && !foreign_service(addr.port())
    }
}

/// Addresses that are nobody's SIP server: this host, this link, carrier NAT, groups, reserved.
fn special(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => special_v4(ip),
        IpAddr::V6(ip) => {
            let head = ip.segments()[0];
            ip.is_unspecified()
                || ip.is_loopback()
                || ip.is_multicast()
                || (head & 0xffc0) == 0xfe80 // link-local
                || (head & 0xffc0) == 0xfec0 // site-local, deprecated
                || embedded_v4(ip).is_some_and(special_v4)
        }
    }
}

fn special_v4(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    a == 0
        || ip.is_loopback()
        || ip.is_link_local()
        || (a == 100 && (64..128).contains(&b))
        || a >= 224
}

/// The IPv4 address inside a compatible, NAT64 (RFC 6052) or 6to4 (RFC 3056) address.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = ip.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match [s0, s1, s2, s3, s4, s5] {
        [0, 0, 0, 0, 0, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => Some(v4(s6, s7)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// Ports of well-known services that are not SIP: a gateway must not be a way to knock at them.
fn foreign_service(port: u16) -> bool {
    const ABOVE_1023: [u16; 22] = [
        1433, 1521, 2049, 2181, 2375, 2376, 2379, 3128, 3306, 3389, 5432, 5672, 5900, 5984, 6379,
        6443, 8086, 9092, 9200, 9300, 11211, 27017,
    ];
    (port < 1024 && port != 443) || ABOVE_1023.contains(&port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, port: Option<u16>, transport: Option<Transport>) -> Target {
        Target {
            host: host.into(),
            port,
            transport,
        }
    }

    #[test]
    fn targets_as_people_write_them() {
        for (text, expected) in [
            ("sip.example.com", target("sip.example.com", None, None)),
            (
                " sip.example.com:5070 ",
                target("sip.example.com", Some(5070), None),
            ),
            ("192.0.2.1:5060", target("192.0.2.1", Some(5060), None)),
            ("[::1]:5060", target("::1", Some(5060), None)),
            ("[2001:db8::1]", target("2001:db8::1", None, None)),
            ("2001:db8::1", target("2001:db8::1", None, None)),
            (
                "sip:pbx.local;transport=tcp",
                target("pbx.local", None, Some(Transport::Tcp)),
            ),
            (
                "SIP:pbx:5061;lr;Transport=TLS",
                target("pbx", Some(5061), Some(Transport::Tls)),
            ),
            ("sips:pbx", target("pbx", None, Some(Transport::Tls))),
        ] {
            assert_eq!(Target::parse(text).ok(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_target() {
        for text in [
            "",
            "a b",
            "user@host",
            "host:0",
            "host:65536",
            "host:5x",
            "host:",
            "[::1",
            "[::1]x",
            "[1.2.3.4]",
            "sip:host;transport=sctp",
            "2130706433",
            "0x7f.1",
            "127.1",
            "0x7f000001",
            "1.2.3.4.5",
            "a..b",
            "-\u{0}",
            "host\r\nX: y",
            "<host>",
        ] {
            assert!(Target::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_literal_needs_no_look_up() {
        let hop = |text: &str| {
            Target::parse(text)
                .ok()
                .and_then(|t| t.literal_hop())
                .map(|h| h.to_string())
        };
        assert_eq!(hop("192.0.2.1").as_deref(), Some("192.0.2.1:5060/UDP"));
        assert_eq!(hop("sips:[::1]").as_deref(), Some("[::1]:5061/TLS"));
        assert_eq!(hop("example.com"), None);
    }

    /// The list of addresses an attacker tries.
    #[test]
    fn special_addresses_are_denied_unless_listed() {
        let policy = TargetPolicy::default();
        let addr = |ip: &str| SocketAddr::new(ip.parse().expect("address"), 5060);
        for ip in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "169.254.169.254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "100.64.0.1",
            "100.127.255.255",
            "224.0.1.75",
            "ff02::1",
            "240.0.0.1",
            "255.255.255.255",
            "::ffff:169.254.1.1",
        ] {
            assert!(!policy.allows(addr(ip)), "{ip}");
        }
        for ip in [
            "10.0.0.1",
            "192.168.1.1",
            "198.51.100.7",
            "100.63.0.1",
            "100.128.0.1",
            "2001:db8::1",
            "fd00::1",
        ] {
            assert!(policy.allows(addr(ip)), "{ip}");
        }
        let listed = TargetPolicy {
            listed: vec!["127.0.0.0/8".parse().expect("net")],
            only_listed: false,
        };
        assert!(listed.allows(addr("127.0.0.1")) && listed.allows(addr("::ffff:127.0.0.1")));
        assert!(!listed.allows(addr("::1")) && listed.allows(addr("192.0.2.1")));
        let only = TargetPolicy {
            only_listed: true,
            ..listed
        };
        assert!(only.allows(addr("127.0.0.1")) && !only.allows(addr("192.0.2.1")));
    }

    #[test]
    fn ports_of_other_services_are_denied_unless_listed() {
        let ip: IpAddr = "192.0.2.1".parse().expect("address");
        let policy = TargetPolicy::default();
        for port in [0, 22, 25, 80, 3306, 6379, 11211] {
            assert!(!policy.allows(SocketAddr::new(ip, port)), "{port}");
        }
        for port in [443, 5060, 5061, 5080, 15060, 50_000] {
            assert!(policy.allows(SocketAddr::new(ip, port)), "{port}");
        }
        let listed = TargetPolicy {
            listed: vec![IpNet::from(ip)],
            only_listed: false,
        };
        assert!(listed.allows(SocketAddr::new(ip, 22)));
    }
}
