//! SIP over TCP: the pool's news as inputs of the Hub.

use std::io;
use std::net::SocketAddr;

use session::Input;
use socket2::{Domain, Protocol, Socket, Type};

use crate::control::Control;
use crate::streams::{Owner, Told};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// A listener; of an IPv6 address for IPv6 alone.
pub(super) fn listen(addr: SocketAddr) -> io::Result<std::net::TcpListener> {
    let domain = Domain::for_address(addr);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of an earlier run that are still dying are no reason not to start.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Owner for Control {
    async fn told(&self, told: Told) {
        let input = match told {
            Told::Received { from, local, bytes } => sip::Input::Received { from, local, bytes },
            Told::Unframed { from, error } => sip::Input::Unframed { from, error },
            Told::Failed { hop, error } => sip::Input::SendFailed { hop, error },
            Told::Closed { hop, error } => sip::Input::Closed { hop, error },
        };
        self.input(Input::Sip(input)).await;
    }
    async fn acted(&self) {
        Control::acted(self).await;
    }
}
