//! RTCP of one m-line of the SIP leg: reports both ways, and key frame requests both ways.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::BridgeOutput;
use super::line::Line;
use super::remote::Remote;
use crate::key_frame::{RETRY, RETRY_UNPROMISED};
use crate::rtcp::{self, ReportBlock, Rtcp};
use crate::settings::BridgeSettings;
use crate::time::{WallClock, from_1_65536, ntp_middle};

/// Between two reports (RFC 3550 §6.2: at least 5 s for a session of two).
const BETWEEN_REPORTS: Duration = Duration::from_secs(5);

impl Line {
    /// The report that is due, if one is.
    pub(super) fn report(
        &mut self,
        remote: &Remote,
        settings: &BridgeSettings,
        wall: &WallClock,
        outputs: &mut VecDeque<BridgeOutput>,
        now: Instant,
    ) {
        let Some(due) = self.next_report.filter(|at| *at <= now) else {
            return;
        };
        let next = due + BETWEEN_REPORTS;
        self.next_report = Some(if next > now {
            next
        } else {
            now + BETWEEN_REPORTS
        });
        let blocks = self.receiver.as_mut().map(|receiver| receiver.report(now));
        let packets = self.compound(blocks.into_iter().collect(), settings, wall, now);
        self.send_rtcp(remote, &packets, outputs);
    }

    /// RTCP BYE.
    pub(super) fn bye(
        &mut self,
        remote: &Remote,
        settings: &BridgeSettings,
        wall: &WallClock,
        outputs: &mut VecDeque<BridgeOutput>,
        now: Instant,
    ) {
        let mut packets = self.compound(Vec::new(), settings, wall, now);
        packets.push(Rtcp::Bye {
            ssrcs: vec![self.ssrc()],
        });
        self.send_rtcp(remote, &packets, outputs);
        self.next_report = None;
    }

    /// Asks whoever owes a key frame for it, if it is time.
    pub(super) fn ask(
        &mut self,
        remote: &Remote,
        browser_up: bool,
        settings: &BridgeSettings,
        wall: &WallClock,
        outputs: &mut VecDeque<BridgeOutput>,
        now: Instant,
    ) {
        if !self.hears_browser(remote) {
            self.browser_key_frame.seen();
        }
        if !remote.receives() {
            self.sip_key_frame.seen();
        }
        if browser_up && self.browser_key_frame.due(RETRY, now) {
            outputs.push_back(BridgeOutput::WantBrowserKeyFrame { kind: self.kind });
        }
        let promised = remote.feedback.pli || remote.feedback.fir;
        let retry = if promised { RETRY } else { RETRY_UNPROMISED };
        if !self.sip_key_frame.due(retry, now) {
            return;
        }
        let sender = self.ssrc();
        let media = self.receiver.as_ref().map_or(0, |receiver| receiver.ssrc());
        // A peer of plain AVP may obey PLI all the same, and is not harmed by it.
        let request = if remote.feedback.fir && !remote.feedback.pli {
            self.fir_number = self.fir_number.wrapping_add(1);
            Rtcp::Fir {
                sender,
                entries: vec![(media, self.fir_number)],
            }
        } else {
            Rtcp::Pli { sender, media }
        };
        let mut packets = self.compound(Vec::new(), settings, wall, now);
        packets.push(request);
        self.counts.key_frames_asked += 1;
        self.send_rtcp(remote, &packets, outputs);
    }

    /// A datagram that RFC 5761 says is RTCP.
    pub(super) fn rtcp_from_sip(
        &mut self,
        remote: &mut Remote,
        from: SocketAddr,
        bytes: &[u8],
        wall: &WallClock,
        now: Instant,
    ) {
        let packets = rtcp::parse(bytes);
        let Some(first) = packets.first() else {
            self.counts.malformed += 1;
            return;
        };
        if !remote.rtcp.judge(from, sender(first), &remote.latch) {
            self.counts.foreign += 1;
            return;
        }
        self.counts.rtcp.received += 1;
        for packet in &packets {
            match packet {
                Rtcp::SenderReport { ssrc, info, blocks } => {
                    if let Some(receiver) = &mut self.receiver
                        && receiver.ssrc() == *ssrc
                    {
                        receiver.sender_report(info, now);
                    }
                    self.peer_report(blocks, wall, now);
                }
                Rtcp::ReceiverReport { blocks, .. } => self.peer_report(blocks, wall, now),
                Rtcp::Pli { .. } | Rtcp::Fir { .. } => {
                    // Which SSRC it names is not looked at: devices write 0, or yesterday's.
                    self.peer_wants_key_frame(remote, now);
                }
                Rtcp::Sdes { .. } | Rtcp::Bye { .. } | Rtcp::Nack { .. } | Rtcp::Other { .. } => {}
            }
        }
    }

    fn peer_report(&mut self, blocks: &[ReportBlock], wall: &WallClock, now: Instant) {
        let ours = self.ssrc();
        let Some(block) = blocks.iter().find(|block| block.ssrc == ours) else {
            return;
        };
        let summary = &mut self.counts.rtcp;
        summary.peer_lost = Some(block.lost);
        summary.peer_fraction_lost = Some(block.fraction_lost);
        if block.last_sr != 0 {
            // RFC 3550 §6.4.1: A - LSR - DLSR, modulo 2^32.
            let round_trip = ntp_middle(wall.ntp(now))
                .wrapping_sub(block.last_sr)
                .wrapping_sub(block.delay_since_sr);
            // A result from the future is a peer that miscounts its delay.
            summary.round_trip = (round_trip < 0x8000_0000).then(|| from_1_65536(round_trip));
        }
    }

    /// SR or RR, and SDES: how every compound begins (RFC 3550 §6.1).
    fn compound(
        &self,
        blocks: Vec<ReportBlock>,
        settings: &BridgeSettings,
        wall: &WallClock,
        now: Instant,
    ) -> Vec<Rtcp> {
        let ssrc = self.ssrc();
        let report = match self.sender.info(wall.ntp(now), now) {
            Some(info) => Rtcp::SenderReport { ssrc, info, blocks },
            None => Rtcp::ReceiverReport { ssrc, blocks },
        };
        let cname = settings.cname.clone();
        vec![report, Rtcp::Sdes { ssrc, cname }]
    }

    fn send_rtcp(
        &mut self,
        remote: &Remote,
        packets: &[Rtcp],
        outputs: &mut VecDeque<BridgeOutput>,
    ) {
        if let Some((port, to)) = remote.rtcp_target() {
            self.counts.rtcp.sent += 1;
            outputs.push_back(BridgeOutput::ToSip {
                kind: self.kind,
                port,
                to,
                bytes: Bytes::from(rtcp::print(packets)),
            });
        }
    }
}

/// Who sent a packet.
fn sender(packet: &Rtcp) -> Option<u32> {
    match packet {
        Rtcp::SenderReport { ssrc, .. }
        | Rtcp::ReceiverReport { ssrc, .. }
        | Rtcp::Sdes { ssrc, .. } => Some(*ssrc),
        Rtcp::Pli { sender, .. } | Rtcp::Fir { sender, .. } | Rtcp::Nack { sender, .. } => {
            Some(*sender)
        }
        Rtcp::Bye { ssrcs } => ssrcs.first().copied(),
        Rtcp::Other { .. } => None,
    }
}
