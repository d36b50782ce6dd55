//! Shards under the command of a test, and an RTP echo in the place of the SIP peer.
#![allow(dead_code)]

pub(crate) mod client;
pub(crate) mod echo;

pub(crate) use echo::Echo;

use std::time::{Duration, Instant};

use gateway::shard::{MediaEngine, MediaHandle, ShardSettings, start};
use gateway::{Control, ControlQueue};
use sdp::{
    Direction, Encoding, Format, LocalMedia, MediaKind, MediaPlan, PayloadType, Plan, RemoteMedia,
    Route, Treatment,
};
use session::media::{CallId, Family, MediaCommand, MediaEvent};
use tokio::sync::mpsc::error::TryRecvError;

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
        stand_in: false,
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
    queue: ControlQueue,
    pub(crate) said: Vec<MediaEvent>,
}

impl Shards {
    pub(crate) fn start(shards: usize) -> Self {
        Self::with(ShardSettings {
            shards,
            ..ShardSettings::default()
        })
    }

    pub(crate) fn with(settings: ShardSettings) -> Self {
        let (control, queue) = Control::channel();
        let engine = start(settings, control).expect("the shards start");
        Self {
            handle: engine.handle(),
            engine,
            queue,
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
            match self.queue.try_media() {
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
        while let Ok(event) = self.queue.try_media() {
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
