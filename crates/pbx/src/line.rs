//! One m-line of an answered call: what comes in, what goes out, the reports about both (RFC 3550).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use codec::Law;
use media::WallClock;
use media::rebase::{Clocks, Numbering, Payload, Placing, Rebase};
use media::rtcp::{self, Rtcp};
use media::rtp::{Header, Receiver, Sender, is_rtcp, parse};
use rand_chacha::ChaCha20Rng;
use sdp::{Encoding, Feedback, Format, LocalMedia, MediaKind};

use crate::agreement::Agreed;
use crate::number::Program;
use crate::sound::{RATE, Sound};

/// The first report comes soon, the others at RFC 3550 §6.2's least interval.
const FIRST_REPORT: Duration = Duration::from_secs(1);
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// Length of a packet of our own making.
const PACKET: Duration = Duration::from_millis(20);
const PACKET_SAMPLES: u32 = RATE / 50;

/// Later than this, packets are left out instead of sent in a burst.
const LATEST: Duration = Duration::from_millis(200);

/// Name in our reports (SDES).
const CNAME: &str = "ringdown-test-pbx";

/// A datagram to the caller.
#[derive(Debug)]
pub(crate) struct Datagram {
    /// From the RTCP port.
    pub(crate) rtcp: bool,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Bytes,
}

/// A stream in each direction.
pub(crate) struct Line {
    pub(crate) local: LocalMedia,
    formats: Vec<Format>,
    /// Where RTP and RTCP go, and whether they share a port.
    rtp_to: Option<SocketAddr>,
    rtcp_to: Option<SocketAddr>,
    rtcp_mux: bool,
    sends: bool,
    feedback: Feedback,
    clock: WallClock,
    sender: Sender,
    receiver: Option<Receiver>,
    echo: Option<Rebase>,
    player: Option<Player>,
    next_report: Instant,
    asked: Option<Instant>,
    /// When the caller is asked for a key frame.
    ask_at: Option<Instant>,
    fir_number: u8,
}

/// Makes a packet each 20 ms.
struct Player {
    sound: Sound,
    law: Law,
    payload_type: u8,
    position: u64,
    next_at: Instant,
}

impl Line {
    /// Begins now: what a player plays leaves with the next [`Line::due`].
    pub(crate) fn new(
        program: Program,
        agreed: &Agreed,
        local: LocalMedia,
        clock: WallClock,
        rng: &mut ChaCha20Rng,
        now: Instant,
    ) -> Self {
        let (echo, player) = match program {
            Program::Echo => (Some(Rebase::new(Numbering::new(rng))), None),
            Program::Play(sound) => (None, Player::new(sound, &agreed.formats, now)),
        };
        Self {
            local,
            formats: agreed.formats.clone(),
            rtp_to: agreed.theirs.rtp_addr(),
            rtcp_to: agreed.theirs.rtcp_addr(),
            rtcp_mux: agreed.theirs.rtcp_mux,
            sends: agreed.direction.sends(),
            feedback: agreed.theirs.feedback,
            clock,
            sender: Sender::new(rng),
            receiver: None,
            echo,
            player,
            next_report: now + FIRST_REPORT,
            asked: None,
            ask_at: None,
            fir_number: 0,
        }
    }

    /// The caller has changed this line; without an agreement it is silent.
    pub(crate) fn change(&mut self, agreed: Option<&Agreed>) {
        let Some(agreed) = agreed else {
            self.sends = false;
            return;
        };
        self.formats.clone_from(&agreed.formats);
        self.rtp_to = agreed.theirs.rtp_addr();
        self.rtcp_to = agreed.theirs.rtcp_addr();
        self.rtcp_mux = agreed.theirs.rtcp_mux;
        self.sends = agreed.direction.sends();
        self.feedback = agreed.theirs.feedback;
    }

    /// A datagram of the caller's; what it makes us send.
    pub(crate) fn received(&mut self, rtcp: bool, bytes: &[u8], now: Instant) -> Option<Datagram> {
        if rtcp || is_rtcp(bytes) {
            self.control(bytes, now);
            return None;
        }
        let (header, payload) = parse(bytes).ok()?;
        let format = self
            .formats
            .iter()
            .find(|format| format.payload_type.get() == header.payload_type)?;
        let clock_hz = format.clock_hz;
        let is_event = format.encoding == Encoding::TelephoneEvent;
        let receiver = match &mut self.receiver {
            Some(receiver) if receiver.ssrc() == header.ssrc => receiver,
            other => other.insert(Receiver::new(&header, now)),
        };
        receiver.packet(&header, clock_hz, now);
        if !self.sends {
            return None;
        }
        let kind = match (self.local.kind, is_event) {
            (MediaKind::Video, _) => Payload::Video,
            (MediaKind::Audio, false) => Payload::Audio { ptime_ms: 20 },
            (MediaKind::Audio, true) => Payload::Event { ptime_ms: 20 },
        };
        let placed = self
            .echo
            .as_mut()?
            .place(&header, kind, Clocks::same(clock_hz), now);
        let Placing::Placed(placed) = placed else {
            return None;
        };
        let header = Header {
            sequence: placed.sequence as u16,
            timestamp: placed.timestamp,
            marker: placed.marker,
            ..header
        };
        let to = self.rtp_to?;
        let bytes = self.sender.write(header, payload, clock_hz, now);
        Some(Datagram {
            rtcp: false,
            to,
            bytes,
        })
    }

