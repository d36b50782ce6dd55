//! Later offers: how a call that has been set up changes (RFC 3264 §8).

use crate::answer::{accepted, needs_encryption};
use crate::description::{Description, Direction, LocalMedia, Media, PTIME_MS};
use crate::format::{Format, MediaKind};
use crate::numbers::Used;
use crate::offer::{events, for_sip, other_law};
use crate::pairing::{
    SipFormat, event_for, join, join_events, nothing_in_common, pair, suits_what_is_sent,
};
use crate::plan::{MediaPlan, Plan, PlanError, RemoteMedia, Route};
use crate::planner::routes::{agreed, answering, by_their_own_number, single_units};
use crate::planner::sees;
use crate::settings::CodecSettings;
use crate::words;

/// What the two sides of a call have agreed on, and the descriptions that each sent last.
///
/// An agreement is a value. Each later offer and answer makes a new one out of it, which the caller
/// keeps or throws away. The browser leg is never renegotiated, so the formats that the browser was
/// told stay the same for life ([`MediaPlan::browser`]).
///
/// What holds of our descriptions (RFC 3264 §8): m-lines keep their place, a payload type keeps its
/// meaning, the `o=` id stays, and the `o=` version grows by one exactly when the description differs
/// from the one that we sent before. An offer that the peer refuses counts as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    browser: Description,
    local: Vec<LocalMedia>,
    codecs: CodecSettings,
    ours: Description,
    theirs: Description,
    plan: Plan,
    used: Used,
}

impl Agreement {
    /// The agreement that the first offer and its answer made.
    ///
    /// `browser` is the page's own description, offer or answer. `ours` is what we sent, `theirs` what
    /// the peer sent, whichever of the two was the offer. The `browser` formats of `plan` must be
    /// those that the browser was told: with several answers to one INVITE, those of the first.
    pub fn new(
        browser: Description,
        local: Vec<LocalMedia>,
        codecs: CodecSettings,
        ours: Description,
        theirs: Description,
        plan: Plan,
    ) -> Self {
        let mut used = Used::default();
        used.remember(&ours);
        Self {
            browser,
            local,
            codecs,
            ours,
            theirs,
            plan,
            used,
        }
    }

    /// The plan in force.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The description that we sent last, or are to send now.
    pub fn ours(&self) -> &Description {
        &self.ours
    }

    /// The description that the peer sent last.
    pub fn theirs(&self) -> &Description {
        &self.theirs
    }

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

    /// Our next offer, for hold, resume, or a refresh. [`Agreement::ours`] of the result is the offer.
    ///
    /// `held`: we want to hold the peer, by `sendonly`, or by `inactive` while it holds us
    /// (RFC 3264 §8.4). Otherwise we offer what we want, whatever the peer's own hold is
    /// (RFC 6337 §5.1). The offer has the m-lines in use, with those of their formats that what the
    /// browser sends can become.
    ///
    /// The plan stays in force until [`Agreement::answered`]. If the peer refuses the offer the result
    /// is kept nevertheless: it knows what we sent.
    pub fn offer(&self, held: bool) -> Self {
        let both_hold = held && self.plan.held_by_peer();
        self.send(self.offered(held, both_hold, Extent::InUse))
    }

    /// Our offer in the 2xx to a re-INVITE without SDP. [`Agreement::ours`] of the result is the offer.
    ///
    /// It says what we want regardless of the peer's hold, which may be about to end (RFC 6337 §5.1),
    /// and all that we can: also video that the peer dropped and the browser still has, and the
    /// codecs that were not in our last description (RFC 3261 §14.2).
    pub fn late_offer(&self, held: bool) -> Self {
        self.send(self.offered(held, false, Extent::AllThatWeCan))
    }

    /// Takes the peer's answer to our last offer.
    ///
    /// The error means that the peer has accepted what we cannot carry, so that the call cannot go on
    /// by this answer.
    pub fn answered(&self, theirs: &Description) -> Result<Self, PlanError> {
        let mut media = Vec::new();
        let mut failure = None;
        for (browser, current) in self.lines() {
            if !current.accepted {
                media.push(current.clone());
                continue;
            }
            match self.take_answer(theirs, current) {
                Ok(line) => media.push(line),
                Err(error) if current.kind == MediaKind::Audio => return Err(error),
                Err(error) => {
                    media.push(without_peer(current, browser, error.detail()));
                    failure = Some(error);
                }
            }
        }
        if let Some(error) = failure.filter(|_| !media.iter().any(MediaPlan::is_live)) {
            return Err(error);
        }
        Ok(Self {
            theirs: theirs.clone(),
            plan: Plan { media },
            ..self.clone()
        })
    }

