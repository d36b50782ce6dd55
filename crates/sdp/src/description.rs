//! A session description as a value, and how it is written (RFC 8866).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::address::Address;
use crate::format::{Encoding, Format, MediaKind, PayloadType};

/// A session description: ours, or one read from a peer or a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// `o=`.
    pub origin: Origin,
    /// The session-level `c=`; `None` if there is none, if it names a host, or if it says hold
    /// (`0.0.0.0`, `::`).
    pub addr: Option<IpAddr>,
    /// The `b=` and `a=` lines of the session section, without line ends, `b=` first.
    pub session_lines: Vec<String>,
    /// The m-lines, in order.
    pub media: Vec<Media>,
}

impl Description {
    /// The first m-line of a kind that is not refused.
    pub fn first(&self, kind: MediaKind) -> Option<&Media> {
        self.media
            .iter()
            .find(|media| media.kind == Some(kind) && !media.rejected())
    }

    /// Whether `media`, an m-line of this description, is the one that [`Description::first`]
    /// finds. Further m-lines of a kind are not carried.
    pub(crate) fn is_first(&self, media: &Media, kind: MediaKind) -> bool {
        self.first(kind)
            .is_some_and(|first| std::ptr::eq(first, media))
    }
}

/// `o=- <session_id> <version> IN IP4 <addr>` (RFC 8866 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Stays the same for the life of a call; 0 where a peer's is not a number.
    pub session_id: u64,
    /// Grows by one with each change of the description (RFC 3264 §8).
    pub version: u64,
    /// The unspecified address where a peer wrote a name.
    pub addr: IpAddr,
}

/// One m-line with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `None`: neither audio nor video; always refused with port 0.
    pub kind: Option<MediaKind>,
    /// `audio`, `video`, `image`, `application` ... as written.
    pub media_name: String,
    /// RTP port; 0 refuses the m-line, 9 is what browsers write.
    pub port: u16,
    /// `RTP/AVP`, `UDP/TLS/RTP/SAVPF` ... as written.
    pub proto: String,
    /// Where media goes: the m-line's own `c=` or the session's; `None` as in [`Description::addr`].
    pub addr: Option<IpAddr>,
    /// `a=rtcp` (RFC 3605).
    pub rtcp: Option<SocketAddr>,
    /// `a=rtcp-mux` (RFC 5761).
    pub rtcp_mux: bool,
    /// As the writer of the description sees it; the session's where the m-line has none.
    pub direction: Direction,
    /// In order of preference. Empty for m-lines that are not RTP.
    pub formats: Vec<Format>,
    /// Formats that are no payload types (`t38`, `webrtc-datachannel`), kept for the refusal.
    pub other_formats: Vec<String>,
    /// `a=ptime`, in ms.
    pub ptime_ms: Option<u16>,
    /// `a=rtcp-fb`, whatever payload type it names.
    pub feedback: Feedback,
    /// `a=mid` (RFC 5888).
    pub mid: Option<String>,
}

impl Media {
    /// Where RTP goes; `None` on hold by address, without an address, or if refused.
    pub fn rtp_addr(&self) -> Option<SocketAddr> {
        let addr = self.addr.filter(|_| !self.rejected())?;
        Some(SocketAddr::new(addr, self.port))
    }

    /// Where RTCP goes: the RTP port if multiplexed (RFC 5761 §5.1.1), else `a=rtcp` (RFC 3605),
    /// else the port above (RFC 3550 §11).
    pub fn rtcp_addr(&self) -> Option<SocketAddr> {
        let rtp = self.rtp_addr()?;
        if self.rtcp_mux {
            return Some(rtp);
        }
        let above = SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1));
        Some(self.rtcp.unwrap_or(above))
    }

    /// Port 0 (RFC 3264 §6).
    pub fn rejected(&self) -> bool {
        self.port == 0
    }

    /// The formats of the m-line are RTP payload types.
    pub(crate) fn is_rtp(&self) -> bool {
        self.proto.to_ascii_uppercase().contains("RTP/")
    }

    /// RTP without encryption, which is all that our SIP side speaks.
    pub(crate) fn is_plain_rtp(&self) -> bool {
        ["RTP/AVP", "RTP/AVPF"]
            .iter()
            .any(|proto| self.proto.eq_ignore_ascii_case(proto))
    }

    /// An m-line of ours as an offer has it.
    pub(crate) fn ours(local: LocalMedia, direction: Direction, formats: Vec<Format>) -> Self {
        let video = local.kind == MediaKind::Video;
        Self {
            kind: Some(local.kind),
            media_name: local.kind.to_string(),
            port: local.rtp.port(),
            // AVP with a=rtcp-fb, not AVPF: baresip, linphone and Asterisk take the feedback lines
            // from either, and older devices refuse AVPF.
            proto: "RTP/AVP".into(),
            addr: Some(local.rtp.ip()),
            rtcp: None,
            rtcp_mux: true,
            direction,
            formats,
            other_formats: Vec::new(),
            ptime_ms: (!video).then_some(PTIME_MS),
            // No generic NACK: nothing on the SIP leg is sent twice.
            feedback: Feedback {
                pli: video,
                fir: video,
                nack: false,
            },
            mid: None,
        }
    }

    /// This m-line refused: port 0, and one format, since the grammar demands one (RFC 3264 §6).
    pub(crate) fn refusal(&self, addr: IpAddr) -> Self {
        let bare = self
            .formats
            .first()
            .map(|format| Format::of_payload_type(format.payload_type));
        let other = self
            .other_formats
            .first()
            .filter(|_| bare.is_none())
            .cloned();
        let (bare, other) = match (bare, other) {
            // An m-line without formats, as `stripCodecs` of a page leaves it.
            (None, None) if self.is_rtp() => {
                (PayloadType::new(0).map(Format::of_payload_type), None)
            }
            (None, None) => (None, Some("*".to_owned())),
            found => found,
        };
        Self {
            port: 0,
            addr: Some(addr),
            rtcp: None,
            rtcp_mux: false,
            direction: Direction::SendRecv,
            formats: bare.into_iter().collect(),
            other_formats: other.into_iter().collect(),
            ptime_ms: None,
            feedback: Feedback::default(),
            mid: None,
            ..self.clone()
        }
    }
}

