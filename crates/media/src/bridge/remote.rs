//! The SIP peer's end of one m-line: where it is, what it speaks, what it obeys.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sdp::{Encoding, Feedback, MediaKind, MediaPlan, Route};

use super::RtpOrRtcp;
use super::silence::Silence;
use crate::latch::{Latch, RtcpLatch, canonical};
use crate::rebase::{Clocks, Payload};
use crate::settings::BridgeSettings;

#[derive(Debug)]
pub(super) struct Remote {
    kind: MediaKind,
    pub(super) latch: Latch,
    pub(super) rtcp: RtcpLatch,
    pub(super) feedback: Feedback,
    pub(super) ptime_ms: u16,
    routes: Vec<Route>,
    /// Routes of earlier plans whose numbers the present one does not use. A number never changes
    /// its codec (RFC 3264 §8.3.2), so packets that were on their way still say what they are.
    earlier: Vec<Route>,
    /// In the codec that we send by preference.
    pub(super) silence: Option<Silence>,
    rtcp_mux: bool,
    sends: bool,
    receives: bool,
}

impl Remote {
    /// None if the plan names no peer and there was none. `before`: the same m-line under the plan
    /// before; if the peer stays where it was, what was learned of it stays too.
    pub(super) fn new(
        media: &MediaPlan,
        before: Option<Remote>,
        settings: &BridgeSettings,
        signalling: &[IpAddr],
        now: Instant,
    ) -> Option<Self> {
        let earlier = before.as_ref().map_or_else(Vec::new, |before| {
            let all = before.routes.iter().chain(&before.earlier);
            let fits = |route: &&Route| {
                let renumbered = |now: &Route| now.sip_recv == route.sip_recv;
                media.browser.contains(&route.browser) && !media.routes.iter().any(renumbered)
            };
            all.filter(fits).cloned().collect()
        });
        let (latch, rtcp, rtcp_mux, feedback) = match (&media.remote, before) {
            // Held by address 0.0.0.0: nothing to send to, and the peer is still who it was.
            (None, Some(before)) => (before.latch, before.rtcp, before.rtcp_mux, before.feedback),
            (None, None) => return None,
            (Some(at), before) => {
                let before = before.filter(|before| before.latch.sdp() == canonical(at.rtp));
                let (latch, rtcp) = match before {
                    Some(mut before) => {
                        before.latch.sdp_again(now);
                        (before.latch, Some(before.rtcp))
                    }
                    None => {
                        let (mode, here) = (settings.symmetric_rtp, Arc::clone(&settings.here));
                        (Latch::new(mode, at.rtp, signalling, here, now), None)
                    }
                };
                let rtcp = rtcp
                    .filter(|rtcp| rtcp.sdp() == canonical(at.rtcp))
                    .unwrap_or_else(|| RtcpLatch::new(at.rtcp));
                (latch, rtcp, at.rtcp_mux, at.feedback)
            }
        };
        let ptime_ms = media.ptime_ms.clamp(10, 200);
        let routes = media.routes.clone();
        Some(Self {
            kind: media.kind,
            latch,
            rtcp,
            feedback,
            ptime_ms,
            silence: routes
                .iter()
                .find(|route| route.sip.encoding != Encoding::TelephoneEvent)
                .and_then(|route| Silence::of(route, ptime_ms)),
            routes,
            earlier,
            rtcp_mux,
            sends: media.sip_direction.sends() && media.remote.is_some(),
            receives: media.sip_direction.receives(),
        })
    }

    /// We may send to the peer.
    pub(super) fn sends(&self) -> bool {
        self.sends
    }

    /// Length of a packet of audio to the peer.
    pub(super) fn ptime(&self) -> Duration {
        Duration::from_millis(self.ptime_ms.into())
    }

    /// The peer may send to us.
    pub(super) fn receives(&self) -> bool {
        self.receives
    }

    /// The route of a packet from the SIP peer.
    pub(super) fn incoming(&self, payload_type: u8) -> Option<&Route> {
        let mut all = self.routes.iter().chain(&self.earlier);
        all.find(|route| route.sip_recv.get() == payload_type)
    }

    /// The route of a packet from the browser.
    pub(super) fn outgoing(&self, payload_type: u8) -> Option<&Route> {
        self.routes
            .iter()
            .find(|route| route.browser.payload_type.get() == payload_type)
    }

    /// Where RTCP goes.
    pub(super) fn rtcp_target(&self) -> Option<(RtpOrRtcp, SocketAddr)> {
        if self.rtcp_mux {
            Some((RtpOrRtcp::Rtp, self.latch.target()?))
        } else {
            Some((RtpOrRtcp::Rtcp, self.rtcp.target(&self.latch)?))
        }
    }

    /// What a route's packets are to the numbering.
    pub(super) fn payload_kind(&self, route: &Route) -> Payload {
        let ptime_ms = self.ptime_ms;
        match (self.kind, &route.sip.encoding) {
            (MediaKind::Video, _) => Payload::Video,
            (MediaKind::Audio, Encoding::TelephoneEvent) => Payload::Event { ptime_ms },
            (MediaKind::Audio, _) => Payload::Audio { ptime_ms },
        }
    }
}

/// The clocks of a route, SIP peer to browser.
pub(super) fn clocks_to_browser(route: &Route) -> Clocks {
    Clocks {
        from_hz: route.sip.clock_hz.max(1),
        to_hz: route.browser.clock_hz.max(1),
    }
}

/// The clocks of a route, browser to SIP peer.
pub(super) fn clocks_to_sip(route: &Route) -> Clocks {
    let Clocks { from_hz, to_hz } = clocks_to_browser(route);
    Clocks {
        from_hz: to_hz,
        to_hz: from_hz,
    }
}
