//! Incoming calls: what is offered to the browser, and the answer to the INVITE.

use crate::description::{Description, Direction, LocalMedia, Origin};
use crate::format::{Format, MediaKind};
use crate::plan::{Plan, PlanError};
use crate::settings::CodecSettings;

/// One m-line of our offer to a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserMedia {
    /// Audio or video.
    pub kind: MediaKind,
    /// Always sendrecv: the browser leg outlives what the SIP side does.
    pub direction: Direction,
    /// In order, payload types unique over all m-lines.
    pub formats: Vec<Format>,
}

/// What our offer to the browser says on an incoming call.
pub fn formats_for_browser(
    _sip_offer: Option<&Description>,
    _settings: &CodecSettings,
) -> Result<Vec<BrowserMedia>, PlanError> {
    Err(PlanError::Unusable("not built yet".into()))
}

/// The answer to an INVITE's offer.
pub fn answer_to_sip(
    _sip_offer: &Description,
    _plan: &Plan,
    _local: &[LocalMedia],
    origin: Origin,
    _session_lines: &[String],
) -> Description {
    Description {
        origin,
        addr: None,
        session_lines: Vec::new(),
        media: Vec::new(),
    }
}
