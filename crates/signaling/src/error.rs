//! What is wrong with a frame, in a sentence that names the field.

use thiserror::Error;

/// A frame that cannot be used. `Display` is a sentence for the page and the log; it never holds
/// the value of a password or token.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct DecodeError {
    /// What sort of fault.
    pub kind: ErrorKind,
    /// Name of the message, where it could be read (at most 64 characters).
    pub message: Option<String>,
    /// `callId` of the message, where it could be read and is well-formed: a faulty `call` is
    /// answered with `finish{FAILED}` for this id, so that no call stays PENDING.
    pub call_id: Option<String>,
    /// `operationId` of the message, where it could be read: a faulty `sipMessage` is answered with
    /// `sipMessageStatus` for this id ([`crate::SipMessageStatus::malformed`]), so that no promise of
    /// the page waits for ever.
    pub operation_id: Option<Box<str>>,
    /// The field at fault.
    pub field: Option<String>,
    /// The sentence.
    pub text: String,
}

/// What sort of fault a frame has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// Longer than [`crate::MAX_FRAME_BYTES`].
    TooLong,
    /// Nested deeper than [`crate::MAX_DEPTH`].
    TooDeep,
    /// More than [`crate::MAX_VALUES`] values.
    TooManyValues,
    /// Not JSON.
    Syntax,
    /// Not `{"message":"<name>","data":[...]}`.
    Envelope,
    /// A field is missing, of the wrong type, or holds what it must not.
    Field,
}

impl DecodeError {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            message: None,
            call_id: None,
            operation_id: None,
            field: None,
            text: text.into(),
        }
    }

    /// Whether the frame breaks a limit, and the socket is to be closed with this reason. Other
    /// faults are answered and harm nothing.
    pub fn closes_socket(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::TooLong | ErrorKind::TooDeep | ErrorKind::TooManyValues
        )
    }
}
