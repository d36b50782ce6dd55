//! `getUserData`: the session as the server keeps it. The client replaces its own settings by it.

use secrecy::{ExposeSecret, SecretString};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{Feature, Map};

/// `data[0]` of `getUserData`: what the page sent in `connection` (when it re-attaches: what it
/// sent the first time), then `authToken`, `status` and what was granted.
#[derive(Debug, Clone)]
pub struct UserData {
    /// [`crate::Connection::echo`]: holds `sipLogin`, which the page takes as its own number.
    pub echo: Map,
    /// The key to this session; it alone takes the session over.
    pub auth_token: SecretString,
    /// Our extensions granted; absent on the wire where none was asked for.
    pub features: Vec<Feature>,
}

impl UserData {
    /// Without extensions.
    pub fn new(echo: Map, auth_token: SecretString) -> Self {
        Self {
            echo,
            auth_token,
            features: Vec::new(),
        }
    }
}

impl PartialEq for UserData {
    /// The token is compared by value.
    fn eq(&self, other: &Self) -> bool {
        self.echo == other.echo
            && self.features == other.features
            && self.auth_token.expose_secret() == other.auth_token.expose_secret()
    }
}

impl Serialize for UserData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.echo {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("authToken", self.auth_token.expose_secret())?;
        map.serialize_entry("status", "ESTABLISHED")?;
        if !self.features.is_empty() {
            let names: Vec<&str> = self.features.iter().map(|f| f.name()).collect();
            map.serialize_entry("features", &names)?;
        }
        map.end()
    }
}
