//! One peer connection: built from an offer and a plan, or from our own wish and an answer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sdp::{BrowserMedia, Direction, MediaKind, Plan};
use str0m::crypto::Fingerprint;
use str0m::media::{KeyframeRequestKind, MediaKind as StrMediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionMap, RtpWrite, Ssrc};
use str0m::{Candidate, Event, IceConnectionState, IceCreds, Input, Output, Rtc};

use crate::codecs::{NegotiatedFormat, configure, usable};
use crate::config::LegConfig;
use crate::description::{Remote, Setup};
use crate::error::{Error, LegFailure};
use crate::negotiate::{
    bad, both, check_peer, extensions_of, free_payload_types, mirrored, negotiate, plan_for,
    receives, sends, with_our_feedback,
};
use crate::write::{LocalDescription, LocalLine, MID_URI, TRANSPORT_CC_URI};

/// Packets kept for a browser's NACKs (video). `str0m`'s default of 1000 costs 0.9 MB a call.
const RESEND_PACKETS: usize = 256;
/// How long they are kept: longer than this a browser has asked for a key frame instead.
const RESEND_AGE: Duration = Duration::from_secs(1);
/// Share of resends above which they are given up (`str0m`'s default).
const RESEND_RATIO: Option<f32> = Some(0.15);
/// Our header extension ids in an offer of ours.
const OUR_EXTENSIONS: [(u8, &str); 2] = [(3, TRANSPORT_CC_URI), (4, MID_URI)];

/// The largest payload that [`Leg::send`] takes, in bytes. `str0m` writes header, extensions and
/// payload into 2,000 bytes and panics when they do not fit; ours need at most 60 beside the payload.
pub const MAX_PAYLOAD: usize = 1_900;

/// What a leg says. Drain with [`Leg::poll_output`] after every call that changes it.
#[derive(Debug, Clone, PartialEq)]
pub enum LegOutput {
    /// Send this datagram to the browser.
    Transmit {
        /// An address proved by an authenticated check.
        to: SocketAddr,
        /// STUN, DTLS, SRTP or SRTCP.
        bytes: Vec<u8>,
    },
    /// The browser's media, decrypted, as numbered by the browser.
    Rtp {
        /// Its m-line.
        kind: MediaKind,
        /// The packet.
        packet: RtpPacket,
    },
    /// The browser needs a key frame of what we send (PLI or FIR).
    KeyFrameWanted {
        /// Always video.
        kind: MediaKind,
    },
    /// ICE and DTLS are up; once.
    Connected,
    /// The leg ended; once, and nothing follows.
    Failed(LegFailure),
}

/// A decrypted RTP packet of the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpPacket {
    /// The browser's payload type.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number as on the wire.
    pub sequence: u16,
    /// Timestamp in the codec's clock.
    pub timestamp: u32,
    /// The browser's SSRC.
    pub ssrc: u32,
    /// Payload without padding and header extensions.
    pub payload: Arc<[u8]>,
}

/// A packet for the browser. The SSRC is the leg's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutRtp {
    /// Payload type as negotiated with the browser.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Extended and monotone; the leg rebases it so that its first is below 65,536 (RFC 3711).
    pub sequence: u64,
    /// Timestamp in the codec's clock.
    pub timestamp: u32,
    /// When `timestamp` was now, for sender reports: not later than now.
    pub captured: Instant,
    /// Payload.
    pub payload: Arc<[u8]>,
}

/// An m-line of this leg that carries media.
struct Line {
    kind: MediaKind,
    mid: Mid,
    /// Our direction.
    direction: Direction,
    formats: Vec<NegotiatedFormat>,
    ssrc: Ssrc,
    rtx_ssrc: Option<Ssrc>,
    /// Extended sequence number of the source that became our `first & 0xffff`.
    base: Option<u64>,
}

/// One browser leg.
pub struct Leg {
    rtc: Rtc,
    lines: Vec<Line>,
    candidates: Vec<SocketAddr>,
    ufrag: String,
    pwd: String,
    fingerprint: String,
    outputs: VecDeque<LegOutput>,
    timeout: Instant,
    now: Instant,
    connected: bool,
    failed: bool,
    /// Our offer waits for its answer.
    awaits_answer: bool,
}

