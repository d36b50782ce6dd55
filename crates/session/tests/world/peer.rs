//! The far end of one dialog: it asks, answers, and keeps its own numbers.

use session::SocketId;
use session::media::{MediaCommand, StreamId};
use testkit::sip_text;

use super::{PHONE_SDP, SIP_SERVER, World, contact_uri};

/// The SIP side of an established call.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its From.
    pub from: String,
    /// Its To, which is our side.
    pub to: String,
    pub call_id: String,
    pub target: String,
    pub cseq: u32,
}

impl Peer {
    /// The far end of a call that we made; its responses to our INVITE have this tag.
    pub fn called(invite: &str, tag: &str) -> Self {
        let head = |name| sip_text::header(invite, name).expect("INVITE has it");
        Self {
            from: format!("{};tag={tag}", head("To")),
            to: head("From").to_owned(),
            call_id: head("Call-ID").to_owned(),
            target: contact_uri(invite),
            cseq: 100,
        }
    }

    /// The far end of a call that it made, from its INVITE and a response of ours.
    pub fn caller(invite: &str, answer: &str) -> Self {
        let head = |name| sip_text::header(invite, name).expect("INVITE has it");
        Self {
            from: head("From").to_owned(),
            to: sip_text::header(answer, "To").expect("a To").to_owned(),
            call_id: head("Call-ID").to_owned(),
            target: contact_uri(answer),
            cseq: 1,
        }
    }

    /// A request in the dialog. `content` is a Content-Type and a body.
    pub fn ask(&mut self, w: &mut World, method: &str, content: Option<(&str, &str)>) -> String {
        self.cseq += 1;
        self.ask_as(w, method, self.cseq, content)
    }

    /// The same with a CSeq number of the test's own.
    pub fn ask_as(
        &self,
        w: &mut World,
        method: &str,
        cseq: u32,
        content: Option<(&str, &str)>,
    ) -> String {
        let text = self.text(method, cseq, content);
        w.sip(text.clone());
        text
    }

    /// The request itself.
    pub fn text(&self, method: &str, cseq: u32, content: Option<(&str, &str)>) -> String {
        let (content_type, body) = content.unwrap_or_default();
        let content_type = if content_type.is_empty() {
            String::new()
        } else {
            format!("Content-Type: {content_type}\r\n")
        };
        let Self {
            from,
            to,
            call_id,
            target,
            ..
        } = self;
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {SIP_SERVER};branch=z9hG4bK{method}{cseq}{call_id}\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:phone@{SIP_SERVER}>\r\n{content_type}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// A re-INVITE with this SDP, and our final response to it, ACKed.
    pub fn re_invite(&mut self, w: &mut World, sdp: &str) -> String {
        w.sip_out.clear();
        self.ask(w, "INVITE", Some(("application/sdp", sdp)));
        let answer = w.final_answer();
        self.ask_as(w, "ACK", self.cseq, None);
        answer
    }

    /// A re-INVITE without SDP; the ACK answers our offer with this.
    pub fn re_invite_without_sdp(&mut self, w: &mut World, answer: &str) -> String {
        w.sip_out.clear();
        self.ask(w, "INVITE", None);
        let ok = w.expect_sip("200");
        self.ask_as(w, "ACK", self.cseq, Some(("application/sdp", answer)));
        ok
    }
}

/// Two pages of one account on which the same call rings.
#[derive(Debug)]
pub struct TwoRing {
    pub one: SocketId,
    pub two: SocketId,
    /// The `callId` of page `one`.
    pub id_one: String,
    /// The `callId` of page `two`.
    pub id_two: String,
    pub invite: String,
}

impl World {
    /// A page that connected with these extensions, REGISTER not answered yet.
    fn connect_with(&mut self, login: &str, features: &[&str]) -> SocketId {
        let page = self.open_page();
        let mut frame = super::connection(login);
        frame["data"][0]["features"] = serde_json::json!(features);
        self.say(page, frame);
        page
    }

    /// A page with these extensions, registered.
    pub fn registered_with(&mut self, login: &str, features: &[&str]) -> SocketId {
        let page = self.connect_with(login, features);
        if let Some(register) = self.try_sip("REGISTER") {
            self.answer_register(&register);
        }
        self.frames(page);
        page
    }

    /// The same for the first page of an account, with the URI of the account's Contact: calls go there.
    pub fn callee(&mut self, login: &str, features: &[&str]) -> (SocketId, String) {
        let page = self.connect_with(login, features);
        let register = self.expect_sip("REGISTER");
        self.answer_register(&register);
        self.frames(page);
        (page, contact_uri(&register))
    }

