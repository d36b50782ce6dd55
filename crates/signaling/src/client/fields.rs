//! Reading `data[0]` of a client's message, field by field: each fault is a sentence that names
//! the field and, where a character is at fault, the character.

use secrecy::SecretString;
use serde_json::Value;

use crate::{DecodeError, ErrorKind, Map};

/// Longest single-line text, in bytes.
const MAX_LINE_BYTES: usize = 512;
/// Most entries of a list.
const MAX_LIST: usize = 64;
/// Longest `callId`, in characters.
const MAX_CALL_ID: usize = 64;

/// The object of one message.
pub(crate) struct Fields<'a> {
    message: &'a str,
    map: &'a Map,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(message: &'a str, map: &'a Map) -> Self {
        Self { message, map }
    }

    pub(crate) fn map(&self) -> &'a Map {
        self.map
    }

    /// An error about `field`: "call: callee is missing".
    pub(crate) fn error(&self, field: &str, problem: impl AsRef<str>) -> DecodeError {
        DecodeError {
            kind: ErrorKind::Field,
            message: Some(self.message.to_owned()),
            call_id: self
                .map
                .get("callId")
                .and_then(Value::as_str)
                .filter(|id| call_id_fault(id).is_none())
                .map(str::to_owned),
            operation_id: self
                .map
                .get("operationId")
                .and_then(Value::as_str)
                .filter(|id| !id.is_empty() && line_fault(id, MAX_LINE_BYTES).is_none())
                .map(Box::from),
            field: Some(field.to_owned()),
            text: format!("{}: {field} {}.", self.message, problem.as_ref()),
        }
    }

    /// The field, `null` counting as absent.
    fn get(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    /// Any JSON, unchecked.
    pub(crate) fn value(&self, field: &str) -> Option<Value> {
        self.get(field).cloned()
    }

    /// A string, or an integer as its digits. Unchecked.
    fn text(&self, field: &str) -> Result<Option<String>, DecodeError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) if number.is_u64() => Ok(Some(number.to_string())),
            Some(other) => Err(self.error(field, format!("must be a string, not {}", kind(other)))),
        }
    }

    /// One line of text without control characters; empty counts as absent.
    pub(crate) fn line(&self, field: &str) -> Result<Option<String>, DecodeError> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        match line_fault(&text, MAX_LINE_BYTES) {
            Some(problem) => Err(self.error(field, problem)),
            None => Ok((!text.is_empty()).then_some(text)),
        }
    }

    /// [`Self::line`], present and not empty.
    pub(crate) fn required_line(&self, field: &str) -> Result<String, DecodeError> {
        self.line(field)?
            .ok_or_else(|| self.error(field, "is missing or empty"))
    }

    /// A list of lines; empty where absent.
    pub(crate) fn lines(&self, field: &str) -> Result<Vec<String>, DecodeError> {
        let list = match self.get(field) {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(other) => {
                return Err(self.error(
                    field,
                    format!("must be a list of strings, not {}", kind(other)),
                ));
            }
        };
        if list.len() > MAX_LIST {
            return Err(self.error(
                field,
                format!("has {} entries; at most {MAX_LIST} are allowed", list.len()),
            ));
        }
        let mut lines = Vec::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            let Value::String(line) = item else {
                return Err(self.error(
                    field,
                    format!("entry {} must be a string, not {}", index + 1, kind(item)),
                ));
            };
            if let Some(problem) = line_fault(line, MAX_LINE_BYTES) {
                return Err(self.error(field, format!("entry {} {problem}", index + 1)));
            }
            lines.push(line.clone());
        }
        Ok(lines)
    }

    /// A text that is never shown. It does not reach the wire either, so any character may be in it.
    pub(crate) fn secret(&self, field: &str) -> Result<Option<SecretString>, DecodeError> {
        Ok(self
            .text(field)?
            .filter(|text| !text.is_empty())
            .map(SecretString::from))
    }

    /// `true` or `false`; the strings "true" and "false" are taken too.
    pub(crate) fn flag(&self, field: &str) -> Result<Option<bool>, DecodeError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text == "true" => Ok(Some(true)),
            Some(Value::String(text)) if text == "false" => Ok(Some(false)),
            Some(other) => {
                Err(self.error(field, format!("must be true or false, not {}", kind(other))))
            }
        }
    }

    /// A port, as a number or as a string; an empty string counts as absent.
    pub(crate) fn port(&self, field: &str) -> Result<Option<u16>, DecodeError> {
        let text = match self.get(field) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(other) => {
                return Err(self.error(field, format!("must be a port, not {}", kind(other))));
            }
        };
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<u16>() {
            Ok(port) if port > 0 => Ok(Some(port)),
            _ => Err(self.error(
                field,
                format!("must be a port from 1 to 65535, not {}", shown(&text)),
            )),
        }
    }

    /// One of some words; absent where the field is.
    pub(crate) fn one_of<T: Copy>(
        &self,
        field: &str,
        names: &[(&str, T)],
    ) -> Result<Option<T>, DecodeError> {
        let Some(text) = self.line(field)? else {
            return Ok(None);
        };
        if let Some((_, value)) = names.iter().find(|(name, _)| *name == text) {
            return Ok(Some(*value));
        }
        let allowed: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        Err(self.error(
            field,
            format!(
                "must be one of {}, not {}",
                allowed.join(", "),
                shown(&text)
            ),
        ))
    }

    /// `callId`: 1 to 64 of `A-Z a-z 0-9 . _ : -`.
    pub(crate) fn call_id(&self) -> Result<String, DecodeError> {
        match self.get("callId") {
            None => Err(self.error("callId", "is missing")),
            Some(Value::String(id)) => match call_id_fault(id) {
                None => Ok(id.clone()),
                Some(problem) => Err(self.error("callId", problem)),
            },
            Some(other) => {
                Err(self.error("callId", format!("must be a string, not {}", kind(other))))
            }
        }
    }

    /// `sdp`: many lines, not empty, without NUL.
    pub(crate) fn sdp(&self) -> Result<String, DecodeError> {
        match self.block("sdp")? {
            None => Err(self.error("sdp", "is missing")),
            Some(sdp) if sdp.trim().is_empty() => Err(self.error("sdp", "is empty")),
            Some(sdp) => Ok(sdp),
        }
    }

    /// A text of any number of lines, without NUL; it may be empty.
    pub(crate) fn block(&self, field: &str) -> Result<Option<String>, DecodeError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) if text.contains('\0') => {
                Err(self.error(field, "contains a NUL character (U+0000)"))
            }
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.error(field, format!("must be a string, not {}", kind(other)))),
        }
    }
}

