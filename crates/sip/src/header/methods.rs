//! Allow (RFC 3261 §20.5): `INVITE, ACK, BYE`.
use std::fmt;

use super::tokens::{tokens, write_list};
use crate::Method;
use crate::lex::MAX_VALUES;

/// A set of methods in the order received. Methods compare with regard to case and stand once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Methods(Vec<Method>);

impl Methods {
    /// Reads a header value. Elements that are no tokens are skipped.
    pub fn parse(text: &str) -> Self {
        let mut methods = Self::default();
        methods.extend(text);
        methods
    }

    /// True if `method` is there.
    pub fn has(&self, method: &Method) -> bool {
        self.0.contains(method)
    }

    /// All methods in order.
    pub fn iter(&self) -> impl Iterator<Item = &Method> {
        self.0.iter()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the methods of one more header value. The set takes at most 200 methods.
    pub(crate) fn extend(&mut self, text: &str) {
        for method in tokens(text).filter_map(Method::parse) {
            if self.0.len() < MAX_VALUES && !self.has(&method) {
                self.0.push(method);
            }
        }
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_list(f, self.iter().map(Method::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_prints_and_compares() {
        let methods = Methods::parse("INVITE,ACK , UPDATE,ACK,,X Y,bye");
        assert!(methods.has(&Method::Update));
        assert!(!methods.has(&Method::Bye), "method names have a case");
        assert_eq!(methods.to_string(), "INVITE, ACK, UPDATE, bye");
        assert!(Methods::parse("").is_empty());
    }
}
