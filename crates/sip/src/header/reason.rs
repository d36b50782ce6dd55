//! Reason: why a BYE or CANCEL was sent (RFC 3326).
use std::fmt;

use super::Params;
use crate::Error;
use crate::lex::{Quoted, Scanner};

/// One reason, `Q.850;cause=16;text="Normal call clearing"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// `SIP`, `Q.850`, ..., as received.
    pub protocol: String,
    /// The status or cause number.
    pub cause: Option<u16>,
    /// Words.
    pub text: Option<String>,
}

impl Reason {
    /// Reads one or more values separated by commas. Other parameters are dropped.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        let mut scanner = Scanner::new(text);
        let mut reasons = Vec::new();
        loop {
            scanner.skip_space();
            let protocol = scanner.token("a protocol is expected")?.to_owned();
            let params = Params::scan(&mut scanner)?;
            let cause = params.get("cause").and_then(|text| text.parse().ok());
            let text = params.get("text").map(str::to_owned);
            reasons.push(Self {
                protocol,
                cause,
                text,
            });
            if !scanner.eat_separator(b',') {
                break;
            }
        }
        scanner.finish("unexpected text after the reason")?;
        Ok(reasons)
    }

    /// True if `protocol` is this one, in any case.
    pub fn is_of(&self, protocol: &str) -> bool {
        self.protocol.eq_ignore_ascii_case(protocol)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.protocol)?;
        if let Some(cause) = self.cause {
            write!(f, ";cause={cause}")?;
        }
        if let Some(text) = &self.text {
            write!(f, ";text={}", Quoted(text))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists() {
        let reasons = Reason::parse_list(
            "SIP ;cause=200 ;text=\"Call completed, elsewhere\", q.850;cause=16",
        )
        .unwrap();
        assert_eq!(
            reasons[0].to_string(),
            "SIP;cause=200;text=\"Call completed, elsewhere\""
        );
        assert!(reasons[1].is_of("Q.850") && reasons[1].cause == Some(16));
        assert_eq!(
            Reason::parse_list(&reasons[0].to_string()).unwrap(),
            reasons[..1]
        );
    }

    #[test]
    fn refuses_stray_commas() {
        for bad in ["", ",", "SIP,", "SIP;cause=1 x"] {
            assert!(Reason::parse_list(bad).is_err(), "{bad}");
        }
    }
}
