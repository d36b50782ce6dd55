//! Shards under the command of a test, and an RTP echo in the place of the SIP peer.
#![allow(dead_code)]

pub(crate) mod client;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gateway::shard::{MediaEngine, MediaHandle, ShardSettings, start};
use sdp::{
    Direction, Encoding, Feedback, Format, LocalMedia, MediaKind, MediaPlan, PayloadType, Plan,
    RemoteMedia, Route, Treatment,
};
use session::media::{CallId, Family, MediaCommand, MediaEvent};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{Receiver, channel};

/// A condition of a test is met within this, or the test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn format(pt: u8, encoding: Encoding, clock_hz: u32, channels: u8) -> Format {
    Format {
        payload_type: PayloadType::new(pt).expect("below 128"),
        encoding,
        clock_hz,
        channels,
        fmtp: None,
    }
}

/// Everything passes by payload type, to and from `remote`.
pub(crate) fn media_plan(kind: MediaKind, formats: Vec<Format>, remote: RemoteMedia) -> MediaPlan {
    let pass = |format: &Format| Route {
        browser: format.clone(),
        sip: format.clone(),
        sip_send: format.payload_type,
        sip_recv: format.payload_type,
        treatment: Treatment::Pass,
    };
    MediaPlan {
        kind,
        accepted: !formats.is_empty(),
        routes: formats.iter().map(pass).collect(),
        browser: formats,
        remote: Some(remote),
        sip_direction: Direction::SendRecv,
        ptime_ms: 20,
        reason: "test".into(),
    }
}

pub(crate) fn plan(media: Vec<MediaPlan>) -> Plan {
    Plan { media }
}

/// Running shards and what they said.
pub(crate) struct Shards {
    pub(crate) engine: MediaEngine,
    pub(crate) handle: MediaHandle,
    events: Receiver<MediaEvent>,
    pub(crate) said: Vec<MediaEvent>,
}

impl Shards {
    pub(crate) fn start(shards: usize) -> Self {
        let (sender, events) = channel(64);
        let settings = ShardSettings {
            shards,
            ..ShardSettings::default()
        };
        let engine = start(settings, sender).expect("the shards start");
        Self {
            handle: engine.handle(),
            engine,
            events,
            said: Vec::new(),
        }
    }

    pub(crate) fn send(&self, command: MediaCommand) {
        self.handle.send(command);
    }

    /// The first event, said already or within the deadline, for which `wanted` has a value.
    pub(crate) fn wait<T>(&mut self, wanted: impl Fn(&MediaEvent) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = 0;
        loop {
            while let Some(event) = self.said.get(seen) {
                if let Some(value) = wanted(event) {
                    self.said.remove(seen);
                    return value;
                }
                seen += 1;
            }
            match self.events.try_recv() {
                Ok(event) => self.said.push(event),
                Err(TryRecvError::Empty) => {
                    let now = Instant::now();
                    assert!(now < deadline, "nothing came; said: {:?}", self.said);
                    std::thread::park_timeout(Duration::from_millis(1));
                }
                Err(TryRecvError::Disconnected) => panic!("the shards ended"),
            }
        }
    }

    /// Whatever has been said by now.
    pub(crate) fn collect(&mut self) -> &[MediaEvent] {
        while let Ok(event) = self.events.try_recv() {
            self.said.push(event);
        }
        &self.said
    }

    pub(crate) fn open_call(&mut self, call: CallId, kinds: &[MediaKind]) -> Vec<LocalMedia> {
        self.send(MediaCommand::OpenSipLeg {
            call,
            media: kinds.to_vec(),
            family: Family::V4,
        });
        self.wait(|event| match event {
            MediaEvent::SipLegOpened { call: c, local } if *c == call => Some(local.clone()),
            _ => None,
        })
    }
}

/// Sends every RTP and RTCP packet back where it came from: one pair of ports for each kind.
pub(crate) struct Echo {
    addresses: Vec<SocketAddr>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Echo {
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut addresses = Vec::new();
        let mut threads = Vec::new();
        for _ in 0..4 {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
            addresses.push(socket.local_addr().expect("bound"));
            let wait = Some(Duration::from_millis(100));
            socket.set_read_timeout(wait).expect("a timeout");
            let stop = Arc::clone(&stop);
            threads.push(std::thread::spawn(move || {
                let mut buffer = [0; 2048];
                while !stop.load(Ordering::Relaxed) {
                    if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                        let _ = socket.send_to(&buffer[..length], from);
                    }
                }
            }));
        }
        Self {
            addresses,
            stop,
            threads,
        }
    }

    pub(crate) fn remote(&self, kind: MediaKind) -> RemoteMedia {
        let at = match kind {
            MediaKind::Audio => 0,
            MediaKind::Video => 2,
        };
        RemoteMedia {
            rtp: self.addresses[at],
            rtcp: self.addresses[at + 1],
            rtcp_mux: false,
            feedback: Feedback {
                pli: true,
                fir: true,
                nack: false,
            },
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
