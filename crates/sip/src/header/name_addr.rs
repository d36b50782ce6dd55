//! `( name-addr / addr-spec ) *( SEMI generic-param )`, shared by From, To, Contact, Route (RFC 3261 §20, §25.1).
use std::fmt;

use super::Params;
use crate::lex::{MAX_VALUES, Scanner, write_quoted};
use crate::{Error, Uri};

/// A display name, a URI, header parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameAddr {
    pub(crate) display: Option<String>,
    pub(crate) uri: Uri,
    pub(crate) params: Params,
}

impl NameAddr {
    /// Reads one value and stops before a comma or the end. Without angle brackets everything after the first
    /// semicolon belongs to the header, and `?` and `,` may not stand in the URI (§20.10).
    pub(crate) fn scan(scanner: &mut Scanner<'_>) -> Result<Self, Error> {
        scanner.skip_space();
        let (display, uri) = if scanner.peek() == Some(b'"') {
            let display = scanner.quoted()?;
            scanner.skip_space();
            (display, bracketed(scanner)?)
        } else if scanner.peek() == Some(b'<') {
            (String::new(), bracketed(scanner)?)
        } else {
            let mut ahead = scanner.clone();
            let display = ahead.take_while(is_display_byte);
            if ahead.peek() == Some(b'<') {
                *scanner = ahead;
                (display.trim().to_owned(), bracketed(scanner)?)
            } else {
                (String::new(), bare(scanner)?)
            }
        };
        let params = Params::scan(scanner)?;
        scanner.skip_space();
        let display = (!display.is_empty()).then_some(display);
        Ok(Self {
            display,
            uri,
            params,
        })
    }

    /// Reads a whole value.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut scanner = Scanner::new(text);
        let value = Self::scan(&mut scanner)?;
        scanner.finish("unexpected text after the address")?;
        Ok(value)
    }

    /// Reads `value *( COMMA value )`.
    pub(crate) fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        let mut scanner = Scanner::new(text);
        let mut values = vec![Self::scan(&mut scanner)?];
        while scanner.eat_separator(b',') {
            if values.len() == MAX_VALUES {
                return Err(scanner.fail("there are too many values"));
            }
            values.push(Self::scan(&mut scanner)?);
        }
        scanner.finish("unexpected text after the address")?;
        Ok(values)
    }
}

/// Prints `"display" <uri>`; the brackets are always there, so that nothing depends on what the URI holds.
pub(crate) fn write_address(
    f: &mut fmt::Formatter<'_>,
    display: Option<&str>,
    uri: &Uri,
) -> fmt::Result {
    if let Some(display) = display.filter(|text| !text.is_empty()) {
        write_quoted(f, display)?;
        f.write_str(" ")?;
    }
    write!(f, "<{uri}>")
}

fn bracketed(scanner: &mut Scanner<'_>) -> Result<Uri, Error> {
    if !scanner.eat(b'<') {
        return Err(scanner.fail("an opening angle bracket is expected"));
    }
    let start = scanner.offset();
    let text = scanner.take_while(|b| b != b'>');
    if !scanner.eat(b'>') {
        return Err(Error::malformed("an angle bracket is not closed", start));
    }
    Uri::parse(text).map_err(|error| error.shifted(start))
}

fn bare(scanner: &mut Scanner<'_>) -> Result<Uri, Error> {
    let start = scanner.offset();
    let text = scanner.take_while(|b| !b" \t;,".contains(&b));
    if text.contains('?') {
        return Err(Error::malformed(
            "a URI with a question mark needs angle brackets",
            start + 1,
        ));
    }
    Uri::parse(text).map_err(|error| error.shifted(start))
}

/// More than `*(token LWS)`: devices put there, without quotes, whatever their owner typed, even an address. A comma
/// or semicolon would leave open where the value begins.
fn is_display_byte(b: u8) -> bool {
    !b"\"<>,;\\".contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, display: Option<&str>, uri: &str, params: &str) {
        let value = NameAddr::parse(text).unwrap();
        assert_eq!(value.display.as_deref(), display);
        assert_eq!(value.uri.to_string(), uri);
        assert_eq!(value.params.to_string(), params);
    }

    #[test]
    fn three_forms() {
        check("sip:a@b;tag=1", None, "sip:a@b", ";tag=1");
        check(
            "<sip:a@b;user=phone>;tag=1",
            None,
            "sip:a@b;user=phone",
            ";tag=1",
        );
        check("caller<sip:a@b>", Some("caller"), "sip:a@b", "");
        check(
            "A. G. Bell <sip:a@b> ; x",
            Some("A. G. Bell"),
            "sip:a@b",
            ";x",
        );
        check(
            "\"Quoted \\\"\\\"\" <sip:a@b>",
            Some("Quoted \"\""),
            "sip:a@b",
            "",
        );
        check("\"\" <sip:a@b>", None, "sip:a@b", "");
        check("Müller (1) <sip:a@b>", Some("Müller (1)"), "sip:a@b", "");
        check(
            "10005@host: x <sip:a@b>",
            Some("10005@host: x"),
            "sip:a@b",
            "",
        );
    }

    #[test]
    fn refuses_open_quotes_brackets_and_unquoted_commas() {
        for bad in [
            "\"Mr. J. User <sip:a@b>",
            "<sip:a@b",
            "Bell, Alexander <sip:a@b>",
            "< sip:a@b >",
            "sip:a@b?Route=x",
            "sip:a@b>",
            "\"x\" sip:a@b",
            "",
            "<>",
        ] {
            assert!(NameAddr::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_are_split_outside_quotes_and_brackets() {
        let list = NameAddr::parse_list("\"a, b\" <sip:a,b@c>, <sip:d@e>;x=\",\",sip:f@g").unwrap();
        assert_eq!(list.len(), 3);
        assert!(NameAddr::parse_list("<sip:a@b>,,<sip:c@d>").is_err());
        assert!(NameAddr::parse_list("<sip:a@b>,").is_err());
    }
}
