//! The shards over loopback UDP: sockets and threads do not grow with calls, a panic ends one call,
//! and nobody whom ICE has not validated gets a word.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

mod shard;

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use gateway::shard::ShardSettings;
use media::RtpOrRtcp;
use sdp::{Encoding, MediaKind, Plan};
use session::media::{
    BrowserLegMode, CallId, Family, LegId, MediaCommand, MediaEvent, MediaFailure, StreamId,
};
use shard::client::Client;
use shard::{DEADLINE, Echo, Shards, format, media_plan, plan};

/// These tests count the sockets and threads of their process: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

const LEG: LegId = LegId(1);

/// PCMU to and from `echo`.
fn pcmu(echo: &Echo) -> Plan {
    let formats = vec![format(0, Encoding::Pcmu, 8_000, 1)];
    let remote = echo.remote(MediaKind::Audio);
    plan(vec![media_plan(MediaKind::Audio, formats, remote)])
}

/// A call whose SIP peer is `echo`.
fn sip_call(shards: &mut Shards, echo: &Echo, call: CallId) {
    shards.open_call(call, &[MediaKind::Audio]);
    shards.send(MediaCommand::ConnectSipLeg {
        call,
        stream: StreamId(0),
        plan: pcmu(echo),
        signalling: Vec::new(),
    });
}

/// A call whose browser is `Client` and whose SIP peer is `echo`; gives our answer too.
fn call(shards: &mut Shards, echo: &Echo, call: CallId) -> (Client, String) {
    sip_call(shards, echo, call);
    browser_leg(shards, echo, call, LEG)
}

/// Another browser for a call.
fn browser_leg(shards: &mut Shards, echo: &Echo, call: CallId, leg: LegId) -> (Client, String) {
    let (mut client, offer) = Client::offer();
    let answer = answer(shards, call, leg, offer, pcmu(echo));
    client.take_answer(&answer);
    (client, answer)
}

fn answer(shards: &mut Shards, call: CallId, leg: LegId, offer: String, plan: Plan) -> String {
    let mode = BrowserLegMode::Answer { offer, plan };
    shards.send(MediaCommand::OpenBrowserLeg { call, leg, mode });
    shards.wait(|event| match event {
        MediaEvent::BrowserAnswer { call: c, sdp, .. } if *c == call => Some(sdp.clone()),
        _ => None,
    })
}

