//! What we say to a page: the messages the WebSDK 2.0 client knows, in the order of fields it was
//! measured with.

mod call_info;
mod digit;
mod explain;
mod fail;
mod hold_state;
mod message_waiting;
mod read;
mod registration;
mod sip_message;
mod transfer;
mod user_data;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Cause, Feature};

pub use call_info::{CallInfo, CallStatus};
pub use digit::{Digit, DigitHow};
pub use explain::{
    Chosen, Explanation, Holders, LadderDirection, LadderEntry, MAX_LADDER, MediaAddresses, Medium,
    Offered, Treatment,
};
pub use fail::Fail;
pub use hold_state::HoldState;
pub use message_waiting::MessageWaiting;
pub use read::decode_server;
pub use registration::{RegistrationReport, RegistrationStatus};
pub use sip_message::{IncomingMessage, SipMessageStatus};
pub use transfer::{TransferEvent, TransferStatus};
pub use user_data::UserData;

/// A message to a page. See [`encode`].
#[derive(Debug, Clone, PartialEq)]
pub enum ServerMessage {
    /// `getUserData`: the first answer to `connection`; the session is ESTABLISHED.
    GetUserData(Box<UserData>),
    /// `registered`: the SIP registration is alive; the session is REGISTERED.
    Registered {
        /// Status code of the answer to REGISTER, 200.
        sip_status: u16,
    },
    /// `setRemoteSDP`: our answer or offer, exactly once per peer connection.
    SetRemoteSdp {
        /// The call.
        call_id: String,
        /// SDP with our candidates.
        sdp: String,
    },
    /// `notifyTryingResponse`: the call is taken, before anything is heard from the SIP side.
    NotifyTryingResponse(CallInfo),
    /// `ring`: RING or SESSION_PROGRESS.
    Ring(CallInfo),
    /// `talk`: ESTABLISHED.
    Talk(CallInfo),
    /// `hold`: HOLD, by either side.
    Hold(CallInfo),
    /// `finish`: FINISH or FAILED; the call is over.
    Finish(CallInfo),
    /// `busy`: BUSY; the 2.0 client ignores it, a `finish` follows.
    Busy(CallInfo),
    /// `notifyIncomingCall`: after `setRemoteSDP`, before `ring`.
    NotifyIncomingCall(CallInfo),
    /// `notifyTransferEvent`: only for a call the page still has.
    NotifyTransferEvent(TransferEvent),
    /// `fail`: a warning in words; ends neither call nor session.
    Fail(Fail),
    /// `ping`: to be answered with `pong`.
    Ping,
    /// `pong`: the answer to a page's `ping`.
    Pong,
    /// `DataStatusEvent`: what became of `sendData`.
    DataStatusEvent {
        /// The page's id for the data.
        operation_id: String,
        /// Taken or not.
        status: DataStatus,
    },
    /// `holdState`, extension: which side holds a call.
    HoldState(HoldState),
    /// `digit`, extension: a digit of the peer.
    Digit(Digit),
    /// `sipMessage`, extension: a text message of somebody on the SIP side.
    SipMessage(Box<IncomingMessage>),
    /// `sipMessageStatus`, extension: what became of a page's `sipMessage`.
    SipMessageStatus(SipMessageStatus),
    /// `messageWaiting`, extension: the state of the account's mailbox.
    MessageWaiting(MessageWaiting),
    /// `registrationState`, extension: the registration has changed.
    RegistrationState(RegistrationReport),
    /// `explain`, extension: the answer to a page's `explain`.
    Explain(Box<Explanation>),
}

/// What became of `sendData` or `sipMessage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DataStatus {
    /// `sendData`: the server took it, and no application hook passes it on yet. `sipMessage`: the
    /// SIP side answered 2xx.
    Accepted,
    /// Nobody took it.
    Failed,
}

