//! A user agent, a clock that only moves when told, and a peer that is played by hand.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used
)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use secrecy::SecretString;
use sip::digest::{Algorithm, Authorization, Challenge};
use sip::header::{CSeq, FromTo};
use sip::{
    Account, Counts, Event, HeaderName, Hop, Input, Invite, InviteId, Message, Method, Output,
    RegistrationId, Request, ResolveId, Response, SipUser, Target, TargetPolicy, Timers, Transport,
    Ua, UaConfig, Uri,
};

pub const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

pub fn udp(addr: &str) -> Hop {
    Hop {
        transport: Transport::Udp,
        addr: addr.parse().unwrap(),
        verified_name: None,
    }
}

pub fn tcp(addr: &str) -> Hop {
    Hop {
        transport: Transport::Tcp,
        ..udp(addr)
    }
}

/// The SIP server of most tests.
pub fn pbx() -> Hop {
    udp("192.0.2.10:5060")
}

pub fn config() -> UaConfig {
    let addr = |text: &str| text.parse().unwrap();
    UaConfig {
        contacts: vec![
            (Transport::Udp, addr("192.0.2.1:5080")),
            (Transport::Tcp, addr("192.0.2.1:5080")),
            (Transport::Tls, addr("192.0.2.1:5081")),
            (Transport::Udp, addr("[2001:db8::1]:5080")),
        ],
        user_agent: "Ringdown".into(),
        timers: Timers::default(),
        no_answer_timeout: secs(60),
        trying_timeout: secs(180),
        session_expires: Duration::ZERO,
        min_se: secs(90),
        auth_after_progress: false,
        targets: TargetPolicy::default(),
        trusted: Vec::new(),
        decline_code: 486,
    }
}

pub fn account(next_hop: &str) -> Account {
    Account {
        user: SipUser::parse("10005").unwrap(),
        domain: "example.com".into(),
        auth_user: "10005".into(),
        password: SecretString::from("demo"),
        next_hop: Target::parse(next_hop).unwrap(),
        display: None,
    }
}

/// One message that left, and when.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Duration,
    pub hop: Hop,
    pub message: Message,
}

