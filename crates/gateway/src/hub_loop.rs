//! The control loop: one task that owns the Hub. Everything that happens comes in through one bounded
//! queue. What the Hub wants goes out without waiting: a receiver whose queue is full is dropped.

use std::collections::BTreeMap;
use std::time::Instant;

use session::{Hub, HubConfig, Input, Output, SocketId};
use tokio::sync::{mpsc, oneshot};

use crate::control::{ControlQueue, Event, ToPage};
use crate::dns::Resolver;
use crate::log::{frame_name, variant};
use crate::shard::MediaHandle;
use crate::sip_net::SipSockets;

/// What the loop needs to carry out outputs.
pub(crate) struct Performers {
    /// SIP sockets.
    pub(crate) sip: SipSockets,
    /// Resolves names.
    pub(crate) resolver: Resolver,
    /// The media shards.
    pub(crate) media: MediaHandle,
}

/// Runs until every [`Control`](crate::control::Control) is gone.
pub(crate) async fn run(
    mut queue: ControlQueue,
    config: HubConfig,
    seed: [u8; 32],
    performers: Performers,
) {
    let mut hub = Hub::new(config, seed);
    let mut pages: BTreeMap<SocketId, mpsc::Sender<ToPage>> = BTreeMap::new();
    let mut stopping: Option<oneshot::Sender<()>> = None;
    let mut ports_free = true;
    loop {
        let wake_at = hub.poll_timeout().map(|(at, _)| at);
        let event = tokio::select! {
            event = queue.next() => match event {
                Some(event) => Some(event),
                None => return,
            },
            () = sleep_until(wake_at) => None,
        };
        let now = Instant::now();
        // Before the event: an OPTIONS is answered by what is true now (RFC 3261 §11.2).
        let free = performers.media.ports_free();
        if free != ports_free {
            ports_free = free;
            let input = Input::PortsFree(free);
            log_input(&input);
            hub.handle_input(input, now);
        }
        match event {
            None => hub.handle_timeout(now),
            Some(Event::Input(input)) => {
                log_input(&input);
                if let Input::SocketClosed { socket } = &input {
                    pages.remove(socket);
                }
                hub.handle_input(input, now);
            }
            Some(Event::SocketOpened {
                socket,
                peer,
                to_page,
            }) => {
                pages.insert(socket, to_page);
                hub.handle_input(Input::SocketOpened { socket, peer }, now);
            }
            // Outputs are performed event by event, so those of the events before are done.
            Some(Event::Acted(done)) => {
                let _ = done.send(());
            }
            Some(Event::Counts(answer)) => {
                let _ = answer.send(hub.counts());
            }
            Some(Event::Stop(done)) => {
                stopping = Some(done);
                hub.handle_input(Input::Shutdown, now);
            }
        }
        while let Some(output) = hub.poll_output() {
            perform(output, &mut pages, &performers);
        }
        if hub.settled()
            && let Some(done) = stopping.take()
        {
            let _ = done.send(());
        }
    }
}

fn perform(
    output: Output,
    pages: &mut BTreeMap<SocketId, mpsc::Sender<ToPage>>,
    performers: &Performers,
) {
    match output {
        Output::Frame { socket, text } => {
            tracing::debug!(
                socket = socket.0,
                message = frame_name(&text),
                bytes = text.len(),
                "to page"
            );
            let full = pages
                .get(&socket)
                .is_some_and(|page| page.try_send(ToPage::Frame(text)).is_err());
            if full {
                // Its task sees that the queue is closed and closes the socket.
                pages.remove(&socket);
            }
        }
        Output::Close {
            socket,
            code,
            reason,
        } => {
            tracing::info!(socket = socket.0, code, %reason, "closing a page's socket");
            let told = pages
                .get(&socket)
                .is_some_and(|page| page.try_send(ToPage::Close(code, reason)).is_ok());
            if !told {
                // Its task sees that the queue is closed and closes the socket.
                pages.remove(&socket);
            }
        }
        Output::Resolve { id, target } => performers.resolver.resolve(id, target),
        Output::Send { hop, bytes } => performers.sip.send(hop, bytes),
        Output::Media(command) => {
            tracing::debug!(command = variant(&command), "to media");
            performers.media.send(command);
        }
        Output::Record(record) => crate::call_log::log(&record),
    }
}

/// One debug line for each input, without what it holds.
fn log_input(input: &Input) {
    match input {
        Input::Frame { socket, text } => {
            tracing::debug!(
                socket = socket.0,
                message = frame_name(text),
                bytes = text.len(),
                "from page"
            );
        }
        Input::Sip(sip::Input::Received { from, bytes, .. }) => {
            tracing::debug!(%from, bytes = bytes.len(), "SIP in");
        }
        Input::Sip(input) => tracing::debug!(?input, "for the SIP user agent"),
        Input::Media(event) => {
            tracing::debug!(call = event.call().0, event = variant(event), "from media")
        }
        Input::SocketOpened { socket, peer } => {
            tracing::debug!(socket = socket.0, %peer, "page opened")
        }
        Input::SocketClosed { socket } => tracing::debug!(socket = socket.0, "page closed"),
        Input::PortsFree(free) => tracing::info!(free, "RTP ports for another call"),
        Input::Shutdown => tracing::debug!("shutdown"),
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
