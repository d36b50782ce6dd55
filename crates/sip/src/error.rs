//! What can be wrong with bytes from the network ([`Error`]) and with text from a person ([`FieldError`]).
//!
//! Both carry their own verdict: an [`Error`] knows the answer a request deserves, a [`FieldError`] names the
//! field and the character in words (requirement K1).
use std::fmt;

use crate::header::HeaderName;
use crate::message::Headers;

/// A message, header or URI that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// The header it was found in; `None` for the start line, the framing, or text parsed on its own.
    pub header: Option<HeaderName>,
    /// Line of the message, counted from 1; 0 where there is no message around the text.
    pub line: u32,
    /// Byte of the start line or of the unfolded header value, counted from 1; 0 where it says nothing.
    pub column: u32,
    /// The answer this request deserves (400, 505, 513). `None` for responses, for ACK, and where no Via says
    /// whom to answer.
    pub reply: Option<Reply>,
    /// Of a refused request: all its Via, the first From, To, Call-ID and CSeq as far as they were there, in
    /// order, ready to be copied into the answer. Their values are clean text but may be malformed.
    pub request_head: Option<Headers>,
}

/// Status line of the answer to a request that was refused by the parser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 400, 505 or 513.
    pub status: u16,
    /// Reason phrase, one line.
    pub reason: String,
}