pub struct Bench {
    pub ua: Ua,
    start: Instant,
    pub now: Instant,
    pub sent: VecDeque<Sent>,
    pub events: VecDeque<Event>,
    pub looked_up: VecDeque<(ResolveId, Target)>,
    branches: u32,
    /// Answers to broken requests.
    pub refusals: VecDeque<String>,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(config())
    }

    pub fn with(config: UaConfig) -> Self {
        let now = Instant::now();
        Self {
            ua: Ua::new(config, ChaCha20Rng::from_seed([7; 32])),
            start: now,
            now,
            sent: VecDeque::new(),
            events: VecDeque::new(),
            looked_up: VecDeque::new(),
            branches: 0,
            refusals: VecDeque::new(),
        }
    }

    fn pump(&mut self) {
        let at = self.now - self.start;
        while let Some(output) = self.ua.poll_output() {
            match output {
                Output::Send { hop, bytes } => {
                    match sip::parse(&bytes) {
                        Ok(message) => self.sent.push_back(Sent { at, hop, message }),
                        // What answers a broken request repeats what is broken.
                        Err(_)
                            if bytes.starts_with(b"SIP/2.0 400")
                                || bytes.starts_with(b"SIP/2.0 505") =>
                        {
                            self.refusals
                                .push_back(String::from_utf8_lossy(&bytes).into_owned());
                        }
                        Err(error) => panic!("we sent {error}:\n{bytes:?}"),
                    }
                }
                Output::Event(event) => self.events.push_back(event),
                Output::Resolve { id, target } => self.looked_up.push_back((id, target)),
            }
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Lets time pass, stopping at every timer.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((at, _)) = self.ua.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.ua.handle_timeout(self.now);
            self.pump();
        }
        self.now = end;
    }

    /// Lets time pass until something is sent.
    #[track_caller]
    pub fn until_sent(&mut self, limit: Duration) {
        let end = self.now + limit;
        while self.sent.is_empty() {
            let (at, _) = self
                .ua
                .poll_timeout()
                .filter(|(at, _)| *at <= end)
                .expect("nothing sent in time");
            self.now = self.now.max(at);
            self.ua.handle_timeout(self.now);
            self.pump();
        }
    }

    pub fn act<T>(&mut self, act: impl FnOnce(&mut Ua, Instant) -> T) -> T {
        let result = act(&mut self.ua, self.now);
        self.pump();
        result
    }

    pub fn input(&mut self, input: Input) {
        self.act(|ua, now| ua.handle_input(input, now));
    }

    pub fn receive_bytes(&mut self, from: &Hop, bytes: impl Into<Bytes>) {
        let local = "192.0.2.1:5080".parse().unwrap();
        self.input(Input::Received {
            from: from.clone(),
            local,
            bytes: bytes.into(),
        });
    }

    pub fn receive(&mut self, from: &Hop, message: &Message) {
        let bytes = match message {
            Message::Request(request) => request.to_bytes(),
            Message::Response(response) => response.to_bytes(),
        };
        self.receive_bytes(from, bytes);
    }

    pub fn send_failed(&mut self, hop: &Hop, error: &str) {
        self.input(Input::SendFailed {
            hop: hop.clone(),
            error: error.into(),
        });
    }

    pub fn closed(&mut self, hop: &Hop, error: &str) {
        self.input(Input::Closed {
            hop: hop.clone(),
            error: error.into(),
        });
    }

    // What left.

    #[track_caller]
    pub fn request(&mut self, method: Method) -> Request {
        self.request_to(method).1
    }

    /// The next message, which must be this request; where it went, too.
    #[track_caller]
    pub fn request_to(&mut self, method: Method) -> (Hop, Request) {
        match self.sent.pop_front() {
            Some(Sent {
                hop,
                message: Message::Request(request),
                ..
            }) if request.method == method => (hop, request),
            other => panic!("{method} expected, not {other:?}"),
        }
    }

    /// The next message, which must be a response with this status.
    #[track_caller]
    pub fn response(&mut self, status: u16) -> Response {
        self.response_to(status).1
    }

    #[track_caller]
    pub fn response_to(&mut self, status: u16) -> (Hop, Response) {
        match self.sent.pop_front() {
            Some(Sent {
                hop,
                message: Message::Response(response),
                ..
            }) if response.status == status => (hop, response),
            other => panic!("{status} expected, not {other:?}"),
        }
    }

    #[track_caller]
    pub fn silent(&self) {
        assert!(
            self.sent.is_empty(),
            "nothing expected, not {:?}",
            self.sent
        );
    }

    /// Forgets what left; how many messages that were.
    pub fn ignore_sent(&mut self) -> usize {
        self.sent.drain(..).count()
    }

    #[track_caller]
    pub fn event(&mut self) -> Event {
        self.events.pop_front().expect("an event")
    }

    #[track_caller]
    pub fn no_event(&self) {
        assert!(
            self.events.is_empty(),
            "no event expected, not {:?}",
            self.events
        );
    }

    /// Nothing is left, whatever time passes.
    #[track_caller]
    pub fn over(&mut self) {
        self.pass(secs(400));
        assert_eq!(self.ua.counts(), Counts::default());
        assert_eq!(self.ua.poll_timeout(), None);
        self.no_event();
    }

    // The peer.

    /// Answers a request of ours.
    pub fn reply(&mut self, request: &Request, status: u16) {
        self.reply_with(request, status, |_| {});
    }

    pub fn reply_with(
        &mut self,
        request: &Request,
        status: u16,
        change: impl FnOnce(&mut Response),
    ) {
        let mut response = answer(request, status, "peer");
        change(&mut response);
        self.receive(&pbx(), &Message::Response(response));
    }

    /// A request of the peer inside the dialog that our INVITE and its answer made.
    pub fn peer_request(
        &mut self,
        invite: &Request,
        method: Method,
        cseq: u32,
        tag: &str,
    ) -> Request {
        let mut request = self.bare(method.clone(), uri_of(&invite.headers));
        let from = invite.headers.to().unwrap().with_tag(tag);
        request.headers.push(HeaderName::From, from);
        request
            .headers
            .push(HeaderName::To, invite.headers.from().unwrap());
        request
            .headers
            .push(HeaderName::CallId, invite.headers.call_id().unwrap());
        request.headers.push(
            HeaderName::CSeq,
            CSeq {
                number: cseq,
                method,
            },
        );
        request
    }

    /// A request of the peer outside every dialog.
    pub fn fresh_request(&mut self, method: Method, uri: Uri) -> Request {
        let n = self.branches;
        let mut request = self.bare(method.clone(), uri);
        let from = FromTo::new(Uri::parse("sip:20001@example.com").unwrap())
            .with_tag(format!("caller{n}"));
        request.headers.push(
            HeaderName::From,
            from.with_display(Some("Bob \"B\"".into())),
        );
        request.headers.push(
            HeaderName::To,
            FromTo::new(Uri::parse("sip:10005@example.com").unwrap()),
        );
        request
            .headers
            .push(HeaderName::CallId, format!("call{n}@192.0.2.10"));
        request
            .headers
            .push(HeaderName::CSeq, CSeq { number: 1, method });
        request
            .headers
            .push(HeaderName::Contact, "<sip:20001@192.0.2.10:5060>");
        request
    }

    fn bare(&mut self, method: Method, uri: Uri) -> Request {
        self.branches += 1;
        let mut headers = sip::Headers::new();
        let via = format!(
            "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKpeer{};rport",
            self.branches
        );
        headers.push(HeaderName::Via, via);
        headers.push(HeaderName::MaxForwards, "70");
        Request {
            method,
            uri,
            headers,
            body: Bytes::new(),
        }
    }

    pub fn invite_of_peer(&mut self, uri: Uri) -> Request {
        let mut invite = self.fresh_request(Method::Invite, uri);
        with_sdp(&mut invite.headers, &mut invite.body);
        invite
    }

    pub fn pbx_sends(&mut self, request: &Request) {
        self.receive(&pbx(), &Message::Request(request.clone()));
    }

    // Steps many tests begin with.

    /// Registers at the PBX. The registration and our Contact.
    pub fn registered(&mut self) -> (RegistrationId, Uri) {
        let id = self.act(|ua, now| ua.register(account("192.0.2.10"), now));
        let register = self.request(Method::Register);
        let contact = uri_of(&register.headers);
        self.reply_with(&register, 200, |ok| bind(ok, &register, 300));
        assert_eq!(
            self.event(),
            Event::Registered {
                id,
                expires: secs(300)
            }
        );
        (id, contact)
    }

    pub fn call(&mut self, next_hop: &str) -> InviteId {
        self.act(|ua, now| ua.invite(invite_to("10006", next_hop), now))
    }

    /// An outgoing call that is up. The call, our INVITE, our ACK.
    pub fn established(&mut self) -> (InviteId, Request, Request) {
        let id = self.call("192.0.2.10");
        let invite = self.request(Method::Invite);
        self.reply_with(&invite, 200, picked_up);
        let ack = self.request(Method::Ack);
        assert!(matches!(self.event(), Event::Answered { .. }));
        (id, invite, ack)
    }

    /// The peer takes our call; the PBX stays on the path of the dialog. Our ACK is out.
    #[track_caller]
    pub fn picked_up_through_pbx(&mut self, invite: &Request) {
        self.reply_with(invite, 200, |ok| {
            ok.headers
                .push(HeaderName::RecordRoute, "<sip:192.0.2.10;lr>");
            picked_up(ok);
        });
        self.request(Method::Ack);
        assert!(matches!(self.event(), Event::Answered { .. }));
    }

    /// An incoming call of a registration, 100 sent. The call and the INVITE.
    pub fn offered(&mut self, contact: &Uri) -> (InviteId, Request) {
        let invite = self.invite_of_peer(contact.clone());
        self.pbx_sends(&invite);
        self.response(100);
        match self.event() {
            Event::Incoming { id, .. } => (id, invite),
            other => panic!("Incoming expected, not {other:?}"),
        }
    }

    /// The same, answered and acknowledged. The call, the INVITE, our 200.
    pub fn taken(&mut self, contact: &Uri) -> (InviteId, Request, Response) {
        let (id, invite) = self.offered(contact);
        self.act(|ua, now| ua.accept(id, Bytes::from_static(SDP), &[], now));
        let ok = self.response(200);
        let ack = self.ack_of(&invite, &ok);
        self.pbx_sends(&ack);
        assert!(matches!(self.event(), Event::Confirmed { .. }));
        (id, invite, ok)
    }

    /// The peer's ACK of our 2xx.
    pub fn ack_of(&mut self, invite: &Request, ok: &Response) -> Request {
        self.in_their_dialog(invite, ok, Method::Ack, 1)
    }

    /// A request of the peer in a dialog it began.
    pub fn in_their_dialog(
        &mut self,
        invite: &Request,
        ok: &Response,
        method: Method,
        cseq: u32,
    ) -> Request {
        let mut request = self.bare(method.clone(), uri_of(&ok.headers));
        request.headers.copy(&HeaderName::From, &invite.headers);
        request.headers.copy(&HeaderName::To, &ok.headers);
        request.headers.copy(&HeaderName::CallId, &invite.headers);
        request.headers.push(
            HeaderName::CSeq,
            CSeq {
                number: cseq,
                method,
            },
        );
        request
    }

    /// We hang up a call that is up, and nothing of it is left. Our BYE.
    #[track_caller]
    pub fn hangs_up(&mut self, id: InviteId) -> Request {
        self.act(|ua, now| ua.end(id, now));
        let bye = self.request(Method::Bye);
        self.reply(&bye, 200);
        assert!(matches!(self.event(), Event::Ended { .. }));
        self.over();
        bye
    }

    /// Removes a registration and checks that nothing is left.
    #[track_caller]
    pub fn unregister_and_finish(&mut self, id: RegistrationId) {
        self.act(|ua, now| ua.unregister(id, now));
        let register = self.request(Method::Register);
        self.reply(&register, 200);
        assert_eq!(self.event(), Event::Unregistered { id });
        self.over();
    }
}

