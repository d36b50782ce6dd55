//! Our answer to a later offer of the peer.

use super::{Agreement, join_told, live, route_in_use, same_family, wanted, without_peer};
use crate::answer::{accepted, needs_encryption};
use crate::description::{Description, LocalMedia, Media};
use crate::format::{Format, MediaKind};
use crate::pairing::{SipFormat, event_for, join_events, nothing_in_common};
use crate::plan::{MediaPlan, Plan, PlanError};
use crate::planner::routes::by_their_own_number;
use crate::words;

impl Agreement {
    /// Answers a later offer of the peer. [`Agreement::ours`] of the result is the answer.
    ///
    /// `held`: we hold the peer. What of the offer cannot be carried (new video, unknown media, T.38)
    /// is refused with port 0. Video that the peer drops stays on the browser leg, with pictures of
    /// our own. An offer like the peer's last description gets our last description, unless our hold
    /// has changed meanwhile. The content counts and not the peer's `o=` version, since some devices
    /// change the one and forget the other.
    ///
    /// The error means 488, and that the call stays as it was: the offer has no sound that can be
    /// carried, or no codec that what the browser sends can become. The browser cannot be told to send
    /// another one.
    pub fn answer(&self, theirs: &Description, held: bool) -> Result<Self, PlanError> {
        let mut carried: Vec<(usize, LocalMedia, usize)> = Vec::new();
        let mut media = Vec::new();
        let mut failure = None;
        for (index, (browser, current)) in self.lines().enumerate() {
            if !current.accepted {
                media.push(current.clone());
                continue;
            }
            match self.accept(theirs, held, browser, current) {
                Ok((place, local, line)) => {
                    carried.push((place, local, index));
                    media.push(line);
                }
                Err(error) if current.kind == MediaKind::Audio => return Err(error),
                Err(error) => {
                    media.push(without_peer(current, browser, error.detail()));
                    failure = Some(error);
                }
            }
        }
        if let Some(error) = failure.filter(|_| carried.is_empty()) {
            return Err(error);
        }
        let addr = carried.first().map(|(_, local, _)| local.rtp.ip());
        let addr = addr.unwrap_or(self.ours.origin.addr);
        let lines = theirs.media.iter().enumerate().map(|(place, line)| {
            let found = carried.iter().find(|(of, ..)| *of == place);
            found.map_or_else(
                || line.refusal(addr),
                |(_, local, index)| accepted(line, *local, &media[*index]),
            )
        });
        let ours = Description {
            addr: Some(addr),
            media: lines.collect(),
            ..self.ours.clone()
        };
        if theirs.media == self.theirs.media && self.still_answers(&ours) {
            return Ok(self.clone());
        }
        Ok(Self {
            theirs: theirs.clone(),
            plan: Plan { media },
            ..self.send(ours)
        })
    }

    /// Plans one line of the browser by the peer's offer: the place of the m-line that carries it, our
    /// port, and the plan.
    fn accept(
        &self,
        theirs: &Description,
        held: bool,
        browser: &Media,
        current: &MediaPlan,
    ) -> Result<(usize, LocalMedia, MediaPlan), PlanError> {
        let kind = current.kind;
        let local = self.local_of(kind)?;
        let place = self.place_in_offer(theirs, kind)?;
        let line = &theirs.media[place];
        same_family(line, kind, local)?;
        let direction = wanted(browser, kind, held).and(line.direction.reversed());
        let codecs = self.numbered(place, line);
        let told = &current.browser;
        let all = join_told(told, &codecs, direction.sends());
        let Some(used) = route_in_use(told, &all).cloned() else {
            return Err(nothing_in_common(told, &line.formats));
        };
        // Only one codec is answered, so that the peer does not have to choose.
        let chosen = SipFormat {
            format: used.sip.clone(),
            recv: used.sip_recv,
        };
        let mut routes = join_told(told, &[chosen], direction.sends());
        if let Some(event) = event_for(told, used.browser.clock_hz) {
            routes.extend(join_events(event, &codecs, &used).into_iter().take(1));
        }
        routes.append(&mut by_their_own_number(&routes));
        Ok((place, local, live(current, line, direction, routes)))
    }

    /// The m-line of an offer that carries a kind: the one in the place where it was (RFC 3264 §8), else
    /// the first that can be used.
    fn place_in_offer(&self, theirs: &Description, kind: MediaKind) -> Result<usize, PlanError> {
        let offered = |place: &usize| {
            let line = &theirs.media[*place];
            line.kind == Some(kind) && !line.rejected()
        };
        let usable = |place: &usize| offered(place) && theirs.media[*place].is_plain_rtp();
        let places = || 0..theirs.media.len();
        let before = self.place_of(kind);
        let found = before.filter(|before| places().contains(before) && usable(before));
        if let Some(place) = found.or_else(|| places().find(usable)) {
            return Ok(place);
        }
        Err(match places().find(offered) {
            Some(place) => needs_encryption(kind, &theirs.media[place].proto),
            None => PlanError::Unusable(format!(
                "The SIP side's new offer has no {kind}: it has {}.",
                words::media_list(theirs)
            )),
        })
    }

    /// The formats of an offered m-line that the settings allow, with our numbers for them.
    fn numbered(&self, place: usize, line: &Media) -> Vec<SipFormat> {
        let mut taken = line.formats.clone();
        let allowed = line
            .formats
            .iter()
            .filter(|format| self.codecs.rank(format).is_some());
        let numbered = |format: &Format| {
            let recv = self.numbers.for_answer(place, format, &taken);
            taken.push(Format {
                payload_type: recv,
                ..format.clone()
            });
            SipFormat {
                format: format.clone(),
                recv,
            }
        };
        allowed.map(numbered).collect()
    }

    /// Whether our last description is also an answer that says what `ours` says.
    fn still_answers(&self, ours: &Description) -> bool {
        let before = &self.ours.media;
        before.len() == ours.media.len()
            && before.iter().zip(&ours.media).all(|(before, now)| {
                before.rejected() == now.rejected()
                    && (now.rejected() || before.direction == now.direction)
            })
    }
}
