//! The other direction: a frame of ours, read back. For clients and tests written in Rust.

use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{DataStatus, ServerMessage, UserData};
use crate::decode::{about_data, envelope, name_of};
use crate::{DecodeError, ErrorKind, Feature};

/// Reads a frame written by [`super::encode`]: `decode_server(&encode(&m)) == Ok(m)`.
pub fn decode_server(text: &str) -> Result<ServerMessage, DecodeError> {
    let mut frame = envelope(text)?;
    let name = name_of(&frame)?;
    let Some(Value::Array(data)) = frame.remove("data") else {
        return Err(about_data(&name, "must be a list"));
    };
    let mut data = data.into_iter();
    let first = data.next().unwrap_or(Value::Null);
    let message = match name.as_str() {
        "getUserData" => ServerMessage::GetUserData(Box::new(user_data(&name, first)?)),
        "registered" => ServerMessage::Registered {
            sip_status: typed(&name, field(&first, "sipStatus"))?,
        },
        "setRemoteSDP" => ServerMessage::SetRemoteSdp {
            call_id: typed(&name, first)?,
            sdp: typed(&name, data.next().unwrap_or(Value::Null))?,
        },
        "notifyTryingResponse" => ServerMessage::NotifyTryingResponse(typed(&name, first)?),
        "ring" => ServerMessage::Ring(typed(&name, first)?),
        "talk" => ServerMessage::Talk(typed(&name, first)?),
        "hold" => ServerMessage::Hold(typed(&name, first)?),
        "finish" => ServerMessage::Finish(typed(&name, first)?),
        "busy" => ServerMessage::Busy(typed(&name, first)?),
        "notifyIncomingCall" => ServerMessage::NotifyIncomingCall(typed(&name, first)?),
        "notifyTransferEvent" => ServerMessage::NotifyTransferEvent(typed(&name, first)?),
        "fail" => ServerMessage::Fail(typed(&name, first)?),
        "ping" => ServerMessage::Ping,
        "pong" => ServerMessage::Pong,
        "DataStatusEvent" => ServerMessage::DataStatusEvent {
            operation_id: typed(&name, field(&first, "operationId"))?,
            status: typed::<DataStatus>(&name, field(&first, "status"))?,
        },
        "holdState" => ServerMessage::HoldState(typed(&name, first)?),
        "digit" => ServerMessage::Digit(typed(&name, first)?),
        "sipMessage" => ServerMessage::SipMessage(Box::new(typed(&name, first)?)),
        "sipMessageStatus" => ServerMessage::SipMessageStatus(typed(&name, first)?),
        "messageWaiting" => ServerMessage::MessageWaiting(typed(&name, first)?),
        "registrationState" => ServerMessage::RegistrationState(typed(&name, first)?),
        "explain" => ServerMessage::Explain(Box::new(typed(&name, first)?)),
        _ => {
            return Err(DecodeError::new(
                ErrorKind::Envelope,
                format!("{name} is not a message of this server."),
            ));
        }
    };
    Ok(message)
}

fn field(value: &Value, name: &str) -> Value {
    value.get(name).cloned().unwrap_or(Value::Null)
}

fn typed<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, DecodeError> {
    serde_json::from_value(value).map_err(|error| DecodeError {
        message: Some(name.to_owned()),
        ..DecodeError::new(ErrorKind::Field, format!("{name}: {error}."))
    })
}

fn user_data(name: &str, value: Value) -> Result<UserData, DecodeError> {
    let Value::Object(mut echo) = value else {
        return Err(about_data(name, "must hold an object as its first entry"));
    };
    // `shift_remove` keeps the order of the rest.
    let token: String = typed(name, echo.shift_remove("authToken").unwrap_or(Value::Null))?;
    let _: Option<Value> = echo.shift_remove("status");
    let features: Vec<String> = match echo.shift_remove("features") {
        Some(list) => typed(name, list)?,
        None => Vec::new(),
    };
    Ok(UserData {
        echo,
        auth_token: SecretString::from(token),
        features: Feature::known(&features),
    })
}
