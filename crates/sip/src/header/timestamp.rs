//! Timestamp (RFC 3261 §20.38, §8.2.6.1): `54.21 0.5`.
use std::fmt;
use std::time::Duration;

use crate::Error;
use crate::lex::Scanner;

/// The sender's clock in a request; its 100 carries it back, with the time the answer took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp {
    /// The sender's number as it was received: its clock and unit are the sender's own.
    pub value: String,
    /// How long the answer took.
    pub delay: Option<Duration>,
}

impl Timestamp {
    /// Reads a header value.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut scanner = Scanner::new(text);
        scanner.skip_space();
        let value = scanner.take_while(is_decimal_byte);
        if !is_decimal(value) || value.starts_with('.') {
            return Err(scanner.fail("a decimal number is expected"));
        }
        scanner.skip_space();
        let delay = scanner.take_while(is_decimal_byte);
        let delay = match delay {
            "" => None,
            delay if is_decimal(delay) => Some(seconds(delay)?),
            _ => return Err(scanner.fail("a delay in seconds is expected")),
        };
        scanner.finish("unexpected text after the timestamp")?;
        Ok(Self {
            value: value.to_owned(),
            delay,
        })
    }

    /// The header of the 100 that is sent `delay` after its request was received (§8.2.6.1).
    #[must_use]
    pub fn answered(mut self, delay: Duration) -> Self {
        self.delay = (!delay.is_zero()).then_some(delay);
        self
    }
}

fn is_decimal_byte(b: u8) -> bool {
    b.is_ascii_digit() || b == b'.'
}

/// Digits with at most one point.
fn is_decimal(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit()) && text.matches('.').count() <= 1
}

fn seconds(text: &str) -> Result<Duration, Error> {
    let seconds: f64 = text.parse().unwrap_or(f64::INFINITY);
    Duration::try_from_secs_f64(seconds).map_err(|_| Error::malformed("the delay is too long", 1))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)?;
        match self.delay {
            Some(delay) => write!(f, " {:.3}", delay.as_secs_f64()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, delay, printed) in [
            ("54", None, "54"),
            ("54.", None, "54."),
            ("54.21 0.5", Some(500), "54.21 0.500"),
            ("0 .25", Some(250), "0 0.250"),
        ] {
            let read = Timestamp::parse(text).unwrap();
            assert_eq!(read.delay, delay.map(Duration::from_millis));
            assert_eq!(read.to_string(), printed);
        }
    }

    #[test]
    fn an_answer_says_what_it_took() {
        let asked = Timestamp::parse("54.21").unwrap();
        assert_eq!(asked.clone().answered(Duration::ZERO).to_string(), "54.21");
        assert_eq!(
            asked.answered(Duration::from_millis(40)).to_string(),
            "54.21 0.040"
        );
    }

    #[test]
    fn refuses_what_is_no_number() {
        let long = "9".repeat(400);
        for bad in ["", "x", ".5", "1.2.3", "1 .", "1 x", "1 2 3", "-1", "1e3"] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
        assert!(Timestamp::parse(&long).is_ok());
        assert!(Timestamp::parse(&format!("1 {long}")).is_err());
    }
}
