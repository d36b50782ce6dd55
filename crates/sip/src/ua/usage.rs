//! A dialog as this user agent uses it (RFC 3261 section 12): the route of its requests, what was sent in it, and where
//! its offers stand.
//!
//! A dialog exists from the first 101-199 with a To tag, or from the INVITE of a caller, and is the same dialog until its
//! end: a 2xx only confirms it. An INVITE may fork and bring several; the first that is confirmed is the call.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::Ua;
use super::ask::{Ask, Sent, Verb};
use super::auth::Auth;
use super::look_up::Seeker;
use super::media_sources::MediaSources;
use super::modify::Offers;
use super::prack::{Provisionals, ReliableSeen};
use super::schedule::TransactionId;
use super::server_invite::ServerInvite;
use super::session_timer::SessionTimer;
use super::types::InviteId;
use crate::dialog::Dialog;
use crate::header::{HeaderName, Methods};
use crate::message::{Headers, Method, Request, Response};
use crate::resolve::{Hop, Target, Transport};
use crate::uri::{Host, Scheme, Uri};

/// One dialog with what was sent in it.
#[derive(Clone, Debug)]
pub(crate) struct DialogUsage {
    pub(crate) dialog: Dialog,
    /// A 2xx has been sent or received; an early dialog can only be cancelled.
    pub(crate) confirmed: bool,
    /// Where the INVITE went or came from: requests go there when the route set names no hop that may be used.
    via: Hop,
    path: Path,
    /// ACKs of 2xx responses to our INVITEs, by CSeq number.
    acks: BTreeMap<u32, Ack>,
    /// Requests that wait for the path.
    pub(crate) queue: VecDeque<Ask>,
    /// Requests whose transactions live.
    pub(crate) in_flight: BTreeMap<TransactionId, Sent>,
    pub(crate) bye: Bye,
    /// The challenges that its requests answer. Those of the INVITE are not among them: a proxy that asked for a
    /// password once may pass it on to the callee in later requests.
    pub(crate) auth: Auth,
    pub(crate) offers: Offers,
    pub(crate) timer: SessionTimer,
    /// INVITEs of the peer without an ACK, by CSeq number.
    pub(crate) invites: BTreeMap<u32, ServerInvite>,
    /// Reliable provisional responses that we received.
    pub(crate) reliable: ReliableSeen,
    /// Reliable provisional responses that we send.
    pub(crate) provisionals: Provisionals,
    pub(crate) peer: Peer,
    pub(crate) sources: MediaSources,
}

/// What the peer has said that it can do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    allow: Methods,
}

impl Peer {
    /// Takes note of Allow; a message without it changes nothing.
    pub(crate) fn learn(&mut self, headers: &Headers) {
        if let Some(allow) = headers.allow() {
            self.allow = allow;
        }
    }

    pub(crate) fn allows(&self, method: &Method) -> bool {
        self.allow.has(method)
    }
}

/// The hop of its requests: looked up once, then kept until the remote target changes.
#[derive(Clone, Debug, PartialEq)]
enum Path {
    Unknown,
    LookingUp,
    Known(Hop),
}

/// The ACK of a 2xx.
#[derive(Clone, Debug, PartialEq)]
enum Ack {
    /// Waits for the path.
    Waiting(Request),
    Sent(Hop, Bytes),
}

/// How far the dialog has been left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bye {
    /// Nobody has said BYE.
    None,
    /// Ours is on its way.
    Said,
    /// Ours is answered, or theirs came.
    Done,
}

impl DialogUsage {
    pub(crate) fn new(dialog: Dialog, via: Hop) -> Self {
        Self {
            dialog,
            confirmed: false,
            via,
            path: Path::Unknown,
            acks: BTreeMap::new(),
            queue: VecDeque::new(),
            in_flight: BTreeMap::new(),
            bye: Bye::None,
            auth: Auth::default(),
            offers: Offers::default(),
            timer: SessionTimer::default(),
            invites: BTreeMap::new(),
            reliable: ReliableSeen::default(),
            provisionals: Provisionals::default(),
            peer: Peer::default(),
            sources: MediaSources::default(),
        }
    }

    /// Whether nothing in it is waited for any more: no ACK, no BYE, no INVITE of ours.
    pub(crate) fn finished(&self) -> bool {
        let acked = !self.acks.values().any(|ack| matches!(ack, Ack::Waiting(_)));
        let inviting = |sent: &Sent| sent.ask.verb == Verb::ReInvite;
        acked && self.bye != Bye::Said && !self.in_flight.values().any(inviting)
    }

    /// Whether neither side has left it or is leaving it.
    pub(crate) fn staying(&self) -> bool {
        self.bye == Bye::None
    }

    /// The ACK with this number will not be asked for again.
    pub(crate) fn forget_ack(&mut self, cseq: u32) {
        self.acks.remove(&cseq);
    }
}

impl Ua {
    pub(crate) fn usage(&mut self, id: InviteId, remote_tag: &str) -> Option<&mut DialogUsage> {
        self.calls.get_mut(&id)?.usages.get_mut(remote_tag)
    }

