//! `sipHeaders`, our extension: extra SIP headers for INVITE or its 200.
//!
//! An object of names and values, or a list of `{"name":..,"value":..}`. Names are allow-listed:
//! what routes a request or names a dialog is ours alone.

use serde_json::Value;

use super::Fields;
use crate::DecodeError;

/// Most headers in one message.
const MAX_HEADERS: usize = 32;
/// Longest value, in bytes.
const MAX_VALUE_BYTES: usize = 4096;
/// Allowed besides every `X-` header: headers that only inform.
const ALLOWED: [&str; 11] = [
    "Accept-Language",
    "Alert-Info",
    "Answer-Mode",
    "Call-Info",
    "Diversion",
    "History-Info",
    "Organization",
    "Priority",
    "Privacy",
    "Subject",
    "User-to-User",
];

/// Names and values, in the order given. Every name is a token (RFC 3261 §25.1) on the allow-list,
/// no value holds a control character.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SipHeaders(Vec<(String, String)>);

impl SipHeaders {
    /// No header at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Name and value of each, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// The pairs themselves.
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, DecodeError> {
        const FIELD: &str = "sipHeaders";
        let wrong_shape = || {
            fields.error(
                FIELD,
                "must be an object of names and values, or a list of {\"name\":..,\"value\":..}",
            )
        };
        let mut headers = Vec::new();
        match fields.map().get(FIELD) {
            None | Some(Value::Null) => {}
            Some(Value::Object(map)) => {
                for (name, value) in map {
                    headers.push((name.clone(), value.clone()));
                }
            }
            Some(Value::Array(list)) => {
                for item in list {
                    let (Some(name), Some(value)) =
                        (item.get("name").and_then(Value::as_str), item.get("value"))
                    else {
                        return Err(wrong_shape());
                    };
                    headers.push((name.to_owned(), value.clone()));
                }
            }
            Some(_) => return Err(wrong_shape()),
        }
        if headers.len() > MAX_HEADERS {
            return Err(fields.error(
                FIELD,
                format!(
                    "has {} headers; at most {MAX_HEADERS} are allowed",
                    headers.len()
                ),
            ));
        }
        let mut checked = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            if !is_allowed(&name) {
                return Err(fields.error(
                    FIELD,
                    format!(
                        "may not set {}; allowed are names that begin with \"X-\", and {}",
                        super::fields::shown(&name),
                        ALLOWED.join(", ")
                    ),
                ));
            }
            let value = match value {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                _ => return Err(fields.error(FIELD, format!("{name}: the value must be a string"))),
            };
            if let Some(problem) = super::fields::line_fault(&value, MAX_VALUE_BYTES) {
                return Err(fields.error(FIELD, format!("{name}: the value {problem}")));
            }
            checked.push((name, value));
        }
        Ok(Self(checked))
    }
}

fn is_allowed(name: &str) -> bool {
    let token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
    let extension =
        name.len() > 2 && name.is_char_boundary(2) && name[..2].eq_ignore_ascii_case("X-");
    name.len() <= 64
        && name.chars().all(token)
        && (extension || ALLOWED.iter().any(|a| a.eq_ignore_ascii_case(name)))
}
