//! Subscription-State (RFC 6665 §4.1.3, §8.2.3): `terminated;reason=noresource`.
use std::fmt;

use super::Params;
use crate::Error;
use crate::lex::{Scanner, number};

/// Where a subscription stands, as a NOTIFY says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionState {
    /// The state.
    pub state: Substate,
    /// Seconds the subscription lives; not used with [`Substate::Terminated`].
    pub expires: Option<u32>,
    /// Why it ended, `noresource` or `timeout`; as received.
    pub reason: Option<String>,
    /// Seconds before a new subscription may be tried.
    pub retry_after: Option<u32>,
}

/// The state of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Substate {
    /// It was accepted.
    Active,
    /// It was received, and nobody has decided about it.
    Pending,
    /// It has ended.
    Terminated,
    /// A state of some extension, in lower case.
    Other(String),
}

impl SubscriptionState {
    /// An active subscription that lives for `expires` seconds.
    pub fn active(expires: u32) -> Self {
        Self {
            state: Substate::Active,
            expires: Some(expires),
            reason: None,
            retry_after: None,
        }
    }

    /// A subscription that has ended for this `reason`.
    pub fn terminated(reason: &str) -> Self {
        Self {
            state: Substate::Terminated,
            expires: None,
            reason: Some(reason.to_owned()),
            retry_after: None,
        }
    }

    /// Reads a header value. Other parameters are dropped.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut scanner = Scanner::new(text);
        scanner.skip_space();
        let state = scanner.token("a subscription state is expected")?;
        let state = match state.to_ascii_lowercase().as_str() {
            "active" => Substate::Active,
            "pending" => Substate::Pending,
            "terminated" => Substate::Terminated,
            other => Substate::Other(other.to_owned()),
        };
        let params = Params::scan(&mut scanner)?;
        scanner.finish("unexpected text after the subscription state")?;
        Ok(Self {
            state,
            expires: seconds(&params, "expires")?,
            reason: params.get("reason").map(str::to_owned),
            retry_after: seconds(&params, "retry-after")?,
        })
    }
}

fn seconds(params: &Params, name: &str) -> Result<Option<u32>, Error> {
    let Some(digits) = params.get(name) else {
        return Ok(None);
    };
    let seconds = number(digits, u64::from(u32::MAX))?;
    Ok(u32::try_from(seconds).ok())
}

impl fmt::Display for SubscriptionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            Substate::Active => "active",
            Substate::Pending => "pending",
            Substate::Terminated => "terminated",
            Substate::Other(state) => state,
        })?;
        if let Some(expires) = self.expires {
            write!(f, ";expires={expires}")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, ";reason={reason}")?;
        }
        if let Some(retry_after) = self.retry_after {
            write!(f, ";retry-after={retry_after}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, printed) in [
            ("Active ; expires = 60", "active;expires=60"),
            ("pending", "pending"),
            (
                "terminated;reason=probation;retry-after=30;x=y",
                "terminated;reason=probation;retry-after=30",
            ),
            ("Waiting", "waiting"),
        ] {
            let read = SubscriptionState::parse(text).unwrap();
            assert_eq!(read.to_string(), printed);
            assert_eq!(SubscriptionState::parse(printed), Ok(read));
        }
        assert_eq!(
            SubscriptionState::active(60).to_string(),
            "active;expires=60"
        );
        assert_eq!(
            SubscriptionState::terminated("noresource").to_string(),
            "terminated;reason=noresource"
        );
    }

    #[test]
    fn refuses_wrapping_numbers_and_stray_text() {
        for bad in [
            "",
            ";expires=1",
            "active;expires=4294967296",
            "active;expires",
            "terminated;retry-after=soon",
            "active pending",
        ] {
            assert!(SubscriptionState::parse(bad).is_err(), "{bad}");
        }
    }
}
