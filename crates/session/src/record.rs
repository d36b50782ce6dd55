//! The record of a call: what happened to it, once for each thing, for log, metrics and `explain`.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sdp::{MediaKind, Plan};
use sip::{Cause, Side};

use crate::ids::{CallId, SessionId};

/// One thing that happened to a call. A call has one `Started` and one `Ended`; nothing follows its
/// `Ended`.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The call.
    pub call: CallId,
    /// The sessions whose pages take part in it: all that ring, then the one that talks.
    pub sessions: Vec<SessionId>,
    /// Call-ID of its SIP leg; `None` before there is an INVITE.
    pub sip_call_id: Option<String>,
    /// What happened.
    pub what: What,
}

/// What happened to a call. `Display` is a sentence without the call's names.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A page called, or an INVITE came.
    Started {
        /// The call came from the SIP side.
        incoming: bool,
        /// Who calls.
        caller: String,
        /// Who is called.
        callee: String,
    },
    /// The called side has been told.
    Ringing,
    /// Both sides can talk.
    Answered {
        /// Why each medium has the codec it has; empty while the SIP side's answer is still due (a
        /// late offer).
        why: String,
    },
    /// Something of it changed.
    Changed {
        /// What.
        what: Vec<Change>,
        /// Whose wish it was.
        by: Side,
        /// Why each medium has the codec it has.
        why: String,
    },
    /// It is over.
    Ended {
        /// Why.
        cause: Cause,
        /// Time since it was answered; `None` if it never was.
        duration: Option<Duration>,
    },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started {
                incoming,
                caller,
                callee,
            } => {
                let way = if *incoming { "incoming" } else { "outgoing" };
                write!(f, "started: {way}, {caller} calls {callee}")
            }
            Self::Ringing => f.write_str("ringing"),
            Self::Answered { why } if why.is_empty() => {
                f.write_str("answered: the SIP side's SDP is still to come")
            }
            Self::Answered { why } => write!(f, "answered: {why}"),
            Self::Changed { what, by, why } => {
                let what: Vec<String> = what.iter().map(Change::to_string).collect();
                write!(f, "changed by {by}: {}; {why}", what.join(", "))
            }
            Self::Ended { cause, duration } => {
                let side = cause.side;
                write!(f, "ended by {side}: {}", cause.text)?;
                match duration {
                    Some(duration) => write!(f, " Duration {} s.", duration.as_secs()),
                    None => f.write_str(" It was never answered."),
                }
            }
        }
    }
}

/// One thing that changed in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Who holds it.
    Hold {
        /// The page does.
        local: bool,
        /// The SIP side does.
        remote: bool,
    },
    /// The codec on the SIP leg; `None`: this medium is refused.
    Codec {
        /// Of which medium.
        kind: MediaKind,
        /// As `a=rtpmap` writes it.
        codec: Option<String>,
    },
    /// Where the SIP side wants its media; `None`: nowhere.
    Address {
        /// Which medium.
        kind: MediaKind,
        /// Its RTP address.
        rtp: Option<SocketAddr>,
    },
    /// The page it is on.
    Page,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold { local, remote } => f.write_str(match (local, remote) {
                (false, false) => "resumed",
                (true, false) => "held by the page",
                (false, true) => "held by the SIP side",
                (true, true) => "held by both sides",
            }),
            Self::Codec { kind, codec } => match codec {
                Some(codec) => write!(f, "{kind} is {codec}"),
                None => write!(f, "{kind} is refused"),
            },
            Self::Address { kind, rtp } => match rtp {
                Some(rtp) => write!(f, "{kind} goes to {rtp}"),
                None => write!(f, "{kind} goes nowhere"),
            },
            Self::Page => f.write_str("moved to another page"),
        }
    }
}

/// Why each medium of a plan has the codec it has.
pub(crate) fn why(plan: &Plan) -> String {
    let media = plan.media.iter();
    let reasons: Vec<String> = media
        .map(|media| format!("{}: {}", media.kind, media.reason))
        .collect();
    reasons.join("; ")
}

/// What a new plan changes on the SIP leg.
pub(crate) fn changes(old: &Plan, new: &Plan) -> Vec<Change> {
    let mut changes = Vec::new();
    for (old, new) in old.media.iter().zip(&new.media) {
        let kind = new.kind;
        let codec = |media: &sdp::MediaPlan| media.routes.first().map(|route| route.sip.to_string());
        if codec(old) != codec(new) {
            let codec = codec(new);
            changes.push(Change::Codec { kind, codec });
        }
        let rtp = |media: &sdp::MediaPlan| media.remote.map(|remote| remote.rtp);
        if rtp(old) != rtp(new) {
            let rtp = rtp(new);
            changes.push(Change::Address { kind, rtp });
        }
    }
    changes
}

/// What the Hub remembers of a call beside the call itself: times and names that a record needs.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) sip_call_id: Option<String>,
    answered: Option<Instant>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            sip_call_id: None,
            answered: None,
        }
    }

    /// Completes what a call says of itself.
    pub(crate) fn record(
        &mut self,
        call: CallId,
        sessions: Vec<SessionId>,
        mut what: What,
        now: Instant,
    ) -> Record {
        match &mut what {
            What::Answered { .. } => self.answered = Some(now),
            What::Ended { duration, .. } => {
                *duration = self.answered.map(|answered| now.duration_since(answered));
            }
            What::Started { .. } | What::Ringing | What::Changed { .. } => {}
        }
        Record {
            call,
            sessions,
            sip_call_id: self.sip_call_id.clone(),
            what,
        }
    }
}
