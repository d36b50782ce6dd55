//! Our SDP toward a browser (RFC 8829 §5, RFC 8839, RFC 8843): one writer for offers and answers.
//!
//! Complete in itself: all candidates and `a=end-of-candidates`, BUNDLE, rtcp-mux, one SSRC per
//! m-line (RFC 5576), no header extension that is not used.

use std::fmt::Write as _;
use std::net::SocketAddr;

use sdp::Direction;

use crate::codecs::{NegotiatedFormat, rtpmap_name};

/// SDES MID (RFC 8843 §15).
pub(crate) const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// Transport-wide congestion control (draft-holmer-rmcat-transport-wide-cc-extensions-01).
pub(crate) const TRANSPORT_CC_URI: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Everything one SDP of ours says.
pub(crate) struct LocalDescription<'a> {
    /// `o=` session id.
    pub(crate) session_id: u64,
    /// Host candidates, most preferred first; at least one.
    pub(crate) candidates: &'a [SocketAddr],
    /// ICE ufrag.
    pub(crate) ufrag: &'a str,
    /// ICE password.
    pub(crate) pwd: &'a str,
    /// `sha-256 AB:CD...`
    pub(crate) fingerprint: &'a str,
    /// `actpass`, `active` or `passive`.
    pub(crate) setup: &'static str,
    /// The m-lines in order.
    pub(crate) lines: Vec<LocalLine<'a>>,
}

/// One m-line of ours.
pub(crate) enum LocalLine<'a> {
    /// Port 0 (RFC 3264 §6).
    Rejected {
        /// `audio`, `video`, `application` ...
        name: &'a str,
        /// As in the offer.
        proto: &'a str,
        /// As in the offer; at least one stands in an m-line.
        formats: &'a [String],
        /// As in the offer.
        mid: &'a str,
    },
    /// RTP.
    Rtp {
        /// `audio` or `video`.
        name: &'static str,
        /// As in the offer.
        mid: &'a str,
        /// Our direction.
        direction: Direction,
        /// Formats in order of preference.
        formats: &'a [NegotiatedFormat],
        /// (id, URI).
        extensions: &'a [(u8, &'static str)],
        /// `a=rtcp-rsize`.
        reduced_size: bool,
        /// Our SSRC and its rtx SSRC.
        ssrc: u32,
        /// The rtx SSRC.
        rtx_ssrc: Option<u32>,
        /// RTCP CNAME of our SSRC.
        cname: String,
    },
}

