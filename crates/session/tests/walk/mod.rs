//! One random walk over one call: the world, what the scripted SIP side does, and what must hold when
//! all is over.

mod books;
mod steps;

use std::collections::BTreeSet;
use std::time::Duration;

use session::SocketId;
use session::media::MediaCommand;
use testkit::sip_text;

use crate::world::peer::Peer;
use crate::world::{self, PHONE_SDP, World, contact_uri};
use books::Books;

pub(crate) use steps::{INCOMING, OUTGOING, Step};

/// One walk: the world, and what the scripted SIP side did and saw.
pub(crate) struct Walk {
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
    /// How the incoming INVITE is made.
    kind: Kind,
    /// RSeq of the peer's next reliable provisional response, in fork `a` and in fork `b`.
    rseq: u32,
    /// The peer's latest re-INVITE, and whether our 200 to it is ACKed.
    re_invite: Option<(String, bool)>,
    /// Our re-INVITEs that the peer has not answered.
    offers: Vec<String>,
    books: Books,
}

/// How an incoming INVITE asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    WithSdp,
    /// We offer in the 200.
    Late,
    /// We offer in a reliable 180.
    LateReliable,
}

impl Walk {
    pub(crate) fn outgoing(seed: u64) -> Self {
        let mut w = World::with(world::config(), [seed as u8; 32]);
        let page = w.guest("10006");
        w.frames(page);
        w.media.manual = true;
        w.call(page, "c1", "10005");
        Self::new(w, page, false, None, "c1".into())
    }

