//! Retry-After (RFC 3261 §20.33): `18000 (I'm in a meeting);duration=3600`.
use std::fmt;

use crate::Error;
use crate::lex::{Scanner, number};

/// When to try again; comment and parameters are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter {
    /// Seconds, a 32-bit number.
    pub seconds: u32,
}

impl RetryAfter {
    /// Reads a header value.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut scanner = Scanner::new(text);
        scanner.skip_space();
        let digits = scanner.take_while(|b| b.is_ascii_digit());
        let seconds = number(digits, u64::from(u32::MAX))?;
        scanner.skip_space();
        if !scanner.at_end() && !matches!(scanner.peek(), Some(b'(' | b';')) {
            return Err(scanner.fail("unexpected text after the seconds"));
        }
        Ok(Self {
            seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
        })
    }
}

impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_seconds_only() {
        for (text, seconds) in [
            ("18000;duration=3600", 18000),
            ("120 (I'm in a meeting)", 120),
            ("0", 0),
            ("4294967295", u32::MAX),
        ] {
            assert_eq!(RetryAfter::parse(text).unwrap().seconds, seconds);
        }
        for bad in ["", "x", "-1", "949302838503028349304023988", "12x"] {
            assert!(RetryAfter::parse(bad).is_err(), "{bad}");
        }
    }
}
