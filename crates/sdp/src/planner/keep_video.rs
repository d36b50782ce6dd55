//! Keeps the browser's video line where the SIP side has no video, or not yet.

use super::outgoing::{answer_fmtp, reached_then_offered, sees};
use crate::description::Description;
use crate::format::{Encoding, MediaKind};
use crate::pairing::{SipFormat, join};
use crate::plan::{MediaPlan, Plan, Route};

impl Plan {
    /// Accepts the browser's video line although an answer of the SIP side has none for it. The line
    /// gets no routes and no remote, and pictures of our own are shown. `why` goes into the reason.
    ///
    /// The formats are those of our offer to the SIP side in its order, so that video of a later
    /// answer only needs routes and no renegotiation. H.264 in mode 0 goes before H.264 in mode 1,
    /// since the browser sends what stands first, and mode 0 suits peers of either mode.
    pub fn keep_video(&mut self, browser: &Description, ours: &Description, why: &str) {
        let kind = MediaKind::Video;
        // The plan has the browser's lines in its order, and only the first of a kind was offered.
        let lines = browser.media.iter().filter(|line| line.kind.is_some());
        let first = lines
            .zip(&mut self.media)
            .find(|(line, _)| browser.is_first(line, kind));
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

/// If H.264 is first, puts the format first that peers of both packetization modes take.
fn send_single_units(reached: &mut [Route]) {
    let Some(first) = reached.first().map(|route| route.browser.h264()) else {
        return;
    };
    let place = reached.iter().position(|route| {
        route.browser.encoding == Encoding::H264 && route.browser.h264().single_units_fit(&first)
    });
    if let Some(place) = place.filter(|_| reached[0].browser.encoding == Encoding::H264) {
        reached[..=place].rotate_right(1);
    }
}
