//! The packets of a capture as tshark dissected them, and the questions that tests ask about them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::Ports;

/// What tshark is asked for each packet, one column each; see [`Packet::read`].
const FIELDS: [&str; 30] = [
    "frame.number",
    "frame.protocols",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "udp.srcport",
    "udp.dstport",
    "tcp.srcport",
    "tcp.dstport",
    "_ws.malformed",
    "_ws.expert.severity",
    "_ws.expert.message",
    "sip.Request-Line",
    "sip.Status-Line",
    "sip.CSeq",
    "sip.Call-ID",
    "sdp.media",
    "sdp.media_attr",
    "sdp.session_attr",
    "sdp.connection_info.address",
    "rtp.p_type",
    "rtp.ssrc",
    "rtp.marker",
    "rtp.timestamp",
    "rtpevent.event_id",
    "rtpevent.end_of_event",
    "rtpevent.duration",
    "rtcp.pt",
    "rtcp.senderssrc",
];
/// Between several values of one column.
const UNIT: char = '\u{1f}';

/// tshark's levels of complaint (epan/proto.h).
const WARNING: u32 = 0x0060_0000;
const ERROR: u32 = 0x0080_0000;

/// RTCP's packet type (RFC 3550 section 12.1). A receiver report names a sender, too.
const SENDER_REPORT: u32 = 200;

/// Warnings about packets of ours that are not about them: (words, why).
const NOT_A_FAULT: &[(&str, &str)] = &[(
    "[Not decoded yet]",
    "tshark says so of what its H.264 dissector does not know, whatever is in it",
)];

/// What an SDP for a SIP peer never says: each belongs to browsers. (Start of an attribute.)
const BROWSERS_WORDS: &[&str] = &[
    "candidate",
    "end-of-candidates",
    "extmap",
    "fingerprint",
    "group",
    "ice-",
    "mid:",
    "msid",
    "rid",
    "rtcp-rsize",
    "setup",
    "simulcast",
    "ssrc",
];
/// Formats a SIP peer is never offered.
const BROWSERS_FORMATS: &[&str] = &["rtx", "red", "ulpfec", "flexfec"];

/// Who sent a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Our server.
    Ours,
    /// Anyone else.
    Theirs,
}

/// One packet.
#[derive(Debug, Clone)]
pub struct Packet {
    /// Its place in the capture.
    pub number: u32,
    /// Who sent it.
    pub side: Side,
    /// Where it came from.
    pub from: SocketAddr,
    /// Where it went.
    pub to: SocketAddr,
    /// The dissectors that took part, e.g. `eth:ethertype:ip:udp:sip:sdp`.
    pub protocols: String,
    /// The first lines of its SIP messages: one over UDP, perhaps several over TCP.
    pub sip: Vec<String>,
    /// The CSeq of each.
    pub cseq: Vec<String>,
    /// The Call-ID of each.
    pub call_ids: Vec<String>,
    /// The `m=` lines of its SDP.
    pub media: Vec<String>,
    /// The attributes of its SDP.
    pub attributes: Vec<String>,
    /// The addresses of its `c=` lines.
    pub connections: Vec<String>,
    /// Payload type and SSRC.
    pub rtp: Option<(u8, u32)>,
    /// What it says about a telephone event (RFC 4733).
    pub digit: Option<Digit>,
    /// The SSRCs whose sender reports it holds.
    pub reports: Vec<u32>,
    malformed: bool,
    /// Whether it ends a picture.
    marker: bool,
    /// Level and words.
    complaints: Vec<(u32, String)>,
}

/// A telephone event as one packet tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digit {
    /// 0 to 9, 10 for `*`, 11 for `#`.
    pub event: u32,
    /// The RTP timestamp, which all packets of one event share.
    pub timestamp: u32,
    /// Whether it is over.
    pub end: bool,
    /// How long it has lasted, in units of its clock.
    pub duration: u32,
}

/// RTP from one address to another with one SSRC.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Where it came from.
    pub from: SocketAddr,
    /// Where it went.
    pub to: SocketAddr,
    /// Its SSRC.
    pub ssrc: u32,
    /// How many packets there are of each payload type.
    pub payload_types: BTreeMap<u8, u32>,
}

