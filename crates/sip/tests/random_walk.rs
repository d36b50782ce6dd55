//! Random interleavings of everything peer, user and time can do; what must hold in each (invariants 3 and 4).
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bench::*;
use bytes::Bytes;
use rand::Rng;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sip::{
    Counts, Event, HeaderName, InviteId, Message, Method, Request, RequestId, Response, Uri,
};

/// `SEEDS=0..100000` walks further.
const SEEDS: u64 = 300;
const STEPS: usize = 60;

/// What the peer did to an INVITE of ours, and when.
#[derive(Clone, Copy)]
struct Sent {
    at: Duration,
    provisional: bool,
    answered: Option<Duration>,
    cancelled: Option<Duration>,
    undelivered: bool,
}

impl Sent {
    /// Whether its transaction still takes a 2xx: it does until 64*T1 after the INVITE, its CANCEL or its final response.
    fn lives(&self, now: Duration) -> bool {
        let young = |since: Duration| now < since + secs(32);
        match (self.answered, self.cancelled) {
            (Some(at), _) => young(at),
            (None, Some(at)) => young(at),
            (None, None) => self.provisional || (young(self.at) && !self.undelivered),
        }
    }
}

struct Walk {
    seed: u64,
    rng: ChaCha20Rng,
    bench: Bench,
    contact: Uri,
    /// Our requests that may be answered, newest last.
    asked: Vec<Request>,
    /// Our INVITEs by branch.
    invites: BTreeMap<String, Sent>,
    /// 2xx the peer gave: (Call-ID, To tag).
    picked_up: BTreeSet<(String, String)>,
    acked: BTreeSet<(String, String)>,
    /// Dialogs either side said BYE in: (Call-ID, remote tag).
    left: BTreeSet<(String, String)>,
    calls: Vec<InviteId>,
    /// INVITEs of the peer, and the final statuses each got.
    theirs: Vec<(Request, Option<Response>)>,
    finals: BTreeMap<String, BTreeSet<u16>>,
    finals_at: BTreeMap<String, Duration>,
    /// INVITEs of the peer that got any answer; a registration that is gone makes its proxy a stranger.
    heard: BTreeSet<String>,
    last_events: BTreeMap<InviteId, (usize, bool)>,
    cseq: u32,
    /// Requests of the peer that wait for the owner of their call.
    to_answer: Vec<RequestId>,
    /// Everything that came out.
    log: Vec<String>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut bench = Bench::new();
        let (_, contact) = bench.registered();
        Self {
            seed,
            rng: ChaCha20Rng::seed_from_u64(seed),
            bench,
            contact,
            asked: Vec::new(),
            invites: BTreeMap::new(),
            picked_up: BTreeSet::new(),
            acked: BTreeSet::new(),
            left: BTreeSet::new(),
            calls: Vec::new(),
            theirs: Vec::new(),
            finals: BTreeMap::new(),
            finals_at: BTreeMap::new(),
            heard: BTreeSet::new(),
            last_events: BTreeMap::new(),
            cseq: 100,
            to_answer: Vec::new(),
            log: Vec::new(),
        }
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.rng.next_u64() % n as u64).unwrap()
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() {
            return None;
        }
        let at = self.below(from.len());
        Some(from[at].clone())
    }

    /// Books what left and what happened.
    fn observe(&mut self) {
        while let Some(sent) = self.bench.sent.pop_front() {
            self.log.push(format!("{sent:?}"));
            match sent.message {
                Message::Request(request) => self.asked_for(request, sent.at),
                Message::Response(response) => self.answered(response, sent.at),
            }
        }
        while let Some(event) = self.bench.events.pop_front() {
            self.log.push(format!("{event:?}"));
            if let Event::Offered { request, .. } | Event::Info { request, .. } = &event {
                self.to_answer.push(*request);
            }
            let (id, last) = match event {
                Event::Incoming { id, .. } => {
                    self.calls.push(id);
                    (id, false)
                }
                Event::Refused { id, .. } | Event::Ended { id, .. } => (id, true),
                Event::Located { id, .. }
                | Event::LargeDatagram { id, .. }
                | Event::Trying { id }
                | Event::Progress { id, .. }
                | Event::Answered { id, .. }
                | Event::EarlyDialogEnded { id, .. }
                | Event::OfferDue { id, .. }
                | Event::OfferPostponed { id }
                | Event::Offered { id, .. }
                | Event::OfferAnswered { id, .. }
                | Event::OfferRefused { id, .. }
                | Event::Info { id, .. }
                | Event::InfoDone { id, .. }
                | Event::Confirmed { id, .. } => (id, false),
                Event::Message { .. }
                | Event::MessageSent { .. }
                | Event::MessageSummary { .. }
                | Event::Registered { .. }
                | Event::RegistrationFailed { .. }
                | Event::Unregistered { .. } => continue,
            };
            let (_, over) = self.last_events.entry(id).or_default();
            assert!(
                !*over,
                "seed {}: an event after the last one of call {id}",
                self.seed
            );
            *over = last;
        }
    }

    fn asked_for(&mut self, request: Request, at: Duration) {
        let key = (
            request.headers.call_id().unwrap().to_owned(),
            request.headers.to().unwrap().tag.unwrap_or_default(),
        );
        match request.method {
            Method::Ack => {
                self.acked.insert(key);
                return;
            }
            Method::Bye => {
                self.left.insert(key);
            }
            Method::Cancel => {
                let sent = self
                    .invites
                    .get_mut(&branch(&request.headers))
                    .expect("CANCEL of an INVITE");
                assert!(sent.provisional, "seed {}: CANCEL before a 1xx", self.seed);
                sent.cancelled.get_or_insert(at);
            }
            Method::Invite => {
                let sent = Sent {
                    at,
                    provisional: false,
                    answered: None,
                    cancelled: None,
                    undelivered: false,
                };
                // What is sent again lives, whatever befell the first copy.
                let known = self.invites.entry(branch(&request.headers));
                known
                    .and_modify(|sent| sent.undelivered = false)
                    .or_insert(sent);
            }
            _ => {}
        }
        if !self.asked.iter().any(|known| {
            branch(&known.headers) == branch(&request.headers) && known.method == request.method
        }) {
            self.asked.push(request);
        }
    }

    fn answered(&mut self, response: Response, at: Duration) {
        let cseq = response.headers.cseq().unwrap();
        if cseq.method != Method::Invite {
            return;
        }
        let branch = branch(&response.headers);
        for (invite, answer) in &mut self.theirs {
            if bench::branch(&invite.headers) == branch && (101..300).contains(&response.status) {
                *answer = Some(response.clone());
            }
        }
        self.heard.insert(branch.clone());
        if response.status >= 200 {
            self.finals_at.entry(branch.clone()).or_insert(at);
            self.finals
                .entry(branch)
                .or_default()
                .insert(response.status);
        }
    }

    fn step(&mut self) {
        match self.below(25) {
            0 => {
                let id = self.bench.call("192.0.2.10");
                self.calls.push(id);
            }
            1..=9 => self.reply(),
            10..=11 => {
                if let Some(id) = self.pick(&self.calls.clone()) {
                    self.bench.act(|ua, now| ua.end(id, now));
                }
            }
            12 => {
                let invite = self.bench.invite_of_peer(self.contact.clone());
                self.bench.pbx_sends(&invite);
                self.theirs.push((invite, None));
            }
            13..=14 => {
                if let Some(id) = self.pick(&self.calls.clone()) {
                    match self.below(3) {
                        0 => self.bench.act(|ua, now| ua.ring(id, None, now)),
                        1 => self
                            .bench
                            .act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now)),
                        _ => self.bench.act(|ua, now| ua.reject(id, 480, "", now)),
                    }
                }
            }
            15..=17 => self.peer_acts(),
            18..=19 => {
                if self.below(2) == 0 {
                    self.bench.send_failed(&pbx(), "unreachable");
                } else {
                    self.bench.closed(&pbx(), "broken");
                }
                for sent in self
                    .invites
                    .values_mut()
                    .filter(|sent| !sent.provisional && sent.answered.is_none())
                {
                    sent.undelivered = true;
                }
            }
            20..=21 => {
                let time = self.rng.next_u64() % 20_000;
                self.bench.pass(ms(time));
            }
            _ => {
                if let Some((at, _)) = self.bench.ua.poll_timeout() {
                    let wait = at.saturating_duration_since(self.bench.now);
                    self.bench.pass(wait);
                }
            }
        }
        self.observe();
    }

    fn reply(&mut self) {
        let Some(request) = self.pick(&self.asked.clone()) else {
            return;
        };
        let statuses: &[u16] = match request.method {
            Method::Invite => &[
                100, 180, 180, 183, 200, 200, 200, 302, 401, 407, 486, 487, 503,
            ],
            Method::Register => &[200, 200, 401, 503],
            _ => &[100, 200, 200, 401, 481],
        };
        let status = self.pick(statuses).unwrap();
        let tag = self.pick(&["a", "b"]).unwrap();
        let mut response = answer(&request, status, tag);
        let nonce = format!("n{}", self.below(3));
        match status {
            401 | 407 => challenge(&mut response, &nonce, self.below(2) == 0),
            200 if request.method == Method::Invite => picked_up(&mut response),
            200 if request.method == Method::Register => bind(&mut response, &request, 300),
            _ => {}
        }
        let now = self.bench.elapsed();
        if request.method == Method::Invite
            && let Some(sent) = self
                .invites
                .get_mut(&branch(&request.headers))
                .filter(|sent| sent.lives(now))
        {
            if status < 200 {
                sent.provisional |= sent.answered.is_none();
            } else {
                sent.answered.get_or_insert(now);
            }
            if status == 200 {
                self.picked_up.insert((
                    request.headers.call_id().unwrap().to_owned(),
                    tag.to_owned(),
                ));
            }
        }
        self.bench.receive(&pbx(), &Message::Response(response));
    }

    /// The peer repeats, cancels, confirms or leaves.
    fn peer_acts(&mut self) {
        self.cseq += 1;
        let cseq = self.cseq;
        if self.below(2) == 0
            && let Some((invite, answer)) = self.pick(&self.theirs.clone())
        {
            match (self.below(4), answer) {
                (0, _) => {
                    // A caller repeats its INVITE while the transaction lives, not later.
                    let answered = self.finals_at.get(&branch(&invite.headers));
                    if answered.is_none_or(|at| self.bench.elapsed() < *at + secs(32)) {
                        self.bench.pbx_sends(&invite);
                    }
                }
                (1, _) => {
                    let mut cancel = invite.clone();
                    cancel.method = Method::Cancel;
                    cancel.headers.set(HeaderName::CSeq, "1 CANCEL");
                    self.bench.pbx_sends(&cancel);
                }
                (2, Some(answer)) if answer.status == 200 => {
                    let ack = self.bench.ack_of(&invite, &answer);
                    self.bench.pbx_sends(&ack);
                }
                (_, Some(answer)) => {
                    let bye = self
                        .bench
                        .in_their_dialog(&invite, &answer, Method::Bye, cseq);
                    self.bench.pbx_sends(&bye);
                }
                (_, None) => {}
            }
        } else {
            let invites: Vec<Request> = self
                .asked
                .iter()
                .filter(|request| request.method == Method::Invite)
                .cloned()
                .collect();
            if let Some(invite) = self.pick(&invites) {
                let tag = self.pick(&["a", "b"]).unwrap();
                let method = self
                    .pick(&[Method::Bye, Method::Options, Method::Invite])
                    .unwrap();
                let request = self.bench.peer_request(&invite, method.clone(), cseq, tag);
                self.bench.pbx_sends(&request);
                if method == Method::Bye {
                    self.left
                        .insert((invite.headers.call_id().unwrap().to_owned(), tag.to_owned()));
                }
            }
        }
    }

    fn finish(mut self) {
        let seed = self.seed;
        for request in std::mem::take(&mut self.to_answer) {
            self.bench
                .act(|ua, now| ua.respond(request, 488, &[], Bytes::new(), now));
        }
        self.bench.act(|ua, now| ua.shutdown(now));
        self.observe();
        self.bench.pass(secs(500));
        self.observe();
        assert_eq!(
            self.bench.ua.counts(),
            Counts::default(),
            "seed {seed}: something is left: {:?}",
            self.bench.ua
        );
        for id in &self.calls {
            let over = self.last_events.get(id).is_some_and(|(_, over)| *over);
            assert!(over, "seed {seed}: call {id} has no last event");
        }
        for dialog in &self.picked_up {
            assert!(
                self.acked.contains(dialog),
                "seed {seed}: 2xx of {dialog:?} was never ACKed"
            );
            assert!(
                self.left.contains(dialog),
                "seed {seed}: dialog {dialog:?} was never left"
            );
        }
        for (branch, statuses) in &self.finals {
            assert_eq!(
                statuses.len(),
                1,
                "seed {seed}: INVITE {branch} got {statuses:?}"
            );
        }
        for branch in &self.heard {
            assert!(
                self.finals.contains_key(branch),
                "seed {seed}: INVITE {branch} got no final response"
            );
        }
    }
}

