//! SIP over TCP (RFC 3261 §18): one pool of connections, whoever opened them, for the SIP side and for the test PBX.
//!
//! ```text
//!  send(hop) ─► its connection, else a new one ─► queue ─► peer
//!  peer ─► StreamFramer ─► Told::Received;  the end ─► Told::Closed;  no beginning ─► Told::Failed
//!                       └► Told::Unframed ─► answers that are due are written ─► the end
//! ```
//! A request reuses the connection that leads to its hop and an answer the one its request came over, because both are
//! found by transport and address of the other end. Nobody waits for a slow peer: its queue is bounded, and when that is
//! full its connection counts as broken.

mod connection;
mod queue;
mod table;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sip::{Hop, Transport};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use connection::{Connection, peer_words};
use queue::Waiting;
use table::Table;

/// After a failed accept (no file descriptor is left) the listener rests.
const REST: Duration = Duration::from_millis(50);

/// What happens on connections, in order for each of them.
#[derive(Debug)]
pub(crate) enum Told {
    /// One message.
    Received {
        from: Hop,
        local: SocketAddr,
        bytes: Bytes,
    },
    /// A message whose end cannot be found (RFC 3261 §18.3); it is the connection's last. What is
    /// sent for it, and for the messages before it, is still written.
    Unframed { from: Hop, error: sip::Error },
    /// Something could not be sent.
    Failed { hop: Hop, error: String },
    /// A connection that was open is gone.
    Closed { hop: Hop, error: String },
}

/// Who owns the pool. A fast peer is slowed down by the owner's waiting.
pub(crate) trait Owner: Clone + Send + Sync + 'static {
    fn told(&self, told: Told) -> impl Future<Output = ()> + Send;

    /// Completes when all that was told so far has been acted on: the answers are in the pool.
    fn acted(&self) -> impl Future<Output = ()> + Send;
}

/// What is allowed to peers (t-A13), and how connections are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// A connection of ours must be up by then.
    pub(crate) connect: Duration,
    /// A peer that connects to us must have said something whole by then.
    pub(crate) first_message: Duration,
    /// A message that has begun must be whole by then.
    pub(crate) whole_message: Duration,
    /// A peer that we never say anything to is a stranger: its connection is of no use to it.
    pub(crate) stranger: Duration,
    /// A peer that we connected to must have said something whole by then: no transaction waits longer (64*T1).
    pub(crate) first_answer: Duration,
    /// Nothing depends on a connection without messages for so long: bindings are refreshed sooner.
    pub(crate) idle: Duration,
    /// A peer must take what we write within this.
    pub(crate) write: Duration,
    /// A peer whose stream we end has this long to end its side, too. Closing at once would reset
    /// the connection, and the peer might lose our last answer.
    pub(crate) linger: Duration,
    /// Two line ends when we have been silent for so long (RFC 5626 §3.5.1), on connections that we made; plus up to a
    /// fifth.
    pub(crate) ping: Duration,
    /// Connections that peers made, in all.
    pub(crate) incoming: usize,
    /// The same of one address.
    pub(crate) incoming_per_ip: usize,
    /// Connections that we made.
    pub(crate) outgoing: usize,
    /// The same to one address.
    pub(crate) outgoing_per_ip: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect: seconds(5),
            first_message: seconds(10),
            whole_message: seconds(10),
            stranger: seconds(30),
            first_answer: seconds(40),
            idle: seconds(3600),
            write: seconds(10),
            linger: seconds(2),
            ping: seconds(25),
            incoming: 512,
            incoming_per_ip: 64,
            outgoing: 1024,
            outgoing_per_ip: 64,
        }
    }
}

/// All connections of one owner.
pub(crate) struct Streams<O> {
    shared: Arc<Shared<O>>,
}

impl<O> Clone for Streams<O> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

struct Shared<O> {
    owner: O,
    limits: Limits,
    /// Where we listen, one address for each family.
    locals: Vec<SocketAddr>,
    table: Mutex<Table>,
}

