//! The pool against peers that are sockets of the test.

use std::net::{Ipv4Addr, SocketAddr};

use sip::{Hop, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(10);
const HERE: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

#[derive(Clone)]
struct Ears {
    told: mpsc::Sender<Told>,
    /// `true` while the test has acted on all that it was told.
    acts: watch::Receiver<bool>,
}

impl Owner for Ears {
    async fn told(&self, told: Told) {
        let _ = self.told.send(told).await;
    }

    async fn acted(&self) {
        let _ = self.acts.clone().wait_for(|acts| *acts).await;
    }
}

struct Bench {
    streams: Streams<Ears>,
    told: mpsc::Receiver<Told>,
    acts: watch::Sender<bool>,
    addr: SocketAddr,
}

async fn bench(limits: Limits) -> Bench {
    let listener = TcpListener::bind(HERE).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (ears, told) = mpsc::channel(256);
    let (acts, acted) = watch::channel(true);
    let ears = Ears {
        told: ears,
        acts: acted,
    };
    let streams = Streams::start(vec![listener], ears, limits).unwrap();
    Bench {
        streams,
        told,
        acts,
        addr,
    }
}

impl Bench {
    async fn told(&mut self) -> Told {
        timeout(SOON, self.told.recv())
            .await
            .expect("in time")
            .unwrap()
    }

    async fn received(&mut self) -> (Hop, String) {
        match self.told().await {
            Told::Received { from, bytes, .. } => {
                (from, String::from_utf8(bytes.to_vec()).unwrap())
            }
            other => panic!("a message expected, not {other:?}"),
        }
    }

    async fn closed(&mut self) -> String {
        match self.told().await {
            Told::Closed { error, .. } => error,
            other => panic!("an end expected, not {other:?}"),
        }
    }

    fn send(&self, to: SocketAddr, text: &str) -> Result<(), String> {
        self.streams
            .send(&tcp_hop(to), Bytes::from(text.to_owned()))
    }
}

fn message(call: &str) -> String {
    format!("OPTIONS sip:x SIP/2.0\r\nCall-ID: {call}\r\nContent-Length: 2\r\n\r\nhi")
}

/// Reads until the text ends like this.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut chunk = [0; 4096];
        let length = timeout(SOON, stream.read(&mut chunk))
            .await
            .expect("in time");
        let length = length.unwrap();
        assert!(length > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
    }
    text
}

async fn ended(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut rest))
        .await
        .expect("an end");
}

#[tokio::test]
async fn one_connection_serves_both_ways_whoever_made_it() {
    let mut bench = bench(Limits::default()).await;
    let server = TcpListener::bind(HERE).await.unwrap();
    let addr = server.local_addr().unwrap();
    bench.send(addr, &message("1")).unwrap();
    bench.send(addr, &message("2")).unwrap();
    let (mut stream, from) = server.accept().await.unwrap();
    let both = message("1") + &message("2");
    assert_eq!(read_until(&mut stream, &both).await, both);
    stream.write_all(message("3").as_bytes()).await.unwrap();
    assert_eq!(bench.received().await, (tcp_hop(addr), message("3")));
    bench.send(addr, &message("4")).unwrap();
    read_until(&mut stream, &message("4")).await;
    assert_ne!(from.port(), bench.addr.port());

    let mut peer = TcpStream::connect(bench.addr).await.unwrap();
    peer.write_all(message("5").as_bytes()).await.unwrap();
    let (from, _) = bench.received().await;
    assert_eq!(from, tcp_hop(peer.local_addr().unwrap()));
    bench.send(from.addr, &message("6")).unwrap();
    read_until(&mut peer, &message("6")).await;
}

