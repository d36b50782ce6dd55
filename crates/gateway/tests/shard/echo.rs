//! The SIP peer of these tests: sends media back, and can misbehave as real devices do.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use sdp::{Encoding, Feedback, MediaKind, RemoteMedia};

/// An echo with a pair of ports for each kind.
pub(crate) struct Echo {
    sockets: Vec<Arc<UdpSocket>>,
    manner: Arc<Mutex<Manner>>,
    threads: Vec<JoinHandle<()>>,
}

/// How it sends back.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    /// Added to the SSRC.
    pub(crate) ssrc: u32,
    /// Added to the sequence number.
    pub(crate) sequence: u16,
    /// Added to the timestamp.
    pub(crate) timestamp: u32,
    /// Each packet comes so many times more.
    pub(crate) copies: usize,
    /// Video waits for a PLI, and then for a key frame, which it asks for in turn.
    pub(crate) video_on_request: bool,
    /// Key frame requests that came.
    pub(crate) requests: usize,
    /// Video comes back.
    pub(crate) flowing: bool,
    /// The threads shall end.
    pub(crate) ends: bool,
}

impl Echo {
    pub(crate) fn start() -> Self {
        Self::with(Manner::default())
    }

    pub(crate) fn with(manner: Manner) -> Self {
        let manner = Arc::new(Mutex::new(manner));
        let sockets: Vec<Arc<UdpSocket>> = (0..4)
            .map(|_| Arc::new(UdpSocket::bind("127.0.0.1:0").expect("a port")))
            .collect();
        let threads = sockets
            .iter()
            .enumerate()
            .map(|(index, socket)| {
                let (socket, manner) = (Arc::clone(socket), Arc::clone(&manner));
                let wait = Some(Duration::from_millis(100));
                socket.set_read_timeout(wait).expect("a timeout");
                std::thread::spawn(move || {
                    let mut buffer = [0; 2048];
                    while !lock(&manner).ends {
                        if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                            let bytes = &mut buffer[..length];
                            match index {
                                0 | 2 => rtp(&socket, from, bytes, index == 2, &manner),
                                _ => rtcp(&socket, from, bytes, &manner),
                            }
                        }
                    }
                })
            })
            .collect();
        Self {
            sockets,
            manner,
            threads,
        }
    }

    /// Its manner, to be read or changed.
    pub(crate) fn manner(&self) -> MutexGuard<'_, Manner> {
        lock(&self.manner)
    }

    /// Sends PLI to the gateway's RTCP port.
    pub(crate) fn ask_for_key_frame(&self, gateway: SocketAddr) {
        let sent = self.sockets[3].send_to(&pli(), gateway);
        sent.expect("sent");
    }

    /// Sends these bytes from its port for RTP or RTCP of audio.
    pub(crate) fn say(&self, port: media::RtpOrRtcp, bytes: &[u8], gateway: SocketAddr) {
        let index = usize::from(port == media::RtpOrRtcp::Rtcp);
        let sent = self.sockets[index].send_to(bytes, gateway);
        sent.expect("sent");
    }

    pub(crate) fn remote(&self, kind: MediaKind) -> RemoteMedia {
        let at = match kind {
            MediaKind::Audio => 0,
            MediaKind::Video => 2,
        };
        let address = |index: usize| self.sockets[index].local_addr().expect("bound");
        RemoteMedia {
            rtp: address(at),
            rtcp: address(at + 1),
            rtcp_mux: false,
            feedback: Feedback {
                pli: true,
                fir: true,
                nack: false,
            },
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.manner().ends = true;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn lock(manner: &Mutex<Manner>) -> MutexGuard<'_, Manner> {
    manner.lock().unwrap_or_else(PoisonError::into_inner)
}

fn rtp(
    socket: &UdpSocket,
    from: SocketAddr,
    bytes: &mut [u8],
    is_video: bool,
    manner: &Mutex<Manner>,
) {
    let Ok(packet) = media::RtpPacket::parse(bytes) else {
        return;
    };
    let manner = {
        let mut manner = lock(manner);
        if is_video && manner.video_on_request && !manner.flowing {
            let is_key = media::key_frame::begins_key_frame(&Encoding::Vp8, &packet.payload);
            manner.flowing = manner.requests > 0 && is_key;
            if !manner.flowing {
                return;
            }
        }
        *manner
    };
    let add = |at: usize, n: u32, bytes: &mut [u8]| {
        let old = u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four"));
        bytes[at..at + 4].copy_from_slice(&old.wrapping_add(n).to_be_bytes());
    };
    let sequence = packet.sequence.wrapping_add(manner.sequence);
    bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
    add(4, manner.timestamp, bytes);
    add(8, manner.ssrc, bytes);
    for _ in 0..=manner.copies {
        let _ = socket.send_to(bytes, from);
    }
}

fn rtcp(socket: &UdpSocket, from: SocketAddr, bytes: &[u8], manner: &Mutex<Manner>) {
    // PLI or FIR anywhere in the compound: payload type 206, format 1 or 4 (RFC 4585, RFC 5104).
    let mut rest = bytes;
    while rest.len() >= 4 {
        let is_request = rest[1] == 206 && [1, 4].contains(&(rest[0] & 0x1f));
        if is_request {
            let mut manner = lock(manner);
            manner.requests += 1;
            if manner.video_on_request && !manner.flowing {
                let _ = socket.send_to(&pli(), from);
            }
        }
        let words = usize::from(u16::from_be_bytes([rest[2], rest[3]])) + 1;
        rest = rest.get(words * 4..).unwrap_or_default();
    }
}

/// An empty receiver report and a PLI for whatever is sent here.
fn pli() -> Vec<u8> {
    let mut bytes = vec![0x80, 201, 0, 1, 0, 0, 0, 77];
    bytes.extend([0x81, 206, 0, 2, 0, 0, 0, 77, 0, 0, 0, 0]);
    bytes
}
