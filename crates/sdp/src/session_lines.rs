//! `sipSDP`: session-level lines that a page adds to our SDP (requirement A15, trust A8).

/// Why a `sipSDP` line is refused, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sipSDP line {line} {what}")]
pub struct SessionLineError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Checks the lines a page gives.
pub fn check_session_lines(_lines: &[String]) -> Result<(), SessionLineError> {
    Ok(())
}