    fn control(&mut self, bytes: &[u8], now: Instant) {
        let ours = self.sender.ssrc();
        for packet in rtcp::parse(bytes) {
            let wants_picture = match packet {
                Rtcp::SenderReport { ssrc, info, .. } => {
                    if let Some(receiver) = self.receiver.as_mut().filter(|r| r.ssrc() == ssrc) {
                        receiver.sender_report(&info, now);
                    }
                    false
                }
                Rtcp::Pli { media, .. } => media == ours,
                Rtcp::Fir { entries, .. } => entries.iter().any(|(ssrc, _)| *ssrc == ours),
                _ => false,
            };
            // Only who makes the picture can make a key frame: the caller.
            if wants_picture && self.echo.is_some() && self.local.kind == MediaKind::Video {
                let between = media::key_frame::BETWEEN_ASKS;
                let earliest = self.asked.map_or(now, |asked| (asked + between).max(now));
                self.ask_at.get_or_insert(earliest);
            }
        }
    }

    /// What the time has come for, one at a time; `None`: nothing more at `now`.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Datagram> {
        if let Some(datagram) = self.play(now) {
            return Some(datagram);
        }
        if self.ask_at.is_some_and(|at| at <= now) {
            self.ask_at = None;
            if let Some(ask) = self.key_frame_ask() {
                self.asked = Some(now);
                return self.compound(vec![ask], now);
            }
        }
        if self.next_report <= now {
            self.next_report = now + REPORT_EVERY;
            return self.compound(Vec::new(), now);
        }
        None
    }

    /// When [`Line::due`] has something next.
    pub(crate) fn next(&self) -> (Instant, &'static str) {
        let player = self
            .player
            .as_ref()
            .filter(|_| self.sends && self.rtp_to.is_some());
        let alarms = [
            player.map(|player| (player.next_at, "pbx: next packet")),
            self.ask_at.map(|at| (at, "pbx: key frame request")),
        ];
        let report = (self.next_report, "pbx: RTCP report");
        alarms
            .into_iter()
            .flatten()
            .chain([report])
            .min()
            .unwrap_or(report)
    }

    /// The last datagram: an RTCP BYE.
    pub(crate) fn farewell(&mut self, now: Instant) -> Option<Datagram> {
        let ssrcs = vec![self.sender.ssrc()];
        self.compound(vec![Rtcp::Bye { ssrcs }], now)
    }

    fn play(&mut self, now: Instant) -> Option<Datagram> {
        let to = self.rtp_to.filter(|_| self.sends)?;
        let player = self
            .player
            .as_mut()
            .filter(|player| player.next_at <= now)?;
        let marker = player.position == 0;
        if now.saturating_duration_since(player.next_at) > LATEST {
            player.next_at = now;
        }
        player.next_at += PACKET;
        let payload: Vec<u8> = (player.position..player.position + u64::from(PACKET_SAMPLES))
            .map(|position| player.law.compress(player.sound.sample(position)))
            .collect();
        player.position += u64::from(PACKET_SAMPLES);
        let payload_type = player.payload_type;
        let bytes = self
            .sender
            .next(payload_type, marker, &payload, PACKET_SAMPLES, RATE, now);
        Some(Datagram {
            rtcp: false,
            to,
            bytes,
        })
    }

    /// PLI (RFC 4585 §6.3.1), or FIR (RFC 5104 §4.3.1) for who understands only that.
    fn key_frame_ask(&mut self) -> Option<Rtcp> {
        let media = self.receiver.as_ref()?.ssrc();
        let sender = self.sender.ssrc();
        if self.feedback.fir && !self.feedback.pli {
            self.fir_number = self.fir_number.wrapping_add(1);
            return Some(Rtcp::Fir {
                sender,
                entries: vec![(media, self.fir_number)],
            });
        }
        Some(Rtcp::Pli { sender, media })
    }

    /// SR (or RR before our first packet), SDES, and what else (RFC 3550 §6.1).
    fn compound(&mut self, more: Vec<Rtcp>, now: Instant) -> Option<Datagram> {
        let to = self.rtcp_to?;
        let ssrc = self.sender.ssrc();
        let blocks = self.receiver.as_mut().map(|receiver| receiver.report(now));
        let blocks = blocks.into_iter().collect();
        let report = match self.sender.info(self.clock.ntp(now), now) {
            Some(info) => Rtcp::SenderReport { ssrc, info, blocks },
            None => Rtcp::ReceiverReport { ssrc, blocks },
        };
        let mut packets = vec![
            report,
            Rtcp::Sdes {
                ssrc,
                cname: CNAME.into(),
            },
        ];
        packets.extend(more);
        let bytes = Bytes::from(rtcp::print(&packets));
        Some(Datagram {
            rtcp: !self.rtcp_mux,
            to,
            bytes,
        })
    }
}

impl Player {
    fn new(sound: Sound, formats: &[Format], now: Instant) -> Option<Self> {
        let (law, payload_type) = formats.iter().find_map(|format| {
            let law = match format.encoding {
                Encoding::Pcmu => Law::Mu,
                Encoding::Pcma => Law::A,
                _ => return None,
            };
            Some((law, format.payload_type.get()))
        })?;
        Some(Self {
            sound,
            law,
            payload_type,
            position: 0,
            next_at: now,
        })
    }
}
