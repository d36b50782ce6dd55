//! The basic rules of the grammar: token, LWS, quoted-string (RFC 3261 §25.1), as a scanner over one unfolded line.
use std::fmt;

use crate::Error;

/// Most parameters one list may have; more is an attack, not a message.
pub(crate) const MAX_PARAMS: usize = 100;

/// Most values of one kind (Via, Route, Contact) a message may have: memory stays a small multiple of the input.
pub(crate) const MAX_VALUES: usize = 200;

/// Reads a header value from left to right.
#[derive(Debug, Clone)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Byte offset of the next byte.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(crate) fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// LWS of an unfolded line.
    pub(crate) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Takes `byte` if it is next.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.at += 1;
        }
        there
    }

    /// Takes `byte` with the white space around it if it is next (COMMA, SEMI, EQUAL, SLASH, COLON of §25.1).
    pub(crate) fn eat_separator(&mut self, byte: u8) -> bool {
        let before = self.at;
        self.skip_space();
        if self.eat(byte) {
            self.skip_space();
            return true;
        }
        self.at = before;
        false
    }

    /// Takes all bytes that satisfy `wanted`; non-ASCII bytes are passed on one by one, so `wanted` must take or
    /// leave all of them.
    pub(crate) fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.bytes().position(|b| !wanted(b)).unwrap_or(rest.len());
        let taken = rest.get(..length).unwrap_or("");
        self.at += taken.len();
        taken
    }

    /// The text of a host: up to the closing bracket if it begins with one, else while `wanted` holds.
    pub(crate) fn host(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        if self.peek() != Some(b'[') {
            return self.take_while(wanted);
        }
        let rest = self.rest();
        let end = rest.find(']').map_or(rest.len(), |at| at + 1);
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    pub(crate) fn token(&mut self, what: &'static str) -> Result<&'a str, Error> {
        let token = self.take_while(is_token_byte);
        if token.is_empty() {
            Err(self.fail(what))
        } else {
            Ok(token)
        }
    }

    /// A quoted-string, its quotes and backslashes taken off.
    pub(crate) fn quoted(&mut self) -> Result<String, Error> {
        let start = self.at;
        if !self.eat(b'"') {
            return Err(self.fail("a quoted text is expected"));
        }
        let mut text = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += offset + 1;
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, escaped)) => text.push(escaped),
                    None => break,
                },
                c => text.push(c),
            }
        }
        Err(Error::malformed("a quote is not closed", start + 1))
    }

    /// Nothing but white space may be left.
    pub(crate) fn finish(&mut self, what: &'static str) -> Result<(), Error> {
        self.skip_space();
        if self.at_end() {
            Ok(())
        } else {
            Err(self.fail(what))
        }
    }

    /// An error at the next byte.
    pub(crate) fn fail(&self, what: &'static str) -> Error {
        Error::malformed(what, self.at + 1)
    }
}

/// `token` of §25.1.
pub(crate) fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b)
}

/// True for a non-empty token.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// `mark` and `alphanum`: what needs no escape in a URI.
pub(crate) fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&b)
}

/// Writes a quoted-string; control characters are left out, so that nothing breaks out of the line.
pub(crate) fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    use fmt::Write;
    f.write_char('"')?;
    for c in text.chars().filter(|c| !c.is_ascii_control() || *c == '\t') {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

/// A text that prints itself as a quoted-string.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_quoted(f, self.0)
    }
}

/// 1*DIGIT up to `max`: no sign, no wrap (trust: one value, strict integers).
pub(crate) fn number(text: &str, max: u64) -> Result<u64, Error> {
    use crate::error::ErrorKind;
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::malformed("a number is expected", 1));
    }
    let mut value: u64 = 0;
    for digit in text.bytes() {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u64::from(digit - b'0')))
            .filter(|v| *v <= max)
            .ok_or_else(|| Error::new(ErrorKind::OutOfRange, 1))?;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_loses_its_backslashes_and_gets_them_back() {
        let mut scanner = Scanner::new(r#""J \"R\\" rest"#);
        assert_eq!(scanner.quoted().unwrap(), r#"J "R\"#);
        assert_eq!(scanner.rest(), " rest");
        assert_eq!(Quoted(r#"J "R\"#).to_string(), r#""J \"R\\""#);
        assert_eq!(Quoted("a\r\nb\0").to_string(), "\"ab\"");
    }

    #[test]
    fn an_open_quote_is_an_error_at_its_start() {
        let error = Scanner::new("\"abc\\").quoted().unwrap_err();
        assert_eq!(error.column, 1);
    }

    #[test]
    fn numbers_do_not_wrap() {
        assert_eq!(number("0068", 255).unwrap(), 68);
        assert_eq!(number("255", 255).unwrap(), 255);
        for bad in [
            "",
            "-1",
            "+1",
            "256",
            "1e3",
            " 1",
            "18446744073709551616",
            "36893488147419103232",
        ] {
            assert!(number(bad, 255).is_err(), "{bad}");
        }
        assert!(number("18446744073709551616", u64::MAX).is_err());
    }
}
