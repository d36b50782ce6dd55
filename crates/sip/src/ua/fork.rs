//! The dialogs of a call that have a final answer, and the way of our requests inside them: ACK of a 2xx and BYE
//! (RFC 3261 sections 12.2.1.1, 13.2.2.4, 15.1.1).
//!
//! An INVITE may fork and bring several 2xx. The first is the call; every other one is ACKed and left by BYE.

use std::time::Instant;

use bytes::Bytes;

use super::Ua;
use super::auth::{Auth, When};
use super::call::Phase;
use super::client_transactions::User;
use super::look_up::Seeker;
use super::schedule::TransactionId;
use super::types::{Event, InviteId};
use crate::cause::{Cause, Side, Stage};
use crate::dialog::Dialog;
use crate::header::{HeaderName, Reason};
use crate::message::{Method, Request, Response};
use crate::resolve::{Hop, Target, Transport};
use crate::uri::{Host, Scheme, Uri};

/// One dialog with what was sent in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fork {
    pub(crate) dialog: Dialog,
    /// Where the INVITE went or came from: the way when the route set names none that may be used.
    via: Hop,
    path: Path,
    ack: Ack,
    bye: Bye,
    auth: Auth,
}

/// The hop of its requests: looked up once, then kept for the life of the dialog.
#[derive(Clone, Debug, PartialEq)]
enum Path {
    Unknown,
    LookingUp,
    Known(Hop),
}

/// The ACK of the 2xx that made it.
#[derive(Clone, Debug, PartialEq)]
enum Ack {
    /// We are the callee.
    NotOurs,
    /// Waits for the path.
    Waiting(Request),
    Sent(Hop, Bytes),
}

/// Our BYE.
#[derive(Clone, Debug, PartialEq)]
enum Bye {
    None,
    /// Waits for the path. With its Reason header.
    Waiting(Option<Reason>),
    InFlight(TransactionId),
    Done,
}

impl Fork {
    /// A dialog we were invited to.
    pub(crate) fn of_callee(dialog: Dialog, via: Hop) -> Self {
        Self {
            dialog,
            via,
            path: Path::Unknown,
            ack: Ack::NotOurs,
            bye: Bye::None,
            auth: Auth::default(),
        }
    }

    /// Nothing of it is under way.
    pub(crate) fn finished(&self) -> bool {
        !matches!(self.ack, Ack::Waiting(_))
            && !matches!(self.bye, Bye::Waiting(_) | Bye::InFlight(_))
    }

    /// No BYE of ours is or was under way.
    pub(crate) fn staying(&self) -> bool {
        self.bye == Bye::None
    }
}

impl Ua {
    /// A 2xx made a dialog: remembers it and ACKs. Returns its tag.
    pub(crate) fn open_fork(
        &mut self,
        id: InviteId,
        invite: &Request,
        response: &Response,
        via: &Hop,
        now: Instant,
    ) -> String {
        let dialog = Dialog::of_caller(invite, response);
        let remote_tag = dialog.remote_tag.clone();
        // 13.2.2.4: "The UAC core MUST generate an ACK request for each 2xx received from the transaction layer. ...
        // The sequence number of the CSeq header field MUST be the same as the INVITE being acknowledged ... The ACK MUST
        // contain the same credentials as the INVITE."
        let mut ack = dialog.ack(invite.headers.cseq().map_or(0, |cseq| cseq.number));
        ack.headers
            .copy(&HeaderName::Authorization, &invite.headers);
        ack.headers
            .copy(&HeaderName::ProxyAuthorization, &invite.headers);
        // A 2xx that names no way back still gets its ACK: where the INVITE went.
        let lost = dialog.route_set.is_empty() && !response.headers.has(&HeaderName::Contact);
        let path = if lost {
            Path::Known(via.clone())
        } else {
            Path::Unknown
        };
        let fork = Fork {
            dialog,
            via: via.clone(),
            path,
            ack: Ack::Waiting(ack),
            bye: Bye::None,
            auth: Auth::default(),
        };
        if let Some(call) = self.calls.get_mut(&id) {
            call.forks.insert(remote_tag.clone(), fork);
        }
        self.advance_fork(id, &remote_tag, now);
        remote_tag
    }

