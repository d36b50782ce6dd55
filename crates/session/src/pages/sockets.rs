//! WebSockets of pages: opened, probed, closed.

use std::net::IpAddr;
use std::time::Instant;

use signaling::ServerMessage;

use super::POLICY_VIOLATION;
use crate::hub::Hub;
use crate::ids::SocketId;
use crate::socket::Socket;
use crate::timers::Alarm;

impl Hub {
    pub(crate) fn socket_opened(&mut self, socket: SocketId, peer: IpAddr, now: Instant) {
        self.sockets.insert(socket, Socket::new(peer, now));
        self.timers
            .arm(Alarm::Greeting(socket), now + self.config.greeting_timeout);
        self.timers
            .arm(Alarm::Ping(socket), now + self.config.ping_interval);
    }

    /// The page is gone: its session starts to detach.
    pub(crate) fn socket_closed(&mut self, socket: SocketId, now: Instant) {
        self.timers.disarm(Alarm::Greeting(socket));
        self.timers.disarm(Alarm::Ping(socket));
        let Some(gone) = self.sockets.remove(&socket) else {
            return;
        };
        let Some(id) = gone.session else { return };
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.socket == Some(socket) {
            session.socket = None;
            let detach_at = now + self.config.detach_after;
            self.timers.arm(Alarm::Detach(id), detach_at);
        }
    }

    /// `keep_alive.*`: a ping every interval, and the end after too many without a pong.
    pub(crate) fn ping(&mut self, socket: SocketId, now: Instant) {
        let Some(entry) = self.sockets.get_mut(&socket) else {
            return;
        };
        if entry.session.is_some() {
            entry.missed += 1;
            if entry.missed > self.config.ping_probes {
                return self.close(
                    socket,
                    POLICY_VIOLATION,
                    "The page no longer answers pings.",
                );
            }
            self.send(socket, &ServerMessage::Ping);
        }
        self.timers
            .arm(Alarm::Ping(socket), now + self.config.ping_interval);
    }
}
