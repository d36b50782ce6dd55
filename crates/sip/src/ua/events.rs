//! What a user agent tells its owner.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;

use super::types::{InviteId, MessageId, RegistrationId, RequestId};
use crate::cause::Cause;
use crate::resolve::Hop;

/// What happened. Every call ends with exactly one `Refused` or `Ended`, its last event.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The registrar granted the binding, first or again.
    Registered {
        /// Which registration.
        id: RegistrationId,
        /// How long it holds.
        expires: Duration,
    },
    /// The registrar refused or did not answer. Without `retry_in` the registration is gone.
    RegistrationFailed {
        /// Which registration.
        id: RegistrationId,
        /// Why.
        cause: Cause,
        /// How long until the next try; `None`: there will be none.
        retry_in: Option<Duration>,
    },
    /// Un-REGISTER is done or given up: the registration is gone.
    Unregistered {
        /// Which registration.
        id: RegistrationId,
    },
    /// The next hop of a call begun with [`crate::Ua::prepare`] is known. The call waits for [`crate::Ua::offer`].
    Located {
        /// Which call.
        id: InviteId,
        /// Where its INVITE will go first: its address family is that of the media.
        hop: Hop,
    },
    /// An INVITE above 1300 bytes went over UDP, where some networks lose it (RFC 3261 section 18.1.1); once for a call.
    LargeDatagram {
        /// Which call.
        id: InviteId,
        /// Size of the INVITE.
        bytes: usize,
    },
    /// The next hop has taken the INVITE (100).
    Trying {
        /// Which call.
        id: InviteId,
    },
    /// A provisional response above 100.
    Progress {
        /// Which call.
        id: InviteId,
        /// 101..=199
        status: u16,
        /// Which early dialog; empty for a peer that gives none.
        remote_tag: String,
        /// Early media description, if any.
        sdp: Option<Bytes>,
        /// From where media of this peer may come besides the address in its SDP (symmetric RTP), the best first; the
        /// last is where its SIP came from.
        signalling: Vec<IpAddr>,
    },
    /// An early dialog ended and will not answer (199, RFC 6228); others may still ring.
    EarlyDialogEnded {
        /// Which call.
        id: InviteId,
        /// Which early dialog.
        remote_tag: String,
    },
    /// 2xx received; the ACK is on its way.
    Answered {
        /// Which call.
        id: InviteId,
        /// Which dialog.
        remote_tag: String,
        /// SDP answer; `None` when the 2xx has none, or when a reliable 18x of the same tag has answered already.
        sdp: Option<Bytes>,
        /// Who answered.
        remote: RemoteIdentity,
        /// From where media of this peer may come besides the address in its SDP (symmetric RTP), the best first; the
        /// last is where its SIP came from.
        signalling: Vec<IpAddr>,
    },
    /// An outgoing call failed: last event.
    Refused {
        /// Which call.
        id: InviteId,
        /// Why.
        cause: Cause,
    },
    /// A call for a live registration, or from a listed source for somebody unknown; 100 is sent.
    Incoming {
        /// The new call.
        id: InviteId,
        /// Whom it is for; `None`: nobody who is registered.
        registration: Option<RegistrationId>,
        /// User part of From.
        caller: String,
        /// Display name of From.
        display: Option<String>,
        /// User part of To.
        callee: String,
        /// SDP offer; `None`: a late offer, we make one in the 200, or in `ring` where `reliable` says so.
        offer: Option<Bytes>,
        /// The caller requires reliable provisional responses (RFC 3262). Then the first of them carries our offer if
        /// the INVITE has none.
        reliable: bool,
        /// Call-ID of the INVITE.
        sip_call_id: String,
        /// The far User-Agent.
        user_agent: Option<String>,
        /// From where media of this peer may come besides the address in its SDP (symmetric RTP), the best first; the
        /// last is where its SIP came from.
        signalling: Vec<IpAddr>,
    },
    /// The ACK of our 200 is here.
    Confirmed {
        /// Which call.
        id: InviteId,
        /// SDP answer to the offer of our 200, if it made one.
        sdp: Option<Bytes>,
    },
    /// An offer of ours may go out now, as [`crate::Ua::request_offer`] asked: [`crate::Ua::reoffer`] sends it.
    OfferDue {
        /// Which call.
        id: InviteId,
        /// The session must be refreshed: an offer is to go out even if it changes nothing (RFC 4028 section 7.4).
        refresh: bool,
    },
    /// The peer cannot take our offer now (491, or 500 with Retry-After): [`Event::OfferDue`] comes again. Until then an
    /// offer of the peer may come first.
    OfferPostponed {
        /// Which call.
        id: InviteId,
    },
    /// A re-INVITE, an UPDATE or a PRACK of the peer with an offer, or a re-INVITE without one.
    Offered {
        /// Which call.
        id: InviteId,
        /// For [`crate::Ua::respond`]: 200 with our SDP, or a refusal.
        request: RequestId,
        /// Which dialog.
        remote_tag: String,
        /// Their offer; `None`: they want ours in the 200.
        sdp: Option<Bytes>,
        /// From where media of this peer may come besides the address in its SDP (symmetric RTP), the best first; the
        /// last is where its SIP came from.
        signalling: Vec<IpAddr>,
    },
    /// The answer to an offer of ours that was not in the first INVITE or its 200.
    OfferAnswered {
        /// Which call.
        id: InviteId,
        /// Their answer; `None`: an answer was due and did not come.
        sdp: Option<Bytes>,
        /// From where media of this peer may come besides the address in its SDP (symmetric RTP), the best first; the
        /// last is where its SIP came from.
        signalling: Vec<IpAddr>,
    },
    /// An offer of ours was refused: the call goes on as it was.
    OfferRefused {
        /// Which call.
        id: InviteId,
        /// Why.
        cause: Cause,
    },
    /// An INFO of the peer inside a call (RFC 6086).
    Info {
        /// Which call.
        id: InviteId,
        /// For [`crate::Ua::respond`].
        request: RequestId,
        /// Its Content-Type, in lower case and without parameters; empty when it has no body.
        content_type: String,
        /// Its body.
        body: Bytes,
    },
    /// An INFO of ours is answered, or will not be.
    InfoDone {
        /// Which call.
        id: InviteId,
        /// Why it failed.
        result: Result<(), Cause>,
    },
    /// A MESSAGE of somebody (RFC 3428).
    Message {
        /// For [`crate::Ua::respond`].
        request: RequestId,
        /// The call it came in; `None`: it came outside every dialog.
        call: Option<InviteId>,
        /// Whom it is for, when it came outside every dialog.
        registration: Option<RegistrationId>,
        /// Who sent it.
        from: RemoteIdentity,
        /// User part of To.
        to: String,
        /// Its Content-Type, with parameters.
        content_type: String,
        /// Its text.
        body: Bytes,
    },
    /// A MESSAGE of ours is answered, or will not be.
    MessageSent {
        /// Which one.
        id: MessageId,
        /// Why it failed.
        result: Result<(), Cause>,
    },
    /// A NOTIFY of a mailbox (event `message-summary`, RFC 3842).
    MessageSummary {
        /// For [`crate::Ua::respond`].
        request: RequestId,
        /// Whose mailbox.
        registration: RegistrationId,
        /// Body of type `application/simple-message-summary`.
        body: Bytes,
    },
    /// The call is over: last event.
    Ended {
        /// Which call.
        id: InviteId,
        /// Why.
        cause: Cause,
    },
}

/// Who is at the other end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteIdentity {
    /// User part of the address; empty when it has none.
    pub user: String,
    /// Display name.
    pub display: Option<String>,
    /// The whole address.
    pub uri: String,
    /// User-Agent or Server header.
    pub user_agent: Option<String>,
}
