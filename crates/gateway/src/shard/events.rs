//! What a shard says to the control loop, without ever waiting for it.

use std::collections::VecDeque;

use session::media::MediaEvent;

use crate::control::{Control, Full};
use crate::log::variant;

/// Events of one shard. What the control loop's queue has no room for waits here, so no event is
/// lost; there are at most a few for each command.
#[derive(Debug)]
pub(super) struct Events {
    control: Control,
    waiting: VecDeque<MediaEvent>,
}

impl Events {
    pub(super) fn new(control: Control) -> Self {
        Self {
            control,
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn say(&mut self, event: MediaEvent) {
        tracing::debug!(call = event.call().0, event = variant(&event), "media says");
        self.waiting.push_back(event);
    }

    /// Hands over what the queue takes. `true`: nothing waits any more.
    pub(super) fn flush(&mut self) -> bool {
        while let Some(event) = self.waiting.pop_front() {
            if let Err(Full(event)) = self.control.media(event) {
                self.waiting.push_front(event);
                return false;
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
        let (control, _queue) = Control::channel();
        tracing::subscriber::with_default(subscriber, || {
            Events::new(control).say(MediaEvent::BrowserAnswer {
                call: CallId(7),
                leg: LegId(1),
                sdp: "a=ice-pwd:secret".into(),
            });
        });
        let text = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        assert!(text.contains("BrowserAnswer"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn a_full_queue_loses_no_event_and_holds_nobody_up() {
        let (control, mut queue) = Control::channel();
        while control.offer(session::Input::Shutdown) {}
        let mut events = Events::new(control);
        let said: Vec<_> = (1..=3)
            .map(|leg| MediaEvent::BrowserConnected {
                call: CallId(7),
                leg: LegId(leg),
            })
            .collect();
        for event in &said {
            events.say(event.clone());
        }
        assert!(!events.flush(), "there is no room");
        assert!(
            queue.try_media().is_err(),
            "the queue held nothing of media"
        );
        assert!(events.flush());
        let came: Vec<_> = std::iter::from_fn(|| queue.try_media().ok()).collect();
        assert_eq!(came, said);
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
