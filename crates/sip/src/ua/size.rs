//! An INVITE that is too large for a datagram goes over TCP (RFC 3261 section 18.1.1; known problem K4).
//!
//! The rule is applied to every INVITE of a call, and so again after a challenge: credentials make it larger.

use std::time::{Duration, Instant};

use super::Ua;
use super::call::{Call, Direction};
use super::events::Event;
use super::types::InviteId;
use crate::resolve::{Hop, Transport};

/// 18.1.1: "If a request is within 200 bytes of the path MTU, or if it is larger than 1300 bytes and the path MTU is
/// unknown, the request MUST be sent using an RFC 2914 [43] congestion controlled transport protocol, such as TCP."
const LARGE: usize = 1300;

/// What Via, CSeq, Contact and User-Agent add to the template, in bytes.
const OWN_HEADERS: usize = 280;

/// How long TCP is tried before UDP: a firewall that swallows the connection must not cost the call.
pub(crate) const TCP_PATIENCE: Duration = Duration::from_secs(4);

/// How long it is remembered that a server takes no TCP.
const REMEMBERED: Duration = Duration::from_secs(600);

impl Ua {
    /// Where the next INVITE of a call goes: `hop`, or TCP to the same address if the INVITE is large. Then `hop` is what
    /// the call falls back on. 18.1.1: "if the attempt to establish the connection generates either an ICMP Protocol Not
    /// Supported, or results in a TCP reset, the element SHOULD retry the request, using UDP." A transport that the user
    /// or DNS has named is used in any case.
    pub(crate) fn fitting(&mut self, id: InviteId, hop: Hop, now: Instant) -> Hop {
        let tcp = Hop {
            transport: Transport::Tcp,
            ..hop.clone()
        };
        self.without_tcp
            .retain(|_, since| now.duration_since(*since) < REMEMBERED);
        let possible = hop.transport == Transport::Udp
            && self.local_address(&tcp).is_some()
            && !self.without_tcp.contains_key(&hop.addr);
        let Some(call) = self.calls.get_mut(&id).filter(|_| possible) else {
            return hop;
        };
        let free = call
            .next_hop
            .as_ref()
            .is_some_and(|target| target.transport.is_none());
        let large = invite_bytes(call) > LARGE;
        let Some(out) = call.outgoing().filter(|_| free && large) else {
            return hop;
        };
        out.hops.push_front(hop.clone());
        out.fallback = Some(hop);
        call.credentials.hops.push(tcp.clone());
        tcp
    }

    /// A response has come over TCP, so UDP is not needed as a fallback any more.
    pub(crate) fn tcp_answered(&mut self, id: InviteId) {
        if let Some(out) = self.calls.get_mut(&id).and_then(Call::outgoing)
            && let Some(fallback) = out.fallback.take()
        {
            out.hops.retain(|hop| *hop != fallback);
        }
    }

    /// TCP has failed. For a while this server is taken to have no TCP.
    pub(crate) fn tcp_failed(&mut self, id: InviteId, now: Instant) {
        if let Some(fallback) = self
            .calls
            .get_mut(&id)
            .and_then(Call::outgoing)
            .and_then(|out| out.fallback.take())
        {
            self.without_tcp.insert(fallback.addr, now);
        }
    }

    /// The size in bytes of the current INVITE, if it went in a datagram and is large for one.
    fn large_datagram(&self, id: InviteId) -> Option<usize> {
        let Direction::Out(out) = &self.calls.get(&id)?.side else {
            return None;
        };
        let attempt = out.attempts.get(&out.current?)?;
        let bytes = attempt.invite.to_bytes().len();
        (attempt.hop.transport == Transport::Udp && bytes > LARGE).then_some(bytes)
    }

    /// Tells the owner once that the INVITE of a call may be lost for its size.
    pub(crate) fn tell_size(&mut self, id: InviteId) {
        let Some(bytes) = self.large_datagram(id) else {
            return;
        };
        if let Some(out) = self.calls.get_mut(&id).and_then(Call::outgoing)
            && !std::mem::replace(&mut out.size_told, true)
        {
            self.event(Event::LargeDatagram { id, bytes });
        }
    }

    /// A sentence for the cause of a call that was not answered, if its INVITE may have been lost for its size; else an
    /// empty text.
    pub(crate) fn size_warning(&self, id: InviteId) -> String {
        match self.large_datagram(id) {
            Some(bytes) => format!(
                " The INVITE has {bytes} bytes; some networks lose UDP messages of that size, SIP over TCP helps."
            ),
            None => String::new(),
        }
    }
}

/// About how many bytes the next INVITE of a call has.
fn invite_bytes(call: &Call) -> usize {
    match &call.side {
        Direction::Out(out) => {
            let account = &call.credentials.account;
            let credentials = out.auth.bytes(&out.template, account);
            out.template.to_bytes().len() + OWN_HEADERS + credentials
        }
        Direction::In(_) => 0,
    }
}
