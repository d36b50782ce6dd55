//! The world around a Hub in simulated time: pages, a media side, a SIP side, and a log of inputs.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its part of the world"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "one base instant for simulated time"
)]

pub mod peer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sdp::LocalMedia;
use serde_json::{Value, json};
use session::media::{BrowserLegMode, CallId, LegId, MediaCommand, MediaEvent, MediaFailure};
use session::{Hub, HubConfig, Input, Output, SocketId};
use sip::{Hop, Transport};
use testkit::sip_text;

pub const SIP_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5060);
pub const OURS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5080);

/// What a Chromium page offers for voice, shortened to what counts.
pub const BROWSER_AUDIO: &str = "v=0\r\no=- 3885062018265434144 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:8pZZ\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\na=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n";
/// The same page's answer to our offer.
pub const BROWSER_ANSWER: &str = "v=0\r\no=- 3819630489941336488 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0 101\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:NUXk\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:active\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
/// SDP of a plain SIP phone.
pub const PHONE_SDP: &str = "v=0\r\no=phone 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 43000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

/// How the played media side behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ice {
    /// Connects as soon as both SDPs are there.
    Connects,
    /// Never connects.
    Never,
}

/// Plays the media side and keeps its books.
#[derive(Debug)]
pub struct FakeMedia {
    pub ice: Ice,
    pub open: BTreeSet<CallId>,
    pub legs: BTreeMap<CallId, BTreeSet<LegId>>,
    pub commands: Vec<MediaCommand>,
    pub refuse_answer: bool,
    /// Events wait in `pending` until [`World::media_event`] delivers them.
    pub manual: bool,
    pub pending: VecDeque<MediaEvent>,
    next_port: u16,
}

