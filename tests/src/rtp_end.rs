//! The sound of a SIP peer that follows a script: SIPp names its address in SDP, this end speaks and listens there.
//!
//! It answers each packet that comes with one of its own, so it speaks as fast as it is spoken to, to any number of
//! calls at once.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;

use crate::bot::recording;
use crate::ports;
use crate::tone::{Loop, Tone};
use crate::wav::Recording;

/// By the stream that is heard: source and SSRC.
type Streams = BTreeMap<(SocketAddr, u32), Stream>;

/// An RTP end on 127.0.0.1, PCMU.
#[derive(Debug)]
pub struct RtpEnd {
    /// Where it listens; an even port.
    pub addr: SocketAddr,
    streams: Arc<Mutex<Streams>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Stream {
    sound: Loop,
    sent: u32,
    heard: Vec<u8>,
}

impl RtpEnd {
    /// Speaks `tone` to everyone who speaks to it.
    pub fn start(tone: Tone) -> Result<Self> {
        let socket = UdpSocket::bind(("127.0.0.1", ports::free(2)?))?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let addr = socket.local_addr()?;
        let streams = Arc::new(Mutex::new(Streams::new()));
        let ends = Arc::new(AtomicBool::new(false));
        let (kept, told) = (Arc::clone(&streams), Arc::clone(&ends));
        let thread = std::thread::Builder::new().name("rtp-end".into());
        let thread = thread.spawn(move || {
            let mut buffer = [0; 2048];
            while !told.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    let mut streams = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(packet) = answer(&mut streams, tone, from, &buffer[..length]) {
                        let _ = socket.send_to(&packet, from);
                    }
                }
            }
        })?;
        Ok(Self {
            addr,
            streams,
            ends,
            thread: Some(thread),
        })
    }

    /// What was heard, one recording for each stream; silent ones too.
    #[must_use]
    pub fn heard(&self) -> Vec<Recording> {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.values().map(|s| recording(&s.heard)).collect()
    }
}

impl Drop for RtpEnd {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// SSRC and payload of a packet of PCMU (RFC 3550 section 5.1).
pub(crate) fn read_packet(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<12>()?;
    let (version, payload_type) = (head[0] >> 6, head[1] & 0x7f);
    if version != 2 || payload_type != 0 {
        return None;
    }
    let ssrc = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
    let sources = usize::from(head[0] & 0x0f) * 4;
    Some((ssrc, rest.get(sources..)?))
}

/// The packet number `sent` of a stream of PCMU; the first has the marker. All packets have payloads of one length.
#[must_use]
pub fn packet(ssrc: u32, sent: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, if sent == 0 { 0x80 } else { 0 }];
    packet.extend((sent as u16).to_be_bytes());
    packet.extend((sent * payload.len() as u32).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// Takes a packet and gives the one to send back.
fn answer(streams: &mut Streams, tone: Tone, from: SocketAddr, bytes: &[u8]) -> Option<Vec<u8>> {
    let (ssrc, heard) = read_packet(bytes)?;
    let stream = streams.entry((from, ssrc)).or_insert_with(|| Stream {
        sound: tone.pcmu(),
        sent: 0,
        heard: Vec::new(),
    });
    stream.heard.extend_from_slice(heard);
    let payload = stream.sound.packet();
    let sent = stream.sent;
    stream.sent += 1;
    Some(packet(ssrc ^ 0x5a5a_5a5a, sent, &payload))
}
