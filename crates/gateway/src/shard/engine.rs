//! Starting and ending the shards, and the handle by which the control loop speaks to them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle, available_parallelism};
use std::time::Instant;

use media::ports::PortPool;
use mio::{Poll, Waker};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use session::media::{CallId, MediaCommand, MediaEvent, MediaFailure};
use webrtc::{Identity, LegConfig};

use super::directory::Shared;
use super::events::Events;
use super::inbox::{Figures, Inbox, Item};
use super::settings::ShardSettings;
use super::sockets::BrowserSocket;
use super::worker::{INBOX, Worker, candidates};
use crate::control::Control;

/// All shards. Dropping it ends their threads; calls end without a word.
#[derive(Debug)]
pub struct MediaEngine {
    handle: MediaHandle,
    threads: Vec<JoinHandle<()>>,
    browser_ports: Vec<u16>,
    capacity: Option<usize>,
}

/// Speaks to the shards. Cheap to clone; never blocks on media.
#[derive(Debug, Clone)]
pub struct MediaHandle {
    inboxes: Arc<[Arc<Inbox>]>,
    shared: Arc<Shared>,
}

/// Binds the browser sockets and starts one thread for each shard. Events of all shards go to
/// `control`. Its queue may be full for a while; no event is lost.
pub fn start(settings: ShardSettings, control: Control) -> io::Result<MediaEngine> {
    let count = match settings.shards {
        0 => available_parallelism().map_or(1, usize::from),
        n => n,
    };
    let identity = Identity::generate().ok_or_else(|| io::Error::other("no DTLS certificate"))?;
    let legs = LegConfig {
        candidates: candidates(&settings.candidates),
        identity,
    };
    let (from, to) = settings.media_ports;
    let pool = PortPool::new(from, to, ChaCha20Rng::from_seed(settings.seed));
    let capacity = pool.capacity();
    let shared = Arc::new(Shared::new(settings, pool));

    // All sockets first: a port in use is an error of the start, not of a thread.
    let mut shards = Vec::new();
    for index in 0..count {
        let poll = Poll::new()?;
        let inbox = Arc::new(Inbox::new(Waker::new(poll.registry(), INBOX)?));
        let settings = &shared.settings;
        let port = match settings.webrtc_port {
            0 => 0,
            first => u16::try_from(index)
                .ok()
                .and_then(|index| first.checked_add(index))
                .ok_or_else(|| io::Error::other("webrtc_port leaves no room for all shards"))?,
        };
        let browser =
            BrowserSocket::bind(settings.bind, &settings.candidates, port).map_err(|error| {
                io::Error::new(error.kind(), format!("webrtc_port {port} (UDP): {error}"))
            })?;
        shards.push((poll, inbox, browser));
    }
    let browser_ports = shards.iter().map(|(_, _, b)| b.port()).collect();
    let inboxes: Arc<[_]> = shards
        .iter()
        .map(|(_, inbox, _)| Arc::clone(inbox))
        .collect();
    let mut threads = Vec::new();
    for (index, (poll, inbox, browser)) in shards.into_iter().enumerate() {
        let events = Events::new(control.clone());
        let (shared, legs) = (Arc::clone(&shared), legs.clone());
        let worker = Worker::new(poll, shared, inbox, browser, legs, events, index)?;
        let builder = Builder::new().name(format!("media-{index}"));
        threads.push(builder.spawn(move || worker.run())?);
    }
    Ok(MediaEngine {
        handle: MediaHandle { inboxes, shared },
        threads,
        browser_ports,
        capacity,
    })
}

impl MediaEngine {
    /// The way to speak to the shards.
    pub fn handle(&self) -> MediaHandle {
        self.handle.clone()
    }

    /// UDP ports of the browser sockets, one for each shard.
    pub fn browser_ports(&self) -> &[u16] {
        &self.browser_ports
    }

    /// Pairs of RTP ports the settings allow: audio calls at once. `None`: as many as there are.
    pub fn capacity(&self) -> Option<usize> {
        self.capacity
    }
}