pub fn invite_to(callee: &str, next_hop: &str) -> Invite {
    Invite {
        account: account(next_hop),
        callee: Ua::callee_uri(callee, "example.com").unwrap(),
        caller_display: None,
        offer: Bytes::from_static(SDP),
        extra_headers: Vec::new(),
    }
}

/// What a peer answers; To gets this tag unless the status is 100.
pub fn answer(request: &Request, status: u16, tag: &str) -> Response {
    let mut headers = sip::Headers::new();
    for name in [HeaderName::Via, HeaderName::From] {
        headers.copy(&name, &request.headers);
    }
    let to = request.headers.to().unwrap();
    let to = if status > 100 && to.tag.is_none() {
        to.with_tag(tag)
    } else {
        to
    };
    headers.push(HeaderName::To, to);
    for name in [HeaderName::CallId, HeaderName::CSeq] {
        headers.copy(&name, &request.headers);
    }
    Response {
        status,
        reason: sip::cause::phrase(status).into(),
        headers,
        body: Bytes::new(),
    }
}

/// A 200 to an INVITE: Contact and SDP.
pub fn picked_up(response: &mut Response) {
    response
        .headers
        .push(HeaderName::Contact, "<sip:10006@192.0.2.66:5062>");
    with_sdp(&mut response.headers, &mut response.body);
}

