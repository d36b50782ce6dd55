//! SIP over TCP at the real binary: what a trusted peer gets when its stream cannot be read on.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The server on free ports, ended by pid when it goes out of scope.
struct Server {
    child: Child,
    sip: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let state = std::env::temp_dir().join(format!("ringdown-streams-{}", std::process::id()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringdown"));
        command.arg("serve").env("STATE_DIRECTORY", state);
        for setting in [
            "ip=127.0.0.1",
            "ip_local=127.0.0.1",
            "ws.port=0",
            "wss.port=0",
            "sip_port=0",
            "webrtc_port=0",
            "sip_targets=127.0.0.0/8",
        ] {
            command.args(["--set", setting]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut ready).unwrap();
        let mut words = ready.split_whitespace();
        let sip = words.find_map(|word| word.strip_prefix("sip=")).unwrap();
        Self {
            child,
            sip: sip.parse().unwrap(),
        }
    }

    /// The statuses of all answers to this stream, until the server ends the connection. `ends`:
    /// the peer ends its side first.
    fn statuses(&self, stream: &[u8], ends: bool) -> Vec<String> {
        let mut peer = TcpStream::connect(self.sip).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        peer.write_all(stream).unwrap();
        if ends {
            peer.shutdown(Shutdown::Write).unwrap();
        }
        let mut answers = String::new();
        peer.read_to_string(&mut answers).expect("an end, no reset");
        answers
            .lines()
            .filter_map(|line| Some(line.strip_prefix("SIP/2.0 ")?[..3].to_owned()))
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn torture(file: &str) -> Vec<u8> {
    let path = format!(
        "{}/../../../shared/vectors/rfc4475/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn options(call: &str) -> Vec<u8> {
    format!(
        "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{call}\r\n\
         From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: {call}\r\n\
         CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

#[test]
fn both_messages_of_a_stream_are_answered_although_the_peer_has_ended_its_side() {
    let server = Server::start();
    // RFC 4475 §3.1.1.8: two requests, one after the other.
    let statuses = server.statuses(&torture("dblreq.dat"), true);
    assert_eq!(statuses[0], "405", "{statuses:?}");
    assert!(statuses.len() >= 2, "{statuses:?}");
    let stream = [options("a1"), options("a2")].concat();
    assert_eq!(server.statuses(&stream, true), ["200", "200"]);
}

#[test]
fn what_comes_before_a_framing_error_is_answered_then_400_then_the_end() {
    let server = Server::start();
    for file in ["ncl.dat", "mcl01.dat"] {
        let stream = [options("b1"), torture(file), vec![b'x'; 50_000]].concat();
        assert_eq!(server.statuses(&stream, false), ["200", "400"], "{file}");
    }
    // RFC 4475 §3.1.2.2: more body is announced than comes.
    let stream = [options("b2"), torture("clerr.dat")].concat();
    assert_eq!(server.statuses(&stream, true), ["200", "400"]);
}
