//! The way out of a shard: a bounded channel that is never awaited.

use std::collections::VecDeque;

use session::media::MediaEvent;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// Events of one shard. What the channel has no room for waits here: no event is lost, and there
/// are at most a few for each command.
#[derive(Debug)]
pub(super) struct Events {
    sender: Sender<MediaEvent>,
    waiting: VecDeque<MediaEvent>,
}

impl Events {
    pub(super) fn new(sender: Sender<MediaEvent>) -> Self {
        Self {
            sender,
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn say(&mut self, event: MediaEvent) {
        tracing::debug!(call = event.call().0, ?event, "media");
        self.waiting.push_back(event);
    }

    /// Hands over what the channel takes. `true`: nothing waits any more.
    pub(super) fn flush(&mut self) -> bool {
        while let Some(event) = self.waiting.pop_front() {
            match self.sender.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.waiting.push_front(event);
                    return false;
                }
                // The control loop is gone, and with it whoever would care.
                Err(TrySendError::Closed(_)) => self.waiting.clear(),
            }
        }
        true
    }
}
