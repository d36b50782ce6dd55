//! The bridge of a call: one SIP leg and the live browser leg, joined as the call's `Plan` says.
//!
//! ```text
//!  SIP peer                        Bridge                              browser leg (webrtc)
//!  ───────► latch ─► route ─► [early buffer] ─► rebase ──────────────► ToBrowser
//!  ◄─────── sender ◄─ rebase ◄─ route ◄─────────────────────────────── browser_rtp
//!  ◄──────► reports, PLI, FIR        key frame asks ◄────────────────► key_frame_wanted
//! ```
//!
//! The SIP leg may have several streams: the early dialogs of a forked INVITE share our ports, and
//! one of them is selected. What no selected peer owns waits a moment as a stray: RTP may be faster
//! than the answer that explains it.

mod control;
mod counters;
mod line;
mod remote;
mod silence;
mod stand_in;
mod strays;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use sdp::{Format, MediaKind, MediaPlan, Plan};

pub use self::counters::{Counters, LineCounters, RtcpSummary};
use self::line::Line;
use self::remote::Remote;
use self::stand_in::OurFormat;
use self::strays::Stray;
use crate::MAX_DATAGRAM;
use crate::latch::{Datagram, Judgement};
use crate::rebase::Numbering;
use crate::rtp::{self, RtpPacket};
use crate::settings::BridgeSettings;
use crate::time::WallClock;
use crate::video_gen::Codec;

/// How old a stray may be when a later plan explains it; before the first plan the early buffer's
/// reach holds.
const LATE_PLAN: Duration = Duration::from_millis(300);

/// Which of an m-line's two ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RtpOrRtcp {
    /// The even one. Carries RTCP as well where rtcp-mux was agreed (RFC 5761).
    Rtp,
    /// The odd one.
    Rtcp,
}

/// A packet for the browser leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutRtp {
    /// The browser's payload type.
    pub payload_type: u8,
    /// Audio: talkspurt begins. Video: frame ends.
    pub marker: bool,
    /// Extended; starts below 65,536 and grows for the life of the peer connection.
    pub sequence: u64,
    /// One line for the life of the peer connection.
    pub timestamp: u32,
    /// In the browser's format.
    pub payload: Bytes,
    /// When it came from the SIP side; earlier than now if it waited.
    pub received: Instant,
}

/// What the shell shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BridgeOutput {
    /// Send on the live browser leg.
    ToBrowser {
        /// Its m-line.
        kind: MediaKind,
        /// The packet.
        packet: OutRtp,
    },
    /// Send a datagram from one of the SIP leg's ports.
    ToSip {
        /// The m-line.
        kind: MediaKind,
        /// Send from this port.
        port: RtpOrRtcp,
        /// Destination.
        to: SocketAddr,
        /// The datagram.
        bytes: Bytes,
    },
    /// Ask the live browser leg for a key frame (PLI).
    WantBrowserKeyFrame {
        /// Always video.
        kind: MediaKind,
    },
}

/// The numbers a browser's peer connection has seen; they go with it from bridge to bridge.
#[derive(Debug, Clone)]
pub struct Numbers([Numbering; 2]);

/// Whether there is a browser to send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Browser {
    /// Not yet: media waits in the early buffer.
    Awaited,
    Up,
    /// It was there: what comes meanwhile is lost, not late.
    Gone,
}

/// The media of one call.
#[derive(Debug)]
pub struct Bridge {
    rng: ChaCha20Rng,
    settings: BridgeSettings,
    wall: WallClock,
    lines: [Line; 2],
    streams: BTreeMap<u32, Stream>,
    selected: Option<u32>,
    browser: Browser,
    outputs: VecDeque<BridgeOutput>,
}

/// One remote early dialog.
#[derive(Debug, Default)]
struct Stream {
    remotes: [Option<Remote>; 2],
    /// The plan in force.
    plan: Option<Plan>,
    /// What stands in for the peer's video while there is none.
    stand_in: Option<OurFormat>,
    signalling: Vec<IpAddr>,
}

const KINDS: [MediaKind; 2] = [MediaKind::Audio, MediaKind::Video];

fn index(kind: MediaKind) -> usize {
    match kind {
        MediaKind::Audio => 0,
        MediaKind::Video => 1,
    }
}

impl Bridge {
    /// A bridge without legs. `settings.unix_time` is the wall clock's at `now`.
    pub fn new(mut rng: ChaCha20Rng, settings: BridgeSettings, now: Instant) -> Self {
        let lines = KINDS.map(|kind| Line::new(kind, &settings, &mut rng));
        Self {
            rng,
            wall: WallClock::new(now, settings.unix_time),
            settings,
            lines,
            streams: BTreeMap::new(),
            selected: None,
            browser: Browser::Awaited,
            outputs: VecDeque::new(),
        }
    }

