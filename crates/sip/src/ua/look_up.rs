//! From a target to hops that may be used (RFC 3263): the shell looks names up, here they are judged.

use std::time::{Duration, Instant};

use super::Ua;
use super::schedule::{Alarm, Owner};
use super::types::{InviteId, MessageId, Output, RegistrationId, ResolveId};
use crate::cause::{Cause, Side, Stage};
use crate::resolve::{Hop, ResolveError, Target};

/// DNS that has not answered by then does not count.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most hops of one target that are tried.
const MAX_HOPS: usize = 4;

/// Who wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seeker {
    Registration(RegistrationId),
    Call(InviteId),
    /// One dialog of a call: its next request goes there.
    Dialog(InviteId, String),
    Message(MessageId),
}

#[derive(Clone, Debug)]
pub(crate) struct LookUp {
    target: Target,
    seeker: Seeker,
}

impl Ua {
    /// Finds the hops of a target; the answer may come at once.
    pub(crate) fn look_up(&mut self, target: &Target, seeker: Seeker, now: Instant) {
        if let Some(hop) = target.literal_hop() {
            return self.looked_up(target, &seeker, Ok(vec![hop]), now);
        }
        let id = ResolveId(self.fresh_id());
        self.look_ups.insert(
            id,
            LookUp {
                target: target.clone(),
                seeker,
            },
        );
        self.schedule
            .set(Owner::LookUp(id), Alarm::LookUp, now + PATIENCE);
        self.outputs.push_back(Output::Resolve {
            id,
            target: target.clone(),
        });
    }

    /// Nobody waits for these answers any more.
    pub(crate) fn forget_look_ups(&mut self, of: impl Fn(&Seeker) -> bool) {
        let gone: Vec<_> = self
            .look_ups
            .iter()
            .filter(|(_, l)| of(&l.seeker))
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            self.look_ups.remove(&id);
            self.schedule.clear_all(Owner::LookUp(id));
        }
    }

    pub(crate) fn resolved(
        &mut self,
        id: ResolveId,
        result: Result<Vec<Hop>, ResolveError>,
        now: Instant,
    ) {
        if let Some(LookUp { target, seeker }) = self.look_ups.remove(&id) {
            self.schedule.clear_all(Owner::LookUp(id));
            self.looked_up(&target, &seeker, result, now);
        }
    }

    pub(crate) fn look_up_expired(&mut self, id: ResolveId, now: Instant) {
        self.resolved(id, Err(ResolveError::Timeout), now);
    }

    fn looked_up(
        &mut self,
        target: &Target,
        seeker: &Seeker,
        result: Result<Vec<Hop>, ResolveError>,
        now: Instant,
    ) {
        let hops = self.usable(target, result);
        match seeker {
            Seeker::Registration(id) => self.registration_found(*id, hops, now),
            Seeker::Call(id) => self.call_found(*id, hops, now),
            Seeker::Dialog(id, remote_tag) => self.dialog_found(*id, remote_tag, hops.ok(), now),
            Seeker::Message(id) => self.message_found(*id, hops, now),
        }
    }

    /// The hops that exist, are allowed, and that we have an address for; else why there is none.
    fn usable(
        &self,
        target: &Target,
        result: Result<Vec<Hop>, ResolveError>,
    ) -> Result<Vec<Hop>, Cause> {
        let fail = |code, side, text| Cause::new(code, Stage::Resolve, side, text);
        let all = result
            .and_then(|hops| {
                if hops.is_empty() {
                    Err(ResolveError::NotFound)
                } else {
                    Ok(hops)
                }
            })
            .map_err(|error| {
                let text =
                    format!("The address of the SIP server {target} could not be found: {error}.");
                fail(503, Side::Gateway, text)
            })?;
        // The policy holds for addresses, after every look-up (t-A9).
        let allowed: Vec<Hop> = all
            .into_iter()
            .filter(|hop| self.config.targets.allows(hop.addr))
            .collect();
        let Some(first) = allowed.first().cloned() else {
            let text =
                format!("This gateway may not call the SIP server {target} (setting sip_targets).");
            return Err(fail(403, Side::Gateway, text));
        };
        let mut reachable: Vec<Hop> = Vec::new();
        for hop in allowed {
            if self.local_address(&hop).is_some()
                && !reachable.contains(&hop)
                && reachable.len() < MAX_HOPS
            {
                reachable.push(hop);
            }
        }
        if reachable.is_empty() {
            let family = if first.addr.is_ipv4() { "IPv4" } else { "IPv6" };
            let transport = first.transport;
            if self
                .config
                .contacts
                .iter()
                .all(|(own, _)| *own != transport)
            {
                let text = format!(
                    "This gateway does not speak SIP over {transport}, which the SIP server {target} needs."
                );
                return Err(fail(503, Side::Gateway, text));
            }
            let text = format!(
                "This gateway has no {family} address for SIP over {transport}, which the SIP server {target} needs \
                 (settings ip and sip_transport)."
            );
            return Err(fail(503, Side::Gateway, text));
        }
        Ok(reachable)
    }
}