    /// The audio and video m-lines of the browser, each with its plan.
    fn lines(&self) -> impl Iterator<Item = (&Media, &MediaPlan)> {
        let browser = self.browser.media.iter();
        browser
            .filter(|line| line.kind.is_some())
            .zip(&self.plan.media)
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
        let Some(used) = used(told, &all).cloned() else {
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

    /// Plans one line of the browser by the peer's answer to our offer.
    fn take_answer(
        &self,
        theirs: &Description,
        current: &MediaPlan,
    ) -> Result<MediaPlan, PlanError> {
        let kind = current.kind;
        let refused = || PlanError::Unusable(format!("The SIP side refused {kind}."));
        let place = self.place_of(kind).ok_or_else(refused)?;
        let ours = &self.ours.media[place];
        let line = answering(theirs, kind, place)
            .filter(|line| !line.rejected() && !ours.rejected())
            .ok_or_else(refused)?;
        if !line.is_plain_rtp() {
            return Err(needs_encryption(kind, &line.proto));
        }
        same_family(line, kind, self.local_of(kind)?)?;
        let direction = ours.direction.and(line.direction.reversed());
        let sip: Vec<SipFormat> = line
            .formats
            .iter()
            .filter_map(|format| agreed(format, &ours.formats))
            .collect();
        let told = &current.browser;
        let mut routes = join_told(told, &sip, direction.sends());
        let Some(used) = used(told, &routes).cloned() else {
            return Err(nothing_in_common(told, &line.formats));
        };
        if let Some(event) = event_for(told, used.browser.clock_hz) {
            routes.append(&mut join_events(event, &sip, &used));
        }
        routes.append(&mut by_their_own_number(&routes));
        Ok(live(current, line, direction, routes))
    }

    fn local_of(&self, kind: MediaKind) -> Result<LocalMedia, PlanError> {
        let found = self.local.iter().find(|local| local.kind == kind);
        let none = || PlanError::Unusable(format!("This call has no port for {kind}."));
        found.copied().ok_or_else(none)
    }

    /// The place of an m-line of ours: of the one in use, else of a refused one.
    fn place_of(&self, kind: MediaKind) -> Option<usize> {
        let of_kind = |line: &Media| line.kind == Some(kind);
        let lines = &self.ours.media;
        lines
            .iter()
            .position(|line| of_kind(line) && !line.rejected())
            .or_else(|| lines.iter().position(of_kind))
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
            let recv = self.used.for_answer(place, format, &taken);
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

    fn offered(&self, held: bool, both_hold: bool, extent: Extent) -> Description {
        let mut media: Vec<Media> = Vec::new();
        for (place, before) in self.ours.media.iter().enumerate() {
            let line = self.lines().find(|(_, plan)| {
                let wanted = plan.is_live() || (plan.accepted && extent == Extent::AllThatWeCan);
                wanted && self.place_of(plan.kind) == Some(place)
            });
            let local = line.and_then(|(_, plan)| self.local_of(plan.kind).ok());
            let (Some((browser, plan)), Some(local)) = (line, local) else {
                media.push(self.refused(before));
                continue;
            };
            let formats = self.formats(place, before, plan, extent);
            if formats.is_empty() {
                media.push(self.refused(before));
                continue;
            }
            let direction = if both_hold {
                Direction::Inactive
            } else {
                wanted(browser, plan.kind, held)
            };
            media.push(if before.rejected() {
                Media::ours(local, direction, formats)
            } else {
                Media {
                    direction,
                    formats,
                    ..before.clone()
                }
            });
        }
        Description {
            media,
            ..self.ours.clone()
        }
    }

    fn refused(&self, before: &Media) -> Media {
        if before.rejected() {
            before.clone()
        } else {
            before.refusal(self.ours.addr.unwrap_or(self.ours.origin.addr))
        }
    }

    /// The formats of an m-line of our offer. What the browser sends must be able to become each codec,
    /// whichever the peer answers.
    fn formats(
        &self,
        place: usize,
        before: &Media,
        plan: &MediaPlan,
        extent: Extent,
    ) -> Vec<Format> {
        let sent = plan.browser.iter().find(|format| format.is_codec());
        let suits = |codec: &Format| sent.is_some_and(|sent| suits_what_is_sent(sent, codec));
        let listed = before.formats.iter().filter(|_| !before.rejected());
        let (mut events_before, mut codecs): (Vec<Format>, Vec<Format>) =
            listed.cloned().partition(Format::is_event);
        codecs.retain(|codec| suits(codec));
        events_before.retain(|_| plan.browser.iter().any(Format::is_event));
        // While the peer only sends, the codec in use may be one that the browser does not send.
        let all = extent == Extent::AllThatWeCan || codecs.is_empty();
        if all {
            let told = plan.browser.iter().map(for_sip);
            let mut more: Vec<Format> = told
                .filter(|codec| suits(codec) && self.codecs.rank(codec).is_some())
                .collect();
            let law = other_law(&more).filter(|codec| self.codecs.rank(codec).is_some());
            more.extend(law);
            for codec in more {
                let same =
                    |other: &Format| pair(&codec, other).is_some_and(|(_, distance)| distance == 0);
                if !codecs.iter().any(same) {
                    let payload_type = self.used.for_offer(place, &codec, &codecs);
                    codecs.push(Format {
                        payload_type,
                        ..codec
                    });
                }
            }
        }
        if codecs.is_empty() {
            return codecs;
        }
        let at_a_clock = |event: &Format| codecs.iter().any(|c| c.clock_hz == event.clock_hz);
        if events_before.iter().any(at_a_clock) {
            events_before.retain(at_a_clock);
        }
        if all && events_before.is_empty() {
            for event in events(&plan.browser, &codecs, &self.codecs) {
                let listed: Vec<Format> = codecs.iter().chain(&events_before).cloned().collect();
                let payload_type = self.used.for_offer(place, &event, &listed);
                events_before.push(Format {
                    payload_type,
                    ..event
                });
            }
        }
        codecs.append(&mut events_before);
        codecs
    }

    /// This agreement after a description of ours is sent.
    fn send(&self, ours: Description) -> Self {
        let mut next = self.clone();
        let same = ours.addr == self.ours.addr && ours.media == self.ours.media;
        if !same {
            next.ours = ours;
            next.ours.origin.version = self.ours.origin.version.saturating_add(1);
            next.used.remember(&next.ours);
        }
        next
    }
}

/// How much an offer of ours has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The m-lines and formats in use.
    InUse,
    /// All that the browser has been told.
    AllThatWeCan,
}

/// The direction that we want of the SIP leg. Audio is wanted both ways whatever the browser has: a
/// browser without a microphone is silent (A12).
fn wanted(browser: &Media, kind: MediaKind, held: bool) -> Direction {
    let wanted = match kind {
        MediaKind::Audio => Direction::SendRecv,
        MediaKind::Video => browser.direction,
    };
    if held {
        wanted.and(Direction::SendOnly)
    } else {
        wanted
    }
}

/// Joins the codecs that the browser was told with those of the SIP side. Nothing is joined if the
/// codec that the browser sends, the first, must have a route and has none.
fn join_told(told: &[Format], sip: &[SipFormat], must_send: bool) -> Vec<Route> {
    let Some(sent) = told.iter().position(Format::is_codec) else {
        return Vec::new();
    };
    let mut routes = join(&told[sent..=sent], sip);
    routes.append(&mut join(&told[sent + 1..], sip));
    routes.append(&mut single_units(told, &routes));
    if must_send && route_of(&told[sent], &routes).is_none() {
        routes.clear();
    }
    routes
}

/// The route of what the browser sends, else the first.
fn used<'a>(told: &[Format], routes: &'a [Route]) -> Option<&'a Route> {
    let sent = told.iter().find(|format| format.is_codec());
    sent.and_then(|sent| route_of(sent, routes))
        .or(routes.first())
}

