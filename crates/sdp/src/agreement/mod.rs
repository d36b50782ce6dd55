//! Later offers: how a call that has been set up changes (RFC 3264 §8).

mod answer;
mod answered;
mod offer;

use crate::description::{Description, Direction, LocalMedia, Media, PTIME_MS};
use crate::format::{Format, MediaKind};
use crate::numbers::NumberHistory;
use crate::pairing::{SipFormat, join};
use crate::plan::{MediaPlan, Plan, PlanError, RemoteMedia, Route};
use crate::planner::routes::single_units;
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
    numbers: NumberHistory,
}

impl Agreement {
    /// The agreement that the first offer and its answer made.
    ///
    /// `browser` is the page's own description, offer or answer. `ours` is what we sent, `theirs` what
    /// the peer sent, whichever of the two was the offer. The `browser` formats of `plan` must be
    /// those that the browser was told. Several answers may come to one INVITE, in 18x and 2xx and from
    /// several phones: the first makes the agreement, and [`Agreement::answered`] takes each other.
    pub fn new(
        browser: Description,
        local: Vec<LocalMedia>,
        codecs: CodecSettings,
        ours: Description,
        theirs: Description,
        plan: Plan,
    ) -> Self {
        let mut numbers = NumberHistory::default();
        numbers.remember(&ours);
        Self {
            browser,
            local,
            codecs,
            ours,
            theirs,
            plan,
            numbers,
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

    /// The audio and video m-lines of the browser, each with its plan.
    fn lines(&self) -> impl Iterator<Item = (&Media, &MediaPlan)> {
        let browser = self.browser.media.iter();
        browser
            .filter(|line| line.kind.is_some())
            .zip(&self.plan.media)
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

    /// This agreement after a description of ours is sent.
    fn send(&self, ours: Description) -> Self {
        let mut next = self.clone();
        let same = ours.addr == self.ours.addr && ours.media == self.ours.media;
        if !same {
            next.ours = ours;
            next.ours.origin.version = self.ours.origin.version.saturating_add(1);
            next.numbers.remember(&next.ours);
        }
        next
    }
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
fn route_in_use<'a>(told: &[Format], routes: &'a [Route]) -> Option<&'a Route> {
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
