//! Content-Type (RFC 3261 §20.15, RFC 2045 §5.1).
use std::fmt;

use super::Params;
use crate::Error;
use crate::lex::Scanner;

/// What a body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType {
    /// `application/sdp` in lower case.
    pub essence: String,
    /// `boundary`, `charset` and whatever else.
    pub params: Params,
}

impl ContentType {
    /// Reads a header value.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut scanner = Scanner::new(text);
        scanner.skip_space();
        let kind = scanner
            .token("a media type is expected")?
            .to_ascii_lowercase();
        if !scanner.eat_separator(b'/') {
            return Err(scanner.fail("a slash is expected"));
        }
        let subtype = scanner
            .token("a media subtype is expected")?
            .to_ascii_lowercase();
        let params = Params::scan(&mut scanner)?;
        scanner.finish("unexpected text after the media type")?;
        Ok(Self {
            essence: format!("{kind}/{subtype}"),
            params,
        })
    }

    /// True for `application/sdp`, in any case.
    pub fn is_sdp(&self) -> bool {
        self.essence == "application/sdp"
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.essence, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_case_spaces_and_parameters() {
        let kind = ContentType::parse("Application / SDP ;charset=UTF-8").unwrap();
        assert!(kind.is_sdp());
        assert_eq!(kind.to_string(), "application/sdp;charset=UTF-8");
        assert_eq!(
            ContentType::parse("multipart/mixed;boundary=\"a b\"")
                .unwrap()
                .params
                .get("boundary"),
            Some("a b")
        );
    }

    #[test]
    fn refuses_halves() {
        for bad in [
            "",
            "application",
            "application/",
            "/sdp",
            "application/sdp x",
            "a/b;",
        ] {
            assert!(ContentType::parse(bad).is_err(), "{bad}");
        }
    }
}
