//! The way out of a shard: a bounded channel that is never awaited.

use std::collections::VecDeque;

use session::media::MediaEvent;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use crate::log::variant;

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
        tracing::debug!(call = event.call().0, event = variant(&event), "media says");
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use session::media::{CallId, LegId};

    use super::*;

    /// The SDP of a leg holds its ICE password (RFC 8839 §5.4).
    #[test]
    fn the_log_names_events_and_shows_no_sdp() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&log);
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || Lines(Arc::clone(&writer)))
            .finish();
        let (sender, _events) = tokio::sync::mpsc::channel(1);
        tracing::subscriber::with_default(subscriber, || {
            Events::new(sender).say(MediaEvent::BrowserAnswer {
                call: CallId(7),
                leg: LegId(1),
                sdp: "a=ice-pwd:secret".into(),
            });
        });
        let text = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        assert!(text.contains("BrowserAnswer"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }

    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
