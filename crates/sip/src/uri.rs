//! SIP and SIPS URIs (RFC 3261 §19.1), tel URIs (RFC 3966) and any other URI as opaque text.
//!
//! Parts are kept as received, escapes included: what was escaped is never turned into syntax (RFC 4475 §3.1.1.3).
mod callee;
mod compare;
mod host;
#[cfg(test)]
mod tests;
mod user;

use std::fmt;

pub use callee::callee_uri;
pub use host::Host;
pub use user::SipUser;

use crate::Error;
pub use crate::error::{FieldError, FieldProblem};
use crate::header::Params;
use crate::lex::{self, Scanner, is_unreserved};

/// A URI.
#[derive(Clone, PartialEq, Eq)]
pub struct Uri {
    /// What stands before the first colon.
    pub scheme: Scheme,
    /// User part as received (`alice`, `%75ser`, `user;par=x`); the subscriber number of a tel URI.
    pub user: Option<String>,
    /// Password as received. Never printed by `Debug`.
    pub password: Option<String>,
    /// Host; an empty name for schemes without one.
    pub host: Host,
    /// Port, 1..=65535.
    pub port: Option<u16>,
    /// URI parameters, values as received.
    pub params: Params,
    /// What stands after `?`, as received. Never turned into header fields.
    pub headers: Option<String>,
    /// All that follows the colon of a scheme this crate does not know.
    pub opaque: Option<String>,
}

/// The scheme of a [`Uri`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// `sip`
    Sip,
    /// `sips`: TLS on every hop.
    Sips,
    /// `tel`
    Tel,
    /// Any other, in lower case; a request to it is answered with 416.
    Other(String),
}

impl Uri {
    /// `sip:host` without a user, as REGISTER wants it.
    pub fn sip(host: Host, port: Option<u16>) -> Self {
        Self {
            scheme: Scheme::Sip,
            user: None,
            password: None,
            host,
            port,
            params: Params::new(),
            headers: None,
            opaque: None,
        }
    }

    /// `sip:domain`; `domain` is `host` or `host:port` as a person typed it into the field `sipDomain`.
    pub fn domain(domain: &str) -> Result<Self, FieldError> {
        let (host, port) = host::typed_host(domain, "sipDomain")?;
        Ok(Self::sip(host, port))
    }

    /// The address of record `sip:user@domain`; `domain` as in [`Uri::domain`].
    pub fn address_of_record(user: &SipUser, domain: &str) -> Result<Self, FieldError> {
        Ok(Self::domain(domain)?.with_user(user))
    }

    /// The same URI with this user.
    #[must_use]
    pub fn with_user(mut self, user: &SipUser) -> Self {
        self.user = Some(user.as_str().to_owned());
        self
    }

    /// Reads a URI; nothing may stand before or after it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (scheme, rest) = text
            .split_once(':')
            .ok_or_else(|| Error::malformed("a URI scheme is expected", 1))?;
        let start = scheme.len() + 1;
        match Scheme::parse(scheme)? {
            Scheme::Tel => parse_tel(rest),
            Scheme::Other(name) => parse_opaque(name, rest),
            scheme => parse_sip(scheme, rest),
        }
        .map_err(|error| error.shifted(start))
    }

    /// The user part with its escapes decoded, for people to read; never to be put into a message again.
    /// Control characters are replaced by U+FFFD.
    pub fn user_text(&self) -> String {
        let decoded = unescape(self.user.as_deref().unwrap_or(""));
        decoded
            .chars()
            .map(|c| {
                if c.is_control() {
                    char::REPLACEMENT_CHARACTER
                } else {
                    c
                }
            })
            .collect()
    }

    /// True for `sip` and `sips`.
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// True if both mean the same by the rules of RFC 3261 §19.1.4.
    pub fn equivalent(&self, other: &Self) -> bool {
        compare::equivalent(self, other)
    }
}

