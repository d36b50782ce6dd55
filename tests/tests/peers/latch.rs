//! Whose sound is believed (decision 030), in network namespaces: the server, a phone behind a NAT, and an injector that
//! sends sound to every media port from before the call until after it.
//!
//! The phone's SDP names an address behind its NAT. The server sees the NAT's outer side alone, and that is where the
//! test's sockets for the phone are: another socket is another port of the NAT.
//!
//! The injector sends from an address of its own all the time. Once the phone has been heard it also sends one packet a
//! second, each of another SSRC, from two sources that it should not have: the address and port of the phone's SDP, which
//! is the best match there is, and the NAT's address with a port that the phone does not use. What the server sends to
//! the former reaches the injector, because a private address is whoever has it where the server is.
//!
//! The page is a bot. Each of the three has a tone of its own, and what each end really heard is looked at.
// The bounds here are times of the real world.
#![allow(clippy::disallowed_methods)]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tests::audio;
use tests::bot::{Bot, Login, Manner};
use tests::folder::Folder;
use tests::kamailio::USERS;
use tests::netns::{self, Machine, case};
use tests::ports;
use tests::ringdown::Ringdown;
use tests::rtp_end::packet;
use tests::server::{Server, answer, body, header};
use tests::speaker::Speaker;
use tests::tone::Tone;
use tests::wait;
use tests::wav::Recording;

const SOON: Duration = Duration::from_secs(10);
/// Sound must be back within this.
const BACK: Duration = Duration::from_secs(1);
/// So much of a clear tone is sound, in seconds.
const HEARD: f64 = 0.12;
/// After this long the last SDP matters no more to the latch (it is 3 s there).
const SETTLED: Duration = Duration::from_millis(3500);
/// So long the NAT keeps no port for a phone that says nothing.
const HOLD: Duration = Duration::from_secs(70);
/// As an amplitude: a single packet of the injector's is louder, in the window that is looked at.
const FAINT: f64 = 0.03;

/// The NAT's outer side.
const NAT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// What the phone takes for its address.
const INSIDE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const INSIDE_PORT: u16 = 4000;
/// A port of the NAT that is nobody's.
const UNUSED: u16 = 5555;
const INJECTOR: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 66);
/// One call's, and as many again.
const MEDIA_PORTS: u16 = 8;

/// The phone's description; `version` is that of its `o=` line.
fn sdp(version: u32, direction: &str) -> String {
    format!(
        "v=0\r\no=phone 1 {version} IN IP4 {INSIDE}\r\ns=-\r\nc=IN IP4 {INSIDE}\r\nt=0 0\r\n\
         m=audio {INSIDE_PORT} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={direction}\r\n"
    )
}

/// What the injector sends from sources that are not its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoofing {
    Nothing,
    /// One packet from each source; then nothing.
    OnePacket,
    /// One packet a second from each source, of another SSRC each time.
    OnePacketASecond,
    /// A stream from each source.
    Streams,
}

/// Injects sound until it is dropped.
struct Injector {
    spoofing: Arc<Mutex<Spoofing>>,
    /// Packets of any kind that came to a socket that is not the phone's.
    leaked: Arc<AtomicUsize>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _machine: Machine,
}

/// The thread's part of it.
struct Sender {
    own: UdpSocket,
    spoofed: [UdpSocket; 2],
    /// Nothing may arrive here.
    listeners: Vec<UdpSocket>,
    targets: Vec<SocketAddr>,
}

impl Injector {
    /// `listener`: a socket of somebody else's to which nothing may come either.
    fn start(
        machine: Machine,
        listener: UdpSocket,
        targets: Vec<SocketAddr>,
        tone: Tone,
    ) -> Result<Self> {
        let own = machine.socket((INJECTOR, 50_000).into())?;
        let inside = machine.socket((INSIDE, INSIDE_PORT).into())?;
        let inside_rtcp = machine.socket((INSIDE, INSIDE_PORT + 1).into())?;
        let unused = machine.socket((NAT, UNUSED).into())?;
        let listeners = vec![listener, own.try_clone()?, inside.try_clone()?, inside_rtcp];
        for socket in &listeners {
            socket.set_nonblocking(true)?;
        }
        let sender = Sender {
            own,
            spoofed: [inside, unused],
            listeners,
            targets,
        };
        let spoofing = Arc::new(Mutex::new(Spoofing::Nothing));
        let leaked = Arc::new(AtomicUsize::new(0));
        let ends = Arc::new(AtomicBool::new(false));
        let (how, count, end) = (spoofing.clone(), leaked.clone(), ends.clone());
        let thread = std::thread::Builder::new().name("injector".into());
        let thread = thread.spawn(move || {
            let mut sound = tone.pcmu();
            for sent in (0..).take_while(|_| !end.load(Ordering::Relaxed)) {
                let next = Instant::now() + Duration::from_millis(20);
                let mut how = how.lock().unwrap_or_else(PoisonError::into_inner);
                sender.turn(sent, &sound.packet(), *how);
                if *how == Spoofing::OnePacket {
                    *how = Spoofing::Nothing;
                }
                drop(how);
                count.fetch_add(sender.arrived(), Ordering::Relaxed);
                std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
            }
        })?;
        Ok(Self {
            spoofing,
            leaked,
            ends,
            thread: Some(thread),
            _machine: machine,
        })
    }

