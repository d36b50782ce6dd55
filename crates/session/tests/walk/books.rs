//! What the SIP side writes down of a walk, and the invariants of RFC 3261 and RFC 3264 that it holds
//! us to. It knows nothing of the Hub: it sees messages.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use testkit::sip_text;

/// A dialog as a message of ours names it: its Call-ID and the peer's tag.
type Dialog = (String, String);

/// A request of the peer.
#[derive(Debug)]
struct Asked {
    /// The call was up when it came, so that it must be answered.
    must: bool,
    finals: BTreeSet<u16>,
}

/// One side of what was said.
#[derive(Debug, Default)]
pub(crate) struct Books {
    seen: BTreeSet<String>,
    /// The highest CSeq of ours in each dialog, ACK and CANCEL aside.
    cseqs: BTreeMap<Dialog, u32>,
    /// Our latest description in each dialog.
    descriptions: BTreeMap<Dialog, (u64, String)>,
    /// Our re-INVITE without final response in each dialog, by CSeq, and since when.
    open: BTreeMap<Dialog, (u32, Instant)>,
    asked: BTreeMap<String, Asked>,
    /// RAck values of our PRACKs.
    pracked: BTreeSet<String>,
    pub(crate) broken: Option<String>,
}

impl Books {
    fn fail(&mut self, why: String) {
        self.broken.get_or_insert(why);
    }

    /// The peer sends a request; `must`: the call is up, so that it gets an answer.
    pub(crate) fn peer_asks(&mut self, request: &str, must: bool) {
        let key = key(request);
        let asked = Asked {
            must,
            finals: BTreeSet::new(),
        };
        self.asked.entry(key).or_insert(asked);
    }

    /// The peer answers our re-INVITE.
    pub(crate) fn peer_answers(&mut self, re_invite: &str) {
        self.open.remove(&dialog(re_invite, "To"));
    }

    pub(crate) fn has_pracked(&self, rack: &str) -> bool {
        self.pracked.contains(rack)
    }

    /// A message of ours.
    pub(crate) fn we_said(&mut self, text: &str, now: Instant) {
        if !self.seen.insert(text.to_owned()) {
            return; // sent once more
        }
        match (sip_text::method(text), sip_text::status(text)) {
            (Some(method), _) => self.our_request(method, text, now),
            (None, Some(status)) => self.our_response(status, text),
            (None, None) => {}
        }
    }

    fn our_request(&mut self, method: &str, text: &str, now: Instant) {
        if method == "REGISTER" {
            return;
        }
        let dialog = dialog(text, "To");
        let cseq = cseq(text);
        if !matches!(method, "ACK" | "CANCEL") {
            let before = self.cseqs.insert(dialog.clone(), cseq);
            if before.is_some_and(|before| before >= cseq) {
                self.fail(format!("our CSeq fell: {before:?}, then {cseq} {method}"));
            }
        }
        if method == "PRACK" {
            let rack = sip_text::header(text, "RAck").expect("PRACK has RAck");
            self.pracked.insert(rack.to_owned());
        }
        let in_dialog = !dialog.1.is_empty();
        if method == "INVITE" && in_dialog {
            // A re-INVITE that has no answer for 64 * T1 is over, and the call with it.
            let still = |(_, since): &(u32, Instant)| now < *since + Duration::from_secs(32);
            if self.open.get(&dialog).is_some_and(still) {
                self.fail(format!("a second offer of ours is open: {cseq} {method}"));
            }
            self.open.insert(dialog.clone(), (cseq, now));
        }
        self.our_description(dialog, text);
    }

    fn our_response(&mut self, status: u16, text: &str) {
        if status >= 200
            && let Some(asked) = self.asked.get_mut(&key(text))
        {
            asked.finals.insert(status);
            if asked.finals.len() > 1 {
                let finals = asked.finals.clone();
                let cseq = sip_text::header(text, "CSeq");
                self.fail(format!("{cseq:?} got the final responses {finals:?}"));
            }
        }
        self.our_description(dialog(text, "From"), text);
    }

    /// RFC 3264 §8: the version grows by one exactly when the description differs.
    fn our_description(&mut self, dialog: Dialog, text: &str) {
        let body = sip_text::body(text);
        let Some(origin) = body.lines().find(|line| line.starts_with("o=")) else {
            return;
        };
        let version: u64 = origin
            .split(' ')
            .nth(2)
            .and_then(|v| v.parse().ok())
            .expect("a version");
        let rest = body.replace(origin, "");
        let before = self.descriptions.get(&dialog);
        // A dialog of our INVITE begins with what the INVITE said.
        let invite = (dialog.0.clone(), String::new());
        let before = before.or_else(|| self.descriptions.get(&invite)).cloned();
        if let Some((old, text)) = before {
            let grows = u64::from(text != rest);
            if version != old + grows {
                self.fail(format!(
                    "o= went from {old} to {version}; the description changed: {}",
                    grows == 1
                ));
            }
        }
        self.descriptions.insert(dialog, (version, rest));
    }

    /// When all is over: every request was answered.
    pub(crate) fn settle(&self) -> Result<(), String> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        for (request, asked) in &self.asked {
            if asked.must && asked.finals.is_empty() {
                return Err(format!("{request} was never answered"));
            }
        }
        Ok(())
    }
}

/// What a request and its responses have in common.
fn key(text: &str) -> String {
    let via = sip_text::header(text, "Via").expect("a Via");
    let branch = via.split("branch=").nth(1).unwrap_or_default();
    let branch = branch.split(';').next().unwrap_or_default();
    let cseq = sip_text::header(text, "CSeq").expect("a CSeq");
    format!("{cseq} {branch}")
}

fn dialog(text: &str, theirs: &str) -> Dialog {
    let call_id = sip_text::header(text, "Call-ID")
        .expect("a Call-ID")
        .to_owned();
    let theirs = sip_text::header(text, theirs).expect("From and To");
    (
        call_id,
        sip_text::tag(theirs).unwrap_or_default().to_owned(),
    )
}

fn cseq(text: &str) -> u32 {
    let cseq = sip_text::header(text, "CSeq").expect("a CSeq");
    let number = cseq
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok());
    number.expect("a number")
}
