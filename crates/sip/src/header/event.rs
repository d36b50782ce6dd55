//! Event (RFC 6665 §8.2.1): `refer;id=93809824`.
use std::fmt;

use super::Params;
use crate::Error;
use crate::lex::Scanner;

/// The event package of a SUBSCRIBE or NOTIFY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The package with its templates, `message-summary` or `presence.winfo`, as received.
    pub package: String,
    /// Tells subscriptions of one dialog and package apart.
    pub id: Option<String>,
    /// All other parameters.
    pub params: Params,
}

impl Event {
    /// An event without `id`.
    pub fn new(package: impl Into<String>) -> Self {
        Self {
            package: package.into(),
            id: None,
            params: Params::new(),
        }
    }

    /// Reads a header value.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut scanner = Scanner::new(text);
        scanner.skip_space();
        let package = scanner.token("an event package is expected")?.to_owned();
        let mut params = Params::scan(&mut scanner)?;
        scanner.finish("unexpected text after the event")?;
        let id = params.remove("id");
        Ok(Self {
            package,
            id,
            params,
        })
    }

    /// True if the package is this one, in any case.
    pub fn is_of(&self, package: &str) -> bool {
        self.package.eq_ignore_ascii_case(package)
    }

    /// True if both name the same subscription: package and `id` are equal byte by byte (§8.2.1).
    pub fn matches(&self, other: &Self) -> bool {
        self.package == other.package && self.id == other.id
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.package)?;
        if let Some(id) = &self.id {
            write!(f, ";id={id}")?;
        }
        write!(f, "{}", self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        let event = Event::parse("refer ; ID = 93809824;x").unwrap();
        assert!(event.is_of("Refer") && !event.is_of("presence"));
        assert_eq!(event.id.as_deref(), Some("93809824"));
        assert_eq!(event.to_string(), "refer;id=93809824;x");
        assert_eq!(Event::new("message-summary").to_string(), "message-summary");
    }

    #[test]
    fn matches_by_package_and_id_alone() {
        let event = Event::parse("refer;id=1").unwrap();
        for (text, same) in [
            ("refer;id=1;x=2", true),
            ("refer;id=2", false),
            ("refer", false),
            ("refer.winfo;id=1", false),
        ] {
            assert_eq!(event.matches(&Event::parse(text).unwrap()), same, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_token() {
        for bad in ["", ";id=1", "a b", "a;id=1;id=2", "a,b"] {
            assert!(Event::parse(bad).is_err(), "{bad}");
        }
    }
}
