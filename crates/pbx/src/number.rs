//! What is behind a number.

use crate::sound::Sound;

/// A number of the PBX's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// Answered by the PBX.
    Service(Program),
    /// Refused at once with this status and reason.
    Refused(u16, &'static str),
    /// Rings until the caller gives up.
    NoAnswer,
}

/// What an answered number plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// What comes, goes back.
    Echo,
    /// A sound of our own, whatever comes.
    Play(Sound),
}

impl Number {
    /// `None`: it is an account's, or nobody's.
    pub(crate) fn dialled(user: &str) -> Option<Self> {
        Some(match user {
            "echo" => Self::Service(Program::Echo),
            "ivr" => Self::Service(Program::Play(Sound::Sweep)),
            "tone" => Self::Service(Program::Play(Sound::Tone)),
            "busy" => Self::Refused(486, "Busy Here"),
            "reject" => Self::Refused(603, "Decline"),
            "noanswer" => Self::NoAnswer,
            _ => return None,
        })
    }
}
