//! `;name=value` lists of headers and URIs (RFC 3261 §7.3.1, §19.1.1, `generic-param` of §25.1).
use std::fmt;

use crate::Error;
use crate::lex::{MAX_PARAMS, Scanner, is_token_byte, write_quoted};

/// Parameters in the order received; names compare without regard to case and stand once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params(Vec<Param>);

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// The name as received.
    pub name: String,
    /// The value without quotes; `None` for a bare name such as `lr`.
    pub value: Option<String>,
}

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `name`: `Some("")` for a bare name, `None` if it is absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name)
            .map(|param| param.value.as_deref().unwrap_or(""))
    }

    /// True if `name` is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Sets `name` to `value`, where it stands or at the end.
    pub fn set(&mut self, name: &str, value: impl fmt::Display) {
        self.put(name, Some(value.to_string()));
    }

    /// Sets a bare name.
    pub fn set_flag(&mut self, name: &str) {
        self.put(name, None);
    }

    /// Takes `name` out and gives its value (`Some("")` for a bare name).
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let index = self
            .0
            .iter()
            .position(|param| param.name.eq_ignore_ascii_case(name))?;
        Some(self.0.remove(index).value.unwrap_or_default())
    }

    /// All parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = &Param> {
        self.0.iter()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads `*( SEMI generic-param )` as far as it goes.
    pub(crate) fn scan(scanner: &mut Scanner<'_>) -> Result<Self, Error> {
        let mut params = Self::default();
        while scanner.eat_separator(b';') {
            params.scan_one(scanner)?;
        }
        Ok(params)
    }

    /// Adds a parameter that must not be there yet.
    pub(crate) fn add(
        &mut self,
        name: &str,
        value: Option<String>,
        at: &Scanner<'_>,
    ) -> Result<(), Error> {
        if self.0.len() == MAX_PARAMS {
            return Err(at.fail("there are too many parameters"));
        }
        if self.has(name) {
            return Err(at.fail("a parameter is repeated"));
        }
        self.0.push(Param {
            name: name.to_owned(),
            value,
        });
        Ok(())
    }

    fn scan_one(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Error> {
        let name = scanner.token("a parameter name is expected")?;
        let value = if scanner.eat_separator(b'=') {
            if scanner.peek() == Some(b'"') {
                Some(scanner.quoted()?)
            } else {
                let value = scanner.take_while(is_value_byte);
                if value.is_empty() {
                    return Err(scanner.fail("a parameter value is expected"));
                }
                Some(value.to_owned())
            }
        } else {
            None
        };
        self.add(name, value, scanner)
    }

    fn find(&self, name: &str) -> Option<&Param> {
        self.0
            .iter()
            .find(|param| param.name.eq_ignore_ascii_case(name))
    }

    fn put(&mut self, name: &str, value: Option<String>) {
        match self
            .0
            .iter_mut()
            .find(|param| param.name.eq_ignore_ascii_case(name))
        {
            Some(param) => param.value = value,
            None => self.0.push(Param {
                name: name.to_owned(),
                value,
            }),
        }
    }
}

/// As header parameters: a value that is no `gen-value` is printed in quotes.
impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Param { name, value } in &self.0 {
            write!(f, ";{name}")?;
            match value {
                None => {}
                Some(value) if needs_quotes(name, value) => {
                    f.write_str("=")?;
                    write_quoted(f, value)?;
                }
                Some(value) => write!(f, "={value}")?,
            }
        }
        Ok(())
    }
}

/// More than `token / host` of the grammar: base64 tags and unbracketed IPv6 in `received` are seen in the field.
fn is_value_byte(b: u8) -> bool {
    b.is_ascii_graphic() && !b";,\"<>\\?".contains(&b)
}

/// Feature tags and instance ids are quoted by definition (RFC 3840 §9, RFC 5626 §4.1), whatever they hold.
fn needs_quotes(name: &str, value: &str) -> bool {
    name.starts_with('+')
        || value.is_empty()
        || !value.bytes().all(|b| is_token_byte(b) || is_value_byte(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Result<Params, Error> {
        let mut scanner = Scanner::new(text);
        let params = Params::scan(&mut scanner)?;
        scanner.finish("unexpected text")?;
        Ok(params)
    }

    #[test]
    fn reads_spaces_quotes_and_bare_names() {
        let params =
            scan(" ;  newparam =      newvalue ;  secondparam ; q = 0.33;t=\"a;\\\"b\"").unwrap();
        assert_eq!(params.get("NEWPARAM"), Some("newvalue"));
        assert_eq!(params.get("secondparam"), Some(""));
        assert_eq!(params.get("t"), Some("a;\"b"));
        assert_eq!(
            params.to_string(),
            ";newparam=newvalue;secondparam;q=0.33;t=\"a;\\\"b\""
        );
        assert_eq!(scan(&params.to_string()).unwrap(), params);
    }

    #[test]
    fn refuses_what_is_not_a_list() {
        for bad in [
            ";", ";;a", ";a=", ";a;;b", ";a=\"x", ";a;A", ";=b", ";a=b c",
        ] {
            assert!(scan(bad).is_err(), "{bad}");
        }
        assert!(scan(&";a".repeat(2)).is_err());
        let many: String = (0..=MAX_PARAMS).map(|i| format!(";p{i}")).collect();
        assert!(scan(&many).is_err());
    }

    #[test]
    fn sets_replaces_and_removes() {
        let mut params = scan(";rport;branch=z9").unwrap();
        params.set("rport", 5060);
        params.set("received", "2001:db8::1");
        params.set_flag("alias");
        assert_eq!(params.remove("branch").as_deref(), Some("z9"));
        assert_eq!(params.to_string(), ";rport=5060;received=2001:db8::1;alias");
    }

    #[test]
    fn feature_tags_stay_quoted() {
        let params = scan(";+sip.instance=\"<urn:uuid:1>\";+audio=\"x\"").unwrap();
        assert_eq!(
            params.to_string(),
            ";+sip.instance=\"<urn:uuid:1>\";+audio=\"x\""
        );
    }
}