fn route_of<'a>(browser: &Format, routes: &'a [Route]) -> Option<&'a Route> {
    routes
        .iter()
        .find(|route| route.browser.payload_type == browser.payload_type)
}

/// The plan of a line for which the SIP side has media.
fn live(
    current: &MediaPlan,
    theirs: &Media,
    direction: Direction,
    routes: Vec<Route>,
) -> MediaPlan {
    let mut plan = MediaPlan {
        routes,
        remote: RemoteMedia::of(theirs),
        sip_direction: direction,
        ptime_ms: theirs.ptime_ms.unwrap_or(PTIME_MS),
        ..current.clone()
    };
    if let Some(codec) = plan.codec() {
        plan.reason = words::chosen(codec, plan.digits());
    }
    plan
}

/// The plan of a line that the browser was told and for which the SIP side has no media.
fn without_peer(current: &MediaPlan, browser: &Media, why: String) -> MediaPlan {
    MediaPlan {
        accepted: true,
        browser: current.browser.clone(),
        stand_in: current.stand_in || sees(current.kind, browser),
        ..MediaPlan::refused(current.kind, why)
    }
}

/// Media of a call stays in one address family, that of our port.
fn same_family(theirs: &Media, kind: MediaKind, local: LocalMedia) -> Result<(), PlanError> {
    let family = |v4: bool| if v4 { "IPv4" } else { "IPv6" };
    match theirs.addr {
        Some(addr) if addr.is_ipv4() != local.rtp.is_ipv4() => Err(PlanError::Unusable(format!(
            "The SIP side wants {kind} at an {} address, but the media of this call goes over {}.",
            family(addr.is_ipv4()),
            family(local.rtp.is_ipv4()),
        ))),
        _ => Ok(()),
    }
}
