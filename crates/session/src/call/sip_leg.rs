//! The SIP side of a call: its ports, and what the two sides have said about media (RFC 3264).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use sdp::{Agreement, Description, LocalMedia, MediaKind, MediaPlan, Origin, Plan};

use super::hold::Hold;
use crate::ids::StreamId;

/// The SIP side of a call.
#[derive(Debug)]
pub(super) struct SipLeg {
    /// Our addresses for its media, once media opened them.
    pub(super) local: Vec<LocalMedia>,
    /// Lines that the page adds to the session part of our SDP (`sipSDP`).
    pub(super) session_lines: Vec<String>,
    /// What the peer's SIP tells of its address, the best first: its media may come from there, too.
    pub(super) signalling: Vec<IpAddr>,
    /// The user agent owes the last event of this call's INVITE.
    pub(super) invited: bool,
    pub(super) negotiation: Negotiation,
}

impl SipLeg {
    pub(super) fn new(origin_id: u64) -> Self {
        Self {
            local: Vec::new(),
            session_lines: Vec::new(),
            signalling: Vec::new(),
            invited: false,
            negotiation: Negotiation {
                origin_id,
                browser: None,
                browser_text: String::new(),
                told: None,
                ours: None,
                theirs: None,
                streams: BTreeMap::new(),
                agreements: BTreeMap::new(),
                changed: BTreeSet::new(),
                selected: None,
                hold: Hold::default(),
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
    /// The plan by which the browser was answered (outgoing call). Its browser formats hold for life.
    pub(super) told: Option<Plan>,
    /// What we said in INVITE or in the first answer to it. Each dialog of the INVITE begins with it.
    pub(super) ours: Option<Description>,
    /// What the peer said in INVITE, or in answer to an offer of ours that the page had not yet
    /// answered.
    pub(super) theirs: Option<Description>,
    /// The remote dialogs, by To-tag.
    streams: BTreeMap<String, StreamId>,
    /// What was agreed in each of them.
    agreements: BTreeMap<StreamId, Agreement>,
    /// The dialogs in which a later offer has been answered: what answered the INVITE is no longer open.
    changed: BTreeSet<StreamId>,
    /// The dialog that is heard.
    pub(super) selected: Option<StreamId>,
    /// The page's hold.
    pub(super) hold: Hold,
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

    pub(super) fn agreement(&self, stream: StreamId) -> Option<&Agreement> {
        self.agreements.get(&stream)
    }

    pub(super) fn agree(&mut self, stream: StreamId, agreement: Agreement) {
        self.agreements.insert(stream, agreement);
    }

    /// What was agreed in this dialog has been changed since, by either side.
    pub(super) fn mark_changed(&mut self, stream: StreamId) {
        self.changed.insert(stream);
    }

    /// The stream of a remote dialog whose agreement has been changed since.
    pub(super) fn changed_with(&self, remote_tag: &str) -> Option<StreamId> {
        let stream = self.agreed_with(remote_tag)?;
        self.changed.contains(&stream).then_some(stream)
    }

    /// An early dialog has ended. Returns the dialog that may be heard instead, the latest.
    pub(super) fn forget(&mut self, stream: StreamId) -> Option<StreamId> {
        self.agreements.remove(&stream);
        if self.selected == Some(stream) {
            self.selected = None;
        }
        self.agreements.keys().next_back().copied()
    }

    /// What holds in the dialog that is heard.
    pub(super) fn current(&self) -> Option<&Agreement> {
        self.agreements.get(&self.selected?)
    }

    /// Whether the page has been answered with video, in any dialog.
    pub(super) fn video_is_up(&self) -> bool {
        let is_video = |media: &MediaPlan| media.kind == MediaKind::Video && media.accepted;
        let mut plans = self
            .agreements
            .values()
            .map(Agreement::plan)
            .chain(&self.told);
        plans.any(|plan| plan.media.iter().any(is_video))
    }

    /// A plan for a further dialog of the INVITE, whose browser formats become those that the browser
    /// was told.
    pub(super) fn as_told(&self, mut plan: Plan) -> Plan {
        let told = self.told.iter().flat_map(|plan| &plan.media);
        for (media, told) in plan.media.iter_mut().zip(told) {
            if media.accepted && told.accepted {
                media.browser.clone_from(&told.browser);
            }
        }
        plan
    }
}
