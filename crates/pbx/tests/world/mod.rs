//! The PBX with a clock that moves only when told, and phones whose SIP is written by hand.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    unused_imports
)]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::WallClock;
use media::rtcp::{self, Rtcp};
use media::rtp::RtpPacket;
use pbx::{Input, Output, Pbx, PbxConfig};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use sdp::MediaKind;
use sip::digest::{Algorithm, Credentials, respond};
use sip::header::Challenge;
use sip::{Hop, InviteId, Method, Transport};
use testkit::sip_text::{self, header, headers, request, status, tag};

pub use MediaKind::{Audio, Video};

pub const PBX: &str = "127.0.0.1:5060";

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A datagram to a phone, and when it left.
#[derive(Debug, Clone)]
pub struct Sent {
    pub at: Duration,
    pub call: InviteId,
    pub kind: MediaKind,
    pub rtcp: bool,
    pub to: SocketAddr,
    pub bytes: Bytes,
}

impl Sent {
    pub fn rtp(&self) -> RtpPacket {
        RtpPacket::parse(&self.bytes).unwrap()
    }

    pub fn rtcp(&self) -> Vec<Rtcp> {
        rtcp::parse(&self.bytes)
    }
}

/// The PBX's surroundings.
pub struct World {
    pub pbx: Pbx,
    start: Instant,
    pub now: Instant,
    /// SIP that left and that no phone has read.
    sip: VecDeque<(Hop, String)>,
    /// Media that left, in order.
    pub media: Vec<Sent>,
    /// Ports that are open.
    pub open: Vec<(InviteId, MediaKind, SocketAddr)>,
    /// All that left since the last step began, by name.
    pub step: Vec<&'static str>,
    pub ports_left: usize,
    next_port: u16,
    cseq: u32,
}

impl World {
    pub fn new() -> Self {
        let start = Instant::now();
        let config = PbxConfig {
            addr: addr(PBX),
            domain: "127.0.0.1".into(),
            clock: WallClock::new(start, Duration::from_secs(1_800_000_000)),
        };
        Self {
            pbx: Pbx::new(config, ChaCha20Rng::seed_from_u64(9)).unwrap(),
            start,
            now: start,
            sip: VecDeque::new(),
            media: Vec::new(),
            open: Vec::new(),
            step: Vec::new(),
            ports_left: usize::MAX,
            next_port: 30_000,
            cseq: 0,
        }
    }

    pub fn input(&mut self, input: Input) {
        self.step.clear();
        self.pbx.handle_input(input, self.now);
        self.perform();
    }

    fn perform(&mut self) {
        while let Some(output) = self.pbx.poll_output() {
            match output {
                Output::Send { hop, bytes } => {
                    self.step.push("sip");
                    self.sip
                        .push_back((hop, String::from_utf8(bytes.to_vec()).unwrap()));
                }
                Output::OpenMedia { call, .. } if self.ports_left == 0 => {
                    self.pbx.handle_input(Input::MediaFailed { call }, self.now);
                }
                Output::OpenMedia { call, kind } => {
                    self.ports_left -= 1;
                    let addr = SocketAddr::new(addr(PBX).ip(), self.next_port);
                    self.next_port += 2;
                    self.open.push((call, kind, addr));
                    self.pbx
                        .handle_input(Input::MediaOpened { call, kind, addr }, self.now);
                }
                Output::CloseMedia { call } => self.open.retain(|(owner, ..)| *owner != call),
                Output::Rtp {
                    call,
                    kind,
                    rtcp,
                    to,
                    bytes,
                } => {
                    let open = self.open.iter().any(|(c, k, _)| (*c, *k) == (call, kind));
                    assert!(open, "sent from a closed port");
                    self.step.push(if rtcp { "rtcp" } else { "rtp" });
                    let at = self.now - self.start;
                    self.media.push(Sent {
                        at,
                        call,
                        kind,
                        rtcp,
                        to,
                        bytes,
                    });
                }
            }
        }
    }

