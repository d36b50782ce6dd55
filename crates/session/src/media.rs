//! What signalling says to media, and what media says back.
//!
//! `session` never sees a packet: it *names* what media shall do. The shell's media shards perform
//! [`MediaCommand`]s and answer with [`MediaEvent`]s. A test plays the media side in three lines.
//!
//! A call is one SIP leg and n browser legs. Every leg of a call lives on the shard on which its
//! first command ([`MediaCommand::OpenSipLeg`]) placed it.

use std::fmt;
use std::net::IpAddr;

use sdp::{BrowserMedia, LocalMedia, MediaKind, Plan};

pub use crate::ids::{CallId, LegId, StreamId};

/// Address family of the SIP-side ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl Family {
    /// That of an address.
    pub(crate) fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// Who makes the offer on a browser leg (JSEP, RFC 8829).
#[derive(Debug, Clone, PartialEq)]
pub enum BrowserLegMode {
    /// The browser offered (outgoing call); `plan` says which formats our answer takes.
    Answer {
        /// The browser's SDP.
        offer: String,
        /// Formats, their order, and what is rejected.
        plan: Plan,
    },
    /// We offer (incoming call).
    Offer {
        /// The m-lines of our offer, in order.
        media: Vec<BrowserMedia>,
    },
}

/// Imperatives to the media side. Each names a call; unknown calls and legs are ignored.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaCommand {
    /// Place the call on a shard and open its RTP ports -> `SipLegOpened` | `SipLegFailed`.
    OpenSipLeg {
        /// The call; must be new.
        call: CallId,
        /// One pair of ports for each.
        media: Vec<MediaKind>,
        /// Family of the addresses.
        family: Family,
    },
    /// Make a peer connection -> `BrowserAnswer` | `BrowserOffer` | `BrowserFailed`.
    OpenBrowserLeg {
        /// The call.
        call: CallId,
        /// The leg; must be new.
        leg: LegId,
        /// Who offers.
        mode: BrowserLegMode,
    },
    /// The page answered our offer -> `BrowserAccepted` | `BrowserFailed`.
    AcceptBrowserAnswer {
        /// The call.
        call: CallId,
        /// The leg that offered.
        leg: LegId,
        /// The browser's SDP.
        answer: String,
    },
    /// Where the SIP peer is and which payload types it uses. It may come again with a changed plan
    /// (address, payload numbers, directions), which does not disturb the browser leg.
    ConnectSipLeg {
        /// The call.
        call: CallId,
        /// The early dialog this plan belongs to.
        stream: StreamId,
        /// Formats, addresses and routes.
        plan: Plan,
        /// What this peer's SIP tells of its address: its media may come from there, too. The best comes first, the
        /// source of the SIP last. Empty: nothing new is known.
        signalling: Vec<IpAddr>,
    },
    /// The early dialog that is heard from now on.
    SelectRemoteStream {
        /// The call.
        call: CallId,
        /// Its stream.
        stream: StreamId,
    },
    /// The browser leg that is live from now on; the other legs stay open and silent.
    SelectBrowserLeg {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// Hold the SIP side, or let it hear the browser again. While held nothing of the browser's media
    /// goes to the SIP side; silence in the negotiated codec goes out instead where the codec has one.
    SetHold {
        /// The call.
        call: CallId,
        /// Whether it is held.
        held: bool,
    },
    /// Hand a browser leg to a call on the same shard (transfer).
    MoveBrowserLeg {
        /// The call that has the leg.
        from_call: CallId,
        /// The call that gets it.
        to_call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// End one browser leg.
    CloseLeg {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// End all legs and free the ports. Nothing is answered.
    CloseCall {
        /// The call.
        call: CallId,
    },
}

/// What happened on the media side.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaEvent {
    /// Ports are open; these are the addresses to advertise.
    SipLegOpened {
        /// The call.
        call: CallId,
        /// One for each kind asked for, same order.
        local: Vec<LocalMedia>,
    },
    /// No ports; the call has no media and is gone from the shard.
    SipLegFailed {
        /// The call.
        call: CallId,
        /// Why.
        failure: MediaFailure,
    },
    /// Our offer for the page.
    BrowserOffer {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// SDP with candidates.
        sdp: String,
    },
    /// Our answer for the page.
    BrowserAnswer {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// SDP with candidates.
        sdp: String,
    },
    /// The page's answer was taken.
    BrowserAccepted {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// ICE and DTLS are up: media flows.
    BrowserConnected {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// The leg is gone.
    BrowserFailed {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// Why.
        failure: MediaFailure,
    },
    /// The whole call is gone from its shard (a panic, or the shard itself).
    CallFailed {
        /// The call.
        call: CallId,
        /// Why.
        failure: MediaFailure,
    },
}

impl MediaEvent {
    /// The call this event is about.
    pub fn call(&self) -> CallId {
        match self {
            Self::SipLegOpened { call, .. }
            | Self::SipLegFailed { call, .. }
            | Self::BrowserOffer { call, .. }
            | Self::BrowserAnswer { call, .. }
            | Self::BrowserAccepted { call, .. }
            | Self::BrowserConnected { call, .. }
            | Self::BrowserFailed { call, .. }
            | Self::CallFailed { call, .. } => *call,
        }
    }
}

/// Why media failed. `Display` is the sentence for the page and the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaFailure {
    /// `media_port_from..media_port_to` is used up.
    NoPorts,
    /// We have no address of this family for the SIP side's media.
    NoAddress(Family),
    /// The browser's SDP can't be used; the sentence says why.
    BadSdp(String),
    /// ICE did not connect, or was lost (RFC 8445, RFC 7675).
    Ice,
    /// The DTLS handshake failed; the sentence says why.
    Dtls(String),
    /// The browser closed DTLS: its page has hung up, or has gone.
    Closed,
    /// A defect of ours ended this call and no other.
    Panicked,
    /// The media side is shutting down.
    Gone,
}

impl fmt::Display for MediaFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPorts => f.write_str(
                "No free RTP port: widen media_port_from..media_port_to, or try again later.",
            ),
            Self::NoAddress(family) => write!(
                f,
                "This server has no {family} address for media, which the SIP side needs (settings ip and media_advertise)."
            ),
            Self::BadSdp(why) => write!(f, "The browser's SDP cannot be used: {why}"),
            Self::Ice => f.write_str("Failed by ICE error"),
            Self::Dtls(why) => write!(f, "Failed by DTLS error: {why}"),
            Self::Closed => f.write_str("Failed by DTLS error: the browser closed it"),
            Self::Panicked => f.write_str(
                "An internal error ended this call; other calls are unharmed. Please report it.",
            ),
            Self::Gone => f.write_str("The media engine is stopping."),
        }
    }
}
