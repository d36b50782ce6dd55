//! WWW-Authenticate and Proxy-Authenticate (RFC 3261 §20.44, §20.27; RFC 7616 §3.3; RFC 8760).
use std::fmt;

use crate::Error;
use crate::digest::Algorithm;
use crate::lex::{Quoted, Scanner, is_token_byte};

/// One digest challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// True if it came in Proxy-Authenticate: answer it in Proxy-Authorization.
    pub proxy: bool,
    /// Whose credentials are asked for.
    pub realm: String,
    /// The server's nonce.
    pub nonce: String,
    /// To be sent back as it is.
    pub opaque: Option<String>,
    /// `None` where the server named none: MD5.
    pub algorithm: Option<Algorithm>,
    /// The offered qualities of protection in lower case; empty where the server speaks RFC 2069.
    pub qop: Vec<String>,
    /// True: the password was right, only the nonce is old; answer again with this one.
    pub stale: bool,
    /// True: the server takes the hash of the user name (RFC 7616 §3.4.4).
    pub userhash: bool,
}

impl Challenge {
    /// A challenge of a server of our own: qop `auth`.
    pub fn new(realm: impl Into<String>, nonce: impl Into<String>, algorithm: Algorithm) -> Self {
        Self {
            proxy: false,
            realm: realm.into(),
            nonce: nonce.into(),
            opaque: None,
            algorithm: Some(algorithm),
            qop: vec!["auth".to_owned()],
            stale: false,
            userhash: false,
        }
    }

    /// Reads all digest challenges of one header value; RFC 3261 allows one per line, servers put several there.
    /// Challenges of other schemes are skipped.
    pub fn parse_list(text: &str, proxy: bool) -> Result<Vec<Self>, Error> {
        let mut challenges = Vec::new();
        for Credentials { scheme, params } in scan_list(text)? {
            if scheme.eq_ignore_ascii_case("Digest") {
                challenges.push(Self::from_params(params, proxy)?);
            }
        }
        Ok(challenges)
    }

    fn from_params(params: Vec<(String, String)>, proxy: bool) -> Result<Self, Error> {
        let missing = || Error::malformed("realm and nonce are expected", 1);
        let (mut realm, mut nonce) = (None, None);
        let mut challenge = Self {
            proxy,
            algorithm: None,
            qop: Vec::new(),
            ..Self::new("", "", Algorithm::Md5)
        };
        for (name, value) in params {
            match name.as_str() {
                "realm" => realm = Some(value),
                "nonce" => nonce = Some(value),
                "opaque" => challenge.opaque = Some(value),
                "algorithm" => challenge.algorithm = Some(Algorithm::parse(&value)),
                "stale" => challenge.stale = value.eq_ignore_ascii_case("true"),
                "userhash" => challenge.userhash = value.eq_ignore_ascii_case("true"),
                "qop" => {
                    let options = value
                        .split([',', ' ', '\t'])
                        .filter(|option| !option.is_empty());
                    challenge.qop = options.map(str::to_ascii_lowercase).collect();
                }
                _ => {}
            }
        }
        challenge.realm = realm.ok_or_else(missing)?;
        challenge.nonce = nonce.ok_or_else(missing)?;
        Ok(challenge)
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Digest realm={}, nonce={}",
            Quoted(&self.realm),
            Quoted(&self.nonce)
        )?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", Quoted(opaque))?;
        }
        if let Some(algorithm) = &self.algorithm {
            write!(f, ", algorithm={algorithm}")?;
        }
        if !self.qop.is_empty() {
            write!(f, ", qop={}", Quoted(&self.qop.join(",")))?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        if self.userhash {
            f.write_str(", userhash=true")?;
        }
        Ok(())
    }
}

/// A scheme and its parameters, names in lower case, values without quotes.
pub(super) struct Credentials {
    pub(super) scheme: String,
    pub(super) params: Vec<(String, String)>,
}

