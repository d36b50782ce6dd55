//! Our answer to a browser's offer.

use std::time::Instant;

use sdp::{Direction, MediaKind, Plan};

use super::Leg;
use crate::codecs::NegotiatedFormat;
use crate::config::LegConfig;
use crate::description::{Remote, Setup};
use crate::error::Error;
use crate::negotiate::{bad, check_peer, extensions_of, mirrored, negotiate, plan_for};
use crate::write::LocalLine;

impl Leg {
    /// Answer a browser's offer with the formats of `plan`, in the plan's order.
    ///
    /// What the plan does not accept, a second m-line of a kind, and data channels are rejected.
    pub fn answer(
        config: &LegConfig,
        offer_sdp: &str,
        plan: &Plan,
        now: Instant,
    ) -> Result<(Self, String), Error> {
        let remote = Remote::parse(offer_sdp)?;
        check_peer(&remote)?;
        let setup = match remote.setup {
            Setup::ActPass | Setup::Active => Setup::Passive,
            Setup::Passive => Setup::Active,
        };
        let wanted: Vec<Option<Vec<NegotiatedFormat>>> = {
            let mut taken = [false; 2];
            let mut plans = [
                plan_for(plan, MediaKind::Audio),
                plan_for(plan, MediaKind::Video),
            ];
            remote
                .media
                .iter()
                .map(|line| {
                    let slot = line.kind? as usize;
                    let media = plans[slot].pop()?;
                    if line.rejected || !media.accepted || taken[slot] {
                        return None;
                    }
                    let formats = negotiate(line, &media.browser);
                    taken[slot] = !formats.is_empty();
                    (!formats.is_empty()).then_some(formats)
                })
                .collect()
        };
        let accepted = remote.media.iter().zip(&wanted);
        let lines: Vec<(MediaKind, &str, Direction, Vec<NegotiatedFormat>)> = accepted
            .filter_map(|(line, formats)| {
                let kind = line.kind?;
                let formats = formats.clone()?;
                Some((kind, line.mid.as_str(), mirrored(line.direction), formats))
            })
            .collect();
        if lines.is_empty() {
            return Err(bad("no m-line of it can be accepted"));
        }
        let extensions = extensions_of(&remote, lines.iter().any(|l| l.0 == MediaKind::Video));

        let mut leg = Self::build(config, lines, &extensions, now)?;
        leg.take_remote(&remote, setup)?;
        let text = leg.describe_answer(&remote, setup, &wanted, &extensions);
        leg.drain();
        leg.handle_timeout(now);
        Ok((leg, text))
    }

    fn describe_answer(
        &self,
        remote: &Remote,
        setup: Setup,
        wanted: &[Option<Vec<NegotiatedFormat>>],
        extensions: &[(u8, &'static str)],
    ) -> String {
        // RFC 8285 section 6: an answer has no extension that its m-line was not offered.
        let offered: Vec<Vec<(u8, &'static str)>> = remote
            .media
            .iter()
            .map(|theirs| {
                let known = |(id, uri): &&(u8, &'static str)| theirs.extension(uri) == Some(*id);
                extensions.iter().filter(known).copied().collect()
            })
            .collect();
        let local = remote
            .media
            .iter()
            .zip(wanted)
            .zip(&offered)
            .map(|((theirs, formats), extensions)| {
                let line = formats
                    .as_ref()
                    .and_then(|_| self.lines.iter().find(|l| Some(l.kind) == theirs.kind));
                match line {
                    Some(line) => {
                        self.local_line(line, &theirs.mid, extensions, theirs.reduced_size)
                    }
                    None => LocalLine::Rejected {
                        name: &theirs.name,
                        proto: &theirs.proto,
                        formats: &theirs.formats,
                        mid: &theirs.mid,
                    },
                }
            })
            .collect();
        let setup = match setup {
            Setup::Active => "active",
            _ => "passive",
        };
        self.describe(setup, local)
    }
}
