//! Content-Disposition (RFC 3261 §20.11, RFC 2183): `session;handling=optional`.
use std::fmt;

use super::Params;
use crate::Error;
use crate::lex::Scanner;

/// What a body is for, and whether it must be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentDisposition {
    /// `session`, `render`, `icon`, ... in lower case.
    pub kind: String,
    /// True if a receiver that does not understand the body ignores it. Without `handling` it must (§20.11).
    pub optional: bool,
    /// All parameters except `handling`.
    pub params: Params,
}

impl ContentDisposition {
    /// Reads a header value.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut scanner = Scanner::new(text);
        scanner.skip_space();
        let kind = scanner
            .token("a disposition is expected")?
            .to_ascii_lowercase();
        let mut params = Params::scan(&mut scanner)?;
        scanner.finish("unexpected text after the disposition")?;
        let optional = params
            .remove("handling")
            .is_some_and(|handling| handling.eq_ignore_ascii_case("optional"));
        Ok(Self {
            kind,
            optional,
            params,
        })
    }
}

impl fmt::Display for ContentDisposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handling = if self.optional {
            ";handling=optional"
        } else {
            ""
        };
        write!(f, "{}{handling}{}", self.kind, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, optional, printed) in [
            ("session", false, "session"),
            ("Session ; handling = REQUIRED", false, "session"),
            (
                "render;filename=\"a b\";handling=Optional",
                true,
                "render;handling=optional;filename=\"a b\"",
            ),
        ] {
            let read = ContentDisposition::parse(text).unwrap();
            assert_eq!(read.optional, optional);
            assert_eq!(read.to_string(), printed);
        }
        for bad in ["", ";handling=optional", "a b", "a;"] {
            assert!(ContentDisposition::parse(bad).is_err(), "{bad}");
        }
    }
}
