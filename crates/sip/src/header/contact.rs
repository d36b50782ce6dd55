//! Contact (RFC 3261 §20.10).
use std::fmt;

use super::Params;
use super::name_addr::{NameAddr, write_address};
use crate::{Error, Uri, lex};

/// All Contact values of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contacts {
    /// `*`: every binding (REGISTER with `Expires: 0` only).
    Star,
    /// The addresses in order; empty if there is no Contact.
    List(Vec<Contact>),
}

/// Where the other end wants to be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The display name without quotes.
    pub display: Option<String>,
    /// The address.
    pub uri: Uri,
    /// `q`, `expires`, `+sip.instance` and whatever else.
    pub params: Params,
}

impl Contact {
    /// An address without parameters.
    pub fn new(uri: Uri) -> Self {
        Self {
            display: None,
            uri,
            params: Params::new(),
        }
    }

    /// Seconds the binding lives. A value that is no 32-bit number is refused when it is read, so `None` means
    /// that the parameter is absent.
    pub fn expires(&self) -> Option<u32> {
        self.params
            .get("expires")
            .and_then(|text| text.parse().ok())
    }

    /// Preference in thousandths, 0..=1000; 1000 where nothing (valid) is said.
    pub fn q(&self) -> u16 {
        self.params.get("q").and_then(thousandths).unwrap_or(1000)
    }
}

impl Contacts {
    /// Reads one header value: `*` or a list.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.trim() == "*" {
            return Ok(Self::Star);
        }
        let list = NameAddr::parse_list(text)?.into_iter().map(
            |NameAddr {
                 display,
                 uri,
                 params,
             }| {
                if let Some(seconds) = params.get("expires") {
                    lex::number(seconds, u64::from(u32::MAX))?;
                }
                Ok(Contact {
                    display,
                    uri,
                    params,
                })
            },
        );
        Ok(Self::List(list.collect::<Result<_, Error>>()?))
    }

    /// The first address, if there is one.
    pub fn first(&self) -> Option<&Contact> {
        match self {
            Self::Star => None,
            Self::List(list) => list.first(),
        }
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_address(f, self.display.as_deref(), &self.uri)?;
        write!(f, "{}", self.params)
    }
}

/// `qvalue` of §25.1.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 1)?;
    let value = whole * 1000 + format!("{fraction:0<3}").parse::<u16>().ok()?;
    (value <= 1000).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_star_lists_and_numbers() {
        assert_eq!(Contacts::parse(" * ").unwrap(), Contacts::Star);
        let contacts =
            Contacts::parse("\"A\" <sip:a@b;x>;expires=60;q=0.33, sip:c@d;unknown").unwrap();
        let Contacts::List(list) = &contacts else {
            panic!("a list")
        };
        assert_eq!((list[0].expires(), list[0].q()), (Some(60), 330));
        assert_eq!((list[1].expires(), list[1].q()), (None, 1000));
        assert_eq!(list[1].to_string(), "<sip:c@d>;unknown");
        assert_eq!(contacts.first(), list.first());
    }

    #[test]
    fn quality_values() {
        for (text, q) in [
            ("1", 1000),
            ("1.000", 1000),
            ("0", 0),
            ("0.5", 500),
            ("0.001", 1),
            ("2", 1000),
            ("1.1", 1000),
            ("x", 1000),
        ] {
            assert_eq!(
                Contacts::parse(&format!("<sip:a@b>;q={text}"))
                    .unwrap()
                    .first()
                    .map(Contact::q),
                Some(q),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_stray_separators_and_wrapping_numbers() {
        for bad in [
            "\"Joe\" <sip:joe@example.org>;;;;",
            "<sip:a@b>;expires=280297596632815",
            "sip:a@b?Route=%3Csip:c%3E",
            "*, <sip:a@b>",
        ] {
            assert!(Contacts::parse(bad).is_err(), "{bad}");
        }
    }
}
