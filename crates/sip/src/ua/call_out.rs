//! INVITE, outgoing: from the wish to call to the first INVITE, and the limits of a call that nobody answers.

mod answers;
mod attempts;
mod causes;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::Ua;
use super::auth::{Auth, Credentials};
use super::call::{Call, Direction, Outgoing, Phase};
use super::events::Event;
use super::identity::name_of;
use super::invite_template::invite_template;
use super::look_up::Seeker;
use super::schedule::{Alarm, Owner};
use super::session_timer::Raised;
use super::types::{Invite, InviteId};
use crate::cause::{Cause, Side, Stage};
use crate::header::HeaderName;
use crate::resolve::Hop;
use crate::uri::Uri;

pub(crate) use causes::unreachable_server;

impl Ua {
    /// Calls somebody. Every outcome comes as an [`Event`].
    pub fn invite(&mut self, invite: Invite, now: Instant) -> InviteId {
        let remote_target = invite.callee.clone();
        self.invite_at(remote_target, invite, now)
    }

    /// The same in two steps, for callers that need the next hop before they can make an offer: [`Event::Located`] follows,
    /// and the INVITE goes out with [`Ua::offer`].
    pub fn prepare(&mut self, invite: Invite, now: Instant) -> InviteId {
        let remote_target = invite.callee.clone();
        self.begin_call(remote_target, invite, true, now)
    }

    /// The offer of a call that has been located.
    pub fn offer(&mut self, id: InviteId, sdp: Bytes, now: Instant) {
        let located = self
            .calls
            .get_mut(&id)
            .filter(|call| call.phase == Phase::Located);
        let Some(out) = located.and_then(Call::outgoing) else {
            return;
        };
        if !std::mem::take(&mut out.awaits_offer) {
            return;
        }
        out.template
            .headers
            .push(HeaderName::ContentType, "application/sdp");
        out.template.body = sdp;
        self.launch(id, now);
    }

    /// The same as [`Ua::invite`] for a registrar, which knows a contact of the callee: To names the callee, the
    /// Request-URI the contact.
    pub fn invite_at(&mut self, remote_target: Uri, invite: Invite, now: Instant) -> InviteId {
        self.begin_call(remote_target, invite, false, now)
    }

    fn begin_call(
        &mut self,
        remote_target: Uri,
        invite: Invite,
        awaits_offer: bool,
        now: Instant,
    ) -> InviteId {
        let id = InviteId(self.fresh_id());
        let call_id = self.random_hex(128);
        let local_tag = self.random_hex(64);
        let registered = self
            .registrations
            .values()
            .find(|r| r.is_of(&invite.account));
        let realms = registered.map(|r| r.realms.clone()).unwrap_or_default();
        let token = self.random_hex(128);
        let (template, problem) = invite_template(remote_target, &invite, &call_id, &local_tag);
        let target = invite.account.next_hop.clone();
        let call = Call {
            phase: Phase::LookingUp,
            call_id: call_id.clone(),
            local_tag: local_tag.clone(),
            token,
            peer: name_of(&invite.callee),
            credentials: Credentials {
                realms,
                ..Credentials::new(invite.account, Vec::new())
            },
            next_hop: Some(target.clone()),
            usages: BTreeMap::new(),
            main: None,
            farewell: None,
            side: Direction::Out(Box::new(Outgoing {
                template,
                cseq: 0,
                awaits_offer,
                raised: Raised::default(),
                hops: VecDeque::new(),
                fallback: None,
                deadline: None,
                attempts: BTreeMap::new(),
                current: None,
                auth: Auth::default(),
                trying_told: false,
                size_told: false,
                last_failure: None,
            })),
        };
        self.dialogs.insert((call_id, local_tag), id);
        self.calls.insert(id, call);
        match problem {
            Some(text) => {
                let cause = Cause::new(400, Stage::Input, Side::Browser, format!("{text}."));
                self.finish(id, Event::Refused { id, cause }, now);
            }
            None => self.look_up(&target, Seeker::Call(id), now),
        }
        id
    }

    /// The next hop's addresses are known, or why not.
    pub(crate) fn call_found(&mut self, id: InviteId, hops: Result<Vec<Hop>, Cause>, now: Instant) {
        let Some(call) = self
            .calls
            .get_mut(&id)
            .filter(|call| call.phase == Phase::LookingUp)
        else {
            return;
        };
        let mut hops = match hops {
            Ok(hops) => hops,
            Err(cause) => return self.finish(id, Event::Refused { id, cause }, now),
        };
        // The one the registration works with comes first.
        let account = &call.credentials.account;
        let registered = self.registrations.values().find(|r| r.is_of(account));
        if let Some(at) =
            registered.and_then(|r| hops.iter().position(|hop| r.hop.as_ref() == Some(hop)))
        {
            let working = hops.remove(at);
            hops.insert(0, working);
        }
        call.credentials.hops.clone_from(&hops);
        let first = hops.first().cloned();
        let Some(out) = call.outgoing() else { return };
        out.hops = hops.into();
        let awaits_offer = out.awaits_offer;
        call.phase = Phase::Located;
        match first {
            Some(hop) if awaits_offer => self.event(Event::Located { id, hop }),
            _ => self.launch(id, now),
        }
    }

    /// The first INVITE of a call.
    fn launch(&mut self, id: InviteId, now: Instant) {
        let deadline = now + self.config.timers.life();
        let Some(call) = self
            .calls
            .get_mut(&id)
            .filter(|call| call.phase == Phase::Located)
        else {
            return;
        };
        call.phase = Phase::Calling;
        if let Some(out) = call.outgoing() {
            out.deadline = Some(deadline);
        }
        self.schedule.set(
            Owner::Call(id),
            Alarm::NoProgress,
            now + self.config.trying_timeout,
        );
        self.next_attempt(id, now);
    }

    /// The call has rung for too long, or made no progress after 100.
    pub(crate) fn not_answered(&mut self, id: InviteId, alarm: Alarm, now: Instant) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let (peer, stage) = (call.peer.clone(), call.stage());
        let server = self.server_name(id);
        let text = if alarm == Alarm::NoProgress {
            let seconds = self.config.trying_timeout.as_secs_f32();
            format!(
                "The SIP server {server} took the call but nobody rang within {seconds} s (setting sip_trying_timeout)."
            )
        } else {
            format!(
                "{peer} did not answer within {} s.",
                self.config.no_answer_timeout.as_secs()
            )
        };
        let current = match &call.side {
            Direction::Out(out) => out.current,
            Direction::In(_) => None,
        };
        if let Some(transaction) = current {
            self.cancel_attempt(id, transaction, now);
        }
        let cause = Cause::new(408, stage, Side::Sip, text);
        self.finish(id, Event::Refused { id, cause }, now);
    }
}