/// Packet length we write and assume, ms (RFC 3551 §4.2).
pub(crate) const PTIME_MS: u16 = 20;

/// Direction of a stream (RFC 8866 §6.7), as the writer of the description sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The default.
    #[default]
    SendRecv,
    /// Sends only.
    SendOnly,
    /// Receives only.
    RecvOnly,
    /// Neither; RTCP still flows.
    Inactive,
}

impl Direction {
    /// The same stream seen from the other end.
    pub fn reversed(self) -> Self {
        Self::of(self.receives(), self.sends())
    }

    /// What remains when both limits hold (RFC 3264 §6.1).
    pub fn and(self, other: Self) -> Self {
        Self::of(
            self.sends() && other.sends(),
            self.receives() && other.receives(),
        )
    }

    /// The writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// The writer receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The attribute's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// RTCP feedback messages the writer understands (RFC 4585 §4.2, RFC 5104 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Feedback {
    /// `nack pli`: picture loss indication.
    pub pli: bool,
    /// `ccm fir`: full intra request.
    pub fir: bool,
    /// `nack`: generic NACK.
    pub nack: bool,
}

impl Feedback {
    /// What both sides understand.
    pub fn and(self, other: Self) -> Self {
        Self {
            pli: self.pli && other.pli,
            fir: self.fir && other.fir,
            nack: self.nack && other.nack,
        }
    }
}

/// A port pair of ours on the SIP side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalMedia {
    /// For which m-line.
    pub kind: MediaKind,
    /// The advertised RTP address; RTCP is the port above unless multiplexed.
    pub rtp: SocketAddr,
}

/// CRLF lines in the order of RFC 8866 §5: `b=` before `t=`, and `a=` after it.
impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin {
            session_id,
            version,
            addr,
        } = self.origin;
        write!(
            f,
            "v=0\r\no=- {session_id} {version} {}\r\ns=-\r\n",
            Address(addr)
        )?;
        if let Some(addr) = self.addr {
            write!(f, "c={}\r\n", Address(addr))?;
        }
        let (bandwidth, others): (Vec<_>, Vec<_>) = self
            .session_lines
            .iter()
            .partition(|line| is_bandwidth(line));
        for line in bandwidth {
            write!(f, "{line}\r\n")?;
        }
        f.write_str("t=0 0\r\n")?;
        for line in others {
            write!(f, "{line}\r\n")?;
        }
        self.media
            .iter()
            .try_for_each(|media| write_media(f, media, self))
    }
}

/// Whether a session line is a `b=`.
pub(crate) fn is_bandwidth(line: &str) -> bool {
    line.starts_with("b=")
}

fn write_media(f: &mut fmt::Formatter<'_>, media: &Media, session: &Description) -> fmt::Result {
    write!(f, "m={} {} {}", media.media_name, media.port, media.proto)?;
    for format in &media.formats {
        write!(f, " {}", format.payload_type)?;
    }
    for format in &media.other_formats {
        write!(f, " {format}")?;
    }
    f.write_str("\r\n")?;
    match (media.addr, session.addr) {
        (Some(addr), session) if session != Some(addr) => write!(f, "c={}\r\n", Address(addr))?,
        // A peer that holds one m-line by address (RFC 3264 §8.4). We never write such a value of
        // our own: offers and answers always carry an address.
        (None, Some(IpAddr::V4(_))) => f.write_str("c=IN IP4 0.0.0.0\r\n")?,
        (None, Some(IpAddr::V6(_))) => f.write_str("c=IN IP6 ::\r\n")?,
        _ => {}
    }
    for format in &media.formats {
        let payload_type = format.payload_type;
        if format.encoding != Encoding::Other(String::new()) {
            write!(f, "a=rtpmap:{payload_type} {format}\r\n")?;
        }
        if let Some(fmtp) = &format.fmtp {
            write!(f, "a=fmtp:{payload_type} {fmtp}\r\n")?;
        }
    }
    if let Some(ptime) = media.ptime_ms {
        write!(f, "a=ptime:{ptime}\r\n")?;
    }
    let Feedback { pli, fir, nack } = media.feedback;
    for (wanted, name) in [(nack, "nack"), (pli, "nack pli"), (fir, "ccm fir")] {
        if wanted {
            write!(f, "a=rtcp-fb:* {name}\r\n")?;
        }
    }
    if let Some(rtcp) = media.rtcp {
        write!(f, "a=rtcp:{} {}\r\n", rtcp.port(), Address(rtcp.ip()))?;
    }
    if media.rtcp_mux {
        f.write_str("a=rtcp-mux\r\n")?;
    }
    if let Some(mid) = &media.mid {
        write!(f, "a=mid:{mid}\r\n")?;
    }
    // A refused line has no direction to speak of, unless the session's would become its own.
    let inherits = session
        .session_lines
        .iter()
        .any(|line| line.starts_with("a="));
    if media.rejected() && media.direction == Direction::SendRecv && !inherits {
        return Ok(());
    }
    write!(f, "a={}\r\n", media.direction.name())
}
