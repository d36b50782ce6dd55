//! SIP over UDP: one socket, datagrams in, datagrams out. What they mean is the user agent's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use session::Input;
use sip::{Hop, Transport};
use tokio::net::UdpSocket;

use crate::control::Control;

/// The largest UDP payload.
const MAX_DATAGRAM: usize = 65_535;

/// The sockets of the SIP side.
#[derive(Clone)]
pub(crate) struct SipSockets {
    udp: Arc<UdpSocket>,
}

impl SipSockets {
    /// Takes the bound UDP socket.
    pub(crate) fn new(udp: UdpSocket) -> Self {
        Self { udp: Arc::new(udp) }
    }

    /// Where it is bound.
    pub(crate) fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.udp.local_addr()
    }

    /// Sends now or not at all: retransmission is the transaction's.
    pub(crate) fn send(&self, hop: Hop, bytes: Bytes, control: &Control) {
        let result = match hop.transport {
            Transport::Udp => self.udp.try_send_to(&bytes, hop.addr).map(|_| ()),
            Transport::Tcp | Transport::Tls => Err(std::io::Error::other(
                "this server speaks SIP over UDP only, so far",
            )),
        };
        match result {
            Ok(()) => tracing::trace!(?hop, "SIP out"),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                tracing::debug!(?hop, "SIP datagram dropped: the socket is full");
            }
            Err(error) => {
                let error = error.to_string();
                control.offer(Input::Sip(sip::Input::SendFailed { hop, error }));
            }
        }
    }

    /// Reads until the socket fails.
    pub(crate) async fn read(self, control: Control) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        let Ok(local) = self.udp.local_addr() else {
            return;
        };
        loop {
            match self.udp.recv_from(&mut buffer).await {
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
                // An ICMP error of an earlier send; nothing of ours is broken. Should it last, no spin.
                Err(error) => {
                    tracing::debug!(%error, "SIP socket");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }
}
