//! A leg's m-lines as SDP.

use sdp::MediaKind;

use super::{Leg, Line};
use crate::write::{LocalDescription, LocalLine};

impl Leg {
    pub(super) fn local_line<'a>(
        &'a self,
        line: &'a Line,
        mid: &'a str,
        extensions: &'a [(u8, &'static str)],
        reduced_size: bool,
    ) -> LocalLine<'a> {
        let cname = self
            .rtc
            .media(line.mid)
            .map_or_else(String::new, |m| m.cname().to_owned());
        LocalLine::Rtp {
            name: match line.kind {
                MediaKind::Audio => "audio",
                MediaKind::Video => "video",
            },
            mid,
            direction: line.direction,
            formats: &line.formats,
            extensions,
            reduced_size,
            ssrc: *line.ssrc,
            rtx_ssrc: line.rtx_ssrc.map(|s| *s),
            cname,
        }
    }

    pub(super) fn describe(&self, setup: &'static str, lines: Vec<LocalLine<'_>>) -> String {
        LocalDescription {
            // Any number will do (RFC 8866 §5.2); the first SSRC is random already.
            session_id: self.lines.first().map_or(1, |l| u64::from(*l.ssrc)),
            candidates: &self.candidates,
            ufrag: &self.ufrag,
            pwd: &self.pwd,
            fingerprint: &self.fingerprint,
            setup,
            lines,
        }
        .text()
    }
}