#[test]
fn whatever_happens_every_call_ends_once_and_nothing_is_left() {
    let seeds = std::env::var("SEEDS").ok();
    let seeds = seeds.and_then(|text| {
        text.split_once("..")
            .map(|(a, b)| a.parse().unwrap()..b.parse().unwrap())
    });
    for seed in seeds.unwrap_or(0..SEEDS) {
        let mut walk = Walk::new(seed);
        for _ in 0..STEPS {
            walk.step();
        }
        walk.finish();
    }
}

/// Invariant 2: the user agent is a function of its seed and its inputs.
#[test]
fn the_same_inputs_bring_the_same_outputs() {
    let logs = [(), ()].map(|()| {
        let mut walk = Walk::new(42);
        (0..500).for_each(|_| walk.step());
        walk.log
    });
    assert!(logs[0].len() > 100);
    assert_eq!(logs[0], logs[1]);
}

/// The walk would notice: with each planted fault it fails within a few seeds.
#[cfg(feature = "faults")]
#[test]
fn planted_faults_are_found() {
    use sip::fault::{Fault, plant};
    for (fault, complaint) in [
        (Fault::LostAck, "was never ACKed"),
        (Fault::LateCancelAccepted, "got {"),
        (Fault::MissingBye, "was never left"),
    ] {
        let found = (0..200).find_map(|seed| {
            let walked = std::panic::catch_unwind(|| {
                plant(Some(fault));
                let mut walk = Walk::new(seed);
                (0..STEPS).for_each(|_| walk.step());
                walk.finish();
            });
            walked
                .err()
                .map(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
        });
        plant(None);
        let found = found.unwrap_or_else(|| panic!("{fault:?} was not found"));
        assert!(found.contains(complaint), "{fault:?}: {found}");
    }
}
