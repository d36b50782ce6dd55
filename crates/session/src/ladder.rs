//! The SIP ladder of each call: the messages that were sent and received for it, for `explain`.
//!
//! The Hub sees every SIP message. A message belongs to the call whose Call-ID and tag of ours it
//! carries: the Call-ID alone is not enough, since a proxy may lead a call of ours back to us, or fork
//! one INVITE to two of our users. Secrets are masked when a ladder is read.

mod masked;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use signaling::{LadderDirection, LadderEntry};
use sip::{Hop, Transport};

use crate::ids::CallId;

/// Messages kept of one call. When there are more, those in the middle are dropped: the set-up and the
/// latest messages stay.
const MAX_STEPS: usize = 64;
/// How many of them are the first ones of the call.
const KEPT_FROM_START: usize = 24;
/// Bytes kept of one message.
const MAX_BYTES: usize = 4096;
/// Messages that belong to no call yet: an INVITE and its 100 come before the call they make.
const MAX_UNCLAIMED: usize = 8;

/// One message.
#[derive(Debug)]
struct Step {
    at: Instant,
    direction: LadderDirection,
    transport: Transport,
    peer: SocketAddr,
    bytes: Bytes,
}

/// The messages of one call.
#[derive(Debug)]
struct Ladder {
    start: Instant,
    sip_call_id: String,
    /// Branch of the INVITE that made the call, if it came from outside.
    branch: Option<String>,
    /// Our tag, once a message of ours has shown it.
    local_tag: Option<String>,
    steps: VecDeque<Step>,
    omitted: usize,
}

impl Ladder {
    fn push(&mut self, step: Step) {
        if self.steps.len() == MAX_STEPS {
            self.steps.remove(KEPT_FROM_START);
            self.omitted += 1;
        }
        self.steps.push_back(step);
    }
}

/// The ladders of all calls.
#[derive(Debug, Default)]
pub(crate) struct Ladders {
    ladders: BTreeMap<CallId, Ladder>,
    /// Calls by Call-ID.
    names: BTreeMap<String, Vec<CallId>>,
    unclaimed: VecDeque<(Names, Step)>,
}

impl Ladders {
    /// A message came.
    pub(crate) fn received(&mut self, from: &Hop, bytes: &Bytes, now: Instant) {
        self.saw(LadderDirection::In, from, bytes, now);
    }

    /// A message goes out.
    pub(crate) fn sent(&mut self, to: &Hop, bytes: &Bytes, now: Instant) {
        self.saw(LadderDirection::Out, to, bytes, now);
    }

    fn saw(&mut self, direction: LadderDirection, hop: &Hop, bytes: &Bytes, now: Instant) {
        let Some(names) = Names::read(bytes, direction) else {
            return;
        };
        let step = Step {
            at: now,
            direction,
            transport: hop.transport,
            peer: hop.addr,
            // A copy: the original may be a piece of a large receive buffer.
            bytes: Bytes::copy_from_slice(&bytes[..bytes.len().min(MAX_BYTES)]),
        };
        match self.owner(&names, direction) {
            Some(ladder) => ladder.push(step),
            None if names.opens_a_call => {
                if self.unclaimed.len() == MAX_UNCLAIMED {
                    self.unclaimed.pop_front();
                }
                self.unclaimed.push_back((names, step));
            }
            None => {}
        }
    }

    fn owner(&mut self, names: &Names, direction: LadderDirection) -> Option<&mut Ladder> {
        let calls = self.names.get(&names.call_id)?;
        let find = |fits: &dyn Fn(&Ladder) -> bool| {
            let mut calls = calls.iter().copied();
            calls.find(|call| self.ladders.get(call).is_some_and(fits))
        };
        let by_tag = find(&|ladder| names.our_tag.is_some() && ladder.local_tag == names.our_tag);
        let owner = by_tag.or_else(|| {
            find(&|ladder| match &ladder.branch {
                // The call's own INVITE, its CANCEL, and our first answers.
                Some(branch) => {
                    *branch == names.branch
                        && (ladder.local_tag.is_none() || names.our_tag.is_none())
                }
                None => ladder.local_tag.is_none() && direction == LadderDirection::Out,
            })
        })?;
        let ladder = self.ladders.get_mut(&owner)?;
        if ladder.local_tag.is_none() && direction == LadderDirection::Out {
            ladder.local_tag.clone_from(&names.our_tag);
        }
        Some(ladder)
    }

