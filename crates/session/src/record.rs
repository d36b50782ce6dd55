//! The record of a call: what happened to it, once for each thing, for log, metrics and `explain`.

use std::fmt;
use std::time::{Duration, Instant};

use sip::{Cause, Side};

use crate::ids::{CallId, SessionId};

/// One thing that happened to a call. A call has one `Started` and one `Ended`; nothing follows its
/// `Ended`.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The call.
    pub call: CallId,
    /// The sessions whose pages take part in it: all that ring, then the one that talks. None for
    /// an INVITE that is refused before it rings.
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
    /// Its INVITE is so large that some networks lose it over UDP.
    LargeDatagram {
        /// Size of the INVITE.
        bytes: usize,
    },
    /// The called side has been told.
    Ringing,
    /// Both sides can talk.
    Answered {
        /// Why each medium has the codec it has; empty while the SIP side's answer is still due (a
        /// late offer).
        why: String,
    },
    /// The SIP side has answered our offer after the call was answered (a late offer).
    Agreed {
        /// Why each medium has the codec it has.
        why: String,
    },
    /// Something of it changed.
    Changed {
        /// What, in phrases: `audio is PCMA/8000 instead of PCMU/8000`.
        what: Vec<String>,
        /// Which side asked for it.
        by: Side,
        /// Why each medium has the codec that it has now.
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
            Self::LargeDatagram { bytes } => write!(
                f,
                "an INVITE of {bytes} bytes goes over UDP; some networks lose messages of that size, SIP over TCP helps"
            ),
            Self::Ringing => f.write_str("ringing"),
            Self::Answered { why } if why.is_empty() => {
                f.write_str("answered: the SIP side's SDP is still to come")
            }
            Self::Answered { why } => write!(f, "answered: {why}"),
            Self::Agreed { why } => write!(f, "agreed: {why}"),
            Self::Changed { what, by, why } => {
                write!(f, "changed by {by}: {} ({why})", what.join(", "))
            }
            Self::Ended { cause, duration } => {
                write!(f, "ended by {} ", cause.side)?;
                match duration {
                    Some(duration) => write!(f, "after {} s", duration.as_secs())?,
                    None => f.write_str("before it was answered")?,
                }
                write!(f, ": {}", cause.text)?;
                match cause.sip_code {
                    // A sentence about a refusal already names it: `(486 Busy Here)`.
                    Some(code) if !cause.text.contains(&format!("({code} ")) => {
                        write!(f, " ({code})")
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

/// What the Hub remembers of a call beside the call itself: times and names that a record needs.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) sip_call_id: Option<String>,
    /// Sessions that keep an explanation of the call, whose ladder is not whole yet.
    pub(crate) explained_to: Vec<SessionId>,
    answered: Option<Instant>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            sip_call_id: None,
            explained_to: Vec::new(),
            answered: None,
        }
    }

    /// Completes an entry with what the call itself does not know.
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
            What::Started { .. }
            | What::LargeDatagram { .. }
            | What::Ringing
            | What::Agreed { .. }
            | What::Changed { .. } => {}
        }
        Record {
            call,
            sessions,
            sip_call_id: self.sip_call_id.clone(),
            what,
        }
    }
}
