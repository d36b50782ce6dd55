//! The plan of a call: which codec each leg has, what the bridge does between them, and why.
//!
//! A plan is plain data. It is made once the SIP side's codec is known (first SDP of an outgoing
//! call, the page's answer of an incoming one) and again at each later SDP; the browser leg is never
//! renegotiated by it.

use std::net::{IpAddr, SocketAddr};

use crate::description::{Direction, Feedback, Media, PTIME_MS};
use crate::format::{Format, MediaKind, PayloadType};

mod incoming;
mod keep_video;
mod outgoing;
mod reason;

pub use incoming::plan_incoming;
pub use outgoing::{plan_late, plan_outgoing};

/// What happens to the media of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One per audio or video m-line of the browser, in its order. An m-line of another kind (data
    /// channel) has no entry and is refused.
    pub media: Vec<MediaPlan>,
}

/// What happens to one m-line of the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPlan {
    /// Audio or video.
    pub kind: MediaKind,
    /// `false`: this browser m-line is refused (port 0), since the SIP side has nothing for it.
    /// Then `browser` and `routes` are empty.
    pub accepted: bool,
    /// Formats of the browser leg as the answer on that leg lists them: ours on an outgoing call
    /// (fmtp: what the SIP peer wants to receive), the page's on an incoming one. The first is the
    /// one really used, and what the browser sends; the others may be sent to it at any time. At
    /// most one telephone-event, last, at the clock of the first codec where the browser knows it.
    pub browser: Vec<Format>,
    /// What may pass, most wanted first; nothing on an accepted line for which the SIP side has no
    /// media ([`Plan::keep_video`]). In each direction the first route whose payload type
    /// matches is the one: `browser.payload_type` toward SIP, `sip_recv` toward the browser.
    pub routes: Vec<Route>,
    /// Where the SIP peer wants its RTP; `None` if refused, on hold by address, or no one host.
    pub remote: Option<RemoteMedia>,
    /// Direction of the SIP leg as we see it.
    pub sip_direction: Direction,
    /// Packet length the SIP peer asks for, ms; 20 if it asks for none.
    pub ptime_ms: u16,
    /// Video of an outgoing call: pictures of ours stand in while the SIP peer's do not come. A page
    /// that was promised video keeps the call silent until its first picture. Once said it holds.
    pub stand_in: bool,
    /// Why, in words.
    pub reason: String,
}

impl MediaPlan {
    fn refused(kind: MediaKind, reason: String) -> Self {
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
    /// The payload as it is. For telephone-event whose clocks differ (`browser.clock_hz`,
    /// `sip.clock_hz`) the bridge rescales duration and timestamp (RFC 4733 §2.3.5).
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
    /// We always offer and accept multiplexing, so it is agreed where the peer names it. `None` also
    /// for a group or broadcast address: nothing is ever sent there.
    fn of(media: &Media) -> Option<Self> {
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
    /// The two sides name nothing that we know on both.
    #[error("No common codecs")]
    NoCommonCodec {
        /// What the one side has, `opus/48000/2, PCMU/8000`.
        browser: String,
        /// What the other side has.
        sip: String,
    },
    /// Both sides have codecs we know, but none of the one can pass to the other.
    #[error("Transcoding required, but disabled")]
    TranscodingRequired {
        /// What the one side has.
        browser: String,
        /// What the other side has.
        sip: String,
    },
    /// A description that cannot be used; a sentence.
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