#[tokio::test]
async fn messages_come_in_any_pieces() {
    let mut bench = bench(Limits::default()).await;
    let mut peer = TcpStream::connect(bench.addr).await.unwrap();
    peer.set_nodelay(true).unwrap();
    for byte in message("1").bytes() {
        peer.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let rest = format!("\r\n\r\n{}{}\r\n\r\n", message("2"), message("3"));
    peer.write_all(rest.as_bytes()).await.unwrap();
    for call in ["1", "2", "3"] {
        assert_eq!(bench.received().await.1, message(call));
    }
    // RFC 5626 §4.4.1: each ping has its pong.
    assert_eq!(read_until(&mut peer, "\r\n\r\n").await, "\r\n\r\n");
}

#[tokio::test]
async fn who_cannot_be_reached_is_named_with_the_transport() {
    let mut bench = bench(Limits {
        connect: Duration::from_millis(200),
        ..Limits::default()
    })
    .await;
    let gone = TcpListener::bind(HERE).await.unwrap();
    let addr = gone.local_addr().unwrap();
    drop(gone);
    bench.send(addr, &message("1")).unwrap();
    let Told::Failed { hop, error } = bench.told().await else {
        panic!("a failure expected");
    };
    assert_eq!(hop, tcp_hop(addr));
    assert_eq!(error, format!("connection refused by {addr} (TCP)"));

    // One whose queue is full takes no connection and says nothing.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .unwrap();
    full.listen(0).unwrap();
    let addr = full.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(300), TcpStream::connect(addr)).await {
        waiting.push(stream);
        assert!(waiting.len() < 100, "it takes everybody");
    }
    bench.send(addr, &message("1")).unwrap();
    let Told::Failed { error, .. } = bench.told().await else {
        panic!("a failure expected");
    };
    assert_eq!(error, format!("no connection to {addr} (TCP) within 0.2 s"));
}

#[tokio::test]
async fn the_end_is_told_and_the_next_message_makes_a_new_connection() {
    let mut bench = bench(Limits::default()).await;
    let server = TcpListener::bind(HERE).await.unwrap();
    let addr = server.local_addr().unwrap();
    bench.send(addr, &message("1")).unwrap();
    let (mut stream, _) = server.accept().await.unwrap();
    read_until(&mut stream, &message("1")).await;
    drop(stream);
    assert_eq!(bench.closed().await, format!("closed by {addr} (TCP)"));
    bench.send(addr, &message("2")).unwrap();
    let (mut stream, _) = timeout(SOON, server.accept()).await.unwrap().unwrap();
    read_until(&mut stream, &message("2")).await;
}

/// t-A13.
#[tokio::test]
async fn who_says_nothing_whole_is_closed() {
    let short = Duration::from_millis(100);
    let mut bench = bench(Limits {
        first_message: short,
        whole_message: short,
        stranger: short,
        ..Limits::default()
    })
    .await;
    let unfinished = "OPTIONS sip:x SIP/2.0\r\n";
    let huge = format!("OPTIONS sip:x SIP/2.0\r\nX: {}", "x".repeat(70_000));
    let whole = message("1");
    for said in [
        "",
        "\r\n\r\n",
        unfinished,
        "OPTIONS sip:x SIP/2.0\r\nContent-Length: x\r\n\r\n",
        &huge,
        &whole,
    ] {
        let mut peer = TcpStream::connect(bench.addr).await.unwrap();
        // It may be closed before all is written.
        let _ = peer.write_all(said.as_bytes()).await;
        if said == whole {
            bench.received().await;
        }
        ended(&mut peer).await;
        // Of one that said nothing whole, and to whom nothing was said, nobody is told.
        if said == whole {
            let error = bench.closed().await;
            assert!(error.contains("got no answer and said no more"), "{error}");
        }
    }
    // Whom we have answered stays.
    let mut peer = TcpStream::connect(bench.addr).await.unwrap();
    peer.write_all(whole.as_bytes()).await.unwrap();
    let (from, _) = bench.received().await;
    bench.send(from.addr, &message("2")).unwrap();
    read_until(&mut peer, &message("2")).await;
    let quiet = timeout(short * 5, peer.read_u8()).await;
    assert!(quiet.is_err(), "closed, though answered: {quiet:?}");
}

#[tokio::test]
async fn strangers_make_room_and_known_peers_stay() {
    let mut bench = bench(Limits {
        incoming_per_ip: 3,
        ..Limits::default()
    })
    .await;
    let mut known = TcpStream::connect(bench.addr).await.unwrap();
    known.write_all(message("1").as_bytes()).await.unwrap();
    let (from, _) = bench.received().await;
    bench.send(from.addr, &message("2")).unwrap();
    read_until(&mut known, &message("2")).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(bench.addr).await.unwrap());
    }
    for stream in &mut silent[..18] {
        ended(stream).await;
    }
    // A newcomer gets in, the one we know was not touched.
    let mut newcomer = TcpStream::connect(bench.addr).await.unwrap();
    newcomer.write_all(message("3").as_bytes()).await.unwrap();
    let (from, text) = bench.received().await;
    assert_eq!(text, message("3"));
    bench.send(from.addr, &message("4")).unwrap();
    read_until(&mut newcomer, &message("4")).await;
    known.write_all(message("5").as_bytes()).await.unwrap();
    assert_eq!(bench.received().await.1, message("5"));
}