/// A dissected capture.
#[derive(Debug)]
pub struct Trace {
    /// All packets, in order.
    pub packets: Vec<Packet>,
}

impl Trace {
    pub(super) fn dissect(file: &Path, ports: &Ports) -> Result<Self> {
        let mut command = Command::new("tshark");
        command.arg("-n").arg("-r").arg(file);
        for port in ports.our_sip.iter().chain(&ports.their_sip) {
            command.args(["-d", &format!("udp.port=={port},sip")]);
            command.args(["-d", &format!("tcp.port=={port},sip")]);
        }
        command.args(["-T", "fields", "-E", "occurrence=a", "-E"]);
        command.arg(format!("aggregator={UNIT}"));
        for field in FIELDS {
            command.args(["-e", field]);
        }
        let output = command
            .stdin(Stdio::null())
            .output()
            .context("cannot start tshark")?;
        if !output.status.success() {
            bail!(
                "tshark ended with {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Self::read(&text, ports)
    }

    /// tshark's columns, one line a packet. What is on none of the ports is the capture's own mark.
    fn read(text: &str, ports: &Ports) -> Result<Self> {
        let packets = text.lines().map(|line| Packet::read(line, ports));
        let mut packets = packets.collect::<Result<Vec<_>>>()?;
        let is_watched = |addr: SocketAddr| side_of(addr.port(), ports).is_some();
        packets.retain(|packet| is_watched(packet.from) || is_watched(packet.to));
        Ok(Self { packets })
    }

    /// No packet is malformed or an error to tshark, whoever sent it; of ours none is worth a warning; every packet is
    /// what its port is for; and no SDP of ours has a word that belongs to browsers.
    pub fn check(&self) -> Result<()> {
        let mut faults = String::new();
        for packet in &self.packets {
            packet.check(&mut faults)?;
        }
        let sip = self
            .packets
            .iter()
            .filter(|packet| !packet.sip.is_empty())
            .count();
        ensure!(
            sip > 0,
            "no SIP message among {} packets",
            self.packets.len()
        );
        ensure!(faults.is_empty(), "{faults}");
        Ok(())
    }

    /// RTP of this codec (`opus/48000`, as `a=rtpmap` has it) went both ways, each with the payload type that its receiver
    /// asked for, and each with sender reports.
    pub fn check_media(&self, codec: &str) -> Result<()> {
        for side in [Side::Ours, Side::Theirs] {
            let wanted = self.payload_types(codec, side);
            ensure!(
                !wanted.is_empty(),
                "nobody announced {codec} to {side:?}: {:?}",
                self.sip()
            );
            let streams = self.streams();
            let streams: Vec<&Stream> = streams
                .iter()
                .filter(|(of, _)| *of == side)
                .map(|(_, stream)| stream)
                .collect();
            let is_wanted = |stream: &&&Stream| {
                let of = |payload_type: &u8| {
                    stream
                        .payload_types
                        .get(payload_type)
                        .copied()
                        .unwrap_or_default()
                };
                wanted.iter().map(of).sum::<u32>() >= 50
            };
            let stream = streams.iter().find(is_wanted);
            let stream = stream.with_context(|| {
                format!(
                    "{side:?} sent no RTP with payload type {wanted:?} of {codec}, but {streams:?}"
                )
            })?;
            let reported = self
                .packets
                .iter()
                .any(|packet| packet.side == side && packet.reports.contains(&stream.ssrc));
            ensure!(
                reported,
                "{side:?} sent no RTCP sender report for {codec}, SSRC {:#x}",
                stream.ssrc
            );
        }
        Ok(())
    }

    /// The first lines of all SIP messages, with who sent each.
    #[must_use]
    pub fn sip(&self) -> Vec<(Side, &str)> {
        let lines = self
            .packets
            .iter()
            .flat_map(|packet| packet.sip.iter().map(|line| (packet.side, line.as_str())));
        lines.collect()
    }

    /// The packets of each telephone event that this side sent, in the order of the events.
    #[must_use]
    pub fn digits(&self, of: Side) -> Vec<Vec<Digit>> {
        let sent = self.packets.iter().filter(|packet| packet.side == of);
        let mut events: Vec<Vec<Digit>> = Vec::new();
        for digit in sent.filter_map(|packet| packet.digit) {
            match events.last_mut() {
                Some(event) if event[0].timestamp == digit.timestamp => event.push(digit),
                _ => events.push(vec![digit]),
            }
        }
        events
    }

    /// Every RTP stream with the side that sent it.
    #[must_use]
    pub fn streams(&self) -> Vec<(Side, Stream)> {
        let mut streams: BTreeMap<(Side, SocketAddr, SocketAddr, u32), BTreeMap<u8, u32>> =
            BTreeMap::new();
        for packet in &self.packets {
            if let Some((payload_type, ssrc)) = packet.rtp {
                let stream = streams
                    .entry((packet.side, packet.from, packet.to, ssrc))
                    .or_default();
                *stream.entry(payload_type).or_default() += 1;
            }
        }
        let stream = |((side, from, to, ssrc), payload_types)| {
            (
                side,
                Stream {
                    from,
                    to,
                    ssrc,
                    payload_types,
                },
            )
        };
        streams.into_iter().map(stream).collect()
    }

    /// What tshark remarks about the peers' packets: words and how often. Not ours to mend, but worth reading.
    #[must_use]
    pub fn remarks(&self, of: Side) -> BTreeMap<String, u32> {
        let mut remarks = BTreeMap::new();
        for packet in self.packets.iter().filter(|packet| packet.side == of) {
            for (level, words) in &packet.complaints {
                if *level >= WARNING {
                    *remarks.entry(words.clone()).or_default() += 1;
                }
            }
        }
        remarks
    }

    /// The payload types of a codec in the SDP that `side` got: what it must send.
    fn payload_types(&self, codec: &str, side: Side) -> BTreeSet<u8> {
        let got = self.packets.iter().filter(|packet| packet.side != side);
        let attributes = got.flat_map(|packet| &packet.attributes);
        let payload_type = |attribute: &String| {
            let (payload_type, name) = attribute.strip_prefix("rtpmap:")?.split_once(' ')?;
            let named = name == codec || name.strip_prefix(codec)?.starts_with('/');
            named.then(|| payload_type.parse().ok())?
        };
        attributes.filter_map(payload_type).collect()
    }
}

impl Packet {
    fn read(line: &str, ports: &Ports) -> Result<Self> {
        let columns: Vec<&str> = line.split('\t').collect();
        ensure!(
            columns.len() == FIELDS.len(),
            "not a line of tshark's: {line}"
        );
        let column = |name: &str| {
            let at = FIELDS.iter().position(|field| *field == name);
            at.and_then(|at| columns.get(at))
                .copied()
                .unwrap_or_default()
        };
        let list = |name: &str| -> Vec<String> {
            let values = column(name).split(UNIT).filter(|value| !value.is_empty());
            values.map(str::to_owned).collect()
        };
        let addr = |end: &str| -> Result<SocketAddr> {
            let (ip, port) = match end {
                "from" => (
                    [column("ip.src"), column("ipv6.src")],
                    [column("udp.srcport"), column("tcp.srcport")],
                ),
                _ => (
                    [column("ip.dst"), column("ipv6.dst")],
                    [column("udp.dstport"), column("tcp.dstport")],
                ),
            };
            let ip: IpAddr = ip.concat().parse()?;
            Ok(SocketAddr::from((ip, port.concat().parse::<u16>()?)))
        };
        let (from, to) = (
            addr("from").with_context(|| format!("not a packet of UDP or TCP: {line}"))?,
            addr("to")?,
        );
        let number = |text: &str| match text.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        };
        let numbers = |name: &str| -> Vec<u32> {
            list(name).iter().filter_map(|text| number(text)).collect()
        };
        let rtp = numbers("rtp.p_type")
            .first()
            .zip(numbers("rtp.ssrc").first())
            .map(|(pt, ssrc)| (*pt as u8, *ssrc));
        let one = |name: &str| numbers(name).first().copied();
        let digit = one("rtpevent.event_id").zip(one("rtp.timestamp"));
        let digit = digit.map(|(event, timestamp)| Digit {
            event,
            timestamp,
            end: column("rtpevent.end_of_event") == "1",
            duration: one("rtpevent.duration").unwrap_or_default(),
        });
        let sip = [list("sip.Request-Line"), list("sip.Status-Line")].concat();
        let attributes = [list("sdp.session_attr"), list("sdp.media_attr")].concat();
        Ok(Self {
            number: column("frame.number").parse()?,
            // A TCP connection of ours comes from a port that nobody chose.
            side: side_of(from.port(), ports)
                .or_else(|| side_of(to.port(), ports).map(Side::other))
                .unwrap_or(Side::Theirs),
            from,
            to,
            protocols: column("frame.protocols").to_owned(),
            sip: sip
                .iter()
                .map(|line| line.trim_end_matches("\\r\\n").to_owned())
                .collect(),
            cseq: list("sip.CSeq"),
            call_ids: list("sip.Call-ID"),
            media: list("sdp.media"),
            attributes,
            connections: list("sdp.connection_info.address"),
            rtp,
            digit,
            reports: if numbers("rtcp.pt").contains(&SENDER_REPORT) {
                numbers("rtcp.senderssrc")
            } else {
                Vec::new()
            },
            marker: column("rtp.marker") == "1",
            malformed: !column("_ws.malformed").is_empty(),
            complaints: numbers("_ws.expert.severity")
                .into_iter()
                .zip(list("_ws.expert.message"))
                .collect(),
        })
    }

    /// Whether one of its SIP messages is this request.
    #[must_use]
    pub fn is_request(&self, method: &str) -> bool {
        self.sip
            .iter()
            .any(|line| line.split(' ').next() == Some(method))
    }

    /// tshark (4.0) looks for all partitions of a VP8 picture in its first packet, and calls the packet malformed when they
    /// follow in the next. Such a packet is not the last of its picture; of the last one the complaint would stand.
    fn is_cut_picture(&self) -> bool {
        self.malformed && self.protocols.ends_with(":rtp:vp8") && !self.marker
    }

    fn check(&self, faults: &mut String) -> Result<()> {
        let who = format!(
            "packet {} ({:?}, {} to {}, {})",
            self.number, self.side, self.from, self.to, self.protocols
        );
        if self.is_cut_picture() {
            return Ok(());
        }
        if self.malformed {
            writeln!(
                faults,
                "{who} is malformed: {:?} {:?}",
                self.complaints, self.sip
            )?;
        }
        for (level, words) in &self.complaints {
            let excused = NOT_A_FAULT
                .iter()
                .any(|(excused, _)| words.contains(excused));
            if *level >= ERROR || (*level >= WARNING && self.side == Side::Ours && !excused) {
                writeln!(faults, "{who}: {words}")?;
            }
        }
        let known = ["sip", "rtp", "rtcp", "tcp"];
        if !self
            .protocols
            .split(':')
            .any(|protocol| known.contains(&protocol))
        {
            writeln!(faults, "{who} is neither SIP nor RTP nor RTCP")?;
        }
        if self.side == Side::Ours {
            let formats = self
                .attributes
                .iter()
                .filter_map(|attribute| attribute.strip_prefix("rtpmap:"));
            let formats =
                formats.filter(|map| BROWSERS_FORMATS.iter().any(|format| map.contains(format)));
            let words = self.attributes.iter().map(String::as_str);
            let words = words.filter(|attribute| {
                BROWSERS_WORDS
                    .iter()
                    .any(|word| attribute.starts_with(word))
            });
            for word in words.chain(formats) {
                writeln!(faults, "{who}: its SDP says {word}")?;
            }
            if self
                .connections
                .iter()
                .any(|address| address == "0.0.0.0" || address == "::")
            {
                writeln!(faults, "{who}: its SDP says {:?}", self.connections)?;
            }
        }
        Ok(())
    }
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Ours => Self::Theirs,
            Self::Theirs => Self::Ours,
        }
    }
}

fn side_of(port: u16, ports: &Ports) -> Option<Side> {
    let holds = |sip: &[u16], media: &[RangeInclusive<u16>]| {
        sip.contains(&port) || media.iter().any(|range| range.contains(&port))
    };
    if holds(&ports.our_sip, &ports.our_media) {
        Some(Side::Ours)
    } else if holds(&ports.their_sip, &ports.their_media) {
        Some(Side::Theirs)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