impl LocalDescription<'_> {
    /// The SDP text, CRLF lines.
    pub(crate) fn text(&self) -> String {
        let mut lines = Lines(String::with_capacity(2048));
        let mids: String = self
            .lines
            .iter()
            .filter_map(|line| match line {
                LocalLine::Rtp { mid, .. } => Some(format!(" {mid}")),
                LocalLine::Rejected { .. } => None,
            })
            .collect();
        lines.add("v=0");
        lines.add(format_args!(
            "o=ringdown {} 1 IN IP4 127.0.0.1",
            self.session_id
        ));
        lines.add("s=-");
        lines.add("t=0 0");
        lines.add("a=ice-lite");
        lines.add(format_args!("a=group:BUNDLE{mids}"));
        lines.add("a=msid-semantic: WMS *");
        let mut with_candidates = true;
        for line in &self.lines {
            self.line(&mut lines, line, &mut with_candidates);
        }
        lines.0
    }

    fn line(&self, lines: &mut Lines, line: &LocalLine<'_>, with_candidates: &mut bool) {
        match line {
            LocalLine::Rejected {
                name,
                proto,
                formats,
                mid,
            } => {
                let formats = if formats.is_empty() {
                    "0".to_owned()
                } else {
                    formats.join(" ")
                };
                lines.add(format_args!("m={name} 0 {proto} {formats}"));
                lines.add("c=IN IP4 0.0.0.0");
                lines.add(format_args!("a=mid:{mid}"));
                lines.add("a=inactive");
            }
            LocalLine::Rtp {
                name,
                mid,
                direction,
                formats,
                extensions,
                reduced_size,
                ssrc,
                rtx_ssrc,
                cname,
            } => {
                let Some(default) = self.candidates.first() else {
                    return;
                };
                let list: String = formats
                    .iter()
                    .flat_map(|f| [Some(f.format.payload_type.get()), f.rtx])
                    .flatten()
                    .map(|pt| format!(" {pt}"))
                    .collect();
                lines.add(format_args!(
                    "m={name} {} UDP/TLS/RTP/SAVPF{list}",
                    default.port()
                ));
                lines.add(format_args!("c=IN {}", network(default)));
                lines.add("a=rtcp:9 IN IP4 0.0.0.0");
                // Bundled m-lines share the transport of the first (RFC 8843 §7.1.3).
                if std::mem::take(with_candidates) {
                    self.candidates(lines);
                }
                lines.add(format_args!("a=ice-ufrag:{}", self.ufrag));
                lines.add(format_args!("a=ice-pwd:{}", self.pwd));
                lines.add(format_args!("a=fingerprint:{}", self.fingerprint));
                lines.add(format_args!("a=setup:{}", self.setup));
                lines.add(format_args!("a=mid:{mid}"));
                for (id, uri) in *extensions {
                    lines.add(format_args!("a=extmap:{id} {uri}"));
                }
                lines.add(format_args!("a={}", direction_word(*direction)));
                lines.add("a=rtcp-mux");
                if *reduced_size {
                    lines.add("a=rtcp-rsize");
                }
                for format in *formats {
                    write_format(lines, format);
                }
                if matches!(direction, Direction::SendRecv | Direction::SendOnly) {
                    lines.add(format_args!("a=msid:ringdown ringdown-{name}"));
                    if let Some(rtx) = rtx_ssrc {
                        lines.add(format_args!("a=ssrc-group:FID {ssrc} {rtx}"));
                    }
                    for ssrc in std::iter::once(ssrc).chain(rtx_ssrc) {
                        lines.add(format_args!("a=ssrc:{ssrc} cname:{cname}"));
                        lines.add(format_args!("a=ssrc:{ssrc} msid:ringdown ringdown-{name}"));
                    }
                }
            }
        }
    }

    /// Host candidates (RFC 8445 §5.1.2.1: type preference 126, component 1).
    fn candidates(&self, lines: &mut Lines) {
        for (index, candidate) in self.candidates.iter().enumerate() {
            let local = 65_535_u32.saturating_sub(index as u32);
            let priority = (126 << 24) | (local << 8) | 255;
            lines.add(format_args!(
                "a=candidate:{} 1 udp {priority} {} {} typ host",
                index + 1,
                candidate.ip(),
                candidate.port()
            ));
        }
        lines.add("a=end-of-candidates");
    }
}

fn write_format(lines: &mut Lines, negotiated: &NegotiatedFormat) {
    let format = &negotiated.format;
    let pt = format.payload_type.get();
    let channels = match format.channels {
        0 | 1 => String::new(),
        n => format!("/{n}"),
    };
    lines.add(format_args!(
        "a=rtpmap:{pt} {}/{}{channels}",
        rtpmap_name(&format.encoding),
        format.clock_hz
    ));
    for value in &negotiated.feedback {
        lines.add(format_args!("a=rtcp-fb:{pt} {value}"));
    }
    if let Some(fmtp) = format.fmtp.as_deref().filter(|f| !f.is_empty()) {
        lines.add(format_args!("a=fmtp:{pt} {fmtp}"));
    }
    if let Some(rtx) = negotiated.rtx {
        lines.add(format_args!("a=rtpmap:{rtx} rtx/{}", format.clock_hz));
        lines.add(format_args!("a=fmtp:{rtx} apt={pt}"));
    }
}

fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}

fn network(addr: &SocketAddr) -> String {
    match addr {
        SocketAddr::V4(a) => format!("IP4 {}", a.ip()),
        SocketAddr::V6(a) => format!("IP6 {}", a.ip()),
    }
}

struct Lines(String);

impl Lines {
    fn add(&mut self, line: impl std::fmt::Display) {
        let start = self.0.len();
        let _ = write!(self.0, "{line}");
        // A line is one line, whatever a peer's values held.
        if self.0[start..].contains(['\r', '\n']) {
            let clean = self.0[start..].replace(['\r', '\n'], " ");
            self.0.replace_range(start.., &clean);
        }
        self.0.push_str("\r\n");
    }
}
