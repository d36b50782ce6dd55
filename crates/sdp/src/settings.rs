//! The settings `codecs`, `codecs_exclude_sip` and `allow_outside_codecs` (requirement A14).

use crate::format::{Encoding, Format, MediaKind};

/// One token of the `codecs` list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CodecToken {
    /// `opus`
    Opus,
    /// `alaw`
    Alaw,
    /// `ulaw`
    Ulaw,
    /// `g729`
    G729,
    /// `speex8`
    Speex8,
    /// `speex16`
    Speex16,
    /// `g722`
    G722,
    /// `mpeg4-generic`: AAC of streaming, never in a SIP call.
    Mpeg4Generic,
    /// `telephone-event`
    TelephoneEvent,
    /// `h264`
    H264,
    /// `vp8`
    Vp8,
    /// `flv`: streaming only.
    Flv,
    /// `mpv`: streaming only.
    Mpv,
}

impl CodecToken {
    /// Every token, in the order of the default setting.
    pub const ALL: [Self; 13] = [
        Self::Opus,
        Self::Alaw,
        Self::Ulaw,
        Self::G729,
        Self::Speex8,
        Self::Speex16,
        Self::G722,
        Self::Mpeg4Generic,
        Self::TelephoneEvent,
        Self::H264,
        Self::Vp8,
        Self::Flv,
        Self::Mpv,
    ];

    /// As written in the settings file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Alaw => "alaw",
            Self::Ulaw => "ulaw",
            Self::G729 => "g729",
            Self::Speex8 => "speex8",
            Self::Speex16 => "speex16",
            Self::G722 => "g722",
            Self::Mpeg4Generic => "mpeg4-generic",
            Self::TelephoneEvent => "telephone-event",
            Self::H264 => "h264",
            Self::Vp8 => "vp8",
            Self::Flv => "flv",
            Self::Mpv => "mpv",
        }
    }

    /// The kind of a codec that a SIP call may carry; `None` for digits and for streaming codecs.
    pub(crate) fn kind(self) -> Option<MediaKind> {
        match self {
            Self::Opus
            | Self::Alaw
            | Self::Ulaw
            | Self::G729
            | Self::Speex8
            | Self::Speex16
            | Self::G722 => Some(MediaKind::Audio),
            Self::H264 | Self::Vp8 => Some(MediaKind::Video),
            Self::TelephoneEvent | Self::Mpeg4Generic | Self::Flv | Self::Mpv => None,
        }
    }

    /// Whether a format is what the token names.
    pub fn names(self, format: &Format) -> bool {
        match self {
            Self::Opus => format.encoding == Encoding::Opus,
            Self::Alaw => format.encoding == Encoding::Pcma,
            Self::Ulaw => format.encoding == Encoding::Pcmu,
            Self::G729 => format.encoding == Encoding::G729,
            Self::Speex8 => format.encoding == Encoding::Speex && format.clock_hz == 8000,
            Self::Speex16 => format.encoding == Encoding::Speex && format.clock_hz == 16_000,
            Self::G722 => format.encoding == Encoding::G722,
            Self::TelephoneEvent => format.encoding == Encoding::TelephoneEvent,
            Self::H264 => format.encoding == Encoding::H264,
            Self::Vp8 => format.encoding == Encoding::Vp8,
            Self::Mpeg4Generic | Self::Flv | Self::Mpv => false,
        }
    }
}

/// What is offered to the SIP side, and in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecSettings {
    /// `codecs=`: what an INVITE offers, in this order.
    pub codecs: Vec<CodecToken>,
    /// `codecs_exclude_sip=`: never in a SIP call.
    pub exclude_sip: Vec<CodecToken>,
    /// `allow_outside_codecs=`: codecs of the browser that pass unchanged follow `codecs`.
    pub allow_outside_codecs: bool,
}