pub fn with_sdp(headers: &mut sip::Headers, body: &mut Bytes) {
    headers.push(HeaderName::ContentType, "application/sdp");
    *body = Bytes::from_static(SDP);
}

/// A 200 to a REGISTER: our Contact among others, for so many seconds.
pub fn bind(ok: &mut Response, register: &Request, seconds: u32) {
    let ours = uri_of(&register.headers);
    ok.headers
        .push(HeaderName::Contact, "<sip:other@192.0.2.99>;expires=7");
    ok.headers
        .push(HeaderName::Contact, format!("<{ours}>;expires={seconds}"));
}

pub fn challenge(response: &mut Response, nonce: &str, stale: bool) {
    let mut challenge = Challenge::new("example.com", nonce, Algorithm::Md5);
    challenge.stale = stale;
    let name = if response.status == 407 {
        HeaderName::ProxyAuthenticate
    } else {
        HeaderName::WwwAuthenticate
    };
    response.headers.push(name, challenge);
}

/// The credentials a request carries, checked.
#[track_caller]
pub fn credentials(request: &Request) -> Authorization {
    let text = request.headers.get(&HeaderName::Authorization);
    let text = text
        .or_else(|| request.headers.get(&HeaderName::ProxyAuthorization))
        .expect("credentials");
    let answer = Authorization::parse(text).unwrap().unwrap();
    let password = SecretString::from("demo");
    assert!(sip::digest::check(
        &answer,
        "10005",
        &password,
        &request.method,
        &request.body
    ));
    assert_eq!(answer.uri, request.uri.to_string());
    answer
}

pub fn without_credentials(request: &Request) -> bool {
    !request.headers.has(&HeaderName::Authorization)
        && !request.headers.has(&HeaderName::ProxyAuthorization)
}

/// The Contact of a message.
#[track_caller]
pub fn uri_of(headers: &sip::Headers) -> Uri {
    headers
        .contacts()
        .unwrap()
        .first()
        .expect("a Contact")
        .uri
        .clone()
}

pub fn cseq(request: &Request) -> u32 {
    request.headers.cseq().unwrap().number
}

pub fn branch(headers: &sip::Headers) -> String {
    headers.via().unwrap().branch().unwrap().to_owned()
}

/// The cause of a call's last event.
#[track_caller]
pub fn cause_of(event: &Event) -> &sip::Cause {
    match event {
        Event::Refused { cause, .. }
        | Event::Ended { cause, .. }
        | Event::RegistrationFailed { cause, .. } => cause,
        other => panic!("a failure expected, not {other:?}"),
    }
}