    /// A call `in1` that rings on two pages of the account `10006`. Neither has said anything yet.
    pub fn two_ring(&mut self) -> TwoRing {
        let (one, contact) = self.callee("10006", &[]);
        let two = self.registered("10006");
        assert!(
            self.try_sip("REGISTER").is_none(),
            "one registration for both pages"
        );
        self.frames(one);
        let invite = self.invite_for(&contact, "in1", PHONE_SDP);
        TwoRing {
            one,
            two,
            id_one: self.ringing_id(one),
            id_two: self.ringing_id(two),
            invite,
        }
    }

    /// A call `c1` of this page that is up, and its far end.
    pub fn calls(&mut self, page: SocketId) -> Peer {
        self.call(page, "c1", "10005");
        let invite = self.expect_sip("INVITE");
        self.respond(&invite, "200 OK", "phone", PHONE_SDP);
        assert_eq!(
            self.told(page).last().map(String::as_str),
            Some("talk:ESTABLISHED")
        );
        Peer::called(&invite, "phone")
    }

    /// A call to a page of this Contact that is up, its far end, and its `callId`.
    pub fn is_called(&mut self, page: SocketId, contact: &str) -> (Peer, String) {
        let invite = self.invite_for(contact, "in1", PHONE_SDP);
        let id = self.ringing_id(page);
        self.answer(page, &id);
        let ok = self.expect_sip("200");
        let peer = Peer::caller(&invite, &ok);
        peer.ask_as(self, "ACK", 1, None);
        assert_eq!(self.told(page), ["talk:ESTABLISHED"]);
        (peer, id)
    }

    /// The `callId` of the call that rings on a page.
    pub fn ringing_id(&mut self, page: SocketId) -> String {
        let frames = self.frames(page);
        let notify = frames.iter().find(|f| f["message"] == "notifyIncomingCall");
        let id = notify.and_then(|f| f["data"][0]["callId"].as_str());
        id.unwrap_or_else(|| panic!("nothing rings: {frames:?}"))
            .to_owned()
    }

    /// Our next final response.
    pub fn final_answer(&mut self) -> String {
        while let Some((_, text)) = self.sip_out.pop_front() {
            if sip_text::status(&text).is_some_and(|status| status >= 200) {
                return text;
            }
        }
        panic!("no final response was sent");
    }

    /// Our re-INVITE, answered by the peer with this SDP; its ACK is taken.
    pub fn answer_re_invite(&mut self, sdp: &str) -> String {
        let offer = self.expect_sip("INVITE");
        self.respond(&offer, "200 OK", "", sdp);
        self.expect_sip("ACK");
        offer
    }

    pub fn hold(&mut self, page: SocketId, id: &str) {
        self.say(
            page,
            serde_json::json!({"message":"hold","data":[{"callId":id}]}),
        );
    }

    pub fn unhold(&mut self, page: SocketId, id: &str) {
        self.say(
            page,
            serde_json::json!({"message":"unhold","data":[{"callId":id}]}),
        );
    }

    /// What media was told last of the SIP leg: its plan, and whether it is held.
    pub fn media_now(&self) -> (sdp::Plan, bool) {
        let mut commands = self.media.commands.iter().rev();
        let plan = commands.find_map(|command| match command {
            MediaCommand::ConnectSipLeg {
                plan,
                stream: StreamId(0),
                ..
            } => Some(plan.clone()),
            _ => None,
        });
        let held = self
            .media
            .commands
            .iter()
            .rev()
            .find_map(|command| match command {
                MediaCommand::SetHold { held, .. } => Some(*held),
                _ => None,
            });
        (plan.expect("a plan"), held.unwrap_or(false))
    }
}

/// The direction attribute of a description, `sendrecv` where there is none.
pub fn direction(message: &str) -> &str {
    let lines = sip_text::body(message).lines();
    let mut attributes = lines.filter_map(|line| line.strip_prefix("a="));
    attributes
        .find(|name| ["sendrecv", "sendonly", "recvonly", "inactive"].contains(name))
        .unwrap_or("sendrecv")
}

/// The version of `o=`.
pub fn version(message: &str) -> u64 {
    let origin = sip_text::body(message)
        .lines()
        .find(|line| line.starts_with("o="));
    let version = origin.and_then(|line| line.split(' ').nth(2));
    version
        .and_then(|version| version.parse().ok())
        .expect("a version")
}