/// The defaults of requirement A14.
impl Default for CodecSettings {
    fn default() -> Self {
        use CodecToken::{
            Alaw, Flv, G722, G729, H264, Mpeg4Generic, Mpv, Opus, Speex16, TelephoneEvent, Ulaw,
            Vp8,
        };
        Self {
            codecs: vec![
                Opus,
                Alaw,
                Ulaw,
                G729,
                Speex16,
                G722,
                Mpeg4Generic,
                TelephoneEvent,
                H264,
                Vp8,
                Flv,
                Mpv,
            ],
            exclude_sip: vec![Mpeg4Generic, Flv, Mpv],
            allow_outside_codecs: true,
        }
    }
}

impl CodecSettings {
    /// Place of a format in the SIP offer: lower first; `None` if it may not be offered.
    pub(crate) fn rank(&self, format: &Format) -> Option<usize> {
        if self.exclude_sip.iter().any(|token| token.names(format)) {
            return None;
        }
        let listed = self.codecs.iter().position(|token| token.names(format));
        listed.or(self.allow_outside_codecs.then_some(self.codecs.len()))
    }

    /// The codecs of a kind that may stand in a SIP call, by their tokens.
    pub(crate) fn listed(&self, kind: MediaKind) -> Vec<&'static str> {
        let may_stand =
            |token: &&CodecToken| token.kind() == Some(kind) && !self.exclude_sip.contains(token);
        self.codecs
            .iter()
            .filter(may_stand)
            .map(|token| token.name())
            .collect()
    }
}

/// A token that names no codec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{token}\" is no codec; known are {}", known())]
pub struct UnknownCodec {
    /// As written.
    pub token: String,
}

fn known() -> String {
    CodecToken::ALL.map(CodecToken::name).join(", ")
}

/// Reads a comma-separated list. Case and spaces do not matter, empty entries and repetitions are
/// left out; `telephoneevent`, `pcma` and `pcmu` are understood as well.
pub fn parse_codec_list(text: &str) -> Result<Vec<CodecToken>, UnknownCodec> {
    let mut tokens = Vec::new();
    for entry in text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
    {
        let name = entry.to_ascii_lowercase();
        let token = match name.as_str() {
            "telephoneevent" => Some(CodecToken::TelephoneEvent),
            "pcma" => Some(CodecToken::Alaw),
            "pcmu" => Some(CodecToken::Ulaw),
            name => CodecToken::ALL
                .into_iter()
                .find(|token| token.name() == name),
        };
        let token = token.ok_or_else(|| UnknownCodec {
            token: entry.to_owned(),
        })?;
        if !tokens.contains(&token) {
            tokens.push(token);
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_list_of_the_product() {
        let settings = CodecSettings::default();
        let list =
            "opus,alaw,ulaw,g729,speex16,g722,mpeg4-generic,telephone-event,h264,vp8,flv,mpv";
        assert_eq!(parse_codec_list(list).unwrap(), settings.codecs);
        assert_eq!(
            parse_codec_list("mpeg4-generic,flv,mpv").unwrap(),
            settings.exclude_sip
        );
    }

    #[test]
    fn every_token_is_read_as_it_is_written() {
        for token in CodecToken::ALL {
            assert_eq!(parse_codec_list(token.name()), Ok(vec![token]));
        }
    }

    #[test]
    fn spaces_case_and_repetition_do_not_matter() {
        let tokens = parse_codec_list(" ULAW , alaw,,telephoneevent,pcmu ").unwrap();
        assert_eq!(
            tokens,
            [
                CodecToken::Ulaw,
                CodecToken::Alaw,
                CodecToken::TelephoneEvent
            ]
        );
        assert_eq!(parse_codec_list(""), Ok(vec![]));
    }

    #[test]
    fn an_unknown_token_is_named() {
        let error = parse_codec_list("opus,speex32").unwrap_err().to_string();
        assert!(
            error.starts_with("\"speex32\" is no codec; known are opus, alaw"),
            "{error}"
        );
    }
}
