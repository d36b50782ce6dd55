//! A UDP relay between a SIP user agent and its server, which can hold back what starts in a given way.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;

/// How often it looks whether its owner is gone.
const PACE: Duration = Duration::from_millis(50);

/// A running relay; it ends when it is dropped.
#[derive(Debug)]
pub struct Relay {
    /// Where it listens.
    pub addr: SocketAddr,
    holds: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl Relay {
    /// Passes datagrams between whoever writes to it and `server`; those to the server that begin with `held` are lost
    /// until [`Self::let_through`].
    pub fn start(server: SocketAddr, held: &'static str) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(PACE))?;
        let addr = socket.local_addr()?;
        let (holds, ended) = (
            Arc::new(AtomicBool::new(true)),
            Arc::new(AtomicBool::new(false)),
        );
        let (keeps, over) = (Arc::clone(&holds), Arc::clone(&ended));
        std::thread::spawn(move || {
            let mut client = None;
            let mut buffer = vec![0; 65_536];
            while !over.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let datagram = &buffer[..length];
                if from == server {
                    let _ = client.map(|client| socket.send_to(datagram, client));
                } else if !(keeps.load(Ordering::Relaxed) && datagram.starts_with(held.as_bytes()))
                {
                    client = Some(from);
                    let _ = socket.send_to(datagram, server);
                }
            }
        });
        Ok(Self { addr, holds, ended })
    }

    /// Nothing is held back any more.
    pub fn let_through(&self) {
        self.holds.store(false, Ordering::Relaxed);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_back_what_it_is_told_to_and_passes_the_rest_both_ways() {
        let (client, server) = (
            UdpSocket::bind("127.0.0.1:0").unwrap(),
            UdpSocket::bind("127.0.0.1:0").unwrap(),
        );
        for socket in [&client, &server] {
            socket
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
        }
        let relay = Relay::start(server.local_addr().unwrap(), "REGISTER").unwrap();
        let mut buffer = [0; 100];
        let mut hears = |socket: &UdpSocket| {
            let length = socket.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        client.send_to(b"REGISTER one", relay.addr).unwrap();
        client.send_to(b"INVITE", relay.addr).unwrap();
        assert_eq!(hears(&server), "INVITE");
        server.send_to(b"SIP/2.0 100", relay.addr).unwrap();
        assert_eq!(hears(&client), "SIP/2.0 100");
        relay.let_through();
        client.send_to(b"REGISTER two", relay.addr).unwrap();
        assert_eq!(hears(&server), "REGISTER two");
    }
}