impl Scheme {
    fn parse(text: &str) -> Result<Self, Error> {
        let name = text.to_ascii_lowercase();
        let legal = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if !legal || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(Error::malformed("a URI scheme is expected", 1));
        }
        Ok(match name.as_str() {
            "sip" => Self::Sip,
            "sips" => Self::Sips,
            "tel" => Self::Tel,
            _ => Self::Other(name),
        })
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sip => "sip",
            Self::Sips => "sips",
            Self::Tel => "tel",
            Self::Other(name) => name,
        })
    }
}

impl std::str::FromStr for Uri {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, self.password.as_deref())
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, self.password.as_ref().map(|_| "***"))
    }
}

impl Uri {
    fn write(&self, f: &mut fmt::Formatter<'_>, password: Option<&str>) -> fmt::Result {
        write!(f, "{}:", self.scheme)?;
        if let Some(opaque) = &self.opaque {
            return f.write_str(opaque);
        }
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = password {
                write!(f, ":{password}")?;
            }
            if self.is_sip() {
                f.write_str("@")?;
            }
        }
        write!(f, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        for param in self.params.iter() {
            write!(f, ";{}", param.name)?;
            if let Some(value) = &param.value {
                f.write_str("=")?;
                write_escaped(f, value)?;
            }
        }
        if let Some(headers) = &self.headers {
            write!(f, "?{headers}")?;
        }
        Ok(())
    }
}

fn parse_sip(scheme: Scheme, rest: &str) -> Result<Uri, Error> {
    let (user_info, address) = match rest.split_once('@') {
        Some((user_info, address)) => (Some(user_info), address),
        None => (None, rest),
    };
    let start = rest.len() - address.len();
    let mut uri = Uri::sip(Host::none(), None);
    uri.scheme = scheme;
    if let Some(user_info) = user_info {
        let (user, password) = match user_info.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (user_info, None),
        };
        if user.is_empty() {
            return Err(Error::malformed("the user part is empty", 1));
        }
        check_escaped(
            user,
            is_user_byte,
            "a character that may not stand in a user part",
        )?;
        if let Some(password) = password {
            check_escaped(
                password,
                is_password_byte,
                "a character that may not stand in a password",
            )
            .map_err(|error| error.shifted(user.len() + 1))?;
        }
        uri.user = Some(user.to_owned());
        uri.password = password.map(str::to_owned);
    }
    parse_address(address, &mut uri).map_err(|error| error.shifted(start))?;
    Ok(uri)
}

/// `hostport uri-parameters [ headers ]`
fn parse_address(text: &str, uri: &mut Uri) -> Result<(), Error> {
    let mut scanner = Scanner::new(text);
    let host = scanner.host(|b| !b":;?".contains(&b));
    uri.host = Host::parse(host)?;
    if scanner.eat(b':') {
        let start = scanner.offset();
        let digits = scanner.take_while(|b| b.is_ascii_digit());
        uri.port = Some(port(digits).map_err(|error| error.shifted(start))?);
    }
    uri.params = scan_params(&mut scanner)?;
    if scanner.eat(b'?') {
        let start = scanner.offset();
        let headers = scanner.take_while(|_| true);
        check_escaped(
            headers,
            is_headers_byte,
            "a character that may not stand in URI headers",
        )
        .map_err(|error| error.shifted(start))?;
        if headers.is_empty() {
            return Err(scanner.fail("URI headers are expected"));
        }
        uri.headers = Some(headers.to_owned());
    }
    if scanner.at_end() {
        Ok(())
    } else {
        Err(scanner.fail("a character that may not stand in a URI"))
    }
}

