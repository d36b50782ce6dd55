//! The reason of a choice, in words.

use super::{Route, Treatment};
use crate::format::Encoding;
use crate::pairing::describe;

/// `opus/48000/2 on both legs: passed through by payload type`.
pub(super) fn chosen(used: &Route, event: Option<&Route>) -> String {
    let (browser, sip) = (describe(&used.browser), describe(&used.sip));
    let codec = match used.treatment {
        Treatment::Pass if browser == sip => {
            format!("{browser} on both legs: passed through by payload type")
        }
        Treatment::Pass => {
            format!(
                "{browser} to the browser, {sip} to the SIP side: passed through by payload type"
            )
        }
        Treatment::G711Table => format!(
            "{browser} to the browser, {sip} to the SIP side: converted byte by byte, since the \
             two share no other codec"
        ),
    };
    match event {
        None => codec,
        Some(event) if event.browser.clock_hz == event.sip.clock_hz => {
            format!("{codec}; digits as {}", event.sip)
        }
        Some(event) => format!(
            "{codec}; digits as {} to the browser and {} to the SIP side, durations rescaled",
            event.browser, event.sip
        ),
    }
}

pub(super) fn is_event(route: &Route) -> bool {
    route.sip.encoding == Encoding::TelephoneEvent
}
