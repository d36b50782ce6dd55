//! From and To (RFC 3261 §20.20, §20.39).
use std::fmt;

use super::Params;
use super::name_addr::{NameAddr, write_address};
use crate::{Error, Uri};

/// One end of a dialog as From or To names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromTo {
    /// The display name without quotes.
    pub display: Option<String>,
    /// The address.
    pub uri: Uri,
    /// The tag; absent in a To that starts a dialog, and in a From of RFC 2543.
    pub tag: Option<String>,
    /// All other header parameters.
    pub params: Params,
}

impl FromTo {
    /// An address without tag or display name.
    pub fn new(uri: Uri) -> Self {
        Self {
            display: None,
            uri,
            tag: None,
            params: Params::new(),
        }
    }

    /// Reads a header value.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let NameAddr {
            display,
            uri,
            mut params,
        } = NameAddr::parse(text)?;
        let tag = params.remove("tag");
        if tag.as_deref() == Some("") {
            return Err(Error::malformed("the tag is empty", 1));
        }
        Ok(Self {
            display,
            uri,
            tag,
            params,
        })
    }

    /// The same address with this display name.
    #[must_use]
    pub fn with_display(mut self, display: Option<String>) -> Self {
        self.display = display.filter(|text| !text.is_empty());
        self
    }

    /// The same address with this tag.
    #[must_use]
    pub fn with_tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }
}

impl fmt::Display for FromTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_address(f, self.display.as_deref(), &self.uri)?;
        if let Some(tag) = &self.tag {
            write!(f, ";tag={tag}")?;
        }
        write!(f, "{}", self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_tag_apart() {
        let from =
            FromTo::parse("\"J Rosenberg \\\\\\\"\" <sip:jdrosen@example.com> ; tag = 98asjd8;x=1")
                .unwrap();
        assert_eq!(from.display.as_deref(), Some("J Rosenberg \\\""));
        assert_eq!(from.tag.as_deref(), Some("98asjd8"));
        assert_eq!(
            from.to_string(),
            "\"J Rosenberg \\\\\\\"\" <sip:jdrosen@example.com>;tag=98asjd8;x=1"
        );
        assert_eq!(FromTo::parse(&from.to_string()).unwrap(), from);
    }

    #[test]
    fn builds() {
        let uri = Uri::parse("sip:10005@example.com").unwrap();
        let to = FromTo::new(uri)
            .with_display(Some("Ralf \"C\"\r\n".into()))
            .with_tag("a");
        assert_eq!(
            to.to_string(),
            "\"Ralf \\\"C\\\"\" <sip:10005@example.com>;tag=a"
        );
    }

    #[test]
    fn refuses_two_tags_and_two_addresses() {
        for bad in [
            "<sip:a@b>;tag=1;tag=2",
            "<sip:a@b>, <sip:c@d>",
            "<sip:a@b>;tag",
            "<sip:a@b>;tag=\"\"",
        ] {
            assert!(FromTo::parse(bad).is_err(), "{bad}");
        }
    }
}