/// The kinds of refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// Only line ends or nothing at all: a keep-alive, not a message (RFC 5626 §3.5.1).
    #[error("keep-alive without a message")]
    KeepAlive,
    /// The start line is neither a Request-Line nor a Status-Line (RFC 3261 §7.1, §7.2).
    #[error("start line: {0}")]
    StartLine(&'static str),
    /// A SIP version other than 2.0 (RFC 3261 §21.5.6).
    #[error("SIP version is not 2.0")]
    Version,
    /// The header part does not end with an empty line.
    #[error("the empty line after the headers is missing")]
    Unterminated,
    /// Text outside the grammar.
    #[error("{0}")]
    Malformed(&'static str),
    /// A mandatory header is absent (RFC 3261 §8.1.1).
    #[error("mandatory header is missing")]
    Missing,
    /// A header that may stand once stands more often.
    #[error("header is repeated")]
    Repeated,
    /// A number below or above what its field may hold.
    #[error("number out of range")]
    OutOfRange,
    /// The method in CSeq is not the one of the request line (RFC 3261 §8.1.1.5).
    #[error("CSeq method differs from the request's")]
    MethodMismatch,
    /// Content-Length announces more than the datagram has (RFC 3261 §18.3).
    #[error("{announced} bytes of body are announced, {present} are there")]
    BodyTooShort {
        /// Bytes announced.
        announced: u64,
        /// Bytes present.
        present: u64,
    },
    /// Larger than this end takes.
    #[error("message is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

impl Error {
    /// `what` is outside the grammar, found at byte `column` (from 1) of the text at hand.
    pub(crate) fn malformed(what: &'static str, column: usize) -> Self {
        Self::new(ErrorKind::Malformed(what), column)
    }

    /// An error of `kind` without a place in a message yet.
    pub(crate) fn new(kind: ErrorKind, column: usize) -> Self {
        let column = u32::try_from(column).unwrap_or(u32::MAX);
        Self {
            kind,
            header: None,
            line: 0,
            column,
            reply: None,
            request_head: None,
        }
    }

    /// The same error, found in `header`.
    pub(crate) fn in_header(mut self, header: HeaderName) -> Self {
        self.header = Some(header);
        self
    }

    /// The same error, found on `line`.
    pub(crate) fn on_line(mut self, line: u32) -> Self {
        self.line = line;
        self
    }

    /// The same error, `offset` bytes further right: it was found in a part of a larger text.
    pub(crate) fn shifted(mut self, offset: usize) -> Self {
        self.column = self
            .column
            .saturating_add(u32::try_from(offset).unwrap_or(u32::MAX));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(header) = &self.header {
            write!(f, "{header}: ")?;
        }
        write!(f, "{}", self.kind)?;
        match (self.line, self.column) {
            (0, 0) => Ok(()),
            (0, column) => write!(f, " (column {column})"),
            (line, 0) => write!(f, " (line {line})"),
            (line, column) => write!(f, " (line {line}, column {column})"),
        }
    }
}

impl std::error::Error for Error {}

/// A text a person typed that cannot be used; its `Display` is a sentence for that person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field as the client names it: `sipLogin`, `callee`, `sipDomain`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: FieldProblem,
}

/// What is wrong with a typed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldProblem {
    /// Nothing was typed.
    Empty,
    /// A character that may not stand there.
    Character {
        /// The character itself.
        character: char,
        /// Its place, in characters, counted from 1.
        position: usize,
    },
    /// More text than a field may hold.
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Each character may stand there, the whole makes no sense; the text says why.
    Shape(&'static str),
}

impl FieldError {
    pub(crate) fn new(field: &'static str, problem: FieldProblem) -> Self {
        Self { field, problem }
    }

    /// The same error under the name of another field.
    #[must_use]
    pub fn in_field(mut self, field: &'static str) -> Self {
        self.field = field;
        self
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field;
        match &self.problem {
            FieldProblem::Empty => write!(f, "{field} is empty"),
            FieldProblem::Character {
                character,
                position,
            } => {
                write!(
                    f,
                    "{field} contains {} at position {position}, which is not allowed there",
                    in_words(*character)
                )
            }
            FieldProblem::TooLong { limit } => write!(f, "{field} is longer than {limit} bytes"),
            FieldProblem::Shape(why) => write!(f, "{field} {why}"),
        }
    }
}

impl std::error::Error for FieldError {}

/// Names a character so that a person finds it, even one that cannot be seen.
pub(crate) fn in_words(character: char) -> String {
    let name = match character {
        ' ' => "a space",
        '\t' => "a tab",
        '\r' | '\n' => "a line break",
        '\0' => "a NUL character",
        '\u{85}' | '\u{2028}' | '\u{2029}' => "an invisible line separator",
        '\u{a0}' | '\u{2007}' | '\u{202f}' => "a non-breaking space",
        '"' => "a double quote (\")",
        '\'' => "an apostrophe (')",
        '\\' => "a backslash (\\)",
        '@' => "an at sign (@)",
        '<' => "an opening angle bracket (<)",
        '>' => "a closing angle bracket (>)",
        ':' => "a colon (:)",
        ';' => "a semicolon (;)",
        ',' => "a comma (,)",
        '?' => "a question mark (?)",
        '%' => "a percent sign (%) without two hexadecimal digits",
        '#' => "a number sign (#)",
        '[' | ']' => "a square bracket",
        '{' | '}' => "a curly bracket",
        '|' => "a vertical bar (|)",
        '^' => "a caret (^)",
        '`' => "a backtick (`)",
        c if c.is_control() => return format!("the control character U+{:04X}", u32::from(c)),
        c if c.is_whitespace() => return format!("the invisible character U+{:04X}", u32::from(c)),
        c => return format!("the character '{c}' (U+{:04X})", u32::from(c)),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_field_and_character() {
        let error = FieldError::new(
            "sipLogin",
            FieldProblem::Character {
                character: ' ',
                position: 5,
            },
        );
        assert_eq!(
            error.to_string(),
            "sipLogin contains a space at position 5, which is not allowed there"
        );
        let error = FieldError::new("sipLogin", FieldProblem::Empty).in_field("callee");
        assert_eq!(error.to_string(), "callee is empty");
    }

    #[test]
    fn names_what_cannot_be_seen() {
        assert_eq!(in_words('\u{2028}'), "an invisible line separator");
        assert_eq!(in_words('\u{7}'), "the control character U+0007");
        assert_eq!(in_words('я'), "the character 'я' (U+044F)");
    }

    #[test]
    fn says_where() {
        let error = Error::malformed("a quote is not closed", 7)
            .in_header(HeaderName::To)
            .on_line(2);
        assert_eq!(
            error.to_string(),
            "To: a quote is not closed (line 2, column 7)"
        );
    }
}
