//! RSeq (RFC 3262 §7.1): `988789`.
use std::fmt;

use crate::Error;
use crate::error::ErrorKind;
use crate::lex::number;

/// The number of a reliable provisional response. Numbers of one INVITE's responses grow by one (§3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RSeq {
    /// 1..=2^32 - 1.
    pub number: u32,
}

impl RSeq {
    /// Reads a header value.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self {
            number: response_number(text.trim_matches([' ', '\t']))?,
        })
    }

    /// The number of the response that follows; `None` after the last number, which never wraps (§3).
    pub fn next(self) -> Option<Self> {
        let number = self.number.checked_add(1)?;
        Some(Self { number })
    }
}

/// `response-num` of §7.1: 1 to 2^32 - 1.
pub(super) fn response_number(digits: &str) -> Result<u32, Error> {
    match u32::try_from(number(digits, u64::from(u32::MAX))?) {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(Error::new(ErrorKind::OutOfRange, 1)),
    }
}

impl fmt::Display for RSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        let rseq = RSeq::parse(" 988789 ").unwrap();
        assert_eq!(rseq, RSeq { number: 988_789 });
        assert_eq!(rseq.to_string(), "988789");
        assert_eq!(rseq.next().map(|next| next.number), Some(988_790));
        assert_eq!(RSeq { number: u32::MAX }.next(), None);
    }

    #[test]
    fn refuses_zero_and_what_is_no_number() {
        for bad in ["", "0", "-1", "4294967296", "1 2", "1;a", "x"] {
            assert!(RSeq::parse(bad).is_err(), "{bad}");
        }
    }
}
