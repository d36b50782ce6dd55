//! The built-in test PBX on real sockets: called by SIPp over UDP and TCP, and by a phone of ten lines.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use codec::Law;
use gateway::pbx_net::{self, PbxServer};
use media::RtpPacket;

/// For what a loaded machine does at its leisure.
const SOON: Duration = Duration::from_secs(10);

/// A PBX and what keeps it running.
struct Running {
    server: PbxServer,
    _runtime: tokio::runtime::Runtime,
}

fn start() -> Running {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(pbx_net::start()).unwrap();
    Running {
        server,
        _runtime: runtime,
    }
}

/// Calls of SIPp's own built-in scenario: INVITE, 200, ACK, a while, BYE, 200.
fn sipp(pbx: SocketAddr, number: &str, transport: &str) {
    let output = Command::new("sipp")
        .args([
            "-sn",
            "uac",
            "-s",
            number,
            "-i",
            "127.0.0.1",
            "-t",
            transport,
            "-nostdin",
        ])
        .args([
            "-m",
            "5",
            "-r",
            "20",
            "-d",
            "200",
            "-timeout",
            "20s",
            "-timeout_error",
        ])
        .arg(pbx.to_string())
        .stdin(Stdio::null())
        .output()
        .expect("sipp (Debian: sip-tester)");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{number} over {transport}: {} {text}",
        output.status
    );
}

#[test]
fn sipp_calls_echo_and_ivr_over_udp_and_tcp() {
    let running = start();
    for number in ["echo", "ivr"] {
        for transport in ["u1", "t1"] {
            sipp(running.server.addr, number, transport);
        }
    }
}

#[test]
fn two_have_two_ports_on_loopback() {
    let (one, two) = (start(), start());
    assert_ne!(one.server.addr, two.server.addr);
    assert!(one.server.addr.ip().is_loopback() && two.server.addr.ip().is_loopback());
}

/// The sweep from its first packet on, at its pace, until BYE.
#[test]
fn the_greeting_comes_over_real_sockets() {
    let running = start();
    let phone = Phone::new(running.server.addr);
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {} RTP/AVP 0\r\n",
        phone.rtp.local_addr().unwrap().port()
    );
    phone.send("INVITE", 1, "", &sdp);
    let ok = phone.answer(200);
    let to_tag = ok.split("\r\nTo:").nth(1).unwrap().lines().next().unwrap();
    let to_tag = to_tag.split(";tag=").nth(1).unwrap().to_owned();
    phone.send("ACK", 1, &to_tag, "");
    let mut packets: Vec<RtpPacket> = Vec::new();
    let begin = Instant::now();
    while packets.len() < 50 {
        packets.push(phone.media().expect("media"));
    }
    let took = begin.elapsed();
    assert!(
        took > Duration::from_millis(500),
        "50 packets are a second of sound: {took:?}"
    );
    for (n, pair) in packets.windows(2).enumerate() {
        assert_eq!(
            pair[1].sequence,
            pair[0].sequence.wrapping_add(1),
            "after {n}"
        );
    }
    // 6 periods of 300 Hz in the first 20 ms: the sweep is there from its first sample on.
    let pcm: Vec<i16> = packets[0]
        .payload
        .iter()
        .map(|code| Law::Mu.expand(*code))
        .collect();
    let rises = pcm
        .windows(2)
        .filter(|pair| pair[0] < 0 && pair[1] >= 0)
        .count();
    assert!((5..=7).contains(&rises) && pcm[0].abs() < 100, "{pcm:?}");
    phone.send("BYE", 2, &to_tag, "");
    phone.answer(200);
    let end = Instant::now();
    while phone.media().is_some() {
        assert!(end.elapsed() < SOON, "it plays on after BYE");
    }
}

struct Phone {
    pbx: SocketAddr,
    sip: UdpSocket,
    rtp: UdpSocket,
}

impl Phone {
    fn new(pbx: SocketAddr) -> Self {
        let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let (sip, rtp) = (bind(), bind());
        sip.set_read_timeout(Some(SOON)).unwrap();
        rtp.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        Self { pbx, sip, rtp }
    }

    fn send(&self, method: &str, cseq: u32, to_tag: &str, sdp: &str) {
        let to_tag = if to_tag.is_empty() {
            String::new()
        } else {
            format!(";tag={to_tag}")
        };
        let here = self.sip.local_addr().unwrap();
        let text = format!(
            "{method} sip:ivr@{pbx} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {here};rport;branch=z9hG4bK{method}{cseq}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:phone@{pbx}>;tag=1\r\n\
             To: <sip:ivr@{pbx}>{to_tag}\r\n\
             Call-ID: {here}\r\n\
             CSeq: {cseq} {method}\r\n\
             Contact: <sip:phone@{here}>\r\n\
             Content-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{sdp}",
            sdp.len(),
            pbx = self.pbx,
        );
        self.sip.send_to(text.as_bytes(), self.pbx).unwrap();
    }

    /// The final response, which has this status.
    fn answer(&self, status: u16) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self.sip.recv(&mut buffer).expect("an answer");
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.starts_with(&format!("SIP/2.0 {status}")) {
                return text;
            }
            assert!(text.starts_with("SIP/2.0 1"), "{text}");
        }
    }

    /// The next packet that is no RTCP; `None` after a second of silence.
    fn media(&self) -> Option<RtpPacket> {
        let mut buffer = [0; 2048];
        let length = self.rtp.recv(&mut buffer).ok()?;
        Some(RtpPacket::parse(&buffer[..length]).unwrap())
    }
}
