//! The error of reading a description.

/// Why a text cannot be read as a session description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{what}", place(*.line))]
pub struct Error {
    /// The line of the text, counted from 1; 0 if no single line is at fault.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl Error {
    pub(crate) fn at(line: usize, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
        }
    }
}

fn place(line: usize) -> String {
    if line == 0 {
        String::new()
    } else {
        format!("line {line}: ")
    }
}