impl Leg {
    /// Answer a browser's offer with the formats of `plan`, in the plan's order.
    ///
    /// What the plan does not accept, a second m-line of a kind, and data channels are rejected.
    pub fn answer(
        config: &LegConfig,
        offer_sdp: &str,
        plan: &Plan,
        now: Instant,
    ) -> Result<(Self, String), Error> {
        let remote = Remote::parse(offer_sdp)?;
        check_peer(&remote)?;
        let setup = match remote.setup {
            Setup::ActPass | Setup::Active => Setup::Passive,
            Setup::Passive => Setup::Active,
        };
        let wanted: Vec<Option<Vec<NegotiatedFormat>>> = {
            let mut taken = [false; 2];
            let mut plans = [
                plan_for(plan, MediaKind::Audio),
                plan_for(plan, MediaKind::Video),
            ];
            remote
                .media
                .iter()
                .map(|line| {
                    let slot = line.kind? as usize;
                    let media = plans[slot].pop()?;
                    if line.rejected || !media.accepted || taken[slot] {
                        return None;
                    }
                    let formats = negotiate(line, &media.browser);
                    taken[slot] = !formats.is_empty();
                    (!formats.is_empty()).then_some(formats)
                })
                .collect()
        };
        let accepted = remote.media.iter().zip(&wanted);
        let lines: Vec<(MediaKind, &str, Direction, Vec<NegotiatedFormat>)> = accepted
            .filter_map(|(line, formats)| {
                let kind = line.kind?;
                let formats = formats.clone()?;
                Some((kind, line.mid.as_str(), mirrored(line.direction), formats))
            })
            .collect();
        if lines.is_empty() {
            return Err(bad("no m-line of it can be accepted"));
        }
        let extensions = extensions_of(&remote, lines.iter().any(|l| l.0 == MediaKind::Video));

        let mut leg = Self::build(config, lines, &extensions, now)?;
        leg.take_remote(&remote, setup)?;
        let text = leg.describe_answer(&remote, setup, &wanted, &extensions);
        leg.drain();
        leg.handle_timeout(now);
        Ok((leg, text))
    }

