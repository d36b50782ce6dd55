//! Min-SE (RFC 4028 §5): `90`.
use std::fmt;

use super::session_expires::seconds_and_params;
use crate::Error;

/// The shortest session interval that an element on the path takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MinSe {
    /// Seconds.
    pub seconds: u32,
}

impl MinSe {
    /// What a message without this header means (§5), and the lowest value one may carry.
    pub const DEFAULT: Self = Self { seconds: 90 };

    /// Reads a header value. Parameters are dropped; a value below 90 is read as it stands.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (seconds, _) = seconds_and_params(text)?;
        Ok(Self { seconds })
    }
}

impl fmt::Display for MinSe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, seconds) in [("90", 90), (" 3600 ;lr", 3600), ("0", 0)] {
            let read = MinSe::parse(text).unwrap();
            assert_eq!(read.seconds, seconds);
            assert_eq!(read.to_string(), seconds.to_string());
        }
        for bad in ["", "x", "90,100", "90 s", "4294967296"] {
            assert!(MinSe::parse(bad).is_err(), "{bad}");
        }
    }
}