fn call_id_fault(id: &str) -> Option<String> {
    if id.is_empty() {
        return Some("is empty".into());
    }
    if let Some(at) = id
        .chars()
        .position(|c| !(c.is_ascii_alphanumeric() || "._:-".contains(c)))
    {
        let c = id.chars().nth(at).unwrap_or_default();
        return Some(format!(
            "contains {} at character {}; allowed are letters, digits and . _ : -",
            character(c),
            at + 1
        ));
    }
    (id.len() > MAX_CALL_ID).then(|| {
        format!(
            "is {} characters long; at most {MAX_CALL_ID} are allowed",
            id.len()
        )
    })
}

/// What keeps `text` from being one line of at most `max_bytes`.
pub(super) fn line_fault(text: &str, max_bytes: usize) -> Option<String> {
    if let Some((at, c)) = text
        .chars()
        .enumerate()
        .find(|(_, c)| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
    {
        return Some(format!("contains {} at character {}", character(c), at + 1));
    }
    (text.len() > max_bytes).then(|| {
        format!(
            "is {} bytes long; at most {max_bytes} are allowed",
            text.len()
        )
    })
}

/// A character in words.
fn character(c: char) -> String {
    let name = match c {
        '\0' => "a NUL character",
        '\t' => "a tab",
        '\n' => "a line feed",
        '\r' => "a carriage return",
        ' ' => "a space",
        '\u{2028}' | '\u{2029}' => "a line separator",
        c if c.is_control() => "a control character",
        c => return format!("'{c}'"),
    };
    format!("{name} (U+{:04X})", u32::from(c))
}

/// A value in an error: quoted, escaped, at most 32 characters of it.
pub(super) fn shown(text: &str) -> String {
    let short: String = text.chars().take(32).collect();
    let dots = if short.len() < text.len() { "..." } else { "" };
    format!("{short:?}{dots}")
}

/// The type of a value in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
