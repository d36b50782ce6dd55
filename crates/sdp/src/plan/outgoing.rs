//! Plan of a call whose SIP side answers us.

use super::{Plan, PlanError};
use crate::description::Description;

/// Plan of an outgoing call.
pub fn plan_outgoing(
    _browser_offer: &Description,
    _our_offer: &Description,
    _sip_answer: &Description,
) -> Result<Plan, PlanError> {
    Err(PlanError::Unusable("not built yet".into()))
}

/// Plan of an incoming call whose INVITE had no SDP.
pub fn plan_late(
    _browser_answer: &Description,
    _our_offer: &Description,
    _sip_answer: &Description,
) -> Result<Plan, PlanError> {
    Err(PlanError::Unusable("not built yet".into()))
}
