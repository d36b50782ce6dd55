//! Hold as the page asks for it: a wish, and the offers that carry it out one at a time.
//!
//! ```text
//!  Idle ─ the wish differs ─► Requested ─ OfferDue ─► Sent ─┬─ answered ──► in force
//!   ▲                              ▲                        ├─ postponed ─► Requested
//!   │                              │                        └─ refused ───► as before, and a sentence
//!   └─ the wish is in force ───────┴──── it differs again ─────────────────┘
//! ```
//! The last wish wins. Whatever becomes of it the page hears the state that the call is really in. An offer that refreshes
//! the session is such an offer, too: it carries the wish, which may be in force already.

use signaling::{CallStatus, Fail, HoldState, ServerMessage};
use sip::Cause;

use super::{Call, Effect, State};
use crate::cause;
use crate::ids::LegId;
use crate::media::MediaCommand;

/// The page's hold of a call. The peer's stands in the plan.
#[derive(Debug, Default)]
pub(super) struct Hold {
    /// Our side holds the call: it is in force on the SIP leg.
    pub(super) in_force: bool,
    /// What the page asked for last.
    wanted: bool,
    offer: OurOffer,
    /// The `hold` or `unhold` that has no answer yet.
    owed: Option<Wish>,
    /// Nothing of the browser's media reaches the SIP side.
    silenced: bool,
}

/// How far an offer of ours has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum OurOffer {
    #[default]
    None,
    /// The user agent says when it may go out.
    Requested,
    /// It asks to hold, or to resume, or says once more what is in force.
    Sent { hold: bool },
}

/// What an offer of ours that the peer took was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// To hold or to resume, as the page wants.
    Wish,
    /// To refresh the session: nothing that is ours has changed.
    Refresh,
}

/// What a page asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    /// `hold`; else `unhold`.
    pub(crate) hold: bool,
    /// The page means to transfer the call next (`holdForTransfer`).
    pub(crate) for_transfer: bool,
}

impl Wish {
    /// The page's message.
    fn method(self) -> &'static str {
        if self.hold { "hold" } else { "unhold" }
    }
}

impl Call {
    /// `hold` and `unhold`.
    pub(super) fn page_holds(&mut self, leg: LegId, wish: Wish, out: &mut Vec<Effect>) {
        if self.state != State::Established || self.live != Some(leg) {
            let text = "The call is not up on this page, so it can be neither held nor resumed.";
            return self.tell_state(leg, wish.method(), text, out);
        }
        let hold = &mut self.sip.negotiation.hold;
        hold.wanted = wish.hold;
        hold.owed = Some(wish);
        self.pursue_wish(out);
    }

    /// Takes the next step toward what the page wants, unless one is under way.
    fn pursue_wish(&mut self, out: &mut Vec<Effect>) {
        let hold = &mut self.sip.negotiation.hold;
        if hold.offer != OurOffer::None {
            return;
        }
        if hold.wanted == hold.in_force {
            let in_force = hold.in_force;
            self.silence(in_force, out);
            return self.tell_hold(out);
        }
        hold.offer = OurOffer::Requested;
        out.push(Effect::RequestOffer);
    }

    /// Our offer may go out now. `refresh`: one has to, even if it changes nothing.
    pub(super) fn offer_due(&mut self, refresh: bool, out: &mut Vec<Effect>) {
        let negotiation = &mut self.sip.negotiation;
        let hold = &mut negotiation.hold;
        hold.offer = OurOffer::None;
        let (wanted, in_force) = (hold.wanted, hold.in_force);
        let (Some(stream), Some(current)) = (negotiation.selected, negotiation.current()) else {
            return;
        };
        if wanted == in_force && !refresh {
            return self.pursue_wish(out);
        }
        let offer = current.offer(wanted);
        out.push(Effect::Reoffer(offer.ours().to_string().into()));
        negotiation.agree(stream, offer);
        negotiation.hold.offer = OurOffer::Sent { hold: wanted };
        if wanted {
            // A page that has pressed Hold is not heard, whatever the peer answers.
            self.silence(true, out);
        }
    }

    /// The peer cannot take our offer now, and one of the peer's may come first. Ours becomes due again.
    pub(super) fn offer_postponed(&mut self) {
        let hold = &mut self.sip.negotiation.hold;
        if let OurOffer::Sent { .. } = hold.offer {
            hold.offer = OurOffer::Requested;
        }
    }

    /// The peer took an offer of ours. `None`: it was the one in our 200, which changes nothing of ours.
    pub(super) fn offer_taken(&mut self) -> Option<Taken> {
        let hold = &mut self.sip.negotiation.hold;
        let OurOffer::Sent { hold: held } = hold.offer else {
            return None;
        };
        hold.offer = OurOffer::None;
        let changed = std::mem::replace(&mut hold.in_force, held) != held;
        Some(if changed { Taken::Wish } else { Taken::Refresh })
    }