    /// Offer `media` to a browser; its answer goes to [`Leg::accept_answer`].
    pub fn offer(
        config: &LegConfig,
        media: &[BrowserMedia],
        now: Instant,
    ) -> Result<(Self, String), Error> {
        let mut free = free_payload_types(media);
        let lines: Vec<(MediaKind, String, Direction, Vec<NegotiatedFormat>)> = media
            .iter()
            .enumerate()
            .map(|(index, wish)| {
                let formats = usable(&wish.formats)
                    .into_iter()
                    .map(|format| with_our_feedback(wish.kind, format, &mut free))
                    .collect::<Vec<_>>();
                (wish.kind, index.to_string(), wish.direction, formats)
            })
            .filter(|(_, _, _, formats)| !formats.is_empty())
            .collect();
        if lines.is_empty() {
            return Err(bad("there is no format to offer"));
        }
        let with_video = lines.iter().any(|l| l.0 == MediaKind::Video);
        let extensions: Vec<(u8, &'static str)> = OUR_EXTENSIONS
            .into_iter()
            .filter(|(_, uri)| with_video || *uri == MID_URI)
            .collect();
        let borrowed = lines
            .iter()
            .map(|(kind, mid, direction, formats)| {
                (*kind, mid.as_str(), *direction, formats.clone())
            })
            .collect();
        let mut leg = Self::build(config, borrowed, &extensions, now)?;
        leg.awaits_answer = true;
        let local = leg
            .lines
            .iter()
            .map(|line| leg.local_line(line, &line.mid, &extensions, true))
            .collect();
        let text = leg.describe("actpass", local);
        leg.drain();
        leg.handle_timeout(now);
        Ok((leg, text))
    }

    /// Take the browser's answer to our offer.
    pub fn accept_answer(&mut self, answer_sdp: &str, now: Instant) -> Result<(), Error> {
        if !self.awaits_answer {
            return Err(bad("no answer was awaited"));
        }
        let remote = Remote::parse(answer_sdp)?;
        check_peer(&remote)?;
        if remote.media.len() != self.lines.len() {
            return Err(bad(
                "the answer has another number of m-lines than the offer",
            ));
        }
        for (line, answered) in self.lines.iter_mut().zip(&remote.media) {
            if answered.kind != Some(line.kind) {
                return Err(bad(
                    "the answer's m-lines have another order than the offer's",
                ));
            }
            let listed: Vec<u8> = answered.payload_types().collect();
            line.formats
                .retain(|f| listed.contains(&f.format.payload_type.get()));
            let theirs = mirrored(answered.direction);
            line.direction = if answered.rejected || line.formats.is_empty() {
                Direction::Inactive
            } else {
                both(line.direction, theirs)
            };
        }
        self.awaits_answer = false;
        let setup = match remote.setup {
            Setup::Passive => Setup::Active,
            Setup::Active | Setup::ActPass => Setup::Passive,
        };
        self.take_remote(&remote, setup)?;
        self.drain();
        self.handle_timeout(now);
        Ok(())
    }

    /// Whether this datagram belongs to this leg: authenticated STUN, or anything from an address
    /// that an authenticated check has proved. Nothing else may go to [`Leg::handle_input`].
    pub fn accepts(&self, bytes: &[u8], from: SocketAddr, to: SocketAddr) -> bool {
        let to = self.local_candidate(to);
        match Receive::new(Protocol::Udp, from, to, bytes) {
            Ok(receive) => self.rtc.accepts(&Input::Receive(self.now, receive)),
            Err(_) => false,
        }
    }

    /// A datagram for which [`Leg::accepts`] said yes. `to` is the local address it came to.
    pub fn handle_input(&mut self, bytes: &[u8], from: SocketAddr, to: SocketAddr, now: Instant) {
        self.now = self.now.max(now);
        if self.failed {
            return;
        }
        let to = self.local_candidate(to);
        let Ok(receive) = Receive::new(Protocol::Udp, from, to, bytes) else {
            return;
        };
        let result = self.rtc.handle_input(Input::Receive(self.now, receive));
        self.after(result);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.failed {
            return;
        }
        let result = self.rtc.handle_input(Input::Timeout(self.now));
        self.after(result);
    }

    /// When to call [`Leg::handle_timeout`]; `None` when the leg has ended.
    pub fn poll_timeout(&self) -> Option<Instant> {
        (!self.failed).then_some(self.timeout)
    }

    /// What the leg says next.
    pub fn poll_output(&mut self) -> Option<LegOutput> {
        self.outputs.pop_front()
    }

    /// Send one packet. A packet is dropped before the leg is connected, against the negotiated
    /// direction, with a payload type that was not negotiated, and with a payload larger than
    /// [`MAX_PAYLOAD`] (`str0m` gates none of these in RTP mode).
    pub fn send(&mut self, kind: MediaKind, packet: OutRtp, now: Instant) {
        self.now = self.now.max(now);
        if !self.connected || self.failed || packet.payload.len() > MAX_PAYLOAD {
            return;
        }
        let Some(line) = self.lines.iter_mut().find(|l| l.kind == kind) else {
            return;
        };
        let known = |f: &NegotiatedFormat| f.format.payload_type.get() == packet.payload_type;
        if !sends(line.direction) || !line.formats.iter().any(known) {
            return;
        }
        let base = *line.base.get_or_insert(packet.sequence & !0xffff);
        let Some(sequence) = packet.sequence.checked_sub(base) else {
            return;
        };
        let ssrc = line.ssrc;
        if let Some(stream) = self.rtc.direct_api().stream_tx(&ssrc) {
            stream.write_rtp(
                RtpWrite::new(
                    packet.payload_type.into(),
                    sequence.into(),
                    packet.timestamp,
                    packet.captured,
                    packet.payload,
                )
                .marker(packet.marker)
                .nackable(kind == MediaKind::Video),
            );
        }
        self.drain();
        self.handle_timeout(now);
    }

    /// Ask the browser for a key frame (PLI, or FIR if it knows only that).
    pub fn request_key_frame(&mut self, kind: MediaKind, now: Instant) {
        let Some(line) = self.lines.iter().find(|l| l.kind == kind) else {
            return;
        };
        if kind != MediaKind::Video || !receives(line.direction) || self.failed {
            return;
        }
        let knows = |value: &str| line.formats.iter().any(|f| f.feedback.contains(&value));
        let request = if !knows("nack pli") && knows("ccm fir") {
            KeyframeRequestKind::Fir
        } else {
            KeyframeRequestKind::Pli
        };
        let mid = line.mid;
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, None) {
            stream.request_keyframe(request);
        }
        self.drain();
        self.handle_timeout(now);
    }

    /// Our ICE ufrag: STUN requests for this leg name it first in USERNAME.
    pub fn local_ufrag(&self) -> &str {
        &self.ufrag
    }

