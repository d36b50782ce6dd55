//! One peer connection, made from a browser's offer and a plan, or from our own offer and its answer.

mod answer;
mod build;
mod describe;
mod offer;
mod output;
mod send;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use sdp::{Direction, MediaKind};
use str0m::media::Mid;
use str0m::net::{Protocol, Receive};
use str0m::rtp::Ssrc;
use str0m::{Event, IceConnectionState, Input, Output, Rtc};

use crate::codecs::NegotiatedFormat;
use crate::error::LegFailure;
use crate::negotiate::receives;

pub use output::{LegOutput, RtpPacket};
pub use send::{MAX_PAYLOAD, OutRtp};

/// An m-line of this leg that carries media.
struct Line {
    kind: MediaKind,
    mid: Mid,
    /// Our direction.
    direction: Direction,
    formats: Vec<NegotiatedFormat>,
    ssrc: Ssrc,
    rtx_ssrc: Option<Ssrc>,
    /// What is subtracted from the extended sequence numbers of the source, so that ours begin below 65,536.
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

    /// Our ICE ufrag: STUN requests for this leg name it first in USERNAME.
    pub fn local_ufrag(&self) -> &str {
        &self.ufrag
    }

    /// Whether ICE and DTLS are up.
    pub fn is_connected(&self) -> bool {
        self.connected && !self.failed
    }

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

    /// `str0m` demands that after every mutation its outputs are taken until it gives the next timeout.
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
