//! Our later offers.

use super::{Agreement, wanted};
use crate::description::{Description, Direction, Media};
use crate::format::Format;
use crate::offer::{events, for_sip, other_law};
use crate::pairing::{pair, suits_what_is_sent};
use crate::plan::MediaPlan;

/// How much an offer of ours has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The m-lines and formats in use.
    InUse,
    /// All that the browser was told.
    Everything,
}

impl Agreement {
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
        self.send(self.offered(held, false, Extent::Everything))
    }

    fn offered(&self, held: bool, both_hold: bool, extent: Extent) -> Description {
        let line = |(place, before): (usize, &Media)| {
            let carried = self.lines().find(|(_, plan)| {
                let wanted = plan.is_live() || (plan.accepted && extent == Extent::Everything);
                wanted && self.place_of(plan.kind) == Some(place)
            });
            let Some((browser, plan)) = carried else {
                return self.refused(before);
            };
            let formats = self.formats(place, before, plan, extent);
            let local = self.local_of(plan.kind);
            let (Ok(local), false) = (local, formats.is_empty()) else {
                return self.refused(before);
            };
            let direction = if both_hold {
                Direction::Inactive
            } else {
                wanted(browser, plan.kind, held)
            };
            if before.rejected() {
                return Media::ours(local, direction, formats);
            }
            Media {
                direction,
                formats,
                ..before.clone()
            }
        };
        Description {
            media: self.ours.media.iter().enumerate().map(line).collect(),
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

    /// The formats of an m-line of our offer.
    fn formats(
        &self,
        place: usize,
        before: &Media,
        plan: &MediaPlan,
        extent: Extent,
    ) -> Vec<Format> {
        let listed = before.formats.iter().filter(|_| !before.rejected());
        let (digits, mut codecs): (Vec<Format>, Vec<Format>) =
            listed.cloned().partition(Format::is_event);
        codecs.retain(|codec| can_become(plan, codec));
        // While the peer only sends, the codec in use may be one that the browser does not send.
        let everything = extent == Extent::Everything || codecs.is_empty();
        if everything {
            self.add_codecs(place, plan, &mut codecs);
        }
        if !codecs.is_empty() {
            let mut digits = self.digits(place, plan, digits, &codecs, everything);
            codecs.append(&mut digits);
        }
        codecs
    }

    /// Adds the codecs that the browser was told and the other law of G.711.
    fn add_codecs(&self, place: usize, plan: &MediaPlan, codecs: &mut Vec<Format>) {
        let mut more: Vec<Format> = plan.browser.iter().map(for_sip).collect();
        more.extend(other_law(&more));
        more.retain(|codec| can_become(plan, codec) && self.codecs.rank(codec).is_some());
        for codec in more {
            let same =
                |other: &Format| pair(&codec, other).is_some_and(|(_, distance)| distance == 0);
            if !codecs.iter().any(same) {
                let payload_type = self.numbers.for_offer(place, &codec, codecs);
                codecs.push(Format {
                    payload_type,
                    ..codec
                });
            }
        }
    }

    /// The digits that go with the codecs: those listed before, at the codecs' clocks if possible.
    /// None if the browser was told none.
    fn digits(
        &self,
        place: usize,
        plan: &MediaPlan,
        mut listed: Vec<Format>,
        codecs: &[Format],
        everything: bool,
    ) -> Vec<Format> {
        if !plan.browser.iter().any(Format::is_event) {
            return Vec::new();
        }
        let at_a_clock =
            |event: &Format| codecs.iter().any(|codec| codec.clock_hz == event.clock_hz);
        if listed.iter().any(at_a_clock) {
            listed.retain(at_a_clock);
        }
        if listed.is_empty() && everything {
            let mut taken = codecs.to_vec();
            for event in events(&plan.browser, codecs, &self.codecs) {
                let payload_type = self.numbers.for_offer(place, &event, &taken);
                let event = Format {
                    payload_type,
                    ..event
                };
                taken.push(event.clone());
                listed.push(event);
            }
        }
        listed
    }
}

/// Whether what the browser sends can become this codec. An offer has no others, since the peer may
/// answer any of them.
fn can_become(plan: &MediaPlan, codec: &Format) -> bool {
    let sent = plan.browser.iter().find(|format| format.is_codec());
    sent.is_some_and(|sent| suits_what_is_sent(sent, codec))
}
