//! SIP over TCP for the test PBX: connections that came in, and those made on demand.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use pbx::Input;
use sip::{Hop, StreamFramer, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

use super::{Arrival, Arrivals};

/// Messages that may wait for a slow reader; then its connection counts as broken.
const QUEUE: usize = 64;

/// Bytes read at once.
const CHUNK: usize = 8192;

/// The connections by the address of the other end.
pub(super) struct Streams {
    local: SocketAddr,
    arrivals: Arrivals,
    open: BTreeMap<SocketAddr, mpsc::Sender<Bytes>>,
}

impl Streams {
    pub(super) fn new(local: SocketAddr, arrivals: Arrivals) -> Self {
        Self {
            local,
            arrivals,
            open: BTreeMap::new(),
        }
    }

    pub(super) fn opened(&mut self, peer: SocketAddr, to_peer: mpsc::Sender<Bytes>) {
        self.open.insert(peer, to_peer);
    }

    pub(super) fn closed(&mut self, peer: SocketAddr) {
        // A newer connection of the same address stays.
        if self.open.get(&peer).is_some_and(mpsc::Sender::is_closed) {
            self.open.remove(&peer);
        }
    }

    /// Sends over the connection with this peer, made if there is none.
    pub(super) fn send(&mut self, peer: SocketAddr, bytes: Bytes) -> io::Result<()> {
        let to_peer = match self.open.get(&peer).filter(|to_peer| !to_peer.is_closed()) {
            Some(to_peer) => to_peer.clone(),
            None => {
                let (to_peer, from_us) = mpsc::channel(QUEUE);
                let connection = connect(self.local, peer, from_us, self.arrivals.clone());
                tokio::spawn(connection);
                self.open.insert(peer, to_peer.clone());
                to_peer
            }
        };
        to_peer
            .try_send(bytes)
            .map_err(|_| io::Error::other("the connection is stuck"))
    }
}

/// Takes connections for ever.
pub(super) async fn accept(listener: TcpListener, local: SocketAddr, arrivals: Arrivals) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (to_peer, from_us) = mpsc::channel(QUEUE);
                if arrivals
                    .send(Arrival::Connected { peer, to_peer })
                    .await
                    .is_err()
                {
                    return;
                }
                tokio::spawn(serve(stream, local, peer, from_us, arrivals.clone()));
            }
            Err(error) => {
                tracing::debug!(%error, "SIP listener of the test PBX");
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn connect(
    local: SocketAddr,
    peer: SocketAddr,
    from_us: mpsc::Receiver<Bytes>,
    arrivals: Arrivals,
) {
    let connected = async {
        let socket = if peer.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        // From loopback nothing leaves this machine.
        socket.bind(SocketAddr::new(local.ip(), 0))?;
        socket.connect(peer).await
    };
    match connected.await {
        Ok(stream) => serve(stream, local, peer, from_us, arrivals).await,
        Err(error) => {
            drop(from_us);
            let hop = Hop {
                transport: Transport::Tcp,
                addr: peer,
                verified_name: None,
            };
            let failed = Input::SendFailed {
                hop,
                error: error.to_string(),
            };
            let _ = arrivals.send(Arrival::Input(failed)).await;
            let _ = arrivals.send(Arrival::Disconnected { peer }).await;
        }
    }
}

/// Reads and writes until either end is gone.
async fn serve(
    mut stream: TcpStream,
    local: SocketAddr,
    peer: SocketAddr,
    mut from_us: mpsc::Receiver<Bytes>,
    arrivals: Arrivals,
) {
    let mut framer = StreamFramer::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        tokio::select! {
            read = stream.read(&mut chunk) => match read {
                Ok(0) | Err(_) => break,
                Ok(length) => framer.push(&chunk[..length]),
            },
            bytes = from_us.recv() => match bytes {
                Some(bytes) if stream.write_all(&bytes).await.is_ok() => continue,
                _ => break,
            },
        }
        let mut broken = false;
        for message in framer.by_ref() {
            let Ok(bytes) = message else {
                broken = true;
                break;
            };
            let from = Hop {
                transport: Transport::Tcp,
                addr: peer,
                verified_name: None,
            };
            let input = Input::Sip { from, local, bytes };
            if arrivals.send(Arrival::Input(input)).await.is_err() {
                return;
            }
        }
        // RFC 5626 §4.4.1: two line ends are answered with one.
        let pongs = framer.take_pings().min(8);
        let pong = b"\r\n".repeat(pongs as usize);
        if broken || stream.write_all(&pong).await.is_err() {
            break;
        }
    }
    drop(from_us);
    let _ = arrivals.send(Arrival::Disconnected { peer }).await;
}