    /// A call has got its name on the SIP side. An incoming call has that of the latest INVITE.
    pub(crate) fn begin(&mut self, call: CallId, sip_call_id: &str, incoming: bool, now: Instant) {
        let mut ladder = Ladder {
            start: now,
            sip_call_id: sip_call_id.to_owned(),
            branch: None,
            local_tag: None,
            steps: VecDeque::new(),
            omitted: 0,
        };
        if incoming {
            let of_call = |(names, _): &&(Names, Step)| names.call_id == sip_call_id;
            let invite = self.unclaimed.iter().rev().find(of_call);
            ladder.branch = invite.map(|(names, _)| names.branch.clone());
            for (names, step) in std::mem::take(&mut self.unclaimed) {
                let is_mine =
                    names.call_id == sip_call_id && Some(&names.branch) == ladder.branch.as_ref();
                if is_mine {
                    if step.direction == LadderDirection::Out {
                        ladder.local_tag = names.our_tag.or(ladder.local_tag);
                    }
                    ladder.push(step);
                } else {
                    self.unclaimed.push_back((names, step));
                }
            }
        }
        self.ladders.insert(call, ladder);
        let calls = self.names.entry(sip_call_id.to_owned()).or_default();
        calls.push(call);
    }

    /// The call is forgotten.
    pub(crate) fn forget(&mut self, call: CallId) {
        let Some(ladder) = self.ladders.remove(&call) else {
            return;
        };
        if let Some(calls) = self.names.get_mut(&ladder.sip_call_id) {
            calls.retain(|other| *other != call);
            if calls.is_empty() {
                self.names.remove(&ladder.sip_call_id);
            }
        }
    }

    /// The ladder of a call with its secrets masked, and how many messages are missing from its
    /// middle.
    pub(crate) fn read(&self, call: CallId) -> (Vec<LadderEntry>, usize) {
        let Some(ladder) = self.ladders.get(&call) else {
            return (Vec::new(), 0);
        };
        let steps = ladder.steps.iter().map(|step| {
            let text = masked::masked(&step.bytes);
            LadderEntry {
                at_ms: step.at.saturating_duration_since(ladder.start).as_millis() as u64,
                direction: step.direction,
                transport: match step.transport {
                    Transport::Udp => "UDP".into(),
                    Transport::Tcp => "TCP".into(),
                    Transport::Tls => "TLS".into(),
                },
                peer: step.peer.to_string(),
                summary: summary(&text),
                text,
            }
        });
        (steps.collect(), ladder.omitted)
    }

    /// Calls with a ladder, those indexed but forgotten included.
    pub(crate) fn len(&self) -> usize {
        let indexed = self.names.values().map(Vec::len).sum();
        self.ladders.len().max(indexed)
    }
}

/// What identifies a message.
#[derive(Debug)]
struct Names {
    call_id: String,
    /// Of From or To, whichever is ours.
    our_tag: Option<String>,
    /// Of the topmost Via.
    branch: String,
    /// INVITE without To-tag, or an answer of ours to an INVITE.
    opens_a_call: bool,
}

impl Names {
    fn read(bytes: &[u8], direction: LadderDirection) -> Option<Self> {
        let head = head(bytes);
        let (start, fields) = head.split_once('\n')?;
        let response = start.starts_with("SIP/2.0 ");
        let (mut call_id, mut from, mut to, mut via, mut cseq) = (None, None, None, None, None);
        for line in fields.lines() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let slot = match name.trim().to_ascii_lowercase().as_str() {
                "call-id" | "i" => &mut call_id,
                "from" | "f" => &mut from,
                "to" | "t" => &mut to,
                "via" | "v" => &mut via,
                "cseq" => &mut cseq,
                _ => continue,
            };
            slot.get_or_insert(value.trim());
        }
        let sent = direction == LadderDirection::Out;
        // A request names its sender in From, and so does the answer to it.
        let ours = if sent != response { from } else { to };
        let tag = ours.and_then(|field| parameter(field, "tag"));
        let is_invite = cseq.is_some_and(|cseq| cseq.ends_with("INVITE"));
        Some(Self {
            call_id: call_id?.to_owned(),
            our_tag: tag.map(str::to_owned),
            branch: via.and_then(|via| parameter(via, "branch"))?.to_owned(),
            opens_a_call: is_invite
                && (if response {
                    sent
                } else {
                    !sent && tag.is_none()
                }),
        })
    }
}

/// Start line and header fields.
fn head(bytes: &[u8]) -> &str {
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or(bytes.len());
    match std::str::from_utf8(&bytes[..end]) {
        Ok(text) => text,
        // The text before the first invalid byte is enough: it names the message.
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// A parameter of a header field, outside of angle brackets.
fn parameter<'a>(field: &'a str, name: &str) -> Option<&'a str> {
    let after = field.rsplit_once('>').map_or(field, |(_, after)| after);
    after.split([';', ',']).find_map(|part| {
        let (of, value) = part.split_once('=')?;
        of.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// `INVITE`, or `180 Ringing to INVITE`.
fn summary(text: &str) -> String {
    let start = text.lines().next().unwrap_or_default();
    let Some(status) = start.strip_prefix("SIP/2.0 ") else {
        return start.split(' ').next().unwrap_or_default().to_owned();
    };
    let cseq = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("cseq").then_some(value)
    });
    let method = cseq.and_then(|cseq| cseq.split_whitespace().last());
    format!("{} to {}", status.trim(), method.unwrap_or("?"))
}
