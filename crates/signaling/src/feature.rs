//! Our extensions of the wire, asked for by `features` in `connection`.
//!
//! A page that names none gets exactly the WebSDK 2.0 wire. `getUserData` echoes those granted.

/// One extension by its name on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// `cause` inside `finish`, `busy`, `fail`, `notifyTransferEvent` and `sipMessageStatus`:
    /// [`crate::Cause`].
    Cause,
    /// `sipHeaders` in `call` and `answer`: [`crate::SipHeaders`].
    SipHeaders,
    /// `scope` in `hangup`: [`crate::HangupScope`].
    Scope,
    /// `holdState`, which side holds a call: [`crate::HoldState`].
    HoldState,
    /// `digit`, a digit of the peer: [`crate::Digit`].
    Digit,
    /// `sipMessage` both ways: [`crate::MessageRequest`], [`crate::SipMessageStatus`],
    /// [`crate::IncomingMessage`].
    SipMessage,
    /// `messageWaiting`, the state of the mailbox: [`crate::MessageWaiting`].
    MessageWaiting,
    /// `registrationState`, every change of the registration: [`crate::RegistrationReport`].
    RegistrationState,
    /// `explain`, what a call negotiated and why: [`crate::Explanation`].
    Explain,
}

impl Feature {
    /// Every extension this crate has types for.
    pub const ALL: [Self; 9] = [
        Self::Cause,
        Self::SipHeaders,
        Self::Scope,
        Self::HoldState,
        Self::Digit,
        Self::SipMessage,
        Self::MessageWaiting,
        Self::RegistrationState,
        Self::Explain,
    ];

    /// The extensions this server grants. An extension is added here, and to the sentence in
    /// `docs/protocol.md` that a test compares with this list, once the server really does it.
    pub const SERVED: &'static [Self] = &Self::ALL;

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cause => "cause",
            Self::SipHeaders => "sipHeaders",
            Self::Scope => "scope",
            Self::HoldState => "holdState",
            Self::Digit => "digit",
            Self::SipMessage => "sipMessage",
            Self::MessageWaiting => "messageWaiting",
            Self::RegistrationState => "registrationState",
            Self::Explain => "explain",
        }
    }

    /// The extension of that name; `None` for one this crate does not know.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }

    /// The extensions of `asked` that this server grants ([`Self::SERVED`]), in the order asked,
    /// each once.
    pub fn granted(asked: &[String]) -> Vec<Self> {
        let mut granted = Self::known(asked);
        granted.retain(|feature| Self::SERVED.contains(feature));
        granted
    }

    /// The extensions of `names` that this crate knows, in their order, each once.
    pub(crate) fn known(names: &[String]) -> Vec<Self> {
        let mut known = Vec::new();
        for feature in names.iter().filter_map(|name| Self::named(name)) {
            if !known.contains(&feature) {
                known.push(feature);
            }
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn served_features_are_granted_once_in_the_order_asked() {
        let asked = ["scope", "teleport", "cause", "scope"].map(String::from);
        assert_eq!(Feature::granted(&asked), [Feature::Scope, Feature::Cause]);
        let everything = Feature::ALL.map(|feature| feature.name().to_owned());
        let mut granted = Feature::granted(&everything);
        granted.sort();
        let mut served = Feature::SERVED.to_vec();
        served.sort();
        assert_eq!(granted, served, "what is not served is not granted");
    }

    #[test]
    fn every_name_leads_back_to_its_feature() {
        for feature in Feature::ALL {
            assert_eq!(Feature::named(feature.name()), Some(feature));
        }
    }
}