/// Turns the clients until `done`.
fn drive(clients: &mut [Client], mut done: impl FnMut(&mut [Client]) -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !done(clients) {
        assert!(Instant::now() < deadline, "not done in time");
        for client in clients.iter_mut() {
            client.turn();
        }
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Each client says `payload` of its number 50 times a second, until `done`.
fn talk(clients: &mut [Client], word: u8, done: impl Fn(&[Client]) -> bool) {
    let mut next = Instant::now();
    drive(clients, |clients| {
        if Instant::now() >= next {
            next += Duration::from_millis(20);
            for (number, client) in clients.iter_mut().enumerate() {
                client.send(&[word, number as u8, 1, 2, 3, 4, 5, 6]);
            }
        }
        done(clients)
    });
}

fn heard(client: &Client, word: u8) -> usize {
    client
        .heard
        .iter()
        .filter(|p| p.first() == Some(&word))
        .count()
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("proc").count()
}

/// Local ports of this process's UDP sockets.
fn udp_ports() -> Vec<u16> {
    let link = |entry: fs::DirEntry| fs::read_link(entry.path()).ok();
    let inodes: HashSet<String> = fs::read_dir("/proc/self/fd")
        .expect("proc")
        .filter_map(|entry| link(entry.ok()?)?.to_str().map(str::to_owned))
        .filter_map(|name| Some(name.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let mut ports = Vec::new();
    for table in ["/proc/self/net/udp", "/proc/self/net/udp6"] {
        let table = fs::read_to_string(table).unwrap_or_default();
        for line in table.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let port = words[1].rsplit(':').next().expect("a port");
            if inodes.contains(words[9]) {
                ports.push(u16::from_str_radix(port, 16).expect("hexadecimal"));
            }
        }
    }
    ports
}

#[test]
fn twenty_calls_on_two_shards_and_a_panic_in_one_of_them() {
    let _alone = ALONE.lock();
    let echo = Echo::start();
    let mut shards = Shards::start(2);
    let browser_ports: BTreeSet<u16> = shards.engine.browser_ports().iter().copied().collect();
    let (threads_before, udp_before) = (threads(), udp_ports().len());

    let mut clients = Vec::new();
    let mut placed = Vec::new();
    for number in 0..20 {
        let (client, answer) = call(&mut shards, &echo, CallId(number));
        let line = answer
            .lines()
            .find(|l| l.starts_with("m=audio "))
            .expect("audio");
        let port = line.split(' ').nth(1).expect("a port");
        placed.push(port.parse::<u16>().expect("a number"));
        clients.push(client);
    }
    drive(&mut clients, |clients| clients.iter().all(|c| c.connected));
    talk(&mut clients, b'a', |clients| {
        clients.iter().all(|c| heard(c, b'a') >= 10)
    });

    assert_eq!(
        threads(),
        threads_before,
        "threads with 20 calls and with none"
    );
    let ports = udp_ports();
    let of_browsers = ports.iter().filter(|p| browser_ports.contains(p)).count();
    assert_eq!(of_browsers, 2, "sockets for browsers");
    // Two for each SIP leg, one of each client, and no other.
    assert_eq!(ports.len(), udp_before + 20 * 2 + 20);
    for port in &browser_ports {
        assert_eq!(
            placed.iter().filter(|p| *p == port).count(),
            10,
            "placement"
        );
    }
    for (number, client) in clients.iter().enumerate() {
        // The bridge's own silence comes back as well.
        let mut words = client.heard.iter().filter(|p| p[0] == b'a');
        assert!(words.all(|p| p[1] == number as u8), "another's voice");
    }

    shards.handle.panic_in(CallId(7));
    let failure = shards.wait(|event| match event {
        MediaEvent::CallFailed { call, failure } => Some((*call, failure.clone())),
        _ => None,
    });
    assert_eq!(failure, (CallId(7), MediaFailure::Panicked));
    talk(&mut clients, b'b', |clients| {
        clients
            .iter()
            .enumerate()
            .all(|(number, c)| number == 7 || heard(c, b'b') >= 50)
    });
    assert_eq!(heard(&clients[7], b'b'), 0, "call 7 is over");
    let figures = shards.handle.figures();
    assert_eq!((figures.calls, figures.panics), (19, 1));
    assert_eq!((figures.legs, figures.port_pairs_in_use), (19, 19));
    assert!(figures.timers >= 19, "{figures:?}");
    assert_eq!(
        udp_ports().len(),
        udp_before + 19 * 2 + 20,
        "its ports are free"
    );
    assert_eq!(threads(), threads_before);

    // Call 7's shard takes new calls, also one of the same id.
    let (again, _) = call(&mut shards, &echo, CallId(7));
    clients[7] = again;
    drive(&mut clients, |clients| clients[7].connected);
    for number in 0..20 {
        shards.send(MediaCommand::CloseCall {
            call: CallId(number),
        });
    }
    let deadline = Instant::now() + DEADLINE;
    while shards.handle.figures().calls > 0 {
        assert!(Instant::now() < deadline, "calls do not end");
        std::thread::park_timeout(Duration::from_millis(1));
    }
    assert_eq!(udp_ports().len(), udp_before + 20);
    // Deadlines of calls that are over are void, and go when they come up.
    while shards.handle.figures().timers > 0 {
        assert!(Instant::now() < deadline, "timers stay");
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let figures = shards.handle.figures();
    assert_eq!((figures.legs, figures.port_pairs_in_use), (0, 0));
    let failed = |e: &MediaEvent| matches!(e, MediaEvent::CallFailed { .. });
    assert_eq!(shards.collect().iter().filter(|e| failed(e)).count(), 0);
}

#[test]
fn a_client_hello_is_answered_only_where_ice_has_been() {
    let _alone = ALONE.lock();
    let echo = Echo::start();
    let mut shards = Shards::start(1);
    let gateway = SocketAddr::from(([127, 0, 0, 1], shards.engine.browser_ports()[0]));
    let (mut client, _) = call(&mut shards, &echo, CallId(1));
    client.hold_dtls = true;
    let mut clients = [client];
    drive(&mut clients, |clients| clients[0].held_dtls.is_some());
    let hello = clients[0].held_dtls.clone().expect("held");
    assert_eq!(
        (hello[0], hello[13]),
        (22, 1),
        "a handshake record with a ClientHello"
    );

    let evil = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let wait = Some(Duration::from_millis(300));
    evil.set_read_timeout(wait).expect("a timeout");
    let mut buffer = [0; 2048];
    let before = shards.handle.figures();
    for _ in 0..20 {
        evil.send_to(&hello, gateway).expect("sent");
    }
    assert!(
        evil.recv_from(&mut buffer).is_err(),
        "the stranger got an answer"
    );
    let after = shards.handle.figures();
    assert_eq!(after.unrouted - before.unrouted, 20);

    // The same bytes from the address that ICE has validated are answered.
    let socket = clients[0].socket.try_clone().expect("a clone");
    socket.set_nonblocking(false).expect("blocking");
    socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    socket.send_to(&hello, gateway).expect("sent");
    let is_handshake = |length: usize, buffer: &[u8]| length > 13 && buffer[0] == 22;
    loop {
        let (length, _) = socket.recv_from(&mut buffer).expect("an answer");
        if is_handshake(length, &buffer) {
            break;
        }
    }
}

#[test]
fn garbage_from_strangers_and_from_the_peer_harms_no_call() {
    let _alone = ALONE.lock();
    let echo = Echo::start();
    let mut shards = Shards::start(1);
    let gateway = SocketAddr::from(([127, 0, 0, 1], shards.engine.browser_ports()[0]));
    let (client, _) = call(&mut shards, &echo, CallId(1));
    let mut clients = [client];
    drive(&mut clients, |clients| clients[0].connected);
    talk(&mut clients, b'a', |clients| heard(&clients[0], b'a') >= 5);

    let evil = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let own = clients[0].socket.try_clone().expect("a clone");
    let mut srtp = vec![0x80, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9];
    srtp.resize(172, 0xaa);
    let alert = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40];
    let garbage: [&[u8]; 8] = [
        &srtp,
        &alert,
        &[],
        &[0x80],
        &[0xff; 60],
        &[0x80, 200, 255, 255, 0, 0, 0, 1],
        &[0xbf, 0xff, 0, 0],
        &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1],
    ];
    for _ in 0..50 {
        for bytes in garbage {
            evil.send_to(bytes, gateway).expect("sent");
            own.send_to(bytes, gateway).expect("sent");
        }
    }
    talk(&mut clients, b'b', |clients| heard(&clients[0], b'b') >= 50);
    assert!(shards.collect().iter().all(|e| matches!(
        e,
        MediaEvent::BrowserConnected { .. } | MediaEvent::BrowserAnswer { .. }
    )));
    assert_eq!(shards.handle.figures().panics, 0);
}

/// The kernel truncates a datagram that is larger than the buffer; what is left must not be sent on.
#[test]
fn datagrams_of_every_size_from_the_peer_harm_no_call() {
    let _alone = ALONE.lock();
    let echo = Echo::start();
    let mut shards = Shards::start(1);
    let call = CallId(1);
    let local = shards.open_call(call, &[MediaKind::Audio])[0].rtp;
    shards.send(MediaCommand::ConnectSipLeg {
        call,
        stream: StreamId(0),
        plan: pcmu(&echo),
        signalling: Vec::new(),
    });
    let (client, _) = browser_leg(&mut shards, &echo, call, LEG);
    let mut clients = [client];
    drive(&mut clients, |clients| clients[0].connected);
    talk(&mut clients, b'a', |clients| heard(&clients[0], b'a') >= 5);

    let (mut oversize, mut carried) = (0, 0);
    for (sequence, size) in (1_u16..).zip((1..=9_000).step_by(13)) {
        let mut bytes = vec![b'x'; size.max(12)];
        bytes[..4].copy_from_slice(&[0x80, 0, (sequence >> 8) as u8, sequence as u8]);
        bytes.truncate(size);
        let rtcp = SocketAddr::new(local.ip(), local.port() + 1);
        for (port, to) in [(RtpOrRtcp::Rtp, local), (RtpOrRtcp::Rtcp, rtcp)] {
            echo.say(port, &bytes, to);
        }
        oversize += 2 * u64::from(size > media::MAX_DATAGRAM);
        carried += usize::from((13..=media::MAX_DATAGRAM).contains(&size));
        // The kernel's receive buffer holds some ten of the largest: each few are waited for.
        if sequence.is_multiple_of(8) || size > 8_980 {
            drive(&mut clients, |clients| {
                let counted = shards.handle.figures().oversize;
                (heard(&clients[0], b'x'), counted) == (carried, oversize)
            });
        }
    }
    talk(&mut clients, b'b', |clients| heard(&clients[0], b'b') >= 50);
    let figures = shards.handle.figures();
    assert_eq!((figures.oversize, figures.panics), (oversize, 0));
    let largest = clients[0].heard.iter().map(Vec::len).max();
    assert!(largest <= Some(media::MAX_DATAGRAM - 12), "{largest:?}");
}

#[test]
fn one_of_two_browser_legs_is_heard_and_a_leg_can_move() {
    let _alone = ALONE.lock();
    let echo = Echo::start();
    let mut shards = Shards::start(1);
    let (one, two) = (CallId(1), CallId(2));
    sip_call(&mut shards, &echo, one);
    let mut clients = Vec::new();
    for leg in [1, 2] {
        let (client, _) = browser_leg(&mut shards, &echo, one, LegId(leg));
        clients.push(client);
        drive(&mut clients, |clients| clients.iter().all(|c| c.connected));
    }

    // The first that is connected is the live one, until one is selected.
    talk(&mut clients, b'a', |clients| heard(&clients[0], b'a') >= 20);
    assert_eq!(heard(&clients[1], b'a'), 0);
    let leg = LegId(2);
    shards.send(MediaCommand::SelectBrowserLeg { call: one, leg });
    talk(&mut clients, b'b', |clients| heard(&clients[1], b'b') >= 20);
    let late = heard(&clients[0], b'b');
    assert!(late <= 2, "{late} packets after the other leg was selected");
    let foreign = |p: &Vec<u8>| p[0] == b'b' && p[1] != 1;
    assert!(
        !clients[1].heard.iter().any(foreign),
        "the silent leg was heard"
    );

    // The live leg goes to another call and is live there; its numbers go on, or SRTP would fail.
    sip_call(&mut shards, &echo, two);
    shards.send(MediaCommand::MoveBrowserLeg {
        from_call: one,
        to_call: two,
        leg,
    });
    shards.send(MediaCommand::CloseCall { call: one });
    talk(&mut clients, b'c', |clients| heard(&clients[1], b'c') >= 20);
    assert_eq!(heard(&clients[0], b'c'), 0, "its call is over");
    assert_eq!(clients[1].sources.len(), 1, "SSRCs seen by the moved leg");

    shards.send(MediaCommand::CloseLeg { call: two, leg });
    shards.send(MediaCommand::CloseCall { call: two });
    let deadline = Instant::now() + DEADLINE;
    while shards.handle.figures().calls > 0 {
        assert!(Instant::now() < deadline, "calls do not end");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

#[test]
fn a_call_on_hold_sends_silence_and_a_changed_plan_leaves_the_browser_alone() {
    let _alone = ALONE.lock();
    let (echo, moved) = (Echo::start(), Echo::start());
    let mut shards = Shards::start(1);
    let call_id = CallId(1);
    let (client, _) = call(&mut shards, &echo, call_id);
    let mut clients = [client];
    drive(&mut clients, |clients| clients[0].connected);
    talk(&mut clients, b'a', |clients| heard(&clients[0], b'a') >= 10);

    let hold = |held| MediaCommand::SetHold {
        call: call_id,
        held,
    };
    shards.send(hold(true));
    // What was under way before the command is heard, then silence of 20 ms.
    let silent = |clients: &[Client]| {
        let last = clients[0].heard.iter().rev().take(20);
        last.filter(|packet| packet[..] == [0xff; 160]).count() == 20
    };
    talk(&mut clients, b'b', silent);
    let of_b = heard(&clients[0], b'b');
    assert!(of_b <= 2, "{of_b} packets while the call was held");

    // The peer takes the call up again somewhere else.
    shards.send(hold(false));
    shards.send(MediaCommand::ConnectSipLeg {
        call: call_id,
        stream: StreamId(0),
        plan: pcmu(&moved),
        signalling: Vec::new(),
    });
    talk(&mut clients, b'c', |clients| heard(&clients[0], b'c') >= 20);
    assert_eq!(clients[0].sources.len(), 1, "SSRCs the browser saw");
}

#[test]
fn what_cannot_be_is_said() {
    let _alone = ALONE.lock();
    let echo = Echo::start();
    let mut shards = Shards::start(1);
    let (call, leg) = (CallId(1), LEG);
    sip_call(&mut shards, &echo, call);
    let mode = BrowserLegMode::Answer {
        offer: "v=0\r\n".into(),
        plan: pcmu(&echo),
    };
    shards.send(MediaCommand::OpenBrowserLeg { call, leg, mode });
    let why = shards.wait(|event| match event {
        MediaEvent::BrowserFailed { failure, .. } => Some(failure.to_string()),
        _ => None,
    });
    assert!(why.contains("no m-line"), "{why}");

    // IPv6 was asked for, and there is no address for it.
    let call = CallId(2);
    shards.send(MediaCommand::OpenSipLeg {
        call,
        media: vec![MediaKind::Audio],
        family: Family::V6,
    });
    let failed = shards.wait(|event| match event {
        MediaEvent::SipLegFailed { call, failure } => Some((*call, failure.clone())),
        _ => None,
    });
    assert_eq!(failed, (call, MediaFailure::NoAddress(Family::V6)));
    let words = failed.1.to_string();
    assert!(words.contains("no IPv6 address for media"), "{words}");
    assert_eq!(shards.handle.figures().calls, 1);
    // Unknown calls and legs are ignored.
    for call in [CallId(2), CallId(1)] {
        let leg = LegId(99);
        shards.send(MediaCommand::SelectBrowserLeg { call, leg });
        shards.send(MediaCommand::CloseLeg { call, leg });
    }
    let (client, _) = browser_leg(&mut shards, &echo, CallId(1), LegId(3));
    let mut clients = [client];
    drive(&mut clients, |clients| clients[0].connected);
}

#[test]
fn both_address_families_share_the_one_socket() {
    let _alone = ALONE.lock();
    let echo = Echo::start();
    let mut shards = Shards::with(ShardSettings {
        shards: 1,
        candidates: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        ..ShardSettings::default()
    });
    let browser_port = shards.engine.browser_ports()[0];
    let mut clients = Vec::new();
    let addresses = [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        Ipv6Addr::LOCALHOST.into(),
    ];
    for (number, address) in (1..).zip(addresses) {
        let call = CallId(number);
        sip_call(&mut shards, &echo, call);
        let (client, offer) = Client::offer_from(address);
        clients.push(client);
        let client = clients.last_mut().expect("just pushed");
        let answer = answer(&mut shards, call, LEG, offer, pcmu(&echo));
        assert_eq!(answer.matches(" typ host").count(), 2, "{answer}");
        client.take_answer(&answer);
        drive(&mut clients, |clients| clients.iter().all(|c| c.connected));
    }
    talk(&mut clients, b'a', |clients| {
        clients.iter().all(|c| heard(c, b'a') >= 10)
    });
    let ports = udp_ports();
    assert_eq!(ports.iter().filter(|p| **p == browser_port).count(), 1);
}

#[test]
fn a_panic_outside_any_call_ends_the_calls_of_one_shard_with_words() {
    let _alone = ALONE.lock();
    let echo = Echo::start();
    let mut shards = Shards::start(2);
    let udp_before = udp_ports().len();
    let mut clients: Vec<_> = (0..4)
        .map(|number| call(&mut shards, &echo, CallId(number)).0)
        .collect();
    drive(&mut clients, |clients| clients.iter().all(|c| c.connected));

    // Placement is by turns: calls 0 and 2 are on shard 0.
    shards.handle.panic_outside(0);
    let mut failed = BTreeSet::new();
    while failed.len() < 2 {
        failed.insert(shards.wait(|event| match event {
            MediaEvent::CallFailed {
                call,
                failure: MediaFailure::Panicked,
            } => Some(*call),
            _ => None,
        }));
    }
    assert_eq!(failed, BTreeSet::from([CallId(0), CallId(2)]));
    assert_eq!(shards.handle.figures().calls, 2);
    assert_eq!(udp_ports().len(), udp_before + 2 * 2 + 4, "ports are free");
    talk(&mut clients, b'a', |clients| {
        heard(&clients[1], b'a') >= 20 && heard(&clients[3], b'a') >= 20
    });
    assert_eq!(heard(&clients[0], b'a'), 0, "call 0 is over");

    // The shard takes new calls.
    let (again, _) = call(&mut shards, &echo, CallId(10));
    clients[0] = again;
    drive(&mut clients, |clients| clients[0].connected);
}

#[test]
fn ports_come_back_from_calls_that_end_and_from_calls_that_panic() {
    let _alone = ALONE.lock();
    // Room for two calls, below the range that the kernel gives out by itself.
    let first = 20_000 + 4 * (std::process::id() % 2_000) as u16;
    let mut shards = Shards::with(ShardSettings {
        shards: 1,
        media_ports: (first, first + 3),
        ..ShardSettings::default()
    });
    assert_eq!(shards.engine.capacity(), Some(2));
    let open = |shards: &mut Shards, call: CallId| {
        shards.send(MediaCommand::OpenSipLeg {
            call,
            media: vec![MediaKind::Audio],
            family: Family::V4,
        });
        shards.wait(|event| match event {
            MediaEvent::SipLegOpened { call: c, local } if *c == call => Some(local.len()),
            MediaEvent::SipLegFailed { call: c, .. } if *c == call => Some(0),
            _ => None,
        }) == 1
    };
    assert!(shards.handle.ports_free());
    assert!(open(&mut shards, CallId(1)) && open(&mut shards, CallId(2)));
    assert!(!shards.handle.ports_free());
    assert!(!open(&mut shards, CallId(3)), "no third pair");
    shards.send(MediaCommand::CloseCall { call: CallId(1) });
    shards.handle.panic_in(CallId(2));
    assert!(!open(&mut shards, CallId(3)), "freed pairs rest");
    let deadline = Instant::now() + DEADLINE;
    let mut opened = 0;
    while opened < 2 {
        assert!(Instant::now() < deadline, "{opened} pairs came back");
        if open(&mut shards, CallId(4 + opened)) {
            opened += 1;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert_eq!(shards.handle.figures().calls, 2);
}
