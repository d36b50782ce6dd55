//! RAck (RFC 3262 §7.2): `776656 1 INVITE`.
use std::fmt;

use super::rseq::response_number;
use super::{CSeq, RSeq};
use crate::Error;
use crate::lex::Scanner;

/// Names the provisional response that a PRACK acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    /// RSeq of that response.
    pub rseq: RSeq,
    /// CSeq of that response.
    pub cseq: CSeq,
}

impl RAck {
    /// Reads a header value.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut scanner = Scanner::new(text);
        scanner.skip_space();
        let number = response_number(scanner.take_while(|b| b.is_ascii_digit()))?;
        if !matches!(scanner.peek(), Some(b' ' | b'\t')) {
            return Err(scanner.fail("a space is expected after the response number"));
        }
        let offset = scanner.offset();
        Ok(Self {
            rseq: RSeq { number },
            cseq: CSeq::parse(scanner.rest()).map_err(|error| error.shifted(offset))?,
        })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rseq, self.cseq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Method;

    #[test]
    fn reads_and_prints() {
        let rack = RAck::parse("776656  1\tINVITE").unwrap();
        assert_eq!(rack.rseq.number, 776_656);
        assert_eq!((rack.cseq.number, &rack.cseq.method), (1, &Method::Invite));
        assert_eq!(rack.to_string(), "776656 1 INVITE");
    }

    #[test]
    fn refuses_missing_parts_and_ranges() {
        for bad in [
            "",
            "1",
            "1 1",
            "0 1 INVITE",
            "4294967296 1 INVITE",
            "1 2147483648 INVITE",
            "1 INVITE",
            "1 1 INVITE x",
            "1,1 INVITE",
        ] {
            assert!(RAck::parse(bad).is_err(), "{bad}");
        }
    }
}
