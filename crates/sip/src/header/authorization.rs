//! Authorization and Proxy-Authorization (RFC 3261 §20.7, §20.28; RFC 7616 §3.4).
use std::fmt;

use super::challenge::scan_list;
use crate::Error;
use crate::digest::Algorithm;
use crate::lex::{Quoted, is_token};

/// The digest answer to a [`Challenge`](super::Challenge).
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The user name, or its hash where `userhash` is set.
    pub username: String,
    /// The realm of the challenge.
    pub realm: String,
    /// The nonce of the challenge.
    pub nonce: String,
    /// The URI that was hashed.
    pub uri: String,
    /// The hash, in hexadecimal digits.
    pub response: String,
    /// As in the challenge.
    pub algorithm: Option<Algorithm>,
    /// As in the challenge.
    pub opaque: Option<String>,
    /// The chosen quality of protection; `None` is RFC 2069.
    pub qop: Option<String>,
    /// The client's nonce; there with `qop`, and with the `-sess` algorithms.
    pub cnonce: Option<String>,
    /// How often this nonce was used, from 1; there with `qop`.
    pub nc: Option<u32>,
    /// True if `username` is a hash.
    pub userhash: bool,
}

impl Authorization {
    /// Reads a header value. `Ok(None)` if the scheme is not Digest.
    pub fn parse(text: &str) -> Result<Option<Self>, Error> {
        let list = scan_list(text)?;
        let Some(digest) = list
            .into_iter()
            .find(|c| c.scheme.eq_ignore_ascii_case("Digest"))
        else {
            return Ok(None);
        };
        let mut params = digest.params;
        let mut take = |name: &str| {
            let index = params.iter().position(|(known, _)| known == name)?;
            Some(params.swap_remove(index).1)
        };
        let missing =
            || Error::malformed("username, realm, nonce, uri and response are expected", 1);
        let nc = match take("nc") {
            Some(digits) if digits.len() == 8 => u32::from_str_radix(&digits, 16).ok(),
            Some(_) => return Err(Error::malformed("nc is not eight hexadecimal digits", 1)),
            None => None,
        };
        let qop = take("qop").map(|text| text.to_ascii_lowercase());
        if !qop.as_deref().is_none_or(is_token) {
            return Err(Error::malformed("qop is no token", 1));
        }
        Ok(Some(Self {
            username: take("username").ok_or_else(missing)?,
            realm: take("realm").ok_or_else(missing)?,
            nonce: take("nonce").ok_or_else(missing)?,
            uri: take("uri").ok_or_else(missing)?,
            response: take("response").ok_or_else(missing)?.to_ascii_lowercase(),
            algorithm: take("algorithm").map(|text| Algorithm::parse(&text)),
            opaque: take("opaque"),
            qop,
            cnonce: take("cnonce"),
            nc,
            userhash: take("userhash").is_some_and(|text| text.eq_ignore_ascii_case("true")),
        }))
    }
}

impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Digest username={}, realm={}",
            Quoted(&self.username),
            Quoted(&self.realm)
        )?;
        write!(
            f,
            ", nonce={}, uri={}",
            Quoted(&self.nonce),
            Quoted(&self.uri)
        )?;
        write!(f, ", response={}", Quoted(&self.response))?;
        if let Some(algorithm) = &self.algorithm {
            write!(f, ", algorithm={algorithm}")?;
        }
        if let Some(cnonce) = &self.cnonce {
            write!(f, ", cnonce={}", Quoted(cnonce))?;
        }
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", Quoted(opaque))?;
        }
        if let Some(qop) = &self.qop {
            write!(f, ", qop={qop}")?;
        }
        if let Some(nc) = self.nc {
            write!(f, ", nc={nc:08x}")?;
        }
        if self.userhash {
            f.write_str(", userhash=true")?;
        }
        Ok(())
    }
}

/// The response is made of the password, so a trace does not show it.
impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("realm", &self.realm)
            .field("response", &"***")
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"Digest username="trunk@\"ex\" ample", realm="r", nonce="n", uri="sip:a@b", response="0123456789abcdef0123456789abcdef", algorithm=MD5, cnonce="c", opaque="", qop=auth, nc=0000000a"#;

    #[test]
    fn reads_and_prints() {
        let answer = Authorization::parse(TEXT).unwrap().unwrap();
        assert_eq!(answer.username, "trunk@\"ex\" ample");
        assert_eq!((answer.nc, answer.opaque.as_deref()), (Some(10), Some("")));
        assert_eq!(answer.to_string(), TEXT);
        assert!(!format!("{answer:?}").contains("0123"));
    }

    #[test]
    fn other_schemes_and_missing_parts() {
        assert_eq!(
            Authorization::parse("NoOneKnowsThisScheme opaque-data=here").unwrap(),
            None
        );
        for bad in [
            "Digest",
            "",
            &TEXT.replace("0000000a", "a"),
            &TEXT.replace("uri=", "x="),
            &format!("{TEXT}, uri=\"x\""),
        ] {
            assert!(Authorization::parse(bad).is_err(), "{bad}");
        }
    }
}
