//! The handle of the control loop: whatever has news for the Hub holds a [`Control`].

use std::net::IpAddr;
use std::time::Duration;

use session::media::MediaEvent;
use session::{Input, SocketId};
use tokio::sync::mpsc::error::{TryRecvError, TrySendError};
use tokio::sync::{mpsc, oneshot};

/// Events that may wait. Senders wait when the queue is full; the loop never does.
const QUEUE: usize = 4096;

/// A stop waits this long for BYE and un-REGISTER to be answered.
const STOP_WITHIN: Duration = Duration::from_millis(1500);

/// What a page's socket task is to do.
#[derive(Debug)]
pub(crate) enum ToPage {
    /// Send a text frame.
    Frame(String),
    /// Close with this code and reason.
    Close(u16, String),
}

/// What happens to the control loop.
pub(crate) enum Event {
    /// An input for the Hub.
    Input(Input),
    /// A page opened a WebSocket; the Hub's frames go to `to_page`.
    SocketOpened {
        socket: SocketId,
        peer: IpAddr,
        to_page: mpsc::Sender<ToPage>,
    },
    /// Say when all events before this one have been acted on.
    Acted(oneshot::Sender<()>),
    /// Say what the Hub holds.
    Counts(oneshot::Sender<session::Counts>),
    /// End every call and registration, and say when that is done.
    Stop(oneshot::Sender<()>),
}

/// The handle of the control loop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Control {
    events: mpsc::Sender<Event>,
}

/// The loop's end of [`Control`].
#[derive(Debug)]
pub struct ControlQueue {
    events: mpsc::Receiver<Event>,
}

/// The queue is full; this is what did not fit.
pub(crate) struct Full(pub(crate) MediaEvent);

impl Control {
    /// A handle, and the queue that the loop reads.
    pub fn channel() -> (Self, ControlQueue) {
        let (events, queue) = mpsc::channel(QUEUE);
        (Self { events }, ControlQueue { events: queue })
    }

    /// An input for the Hub; waits while the queue is full.
    pub(crate) async fn input(&self, input: Input) {
        let _ = self.events.send(Event::Input(input)).await;
    }

    /// An input that is lost rather than waited for.
    pub(crate) fn offer(&self, input: Input) -> bool {
        self.events.try_send(Event::Input(input)).is_ok()
    }

    /// An event of a media shard, which never waits: the event comes back when the queue is full.
    pub(crate) fn media(&self, event: MediaEvent) -> Result<(), Full> {
        match self.events.try_send(Event::Input(Input::Media(event))) {
            Err(TrySendError::Full(Event::Input(Input::Media(event)))) => Err(Full(event)),
            // The loop has ended, so nothing waits for this event any more.
            _ => Ok(()),
        }
    }

    pub(crate) async fn socket_opened(
        &self,
        socket: SocketId,
        peer: IpAddr,
        to_page: mpsc::Sender<ToPage>,
    ) {
        let _ = self
            .events
            .send(Event::SocketOpened {
                socket,
                peer,
                to_page,
            })
            .await;
    }

    /// Completes when everything that was sent before has been acted on.
    pub(crate) async fn acted(&self) {
        let (done, acted) = oneshot::channel();
        if self.events.send(Event::Acted(done)).await.is_ok() {
            let _ = acted.await;
        }
    }

    /// What the Hub holds now. `None`: the loop has ended.
    pub(crate) async fn counts(&self) -> Option<session::Counts> {
        let (answer, counts) = oneshot::channel();
        self.events.send(Event::Counts(answer)).await.ok()?;
        counts.await.ok()
    }

    /// Ends every call and registration; returns when the SIP side has confirmed, or soon after.
    pub(crate) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        let stop = async {
            if self.events.send(Event::Stop(done)).await.is_ok() {
                let _ = stopped.await;
            }
        };
        let _ = tokio::time::timeout(STOP_WITHIN, stop).await;
    }
}

impl ControlQueue {
    /// The next event. `None`: every [`Control`] is gone.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// The next event of a media shard, for tests that take the loop's place.
    #[doc(hidden)]
    pub fn try_media(&mut self) -> Result<MediaEvent, TryRecvError> {
        loop {
            if let Event::Input(Input::Media(event)) = self.events.try_recv()? {
                return Ok(event);
            }
        }
    }
}

impl std::fmt::Debug for Event {
    /// Names the event: what it holds may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Input(_) => "Input",
            Self::SocketOpened { .. } => "SocketOpened",
            Self::Acted(_) => "Acted",
            Self::Counts(_) => "Counts",
            Self::Stop(_) => "Stop",
        })
    }
}