#[tokio::test]
async fn a_connection_of_ours_is_kept_alive() {
    let bench = bench(Limits {
        ping: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let server = TcpListener::bind(HERE).await.unwrap();
    let addr = server.local_addr().unwrap();
    bench.send(addr, &message("1")).unwrap();
    let (mut stream, _) = server.accept().await.unwrap();
    read_until(&mut stream, &format!("{}\r\n\r\n\r\n\r\n", message("1"))).await;
}

/// Invariant 10: bounded, and nobody waits. What was told as not sent is not sent later, either.
#[tokio::test]
async fn a_peer_that_does_not_read_is_given_up() {
    let mut bench = bench(Limits::default()).await;
    let server = TcpListener::bind(HERE).await.unwrap();
    let addr = server.local_addr().unwrap();
    let large = format!("{}{}", message("1"), "x".repeat(60_000));
    bench.send(addr, &large).unwrap();
    let (mut stream, _) = server.accept().await.unwrap();
    let mut sent = 1;
    let error = loop {
        match bench.send(addr, &large) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 10_000, "endless");
        tokio::task::yield_now().await;
    };
    assert_eq!(error, format!("{addr} (TCP) does not read what it is sent"));
    // And what comes next goes over a new one.
    bench.send(addr, &message("2")).unwrap();
    let (mut second, _) = timeout(SOON, server.accept()).await.unwrap().unwrap();
    read_until(&mut second, &message("2")).await;
    // It reads again: one message may be half written, and of those that waited none comes.
    let mut rest = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut rest))
        .await
        .expect("an end");
    let came = rest.len() / large.len() + 1;
    assert!(came < sent, "{came} of {sent} came");
    // Its end says nothing of the newer one: the next that is told is of that.
    second.write_all(message("3").as_bytes()).await.unwrap();
    assert_eq!(bench.received().await.1, message("3"));
}

/// A server's calls and registrations share a connection: each may have something to say before it is up.
#[tokio::test]
async fn a_burst_waits_for_its_connection() {
    let bench = bench(Limits::default()).await;
    let server = TcpListener::bind(HERE).await.unwrap();
    let addr = server.local_addr().unwrap();
    for number in 0..1000 {
        bench.send(addr, &message(&number.to_string())).unwrap();
    }
    let (mut stream, _) = server.accept().await.unwrap();
    read_until(&mut stream, &message("999")).await;
}

#[tokio::test]
async fn a_peer_that_connects_from_where_it_listens_leaves_our_connection_in_use() {
    let mut bench = bench(Limits::default()).await;
    let server = TcpListener::bind(HERE).await.unwrap();
    let addr = server.local_addr().unwrap();
    bench.send(addr, &message("1")).unwrap();
    let (mut ours, _) = server.accept().await.unwrap();
    read_until(&mut ours, &message("1")).await;
    // The port stays bound by the accepted connection while the listener makes room.
    drop(server);
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&addr.into()).unwrap();
    socket.connect(&bench.addr.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut theirs = TcpStream::from_std(socket.into()).unwrap();
    theirs.write_all(message("2").as_bytes()).await.unwrap();
    assert_eq!(bench.received().await, (tcp_hop(addr), message("2")));
    bench.send(addr, &message("3")).unwrap();
    read_until(&mut ours, &message("3")).await;
    // The end of theirs ends nothing that goes over ours.
    drop(theirs);
    ours.write_all(message("4").as_bytes()).await.unwrap();
    assert_eq!(bench.received().await.1, message("4"));
}

/// Trust: a page names the server, and the server may be anybody's.
#[tokio::test]
async fn connections_of_ours_to_silent_peers_end_and_are_few_for_each_address() {
    let mut bench = bench(Limits {
        first_answer: Duration::from_millis(200),
        outgoing_per_ip: 2,
        ..Limits::default()
    })
    .await;
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(TcpListener::bind(HERE).await.unwrap());
    }
    let addrs: Vec<_> = servers.iter().map(|s| s.local_addr().unwrap()).collect();
    bench.send(addrs[0], &message("1")).unwrap();
    bench.send(addrs[1], &message("2")).unwrap();
    let error = bench.send(addrs[2], &message("3")).unwrap_err();
    assert!(error.starts_with("too many SIP connections"), "{error}");
    for _ in 0..2 {
        let error = bench.closed().await;
        assert!(
            error.ends_with("took the connection and said nothing"),
            "{error}"
        );
    }
    bench.send(addrs[2], &message("3")).unwrap();
    let (mut stream, _) = servers[2].accept().await.unwrap();
    read_until(&mut stream, &message("3")).await;
}