    /// Lets time pass, alarm by alarm.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((at, _)) = self.pbx.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = at.max(self.now);
            self.step.clear();
            self.pbx.handle_timeout(self.now);
            self.perform();
        }
        self.now = end;
    }

    /// Until every transaction is forgotten.
    pub fn pass_until_idle(&mut self) {
        self.pass(Duration::from_secs(64));
        assert!(self.pbx.is_idle(), "still busy");
        assert!(self.open.is_empty(), "ports are open");
        assert_eq!(self.pbx.poll_timeout(), None);
    }

    pub fn send(&mut self, phone: &Phone, text: &str) {
        let from = phone.hop();
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        self.input(Input::Sip {
            from,
            local: addr(PBX),
            bytes,
        });
    }

    /// The next message for this phone; none: `None`.
    pub fn read(&mut self, phone: &Phone) -> Option<String> {
        let hop = phone.hop();
        let at = self.sip.iter().position(|(to, _)| *to == hop)?;
        Some(self.sip.remove(at).unwrap().1)
    }

    /// The next message for this phone, which has this status.
    pub fn expect(&mut self, phone: &Phone, code: u16) -> String {
        let text = self.read(phone).unwrap_or_else(|| panic!("no {code}"));
        assert_eq!(status(&text), Some(code), "{text}");
        text
    }

    /// The next message for this phone, which is this request.
    pub fn expect_request(&mut self, phone: &Phone, method: &str) -> String {
        let text = self.read(phone).unwrap_or_else(|| panic!("no {method}"));
        assert_eq!(sip_text::method(&text), Some(method), "{text}");
        text
    }

    /// A datagram from a phone's media port.
    pub fn rtp(&mut self, call: InviteId, kind: MediaKind, rtcp: bool, bytes: &[u8]) {
        let bytes = Bytes::copy_from_slice(bytes);
        let from = addr("127.0.0.1:4000");
        self.input(Input::Rtp {
            call,
            kind,
            rtcp,
            from,
            bytes,
        });
    }

    pub fn next_cseq(&mut self) -> u32 {
        self.cseq += 1;
        self.cseq
    }

    /// A REGISTER and its answer, without credentials.
    pub fn register_bare(&mut self, phone: &Phone, user: &str, more: &[&str]) -> String {
        let cseq = self.next_cseq();
        let text = phone.register(user, cseq, more);
        self.send(phone, &text);
        self.read(phone).expect("an answer")
    }

    /// REGISTER with the password after a 401; the last answer.
    pub fn register_as(
        &mut self,
        phone: &Phone,
        user: &str,
        password: &str,
        algorithm: Algorithm,
        more: &[&str],
    ) -> String {
        let refused = self.register_bare(phone, user, more);
        assert_eq!(status(&refused), Some(401), "{refused}");
        let line = authorization(&refused, user, password, algorithm, 1);
        let mut lines = more.to_vec();
        lines.push(&line);
        self.register_bare(phone, user, &lines)
    }

    pub fn register(&mut self, phone: &Phone, user: &str) {
        let answer = self.register_as(phone, user, "demo", Algorithm::Sha256, &[]);
        assert_eq!(status(&answer), Some(200), "{answer}");
    }

    /// INVITE; 100 is read.
    pub fn invite(&mut self, phone: &Phone, number: &str, sdp: &str) -> String {
        let text = phone.request("INVITE", number, 1, "", sdp);
        self.send(phone, &text);
        self.expect(phone, 100);
        text
    }

    /// A call that is answered at once and acknowledged: the 200.
    pub fn call(&mut self, phone: &Phone, number: &str, sdp: &str) -> Established {
        let invite = self.invite(phone, number, sdp);
        let ok = self.expect(phone, 200);
        self.send(phone, &phone.ack(&ok));
        let id = self.open.last().map_or(InviteId(0), |(call, ..)| *call);
        Established { id, invite, ok }
    }
}

/// A call that is up.
pub struct Established {
    pub id: InviteId,
    pub invite: String,
    pub ok: String,
}

impl Established {
    pub fn answer(&self) -> &str {
        sip_text::body(&self.ok)
    }
}

/// The Authorization line that answers a 401.
pub fn authorization(
    refused: &str,
    user: &str,
    password: &str,
    algorithm: Algorithm,
    count: u32,
) -> String {
    authorization_for("sip:127.0.0.1", refused, user, password, algorithm, count)
}

/// The same for a request to another URI.
pub fn authorization_for(
    uri: &str,
    refused: &str,
    user: &str,
    password: &str,
    algorithm: Algorithm,
    count: u32,
) -> String {
    let challenge = headers(refused, "WWW-Authenticate")
        .flat_map(|value| Challenge::parse_list(value, false).unwrap())
        .find(|challenge| challenge.algorithm == Some(algorithm.clone()))
        .expect("the algorithm is offered");
    let password = password.into();
    let credentials = Credentials {
        username: user,
        password: &password,
    };
    let value = respond(
        &challenge,
        credentials,
        &Method::Register,
        uri,
        b"",
        "c0",
        count,
    );
    format!("Authorization: {value}")
}

