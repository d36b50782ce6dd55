//! Route, Record-Route, Path and Service-Route (RFC 3261 §20.30, §20.34; RFC 3327; RFC 3608).
use std::fmt;

use super::Params;
use super::name_addr::{NameAddr, write_address};
use crate::{Error, Uri};

/// One hop of a route set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The address of the proxy.
    pub uri: Uri,
    /// Header parameters.
    pub params: Params,
}

impl Route {
    /// A hop without header parameters.
    pub fn new(uri: Uri) -> Self {
        Self {
            uri,
            params: Params::new(),
        }
    }

    /// Reads one or more values separated by commas. The angle brackets are mandatory (§20.34).
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        if !text.contains('<') {
            return Err(Error::malformed("an opening angle bracket is expected", 1));
        }
        let list = NameAddr::parse_list(text)?;
        Ok(list
            .into_iter()
            .map(|NameAddr { uri, params, .. }| Self { uri, params })
            .collect())
    }

    /// True if the proxy is a loose router (`lr`, §16.12).
    pub fn is_loose(&self) -> bool {
        self.uri.params.has("lr")
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_address(f, None, &self.uri)?;
        write!(f, "{}", self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_in_order() {
        let routes =
            Route::parse_list("<sip:p1.example.com;lr>;x=1, \"P\" <sip:p2.example.com>").unwrap();
        assert_eq!(routes.len(), 2);
        assert!(routes[0].is_loose() && !routes[1].is_loose());
        assert_eq!(routes[0].to_string(), "<sip:p1.example.com;lr>;x=1");
        assert_eq!(
            Route::parse_list(&routes[0].to_string()).unwrap(),
            routes[..1]
        );
    }

    #[test]
    fn brackets_are_mandatory() {
        assert!(Route::parse_list("sip:p1.example.com;lr").is_err());
        assert!(Route::parse_list("").is_err());
    }
}