    /// The IPs of a stream's signalling, best first: media from there is believed too
    /// (`symmetric_rtp=auto`). Best said before [`Bridge::connect_sip`].
    pub fn signalling_sources(&mut self, stream: u32, ips: &[IpAddr]) {
        let stream = self.streams.entry(stream).or_default();
        stream.signalling = ips.to_vec();
        for remote in stream.remotes.iter_mut().flatten() {
            remote.latch.set_signalling(ips);
        }
    }

    /// Where a stream's peer is and what it speaks. May come again with another plan; numbers go on.
    /// The same plan again changes nothing, but its source may have moved. The first stream connected
    /// is the selected one.
    pub fn connect_sip(&mut self, stream: u32, plan: &Plan, now: Instant) {
        let first = self.selected.is_none();
        let entry = self.streams.entry(stream).or_default();
        if entry.plan.as_ref() == Some(plan) {
            for remote in entry.remotes.iter_mut().flatten() {
                remote.latch.sdp_again(now);
            }
            return;
        }
        entry.plan = Some(plan.clone());
        for (kind, slot) in KINDS.into_iter().zip(&mut entry.remotes) {
            let media = plan
                .media
                .iter()
                .find(|media| media.kind == kind && media.accepted);
            let before = slot.take();
            if kind == MediaKind::Video {
                // The browser goes on waiting for what it was promised, whatever a later plan says.
                entry.stand_in = media.and_then(our_format).or(entry.stand_in);
            }
            // A peer that has no video for this line is none, whatever it had before.
            *slot = media
                .filter(|media| !media.routes.is_empty())
                .and_then(|media| {
                    Remote::new(media, before, &self.settings, &entry.signalling, now)
                });
        }
        if first {
            self.selected = Some(stream);
        }
        if self.selected == Some(stream) {
            self.begin(now);
        }
        self.replay_strays(
            if first {
                self.settings.early_buffer
            } else {
                LATE_PLAN
            },
            now,
        );
    }

    /// From now on this stream is heard, and hears us. Unknown streams are ignored.
    pub fn select_stream(&mut self, stream: u32, now: Instant) {
        if self.selected == Some(stream) || !self.streams.contains_key(&stream) {
            return;
        }
        self.selected = Some(stream);
        for line in &mut self.lines {
            line.source_gone();
        }
        self.begin(now);
        self.replay_strays(LATE_PLAN, now);
    }

    /// We hold the call, or no longer do. While it is held nothing of the browser goes to the SIP
    /// side, which gets silence where the plan lets us send and the codec has it. What the peer
    /// sends (music on hold) reaches the browser where the plan says that it may.
    pub fn set_hold(&mut self, held: bool, now: Instant) {
        let stream = self.selected.and_then(|id| self.streams.get(&id));
        for (kind, line) in KINDS.into_iter().zip(&mut self.lines) {
            let remote = stream.and_then(|stream| stream.remotes[index(kind)].as_ref());
            line.set_hold(held, remote, now);
        }
        self.ask_for_key_frames(now);
    }

    /// An early dialog is over; the selected one stays until another is selected.
    pub fn disconnect_stream(&mut self, stream: u32) {
        if self.selected != Some(stream) {
            self.streams.remove(&stream);
        }
    }

    /// The browser leg can be sent to (DTLS is up): what waited goes out now.
    pub fn browser_up(&mut self, now: Instant) {
        if self.browser == Browser::Up {
            return;
        }
        self.browser = Browser::Up;
        // Before any sound: it is muted until there is a picture.
        self.show_stand_in(now);
        for line in &mut self.lines {
            line.browser_up(&mut self.outputs, now);
        }
        if let Some(stream) = self.selected.and_then(|id| self.streams.get(&id)) {
            for (line, remote) in self.lines.iter_mut().zip(&stream.remotes) {
                line.want_browser_key_frame(remote.as_ref(), now);
            }
        }
        self.ask_for_key_frames(now);
    }

    /// As [`Bridge::browser_up`], for a leg that has been sent to before, here or elsewhere: its
    /// numbers go on.
    pub fn browser_up_with(&mut self, numbers: Numbers, now: Instant) {
        self.browser_down(now);
        for (line, numbering) in self.lines.iter_mut().zip(numbers.0) {
            line.renumber(numbering);
        }
        self.browser_up(now);
    }