/// A phone on this machine.
#[derive(Debug, Clone)]
pub struct Phone {
    pub addr: SocketAddr,
    pub transport: Transport,
    pub user: String,
}

impl Phone {
    pub fn new(user: &str, port: u16) -> Self {
        let addr = SocketAddr::new(addr(PBX).ip(), port);
        Self {
            addr,
            transport: Transport::Udp,
            user: user.into(),
        }
    }

    pub fn hop(&self) -> Hop {
        Hop {
            transport: self.transport,
            addr: self.addr,
            verified_name: None,
        }
    }

    pub fn contact(&self) -> String {
        let over = if self.transport == Transport::Tcp {
            ";transport=tcp"
        } else {
            ""
        };
        format!("sip:{}-phone@{}{over}", self.user, self.addr)
    }

    fn via(&self, branch: &str) -> String {
        format!(
            "Via: SIP/2.0/{} {};rport;branch=z9hG4bK{branch}",
            self.transport, self.addr
        )
    }

    pub fn register(&self, user: &str, cseq: u32, more: &[&str]) -> String {
        let own_contact = more.iter().any(|line| line.starts_with("Contact:"));
        let contact = format!("Contact: <{}>", self.contact());
        let mut lines = vec![
            self.via(&format!("reg{cseq}")),
            "Max-Forwards: 70".into(),
            format!("From: <sip:{user}@127.0.0.1>;tag=r{}", self.addr.port()),
            format!("To: <sip:{user}@127.0.0.1>"),
            format!("Call-ID: reg-{}", self.addr),
            format!("CSeq: {cseq} REGISTER"),
        ];
        if !own_contact {
            lines.push(contact);
        }
        lines.extend(more.iter().map(|line| (*line).to_owned()));
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        request("REGISTER sip:127.0.0.1", &lines, "")
    }

    /// A request of the call this phone makes to `number`.
    pub fn request(
        &self,
        method: &str,
        number: &str,
        cseq: u32,
        to_tag: &str,
        sdp: &str,
    ) -> String {
        let to_tag = if to_tag.is_empty() {
            String::new()
        } else {
            format!(";tag={to_tag}")
        };
        let branch = match method {
            "CANCEL" => format!("INVITE{cseq}{number}"),
            "ACK" => format!("{method}{cseq}{number}2"),
            _ => format!("{method}{cseq}{number}"),
        };
        let lines = [
            self.via(&branch),
            "Max-Forwards: 70".into(),
            format!(
                "From: \"Anna\" <sip:{}@127.0.0.1>;tag=f{}",
                self.user,
                self.addr.port()
            ),
            format!("To: <sip:{number}@127.0.0.1>{to_tag}"),
            format!("Call-ID: call-{number}-{}", self.addr),
            format!("CSeq: {cseq} {method}"),
            format!("Contact: <{}>", self.contact()),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        request(&format!("{method} sip:{number}@127.0.0.1"), &lines, sdp)
    }

    /// The ACK of a 200.
    pub fn ack(&self, ok: &str) -> String {
        self.within("ACK", ok, 1)
    }

    pub fn bye(&self, ok: &str) -> String {
        self.within("BYE", ok, 2)
    }

    fn within(&self, method: &str, ok: &str, cseq: u32) -> String {
        let to = header(ok, "To").unwrap();
        let number = to.split("sip:").nth(1).unwrap().split('@').next().unwrap();
        self.request(method, number, cseq, tag(to).unwrap(), "")
    }

    /// A response of this phone to a request it got.
    pub fn respond(&self, request: &str, line: &str, sdp: &str) -> String {
        let contact = format!("Contact: <{}>", self.contact());
        let to_tag = format!("t{}", self.addr.port());
        sip_text::respond(request, line, &to_tag, &[&contact], sdp)
    }
}

/// An offer with these m-lines; each is given with its attributes, lines separated by `\n`.
pub fn offer(media: &[&str]) -> String {
    let mut text = "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n".to_owned();
    for lines in media {
        text.push_str(lines);
        text.push('\n');
    }
    text.replace('\n', "\r\n")
}

pub const G711: &str = "m=audio 4000 RTP/AVP 0 8";

/// A packet of a phone's.
pub fn packet(payload_type: u8, n: u16, payload: &[u8]) -> Vec<u8> {
    let packet = RtpPacket {
        payload_type,
        marker: n == 0,
        sequence: 1000 + n,
        timestamp: 5000 + u32::from(n) * 160,
        ssrc: 0xaaaa_aaaa,
        payload: Bytes::copy_from_slice(payload),
    };
    packet.to_bytes().to_vec()
}
