//! The offer in our INVITE, and in the 200 to an INVITE without one.

use crate::description::{Description, LocalMedia, Origin};
use crate::plan::PlanError;
use crate::settings::CodecSettings;

/// What our INVITE offers, from what the browser offers.
pub fn offer_to_sip(
    _browser_offer: &Description,
    _local: &[LocalMedia],
    _origin: Origin,
    _settings: &CodecSettings,
    _session_lines: &[String],
) -> Result<Description, PlanError> {
    Err(PlanError::Unusable("not built yet".into()))
}

/// What our 200 offers to an INVITE without SDP, from what the browser answered.
pub fn late_offer(
    _browser_answer: &Description,
    _local: &[LocalMedia],
    _origin: Origin,
    _settings: &CodecSettings,
) -> Result<Description, PlanError> {
    Err(PlanError::Unusable("not built yet".into()))
}
