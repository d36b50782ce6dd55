//! Random walks: {1xx, 2xx, refusal, CANCEL, BYE, ACK, timer, media, WebSocket lost, answer, hangup}
//! in any order, over 10,000 seeds. After each walk the invariants hold; over all walks every
//! reachable (state, input) row was hit. Five deliberate faults are each found.

mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use session::SocketId;
use testkit::sip_text;
use world::{PHONE_SDP, World, contact_uri};

const SEEDS: u64 = 10_000;
const STEPS: usize = 14;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Provisional,
    ProvisionalWithSdp,
    Success,
    SuccessOfAnotherFork,
    Refusal,
    PeerCancel,
    PeerBye,
    PeerAck,
    PeerAnswersOurRequests,
    Timer,
    Media,
    SocketLost,
    PageAnswer,
    PageHangup,
}

const OUTGOING: [Step; 11] = [
    Step::Provisional,
    Step::ProvisionalWithSdp,
    Step::Success,
    Step::SuccessOfAnotherFork,
    Step::Refusal,
    Step::PeerBye,
    Step::PeerAnswersOurRequests,
    Step::Timer,
    Step::Media,
    Step::SocketLost,
    Step::PageHangup,
];
const INCOMING: [Step; 9] = [
    Step::PeerCancel,
    Step::PeerBye,
    Step::PeerAck,
    Step::PeerAnswersOurRequests,
    Step::Timer,
    Step::Media,
    Step::SocketLost,
    Step::PageAnswer,
    Step::PageHangup,
];

type Rows = BTreeMap<(String, Step), u64>;

/// One walk: the world, and what the scripted SIP side did and saw.
struct Walk {
    w: World,
    page: SocketId,
    page_lost: bool,
    incoming: bool,
    /// Our INVITE, or the peer's.
    invite: Option<String>,
    wire_id: String,
    /// Every SIP message of ours.
    ours: Vec<String>,
    /// Requests of ours that the peer has not answered.
    unanswered: Vec<String>,
    /// To-tags of 2xx the peer sent to our INVITE, and whether its dialog was BYEd by either side.
    successes: BTreeSet<String>,
    first_success: Option<std::time::Instant>,
    bye_from_peer: bool,
    refused: bool,
    cseq: u32,
}

impl Walk {
    fn outgoing(seed: u64) -> Self {
        let mut w = World::with(world::config(), [seed as u8; 32]);
        let page = w.guest("10006");
        w.frames(page);
        w.media.manual = true;
        w.call(page, "c1", "10005");
        Self::new(w, page, false, None, "c1".into())
    }

    fn incoming(seed: u64) -> Self {
        let mut w = World::with(world::config(), [seed as u8; 32]);
        let page = w.connect("10006");
        let register = w.expect_sip("REGISTER");
        w.answer_register(&register);
        w.frames(page);
        w.media.manual = true;
        let invite = w.invite_for(&contact_uri(&register), "in1", PHONE_SDP);
        Self::new(w, page, true, Some(invite), String::new())
    }

    fn new(w: World, page: SocketId, incoming: bool, invite: Option<String>, id: String) -> Self {
        Self {
            w,
            page,
            page_lost: false,
            incoming,
            invite,
            wire_id: id,
            ours: Vec::new(),
            unanswered: Vec::new(),
            successes: BTreeSet::new(),
            first_success: None,
            bye_from_peer: false,
            refused: false,
            cseq: 1,
        }
    }

    fn state(&self) -> String {
        let call = self.w.hub.call_ids().first().copied();
        call.and_then(|call| self.w.hub.call_state(call))
            .unwrap_or("Ended")
            .to_owned()
    }

    /// Reads what we sent; keeps the books.
    fn look(&mut self) {
        while let Some((_, text)) = self.w.sip_out.pop_front() {
            match sip_text::method(&text) {
                Some("INVITE") if self.invite.is_none() => self.invite = Some(text.clone()),
                Some("BYE" | "CANCEL" | "REGISTER") => self.unanswered.push(text.clone()),
                _ => {}
            }
            self.ours.push(text);
        }
        if self.wire_id.is_empty() {
            let frames = self.w.pages.get(&self.page);
            let notify = frames.and_then(|frames| {
                frames
                    .iter()
                    .find(|frame| frame["message"] == "notifyIncomingCall")
            });
            if let Some(id) = notify.and_then(|frame| frame["data"][0]["callId"].as_str()) {
                self.wire_id = id.to_owned();
            }
        }
    }