impl Drop for MediaEngine {
    fn drop(&mut self) {
        for inbox in self.handle.inboxes.iter() {
            inbox.push(Item::Stop);
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a media shard ended by a panic");
            }
        }
    }
}

impl MediaHandle {
    /// Hands a command to the call's shard; `OpenSipLeg` chooses the shard with the fewest calls.
    /// Commands of unknown calls are ignored. A flooded shard refuses new calls and legs.
    pub fn send(&self, command: MediaCommand) {
        let Some((index, inbox)) = self.shard_of(&command) else {
            return;
        };
        let refusal = match &command {
            MediaCommand::OpenSipLeg { call, .. } => Some(MediaEvent::SipLegFailed {
                call: *call,
                failure: MediaFailure::NoPorts,
            }),
            MediaCommand::OpenBrowserLeg { call, leg, .. } => Some(MediaEvent::BrowserFailed {
                call: *call,
                leg: *leg,
                failure: MediaFailure::Gone,
            }),
            _ => None,
        };
        match refusal {
            Some(event) if !inbox.has_room() => {
                tracing::warn!(shard = index, call = event.call().0, "media queue full");
                if matches!(command, MediaCommand::OpenSipLeg { .. })
                    && self.shared.directory.remove(event.call())
                {
                    inbox.calls.fetch_sub(1, Ordering::Relaxed);
                }
                inbox.push(Item::Say(event));
            }
            _ => inbox.push(Item::Command(command)),
        }
    }

    /// Whether another call finds RTP ports now.
    pub fn ports_free(&self) -> bool {
        self.shared.ports().has_free(Instant::now())
    }

    /// What has been counted so far.
    pub fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        for inbox in self.inboxes.iter() {
            figures.add(inbox);
        }
        let mut pool = self.shared.ports();
        figures.port_pairs_in_use = pool.in_use();
        figures.port_pairs_resting = pool.resting(Instant::now());
        figures
    }

    /// The next step of this call panics. For tests of isolation only.
    #[doc(hidden)]
    pub fn panic_in(&self, call: CallId) {
        let at = self.shared.directory.shard_of(call);
        if let Some(inbox) = at.and_then(|index| self.inboxes.get(index)) {
            inbox.push(Item::Panic(Some(call)));
        }
    }

    /// This shard panics outside any call's step. For tests of isolation only.
    #[doc(hidden)]
    pub fn panic_outside(&self, shard: usize) {
        if let Some(inbox) = self.inboxes.get(shard) {
            inbox.push(Item::Panic(None));
        }
    }

    fn shard_of(&self, command: &MediaCommand) -> Option<(usize, &Inbox)> {
        let MediaCommand::OpenSipLeg { call, .. } = command else {
            let index = self.shared.directory.shard_of(call_of(command))?;
            return Some((index, self.inboxes.get(index)?));
        };
        let load = |inbox: &Arc<Inbox>| inbox.calls.load(Ordering::Relaxed);
        let (index, inbox) = self
            .inboxes
            .iter()
            .enumerate()
            .filter(|(_, inbox)| !inbox.ended.load(Ordering::Relaxed))
            .min_by_key(|(_, inbox)| load(inbox))?;
        if !self.shared.directory.add(*call, index) {
            return None;
        }
        inbox.calls.fetch_add(1, Ordering::Relaxed);
        Some((index, inbox))
    }
}

fn call_of(command: &MediaCommand) -> CallId {
    match command {
        MediaCommand::OpenSipLeg { call, .. }
        | MediaCommand::OpenBrowserLeg { call, .. }
        | MediaCommand::AcceptBrowserAnswer { call, .. }
        | MediaCommand::ConnectSipLeg { call, .. }
        | MediaCommand::SetHold { call, .. }
        | MediaCommand::SelectRemoteStream { call, .. }
        | MediaCommand::SelectBrowserLeg { call, .. }
        | MediaCommand::CloseLeg { call, .. }
        | MediaCommand::CloseCall { call } => *call,
        MediaCommand::MoveBrowserLeg { from_call, .. } => *from_call,
    }
}
