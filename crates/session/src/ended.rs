//! The last calls of a session that ended, for `explain`: people ask why a call failed when it has failed.

use std::collections::VecDeque;

use signaling::Explanation;

use crate::hub::Hub;
use crate::ids::{CallId, SessionId};

/// Calls kept of one session.
const MAX_CALLS: usize = 4;
/// Bytes kept of one session: as many as one explanation may have on the wire.
const MAX_BYTES: usize = signaling::MAX_FRAME_BYTES;

/// One call that ended for its page.
#[derive(Debug)]
struct Ended {
    /// The call, while its SIP side is still ending and its ladder grows.
    ending: Option<CallId>,
    /// With its ladder once nothing is added to it.
    explanation: Explanation,
    bytes: usize,
}

impl Ended {
    fn new(ending: Option<CallId>, explanation: Explanation) -> Self {
        Self {
            ending,
            bytes: explanation.wire_len(),
            explanation,
        }
    }
}

/// See the module. The oldest call goes first.
#[derive(Debug, Default)]
pub(crate) struct EndedCalls(VecDeque<Ended>);

impl EndedCalls {
    fn push(&mut self, ended: Ended) {
        self.0.push_back(ended);
        self.trim();
    }

    /// The call with this `callId` that ended last.
    fn find(&self, call_id: &str) -> Option<&Ended> {
        let mut latest = self.0.iter().rev();
        latest.find(|ended| ended.explanation.call_id == call_id)
    }

    fn trim(&mut self) {
        let bytes = |calls: &VecDeque<Ended>| calls.iter().map(|ended| ended.bytes).sum::<usize>();
        while self.0.len() > MAX_CALLS || bytes(&self.0) > MAX_BYTES {
            self.0.pop_front();
        }
    }
}

impl Hub {
    /// A page's part in a call is over: what it may still ask of it is kept, if it may ask at all.
    pub(crate) fn keep_explanation(&mut self, id: CallId, session: SessionId, call_id: &str) {
        let (Some(call), Some(entry)) = (self.calls.get(&id), self.sessions.get_mut(&session))
        else {
            return;
        };
        if !entry.has(signaling::Feature::Explain) {
            return;
        }
        let mut explanation = call.explained_as(call_id);
        let ending = call.is_ending().then_some(id);
        let journal = self.journals.get_mut(&id);
        explanation.sip_call_id = journal.as_ref().and_then(|j| j.sip_call_id.clone());
        if ending.is_none() {
            // The call goes on with another page, and what happens in it is not for this one.
            (explanation.ladder, explanation.ladder_omitted) = self.ladders.read(id);
            explanation.fit();
        } else if let Some(journal) = journal {
            journal.explained_to.push(session);
        }
        entry.ended.push(Ended::new(ending, explanation));
    }

    /// The call is about to be forgotten, and its ladder is whole.
    pub(crate) fn keep_ladder(&mut self, id: CallId) {
        let journal = self.journals.get_mut(&id);
        let sessions = journal.map(|journal| std::mem::take(&mut journal.explained_to));
        for session in sessions.unwrap_or_default() {
            let Some(session) = self.sessions.get_mut(&session) else {
                continue;
            };
            for ended in session.ended.0.iter_mut().filter(|e| e.ending == Some(id)) {
                let mut whole = ended.explanation.clone();
                (whole.ladder, whole.ladder_omitted) = self.ladders.read(id);
                whole.fit();
                *ended = Ended::new(None, whole);
            }
            session.ended.trim();
        }
    }

    /// What is kept of a call that ended.
    pub(crate) fn explanation_of_ended(
        &self,
        session: SessionId,
        call_id: &str,
    ) -> Option<Explanation> {
        let ended = self.sessions.get(&session)?.ended.find(call_id)?;
        let mut explanation = ended.explanation.clone();
        if let Some(call) = ended.ending {
            (explanation.ladder, explanation.ladder_omitted) = self.ladders.read(call);
            explanation.fit();
        }
        Some(explanation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signaling::Holders;

    fn ended(call_id: &str, text: usize) -> Ended {
        let explanation = Explanation {
            call_id: call_id.to_owned(),
            sip_call_id: Some("x".repeat(text)),
            offered: Vec::new(),
            chosen: Vec::new(),
            addresses: Vec::new(),
            hold: Holders::default(),
            ladder: Vec::new(),
            ladder_omitted: 0,
        };
        Ended::new(None, explanation)
    }

    #[test]
    fn four_calls_are_kept_and_the_oldest_goes_first() {
        let mut calls = EndedCalls::default();
        for id in ["c1", "c2", "c3", "c4", "c5"] {
            calls.push(ended(id, 100));
        }
        assert!(calls.find("c1").is_none());
        assert!(calls.find("c2").is_some() && calls.find("c5").is_some());
    }

    #[test]
    fn fewer_are_kept_where_they_are_large() {
        let mut calls = EndedCalls::default();
        for id in ["c1", "c2", "c3"] {
            calls.push(ended(id, MAX_BYTES / 2 - 300));
        }
        assert!(calls.find("c1").is_none());
        assert!(calls.find("c2").is_some() && calls.find("c3").is_some());
    }

    #[test]
    fn of_two_calls_of_one_name_the_later_one_is_found() {
        let mut calls = EndedCalls::default();
        calls.push(ended("c1", 1));
        calls.push(ended("c1", 2));
        let found = calls.find("c1").unwrap();
        assert_eq!(found.explanation.sip_call_id.as_deref(), Some("xx"));
    }
}