    fn ok_of_ours(&self) -> Option<String> {
        self.ours
            .iter()
            .find(|text| {
                sip_text::status(text) == Some(200)
                    && sip_text::header(text, "CSeq") == Some("1 INVITE")
            })
            .cloned()
    }

    fn step(&mut self, step: Step) {
        self.look();
        let Self { incoming, .. } = *self;
        let invite = self.invite.clone();
        match (step, invite) {
            (Step::Provisional, Some(invite)) => {
                self.w.respond(&invite, "180 Ringing", "a", "");
            }
            (Step::ProvisionalWithSdp, Some(invite)) => {
                self.w
                    .respond(&invite, "183 Session Progress", "a", PHONE_SDP);
            }
            (Step::Success, Some(invite)) if !self.refused => {
                self.succeeds("a");
                self.w.respond(&invite, "200 OK", "a", PHONE_SDP);
            }
            (Step::SuccessOfAnotherFork, Some(invite)) if !self.refused => {
                self.succeeds("b");
                self.w.respond(&invite, "200 OK", "b", PHONE_SDP);
            }
            (Step::Refusal, Some(invite)) if self.successes.is_empty() => {
                self.refused = true;
                self.w.respond(&invite, "486 Busy Here", "a", "");
            }
            (Step::PeerCancel, Some(invite)) => self.peer_cancels(&invite),
            (Step::PeerBye, Some(invite)) if incoming => {
                if let Some(ok) = self.ok_of_ours() {
                    self.cseq += 1;
                    self.bye_from_peer = true;
                    self.w.in_dialog(&invite, &ok, "BYE", self.cseq);
                }
            }
            (Step::PeerBye, Some(invite)) if self.successes.contains("a") => {
                self.bye_from_peer = true;
                self.peer_byes(&invite, "a");
            }
            (Step::PeerAck, Some(invite)) => {
                if let Some(ok) = self.ok_of_ours() {
                    self.w.in_dialog(&invite, &ok, "ACK", 1);
                }
            }
            (Step::PeerAnswersOurRequests, _) => self.answer_our_requests(),
            (Step::Timer, _) => {
                self.w.next_deadline(Duration::from_secs(70));
            }
            (Step::Media, _) => {
                self.w.media_event();
            }
            (Step::SocketLost, _) if !self.page_lost => {
                self.page_lost = true;
                self.w
                    .input(session::Input::SocketClosed { socket: self.page });
                self.w.advance(Duration::ZERO);
            }
            (Step::PageAnswer, _) if !self.wire_id.is_empty() => {
                let id = self.wire_id.clone();
                self.w.answer(self.page, &id);
            }
            (Step::PageHangup, _) if !self.wire_id.is_empty() => {
                let id = self.wire_id.clone();
                self.w.hangup(self.page, &id);
            }
            _ => {}
        }
        self.look();
    }

    /// A 2xx owes an ACK only within 64 * T1 of the first (RFC 3261 §13.2.2.4).
    fn succeeds(&mut self, tag: &str) {
        let first = *self.first_success.get_or_insert(self.w.now);
        if self.w.now < first + Duration::from_secs(32) {
            self.successes.insert(tag.into());
        }
    }

    fn peer_cancels(&mut self, invite: &str) {
        let head = |name| {
            sip_text::header(invite, name)
                .expect("the INVITE has it")
                .to_owned()
        };
        let uri = sip_text::request_uri(invite).expect("a request").to_owned();
        self.w.sip(sip_text::request(
            &format!("CANCEL {uri}"),
            &[
                &format!("Via: {}", head("Via")),
                "Max-Forwards: 70",
                &format!("From: {}", head("From")),
                &format!("To: {}", head("To")),
                &format!("Call-ID: {}", head("Call-ID")),
                "CSeq: 1 CANCEL",
            ],
            "",
        ));
    }

