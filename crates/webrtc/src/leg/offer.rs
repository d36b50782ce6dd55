//! Our offer to a browser, and its answer.

use std::time::Instant;

use sdp::{BrowserMedia, Direction, MediaKind};

use super::Leg;
use crate::codecs::{NegotiatedFormat, usable};
use crate::config::LegConfig;
use crate::description::{Remote, Setup};
use crate::error::Error;
use crate::negotiate::{bad, both, check_peer, free_payload_types, mirrored, with_our_feedback};
use crate::write::{MID_URI, TRANSPORT_CC_URI};

/// Our header extension ids in an offer of ours.
const OUR_EXTENSIONS: [(u8, &str); 2] = [(3, TRANSPORT_CC_URI), (4, MID_URI)];

impl Leg {
    /// Offer `media` to a browser; its answer goes to [`Leg::accept_answer`].
    pub fn offer(
        config: &LegConfig,
        media: &[BrowserMedia],
        now: Instant,
    ) -> Result<(Self, String), Error> {
        let mut free = free_payload_types(media);
        let lines: Vec<(MediaKind, String, Direction, Vec<NegotiatedFormat>)> = media
            .iter()
            .enumerate()
            .map(|(index, wish)| {
                let formats = usable(&wish.formats)
                    .into_iter()
                    .map(|format| with_our_feedback(wish.kind, format, &mut free))
                    .collect::<Vec<_>>();
                (wish.kind, index.to_string(), wish.direction, formats)
            })
            .filter(|(_, _, _, formats)| !formats.is_empty())
            .collect();
        if lines.is_empty() {
            return Err(bad("there is no format to offer"));
        }
        let with_video = lines.iter().any(|l| l.0 == MediaKind::Video);
        let extensions: Vec<(u8, &'static str)> = OUR_EXTENSIONS
            .into_iter()
            .filter(|(_, uri)| with_video || *uri == MID_URI)
            .collect();
        let borrowed = lines
            .iter()
            .map(|(kind, mid, direction, formats)| {
                (*kind, mid.as_str(), *direction, formats.clone())
            })
            .collect();
        let mut leg = Self::build(config, borrowed, &extensions, now)?;
        leg.awaits_answer = true;
        let local = leg
            .lines
            .iter()
            .map(|line| leg.local_line(line, &line.mid, &extensions, true))
            .collect();
        let text = leg.describe("actpass", local);
        leg.drain();
        leg.handle_timeout(now);
        Ok((leg, text))
    }

    /// Take the browser's answer to our offer.
    pub fn accept_answer(&mut self, answer_sdp: &str, now: Instant) -> Result<(), Error> {
        if !self.awaits_answer {
            return Err(bad("no answer was awaited"));
        }
        let remote = Remote::parse(answer_sdp)?;
        check_peer(&remote)?;
        if remote.media.len() != self.lines.len() {
            return Err(bad(
                "the answer has another number of m-lines than the offer",
            ));
        }
        for (line, answered) in self.lines.iter_mut().zip(&remote.media) {
            if answered.kind != Some(line.kind) {
                return Err(bad(
                    "the answer's m-lines have another order than the offer's",
                ));
            }
            let listed: Vec<u8> = answered.payload_types().collect();
            line.formats
                .retain(|f| listed.contains(&f.format.payload_type.get()));
            let theirs = mirrored(answered.direction);
            line.direction = if answered.rejected || line.formats.is_empty() {
                Direction::Inactive
            } else {
                both(line.direction, theirs)
            };
        }
        self.awaits_answer = false;
        let setup = match remote.setup {
            Setup::Passive => Setup::Active,
            Setup::Active | Setup::ActPass => Setup::Passive,
        };
        self.take_remote(&remote, setup)?;
        self.drain();
        self.handle_timeout(now);
        Ok(())
    }
}
