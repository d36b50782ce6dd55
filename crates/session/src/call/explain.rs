//! What a call negotiated, and why, as the page's `explain` asks for it.

use sdp::{Description, Format, MediaKind, MediaPlan};
use signaling::{Chosen, Explanation, Holders, MediaAddresses, Medium, Offered, Treatment};

use super::Call;
use crate::ids::LegId;

impl Call {
    /// The call as it is now, without its ladder.
    pub(crate) fn explain(&self, leg: LegId) -> Option<Explanation> {
        Some(self.explained_as(&self.legs.get(&leg)?.wire_id))
    }

    /// The same for a page that knows the call by this `callId`, or knew it.
    pub(crate) fn explained_as(&self, call_id: &str) -> Explanation {
        let negotiation = &self.sip.negotiation;
        let current = negotiation.current();
        let theirs = current
            .map(|now| now.theirs())
            .or(negotiation.theirs.as_ref());
        let browser = negotiation.browser.as_ref();
        let offered = [MediaKind::Audio, MediaKind::Video]
            .into_iter()
            .map(|kind| Offered {
                medium: medium(kind),
                browser: codecs(browser, kind),
                sip: codecs(theirs, kind),
            })
            .filter(|offered| !offered.browser.is_empty() || !offered.sip.is_empty())
            .collect();
        let plans = current.map_or(&[][..], |now| &now.plan().media);
        let (local, remote) = self.holders();
        Explanation {
            call_id: call_id.to_owned(),
            sip_call_id: None,
            offered,
            chosen: plans.iter().map(chosen).collect(),
            addresses: plans
                .iter()
                .filter_map(|media| self.address(media))
                .collect(),
            hold: Holders { local, remote },
            ladder: Vec::new(),
            ladder_omitted: 0,
        }
    }

    fn address(&self, media: &MediaPlan) -> Option<MediaAddresses> {
        if media.routes.is_empty() {
            return None;
        }
        let local = self
            .sip
            .local
            .iter()
            .find(|local| local.kind == media.kind)?;
        Some(MediaAddresses {
            medium: medium(media.kind),
            local: local.rtp.to_string(),
            remote: media.remote.map(|remote| remote.rtp.to_string()),
        })
    }
}

fn medium(kind: MediaKind) -> Medium {
    match kind {
        MediaKind::Audio => Medium::Audio,
        MediaKind::Video => Medium::Video,
    }
}

fn codecs(description: Option<&Description>, kind: MediaKind) -> Vec<String> {
    let media = description.and_then(|description| description.first(kind));
    let formats = media.map_or(&[][..], |media| &media.formats);
    formats.iter().map(Format::to_string).collect()
}

fn chosen(media: &MediaPlan) -> Chosen {
    let route = media.routes.first();
    let treatment = match route.map(|route| route.treatment) {
        _ if !media.accepted => Treatment::Refused,
        None => Treatment::StandIn,
        Some(sdp::Treatment::Pass) => Treatment::Pass,
        Some(sdp::Treatment::G711Table) => Treatment::G711,
    };
    Chosen {
        medium: medium(media.kind),
        browser: media.browser.first().map(Format::to_string),
        sip: route.map(|route| route.sip.to_string()),
        treatment,
        reason: media.reason.clone(),
    }
}