    fn peer_byes(&mut self, invite: &str, tag: &str) {
        self.cseq += 1;
        let head = |name| {
            sip_text::header(invite, name)
                .expect("the INVITE has it")
                .to_owned()
        };
        let target = contact_uri(invite);
        self.w.sip(sip_text::request(
            &format!("BYE {target}"),
            &[
                &format!(
                    "Via: SIP/2.0/UDP {};branch=z9hG4bKbye{}",
                    world::SIP_SERVER,
                    self.cseq
                ),
                "Max-Forwards: 70",
                &format!("From: {};tag={tag}", head("To")),
                &format!("To: {}", head("From")),
                &format!("Call-ID: {}", head("Call-ID")),
                &format!("CSeq: {} BYE", self.cseq),
            ],
            "",
        ));
    }

    /// 200 to BYE, CANCEL and REGISTER; a CANCEL also ends the INVITE with 487 if nothing else did.
    fn answer_our_requests(&mut self) {
        for request in std::mem::take(&mut self.unanswered) {
            let line = "200 OK";
            self.w.sip(sip_text::respond(&request, line, "a", &[], ""));
            let cancelled = sip_text::method(&request) == Some("CANCEL");
            if cancelled && self.successes.is_empty() && !self.refused {
                self.refused = true;
                if let Some(invite) = self.invite.clone() {
                    self.w.respond(&invite, "487 Request Terminated", "a", "");
                }
            }
            self.look();
        }
    }

    /// The world goes away; what is left must be nothing. `Err` says which invariant broke.
    fn settle(mut self) -> Result<(), String> {
        let lost = self.page_lost;
        if !lost {
            self.step(Step::PageHangup);
        }
        let finals = self.finals();
        // A call whose offer was never made is unknown to the page and has nothing to finish.
        let known = usize::from(!self.wire_id.is_empty());
        if finals > 1 || (!lost && finals != known) {
            return Err(format!("the page heard {finals} final statuses"));
        }
        if !lost {
            self.step(Step::SocketLost);
        }
        for _ in 0..4 {
            self.step(Step::PeerAnswersOurRequests);
            self.step(Step::PeerAck);
            self.w.advance(Duration::from_secs(40));
        }
        while self.w.media_event() {}
        self.step(Step::PeerAnswersOurRequests);
        self.w.advance(Duration::from_secs(70));
        self.look();

        let counts = self.w.hub.counts();
        let all = [
            counts.sockets,
            counts.sessions,
            counts.registrations,
            counts.calls,
            counts.alarms,
            counts.sip.dialogs,
            counts.sip.client_transactions,
            counts.sip.server_transactions,
        ];
        if all.iter().any(|count| *count != 0) {
            return Err(format!("left over: {counts:?}"));
        }
        if !self.w.media.open.is_empty() {
            return Err(format!("ports still open: {:?}", self.w.media.open));
        }
        if self.incoming {
            self.check_incoming()
        } else {
            self.check_outgoing()
        }
    }

    /// Final statuses of the call. A `hangup` of a call that is over is answered too (R11), by a
    /// `finish` that names no caller.
    fn finals(&mut self) -> usize {
        let of_the_call = |frame: &&serde_json::Value| {
            frame["message"] == "finish" && frame["data"][0]["caller"] != ""
        };
        self.w.frames(self.page).iter().filter(of_the_call).count()
    }

    /// Invariant 4 as the caller sees it: exactly one final answer; a 2xx ends with BYE.
    fn check_incoming(&self) -> Result<(), String> {
        let finals: BTreeSet<u16> = self
            .ours
            .iter()
            .filter(|text| sip_text::header(text, "CSeq") == Some("1 INVITE"))
            .filter_map(|text| sip_text::status(text))
            .filter(|status| *status >= 200)
            .collect();
        if finals.len() != 1 {
            return Err(format!("the INVITE got the final answers {finals:?}"));
        }
        let byed = self.bye_from_peer || self.ours.iter().any(|text| text.starts_with("BYE "));
        if finals.contains(&200) && !byed {
            return Err("an answered call never ended with BYE".into());
        }
        Ok(())
    }

