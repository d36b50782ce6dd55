//! Warning (RFC 3261 §20.43): `304 sip.example.com "Media type not available"`.
use std::fmt;

use crate::Error;
use crate::lex::{MAX_VALUES, Quoted, Scanner, is_token_byte, number};

/// One warning: what is wrong with a session description, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Three digits; 300 to 329 are about keywords of a session description, 330 to 339 about services, 370 to 379
    /// about bandwidth, 390 to 399 about anything else.
    pub code: u16,
    /// Who warns: a host with an optional port, or a pseudonym.
    pub agent: String,
    /// What is wrong, for a person.
    pub text: String,
}

impl Warning {
    /// 304: none of the media types offered is available.
    pub const MEDIA_TYPE: u16 = 304;
    /// 305: none of the media formats offered is available.
    pub const INCOMPATIBLE_FORMAT: u16 = 305;
    /// 399: anything else; the text says what.
    pub const MISCELLANEOUS: u16 = 399;

    /// A warning. What may not stand in `agent` becomes a hyphen.
    pub fn new(code: u16, agent: &str, text: impl Into<String>) -> Self {
        let allowed = |c: char| u8::try_from(c).is_ok_and(is_agent_byte);
        let mut agent = agent.replace(|c: char| !allowed(c), "-");
        if agent.is_empty() {
            agent.push('-');
        }
        Self {
            code,
            agent,
            text: text.into(),
        }
    }

    /// Reads one or more values separated by commas.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        let mut scanner = Scanner::new(text);
        let mut warnings = Vec::new();
        loop {
            if warnings.len() == MAX_VALUES {
                return Err(scanner.fail("there are too many values"));
            }
            warnings.push(Self::scan(&mut scanner)?);
            if !scanner.eat_separator(b',') {
                break;
            }
        }
        scanner.finish("unexpected text after the warning")?;
        Ok(warnings)
    }

    fn scan(scanner: &mut Scanner<'_>) -> Result<Self, Error> {
        scanner.skip_space();
        let digits = scanner.take_while(|b| b.is_ascii_digit());
        let code = number(digits, 999)?;
        scanner.skip_space();
        let agent = scanner.take_while(is_agent_byte);
        if digits.len() != 3 || agent.is_empty() {
            return Err(scanner.fail("three digits and the name of an agent are expected"));
        }
        scanner.skip_space();
        Ok(Self {
            code: u16::try_from(code).unwrap_or_default(),
            agent: agent.to_owned(),
            text: scanner.quoted()?,
        })
    }
}

/// `hostport / pseudonym` of §25.1: a token, or a host, which may be an IPv6 reference.
fn is_agent_byte(b: u8) -> bool {
    is_token_byte(b) || b"[]:".contains(&b)
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, agent, text } = self;
        write!(f, "{code:03} {agent} {}", Quoted(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        let text = r#"307 isi.edu "Session parameter 'foo' not understood", 301 [2001:db8::1]:5060 "\"E.164\"""#;
        let warnings = Warning::parse_list(text).unwrap();
        assert_eq!((warnings[0].code, warnings[1].code), (307, 301));
        assert_eq!(warnings[1].agent, "[2001:db8::1]:5060");
        assert_eq!(warnings[1].text, "\"E.164\"");
        let printed: Vec<String> = warnings.iter().map(Warning::to_string).collect();
        assert_eq!(printed.join(", "), text);
    }

    #[test]
    fn nothing_breaks_out_of_a_warning() {
        let warning = Warning::new(304, "a b\r\n\"c\"", "no \"audio\"\r\nX-Evil: 1");
        assert_eq!(
            warning.to_string(),
            r#"304 a-b---c- "no \"audio\"X-Evil: 1""#
        );
        assert_eq!(Warning::new(399, "", "x").agent, "-");
        assert_eq!(Warning::parse_list(&warning.to_string()).unwrap().len(), 1);
    }

    #[test]
    fn refuses_halves() {
        for bad in [
            "",
            "304",
            "304 a",
            "304 a b",
            "304 \"b\"",
            "30 a \"b\"",
            "3044 a \"b\"",
            "304 a \"b\",",
            "304 a \"b\" c",
        ] {
            assert!(Warning::parse_list(bad).is_err(), "{bad}");
        }
    }
}