impl ServerMessage {
    /// The name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::GetUserData(_) => "getUserData",
            Self::Registered { .. } => "registered",
            Self::SetRemoteSdp { .. } => "setRemoteSDP",
            Self::NotifyTryingResponse(_) => "notifyTryingResponse",
            Self::Ring(_) => "ring",
            Self::Talk(_) => "talk",
            Self::Hold(_) => "hold",
            Self::Finish(_) => "finish",
            Self::Busy(_) => "busy",
            Self::NotifyIncomingCall(_) => "notifyIncomingCall",
            Self::NotifyTransferEvent(_) => "notifyTransferEvent",
            Self::Fail(_) => "fail",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::DataStatusEvent { .. } => "DataStatusEvent",
            Self::HoldState(_) => "holdState",
            Self::Digit(_) => "digit",
            Self::SipMessage(_) => "sipMessage",
            Self::SipMessageStatus(_) => "sipMessageStatus",
            Self::MessageWaiting(_) => "messageWaiting",
            Self::RegistrationState(_) => "registrationState",
            Self::Explain(_) => "explain",
        }
    }

    /// The extension a page must have been granted to be sent this message; `None` for the
    /// messages of the WebSDK 2.0 wire.
    pub fn feature(&self) -> Option<Feature> {
        match self {
            Self::HoldState(_) => Some(Feature::HoldState),
            Self::Digit(_) => Some(Feature::Digit),
            Self::SipMessage(_) | Self::SipMessageStatus(_) => Some(Feature::SipMessage),
            Self::MessageWaiting(_) => Some(Feature::MessageWaiting),
            Self::RegistrationState(_) => Some(Feature::RegistrationState),
            Self::Explain(_) => Some(Feature::Explain),
            Self::GetUserData(_)
            | Self::Registered { .. }
            | Self::SetRemoteSdp { .. }
            | Self::NotifyTryingResponse(_)
            | Self::Ring(_)
            | Self::Talk(_)
            | Self::Hold(_)
            | Self::Finish(_)
            | Self::Busy(_)
            | Self::NotifyIncomingCall(_)
            | Self::NotifyTransferEvent(_)
            | Self::Fail(_)
            | Self::Ping
            | Self::Pong
            | Self::DataStatusEvent { .. } => None,
        }
    }

    /// The field `cause` of a message that may hold one. A page without [`Feature::Cause`] is sent
    /// the message with this set to `None`.
    pub fn cause_mut(&mut self) -> Option<&mut Option<Cause>> {
        match self {
            Self::NotifyTryingResponse(call)
            | Self::Ring(call)
            | Self::Talk(call)
            | Self::Hold(call)
            | Self::Finish(call)
            | Self::Busy(call)
            | Self::NotifyIncomingCall(call) => Some(&mut call.cause),
            Self::NotifyTransferEvent(event) => Some(&mut event.cause),
            Self::Fail(fail) => Some(&mut fail.cause),
            Self::SipMessageStatus(status) => Some(&mut status.cause),
            _ => None,
        }
    }

    /// The call this message is about, if any.
    pub fn call(&self) -> Option<&CallInfo> {
        match self {
            Self::NotifyTryingResponse(call)
            | Self::Ring(call)
            | Self::Talk(call)
            | Self::Hold(call)
            | Self::Finish(call)
            | Self::Busy(call)
            | Self::NotifyIncomingCall(call) => Some(call),
            _ => None,
        }
    }
}

/// A frame as it goes out, in the order of fields the wire was measured with.
#[derive(Serialize)]
struct Frame<T> {
    message: &'static str,
    data: T,
}

/// Writes one frame: `{"message":"<name>","data":[...]}`.
pub fn encode(message: &ServerMessage) -> String {
    let name = message.name();
    match message {
        ServerMessage::GetUserData(user) => frame(name, [user]),
        ServerMessage::Registered { sip_status } => frame(
            name,
            [json!({"sipStatus": sip_status, "status": "REGISTERED"})],
        ),
        ServerMessage::SetRemoteSdp { call_id, sdp } => frame(name, [call_id, sdp]),
        ServerMessage::NotifyTryingResponse(call)
        | ServerMessage::Ring(call)
        | ServerMessage::Talk(call)
        | ServerMessage::Hold(call)
        | ServerMessage::Finish(call)
        | ServerMessage::Busy(call)
        | ServerMessage::NotifyIncomingCall(call) => frame(name, [call]),
        ServerMessage::NotifyTransferEvent(event) => frame(name, [event]),
        ServerMessage::Fail(fail) => frame(name, [fail]),
        ServerMessage::Ping | ServerMessage::Pong => frame(name, [Value::Null]),
        ServerMessage::DataStatusEvent {
            operation_id,
            status,
        } => frame(
            name,
            [json!({"operationId": operation_id, "status": status})],
        ),
        ServerMessage::HoldState(state) => frame(name, [state]),
        ServerMessage::Digit(digit) => frame(name, [digit]),
        ServerMessage::SipMessage(message) => frame(name, [message]),
        ServerMessage::SipMessageStatus(status) => frame(name, [status]),
        ServerMessage::MessageWaiting(mailbox) => frame(name, [mailbox]),
        ServerMessage::RegistrationState(report) => frame(name, [report]),
        ServerMessage::Explain(explanation) => frame(name, [explanation]),
    }
}

fn frame<T: Serialize>(message: &'static str, data: T) -> String {
    // Strings, numbers and maps with string keys cannot fail to serialise.
    serde_json::to_string(&Frame { message, data }).unwrap_or_default()
}
