//! What we say to a page: the messages the WebSDK 2.0 client knows, in the order of fields it was
//! measured with.

mod call_info;
mod fail;
mod read;
mod transfer;
mod user_data;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use call_info::{CallInfo, CallStatus};
pub use fail::Fail;
pub use read::decode_server;
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
}

/// What became of `sendData`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DataStatus {
    /// The server took it; no application hook passes it on yet.
    Accepted,
    /// Nobody did.
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
    }
}

fn frame<T: Serialize>(message: &'static str, data: T) -> String {
    // Strings, numbers and maps with string keys cannot fail to serialise.
    serde_json::to_string(&Frame { message, data }).unwrap_or_default()
}
