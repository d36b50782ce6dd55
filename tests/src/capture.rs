//! What really went over the wire: `dumpcap` records every packet of a call, and `tshark` dissects them independently
//! of us.
//!
//! SDP tells tshark which ports carry RTP; RTP that it does not know for RTP was announced wrongly.

use std::net::UdpSocket;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::folder::Folder;
use crate::process::Process;
use crate::wav::Recording;
use crate::{bot, ports, wait};

mod trace;
pub use trace::{Digit, Packet, Side, Stream, Trace};

const SOON: Duration = Duration::from_secs(10);
/// The header of a pcap file, and that of each packet in it.
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
/// The header of an Ethernet frame, which loopback has, too.
const ETHERNET: usize = 14;
const UDP: usize = 8;
const RTP: usize = 12;

/// The ports of a test: those of our server, and those of everyone else.
#[derive(Debug, Clone, Default)]
pub struct Ports {
    /// Our SIP ports.
    pub our_sip: Vec<u16>,
    /// Our RTP and RTCP ports.
    pub our_media: Vec<RangeInclusive<u16>>,
    /// The peers' SIP ports.
    pub their_sip: Vec<u16>,
    /// The peers' RTP and RTCP ports.
    pub their_media: Vec<RangeInclusive<u16>>,
}

impl Ports {
    /// libpcap's words for all of them and `mark`.
    fn filter(&self, mark: u16) -> String {
        let sip = self.our_sip.iter().chain(&self.their_sip);
        let single = sip.chain([&mark]).map(|port| format!("port {port}"));
        let media = self.our_media.iter().chain(&self.their_media);
        let ranges = media.map(|range| format!("portrange {}-{}", range.start(), range.end()));
        single.chain(ranges).collect::<Vec<_>>().join(" or ")
    }
}

/// A running capture on the loopback interface, where all that peers on one machine say to each other passes.
#[derive(Debug)]
pub struct Capture {
    file: PathBuf,
    ports: Ports,
    /// Sends to itself: a packet that the test knows.
    mark: UdpSocket,
    /// How often its file was looked at before its end.
    looks: u32,
    process: Process,
}

impl Capture {
    /// Starts it and waits until it has written a packet.
    pub fn start(folder: &Folder, ports: Ports) -> Result<Self> {
        let mark = UdpSocket::bind(("127.0.0.1", ports::free(2)?))?;
        mark.connect(mark.local_addr()?)?;
        let file = folder.inner("capture")?.join("call.pcap");
        let filter = ports.filter(mark.local_addr()?.port());
        let mut command = Command::new("dumpcap");
        command.args(["-i", "lo", "-P", "-q", "-B", "32", "-f", &filter, "-w"]);
        command.arg(&file);
        let mut capture = Self {
            file,
            ports,
            mark,
            looks: 0,
            process: Process::start("dumpcap", folder, &command)?,
        };
        capture.wait_for_mark("the capture begins here")?;
        Ok(capture)
    }

    /// The sound that went to these ports as RTP with G.711 mu-law until now, without the time in which nothing came.
    pub fn sound_to(&mut self, ports: &RangeInclusive<u16>) -> Result<Recording> {
        // dumpcap writes what it has taken a moment later.
        self.looks += 1;
        self.wait_for_mark(&format!("look number {} at the capture", self.looks))?;
        let bytes = std::fs::read(&self.file)?;
        let mut rest = bytes.get(FILE_HEADER..).unwrap_or_default();
        let mut sound = Vec::new();
        while let Some(header) = rest.get(..RECORD_HEADER) {
            let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
            let end = RECORD_HEADER + length as usize;
            // The last record may not be whole yet.
            let Some(frame) = rest.get(RECORD_HEADER..end) else {
                break;
            };
            sound.extend_from_slice(mu_law_to(frame, ports).unwrap_or_default());
            rest = &rest[end..];
        }
        Ok(bot::recording(&sound))
    }

    /// Ends it once it has written all that was sent until now, and has the packets dissected.
    pub fn stop(mut self) -> Result<Trace> {
        self.wait_for_mark("the capture ends here")?;
        self.process.signal("INT")?;
        let status = self.process.ended(SOON)?;
        if !status.success() {
            bail!("dumpcap ended with {status}: {}", self.process.tail(20));
        }
        let dropped = |line: &str| {
            let (_, counts) = line.split_once("received/dropped on interface")?;
            let (_, counts) = counts.rsplit_once(": ")?;
            let (_, dropped) = counts.split_once('/')?;
            dropped.split(' ').next()?.parse::<u64>().ok()
        };
        // Its last words may be read a moment after its end.
        let said = wait::until("dumpcap's count of lost packets", SOON, || {
            Ok(self.process.find(|line| dropped(line).is_some()))
        })?;
        if dropped(&said) != Some(0) {
            bail!("dumpcap lost packets: {said}");
        }
        Trace::dissect(&self.file, &self.ports)
    }

    fn wait_for_mark(&mut self, words: &str) -> Result<()> {
        let found = wait::until_true("a packet in the capture", SOON, || {
            self.process.alive()?;
            self.mark.send(words.as_bytes())?;
            let bytes = std::fs::read(&self.file).unwrap_or_default();
            Ok(bytes
                .windows(words.len())
                .any(|window| window == words.as_bytes()))
        });
        found.with_context(|| format!("dumpcap said: {}", self.process.tail(20)))
    }
}

/// The payload of an Ethernet frame that holds RTP of payload type 0 over IPv4 to one of these ports.
fn mu_law_to<'a>(frame: &'a [u8], ports: &RangeInclusive<u16>) -> Option<&'a [u8]> {
    let ip = frame.get(ETHERNET..)?;
    let is_udp = *ip.first()? >> 4 == 4 && *ip.get(9)? == 17;
    let udp = ip.get(usize::from(ip[0] & 15) * 4..)?;
    let rtp = udp.get(UDP..)?;
    let is_for_us = ports.contains(&u16::from_be_bytes([udp[2], udp[3]]));
    // Version 2 without padding, extension and CSRCs; the marker may be set.
    let is_mu_law = *rtp.first()? == 0x80 && *rtp.get(1)? & 0x7f == 0;
    (is_udp && is_for_us && is_mu_law)
        .then(|| rtp.get(RTP..))
        .flatten()
}
