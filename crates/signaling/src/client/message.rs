//! `sipMessage`, our extension: a page sends a text message to somebody on the SIP side.

use super::{Fields, fields::shown};
use crate::DecodeError;

/// Content type of a message that names none: RFC 3428 §4 asks every user agent to support it.
const DEFAULT_CONTENT_TYPE: &str = "text/plain";

/// `data[0]` of a page's `sipMessage`. The SIP request is a MESSAGE (RFC 3428) outside any dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRequest {
    /// The page's id for this message; `sipMessageStatus` carries it back.
    pub operation_id: String,
    /// Number, `user@host` or SIP URI, as typed, never empty.
    pub to: String,
    /// Content type of the body, `text/plain` where the page names none: `type/subtype`, with
    /// parameters after `;`, on one line of visible ASCII.
    pub content_type: String,
    /// The body. It may have many lines and may be empty; there is no NUL in it.
    pub body: String,
}

impl MessageRequest {
    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, DecodeError> {
        let content_type = fields
            .line("contentType")?
            .unwrap_or_else(|| DEFAULT_CONTENT_TYPE.to_owned());
        if !is_media_type(&content_type) {
            return Err(fields.error(
                "contentType",
                format!(
                    "must be a media type such as \"text/plain\", not {}",
                    shown(&content_type)
                ),
            ));
        }
        Ok(Self {
            operation_id: fields.required_line("operationId")?,
            to: fields.required_line("to")?,
            content_type,
            body: fields.block("body")?.unwrap_or_default(),
        })
    }
}

/// `m-type "/" m-subtype *(";" m-parameter)` of RFC 3261 §25.1, with the parameters unread: visible
/// ASCII and spaces.
fn is_media_type(text: &str) -> bool {
    let token = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c))
    };
    let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
    name.trim_end()
        .split_once('/')
        .is_some_and(|(kind, subtype)| token(kind) && token(subtype))
        && parameters.chars().all(|c| c == ' ' || c.is_ascii_graphic())
}
