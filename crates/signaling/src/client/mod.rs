//! What a page says: one variant per message of the WebSDK 2.0 client that concerns calls.

mod call;
mod connection;
mod fields;
mod message;
mod sip_headers;
mod sip_sdp;

use serde_json::Value;

use crate::Feature;

pub use call::{AnswerRequest, CallRequest, DtmfKind, HangupScope};
pub use connection::Connection;
pub use message::MessageRequest;
pub use sip_headers::SipHeaders;

pub(crate) use fields::Fields;

/// A frame from a page, decoded and checked. See [`crate::decode`].
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage {
    /// `connection`: the first message of a session.
    Connection(Box<Connection>),
    /// `call`: an outgoing call; the browser offers.
    Call(Box<CallRequest>),
    /// `answer`: the user took an incoming call; the browser answers our offer.
    Answer(Box<AnswerRequest>),
    /// `hangup`: reject, cancel and hang up alike.
    Hangup {
        /// The call.
        call_id: String,
        /// Our extension: whose ringing ends. Absent: the whole account's.
        scope: Option<HangupScope>,
    },
    /// `hold`.
    Hold {
        /// The call.
        call_id: String,
        /// The page means to transfer the call next.
        hold_for_transfer: bool,
    },
    /// `unhold`.
    Unhold {
        /// The call.
        call_id: String,
    },
    /// `sendDtmf`.
    SendDtmf {
        /// The call.
        call_id: String,
        /// How the digits shall travel.
        kind: DtmfKind,
        /// The digits, as the page passed them; a JSON number is taken as its digits.
        dtmf: String,
    },
    /// `transfer`: a blind transfer.
    Transfer {
        /// The call.
        call_id: String,
        /// Number or SIP URI, as typed.
        target: String,
    },
    /// `ping`: only from pages that set `pingInterval`.
    Ping,
    /// `pong`: the answer to our `ping`.
    Pong,
    /// `sendData`: application data, to be answered with `DataStatusEvent`.
    SendData {
        /// The page's id for this piece of data; a promise waits for it.
        operation_id: String,
        /// Whatever the page sent.
        payload: Value,
    },
    /// `sipMessage`, extension: a text message to somebody on the SIP side, to be answered with
    /// `sipMessageStatus`.
    SipMessage(Box<MessageRequest>),
    /// `explain`, extension: what the call negotiated, and why; answered with `explain`.
    Explain {
        /// The call.
        call_id: String,
    },
    /// A message about a stream; there are none here. Answered by [`crate::Fail::no_streams`].
    Stream {
        /// Name of the message.
        name: String,
        /// The stream it is about.
        media_session_id: Option<String>,
    },
    /// Known and without effect (`pushLogs`, `sessionDebug`, `submitBugReport`), or unknown.
    Ignored {
        /// Name of the message, at most 64 characters.
        name: String,
    },
}

impl ClientMessage {
    /// The extension a page must have been granted for this message to have an effect; `None` for
    /// the messages of the WebSDK 2.0 wire.
    pub fn feature(&self) -> Option<Feature> {
        match self {
            Self::SipMessage(_) => Some(Feature::SipMessage),
            Self::Explain { .. } => Some(Feature::Explain),
            Self::Connection(_)
            | Self::Call(_)
            | Self::Answer(_)
            | Self::Hangup { .. }
            | Self::Hold { .. }
            | Self::Unhold { .. }
            | Self::SendDtmf { .. }
            | Self::Transfer { .. }
            | Self::Ping
            | Self::Pong
            | Self::SendData { .. }
            | Self::Stream { .. }
            | Self::Ignored { .. } => None,
        }
    }
}
