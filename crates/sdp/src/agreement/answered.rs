//! The peer's answer to a later offer of ours.

use super::{Agreement, join_told, live, route_in_use, same_family, without_peer};
use crate::description::Description;
use crate::format::MediaKind;
use crate::pairing::{SipFormat, event_for, join_events, nothing_in_common};
use crate::plan::{MediaPlan, Plan, PlanError};
use crate::planner::routes::{agreed, answered_as, answering, by_their_own_number};

impl Agreement {
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
        answered_as(kind, line)?;
        same_family(line, kind, self.local_of(kind)?)?;
        let direction = ours.direction.and(line.direction.reversed());
        let sip: Vec<SipFormat> = line
            .formats
            .iter()
            .filter_map(|format| agreed(format, &ours.formats))
            .collect();
        let told = &current.browser;
        let mut routes = join_told(told, &sip, direction.sends());
        let Some(used) = route_in_use(told, &routes).cloned() else {
            return Err(nothing_in_common(told, &line.formats));
        };
        if let Some(event) = event_for(told, used.browser.clock_hz) {
            routes.append(&mut join_events(event, &sip, &used));
        }
        routes.append(&mut by_their_own_number(&routes));
        Ok(live(current, line, direction, routes))
    }
}