    /// The 2xx came again: 13.2.2.4: "Once the ACK has been constructed ... the ACK MUST be passed to the client transport
    /// every time a retransmission of the 2xx final response that triggered the ACK arrives".
    pub(crate) fn ack_again(&mut self, id: InviteId, remote_tag: &str) {
        let fork = self
            .calls
            .get(&id)
            .and_then(|call| call.forks.get(remote_tag));
        if let Some(Fork {
            ack: Ack::Sent(hop, bytes),
            ..
        }) = fork
        {
            let (hop, bytes) = (hop.clone(), bytes.clone());
            self.transmit(&hop, bytes);
        }
    }

    /// Leaves a dialog: BYE, once.
    pub(crate) fn say_bye(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        reason: Option<Reason>,
        now: Instant,
    ) {
        let fork = self
            .calls
            .get_mut(&id)
            .and_then(|call| call.forks.get_mut(remote_tag));
        if let Some(fork) = fork.filter(|fork| fork.staying()) {
            fork.bye = Bye::Waiting(reason);
            self.advance_fork(id, remote_tag, now);
        }
    }

    /// They have left the dialog: nothing of ours is to be said in it.
    pub(crate) fn bye_received(&mut self, id: InviteId, remote_tag: &str) {
        let fork = self
            .calls
            .get_mut(&id)
            .and_then(|call| call.forks.get_mut(remote_tag));
        if let Some(fork) = fork.filter(|fork| fork.staying()) {
            fork.bye = Bye::Done;
        }
    }

    /// The look-up of a dialog's next hop is done; without a usable one requests go where the INVITE went.
    pub(crate) fn dialog_found(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        hops: Option<Vec<Hop>>,
        now: Instant,
    ) {
        let Some(fork) = self
            .calls
            .get_mut(&id)
            .and_then(|call| call.forks.get_mut(remote_tag))
        else {
            return;
        };
        let hop = hops
            .and_then(|hops| hops.into_iter().next())
            .unwrap_or_else(|| fork.via.clone());
        fork.path = Path::Known(hop);
        self.advance_fork(id, remote_tag, now);
    }

