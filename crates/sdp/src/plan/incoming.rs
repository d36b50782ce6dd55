//! Plan of a call that the SIP side offers.

use super::{Plan, PlanError};
use crate::description::Description;
use crate::settings::CodecSettings;

/// Plan of an incoming call.
pub fn plan_incoming(
    _sip_offer: &Description,
    _browser_answer: &Description,
    _settings: &CodecSettings,
) -> Result<Plan, PlanError> {
    Err(PlanError::Unusable("not built yet".into()))
}
