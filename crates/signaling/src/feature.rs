//! Our extensions of the wire, asked for by `features` in `connection`.
//!
//! A page that names none gets exactly the WebSDK 2.0 wire. `getUserData` echoes those granted.

/// One extension by its name on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// `cause` inside `finish`, `fail` and `notifyTransferEvent`: [`crate::Cause`].
    Cause,
    /// `sipHeaders` in `call` and `answer`: [`crate::SipHeaders`].
    SipHeaders,
    /// `scope` in `hangup`: [`crate::HangupScope`].
    Scope,
}

impl Feature {
    /// Every extension this crate has types for.
    pub const ALL: [Self; 3] = [Self::Cause, Self::SipHeaders, Self::Scope];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cause => "cause",
            Self::SipHeaders => "sipHeaders",
            Self::Scope => "scope",
        }
    }

    /// The extension of that name; `None` for one this server does not know.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }

    /// Those of `asked` that this server knows, in the order asked, each once.
    pub fn granted(asked: &[String]) -> Vec<Self> {
        let mut granted = Vec::new();
        for feature in asked.iter().filter_map(|name| Self::named(name)) {
            if !granted.contains(&feature) {
                granted.push(feature);
            }
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_features_are_granted_once_in_the_order_asked() {
        let asked = ["scope", "teleport", "cause", "scope"].map(String::from);
        assert_eq!(Feature::granted(&asked), [Feature::Scope, Feature::Cause]);
    }
}
