//! Supported, Require, Proxy-Require and Unsupported (RFC 3261 §20.37, §20.32, §20.29, §20.40): `100rel, timer`.
use std::fmt;

use super::tokens::{tokens, write_list};
use crate::lex::MAX_VALUES;

/// A set of option tags in the order received. Tags compare without regard to case and stand once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OptionTags(Vec<String>);

impl OptionTags {
    /// No tag.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a header value. Empty elements are skipped; what stands there is not checked further.
    pub fn parse(text: &str) -> Self {
        let mut tags = Self::new();
        tags.extend(text);
        tags
    }

    /// True if `tag` is there.
    pub fn has(&self, tag: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(tag))
    }

    /// The tags that are not in `known`.
    #[must_use]
    pub fn unknown(&self, known: &[&str]) -> Self {
        let is_known = |tag: &String| known.iter().any(|k| k.eq_ignore_ascii_case(tag));
        Self(
            self.0
                .iter()
                .filter(|tag| !is_known(tag))
                .cloned()
                .collect(),
        )
    }

    /// All tags in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the tags of one more header value. The set takes at most 200 tags; no program knows that many.
    pub(crate) fn extend(&mut self, text: &str) {
        for tag in tokens(text) {
            if self.0.len() < MAX_VALUES && !self.has(tag) {
                self.0.push(tag.to_owned());
            }
        }
    }
}

impl fmt::Display for OptionTags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_list(f, self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_prints_and_compares() {
        let tags = OptionTags::parse(" 100rel , Timer,, timer");
        assert!(tags.has("timer") && tags.has("100REL") && !tags.has("replaces"));
        assert_eq!(tags.to_string(), "100rel, Timer");
        assert_eq!(tags.unknown(&["timer"]).to_string(), "100rel");
        assert!(tags.unknown(&["timer", "100rel"]).is_empty());
        assert!(OptionTags::parse(" ,").is_empty());
    }

    #[test]
    fn the_set_is_bounded() {
        let many: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        assert_eq!(OptionTags::parse(&many.join(",")).iter().count(), 200);
    }
}