    /// The peer did not take our offer: the call goes on as it was.
    pub(super) fn offer_refused(&mut self, cause: &Cause, out: &mut Vec<Effect>) {
        let Some(leg) = self.live else { return };
        let hold = &mut self.sip.negotiation.hold;
        let OurOffer::Sent { hold: refused } = hold.offer else {
            return;
        };
        hold.offer = OurOffer::None;
        // A refused refresh leaves everything as it is.
        if refused != hold.in_force {
            if hold.wanted == refused {
                hold.wanted = hold.in_force;
            }
            let wish = Wish {
                hold: refused,
                for_transfer: false,
            };
            self.warn(leg, wish.method(), cause, out);
        }
        self.pursue_wish(out);
    }

    /// The result of our own offer is in force. What the page has asked for meanwhile comes next.
    pub(super) fn wish_settled(&mut self, out: &mut Vec<Effect>) {
        let in_force = self.sip.negotiation.hold.in_force;
        self.silence(in_force, out);
        self.tell_hold(out);
        if self.sip.negotiation.hold.wanted != in_force {
            self.pursue_wish(out);
        }
    }

    /// While it is silenced, nothing of the browser's media reaches the SIP side.
    fn silence(&mut self, held: bool, out: &mut Vec<Effect>) {
        let silenced = &mut self.sip.negotiation.hold.silenced;
        if std::mem::replace(silenced, held) != held {
            let call = self.id;
            out.push(Effect::Media(MediaCommand::SetHold { call, held }));
        }
    }

    /// Whether the page holds the call, and whether the SIP side does.
    pub(super) fn holders(&self) -> (bool, bool) {
        let negotiation = &self.sip.negotiation;
        let current = negotiation.current();
        let remote = current.is_some_and(|now| now.plan().held_by_peer());
        (negotiation.hold.in_force, remote)
    }

    /// Tells the live page who holds the call: when that changes, and whenever an answer is owed.
    pub(super) fn tell_hold(&mut self, out: &mut Vec<Effect>) {
        let (State::Established, Some(leg)) = (self.state, self.live) else {
            return;
        };
        let (local, remote) = self.holders();
        let hold = &mut self.sip.negotiation.hold;
        // A change of the peer is no answer to what the page wants and what is still on its way.
        let settled = hold.offer == OurOffer::None && hold.wanted == hold.in_force;
        let owed = hold.owed.take_if(|_| settled);
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if std::mem::replace(&mut entry.told_holders, (local, remote)) != (local, remote) {
            let state = HoldState {
                call_id: entry.wire_id.clone(),
                local,
                remote,
            };
            out.push(Effect::Page {
                session: entry.session,
                message: ServerMessage::HoldState(state),
            });
        }
        let status = if local || remote {
            CallStatus::Hold
        } else {
            CallStatus::Established
        };
        if owed.is_none() && entry.told == Some(status) {
            return;
        }
        entry.told = Some(status);
        let session = entry.session;
        let Some(entry) = self.legs.get(&leg) else {
            return;
        };
        let mut info = self.info(entry, status);
        let message = match status {
            CallStatus::Hold => {
                info.hold_for_transfer = owed.filter(|wish| wish.for_transfer).map(|_| true);
                ServerMessage::Hold(info)
            }
            _ => ServerMessage::Talk(info),
        };
        out.push(Effect::Page { session, message });
    }

    /// A page asks for what cannot be done now: a sentence, and the true state, which frees its button
    /// (R11).
    fn tell_state(&mut self, leg: LegId, method: &str, text: &str, out: &mut Vec<Effect>) {
        self.warn(leg, method, &cause::input(text), out);
        let Some(leg) = self.legs.get(&leg) else {
            return;
        };
        let Some(told) = leg.told else { return };
        let mut info = self.info(leg, told);
        info.info = Some(text.to_owned());
        let message = match told {
            CallStatus::Established => ServerMessage::Talk(info),
            CallStatus::Trying => ServerMessage::NotifyTryingResponse(info),
            _ => ServerMessage::Ring(info),
        };
        out.push(Effect::Page {
            session: leg.session,
            message,
        });
    }

    /// `fail`: the page sees a warning about its message; the call goes on.
    pub(super) fn warn(&self, leg: LegId, method: &str, cause: &Cause, out: &mut Vec<Effect>) {
        let Some(leg) = self.legs.get(&leg) else {
            return;
        };
        let mut fail = Fail::new(method, &cause.text);
        fail.id = Some(leg.wire_id.clone());
        fail.sip_status = cause.sip_code;
        fail.cause = Some(cause::to_wire(cause));
        out.push(Effect::Page {
            session: leg.session,
            message: ServerMessage::Fail(fail),
        });
    }
}