    /// Does what waits, if the way is known; else finds the way.
    fn advance_fork(&mut self, id: InviteId, remote_tag: &str, now: Instant) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let Some(fork) = call.forks.get(remote_tag) else {
            return;
        };
        match &fork.path {
            Path::LookingUp => {}
            Path::Known(hop) => {
                let hop = hop.clone();
                self.send_waiting(id, remote_tag, &hop, now);
            }
            Path::Unknown => {
                let way = self.way(&fork.dialog, &fork.via, call.next_hop.as_ref());
                let Some(fork) = self
                    .calls
                    .get_mut(&id)
                    .and_then(|call| call.forks.get_mut(remote_tag))
                else {
                    return;
                };
                match way {
                    Ok(hop) => {
                        fork.path = Path::Known(hop.clone());
                        self.send_waiting(id, remote_tag, &hop, now);
                    }
                    Err(target) => {
                        fork.path = Path::LookingUp;
                        self.look_up(&target, Seeker::Dialog(id, remote_tag.to_owned()), now);
                    }
                }
            }
        }
    }

    fn send_waiting(&mut self, id: InviteId, remote_tag: &str, hop: &Hop, now: Instant) {
        let Some(via) = self.via(hop) else { return };
        let agent = self.config.user_agent.clone();
        let Some(fork) = self
            .calls
            .get_mut(&id)
            .and_then(|call| call.forks.get_mut(remote_tag))
        else {
            return;
        };
        if let Ack::Waiting(ack) = &fork.ack {
            let mut ack = ack.clone();
            if *hop != fork.via {
                // Credentials are for the next hop they were given for, nobody else (trust: A4).
                ack.headers.remove(&HeaderName::Authorization);
                ack.headers.remove(&HeaderName::ProxyAuthorization);
            }
            ack.headers.insert_first(HeaderName::Via, via.to_string());
            ack.headers.push(HeaderName::UserAgent, agent);
            let bytes = ack.to_bytes();
            fork.ack = Ack::Sent(hop.clone(), bytes.clone());
            self.transmit(hop, bytes);
        }
        self.send_bye(id, remote_tag, hop, now);
    }

    fn send_bye(&mut self, id: InviteId, remote_tag: &str, hop: &Hop, now: Instant) {
        let patience = self.config.timers.life();
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Some(fork) = call.forks.get_mut(remote_tag) else {
            return;
        };
        let Bye::Waiting(reason) = &fork.bye else {
            return;
        };
        let mut bye = fork.dialog.request(Method::Bye);
        if let Some(reason) = reason {
            bye.headers.push(HeaderName::Reason, reason);
        }
        call.credentials
            .authorize(&fork.auth, &mut bye, hop, &mut self.rng);
        let started = self.start_client(bye, hop, User::Bye(id), patience, now);
        if let Some(fork) = self
            .calls
            .get_mut(&id)
            .and_then(|call| call.forks.get_mut(remote_tag))
        {
            fork.bye = started.map_or(Bye::Done, Bye::InFlight);
        }
        if started.is_none() {
            self.left(id, remote_tag);
        }
    }

    /// A BYE of ours is answered, or will not be (`None`).
    pub(crate) fn bye_answered(
        &mut self,
        id: InviteId,
        transaction: TransactionId,
        response: Option<&Response>,
        now: Instant,
    ) {
        if response.is_some_and(|response| response.status < 200) {
            return;
        }
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let found = call
            .forks
            .iter_mut()
            .find(|(_, fork)| fork.bye == Bye::InFlight(transaction));
        let Some((remote_tag, fork)) = found else {
            return;
        };
        let remote_tag = remote_tag.clone();
        let Path::Known(hop) = fork.path.clone() else {
            return;
        };
        fork.bye = Bye::Done;
        let challenge = response.filter(|response| matches!(response.status, 401 | 407));
        let mut answered = |challenge| {
            let verdict =
                call.credentials
                    .challenged(&mut fork.auth, challenge, &hop, When::InDialog);
            verdict.is_ok()
        };
        if challenge.is_some_and(&mut answered) {
            fork.bye = Bye::Waiting(None);
            return self.send_bye(id, &remote_tag, &hop, now);
        }
        self.left(id, &remote_tag);
    }

    /// A dialog is left for good.
    pub(crate) fn left(&mut self, id: InviteId, remote_tag: &str) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if call.phase == Phase::Leaving && call.main.as_deref() == Some(remote_tag) {
            let cause = call.farewell.take().unwrap_or_else(ordinary_end);
            return self.finish(id, Event::Ended { id, cause });
        }
        self.sweep(id);
    }

    /// The hop of a dialog's requests, or the name to look up (RFC 3261 sections 8.1.2, 12.2.1.1).
    fn way(&self, dialog: &Dialog, via: &Hop, next_hop: Option<&Target>) -> Result<Hop, Target> {
        let Some(target) = target_of(dialog.next_uri(), via) else {
            return Ok(via.clone());
        };
        let named_alike = |known: &Target| {
            target.host.eq_ignore_ascii_case(&known.host)
                && (target.port.is_none() || target.port == known.port)
        };
        if next_hop.is_some_and(named_alike) {
            return Ok(via.clone());
        }
        let Some(mut hop) = target.literal_hop() else {
            return Err(target);
        };
        if hop.addr.ip() == via.addr.ip() && hop.transport == via.transport {
            hop.verified_name.clone_from(&via.verified_name);
        }
        // A Contact or Record-Route that names an address this gateway may not call (trust: A9), or cannot, does not
        // stop the request: it goes the way of the INVITE.
        let usable = self.config.targets.allows(hop.addr) && self.local_address(&hop).is_some();
        Ok(if usable { hop } else { via.clone() })
    }
}

/// Host, port and transport of a URI. A device that names no transport is reached over the one it uses.
fn target_of(uri: &Uri, via: &Hop) -> Option<Target> {
    let secure = match uri.scheme {
        Scheme::Sip => false,
        Scheme::Sips => true,
        _ => return None,
    };
    let (host, same_address) = match &uri.host {
        Host::Name(name) => (name.clone(), false),
        Host::Ip(ip) => (ip.to_string(), *ip == via.addr.ip()),
    };
    let named = uri.params.get("transport").and_then(Transport::parse);
    let transport = match named {
        _ if secure => Some(Transport::Tls),
        Some(named) => Some(named),
        None if same_address => Some(via.transport),
        None => None,
    };
    Some(Target {
        host,
        port: uri.port,
        transport,
    })
}

/// The end of a call that carries no cause of its own.
fn ordinary_end() -> Cause {
    Cause::normal(Stage::Call, Side::Gateway, "The call was ended.")
}