    /// The live browser leg is gone or no longer live. Answers its numbers, which go on if the leg
    /// is used again; the next leg gets numbers of its own.
    pub fn browser_down(&mut self, _now: Instant) -> Option<Numbers> {
        if self.browser != Browser::Up {
            return None;
        }
        self.browser = Browser::Gone;
        for line in &mut self.lines {
            line.stand_in.browser_gone();
        }
        let rng = &mut self.rng;
        Some(Numbers(
            self.lines
                .each_mut()
                .map(|line| line.renumber(Numbering::new(rng))),
        ))
    }

    /// A datagram on one of the SIP leg's ports.
    pub fn sip_datagram(
        &mut self,
        kind: MediaKind,
        port: RtpOrRtcp,
        from: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) {
        self.sip_datagram_at(kind, port, crate::latch::canonical(from), bytes, now);
        self.ask_for_key_frames(now);
    }

    /// A packet of the live browser leg, as received.
    pub fn browser_rtp(&mut self, kind: MediaKind, packet: &RtpPacket, now: Instant) {
        let line = &mut self.lines[index(kind)];
        let remote = self
            .selected
            .and_then(|id| self.streams.get(&id))
            .and_then(|stream| stream.remotes[index(kind)].as_ref());
        line.browser_packet(remote, packet, &mut self.outputs, now);
    }

    /// The browser sent PLI or FIR.
    pub fn browser_key_frame_wanted(&mut self, kind: MediaKind, now: Instant) {
        if kind == MediaKind::Video {
            let line = &mut self.lines[index(kind)];
            line.stand_in.want_key_frame(now);
            line.want_sip_key_frame(now);
            self.show_stand_in(now);
            self.ask_for_key_frames(now);
        }
    }