    /// Whether ICE and DTLS are up.
    pub fn is_connected(&self) -> bool {
        self.connected && !self.failed
    }

    // --- Making -------------------------------------------------------------------------------

    fn build(
        config: &LegConfig,
        lines: Vec<(MediaKind, &str, Direction, Vec<NegotiatedFormat>)>,
        extensions: &[(u8, &'static str)],
        now: Instant,
    ) -> Result<Self, Error> {
        if config.candidates.is_empty() {
            return Err(Error::NoCandidates);
        }
        let mut map = ExtensionMap::empty();
        for (id, uri) in extensions {
            let extension = match *uri {
                MID_URI => Extension::RtpMid,
                _ => Extension::TransportSequenceNumber,
            };
            map.set(*id, extension);
        }
        let mut rtc = Rtc::builder()
            .set_ice_lite(true)
            .set_rtp_mode(true)
            .set_crypto_provider(Arc::clone(&config.identity.crypto))
            .set_dtls_cert(config.identity.certificate.clone())
            .set_send_buffer_video(RESEND_PACKETS)
            .set_stats_interval(None)
            .clear_codecs()
            .set_extension_map(map);
        for negotiated in lines.iter().flat_map(|(_, _, _, formats)| formats) {
            configure(&mut rtc, negotiated);
        }
        let mut rtc = rtc.build(now);
        for address in &config.candidates {
            if let Ok(candidate) = Candidate::host(*address, "udp") {
                rtc.add_local_candidate(candidate);
            }
        }
        let mut api = rtc.direct_api();
        api.set_ice_controlling(false);
        let with_transport_cc = extensions.iter().any(|(_, uri)| *uri == TRANSPORT_CC_URI);
        if with_transport_cc {
            api.enable_twcc_feedback();
        }
        let lines = lines
            .into_iter()
            .map(|(kind, mid, direction, formats)| {
                let mid = Mid::from(mid);
                let media = match kind {
                    MediaKind::Audio => StrMediaKind::Audio,
                    MediaKind::Video => StrMediaKind::Video,
                };
                api.declare_media(mid, media);
                let ssrc = api.new_ssrc();
                let with_rtx = formats.iter().any(|f| f.rtx.is_some());
                let rtx_ssrc = with_rtx.then(|| api.new_ssrc());
                let stream = api.declare_stream_tx(ssrc, rtx_ssrc, mid, None);
                let packets = if with_rtx { RESEND_PACKETS } else { 0 };
                stream.set_rtx_cache(packets, RESEND_AGE, RESEND_RATIO);
                Line {
                    kind,
                    mid,
                    direction,
                    formats,
                    ssrc,
                    rtx_ssrc,
                    base: None,
                }
            })
            .collect();
        let IceCreds { ufrag, pass: pwd } = api.local_ice_credentials();
        let fingerprint = api.local_dtls_fingerprint().to_string();
        Ok(Self {
            rtc,
            lines,
            candidates: config.candidates.clone(),
            ufrag,
            pwd,
            fingerprint,
            outputs: VecDeque::new(),
            timeout: now,
            now,
            connected: false,
            failed: false,
            awaits_answer: false,
        })
    }

    /// Credentials, fingerprint, expected SSRCs and DTLS role of the browser.
    fn take_remote(&mut self, remote: &Remote, setup: Setup) -> Result<(), Error> {
        let (hash, digest) = &remote.fingerprint;
        let fingerprint: Fingerprint = format!("{hash} {digest}")
            .parse()
            .map_err(|_| bad("a=fingerprint is not a hash and a digest"))?;
        let mut api = self.rtc.direct_api();
        api.set_remote_ice_credentials(IceCreds {
            ufrag: remote.ufrag.clone(),
            pass: remote.pwd.clone(),
        });
        api.set_remote_fingerprint(fingerprint);
        for line in &self.lines {
            let theirs = remote
                .media
                .iter()
                .find(|m| Mid::from(m.mid.as_str()) == line.mid && m.kind == Some(line.kind));
            // One source per m-line: no simulcast was negotiated.
            let source = theirs.and_then(|m| m.ssrcs.first());
            if let Some((ssrc, rtx)) = source.filter(|_| receives(line.direction)) {
                let rtx = rtx.filter(|_| line.rtx_ssrc.is_some());
                let stream =
                    api.expect_stream_rx((*ssrc).into(), rtx.map(Into::into), line.mid, None);
                stream.suppress_nack(rtx.is_none());
            }
        }
        api.start_dtls(setup == Setup::Active)
            .map_err(|e| bad(&format!("DTLS cannot start: {e}")))
    }

    fn describe_answer(
        &self,
        remote: &Remote,
        setup: Setup,
        wanted: &[Option<Vec<NegotiatedFormat>>],
        extensions: &[(u8, &'static str)],
    ) -> String {
        // RFC 8285 section 6: an answer has no extension that its m-line was not offered.
        let offered: Vec<Vec<(u8, &'static str)>> = remote
            .media
            .iter()
            .map(|theirs| {
                let known = |(id, uri): &&(u8, &'static str)| theirs.extension(uri) == Some(*id);
                extensions.iter().filter(known).copied().collect()
            })
            .collect();
        let local = remote
            .media
            .iter()
            .zip(wanted)
            .zip(&offered)
            .map(|((theirs, formats), extensions)| {
                let line = formats
                    .as_ref()
                    .and_then(|_| self.lines.iter().find(|l| Some(l.kind) == theirs.kind));
                match line {
                    Some(line) => {
                        self.local_line(line, &theirs.mid, extensions, theirs.reduced_size)
                    }
                    None => LocalLine::Rejected {
                        name: &theirs.name,
                        proto: &theirs.proto,
                        formats: &theirs.formats,
                        mid: &theirs.mid,
                    },
                }
            })
            .collect();
        let setup = match setup {
            Setup::Active => "active",
            _ => "passive",
        };
        self.describe(setup, local)
    }

    fn local_line<'a>(
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

    fn describe(&self, setup: &'static str, lines: Vec<LocalLine<'_>>) -> String {
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

    // --- Running ------------------------------------------------------------------------------

    /// The candidate a datagram came to. Behind a 1:1 NAT, or on a wildcard socket, the local
    /// address is not among the advertised ones: any of its family is the same socket.
    fn local_candidate(&self, to: SocketAddr) -> SocketAddr {
        if self.candidates.contains(&to) {
            return to;
        }
        let same_family = |c: &&SocketAddr| c.is_ipv4() == to.is_ipv4();
        *self.candidates.iter().find(same_family).unwrap_or(&to)
    }

    fn after(&mut self, result: Result<(), str0m::RtcError>) {
        match result {
            Ok(()) => self.drain(),
            Err(error) => self.fail(LegFailure::Dtls(error.to_string())),
        }
    }

    /// `str0m`'s law: after every mutation, outputs until the next timeout.
    fn drain(&mut self) {
        while !self.failed {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.timeout = at;
                    return;
                }
                Ok(Output::Transmit(transmit)) => self.outputs.push_back(LegOutput::Transmit {
                    to: transmit.destination,
                    bytes: transmit.contents.into(),
                }),
                Ok(Output::Event(event)) => self.event(event),
                Err(error) => self.fail(LegFailure::Dtls(error.to_string())),
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Connected => {
                self.connected = true;
                self.outputs.push_back(LegOutput::Connected);
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.fail(LegFailure::Ice);
            }
            Event::Closed => {
                self.fail(LegFailure::Closed);
            }
            Event::KeyframeRequest(request) => {
                if let Some(line) = self.lines.iter().find(|l| l.mid == request.mid) {
                    let kind = line.kind;
                    self.outputs.push_back(LegOutput::KeyFrameWanted { kind });
                }
            }
            Event::RtpPacket(packet) => {
                let payload_type = *packet.header.payload_type;
                // Payload types are unique across a BUNDLE (RFC 8843 §10.1.2).
                let carries = |l: &&Line| {
                    let known = |f: &NegotiatedFormat| f.format.payload_type.get() == payload_type;
                    l.formats.iter().any(known)
                };
                let Some(line) = self.lines.iter().find(carries) else {
                    return;
                };
                if receives(line.direction) {
                    self.outputs.push_back(LegOutput::Rtp {
                        kind: line.kind,
                        packet: RtpPacket {
                            payload_type,
                            marker: packet.header.marker,
                            sequence: packet.header.sequence_number,
                            timestamp: packet.header.timestamp,
                            ssrc: *packet.header.ssrc,
                            payload: packet.payload,
                        },
                    });
                }
            }
            _ => {}
        }
    }

    fn fail(&mut self, failure: LegFailure) {
        if !self.failed {
            self.failed = true;
            self.rtc.disconnect();
            self.outputs.push_back(LegOutput::Failed(failure));
        }
    }
}