    pub(crate) fn incoming(seed: u64) -> Self {
        let mut w = World::with(world::config(), [seed as u8; 32]);
        let page = w.connect("10006");
        let register = w.expect_sip("REGISTER");
        w.answer_register(&register);
        w.frames(page);
        w.media.manual = true;
        let kind = match seed % 8 {
            2 => Kind::Late,
            6 => Kind::LateReliable,
            _ => Kind::WithSdp,
        };
        let body = if kind == Kind::WithSdp { PHONE_SDP } else { "" };
        let contact = contact_uri(&register);
        let invite = w.invite_text(&contact, "in1", body);
        let invite = match kind {
            Kind::LateReliable => invite.replace("CSeq:", "Require: 100rel\r\nCSeq:"),
            Kind::WithSdp | Kind::Late => invite,
        };
        let mut walk = Self::new(w, page, true, Some(invite.clone()), String::new());
        walk.kind = kind;
        walk.ask(invite, true);
        walk
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
            kind: Kind::WithSdp,
            rseq: 0,
            re_invite: None,
            offers: Vec::new(),
            books: Books::default(),
        }
    }

    pub(crate) fn state(&self) -> String {
        let call = self.w.hub.call_ids().first().copied();
        call.and_then(|call| self.w.hub.call_state(call))
            .unwrap_or("Ended")
            .to_owned()
    }

    /// The peer sends a request, and writes it down.
    fn ask(&mut self, request: String, must: bool) {
        self.books.peer_asks(&request, must);
        self.w.sip(request);
    }

    /// Reads what we sent; keeps the books.
    pub(crate) fn look(&mut self) {
        while let Some((_, text)) = self.w.sip_out.pop_front() {
            self.books.we_said(&text, self.w.now);
            match sip_text::method(&text) {
                Some("INVITE") if self.invite.is_none() => self.invite = Some(text.clone()),
                Some("INVITE")
                    if is_in_dialog(&text)
                        && !self.offers.contains(&text)
                        && !self.ours.contains(&text) =>
                {
                    self.offers.push(text.clone());
                }
                Some("BYE" | "CANCEL" | "REGISTER" | "PRACK" | "UPDATE" | "INFO") => {
                    self.unanswered.push(text.clone());
                }
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

    pub(crate) fn step(&mut self, step: Step) {
        self.look();
        let Self { incoming, .. } = *self;
        let invite = self.invite.clone();
        match (step, invite) {
            (Step::ReliableProvisional, Some(invite)) if self.successes.is_empty() => {
                self.reliable_provisional(&invite);
            }
            (Step::PeerPrack, Some(invite)) => self.peer_pracks(&invite),
            (Step::PeerReInvite, Some(_)) => {
                let sdp = self.some_sdp();
                self.peer_offers("INVITE", Some(&sdp));
            }
            (Step::PeerReInviteWithoutSdp, Some(_)) => self.peer_offers("INVITE", None),
            (Step::PeerUpdate, Some(_)) => {
                let sdp = self.some_sdp();
                self.peer_offers("UPDATE", Some(&sdp));
            }
            (Step::PeerInfo, Some(_)) => {
                let up = self.may_be_answered();
                if let Some(mut peer) = self.peer() {
                    self.cseq += 1;
                    peer.cseq = self.cseq;
                    let content = Some(("application/dtmf", "5"));
                    self.ask(peer.text("INFO", self.cseq, content), up);
                }
            }
            (Step::PeerCancelsReInvite, _) => self.peer_cancels_re_invite(),
            (Step::PeerAnswersOffer, _) => {
                if let Some(offer) = self.offers.pop() {
                    self.books.peer_answers(&offer);
                    let sdp = self.some_sdp();
                    self.w.respond(&offer, "200 OK", "a", &sdp);
                }
            }
            (Step::PeerRefusesOffer, _) => {
                if let Some(offer) = self.offers.pop() {
                    self.books.peer_answers(&offer);
                    let lines = ["488 Not Acceptable Here", "491 Request Pending", "500 Busy"];
                    let line = lines[self.ours.len() % lines.len()];
                    self.w.respond(&offer, line, "a", "");
                }
            }
            (Step::PageHold, _) if !self.wire_id.is_empty() => {
                let id = self.wire_id.clone();
                self.w.hold(self.page, &id);
            }
            (Step::PageUnhold, _) if !self.wire_id.is_empty() => {
                let id = self.wire_id.clone();
                self.w.unhold(self.page, &id);
            }
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
                    let must = self.may_be_answered();
                    let bye = Peer::caller(&invite, &ok).text("BYE", self.cseq, None);
                    self.ask(bye, must);
                }
            }
            (Step::PeerBye, Some(invite)) if self.successes.contains("a") => {
                self.bye_from_peer = true;
                self.peer_byes(&invite, "a");
            }
            (Step::PeerAck, Some(_)) => self.peer_acks(),
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
        let cancel = sip_text::request(
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
        );
        let must = self.may_be_answered();
        self.ask(cancel, must);
    }

    fn peer_byes(&mut self, invite: &str, tag: &str) {
        self.cseq += 1;
        let must = self.may_be_answered();
        let bye = Peer::called(invite, tag).text("BYE", self.cseq, None);
        self.ask(bye, must);
    }

    /// The call is up for us, so that a request in its dialog gets an answer.
    fn may_be_answered(&self) -> bool {
        self.state() != "Ended"
    }

    /// The far end of the dialog, once there is one: fork `a` of a call of ours.
    fn peer(&self) -> Option<Peer> {
        let invite = self.invite.as_ref()?;
        if !self.incoming {
            let up = self.successes.contains("a") || self.rseq > 0;
            return up.then(|| Peer::called(invite, "a"));
        }
        let ours = self.ours.iter().rev();
        let mut answers = ours.filter(|text| {
            sip_text::status(text).is_some_and(|status| (101..300).contains(&status))
                && sip_text::header(text, "CSeq") == Some("1 INVITE")
        });
        Some(Peer::caller(invite, answers.next()?))
    }

    /// A description of the phone, one of several.
    fn some_sdp(&mut self) -> String {
        let codec = |number: &str, name: &str| {
            let media = PHONE_SDP.replace("AVP 0 101", &format!("AVP {number} 101"));
            media.replace("0 PCMU", &format!("{number} {name}"))
        };
        match (self.ours.len() + self.cseq as usize) % 7 {
            0 => PHONE_SDP.replace("sendrecv", "sendonly"),
            1 => PHONE_SDP.replace("sendrecv", "inactive"),
            2 => PHONE_SDP.replace("43000", "43100"),
            3 => codec("8", "PCMA"),
            4 => codec("18", "G729"),
            _ => PHONE_SDP.to_owned(),
        }
    }

    fn peer_offers(&mut self, method: &str, sdp: Option<&str>) {
        let Some(peer) = self.peer() else { return };
        self.cseq += 1;
        let content = sdp.map(|sdp| ("application/sdp", sdp));
        let request = peer.text(method, self.cseq, content);
        let must = self.may_be_answered();
        if method == "INVITE" {
            self.re_invite = Some((request.clone(), false));
        }
        self.ask(request, must);
    }

    /// The ACK of our 200 to the INVITE, and of that to the latest re-INVITE.
    fn peer_acks(&mut self) {
        let Some(peer) = self.peer() else { return };
        if self.incoming && self.ok_of_ours().is_some() {
            let sdp = (self.kind == Kind::Late && self.cseq < 3)
                .then_some(("application/sdp", PHONE_SDP));
            let ack = peer.text("ACK", 1, sdp);
            let was_up = self.state() == "Established";
            self.w.sip(ack);
            self.check_confirmed(was_up);
        }
        let Some((re_invite, acked)) = self.re_invite.clone() else {
            return;
        };
        let cseq = sip_text::header(&re_invite, "CSeq")
            .expect("it has one")
            .to_owned();
        let ok = self.ours.iter().any(|text| {
            sip_text::status(text) == Some(200) && sip_text::header(text, "CSeq") == Some(&cseq)
        });
        if ok && !acked {
            self.re_invite = Some((re_invite.clone(), true));
            let number: u32 = cseq
                .split(' ')
                .next()
                .and_then(|n| n.parse().ok())
                .expect("a number");
            let late = sip_text::body(&re_invite).is_empty();
            // An answer that never comes is one of the things that happen.
            let sdp = (late && !number.is_multiple_of(3)).then_some(("application/sdp", PHONE_SDP));
            let ack = peer.text("ACK", number, sdp);
            self.w.sip(ack);
        }
    }

    /// The ACK ends no call whose offer and answer are complete without it, and media has its plan by then.
    fn check_confirmed(&mut self, was_up: bool) {
        let up = self.state() == "Established";
        if was_up && !up && self.kind != Kind::Late {
            let why = "the ACK of our 200 ended the call".to_owned();
            self.books.broken.get_or_insert(why);
        }
        let connects =
            |command: &MediaCommand| matches!(command, MediaCommand::ConnectSipLeg { .. });
        if up && !self.w.media.commands.iter().any(connects) {
            let why = "a confirmed call has no media".to_owned();
            self.books.broken.get_or_insert(why);
        }
    }

    fn peer_cancels_re_invite(&mut self) {
        let Some((re_invite, _)) = self.re_invite.clone() else {
            return;
        };
        let (head, _) = re_invite.split_once("\r\n\r\n").expect("a head");
        let lines = head
            .split("\r\n")
            .filter(|line| !line.starts_with("Content-") && !line.starts_with("Contact:"));
        let lines: Vec<String> = lines
            .map(|line| match line.strip_prefix("INVITE ") {
                Some(rest) => format!("CANCEL {rest}"),
                None if line.starts_with("CSeq:") => line.replace("INVITE", "CANCEL"),
                None => line.to_owned(),
            })
            .collect();
        let was_up = self.state() == "Established";
        let must = self.may_be_answered();
        self.ask(
            format!("{}\r\nContent-Length: 0\r\n\r\n", lines.join("\r\n")),
            must,
        );
        if was_up && self.state() != "Established" {
            let why = "the CANCEL of a re-INVITE ended the call";
            self.books.broken.get_or_insert(why.to_owned());
        }
    }

    /// A 183 that must be PRACKed, at once (RFC 3262 §4).
    fn reliable_provisional(&mut self, invite: &str) {
        if self.refused || self.state() != "Calling" {
            return;
        }
        self.rseq += 1;
        let (contact, rseq) = (
            "Contact: <sip:phone@127.0.0.1:5060>",
            format!("RSeq: {}", self.rseq),
        );
        let headers = [contact, "Require: 100rel", &rseq];
        let sdp = if self.rseq == 1 { PHONE_SDP } else { "" };
        self.w.sip(sip_text::respond(
            invite,
            "183 Session Progress",
            "a",
            &headers,
            sdp,
        ));
        let calling = self.state() == "Calling";
        self.look();
        let cseq = sip_text::header(invite, "CSeq").expect("a CSeq");
        let rack = format!("{} {cseq}", self.rseq);
        if calling && !self.books.has_pracked(&rack) {
            let why = format!("the reliable 183 {rack} was not PRACKed at once");
            self.books.broken.get_or_insert(why);
        }
    }

    fn peer_pracks(&mut self, invite: &str) {
        let reliable = self.ours.iter().rev().find(|text| {
            sip_text::status(text) == Some(180) && sip_text::header(text, "RSeq").is_some()
        });
        let Some(ringing) = reliable.cloned() else {
            return;
        };
        self.cseq += 1;
        let rseq = sip_text::header(&ringing, "RSeq").expect("it has one");
        let content = (!self.cseq.is_multiple_of(4)).then_some(("application/sdp", PHONE_SDP));
        let prack = Peer::caller(invite, &ringing).text("PRACK", self.cseq, content);
        let prack = prack.replace("CSeq:", &format!("RAck: {rseq} 1 INVITE\r\nCSeq:"));
        let must = self.may_be_answered();
        self.ask(prack, must);
    }

    /// 200 to all but an offer; a CANCEL also ends the INVITE with 487 if nothing else did.
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

    /// The world goes away, and nothing may be left. `Err` says which invariant broke.
    pub(crate) fn settle(mut self) -> Result<(), String> {
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
        self.books.settle()?;
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

    /// Invariant 4 as the caller sees it: exactly one final response; a 2xx ends with BYE.
    fn check_incoming(&self) -> Result<(), String> {
        let finals: BTreeSet<u16> = self
            .ours
            .iter()
            .filter(|text| sip_text::header(text, "CSeq") == Some("1 INVITE"))
            .filter_map(|text| sip_text::status(text))
            .filter(|status| *status >= 200)
            .collect();
        if finals.len() != 1 {
            return Err(format!("the INVITE got the final responses {finals:?}"));
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

/// A request that names both ends.
fn is_in_dialog(request: &str) -> bool {
    sip_text::header(request, "To")
        .and_then(sip_text::tag)
        .is_some()
}
