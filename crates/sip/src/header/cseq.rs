//! CSeq (RFC 3261 §8.1.1.5, §20.16).
use std::fmt;

use crate::lex::{Scanner, number};
use crate::{Error, Method};

/// Orders the requests of a dialog and pairs answers with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// Below 2^31 (§8.1.1.5).
    pub number: u32,
    /// The method of the request.
    pub method: Method,
}

/// Highest number: "MUST be less than 2**31".
const MAX: u64 = (1 << 31) - 1;

impl CSeq {
    /// Reads a header value.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut scanner = Scanner::new(text);
        scanner.skip_space();
        let digits = scanner.take_while(|b| b.is_ascii_digit());
        let number = number(digits, MAX)?;
        if !matches!(scanner.peek(), Some(b' ' | b'\t')) {
            return Err(scanner.fail("a space is expected after the number"));
        }
        scanner.skip_space();
        let method = Method::parse(scanner.token("a method is expected")?);
        scanner.finish("unexpected text after the method")?;
        match (u32::try_from(number), method) {
            (Ok(number), Some(method)) => Ok(Self { number, method }),
            _ => Err(scanner.fail("a method is expected")),
        }
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        let cseq = CSeq::parse("0009   INVITE").unwrap();
        assert_eq!(
            cseq,
            CSeq {
                number: 9,
                method: Method::Invite
            }
        );
        assert_eq!(cseq.to_string(), "9 INVITE");
        assert_eq!(CSeq::parse("2147483647 BYE").unwrap().number, 2_147_483_647);
    }

    #[test]
    fn refuses_wrap_sign_and_missing_parts() {
        for bad in [
            "36893488147419103232 REGISTER",
            "2147483648 BYE",
            "-1 BYE",
            "1",
            "1BYE",
            "BYE",
            "1 BYE x",
            "",
            "1 ",
        ] {
            assert!(CSeq::parse(bad).is_err(), "{bad}");
        }
    }
}
