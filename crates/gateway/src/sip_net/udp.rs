//! SIP over UDP: datagrams in, datagrams out.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use session::Input;
use sip::{Hop, Transport};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use crate::control::Control;
use crate::streams::in_words;

/// The largest UDP payload.
const MAX_DATAGRAM: usize = 65_535;

/// The receive buffer that is asked of the kernel, in bytes, so that a burst of calls is not lost.
const RECEIVE_BUFFER: usize = 4 << 20;

/// One socket for each address family.
#[derive(Clone)]
pub(super) struct Datagrams {
    sockets: Vec<(SocketAddr, Arc<UdpSocket>)>,
}

/// Opens a socket; one at an IPv6 address takes no IPv4.
pub(super) fn open(addr: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let domain = Domain::for_address(addr);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

impl Datagrams {
    /// Takes the bound sockets and starts to read them.
    pub(super) fn start(bound: Vec<std::net::UdpSocket>, control: &Control) -> io::Result<Self> {
        let mut sockets = Vec::new();
        for socket in bound {
            let socket = Arc::new(UdpSocket::from_std(socket)?);
            let local = socket.local_addr()?;
            tokio::spawn(read(Arc::clone(&socket), local, control.clone()));
            sockets.push((local, socket));
        }
        Ok(Self { sockets })
    }

    /// Sends a datagram now, or drops it: the transaction retransmits. That a large INVITE goes over TCP where possible is
    /// decided by the user agent (`sip`, `ua/size.rs`).
    ///
    /// # Errors
    /// Why the datagram cannot be sent, in words.
    pub(super) fn send(&self, hop: &Hop, bytes: &[u8]) -> Result<(), String> {
        let of_family = |(local, _): &&(SocketAddr, _)| local.is_ipv4() == hop.addr.is_ipv4();
        let Some((_, socket)) = self.sockets.iter().find(of_family) else {
            let family = if hop.addr.is_ipv4() { "IPv4" } else { "IPv6" };
            return Err(format!(
                "there is no {family} socket to reach {} (UDP) from",
                hop.addr
            ));
        };
        match socket.try_send_to(bytes, hop.addr) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tracing::debug!(%hop, "SIP datagram dropped: the socket is full");
                Ok(())
            }
            Err(error) => Err(format!("{} (UDP): {}", hop.addr, in_words(&error))),
        }
    }
}

/// Passes datagrams on to the control loop.
async fn read(socket: Arc<UdpSocket>, local: SocketAddr, control: Control) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                let from = Hop {
                    transport: Transport::Udp,
                    addr: from,
                    verified_name: None,
                };
                let bytes = Bytes::copy_from_slice(&buffer[..length]);
                control
                    .input(Input::Sip(sip::Input::Received { from, local, bytes }))
                    .await;
            }
            // This reports an ICMP error of an earlier send; the socket still works. The pause keeps an error that
            // lasts from becoming a busy loop.
            Err(error) => {
                tracing::debug!(%error, "SIP socket");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}
