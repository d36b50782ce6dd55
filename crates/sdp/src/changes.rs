//! What differs between two plans of a call, in words.

use crate::plan::{MediaPlan, Plan, Route};
use crate::words::describe;

impl Plan {
    /// What differs from the plan before, each a phrase for logs and `explain`: `audio is PCMA/8000
    /// instead of PCMU/8000`. Empty if nothing does.
    pub fn changes_since(&self, before: &Plan) -> Vec<String> {
        let mut changes = Vec::new();
        for (now, before) in self.media.iter().zip(&before.media) {
            note_changes(now, before, &mut changes);
        }
        match (before.held_by_peer(), self.held_by_peer()) {
            (false, true) => changes.push("the SIP side holds the call".into()),
            (true, false) => changes.push("the SIP side resumes the call".into()),
            _ => {}
        }
        changes
    }

    /// Why the codecs of this plan were chosen, one phrase for each m-line.
    pub fn reasons(&self) -> String {
        let reasons = self.media.iter();
        let reasons: Vec<String> = reasons
            .map(|media| format!("{}: {}", media.kind, media.reason))
            .collect();
        reasons.join("; ")
    }
}

fn note_changes(now: &MediaPlan, before: &MediaPlan, changes: &mut Vec<String>) {
    let kind = now.kind;
    match (before.is_live(), now.is_live()) {
        (false, false) => return,
        (true, false) => return changes.push(format!("{kind} ends: {}", now.reason)),
        (false, true) => return changes.push(format!("{kind} begins: {}", now.reason)),
        (true, true) => {}
    }
    let mut compare = |what: &str, before: String, now: String| {
        if before != now {
            changes.push(format!("{kind} {what} {now} instead of {before}"));
        }
    };
    let codec = |media: &MediaPlan| words_of(media.codec());
    let digits = |media: &MediaPlan| words_of(media.digits());
    let numbers = |media: &MediaPlan| {
        media.codec().map_or_else(String::new, |route| {
            format!("{} out and {} in", route.sip_send, route.sip_recv)
        })
    };
    let remote = |media: &MediaPlan| {
        media
            .remote
            .map_or("nowhere".into(), |remote| remote.rtp.to_string())
    };
    compare("is", codec(before), codec(now));
    if codec(before) == codec(now) {
        compare("has the payload types", numbers(before), numbers(now));
    }
    compare("carries digits as", digits(before), digits(now));
    compare("goes to", remote(before), remote(now));
    compare(
        "is",
        before.sip_direction.name().into(),
        now.sip_direction.name().into(),
    );
    compare(
        "has packets of",
        format!("{} ms", before.ptime_ms),
        format!("{} ms", now.ptime_ms),
    );
}

fn words_of(route: Option<&Route>) -> String {
    route.map_or("none".into(), |route| describe(&route.sip))
}
