//! Who is answered (t-A6). A request that matches no dialog or transaction is answered when it names the random
//! Contact token of a live registration, or comes from a resolved next hop of one, or from a listed source. Anything
//! else gets no answer at all: a scanner learns nothing, not even that somebody is here.

use super::{RegistrationId, Ua};
use crate::message::Request;
use crate::resolve::{Hop, Transport};

impl Ua {
    /// Whether this out-of-dialog request gets an answer.
    pub(crate) fn answers(&self, from: &Hop, request: &Request) -> bool {
        self.registration_called(request).is_some() || self.knows_source(from)
    }

    /// The registration whose Contact token the Request-URI names.
    pub(crate) fn registration_called(&self, request: &Request) -> Option<RegistrationId> {
        self.tokens.get(request.uri.user.as_deref()?).copied()
    }

    /// A next hop of a live registration, or listed.
    pub(crate) fn knows_source(&self, from: &Hop) -> bool {
        let ip = from.addr.ip().to_canonical();
        self.is_listed(from)
            || self.registrations.values().any(|registration| {
                registration.hops.iter().any(|hop| match from.transport {
                    Transport::Udp => hop.transport == Transport::Udp && hop.addr == from.addr,
                    // A peer that connects to us has a port of its own choice.
                    stream => hop.transport == stream && hop.addr.ip().to_canonical() == ip,
                })
            })
    }

    /// Listed in the settings.
    pub(crate) fn is_listed(&self, from: &Hop) -> bool {
        let ip = from.addr.ip().to_canonical();
        self.config.trusted.iter().any(|net| net.contains(&ip))
    }
}
