//! Session-Expires (RFC 4028 §4): `4000;refresher=uac`.
use std::fmt;

use super::Params;
use crate::Error;
use crate::lex::{Scanner, number};

/// How long a session lives without a refresh, and who refreshes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds.
    pub seconds: u32,
    /// `None` in a request that leaves the choice to the other side.
    pub refresher: Option<Refresher>,
}

/// Who refreshes a session, named by its role in the transaction that carries the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answers it.
    Uas,
}

impl SessionExpires {
    /// Reads a header value. Other parameters are dropped.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (seconds, params) = seconds_and_params(text)?;
        let refresher = match params.get("refresher") {
            None => None,
            Some(role) if role.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(role) if role.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) => return Err(Error::malformed("the refresher is neither uac nor uas", 1)),
        };
        Ok(Self { seconds, refresher })
    }
}

/// `delta-seconds *(SEMI generic-param)`, the grammar of Session-Expires and Min-SE.
pub(super) fn seconds_and_params(text: &str) -> Result<(u32, Params), Error> {
    let mut scanner = Scanner::new(text);
    scanner.skip_space();
    let digits = scanner.take_while(|b| b.is_ascii_digit());
    let seconds = number(digits, u64::from(u32::MAX))?;
    let params = Params::scan(&mut scanner)?;
    scanner.finish("unexpected text after the seconds")?;
    Ok((u32::try_from(seconds).unwrap_or(u32::MAX), params))
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seconds)?;
        match self.refresher {
            None => Ok(()),
            Some(Refresher::Uac) => f.write_str(";refresher=uac"),
            Some(Refresher::Uas) => f.write_str(";refresher=uas"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, seconds, refresher, printed) in [
            ("4000", 4000, None, "4000"),
            (
                "90 ; Refresher = UAS;x",
                90,
                Some(Refresher::Uas),
                "90;refresher=uas",
            ),
            (
                "1800;refresher=uac",
                1800,
                Some(Refresher::Uac),
                "1800;refresher=uac",
            ),
            ("4294967295", u32::MAX, None, "4294967295"),
        ] {
            let read = SessionExpires::parse(text).unwrap();
            assert_eq!((read.seconds, read.refresher), (seconds, refresher));
            assert_eq!(read.to_string(), printed);
        }
    }

    #[test]
    fn refuses_other_roles_and_numbers() {
        for bad in [
            "",
            "x",
            "-1",
            "4294967296",
            "90 s",
            "90;",
            "90;refresher",
            "90;refresher=proxy",
            "90;refresher=uac;refresher=uas",
        ] {
            assert!(SessionExpires::parse(bad).is_err(), "{bad}");
        }
    }
}