    /// Time has come for something.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(stream) = self.selected.and_then(|id| self.streams.get(&id)) {
            for (line, remote) in self.lines.iter_mut().zip(&stream.remotes) {
                if let Some(remote) = remote {
                    line.fill(remote, &self.settings, &mut self.outputs, now);
                    line.report(remote, &self.settings, &self.wall, &mut self.outputs, now);
                }
            }
        }
        self.show_stand_in(now);
        self.ask_for_key_frames(now);
    }

    /// When [`Bridge::handle_timeout`] is due, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let stream = self.streams.get(&self.selected?)?;
        let stand_ins = self.lines.iter().filter_map(|line| line.stand_in.at());
        self.lines
            .iter()
            .zip(&stream.remotes)
            .filter(|(_, remote)| remote.is_some())
            .flat_map(|(line, _)| line.timeouts(self.browser == Browser::Up))
            .chain(stand_ins.map(|at| (at, "picture of our own")))
            .min_by_key(|(at, _)| *at)
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<BridgeOutput> {
        self.outputs.pop_front()
    }

    /// The call ends: RTCP BYE (RFC 3550 §6.6) on every m-line of the SIP leg.
    pub fn bye(&mut self, now: Instant) {
        for line in &mut self.lines {
            line.stand_in.plan(None, false);
        }
        if let Some(stream) = self.selected.and_then(|id| self.streams.get(&id)) {
            for (line, remote) in self.lines.iter_mut().zip(&stream.remotes) {
                if let Some(remote) = remote {
                    line.bye(remote, &self.settings, &self.wall, &mut self.outputs, now);
                }
            }
        }
    }

    /// What has happened so far.
    pub fn counters(&self) -> Counters {
        let [audio, video] = self.lines.each_ref().map(Line::counters);
        Counters { audio, video }
    }

    /// Where media of the selected stream goes, once that is known.
    pub fn peer(&self, kind: MediaKind) -> Option<SocketAddr> {
        let stream = self.streams.get(&self.selected?)?;
        stream.remotes[index(kind)].as_ref()?.latch.target()
    }

    /// Our SSRCs toward the SIP peer, audio and video.
    pub fn ssrcs(&self) -> [u32; 2] {
        self.lines.each_ref().map(Line::ssrc)
    }

    /// The selected stream begins, or begins again with another plan.
    fn begin(&mut self, now: Instant) {
        let Some(stream) = self.selected.and_then(|id| self.streams.get(&id)) else {
            return;
        };
        for (line, remote) in self.lines.iter_mut().zip(&stream.remotes) {
            if let Some(remote) = remote {
                line.begin(remote, &mut self.rng, now);
            }
        }
        let [_, video] = &mut self.lines;
        video
            .stand_in
            .plan(stream.stand_in, stream.remotes[1].is_some());
        self.show_stand_in(now);
        self.ask_for_key_frames(now);
    }

    /// Pictures of ours, if the browser is up and should see some.
    fn show_stand_in(&mut self, now: Instant) {
        if self.browser == Browser::Up {
            let [_, video] = &mut self.lines;
            video.show_stand_in(&mut self.outputs, now);
        }
    }

    fn replay_strays(&mut self, reach: Duration, now: Instant) {
        for kind in KINDS {
            for stray in self.lines[index(kind)].strays.take() {
                if now.saturating_duration_since(stray.at) <= reach {
                    self.sip_datagram_at(kind, stray.port, stray.from, &stray.bytes, stray.at);
                }
            }
        }
        self.ask_for_key_frames(now);
    }

    fn sip_datagram_at(
        &mut self,
        kind: MediaKind,
        port: RtpOrRtcp,
        from: SocketAddr,
        bytes: &[u8],
        at: Instant,
    ) {
        let line = &mut self.lines[index(kind)];
        // Before anything reads it: an oversize datagram teaches nothing and is not kept.
        if bytes.len() > MAX_DATAGRAM {
            line.counts.oversize += 1;
            return;
        }
        if rtp::is_rtcp(bytes) {
            if let Some(remote) = self
                .selected
                .and_then(|id| self.streams.get_mut(&id))
                .and_then(|stream| stream.remotes[index(kind)].as_mut())
            {
                line.rtcp_from_sip(remote, from, bytes, &self.wall, at);
            }
            return;
        }
        if port == RtpOrRtcp::Rtcp {
            line.counts.malformed += 1;
            return;
        }
        let Ok((header, payload)) = rtp::parse(bytes) else {
            line.counts.malformed += 1;
            return;
        };
        let mut stray = || Stray {
            at,
            from,
            port,
            bytes: Bytes::copy_from_slice(bytes),
        };
        let Some(selected) = self.selected else {
            line.strays.push(from, at, &mut stray);
            return;
        };
        let mut packet = Datagram {
            from,
            header: &header,
            negotiated: false,
            bytes,
        };
        if let Some(other) = other_owner(&mut self.streams, selected, index(kind), from) {
            packet.negotiated = other.incoming(header.payload_type).is_some();
            other.latch.judge(&packet, at);
            line.counts.other_stream += 1;
            line.strays.push(from, at, &mut stray);
            return;
        }
        let remote = self
            .streams
            .get_mut(&selected)
            .and_then(|stream| stream.remotes[index(kind)].as_mut());
        let Some(remote) = remote else {
            line.strays.push(from, at, &mut stray);
            return;
        };
        packet.negotiated = remote.incoming(header.payload_type).is_some();
        let (browser, outputs) = (self.browser, &mut self.outputs);
        match remote.latch.judge(&packet, at) {
            Judgement::Accepted => {}
            Judgement::Moved(kept) => {
                line.counts.moves += 1;
                // They are heard now, and no later plan shall explain them again.
                line.strays.forget(from);
                for (at, bytes) in &kept {
                    if let Ok((header, payload)) = rtp::parse(bytes) {
                        line.sip_packet(remote, &header, payload, browser, outputs, *at);
                    }
                }
            }
            Judgement::Undecided => {
                line.counts.undecided += 1;
                line.strays.push(from, at, &mut stray);
                return;
            }
            Judgement::Refused => {
                line.counts.foreign += 1;
                line.strays.push(from, at, &mut stray);
                return;
            }
        }
        line.sip_packet(remote, &header, payload, browser, outputs, at);
    }

    fn ask_for_key_frames(&mut self, now: Instant) {
        if let Some(stream) = self.selected.and_then(|id| self.streams.get(&id)) {
            for (line, remote) in self.lines.iter_mut().zip(&stream.remotes) {
                if let Some(remote) = remote {
                    let up = self.browser == Browser::Up;
                    line.ask(
                        remote,
                        up,
                        &self.settings,
                        &self.wall,
                        &mut self.outputs,
                        now,
                    );
                }
            }
        }
    }
}

/// How pictures of ours are sent on this line, if any shall be.
fn our_format(media: &MediaPlan) -> Option<OurFormat> {
    let ours = |format: &Format| {
        let codec = Codec::of(&format.encoding)?;
        Some((format.payload_type.get(), codec))
    };
    media
        .browser
        .iter()
        .find_map(ours)
        .filter(|_| media.stand_in)
}

/// The stream other than the selected one whose source `from` is, if it is not the selected one's.
fn other_owner(
    streams: &mut BTreeMap<u32, Stream>,
    selected: u32,
    kind: usize,
    from: SocketAddr,
) -> Option<&mut Remote> {
    let owns = |stream: &Stream| {
        let remote = stream.remotes[kind].as_ref();
        remote.is_some_and(|remote| remote.latch.owns(from))
    };
    if streams.len() < 2 || streams.get(&selected).is_some_and(owns) {
        return None;
    }
    let other = streams.values_mut().find(|stream| owns(stream))?;
    other.remotes[kind].as_mut()
}
