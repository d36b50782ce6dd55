//! The sockets of the built-in test PBX, and its clock. What bytes mean is crate `pbx`'s.

mod ports;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bytes::Bytes;
use media::WallClock;
use pbx::{Input, Output, Pbx, PbxConfig};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use sip::{Hop, Transport};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot};

use crate::bind::{Port, bind};
use crate::streams::{Limits, Owner, Streams, Told};
use ports::Ports;

/// Where it stands if nobody else does.
const PORT: u16 = 5060;

/// Arrivals that may wait: seconds of media.
const QUEUE: usize = 4096;

/// The largest UDP payload.
const MAX_DATAGRAM: usize = 65_535;

/// The running PBX. It lives as long as the process.
#[derive(Debug)]
pub struct PbxServer {
    /// Where phones register: UDP and TCP.
    pub addr: SocketAddr,
}

/// What the PBX's task waits for.
enum Arrival {
    Input(Input),
    /// Say when all arrivals before this one have been acted on.
    Acted(oneshot::Sender<()>),
}

type Arrivals = mpsc::Sender<Arrival>;

/// Starts it on 127.0.0.1:5060, or on the next port that is free for both UDP and TCP.
pub async fn start() -> Result<PbxServer> {
    let port = Port {
        key: "test PBX",
        number: PORT,
        or_next: true,
    };
    let (udp, tcp) = bind(Ipv4Addr::LOCALHOST.into(), port, |addr| {
        let udp = std::net::UdpSocket::bind(addr)?;
        let tcp = std::net::TcpListener::bind(addr)?;
        udp.set_nonblocking(true)?;
        tcp.set_nonblocking(true)?;
        Ok((udp, tcp))
    })?;
    let addr = udp.local_addr()?;
    let udp = Arc::new(UdpSocket::from_std(udp)?);
    let tcp = TcpListener::from_std(tcp)?;

    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let clock = WallClock::new(Instant::now(), unix);
    let config = PbxConfig {
        addr,
        domain: addr.ip().to_string(),
        clock,
    };
    let mut seed = [0; 32];
    rand::rng().fill(&mut seed);
    let pbx = Pbx::new(config, ChaCha20Rng::from_seed(seed)).context("the test PBX")?;

    let (arrivals, queue) = mpsc::channel(QUEUE);
    tokio::spawn(read(udp.clone(), addr, arrivals.clone()));
    let server = Server {
        pbx,
        udp,
        streams: Streams::start(vec![tcp], Phones(arrivals.clone()), Limits::default())?,
        ports: Ports::new(arrivals),
        failed: Vec::new(),
    };
    tokio::spawn(server.run(queue));
    tracing::info!(%addr, "{}", pbx::USER_AGENT);
    Ok(PbxServer { addr })
}

struct Server {
    pbx: Pbx,
    udp: Arc<UdpSocket>,
    streams: Streams<Phones>,
    ports: Ports,
    /// What could not be performed.
    failed: Vec<Input>,
}

impl Server {
    async fn run(mut self, mut queue: mpsc::Receiver<Arrival>) {
        loop {
            let wake_at = self.pbx.poll_timeout().map(|(at, _)| at);
            tokio::select! {
                arrival = queue.recv() => match arrival {
                    Some(Arrival::Input(input)) => self.pbx.handle_input(input, Instant::now()),
                    Some(Arrival::Acted(done)) => {
                        let _ = done.send(());
                    }
                    None => return,
                },
                () = sleep_until(wake_at) => self.pbx.handle_timeout(Instant::now()),
            }
            self.perform();
        }
    }

    /// Does what the PBX wants; what fails is an input again.
    fn perform(&mut self) {
        loop {
            while let Some(output) = self.pbx.poll_output() {
                self.perform_one(output);
            }
            match self.failed.pop() {
                Some(input) => self.pbx.handle_input(input, Instant::now()),
                None => return,
            }
        }
    }

    fn perform_one(&mut self, output: Output) {
        match output {
            Output::Send { hop, bytes } => {
                if let Err(error) = self.send(&hop, bytes) {
                    self.failed.push(Input::SendFailed { hop, error });
                }
            }
            Output::OpenMedia { call, kind } => {
                let input = match self.ports.open(call, kind) {
                    Ok(addr) => Input::MediaOpened { call, kind, addr },
                    Err(error) => {
                        tracing::warn!(%error, "the test PBX has no media port");
                        Input::MediaFailed { call }
                    }
                };
                self.pbx.handle_input(input, Instant::now());
            }
            Output::CloseMedia { call } => self.ports.close(call),
            Output::Rtp {
                call,
                kind,
                rtcp,
                to,
                bytes,
            } => {
                self.ports.send(call, kind, rtcp, to, &bytes);
            }
        }
    }

    fn send(&mut self, hop: &Hop, bytes: Bytes) -> Result<(), String> {
        match hop.transport {
            Transport::Udp => match self.udp.try_send_to(&bytes, hop.addr) {
                // As good as lost on the way: retransmission is the transaction's.
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
                sent => sent.map(|_| ()).map_err(|error| error.to_string()),
            },
            Transport::Tcp => self.streams.send(hop, bytes),
            Transport::Tls => Err("the test PBX speaks UDP and TCP only".to_owned()),
        }
    }
}

/// Phones that speak TCP.
#[derive(Clone)]
struct Phones(Arrivals);

impl Owner for Phones {
    async fn told(&self, told: Told) {
        let input = match told {
            Told::Received { from, local, bytes } => Input::Sip { from, local, bytes },
            // Phones of the demo send no broken messages, and the PBX has no rule yet about whom it would answer.
            Told::Unframed { .. } => return,
            Told::Failed { hop, error } => Input::SendFailed { hop, error },
            Told::Closed { hop, error } => Input::Closed { hop, error },
        };
        let _ = self.0.send(Arrival::Input(input)).await;
    }

    async fn acted(&self) {
        let (done, acted) = oneshot::channel();
        if self.0.send(Arrival::Acted(done)).await.is_ok() {
            let _ = acted.await;
        }
    }
}

/// Reads SIP datagrams for ever.
async fn read(udp: Arc<UdpSocket>, local: SocketAddr, arrivals: Arrivals) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    let mut told = false;
    loop {
        match udp.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                if !from.ip().is_loopback() && !std::mem::replace(&mut told, true) {
                    tracing::warn!(%from, "the test PBX hears phones at 127.0.0.1 only, so not this one");
                }
                let from = Hop {
                    transport: Transport::Udp,
                    addr: from,
                    verified_name: None,
                };
                let bytes = Bytes::copy_from_slice(&buffer[..length]);
                let input = Input::Sip { from, local, bytes };
                if arrivals.send(Arrival::Input(input)).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::debug!(%error, "SIP socket of the test PBX"),
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Ends a task with what it serves.
struct Task(tokio::task::AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// By call and kind, in order.
type ByLine<T> = BTreeMap<(sip::InviteId, sdp::MediaKind), T>;