    /// A 2xx to the first INVITE confirms its dialog, which a 18x may have made before. The ACK follows. Returns the tag.
    pub(crate) fn confirm_usage(
        &mut self,
        id: InviteId,
        invite: &Request,
        response: &Response,
        via: &Hop,
        now: Instant,
    ) -> String {
        let fresh = Dialog::of_caller(invite, response);
        let remote_tag = fresh.remote_tag.clone();
        // A 2xx without Contact and Record-Route still gets its ACK, which goes where the INVITE went.
        let lost = !response.headers.has(&HeaderName::RecordRoute)
            && !response.headers.has(&HeaderName::Contact);
        let Some(call) = self.calls.get_mut(&id) else {
            return remote_tag;
        };
        let usage = call
            .usages
            .entry(remote_tag.clone())
            .or_insert_with(|| DialogUsage::new(fresh, via.clone()));
        #[cfg(feature = "faults")]
        if crate::fault::planted(crate::fault::Fault::CseqReset) {
            usage.dialog = Dialog::of_caller(invite, response);
        }
        usage.dialog.confirm(invite, response);
        usage.confirmed = true;
        usage.peer.learn(&response.headers);
        usage.sources.learn_from_response(&response.headers);
        usage.path = if lost {
            Path::Known(via.clone())
        } else {
            Path::Unknown
        };
        self.acknowledge(id, &remote_tag, invite, now);
        remote_tag
    }

    /// Sends the ACK of a 2xx to this INVITE of ours.
    pub(crate) fn acknowledge(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        invite: &Request,
        now: Instant,
    ) {
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        // 13.2.2.4: "The UAC core MUST generate an ACK request for each 2xx received from the transaction layer. ...
        // The sequence number of the CSeq header field MUST be the same as the INVITE being acknowledged ... The ACK MUST
        // contain the same credentials as the INVITE."
        let cseq = invite.headers.cseq().map_or(0, |cseq| cseq.number);
        let mut ack = usage.dialog.ack(cseq);
        ack.headers
            .copy(&HeaderName::Authorization, &invite.headers);
        ack.headers
            .copy(&HeaderName::ProxyAuthorization, &invite.headers);
        usage.acks.insert(cseq, Ack::Waiting(ack));
        self.advance_usage(id, remote_tag, now);
    }

    /// A 2xx came again. 13.2.2.4: "Once the ACK has been constructed ... the ACK MUST be passed to the client transport
    /// every time a retransmission of the 2xx final response that triggered the ACK arrives".
    pub(crate) fn acknowledge_again(&mut self, id: InviteId, remote_tag: &str, cseq: u32) {
        let ack = self
            .usage(id, remote_tag)
            .and_then(|usage| usage.acks.get(&cseq));
        if let Some(Ack::Sent(hop, bytes)) = ack {
            let (hop, bytes) = (hop.clone(), bytes.clone());
            self.transmit(&hop, bytes);
        }
    }

    /// Takes the Contact of a target refresh; a new target has a route of its own (RFC 3261 section 12.2). What waits for
    /// the route of the old one waits for that.
    pub(crate) fn refresh_target(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        headers: &Headers,
        now: Instant,
    ) {
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        if usage.dialog.refresh_target(headers) {
            let looking_up = usage.path == Path::LookingUp;
            usage.path = Path::Unknown;
            let seeker = Seeker::Dialog(id, remote_tag.to_owned());
            self.forget_look_ups(|other| *other == seeker);
            if looking_up {
                self.advance_usage(id, remote_tag, now);
            }
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
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        let hop = hops.and_then(|hops| hops.into_iter().next());
        usage.path = Path::Known(hop.unwrap_or_else(|| usage.via.clone()));
        self.advance_usage(id, remote_tag, now);
    }

    /// Sends what waits if the path is known, and looks for the path otherwise.
    pub(crate) fn advance_usage(&mut self, id: InviteId, remote_tag: &str, now: Instant) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let Some(usage) = call.usages.get(remote_tag) else {
            return;
        };
        let path = match &usage.path {
            Path::Unknown => match self.route(&usage.dialog, &usage.via, call.next_hop.as_ref()) {
                Ok(hop) => Path::Known(hop),
                Err(target) => {
                    if let Some(usage) = self.usage(id, remote_tag) {
                        usage.path = Path::LookingUp;
                    }
                    return self.look_up(&target, Seeker::Dialog(id, remote_tag.to_owned()), now);
                }
            },
            known => known.clone(),
        };
        let Path::Known(hop) = path else { return };
        if let Some(usage) = self.usage(id, remote_tag) {
            usage.path = Path::Known(hop.clone());
        }
        self.send_acks(id, remote_tag, &hop);
        while let Some(ask) = self
            .usage(id, remote_tag)
            .and_then(|usage| usage.queue.pop_front())
        {
            self.send_ask(id, remote_tag, &hop, ask, now);
        }
    }

    fn send_acks(&mut self, id: InviteId, remote_tag: &str, hop: &Hop) {
        loop {
            let Some(via) = self.via(hop) else { return };
            let agent = self.config.user_agent.clone();
            let Some(usage) = self.usage(id, remote_tag) else {
                return;
            };
            let own = usage.via == *hop;
            let waiting = usage.acks.iter_mut().find_map(|(_, ack)| match ack {
                Ack::Waiting(request) => Some((request.clone(), ack)),
                Ack::Sent(..) => None,
            });
            let Some((mut request, ack)) = waiting else {
                return;
            };
            if !own {
                // Credentials are for the next hop they were given for, nobody else.
                request.headers.remove(&HeaderName::Authorization);
                request.headers.remove(&HeaderName::ProxyAuthorization);
            }
            request
                .headers
                .insert_first(HeaderName::Via, via.to_string());
            request.headers.push(HeaderName::UserAgent, agent);
            let bytes = request.to_bytes();
            *ack = Ack::Sent(hop.clone(), bytes.clone());
            self.transmit(hop, bytes);
        }
    }

    /// The hop of a dialog's requests, or the name to look up (RFC 3261 sections 8.1.2, 12.2.1.1).
    fn route(&self, dialog: &Dialog, via: &Hop, next_hop: Option<&Target>) -> Result<Hop, Target> {
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
        // A Contact or Record-Route that names an address this gateway may not call, or cannot, does not stop the
        // request: it goes where the INVITE went.
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
