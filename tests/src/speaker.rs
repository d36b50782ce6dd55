//! The sound of a SIP peer whose port and SSRC change when the test says so: a phone behind a NAT, as the server sees it.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::bot::recording;
use crate::rtp_end::{packet, read_packet};
use crate::tone::{Loop, Tone};
use crate::wav::Recording;

/// Length of a packet of sound.
const PTIME: Duration = Duration::from_millis(20);
/// How long one read waits, so that a packet goes out in time.
const PACE: Duration = Duration::from_millis(4);

/// Speaks PCMU from the start. It ends when dropped.
#[derive(Debug)]
pub struct Speaker {
    orders: Option<Sender<Order>>,
    heard: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order {
    Hush,
    Rebind(UdpSocket),
    BeginAnew(UdpSocket),
}

impl Speaker {
    /// Speaks `tone` from this socket to this address.
    pub fn start(socket: UdpSocket, to: SocketAddr, tone: Tone) -> Result<Self> {
        socket.set_read_timeout(Some(PACE))?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (orders, queue) = channel();
        let voice = Voice {
            socket,
            to,
            sound: tone.pcmu(),
            ssrc: rand::random(),
            sent: 0,
            speaks: true,
            next: Instant::now(),
            heard: Arc::clone(&heard),
            given_up: Vec::new(),
        };
        let thread = std::thread::Builder::new().name("speaker".into());
        let thread = thread.spawn(move || voice.run(&queue))?;
        Ok(Self {
            orders: Some(orders),
            heard,
            thread: Some(thread),
        })
    }

    /// Speaks no more, and listens on.
    pub fn hush(&self) -> Result<()> {
        self.order(Order::Hush)
    }

    /// The same stream goes on from another socket. Nothing that comes to the old one is heard.
    pub fn rebind(&self, socket: UdpSocket) -> Result<()> {
        self.order(Order::Rebind(socket))
    }

    /// Another stream, with an SSRC and numbers of its own, begins at another socket.
    pub fn begin_anew(&self, socket: UdpSocket) -> Result<()> {
        self.order(Order::BeginAnew(socket))
    }

    /// What was heard so far: what came to each socket while it was the one in use.
    #[must_use]
    pub fn heard(&self) -> Recording {
        recording(&self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn order(&self, order: Order) -> Result<()> {
        let orders = self.orders.as_ref().context("the speaker has ended")?;
        orders.send(order).ok().context("the speaker has ended")
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's part.
struct Voice {
    socket: UdpSocket,
    to: SocketAddr,
    sound: Loop,
    ssrc: u32,
    sent: u32,
    speaks: bool,
    next: Instant,
    heard: Arc<Mutex<Vec<u8>>>,
    /// Nobody reads them. They stay open, because a NAT drops without a word what comes to a port that it gave up.
    given_up: Vec<UdpSocket>,
}

impl Voice {
    fn run(mut self, queue: &Receiver<Order>) {
        let mut buffer = [0; 2048];
        loop {
            match queue.try_recv() {
                Ok(order) => self.obey(order),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {}
            }
            while self.speaks && self.next <= Instant::now() {
                self.next += PTIME;
                let packet = packet(self.ssrc, self.sent, &self.sound.packet());
                self.sent += 1;
                let _ = self.socket.send_to(&packet, self.to);
            }
            if let Ok((length, _)) = self.socket.recv_from(&mut buffer)
                && let Some((_, payload)) = read_packet(&buffer[..length])
            {
                let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.extend_from_slice(payload);
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Hush => self.speaks = false,
            Order::Rebind(socket) => self.move_to(socket),
            Order::BeginAnew(socket) => {
                self.move_to(socket);
                self.ssrc = rand::random();
                self.sent = 0;
                self.speaks = true;
                self.next = Instant::now();
            }
        }
    }

    fn move_to(&mut self, socket: UdpSocket) {
        // Without a timeout the thread would wait for ever, and the test would fail by silence.
        let _ = socket.set_read_timeout(Some(PACE));
        self.given_up
            .push(std::mem::replace(&mut self.socket, socket));
    }
}
