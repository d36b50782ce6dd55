//! The SIP side of a call: its ports, and what the two sides have said about media (RFC 3264).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use sdp::{Description, LocalMedia, MediaKind, Origin, Plan};

use crate::ids::StreamId;

/// The SIP side of a call.
#[derive(Debug)]
pub(super) struct SipLeg {
    /// Our addresses for its media, once media opened them.
    pub(super) local: Vec<LocalMedia>,
    /// Lines that the page adds to the session part of our SDP (`sipSDP`).
    pub(super) session_lines: Vec<String>,
    /// Where the peer's SIP comes from: its media may come from there, too.
    pub(super) signalling: Option<IpAddr>,
    /// The user agent owes the last event of this call's INVITE.
    pub(super) invited: bool,
    pub(super) negotiation: Negotiation,
}

impl SipLeg {
    pub(super) fn new(origin_id: u64) -> Self {
        Self {
            local: Vec::new(),
            session_lines: Vec::new(),
            signalling: None,
            invited: false,
            negotiation: Negotiation {
                origin_id,
                browser: None,
                browser_text: String::new(),
                ours: None,
                theirs: None,
                streams: BTreeMap::new(),
                agreements: BTreeMap::new(),
                selected: None,
            },
        }
    }

    /// `o=` of our first description in this call.
    pub(super) fn origin(&self) -> Origin {
        let first = self.local.first().map(|media| media.rtp.ip());
        Origin {
            session_id: self.negotiation.origin_id,
            version: 1,
            addr: first.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        }
    }
}

/// What has been offered and answered, on the browser leg once and on the SIP leg as often as need be.
#[derive(Debug)]
pub(super) struct Negotiation {
    /// `o=` session id of our descriptions.
    origin_id: u64,
    /// What the browser said: its offer (outgoing call), or its answer (incoming call). The browser
    /// leg is never renegotiated, so this holds for the life of the call.
    pub(super) browser: Option<Description>,
    /// The browser's offer as the page sent it.
    pub(super) browser_text: String,
    /// What we said in INVITE or in the first answer to it. Each dialog of the INVITE begins with it.
    pub(super) ours: Option<Description>,
    /// What the peer said in INVITE, or in answer to an offer of ours that the page had not yet
    /// answered.
    pub(super) theirs: Option<Description>,
    /// The remote dialogs, by To-tag.
    streams: BTreeMap<String, StreamId>,
    /// What was agreed in each of them.
    agreements: BTreeMap<StreamId, Agreement>,
    /// The dialog that is heard.
    pub(super) selected: Option<StreamId>,
}

/// What an offer and its answer came to in one dialog.
#[derive(Debug, Clone)]
pub(super) struct Agreement {
    /// Our latest description in this dialog, whatever became of it: the next one counts on from
    /// its `o=` version.
    pub(super) ours: Description,
    /// The peer's latest description that counts.
    pub(super) theirs: Description,
    /// What they come to.
    pub(super) plan: Plan,
}

impl Negotiation {
    /// The stream of a remote dialog, a new one if need be.
    pub(super) fn stream_of(&mut self, remote_tag: &str) -> StreamId {
        let next = StreamId(self.streams.len() as u32);
        *self.streams.entry(remote_tag.to_owned()).or_insert(next)
    }

    /// The stream of a remote dialog in which something was agreed.
    pub(super) fn agreed_with(&self, remote_tag: &str) -> Option<StreamId> {
        let stream = self.streams.get(remote_tag).copied()?;
        self.agreements.contains_key(&stream).then_some(stream)
    }

    pub(super) fn agree(&mut self, stream: StreamId, agreement: Agreement) {
        self.agreements.insert(stream, agreement);
    }

    /// What holds in the dialog that is heard.
    pub(super) fn current(&self) -> Option<&Agreement> {
        self.agreements.get(&self.selected?)
    }

    /// The page has been answered with video, in whichever dialog.
    pub(super) fn video_is_up(&self) -> bool {
        let is_video = |media: &sdp::MediaPlan| media.kind == MediaKind::Video && media.accepted;
        let mut agreements = self.agreements.values();
        agreements.any(|agreement| agreement.plan.media.iter().any(is_video))
    }
}
