//! The plan of a call: which codec each leg has, what the bridge does between them, and why.
//!
//! A plan is plain data. It is made when the SIP side's codec is known (by the first SDP of an
//! outgoing call, by the page's answer of an incoming one) and again at each later SDP. The browser
//! leg is never renegotiated.

use std::net::{IpAddr, SocketAddr};

use crate::description::{Direction, Feedback, Media, PTIME_MS};
use crate::format::{Format, MediaKind, PayloadType};

/// What happens to the media of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One for each audio or video m-line of the browser, in its order. An m-line of another kind
    /// (data channel) has no entry and is refused.
    pub media: Vec<MediaPlan>,
}

impl Plan {
    /// Whether the peer holds us: it does not want to hear us (`sendonly`, `inactive`, or the old
    /// `c=0.0.0.0`; RFC 3264 §8.4).
    ///
    /// Sound decides. We always want to send it, so that nobody but the peer can be the reason why we
    /// do not. A peer that only listens (`recvonly`) holds nobody, since what the page says is heard,
    /// and neither does one that stops its video alone. A call without sound is held when nothing
    /// flows either way.
    pub fn held_by_peer(&self) -> bool {
        let mut live = self.media.iter().filter(|media| media.is_live());
        match live.clone().find(|media| media.kind == MediaKind::Audio) {
            Some(audio) => !audio.sip_direction.sends(),
            None => {
                live.clone().next().is_some()
                    && live.all(|media| media.sip_direction == Direction::Inactive)
            }
        }
    }
}

/// What happens to one m-line of the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPlan {
    /// Audio or video.
    pub kind: MediaKind,
    /// `false` if this m-line of the browser is refused (port 0), since the SIP side has nothing for
    /// it. `browser` and `routes` are empty then.
    pub accepted: bool,
    /// The formats of the browser leg as the answer on that leg lists them: ours on an outgoing call
    /// (fmtp: what the SIP peer wants to receive), the page's on an incoming one. The browser sends
    /// the first, and may be sent the others at any time. At most one telephone-event, last, at the
    /// clock of the first codec if the browser knows it there.
    pub browser: Vec<Format>,
    /// What may pass, the most wanted first. Empty on an accepted line for which the SIP side has no
    /// media. In each direction the first route with the packet's payload type is taken:
    /// `browser.payload_type` toward SIP, `sip_recv` toward the browser.
    pub routes: Vec<Route>,
    /// Where the SIP peer wants its RTP. `None` if it refused the line, holds it by address, or names
    /// an address that is not one host's.
    pub remote: Option<RemoteMedia>,
    /// The direction of the SIP leg, from our side.
    pub sip_direction: Direction,
    /// The packet length that the SIP peer asks for, in ms; 20 if it asks for none.
    pub ptime_ms: u16,
    /// Video: pictures of our own are shown while the SIP peer's do not come. A page that was
    /// promised video keeps the call silent until its first picture. It stays `true` once it is.
    pub stand_in: bool,
    /// Why this was chosen, in words.
    pub reason: String,
}

impl MediaPlan {
    /// The SIP side has media for this line.
    pub fn is_live(&self) -> bool {
        self.accepted && !self.routes.is_empty()
    }

    /// The codec that the SIP leg uses; `None` if the line is not live.
    pub(crate) fn codec(&self) -> Option<&Route> {
        self.routes.iter().find(|route| !route.sip.is_event())
    }

    /// The digits of the SIP leg.
    pub(crate) fn digits(&self) -> Option<&Route> {
        self.routes.iter().find(|route| route.sip.is_event())
    }

    pub(crate) fn refused(kind: MediaKind, reason: String) -> Self {
        Self {
            kind,
            accepted: false,
            browser: Vec::new(),
            routes: Vec::new(),
            remote: None,
            sip_direction: Direction::Inactive,
            ptime_ms: PTIME_MS,
            stand_in: false,
            reason,
        }
    }
}

/// One pair of formats that the bridge joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// On the browser leg.
    pub browser: Format,
    /// On the SIP leg, as the SIP peer wrote it.
    pub sip: Format,
    /// Payload type of what we send to the SIP peer: the peer's number (RFC 3264 §5.1).
    pub sip_send: PayloadType,
    /// Payload type of what the SIP peer sends to us: our number.
    pub sip_recv: PayloadType,
    /// What happens to the payload.
    pub treatment: Treatment,
}

/// What happens to a payload between the legs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// The payload passes as it is. Where the clocks of a telephone-event differ
    /// (`browser.clock_hz`, `sip.clock_hz`) the bridge rescales its duration and timestamp
    /// (RFC 4733 §2.3.5).
    Pass,
    /// PCMU <-> PCMA, byte by byte through a table (G.191).
    G711Table,
}

/// Where the SIP peer wants its media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteMedia {
    /// RTP.
    pub rtp: SocketAddr,
    /// RTCP; equal to `rtp` if multiplexed.
    pub rtcp: SocketAddr,
    /// Both sides agreed on RFC 5761.
    pub rtcp_mux: bool,
    /// Feedback messages the peer understands.
    pub feedback: Feedback,
}

impl RemoteMedia {
    /// `None` also for a multicast or broadcast address, to which nothing is ever sent. Multiplexing
    /// is agreed if the peer names it, since we always offer and accept it.
    pub(crate) fn of(media: &Media) -> Option<Self> {
        let one_host = |at: &SocketAddr| match at.ip() {
            IpAddr::V4(addr) => !addr.is_multicast() && !addr.is_broadcast(),
            IpAddr::V6(addr) => !addr.is_multicast(),
        };
        Some(Self {
            rtp: media.rtp_addr().filter(one_host)?,
            rtcp: media.rtcp_addr().filter(one_host)?,
            rtcp_mux: media.rtcp_mux,
            feedback: media.feedback,
        })
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The two sides name no codec that we know on both.
    #[error("No common codecs")]
    NoCommonCodec {
        /// What the browser has, `opus/48000/2, PCMU/8000`.
        browser: String,
        /// What the SIP side has.
        sip: String,
    },
    /// Both sides have codecs that we know, but none can pass from the one to the other.
    #[error("Transcoding required, but disabled")]
    TranscodingRequired {
        /// What the browser has.
        browser: String,
        /// What the SIP side has.
        sip: String,
    },
    /// The description cannot be used. A sentence says why.
    #[error("{0}")]
    Unusable(String),
}

impl PlanError {
    /// The text for the page: the product's own wording where it has one.
    pub fn text(&self) -> String {
        self.to_string()
    }

    /// The text with both sides' codecs, for logs and `explain`.
    pub fn detail(&self) -> String {
        match self {
            Self::NoCommonCodec { browser, sip } | Self::TranscodingRequired { browser, sip } => {
                format!("{self}: the browser has {browser}, the SIP side has {sip}")
            }
            Self::Unusable(sentence) => sentence.clone(),
        }
    }
}
