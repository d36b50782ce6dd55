//! The media ports of the test PBX: pairs of UDP sockets on loopback, each with a task that reads it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use pbx::Input;
use sdp::MediaKind;
use sip::InviteId;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::error::TrySendError;

use super::{Arrival, Arrivals, ByLine, Task};

/// Larger than any RTP packet on a real path; longer ones are cut.
const MAX_PACKET: usize = 2048;

/// Attempts to find an even port whose neighbour is free.
const TRIES: usize = 100;

/// All open ports.
pub(super) struct Ports {
    arrivals: Arrivals,
    open: ByLine<Pair>,
}

struct Pair {
    rtp: Socket,
    rtcp: Socket,
}

struct Socket {
    /// tokio's own `try_send_to` refuses until its driver has seen the socket ready, and so would lose the first packet.
    sender: std::net::UdpSocket,
    _reader: Task,
}

impl Ports {
    pub(super) fn new(arrivals: Arrivals) -> Self {
        Self {
            arrivals,
            open: ByLine::new(),
        }
    }

    /// Opens a pair and gives its RTP address.
    pub(super) fn open(&mut self, call: InviteId, kind: MediaKind) -> io::Result<SocketAddr> {
        let (rtp, rtcp) = bind_pair()?;
        let addr = rtp.local_addr()?;
        let pair = Pair {
            rtp: self.reading(rtp, call, kind, false)?,
            rtcp: self.reading(rtcp, call, kind, true)?,
        };
        self.open.insert((call, kind), pair);
        Ok(addr)
    }

    /// Closes all of a call.
    pub(super) fn close(&mut self, call: InviteId) {
        self.open.retain(|(owner, _), _| *owner != call);
    }

    /// Sends now or not at all.
    pub(super) fn send(
        &self,
        call: InviteId,
        kind: MediaKind,
        rtcp: bool,
        to: SocketAddr,
        bytes: &[u8],
    ) {
        let Some(pair) = self.open.get(&(call, kind)) else {
            return;
        };
        let socket = if rtcp { &pair.rtcp } else { &pair.rtp };
        if let Err(error) = socket.sender.send_to(bytes, to) {
            tracing::trace!(%to, %error, "media of the test PBX");
        }
    }

    fn reading(
        &self,
        socket: std::net::UdpSocket,
        call: InviteId,
        kind: MediaKind,
        rtcp: bool,
    ) -> io::Result<Socket> {
        let sender = socket.try_clone()?;
        let udp = UdpSocket::from_std(socket)?;
        let reader = read(udp, self.arrivals.clone(), call, kind, rtcp);
        let reader = Task(tokio::spawn(reader).abort_handle());
        Ok(Socket {
            sender,
            _reader: reader,
        })
    }
}

/// An even port and the one above it (RFC 3550 §11).
fn bind_pair() -> io::Result<(std::net::UdpSocket, std::net::UdpSocket)> {
    // Kept until the end, so that the same port is not offered twice.
    let mut unfit = Vec::new();
    for _ in 0..TRIES {
        let rtp = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 0
            && let Ok(rtcp) = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1))
        {
            rtp.set_nonblocking(true)?;
            rtcp.set_nonblocking(true)?;
            return Ok((rtp, rtcp));
        }
        unfit.push(rtp);
    }
    Err(io::Error::other("no pair of free UDP ports on 127.0.0.1"))
}

async fn read(udp: UdpSocket, arrivals: Arrivals, call: InviteId, kind: MediaKind, rtcp: bool) {
    let mut buffer = vec![0; MAX_PACKET];
    loop {
        let Ok((length, from)) = udp.recv_from(&mut buffer).await else {
            continue;
        };
        let bytes = Bytes::copy_from_slice(&buffer[..length]);
        let input = Input::Rtp {
            call,
            kind,
            rtcp,
            from,
            bytes,
        };
        // Media does not wait.
        if let Err(TrySendError::Closed(_)) = arrivals.try_send(Arrival::Input(input)) {
            return;
        }
    }
}