fn scan_params(scanner: &mut Scanner<'_>) -> Result<Params, Error> {
    let mut params = Params::new();
    while scanner.eat(b';') {
        let start = scanner.offset();
        let text = scanner.take_while(|b| !b";?".contains(&b));
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        // An empty value is outside the grammar, but proxies write `ftag=` into Record-Route.
        if name.is_empty() {
            return Err(Error::malformed("a URI parameter is empty", start + 1));
        }
        let legal = |b| is_param_byte(b) || b == b'=';
        check_escaped(
            text,
            legal,
            "a character that may not stand in a URI parameter",
        )
        .map_err(|error| error.shifted(start))?;
        params.add(name, value.map(str::to_owned), scanner)?;
    }
    Ok(params)
}

fn parse_tel(rest: &str) -> Result<Uri, Error> {
    let mut scanner = Scanner::new(rest);
    let number = scanner.take_while(|b| b.is_ascii_hexdigit() || b"+*#-.()".contains(&b));
    if !number
        .bytes()
        .any(|b| b.is_ascii_hexdigit() || b"*#".contains(&b))
    {
        return Err(scanner.fail("a telephone number is expected"));
    }
    let mut uri = Uri::sip(Host::none(), None);
    uri.scheme = Scheme::Tel;
    uri.user = Some(number.to_owned());
    uri.params = scan_params(&mut scanner)?;
    if scanner.at_end() {
        Ok(uri)
    } else {
        Err(scanner.fail("a character that may not stand in a tel URI"))
    }
}

fn parse_opaque(scheme: String, rest: &str) -> Result<Uri, Error> {
    let legal = |b: u8| b.is_ascii_graphic() && !b"<>\"".contains(&b);
    if rest.is_empty() || !rest.bytes().all(legal) {
        return Err(Error::malformed(
            "a character that may not stand in a URI",
            1,
        ));
    }
    let mut uri = Uri::sip(Host::none(), None);
    uri.scheme = Scheme::Other(scheme);
    uri.opaque = Some(rest.to_owned());
    Ok(uri)
}

/// A port number, 1..=65535.
pub(crate) fn port(digits: &str) -> Result<u16, Error> {
    let number = lex::number(digits, u64::from(u16::MAX))?;
    u16::try_from(number)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| Error::new(crate::ErrorKind::OutOfRange, 1))
}

/// Every byte is legal or begins an escape `%XX`.
fn check_escaped(text: &str, legal: impl Fn(u8) -> bool, what: &'static str) -> Result<(), Error> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = || {
            bytes
                .get(at + 1..at + 3)
                .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
        };
        match byte {
            b'%' if escape() => at += 3,
            b if legal(b) => at += 1,
            _ => return Err(Error::malformed(what, at + 1)),
        }
    }
    Ok(())
}

/// Decodes `%XX`; what is no UTF-8 becomes U+FFFD.
fn unescape(text: &str) -> String {
    String::from_utf8_lossy(&unescape_bytes(text)).into_owned()
}

fn unescape_bytes(text: &str) -> Vec<u8> {
    let digit = |b: u8| {
        char::from(b)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes
            .get(at + 1)
            .copied()
            .and_then(digit)
            .zip(bytes.get(at + 2).copied().and_then(digit));
        match pair {
            Some((high, low)) if byte == b'%' => {
                decoded.push(high * 16 + low);
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

/// Writes a parameter value; what may not stand in one is escaped.
fn write_escaped(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    for byte in value.bytes() {
        if is_param_byte(byte) || b"=%".contains(&byte) {
            write!(f, "{}", char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// `unreserved / user-unreserved` of §25.1, and `#`, which telephones send unescaped in feature codes.
fn is_user_byte(b: u8) -> bool {
    is_unreserved(b) || b"&=+$,;?/#".contains(&b)
}

fn is_password_byte(b: u8) -> bool {
    is_unreserved(b) || b"&=+$,".contains(&b)
}

fn is_param_byte(b: u8) -> bool {
    is_unreserved(b) || b"[]/:&+$".contains(&b)
}

fn is_headers_byte(b: u8) -> bool {
    is_unreserved(b) || b"[]/?:+$=&".contains(&b)
}