    /// Invariant 4 as the callee sees it: every 2xx is ACKed, and its dialog ended by a BYE.
    fn check_outgoing(&self) -> Result<(), String> {
        let to_tag = |text: &String| {
            sip_text::header(text, "To")
                .and_then(sip_text::tag)
                .map(str::to_owned)
        };
        for tag in &self.successes {
            let has = |method: &str| {
                self.ours.iter().any(|text| {
                    sip_text::method(text) == Some(method) && to_tag(text).as_deref() == Some(tag)
                })
            };
            if !has("ACK") {
                return Err(format!("the 2xx of fork {tag} was never ACKed"));
            }
            let peer_byed = self.bye_from_peer && tag == "a";
            if !has("BYE") && !peer_byed {
                return Err(format!("the dialog of fork {tag} was never BYEd"));
            }
        }
        Ok(())
    }
}

/// Walks one seed; `rows` counts what was done in which state.
fn walk(seed: u64, rows: &mut Rows) -> Result<(), String> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let incoming = seed.is_multiple_of(2);
    let mut walk = if incoming {
        Walk::incoming(seed)
    } else {
        Walk::outgoing(seed)
    };
    let steps: &[Step] = if incoming { &INCOMING } else { &OUTGOING };
    let mut trail = Vec::new();
    for _ in 0..STEPS {
        // Media and timers move a call along; without a thumb on the scale most walks end early.
        let step = if rng.random_bool(0.35) {
            Step::Media
        } else {
            *steps.choose(&mut rng).expect("there are steps")
        };
        walk.look();
        let way = if incoming { "in" } else { "out" };
        *rows
            .entry((format!("{way} {}", walk.state()), step))
            .or_default() += 1;
        trail.push(step);
        walk.step(step);
    }
    walk.settle()
        .map_err(|why| format!("seed {seed}: {why}; after {trail:?}"))
}

/// Every state of a direction may meet every input of it.
fn reachable() -> BTreeSet<(String, Step)> {
    let mut rows = BTreeSet::new();
    for state in ["Opening", "Calling", "Answered", "Established", "Ended"] {
        rows.extend(OUTGOING.map(|step| (format!("out {state}"), step)));
    }
    for state in [
        "Opening",
        "Ringing",
        "Answering",
        "Accepting",
        "Established",
        "Ended",
    ] {
        rows.extend(INCOMING.map(|step| (format!("in {state}"), step)));
    }
    rows
}

#[test]
fn ten_thousand_seeds_hold_the_invariants_and_hit_every_row() {
    let mut rows = Rows::new();
    let failures: Vec<String> = (0..SEEDS)
        .filter_map(|seed| walk(seed, &mut rows).err())
        .take(5)
        .collect();
    for ((state, step), count) in &rows {
        println!("{count:>7}  {state:<16} {step:?}");
    }
    assert!(failures.is_empty(), "{failures:#?}");
    let missed: Vec<_> = reachable()
        .into_iter()
        .filter(|row| !rows.contains_key(row))
        .collect();
    assert!(missed.is_empty(), "rows never hit: {missed:?}");
}

/// The walk with a fault planted finds it within this many seeds.
fn finds(plant: impl Fn(bool), expected: &str) {
    plant(true);
    let mut rows = Rows::new();
    let found = (0..2_000).find_map(|seed| walk(seed, &mut rows).err());
    plant(false);
    let found = found.expect("the walk did not notice the fault");
    assert!(found.contains(expected), "found something else: {found}");
}

fn hub_fault(fault: session::fault::Fault) -> impl Fn(bool) {
    move |on| session::fault::plant(on.then_some(fault))
}

fn sip_fault(fault: sip::fault::Fault) -> impl Fn(bool) {
    move |on| sip::fault::plant(on.then_some(fault))
}

#[test]
fn finds_a_double_finish() {
    finds(
        hub_fault(session::fault::Fault::DoubleFinish),
        "final statuses",
    );
}

#[test]
fn finds_a_leaked_port() {
    finds(
        hub_fault(session::fault::Fault::LeakedPort),
        "ports still open",
    );
}

#[test]
fn finds_a_lost_ack() {
    finds(sip_fault(sip::fault::Fault::LostAck), "never ACKed");
}

#[test]
fn finds_a_late_cancel_accepted() {
    finds(
        sip_fault(sip::fault::Fault::LateCancelAccepted),
        "the INVITE got the final answers",
    );
}

#[test]
fn finds_a_missing_bye_after_a_late_2xx() {
    finds(sip_fault(sip::fault::Fault::MissingBye), "was never BYEd");
}
