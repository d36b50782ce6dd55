//! `user` of RFC 3261 §25.1: the login a person types (requirement K1).
use std::fmt;

use super::is_unreserved;
use crate::error::{FieldError, FieldProblem};

/// Most bytes a user part may have here.
const MAX: usize = 255;

/// A user part that can stand in a SIP URI as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SipUser(String);

impl SipUser {
    /// Takes `1*( unreserved / escaped / user-unreserved )`, nothing else: no space, `@`, quote, bracket, colon,
    /// control character. The error names the field `sipLogin`; use [`FieldError::in_field`] for another.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let error = |problem| FieldError::new("sipLogin", problem);
        if text.is_empty() {
            return Err(error(FieldProblem::Empty));
        }
        if text.len() > MAX {
            return Err(error(FieldProblem::TooLong { limit: MAX }));
        }
        match first_illegal(text) {
            Some((position, character)) => Err(error(FieldProblem::Character {
                character,
                position,
            })),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// `anonymous`, as RFC 3261 §8.1.1.3 names who has no name.
    pub fn anonymous() -> Self {
        Self("anonymous".to_owned())
    }

    /// The text, escapes included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SipUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for SipUser {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::parse(text)
    }
}

/// The first character that may not stand in a user part, with its place counted from 1.
pub(super) fn first_illegal(text: &str) -> Option<(usize, char)> {
    let mut rest = text.chars().enumerate();
    while let Some((index, c)) = rest.next() {
        if c == '%' {
            let mut hex = rest.clone().map(|(_, c)| c);
            if !(0..2).all(|_| hex.next().is_some_and(|c| c.is_ascii_hexdigit())) {
                return Some((index + 1, c));
            }
            rest.nth(1);
        } else if !u8::try_from(c).is_ok_and(|b| is_unreserved(b) || b"&=+$,;?/".contains(&b)) {
            return Some((index + 1, c));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_rfc_users() {
        for text in [
            "10005",
            "+74951234567",
            "john.doe",
            "user;par=x",
            "I%20have%20spaces",
            "*21%23",
            "-_.!~*'()&=+$,;?/",
        ] {
            assert_eq!(SipUser::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn names_field_and_character() {
        for (text, words) in [
            ("Ralf C12441@host.com", "a space at position 5"),
            ("10005@host", "an at sign (@) at position 6"),
            ("\"10005\"", "a double quote (\") at position 1"),
            ("<10005>", "an opening angle bracket (<) at position 1"),
            ("a>", "a closing angle bracket (>) at position 2"),
            ("a:b", "a colon (:) at position 2"),
            ("a\\b", "a backslash (\\) at position 2"),
            ("a\r\nVia: x", "a line break at position 2"),
            ("a\0", "a NUL character at position 2"),
            ("a\u{2028}b", "an invisible line separator at position 2"),
            (
                "100%",
                "a percent sign (%) without two hexadecimal digits at position 4",
            ),
            (
                "100%2",
                "a percent sign (%) without two hexadecimal digits at position 4",
            ),
            ("Иван", "the character 'И' (U+0418) at position 1"),
            ("*21#", "a number sign (#) at position 4"),
        ] {
            let sentence = SipUser::parse(text).unwrap_err().to_string();
            assert_eq!(
                sentence,
                format!("sipLogin contains {words}, which is not allowed there"),
                "{text:?}"
            );
        }
        assert_eq!(
            SipUser::parse("").unwrap_err().to_string(),
            "sipLogin is empty"
        );
        assert_eq!(
            SipUser::parse(&"a".repeat(256)).unwrap_err().problem,
            FieldProblem::TooLong { limit: 255 }
        );
    }
}