    fn spoof(&self, what: Spoofing) {
        *self.spoofing.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    fn leaked(&self) -> usize {
        self.leaked.load(Ordering::Relaxed)
    }
}

impl Sender {
    /// Says what is due when `sent` times 20 ms have passed.
    fn turn(&self, sent: u32, payload: &[u8], spoofing: Spoofing) {
        self.send(&self.own, &packet(0x1111_0000, sent, payload));
        let due = match spoofing {
            Spoofing::Nothing => false,
            Spoofing::OnePacket | Spoofing::Streams => true,
            Spoofing::OnePacketASecond => sent.is_multiple_of(50),
        };
        let another = if spoofing == Spoofing::Streams {
            0
        } else {
            sent
        };
        for (socket, ssrc) in self.spoofed.iter().zip([0x2222_0000, 0x3333_0000]) {
            if due {
                self.send(socket, &packet(ssrc + another, sent, payload));
            }
        }
    }

    fn send(&self, socket: &UdpSocket, packet: &[u8]) {
        for target in &self.targets {
            // A closed port may say so, and that is no matter.
            let _ = socket.send_to(packet, target);
        }
    }

    fn arrived(&self) -> usize {
        let mut buffer = [0; 2048];
        let mut arrived =
            |socket: &UdpSocket| std::iter::from_fn(|| socket.recv_from(&mut buffer).ok()).count();
        self.listeners.iter().map(&mut arrived).sum()
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A call of the page to the phone. Fields end in this order: the page first.
struct Line {
    page: Bot,
    call: String,
    /// The phone's sound, once it speaks.
    speaker: Option<Speaker>,
    injector: Injector,
    ringdown: Ringdown,
    phone: Server,
    nat: Machine,
    /// The INVITE that the phone got.
    invite: String,
    cseq: u32,
    page_tone: Tone,
    phone_tone: Tone,
    injector_tone: Tone,
}

/// How many samples page and phone had heard at a moment.
#[derive(Clone, Copy)]
struct Mark {
    page: usize,
    phone: usize,
}

const START: Mark = Mark { page: 0, phone: 0 };

impl Line {
    /// The phone rings a moment and answers; it says nothing yet.
    fn answered(folder: &Folder) -> Result<Self> {
        let [page_tone, phone_tone, injector_tone] = Tone::pick();
        let nat = Machine::join(folder, "nat", &[NAT])?;
        let elsewhere = Machine::join(folder, "injector", &[INJECTOR, INSIDE])?;
        elsewhere.spoof(NAT)?;
        let media = ports::free(MEDIA_PORTS)?;
        let media = media..=media + MEDIA_PORTS - 1;
        let here = netns::address();
        let (ip, outer) = (format!("{here},127.0.0.1"), NAT.to_string());
        let (from, to) = (media.start().to_string(), media.end().to_string());
        let settings = [
            ("ip", ip.as_str()),
            ("ip_local", ""),
            ("sip_targets", &outer),
            ("media_port_from", &from),
            ("media_port_to", &to),
        ];
        let ringdown = Ringdown::serve(folder, &settings)?;
        let targets = media.map(|port| SocketAddr::new(here, port)).collect();
        let unused = nat.socket((NAT, UNUSED).into())?;
        let injector = Injector::start(elsewhere, unused, targets, injector_tone)?;
        let phone = nat.run(|| Server::start_on((NAT, 5060).into(), false))?;
        let login = Login {
            user: USERS[1],
            server: phone.addr,
            registers: false,
        };
        let page = Bot::open(&ringdown, &login, Manner::Rings, page_tone)?;
        let call = page.call("10005")?;
        let (invite, from) = phone.datagram("INVITE ", SOON)?;
        let contact = format!("Contact: <sip:phone@{}>", phone.addr);
        let ringing = answer(&invite, "180 Ringing", &[&contact], "");
        phone.udp.send_to(ringing.as_bytes(), from)?;
        page.wait_for(&call, "RING", SOON)?;
        let content = "Content-Type: application/sdp";
        let answered = answer(&invite, "200 OK", &[&contact, content], &sdp(1, "sendrecv"));
        phone.udp.send_to(answered.as_bytes(), from)?;
        phone.datagram("ACK ", SOON)?;
        page.wait_for(&call, "ESTABLISHED", SOON)?;
        Ok(Self {
            page,
            call,
            speaker: None,
            injector,
            ringdown,
            phone,
            nat,
            invite,
            cseq: 1,
            page_tone,
            phone_tone,
            injector_tone,
        })
    }

    /// The same, and both hear each other. From then on the injector sends spoofed packets, too.
    fn up(folder: &Folder) -> Result<Self> {
        let mut line = Self::answered(folder)?;
        line.speak()?;
        line.both_hear(START, Instant::now() + SOON)?;
        line.injector.spoof(Spoofing::OnePacketASecond);
        Ok(line)
    }

    /// The phone begins to speak.
    fn speak(&mut self) -> Result<()> {
        let socket = self.port_of_the_nat(40_000)?;
        let to = media_of(&self.invite)?;
        self.speaker = Some(Speaker::start(socket, to, self.phone_tone)?);
        Ok(())
    }

    fn speaker(&self) -> Result<&Speaker> {
        self.speaker.as_ref().context("the phone does not speak")
    }

    /// Where sound of the phone may come from.
    fn port_of_the_nat(&self, port: u16) -> Result<UdpSocket> {
        self.nat.socket((NAT, port).into())
    }

    fn mark(&self) -> Result<Mark> {
        Ok(Mark {
            page: self.page.heard(&self.call)?.samples.len(),
            phone: self.speaker()?.heard().samples.len(),
        })
    }

    /// Each hears the other's tone after the mark and before the deadline.
    fn both_hear(&self, mark: Mark, deadline: Instant) -> Result<()> {
        let clear = |mut heard: Recording, from: usize, tone: Tone| {
            heard.samples.drain(..from);
            audio::longest_clear(&heard, tone, 0.060).seconds() >= HEARD
        };
        let left = || deadline.saturating_duration_since(Instant::now());
        wait::until_true("the phone's tone at the page", left(), || {
            let heard = self.page.heard(&self.call)?;
            Ok(clear(heard, mark.page, self.phone_tone))
        })?;
        wait::until_true("the page's tone at the phone", left(), || {
            let heard = self.speaker()?.heard();
            Ok(clear(heard, mark.phone, self.page_tone))
        })
    }

    /// The phone holds the call; the page is told.
    fn hold(&mut self) -> Result<()> {
        self.re_invite("sendonly")?;
        self.page.wait_for(&self.call, "HOLD", SOON).map(drop)
    }

    /// A re-INVITE of the phone that is answered with 200. Its address in SDP stays: it knows nothing of its NAT.
    fn re_invite(&mut self, direction: &str) -> Result<()> {
        self.cseq += 1;
        let sdp = sdp(self.cseq, direction);
        let length = sdp.len();
        let content = format!("Content-Type: application/sdp\r\nContent-Length: {length}");
        self.request("INVITE", &format!("{content}\r\n\r\n{sdp}"))?;
        let (answer, _) = self.phone.datagram("SIP/2.0 200", SOON)?;
        let cseq = header(&answer, "CSeq").context("no CSeq")?;
        ensure!(cseq == format!("{} INVITE", self.cseq), "{answer}");
        self.request("ACK", "Content-Length: 0\r\n\r\n")
    }

    /// A request of the phone in the dialog; `rest` begins with the headers of its body.
    fn request(&self, method: &str, rest: &str) -> Result<()> {
        let of = |name| header(&self.invite, name).with_context(|| format!("no {name}"));
        let contact = of("Contact")?;
        let target = contact.split(['<', '>']).nth(1).context("no URI")?;
        let (ours, theirs, id) = (of("To")?, of("From")?, of("Call-ID")?);
        let (at, number) = (self.phone.addr, self.cseq);
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK-{number}-{method};rport\r\n\
             Max-Forwards: 70\r\nFrom: {ours};tag=server\r\nTo: {theirs}\r\nCall-ID: {id}\r\n\
             CSeq: {number} {method}\r\nContact: <sip:phone@{at}>\r\n{rest}",
        );
        self.phone.udp.send_to(text.as_bytes(), self.ringdown.sip)?;
        Ok(())
    }

    /// The page hangs up. The injector neither heard anything, until a moment after the call, nor was it heard.
    fn over(self) -> Result<()> {
        let heard = self.page.heard(&self.call)?;
        self.hang_up()?;
        passes(Duration::from_secs(1))?;
        let leaked = self.injector.leaked();
        ensure!(leaked == 0, "{leaked} packets went to the injector");
        let level = |tone| audio::loudest(&heard, tone, 0.2);
        let (phone, injector) = (level(self.phone_tone), level(self.injector_tone));
        ensure!(
            injector < FAINT,
            "the page heard the injector at {injector:.3}"
        );
        ensure!(
            phone > 10.0 * FAINT,
            "the page heard the phone at {phone:.3}"
        );
        Ok(())
    }

    fn hang_up(&self) -> Result<()> {
        self.page.hang_up(&self.call)?;
        let (bye, from) = self.phone.datagram("BYE ", SOON)?;
        let answer = answer(&bye, "200 OK", &[], "");
        self.phone.udp.send_to(answer.as_bytes(), from)?;
        self.page.wait_for(&self.call, "FINISH", SOON).map(drop)
    }
}

/// Where the server wants the media of the one m-line of this message.
fn media_of(message: &str) -> Result<SocketAddr> {
    let line = |start| body(message).lines().find_map(|l| l.strip_prefix(start));
    let ip = line("c=IN IP4 ").context("no c=")?.parse()?;
    let media = line("m=audio ").context("no m=")?;
    let port = media.split(' ').next().context("no port")?.parse()?;
    Ok(SocketAddr::new(ip, port))
}

/// Lets time pass.
fn passes(time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    wait::until_true("time to pass", time + SOON, || Ok(Instant::now() >= end))
}

/// The NAT has given the port away in 70 s of silence, and the phone begins another stream.
#[test]
fn a_phone_is_heard_again_after_a_long_hold() {
    case(|folder| {
        let mut line = Line::up(folder)?;
        line.hold()?;
        line.speaker()?.hush()?;
        passes(HOLD)?;
        let (mark, socket) = (line.mark()?, line.port_of_the_nat(41_000)?);
        let deadline = Instant::now() + BACK;
        line.re_invite("sendrecv")?;
        line.speaker()?.begin_anew(socket)?;
        line.both_hear(mark, deadline)?;
        line.over()
    });
}

/// The phone plays music in hold until it resumes the call from another port: the old one was live a moment ago.
#[test]
fn a_phone_is_heard_again_after_music_in_hold() {
    case(|folder| {
        let mut line = Line::up(folder)?;
        line.hold()?;
        passes(SETTLED)?;
        let socket = line.port_of_the_nat(41_000)?;
        let deadline = Instant::now() + BACK;
        line.re_invite("sendrecv")?;
        line.speaker()?.begin_anew(socket)?;
        line.both_hear(line.mark()?, deadline)?;
        line.over()
    });
}

#[test]
fn a_nat_that_rebinds_in_mid_stream_is_followed() {
    case(|folder| {
        let line = Line::up(folder)?;
        passes(SETTLED)?;
        let (mark, socket) = (line.mark()?, line.port_of_the_nat(41_000)?);
        let deadline = Instant::now() + BACK;
        line.speaker()?.rebind(socket)?;
        line.both_hear(mark, deadline)?;
        line.over()
    });
}

#[test]
fn a_live_stream_is_not_taken_by_spoofed_streams() {
    case(|folder| {
        let line = Line::up(folder)?;
        passes(SETTLED)?;
        line.injector.spoof(Spoofing::Streams);
        passes(Duration::from_secs(3))?;
        line.both_hear(line.mark()?, Instant::now() + BACK)?;
        line.over()
    });
}

/// Before the phone was heard nobody can know it from one who spoofs the address in its SDP. What that does to a call
/// lasts less than a second.
#[test]
fn a_packet_spoofed_ahead_of_the_phones_first_is_got_over() {
    case(|folder| {
        let mut line = Line::answered(folder)?;
        line.injector.spoof(Spoofing::OnePacket);
        wait::until_true("a packet to the injector", SOON, || {
            Ok(line.injector.leaked() > 0)
        })?;
        let deadline = Instant::now() + BACK;
        line.speak()?;
        line.both_hear(START, deadline)?;
        let leaked = line.injector.leaked();
        passes(Duration::from_secs(1))?;
        ensure!(
            line.injector.leaked() == leaked,
            "packets still go to the injector"
        );
        line.hang_up()
    });
}
