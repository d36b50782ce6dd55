//! Reading a description.

use crate::description::Description;

/// Why a text is no session description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Error {
    /// Line of the text, from 1; 0 if it is not one line's fault.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl Description {
    /// Reads a session description.
    pub fn parse(_text: &str) -> Result<Self, Error> {
        Err(Error {
            line: 0,
            what: "not built yet".into(),
        })
    }
}
