//! `/metrics` on the real binary: off unless asked for, on loopback alone, and what it says of pages that come and go.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tungstenite::handshake::client::generate_key;
use tungstenite::http::Request;
use tungstenite::{Message, WebSocket};

/// The server on free ports, ended by pid when it goes out of scope.
struct Server {
    child: Child,
    ready: String,
}

impl Server {
    fn start(settings: &[&str]) -> Self {
        let state = std::env::temp_dir().join(format!("ringdown-metrics-{}", std::process::id()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringdown"));
        command.arg("serve").env("STATE_DIRECTORY", state);
        let free = ["ws.port=0", "wss.port=0", "sip_port=0", "webrtc_port=0"];
        for setting in free.iter().chain(settings) {
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
        Self { child, ready }
    }

    /// What the ready line says of `key`.
    fn told(&self, key: &str) -> Option<&str> {
        let mut words = self.ready.split_whitespace();
        words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    fn get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.told("metrics").unwrap()).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn figure(&self, name: &str) -> u64 {
        let (_, body) = self.get("/metrics");
        let line = body
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.expect("the figure").parse().unwrap()
    }

    fn wait_for(&self, name: &str, value: u64) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.figure(name) != value {
            assert!(Instant::now() < deadline, "{name} is {}", self.figure(name));
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    fn page(&self) -> WebSocket<TcpStream> {
        let port = self.told("ws").unwrap().rsplit(':').next().unwrap();
        let at = format!("127.0.0.1:{port}");
        let request = Request::get(format!("ws://{at}/"))
            .header("Host", &at)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key())
            .body(())
            .unwrap();
        let stream = TcpStream::connect(&at).unwrap();
        tungstenite::client(request, stream).unwrap().0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn no_figures_are_served_unless_they_are_asked_for() {
    let server = Server::start(&["ip=127.0.0.1", "ip_local=127.0.0.1"]);
    assert!(server.ready.starts_with("ringdown ready ws="));
    assert_eq!(server.told("metrics"), None);
}

#[test]
fn figures_are_served_on_loopback_alone_whatever_the_rest_is_bound_to() {
    let server = Server::start(&["metrics_port=0"]);
    let at = server.told("metrics").unwrap();
    let port = at.strip_prefix("127.0.0.1:").expect("loopback");
    // 127.0.0.2 is this machine, too: a socket bound to all addresses would answer there.
    assert!(TcpStream::connect(format!("127.0.0.2:{port}")).is_err());
    let ws = server.told("ws").unwrap().rsplit(':').next().unwrap();
    assert!(TcpStream::connect(format!("127.0.0.2:{ws}")).is_ok());

    let (head, body) = server.get("/metrics");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("# TYPE ringdown_calls gauge\nringdown_calls 0\n"));
    assert!(server.get("/").0.starts_with("HTTP/1.1 404"));
}

#[test]
fn figures_follow_pages_and_hold_no_word_of_them() {
    let server = Server::start(&["ip=127.0.0.1", "ip_local=127.0.0.1", "metrics_port=0"]);
    let tasks = server.figure("ringdown_tasks");
    let mut page = server.page();
    server.wait_for("ringdown_websockets", 1);
    assert_eq!(server.figure("ringdown_sessions"), 0);
    let hello = r#"{"message":"connection","data":[{"appKey":"a","sipLogin":"31415926","sipPassword":"hunter2","sipDomain":"127.0.0.1","sipRegisterRequired":false}]}"#;
    page.send(Message::text(hello)).unwrap();
    server.wait_for("ringdown_sessions_attached", 1);
    assert!(server.figure("ringdown_session_timers") > 0);
    assert!(server.figure("ringdown_tasks") > tasks);
    let (_, body) = server.get("/metrics");
    for word in ["31415926", "hunter2", "127.0.0.1"] {
        assert!(!body.contains(word), "{word}");
    }
    drop(page);
    for name in [
        "ringdown_websockets",
        "ringdown_sessions",
        "ringdown_session_timers",
    ] {
        server.wait_for(name, 0);
    }
    server.wait_for("ringdown_tasks", tasks);
}