/// Reads `scheme name=value, name="value", scheme ...`; a name that stands twice within one scheme is refused.
pub(super) fn scan_list(text: &str) -> Result<Vec<Credentials>, Error> {
    let mut scanner = Scanner::new(text);
    let mut list: Vec<Credentials> = Vec::new();
    loop {
        while scanner.eat_separator(b',') {}
        scanner.skip_space();
        if scanner.at_end() {
            break;
        }
        let name = scanner.token("a scheme or a parameter is expected")?;
        if scanner.eat_separator(b'=') {
            let value = scan_value(&mut scanner)?;
            let current = list
                .last_mut()
                .ok_or_else(|| scanner.fail("a scheme is expected"))?;
            let name = name.to_ascii_lowercase();
            if current.params.len() == crate::lex::MAX_PARAMS
                || current.params.iter().any(|(known, _)| *known == name)
            {
                return Err(scanner.fail("a parameter is repeated"));
            }
            current.params.push((name, value));
            scanner.skip_space();
            if !scanner.at_end() && scanner.peek() != Some(b',') {
                return Err(scanner.fail("a comma is expected"));
            }
        } else {
            if !scanner.at_end() && !matches!(scanner.peek(), Some(b' ' | b'\t' | b',')) {
                return Err(scanner.fail("a scheme is expected"));
            }
            list.push(Credentials {
                scheme: name.to_owned(),
                params: Vec::new(),
            });
        }
    }
    if list.is_empty() {
        Err(scanner.fail("a scheme is expected"))
    } else {
        Ok(list)
    }
}

fn scan_value(scanner: &mut Scanner<'_>) -> Result<String, Error> {
    if scanner.peek() == Some(b'"') {
        return scanner.quoted();
    }
    // Some servers leave the quotes off values that need them, so more than a token is taken.
    let value = scanner.take_while(|b| is_token_byte(b) || b"=/:@?&[]".contains(&b));
    if value.is_empty() {
        Err(scanner.fail("a value is expected"))
    } else {
        Ok(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_servers_send() {
        let text = r#"Digest realm="atlanta.com", domain="sip:ss1.carrier.com", qop="auth,auth-int", nonce="f84f1cec41e6cbe5aea9c8e88d359", opaque="", stale=FALSE, algorithm=MD5"#;
        let list = Challenge::parse_list(text, true).unwrap();
        let challenge = &list[0];
        assert!(challenge.proxy && !challenge.stale);
        assert_eq!(challenge.qop, ["auth", "auth-int"]);
        assert_eq!(challenge.opaque.as_deref(), Some(""));
        assert_eq!(
            Challenge::parse_list(&challenge.to_string(), true).unwrap(),
            list
        );
    }

    #[test]
    fn several_in_one_line_and_other_schemes() {
        let text = r#"Digest realm="a, b", nonce="1", algorithm=SHA-256, qop=auth, Basic realm="x", digest realm="c",nonce=2=="#;
        let list = Challenge::parse_list(text, false).unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!(list[0].algorithm, Some(Algorithm::Sha256));
        assert_eq!(
            (list[1].realm.as_str(), list[1].nonce.as_str()),
            ("c", "2==")
        );
        assert!(list[1].algorithm.is_none() && list[1].qop.is_empty());
    }

    #[test]
    fn quotes_are_escaped() {
        let challenge = Challenge::new("say \"hi\"\r\n\\", "n", Algorithm::Md5);
        assert!(
            challenge
                .to_string()
                .starts_with(r#"Digest realm="say \"hi\"\\", nonce="n""#)
        );
    }

    #[test]
    fn refuses() {
        for bad in [
            "",
            "Digest",
            "Digest realm=\"a\"",
            "Digest realm=\"a\", nonce=\"b",
            "realm=\"a\"",
            "Digest realm=\"a\" nonce=\"b\"",
            "Digest realm=a, realm=b, nonce=c",
            "Digest realm=, nonce=a",
        ] {
            assert!(Challenge::parse_list(bad, false).is_err(), "{bad}");
        }
        assert!(
            Challenge::parse_list("NoOneKnowsThisScheme opaque-data=here", false)
                .unwrap()
                .is_empty()
        );
    }
}
