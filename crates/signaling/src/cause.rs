//! Why something failed, in codes and in words: our extension `cause` inside `finish` and `fail`.

use serde::{Deserialize, Serialize};

/// One failure, told once, the same in the SDK, the log and the metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// Status code of the SIP response that said no (RFC 3261 §21), where there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sip_code: Option<u16>,
    /// Reason phrase: the peer's own, or ours.
    pub reason: String,
    /// Cause value of ITU-T Q.850, from a `Reason` header (RFC 3326) or mapped from the SIP code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub q850: Option<u8>,
    /// How far things had come.
    pub stage: Stage,
    /// Who said no.
    pub side: Side,
    /// A sentence a person can act on.
    pub text: String,
}

/// How far a registration or call had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// REGISTER was running.
    Register,
    /// A name was looked up.
    Resolve,
    /// A transport connection was made.
    Connect,
    /// INVITE was sent, nothing rang yet.
    Invite,
    /// The other side rang.
    Ringing,
    /// The call was being answered.
    Answer,
    /// The call was up.
    Call,
    /// The call was being ended.
    Bye,
    /// Ports, codecs, ICE, DTLS or RTP.
    Media,
    /// What the page sent could not be used.
    Input,
}

/// The side on which a failure arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// The page.
    Browser,
    /// This server.
    Gateway,
    /// The SIP server or peer.
    Sip,
}