/// A request whose Content-Length is no number.
const UNFRAMED: &str =
    "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\nContent-Length: x\r\n\r\n";

impl Bench {
    /// The hop and the status that a message without an end deserves.
    async fn unframed(&mut self) -> (Hop, u16) {
        match self.told().await {
            Told::Unframed { from, error } => (from, error.reply.unwrap().status),
            other => panic!("a broken message expected, not {other:?}"),
        }
    }
}

/// Everything until the peer ends the connection in good order.
async fn until_end(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let read = timeout(SOON, stream.read_to_string(&mut text)).await;
    read.expect("an end").expect("no reset");
    text
}

#[tokio::test]
async fn what_came_before_a_framing_error_is_answered_then_400_then_the_end() {
    let mut bench = bench(Limits::default()).await;
    bench.acts.send_replace(false);
    let mut peer = TcpStream::connect(bench.addr).await.unwrap();
    // What follows the error stays unread, which would reset the connection at a hasty close.
    let noise = "x".repeat(100_000);
    let all = message("1") + &message("2") + UNFRAMED + &noise;
    peer.write_all(all.as_bytes()).await.unwrap();
    let mut from = None;
    for text in [message("1"), message("2")] {
        let (hop, received) = bench.received().await;
        assert_eq!(received, text);
        from = Some(hop);
    }
    let (hop, status) = bench.unframed().await;
    assert_eq!((Some(&hop), status), (from.as_ref(), 400));
    // More than the peer's receive buffer takes at once: a reset would take the rest away.
    let large = "1".repeat(1_500_000);
    for text in [large.as_str(), "2", "400"] {
        bench.send(hop.addr, text).unwrap();
    }
    bench.acts.send_replace(true);
    assert!(until_end(&mut peer).await == large + "2400");
    drop(peer);
    let error = bench.closed().await;
    assert!(error.contains("sent is no SIP: Content-Length"), "{error}");
}

#[tokio::test]
async fn a_peer_that_ends_its_side_gets_its_answers() {
    let mut bench = bench(Limits::default()).await;
    bench.acts.send_replace(false);
    let mut peer = TcpStream::connect(bench.addr).await.unwrap();
    peer.write_all(message("1").as_bytes()).await.unwrap();
    peer.shutdown().await.unwrap();
    let (from, _) = bench.received().await;
    bench.send(from.addr, "answer").unwrap();
    bench.acts.send_replace(true);
    assert_eq!(until_end(&mut peer).await, "answer");
    assert!(bench.closed().await.starts_with("closed by"));
}

#[tokio::test]
async fn a_message_that_is_not_finished_deserves_400() {
    for ends in [true, false] {
        let mut bench = bench(Limits {
            whole_message: Duration::from_millis(100),
            ..Limits::default()
        })
        .await;
        bench.acts.send_replace(false);
        let mut peer = TcpStream::connect(bench.addr).await.unwrap();
        let half = UNFRAMED.replace(": x", ": 500") + "half";
        peer.write_all(half.as_bytes()).await.unwrap();
        if ends {
            peer.shutdown().await.unwrap();
        }
        let (hop, status) = bench.unframed().await;
        assert_eq!(status, 400);
        bench.send(hop.addr, "answer 400").unwrap();
        bench.acts.send_replace(true);
        assert_eq!(until_end(&mut peer).await, "answer 400");
    }
}

/// An owner that never acts, and a peer that never ends its side, keep no connection.
#[tokio::test]
async fn nothing_that_is_due_is_waited_for_without_end() {
    let mut bench = bench(Limits {
        write: Duration::from_millis(100),
        linger: Duration::from_millis(100),
        ..Limits::default()
    })
    .await;
    bench.acts.send_replace(false);
    let mut peer = TcpStream::connect(bench.addr).await.unwrap();
    peer.write_all((message("1") + UNFRAMED).as_bytes())
        .await
        .unwrap();
    bench.received().await;
    bench.unframed().await;
    bench.closed().await;
    ended(&mut peer).await;
}

#[test]
fn words_are_without_numbers() {
    let error = io::Error::from_raw_os_error(111);
    assert_eq!(in_words(&error), "connection refused");
    assert_eq!(
        peer_words(&Hop {
            transport: Transport::Tcp,
            addr: "[::1]:5060".parse().unwrap(),
            verified_name: None,
        }),
        "[::1]:5060 (TCP)"
    );
}
