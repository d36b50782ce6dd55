//! A text frame in, a [`ClientMessage`] out.
//!
//! Limits are checked on the bytes, without recursion and before anything is allocated: length,
//! nesting, and the number of values (a value costs some hundred bytes of memory, whatever its
//! length on the wire).

use serde_json::Value;

use crate::client::Fields;
use crate::{
    AnswerRequest, CallRequest, ClientMessage, Connection, DecodeError, DtmfKind, ErrorKind,
    HangupScope, Map, MessageRequest,
};

/// Longest frame, in bytes.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;
/// Deepest nesting of objects and lists.
pub const MAX_DEPTH: usize = 32;
/// Most values in one frame.
pub const MAX_VALUES: usize = 4096;

/// Longest name of a message that is kept.
const MAX_NAME_CHARS: usize = 64;

/// Messages about streams. Others are known by their `mediaSessionId`.
const STREAM_MESSAGES: [&str; 7] = [
    "availableStream",
    "pauseStream",
    "playStream",
    "publishStream",
    "snapshot",
    "stopStream",
    "unPublishStream",
];
/// Messages known to have no effect here, whatever they carry.
const WITHOUT_EFFECT: [&str; 3] = ["pushLogs", "sessionDebug", "submitBugReport"];

/// Reads one frame of a page.
///
/// Unknown messages are [`ClientMessage::Ignored`], never an error. `data` must be a list whose
/// first entry is an object for the messages that have fields; `ping` and `pong` need none.
pub fn decode(text: &str) -> Result<ClientMessage, DecodeError> {
    let mut frame = envelope(text)?;
    let name = name_of(&frame)?;
    let data = frame.remove("data").unwrap_or(Value::Null);
    let with_fields = || -> Result<&Map, DecodeError> {
        match &data {
            Value::Array(list) => match list.first() {
                Some(Value::Object(fields)) => Ok(fields),
                _ => Err(about_data(&name, "must hold an object as its first entry")),
            },
            Value::Null => Err(about_data(&name, "is missing")),
            _ => Err(about_data(&name, "must be a list")),
        }
    };
    let message = match name.as_str() {
        "ping" => ClientMessage::Ping,
        "pong" => ClientMessage::Pong,
        "connection" => {
            let fields = Fields::new(&name, with_fields()?);
            ClientMessage::Connection(Box::new(Connection::read(&fields)?))
        }
        "call" => {
            let fields = Fields::new(&name, with_fields()?);
            ClientMessage::Call(Box::new(CallRequest::read(&fields)?))
        }
        "answer" => {
            let fields = Fields::new(&name, with_fields()?);
            ClientMessage::Answer(Box::new(AnswerRequest::read(&fields)?))
        }
        "hangup" => {
            let fields = Fields::new(&name, with_fields()?);
            ClientMessage::Hangup {
                call_id: fields.call_id()?,
                scope: HangupScope::read(&fields)?,
            }
        }
        "hold" => {
            let fields = Fields::new(&name, with_fields()?);
            ClientMessage::Hold {
                call_id: fields.call_id()?,
                hold_for_transfer: fields.flag("holdForTransfer")?.unwrap_or(false),
            }
        }
        "unhold" => {
            let fields = Fields::new(&name, with_fields()?);
            ClientMessage::Unhold {
                call_id: fields.call_id()?,
            }
        }
        "sendDtmf" => {
            let fields = Fields::new(&name, with_fields()?);
            ClientMessage::SendDtmf {
                call_id: fields.call_id()?,
                kind: DtmfKind::read(&fields)?,
                dtmf: fields.required_line("dtmf")?,
            }
        }
        "transfer" => {
            let fields = Fields::new(&name, with_fields()?);
            ClientMessage::Transfer {
                call_id: fields.call_id()?,
                target: fields.required_line("target")?,
            }
        }
        "sendData" => {
            let fields = Fields::new(&name, with_fields()?);
            ClientMessage::SendData {
                operation_id: fields.required_line("operationId")?,
                payload: fields.value("payload").unwrap_or(Value::Null),
            }
        }
        "sipMessage" => {
            let fields = Fields::new(&name, with_fields()?);
            ClientMessage::SipMessage(Box::new(MessageRequest::read(&fields)?))
        }
        "explain" => {
            let fields = Fields::new(&name, with_fields()?);
            ClientMessage::Explain {
                call_id: fields.call_id()?,
            }
        }
        _ => other(name, &data),
    };
    Ok(message)
}

/// A message about a stream, or one without effect.
fn other(name: String, data: &Value) -> ClientMessage {
    let media_session_id = data
        .get(0)
        .and_then(|fields| fields.get("mediaSessionId"))
        .and_then(Value::as_str)
        .map(str::to_owned);
    let about_stream = media_session_id.is_some() || STREAM_MESSAGES.contains(&name.as_str());
    if about_stream && !WITHOUT_EFFECT.contains(&name.as_str()) {
        ClientMessage::Stream {
            name,
            media_session_id,
        }
    } else {
        ClientMessage::Ignored { name }
    }
}

/// The object of a frame within the limits.
pub(crate) fn envelope(text: &str) -> Result<Map, DecodeError> {
    within_limits(text)?;
    match serde_json::from_str(text) {
        Ok(Value::Object(frame)) => Ok(frame),
        Ok(_) => Err(DecodeError::new(
            ErrorKind::Envelope,
            "A frame must be an object {\"message\":..,\"data\":[..]}.",
        )),
        Err(error) => Err(DecodeError::new(
            ErrorKind::Syntax,
            format!("The frame is not JSON: {error}."),
        )),
    }
}

/// `message` of a frame.
pub(crate) fn name_of(frame: &Map) -> Result<String, DecodeError> {
    let problem = match frame.get("message") {
        Some(Value::String(name)) if !name.is_empty() => {
            return Ok(name.chars().take(MAX_NAME_CHARS).collect());
        }
        Some(Value::String(_)) => "is empty",
        None | Some(Value::Null) => "is missing",
        Some(_) => "must be a string",
    };
    Err(DecodeError {
        field: Some("message".into()),
        ..DecodeError::new(
            ErrorKind::Envelope,
            format!("The frame's message {problem}."),
        )
    })
}

pub(crate) fn about_data(name: &str, problem: &str) -> DecodeError {
    DecodeError {
        message: Some(name.to_owned()),
        field: Some("data".into()),
        ..DecodeError::new(ErrorKind::Envelope, format!("{name}: data {problem}."))
    }
}

/// Length, nesting and number of values, counted on the bytes. Broken JSON passes: the parser
/// refuses it.
fn within_limits(text: &str) -> Result<(), DecodeError> {
    if text.len() > MAX_FRAME_BYTES {
        return Err(DecodeError::new(
            ErrorKind::TooLong,
            format!(
                "The frame is {} bytes long; at most {MAX_FRAME_BYTES} are allowed.",
                text.len()
            ),
        ));
    }
    let (mut depth, mut values) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                values += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(DecodeError::new(
                ErrorKind::TooDeep,
                format!("The frame is nested deeper than {MAX_DEPTH} levels."),
            ));
        }
        if values > MAX_VALUES {
            return Err(DecodeError::new(
                ErrorKind::TooManyValues,
                format!("The frame holds more than {MAX_VALUES} values."),
            ));
        }
    }
    Ok(())
}
