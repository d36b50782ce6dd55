//! Via (RFC 3261 §20.42, §18.2.1; `rport` of RFC 3581).
use std::fmt;
use std::net::IpAddr;

use super::Params;
use crate::lex::{MAX_VALUES, Scanner};
use crate::{Error, Host};

/// One hop a request came through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// The transport as received, `UDP`, `TCP`, `TLS`; below the top any token may stand here.
    pub transport: String,
    /// Host of the sent-by.
    pub host: Host,
    /// Port of the sent-by.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport`, `maddr`, `ttl` and whatever else.
    pub params: Params,
}

impl Via {
    /// A Via of our own with `branch` and an empty `rport`.
    pub fn new(transport: &str, host: Host, port: Option<u16>, branch: &str) -> Self {
        let mut params = Params::new();
        params.set("branch", branch);
        params.set_flag("rport");
        Self {
            transport: transport.to_owned(),
            host,
            port,
            params,
        }
    }

    /// Reads one or more values separated by commas.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        let mut scanner = Scanner::new(text);
        let mut vias = vec![Self::scan(&mut scanner)?];
        while scanner.eat_separator(b',') {
            if vias.len() == MAX_VALUES {
                return Err(scanner.fail("there are too many values"));
            }
            vias.push(Self::scan(&mut scanner)?);
        }
        scanner.finish("unexpected text after the Via")?;
        Ok(vias)
    }

    /// The branch; absent before RFC 3261.
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch")
    }

    /// Where the request really came from, as the next hop saw it.
    pub fn received(&self) -> Option<IpAddr> {
        self.params
            .get("received")
            .and_then(|text| text.trim_matches(['[', ']']).parse().ok())
    }

    /// The port the request really came from; `Some(None)` asks for it to be filled in (RFC 3581 §4).
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(|text| text.parse().ok())
    }

    /// True if `transport` is this one, in any case.
    pub fn is_over(&self, transport: &str) -> bool {
        self.transport.eq_ignore_ascii_case(transport)
    }

    fn scan(scanner: &mut Scanner<'_>) -> Result<Self, Error> {
        scanner.skip_space();
        let name = scanner.token("SIP/2.0 is expected")?;
        let slash = scanner.eat_separator(b'/');
        let version = scanner.token("SIP/2.0 is expected")?;
        if !name.eq_ignore_ascii_case("SIP") || !slash || version != "2.0" {
            return Err(scanner.fail("SIP/2.0 is expected"));
        }
        if !scanner.eat_separator(b'/') {
            return Err(scanner.fail("a transport is expected"));
        }
        let transport = scanner.token("a transport is expected")?.to_owned();
        if !matches!(scanner.peek(), Some(b' ' | b'\t')) {
            return Err(scanner.fail("a space is expected after the transport"));
        }
        scanner.skip_space();
        let start = scanner.offset();
        let host = scanner.host(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        let host = Host::parse(host).map_err(|error| error.shifted(start))?;
        let port = if scanner.eat_separator(b':') {
            let start = scanner.offset();
            let digits = scanner.take_while(|b| b.is_ascii_digit());
            Some(crate::uri::port(digits).map_err(|error| error.shifted(start))?)
        } else {
            None
        };
        let params = Params::scan(scanner)?;
        scanner.skip_space();
        Ok(Self {
            transport,
            host,
            port,
            params,
        })
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_folded_and_spaced_lists() {
        // RFC 4475 §3.1.1.1, unfolded.
        let text = "SIP  / 2.0  / TCP     spindle.example.com   ;  branch  =   z9hG4bK9ikj8  , SIP  /    2.0   / UDP  192.168.255.111   ; branch= z9hG4bK30239";
        let vias = Via::parse_list(text).unwrap();
        assert_eq!(
            vias[0].to_string(),
            "SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8"
        );
        assert_eq!(
            vias[1].to_string(),
            "SIP/2.0/UDP 192.168.255.111;branch=z9hG4bK30239"
        );
    }

    #[test]
    fn addresses_and_ports() {
        let via = &Via::parse_list(
            "SIP/2.0/UDP [2001:db8::9:1]:5062;received=2001:db8::9:255;rport=6000;branch=z9",
        )
        .unwrap()[0];
        assert_eq!(via.host.to_string(), "[2001:db8::9:1]");
        assert_eq!(via.port, Some(5062));
        assert_eq!(via.received(), "2001:db8::9:255".parse().ok());
        assert_eq!(via.rport(), Some(Some(6000)));
        assert_eq!(
            Via::new("UDP", via.host.clone(), None, "z9hG4bKx").rport(),
            Some(None)
        );
        assert_eq!(
            Via::parse_list(&via.to_string()).unwrap(),
            std::slice::from_ref(via)
        );
    }

    #[test]
    fn refuses_other_versions_and_stray_separators() {
        for bad in [
            "SIP/7.0/UDP a.example.com",
            "SIP/2.0/UDP 192.0.2.15;;,;,,",
            "SIP/2.0/UDP a.example.com,",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP a.example.com:99999",
            "SIP/2.0/UDP a.example.com:0",
            "SIP/2.0/UDP a b",
            "HTTP/2.0/UDP a",
            "",
        ] {
            assert!(Via::parse_list(bad).is_err(), "{bad}");
        }
    }
}
