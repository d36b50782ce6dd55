//! What a page may do on a real socket of the real binary, and what happens when it does more.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tungstenite::handshake::client::generate_key;
use tungstenite::http::{Request, StatusCode};
use tungstenite::{Error, Message, WebSocket};

/// The server on free ports, ended by pid when it goes out of scope.
struct Server {
    child: Child,
    ws: SocketAddr,
}

impl Server {
    fn start(settings: &[&str]) -> Self {
        let state = std::env::temp_dir().join(format!("ringdown-websocket-{}", std::process::id()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringdown"));
        command.arg("serve").env("STATE_DIRECTORY", state);
        let free = [
            "ip=127.0.0.1",
            "ip_local=127.0.0.1",
            "ws.port=0",
            "wss.port=0",
            "sip_port=0",
        ];
        for setting in free.iter().chain(&["webrtc_port=0"]).chain(settings) {
            command.args(["--set", setting]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        let ws = ready
            .split("ws=")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        Self {
            child,
            ws: ws.expect("a ready line").parse().unwrap(),
        }
    }

    fn connect(&self, origin: &str) -> Result<WebSocket<TcpStream>, Error> {
        let stream = TcpStream::connect(self.ws).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let request = Request::get(format!("ws://{}/any/path", self.ws))
            .header("Host", self.ws.to_string())
            .header("Origin", origin)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key())
            .body(())
            .unwrap();
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::HandshakeError::Failure(error)) => Err(error),
            Err(tungstenite::HandshakeError::Interrupted(_)) => unreachable!("a blocking socket"),
        }
    }

    fn page(&self) -> WebSocket<TcpStream> {
        self.connect("http://somewhere.example").unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until the close frame: its code and reason.
fn close_of(socket: &mut WebSocket<TcpStream>) -> (u16, String) {
    loop {
        match socket.read() {
            Ok(Message::Close(Some(frame))) => {
                return (frame.code.into(), frame.reason.to_string());
            }
            Ok(_) => {}
            Err(error) => panic!("no close frame came: {error}"),
        }
    }
}

fn text(socket: &mut WebSocket<TcpStream>) -> String {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            return text.to_string();
        }
    }
}

const HELLO: &str = r#"{"message":"connection","data":[{"appKey":"defaultApp"}]}"#;

#[test]
fn a_frame_over_64_kib_closes_its_socket_with_a_reason_and_no_other() {
    let server = Server::start(&[]);
    let (mut big, mut other) = (server.page(), server.page());
    big.send(Message::text("x".repeat(64 * 1024 + 1))).unwrap();
    let (code, reason) = close_of(&mut big);
    assert_eq!(code, 1009);
    assert!(reason.contains("64 KiB"), "{reason}");
    other.send(Message::text(HELLO)).unwrap();
    assert!(text(&mut other).contains("getUserData"));
}

#[test]
fn binary_nesting_and_haste_close_the_socket_with_a_reason() {
    let server = Server::start(&[]);
    let mut binary = server.page();
    binary.send(Message::binary(vec![1, 2, 3])).unwrap();
    assert_eq!(close_of(&mut binary).0, 1003);

    let mut deep = server.page();
    let frame = format!(
        r#"{{"message":"x","data":{}{}}}"#,
        "[".repeat(40),
        "]".repeat(40)
    );
    deep.send(Message::text(frame)).unwrap();
    let (code, reason) = close_of(&mut deep);
    assert!(code == 1009 && !reason.is_empty(), "{code} {reason}");

    let mut hasty = server.page();
    for _ in 0..101 {
        hasty
            .send(Message::text(r#"{"message":"pong","data":null}"#))
            .unwrap();
    }
    let (code, reason) = close_of(&mut hasty);
    assert_eq!(code, 1008);
    assert!(reason.contains("100 messages"), "{reason}");
}

#[test]
fn origins_are_checked_when_they_are_set() {
    let server = Server::start(&["ws.origins=https://phone.example"]);
    match server.connect("https://evil.example") {
        Err(Error::Http(response)) => assert_eq!(response.status(), StatusCode::FORBIDDEN),
        other => panic!("a foreign origin got {:?}", other.map(|_| "a socket")),
    }
    let mut page = server.connect("https://phone.example").unwrap();
    page.send(Message::text(HELLO)).unwrap();
    assert!(text(&mut page).contains("getUserData"));
}