impl FakeMedia {
    fn perform(&mut self, command: MediaCommand) -> Vec<MediaEvent> {
        self.commands.push(command.clone());
        match command {
            MediaCommand::OpenSipLeg { call, media, .. } => {
                assert!(self.open.insert(call), "a call opens its ports once");
                let local = media
                    .into_iter()
                    .map(|kind| {
                        self.next_port += 2;
                        LocalMedia {
                            kind,
                            rtp: SocketAddr::new(OURS.ip(), self.next_port),
                        }
                    })
                    .collect();
                vec![MediaEvent::SipLegOpened { call, local }]
            }
            MediaCommand::OpenBrowserLeg { call, leg, mode } => {
                self.legs.entry(call).or_default().insert(leg);
                match mode {
                    BrowserLegMode::Answer { .. } => {
                        let mut events = vec![MediaEvent::BrowserAnswer {
                            call,
                            leg,
                            sdp: "our answer".into(),
                        }];
                        if self.ice == Ice::Connects {
                            events.push(MediaEvent::BrowserConnected { call, leg });
                        }
                        events
                    }
                    BrowserLegMode::Offer { .. } => {
                        vec![MediaEvent::BrowserOffer {
                            call,
                            leg,
                            sdp: "our offer".into(),
                        }]
                    }
                }
            }
            MediaCommand::AcceptBrowserAnswer { call, leg, .. } if self.refuse_answer => {
                let failure = MediaFailure::BadSdp("it has no ICE credentials".into());
                vec![MediaEvent::BrowserFailed { call, leg, failure }]
            }
            MediaCommand::AcceptBrowserAnswer { call, leg, .. } => {
                let mut events = vec![MediaEvent::BrowserAccepted { call, leg }];
                if self.ice == Ice::Connects {
                    events.push(MediaEvent::BrowserConnected { call, leg });
                }
                events
            }
            MediaCommand::CloseLeg { call, leg } => {
                self.legs.entry(call).or_default().remove(&leg);
                Vec::new()
            }
            MediaCommand::CloseCall { call } => {
                self.open.remove(&call);
                self.legs.remove(&call);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}

pub struct World {
    pub hub: Hub,
    pub now: Instant,
    pub start: Instant,
    pub media: FakeMedia,
    /// Frames each page got and nobody looked at yet.
    pub pages: BTreeMap<SocketId, VecDeque<Value>>,
    pub closed: BTreeMap<SocketId, (u16, String)>,
    /// SIP messages of ours that nobody looked at yet.
    pub sip_out: VecDeque<(SocketAddr, String)>,
    pub resolves: Vec<(sip::ResolveId, sip::Target)>,
    /// What happened to calls, in order.
    pub records: Vec<session::Record>,
    /// All inputs, for replay.
    pub log: Vec<(Duration, Input)>,
    /// All outputs, for replay: where `keeps_outputs` says so, since printing them takes long.
    pub outputs: Vec<String>,
    pub keeps_outputs: bool,
    /// Pages do not answer pings.
    pub deaf: bool,
    next_socket: u64,
}

impl World {
    pub fn new() -> Self {
        Self::with(config(), [7; 32])
    }

    pub fn with(config: HubConfig, seed: [u8; 32]) -> Self {
        let start = Instant::now();
        Self {
            hub: Hub::new(config, seed),
            now: start,
            start,
            media: FakeMedia {
                ice: Ice::Connects,
                open: BTreeSet::new(),
                legs: BTreeMap::new(),
                commands: Vec::new(),
                refuse_answer: false,
                manual: false,
                pending: VecDeque::new(),
                next_port: 30_000,
            },
            pages: BTreeMap::new(),
            closed: BTreeMap::new(),
            sip_out: VecDeque::new(),
            resolves: Vec::new(),
            records: Vec::new(),
            log: Vec::new(),
            outputs: Vec::new(),
            keeps_outputs: false,
            deaf: false,
            next_socket: 1,
        }
    }

    // ---- driving -------------------------------------------------------------------------------

    pub fn input(&mut self, input: Input) {
        self.log.push((self.now - self.start, input.clone()));
        self.hub.handle_input(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            if self.keeps_outputs {
                let at = self.now - self.start;
                self.outputs.push(format!("{at:?} {output:?}"));
            }
            match output {
                Output::Frame { socket, text } => {
                    let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
                    if frame["message"] == "ping" && !self.deaf {
                        // A page answers at once, and its test need not know.
                        let text = json!({"message":"pong","data":null}).to_string();
                        self.input(Input::Frame { socket, text });
                        continue;
                    }
                    self.pages.entry(socket).or_default().push_back(frame);
                }
                Output::Close {
                    socket,
                    code,
                    reason,
                } => {
                    self.closed.insert(socket, (code, reason));
                    self.input(Input::SocketClosed { socket });
                }
                Output::Send { hop, bytes } => {
                    let text = String::from_utf8(bytes.to_vec()).expect("SIP is UTF-8");
                    self.sip_out.push_back((hop.addr, text));
                }
                Output::Resolve { id, target } => self.resolves.push((id, target)),
                Output::Record(record) => self.records.push(record),
                Output::Media(command) => {
                    let events = self.media.perform(command);
                    if self.media.manual {
                        self.media.pending.extend(events);
                        continue;
                    }
                    for event in events {
                        self.input(Input::Media(event));
                    }
                }
            }
        }
    }

    /// Delivers the next event of a manual media side; false when there is none.
    pub fn media_event(&mut self) -> bool {
        let event = self.media.pending.pop_front();
        let there = event.is_some();
        if let Some(event) = event {
            self.input(Input::Media(event));
        }
        there
    }

    /// Jumps to the next deadline and fires it; false when there is none within `limit`.
    pub fn next_deadline(&mut self, limit: Duration) -> bool {
        let Some((at, _)) = self.hub.poll_timeout() else {
            return false;
        };
        if at > self.now + limit {
            return false;
        }
        self.now = self.now.max(at);
        self.hub.handle_timeout(self.now);
        self.drain();
        true
    }

    /// Performs what the Hub wants now, after a direct call of one of its verbs.
    pub fn settle(&mut self) {
        self.drain();
    }

    /// Jumps from deadline to deadline until `duration` has passed.
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some((at, why)) = self.hub.poll_timeout() {
            if at > end {
                break;
            }
            assert!(at >= self.start, "{why}");
            self.now = self.now.max(at);
            self.hub.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    // ---- pages ---------------------------------------------------------------------------------

    /// A page with an open socket that has said nothing.
    pub fn open_page(&mut self) -> SocketId {
        let socket = SocketId(self.next_socket);
        self.next_socket += 1;
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        self.input(Input::SocketOpened { socket, peer });
        socket
    }

    pub fn say(&mut self, page: SocketId, frame: Value) {
        self.input(Input::Frame {
            socket: page,
            text: frame.to_string(),
        });
    }

    /// A page that connected as `login`, REGISTER not answered yet.
    pub fn connect(&mut self, login: &str) -> SocketId {
        let page = self.open_page();
        self.say(page, connection(login));
        page
    }

    /// A page that connected as `login` and is REGISTERED.
    pub fn registered(&mut self, login: &str) -> SocketId {
        let page = self.connect(login);
        if let Some(register) = self.try_sip("REGISTER") {
            self.answer_register(&register);
        }
        let frames = self.frames(page);
        assert!(
            frames.iter().any(|frame| frame["message"] == "registered"),
            "{frames:?}"
        );
        page
    }

    /// A page that connected without registering.
    pub fn guest(&mut self, login: &str) -> SocketId {
        let page = self.open_page();
        let mut frame = connection(login);
        frame["data"][0]["sipRegisterRequired"] = json!(false);
        self.say(page, frame);
        page
    }

    /// All frames a page got since the last look.
    pub fn frames(&mut self, page: SocketId) -> Vec<Value> {
        self.pages.entry(page).or_default().drain(..).collect()
    }

    /// `message:status` of all call frames a page got since the last look.
    pub fn told(&mut self, page: SocketId) -> Vec<String> {
        self.frames(page)
            .iter()
            .map(|frame| {
                let message = frame["message"].as_str().unwrap_or("?");
                match frame["data"][0]["status"].as_str() {
                    Some(status) => format!("{message}:{status}"),
                    None => message.to_owned(),
                }
            })
            .collect()
    }

    pub fn call(&mut self, page: SocketId, call_id: &str, callee: &str) {
        self.say(page, call(call_id, callee, BROWSER_AUDIO));
    }

    pub fn hangup(&mut self, page: SocketId, call_id: &str) {
        self.say(
            page,
            json!({"message":"hangup","data":[{"callId":call_id}]}),
        );
    }

    pub fn answer(&mut self, page: SocketId, call_id: &str) {
        self.say(
            page,
            json!({"message":"answer","data":[{
            "callId":call_id,"incoming":true,"hasVideo":true,"hasAudio":true,"status":"PENDING",
            "mediaProvider":"WebRTC","sdp":BROWSER_ANSWER,"callee":"10006"}]}),
        );
    }

    // ---- the SIP side --------------------------------------------------------------------------

    pub fn sip(&mut self, text: impl Into<String>) {
        self.sip_from(SIP_SERVER, text);
    }

    pub fn sip_from(&mut self, addr: SocketAddr, text: impl Into<String>) {
        let from = Hop {
            transport: Transport::Udp,
            addr,
            verified_name: None,
        };
        let bytes = Bytes::from(text.into());
        self.input(Input::Sip(sip::Input::Received {
            from,
            local: OURS,
            bytes,
        }));
    }

    /// Takes our next message of this method, or (`"200"`) status; others before it are dropped.
    pub fn try_sip(&mut self, what: &str) -> Option<String> {
        while let Some((_, text)) = self.sip_out.pop_front() {
            let is = match sip_text::method(&text) {
                Some(method) => method == what,
                None => {
                    sip_text::status(&text)
                        .map(|status| status.to_string())
                        .as_deref()
                        == Some(what)
                }
            };
            if is {
                return Some(text);
            }
        }
        None
    }

    pub fn expect_sip(&mut self, what: &str) -> String {
        let seen: Vec<String> = self
            .sip_out
            .iter()
            .map(|(_, text)| text.lines().next().unwrap_or("").into())
            .collect();
        self.try_sip(what)
            .unwrap_or_else(|| panic!("no {what} was sent; there were {seen:?}"))
    }

    /// 200 to a REGISTER: its own Contact back, for ten minutes.
    pub fn answer_register(&mut self, register: &str) {
        let contact = sip_text::header(register, "Contact").expect("REGISTER has a Contact");
        let contact = format!(
            "Contact: {};expires=600",
            contact.split(";expires").next().unwrap_or(contact)
        );
        self.sip(sip_text::respond(
            register,
            "200 OK",
            "reg",
            &[&contact, "Expires: 600"],
            "",
        ));
    }

    /// A response of a phone to an INVITE, with a Contact.
    pub fn respond(&mut self, invite: &str, line: &str, tag: &str, body: &str) {
        let contact = format!("Contact: <sip:phone@{SIP_SERVER}>");
        self.sip(sip_text::respond(invite, line, tag, &[&contact], body));
    }

    /// An INVITE for the Contact that `register` carried.
    pub fn invite_for(&mut self, contact_uri: &str, call_id: &str, body: &str) -> String {
        let invite = self.invite_text(contact_uri, call_id, body);
        self.sip(invite.clone());
        invite
    }

    /// The INVITE itself.
    pub fn invite_text(&self, contact_uri: &str, call_id: &str, body: &str) -> String {
        sip_text::request(
            &format!("INVITE {contact_uri}"),
            &[
                &format!("Via: SIP/2.0/UDP {SIP_SERVER};branch=z9hG4bK{call_id}"),
                "Max-Forwards: 70",
                "From: \"Bob 10005\" <sip:10005@127.0.0.1>;tag=caller",
                "To: <sip:10006@127.0.0.1>",
                &format!("Call-ID: {call_id}"),
                "CSeq: 1 INVITE",
                &format!("Contact: <sip:10005@{SIP_SERVER}>"),
            ],
            body,
        )
    }

    /// An ACK to our 200, or a BYE, or any other request in the dialog that our 200 made.
    pub fn in_dialog(&mut self, invite: &str, ok: &str, method: &str, cseq: u32) -> String {
        let target = sip_text::header(ok, "Contact").expect("a 200 has a Contact");
        let target = target
            .trim_start_matches('<')
            .split('>')
            .next()
            .unwrap_or(target)
            .to_owned();
        let head = |name| sip_text::header(invite, name).expect("the INVITE has it");
        let request = sip_text::request(
            &format!("{method} {target}"),
            &[
                &format!(
                    "Via: SIP/2.0/UDP {SIP_SERVER};branch=z9hG4bK{method}{cseq}{}",
                    head("Call-ID")
                ),
                "Max-Forwards: 70",
                &format!("From: {}", head("From")),
                &format!(
                    "To: {}",
                    sip_text::header(ok, "To").expect("a 200 has a To")
                ),
                &format!("Call-ID: {}", head("Call-ID")),
                &format!("CSeq: {cseq} {method}"),
            ],
            "",
        );
        self.sip(request.clone());
        request
    }

    /// Nothing is left of any call: invariants 3 and 4.
    pub fn assert_calls_gone(&mut self) {
        self.advance(Duration::from_secs(64));
        let counts = self.hub.counts();
        assert_eq!(counts.calls, 0, "{counts:?}");
        assert_eq!(counts.sip.dialogs, 0, "{counts:?}");
        assert_eq!(counts.sip.client_transactions, 0, "{counts:?}");
        assert_eq!(counts.sip.server_transactions, 0, "{counts:?}");
        assert!(
            self.media.open.is_empty(),
            "open ports: {:?}",
            self.media.open
        );
    }
}

/// The Hub's configuration of these tests: everything on loopback.
pub fn config() -> HubConfig {
    let loopback = "127.0.0.0/8".parse().expect("a network");
    HubConfig::new(sip::UaConfig {
        contacts: vec![(Transport::Udp, OURS)],
        user_agent: "Ringdown/test".into(),
        timers: sip::Timers::default(),
        no_answer_timeout: Duration::from_secs(60),
        targets: sip::TargetPolicy {
            listed: vec![loopback],
            only_listed: true,
        },
        trusted: Vec::new(),
        decline_code: 486,
        ..sip::UaConfig::default()
    })
}

pub fn connection(login: &str) -> Value {
    json!({"message":"connection","data":[{
        "appKey":"defaultApp","mediaProviders":["WebRTC","MSE","WSPlayer"],"clientVersion":"2.0",
        "sipLogin":login,"sipAuthenticationName":login,"sipPassword":"secret",
        "sipDomain":"127.0.0.1","sipOutboundProxy":"127.0.0.1","sipPort":"5060",
        "sipRegisterRequired":true}]})
}

pub fn call(call_id: &str, callee: &str, sdp: &str) -> Value {
    json!({"message":"call","data":[{
        "callId":call_id,"incoming":false,"hasVideo":false,"hasAudio":true,"status":"PENDING",
        "mediaProvider":"WebRTC","sdp":sdp,"caller":"10006","callee":callee,"visibleName":"10006"}]})
}

/// The URI between the angle brackets of our Contact.
pub fn contact_uri(message: &str) -> String {
    let contact = sip_text::header(message, "Contact").expect("there is a Contact");
    let start = contact.find('<').map_or(0, |at| at + 1);
    contact[start..]
        .split('>')
        .next()
        .unwrap_or_default()
        .to_owned()
}
