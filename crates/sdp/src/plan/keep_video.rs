//! Video that the SIP side does not have, or not yet: the browser's m-line is accepted all the same.

use super::outgoing::{answer_fmtp, reached_then_offered, sees};
use super::{MediaPlan, Plan, Route};
use crate::description::Description;
use crate::format::{Encoding, MediaKind};
use crate::offer::is_first;
use crate::pairing::{SipFormat, h264, join};

impl Plan {
    /// Accepts the browser's video where an answer of the SIP side has none for it: no routes, no
    /// remote, pictures of ours in its place. `why` goes into the reason.
    ///
    /// The formats are those of our offer to the SIP side, in its order, so that video of a later
    /// answer needs no renegotiation: it only gets its routes. But H.264 in mode 0 goes before H.264
    /// in mode 1: the browser sends what stands first, and mode 0 suits peers of either.
    pub fn keep_video(&mut self, browser: &Description, ours: &Description, why: &str) {
        let kind = MediaKind::Video;
        // The plan has the browser's lines in its order, and only the first of a kind is offered.
        let lines = browser.media.iter().filter(|line| line.kind.is_some());
        let first = lines
            .zip(&mut self.media)
            .find(|(line, _)| is_first(browser, line, kind));
        let (Some((browser, media)), Some(ours)) = (first, ours.first(kind)) else {
            return;
        };
        if media.accepted {
            return;
        }
        let offered: Vec<SipFormat> = ours
            .formats
            .iter()
            .map(|format| SipFormat {
                format: format.clone(),
                recv: format.payload_type,
            })
            .collect();
        let mut reached = join(&browser.formats, &offered);
        send_single_units(&mut reached);
        let mut formats = reached_then_offered(&reached, browser, ours);
        for format in &mut formats {
            format.fmtp = answer_fmtp(format, None);
        }
        if formats.is_empty() {
            return;
        }
        let before = std::mem::take(&mut media.reason);
        *media = MediaPlan {
            accepted: true,
            stand_in: sees(kind, browser),
            browser: formats,
            ..MediaPlan::refused(kind, format!("{before}, but it is kept: {why}"))
        };
    }
}

/// If H.264 is first, then that of it which peers of both packetization modes take.
fn send_single_units(reached: &mut [Route]) {
    let Some(first) = reached.first().map(|route| h264(&route.browser)) else {
        return;
    };
    let place = reached.iter().position(|route| {
        route.browser.encoding == Encoding::H264 && h264(&route.browser).single_units_fit(&first)
    });
    if let Some(place) = place.filter(|_| reached[0].browser.encoding == Encoding::H264) {
        reached[..=place].rotate_right(1);
    }
}