impl<O: Owner> Streams<O> {
    /// Takes connections from `listeners` for ever, and makes them on demand.
    pub(crate) fn start(listeners: Vec<TcpListener>, owner: O, limits: Limits) -> io::Result<Self> {
        let locals = listeners.iter().map(TcpListener::local_addr);
        let shared = Shared {
            owner,
            limits,
            locals: locals.collect::<io::Result<_>>()?,
            table: Mutex::new(Table::default()),
        };
        let streams = Self {
            shared: Arc::new(shared),
        };
        for listener in listeners {
            tokio::spawn(streams.clone().accept(listener));
        }
        Ok(streams)
    }

    /// Sends over the connection with this hop, made if there is none. What fails later is told.
    pub(crate) fn send(&self, hop: &Hop, bytes: Bytes) -> Result<(), String> {
        let mut table = self.table();
        let (to_peer, new) = match table.queue_of(hop) {
            Some(to_peer) => (to_peer, None),
            None => {
                if !table.may_connect(hop.addr.ip(), &self.shared.limits) {
                    let peer = peer_words(hop);
                    return Err(format!(
                        "too many SIP connections are open to make one to {peer}"
                    ));
                }
                let (to_peer, from_us) = queue::queue();
                let id = table.insert(hop, to_peer.clone(), true);
                (to_peer, Some((id, from_us)))
            }
        };
        if !to_peer.push(bytes) {
            table.give_up(hop);
            return Err(format!("{} does not read what it is sent", peer_words(hop)));
        }
        table.answered(hop);
        drop(table);
        if let Some((id, from_us)) = new {
            tokio::spawn(self.clone().make(id, hop.clone(), from_us));
        }
        Ok(())
    }

    /// Connects, and serves what came of it.
    async fn make(self, id: u64, hop: Hop, from_us: Waiting) {
        let limit = self.shared.limits.connect;
        let connected = tokio::time::timeout(limit, self.connect(hop.addr)).await;
        let peer = peer_words(&hop);
        let error = match connected {
            Ok(Ok(stream)) => {
                tracing::debug!(%hop, "SIP connection made");
                return self.serve(id, hop, stream, from_us, true).await;
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                format!("connection refused by {peer}")
            }
            Ok(Err(error)) => format!("no connection to {peer}: {}", in_words(&error)),
            Err(_) => format!("no connection to {peer} within {} s", limit.as_secs_f32()),
        };
        self.table().remove(&hop, id);
        drop(from_us);
        self.shared.owner.told(Told::Failed { hop, error }).await;
    }

    async fn connect(&self, peer: SocketAddr) -> io::Result<TcpStream> {
        let socket = if peer.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        let local = self.shared.locals.iter();
        let local = local.copied().find(|ip| ip.is_ipv4() == peer.is_ipv4());
        if let Some(local) = local.filter(|local| !local.ip().is_unspecified()) {
            socket.bind(SocketAddr::new(local.ip(), 0))?;
        }
        socket.connect(peer).await
    }

    async fn accept(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "a SIP connection cannot be taken");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    /// A peer has connected. When there are too many, strangers go first, the oldest before the others.
    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        let hop = tcp_hop(peer);
        let (to_peer, from_us) = queue::queue();
        let mut table = self.table();
        if !table.make_room(peer.ip(), &self.shared.limits) {
            tracing::debug!(%peer, "too many SIP connections: this one is not taken");
            return;
        }
        let id = table.insert(&hop, to_peer, false);
        drop(table);
        tracing::debug!(%peer, "SIP connection taken");
        tokio::spawn(self.clone().serve(id, hop, stream, from_us, false));
    }

    async fn serve(self, id: u64, hop: Hop, stream: TcpStream, from_us: Waiting, ours: bool) {
        let connection = Connection {
            id,
            hop: hop.clone(),
            ours,
            heard: AtomicBool::new(false),
            streams: &self,
        };
        let error = connection.run(stream, from_us).await;
        let used = connection.heard.load(Ordering::Relaxed) || self.table().is_known(id);
        let succeeded = self.table().remove(&hop, id);
        tracing::debug!(%hop, %error, "SIP connection closed");
        // What is under way goes over the newer connection; of one without a word nothing depends.
        if used && !succeeded {
            self.shared.owner.told(Told::Closed { hop, error }).await;
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic elsewhere leaves it as good as it was.
        self.shared
            .table
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn tcp_hop(addr: SocketAddr) -> Hop {
    Hop {
        transport: Transport::Tcp,
        addr,
        verified_name: None,
    }
}

/// An error without its number.
pub(crate) fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    words.to_ascii_lowercase()
}
