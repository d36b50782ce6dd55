//! The sockets of a shard: one for all its browsers, two for each m-line of a SIP leg.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use media::ports::{PortPool, Ports};
use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use session::media::Family;
use socket2::{Domain, Protocol, Socket, Type};

/// Asked of the kernel for each browser socket; `net.core.rmem_max` caps it.
const BROWSER_BUFFER: usize = 8 << 20;
/// The kernel may hand over several datagrams of one sender at once (UDP GRO).
const RECEIVE_BUFFER: usize = 65_536;
/// Tries to bind a pair before the port range counts as used up.
const BIND_TRIES: usize = 64;

/// One datagram of a browser.
pub(super) struct Datagram<'a> {
    pub(super) from: SocketAddr,
    /// Our address it came to.
    pub(super) to: SocketAddr,
    pub(super) local: Option<IpAddr>,
    pub(super) bytes: &'a [u8],
}

/// The socket of all browsers of one shard.
pub(super) struct BrowserSocket {
    socket: UdpSocket,
    state: UdpSocketState,
    /// Bound to `[::]`: IPv4 peers have mapped addresses.
    dual: bool,
    port: u16,
}

impl BrowserSocket {
    /// Binds `port` (0: any) on all addresses of the candidates' families, or on `bind`.
    pub(super) fn bind(bind: IpAddr, candidates: &[IpAddr], port: u16) -> io::Result<Self> {
        let dual = bind.is_unspecified() && candidates.iter().any(IpAddr::is_ipv6);
        let address = match (dual, bind.is_unspecified()) {
            (true, _) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            (false, true) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            (false, false) => bind,
        };
        let socket = open(SocketAddr::new(address, port), dual)?;
        socket.set_recv_buffer_size(BROWSER_BUFFER)?;
        socket.set_send_buffer_size(BROWSER_BUFFER)?;
        let granted = (socket.recv_buffer_size()?, socket.send_buffer_size()?);
        let socket = UdpSocket::from_std(socket.into());
        let state = UdpSocketState::new((&socket).into())?;
        let port = socket.local_addr()?.port();
        tracing::info!(
            port,
            asked = BROWSER_BUFFER,
            receive = granted.0,
            send = granted.1,
            "browser socket bound; buffers granted by the kernel (it counts double)"
        );
        Ok(Self {
            socket,
            state,
            dual,
            port,
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn source(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// Receives a batch into `buffers`. `WouldBlock` when there is nothing.
    pub(super) fn receive(&self, buffers: &mut Batch) -> io::Result<usize> {
        let Batch { data, metas } = buffers;
        let mut chunks = data.chunks_mut(RECEIVE_BUFFER);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        self.state.recv((&self.socket).into(), &mut slices, metas)
    }

    /// Sends one datagram; `from` is the address of ours the browser talks to.
    pub(super) fn send(&self, to: SocketAddr, from: Option<IpAddr>, bytes: &[u8]) -> bool {
        let (destination, src_ip) = match (self.dual, to) {
            (true, SocketAddr::V4(v4)) => {
                let mapped = IpAddr::V6(v4.ip().to_ipv6_mapped());
                // The kernel's routing chooses the source of mapped addresses.
                (SocketAddr::new(mapped, v4.port()), None)
            }
            _ => (to, from),
        };
        let transmit = Transmit {
            destination,
            ecn: None,
            contents: bytes,
            segment_size: None,
            src_ip,
        };
        self.state
            .try_send((&self.socket).into(), &transmit)
            .is_ok()
    }
}

/// Buffers for one receive call.
pub(super) struct Batch {
    data: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            data: vec![0; RECEIVE_BUFFER * BATCH_SIZE],
            metas: [RecvMeta::default(); BATCH_SIZE],
        }
    }

    /// A place holder without room.
    pub(super) fn empty() -> Self {
        Self {
            data: Vec::new(),
            metas: [RecvMeta::default(); BATCH_SIZE],
        }
    }

    /// The datagrams of the first `count` buffers.
    pub(super) fn datagrams(&self, count: usize, port: u16) -> impl Iterator<Item = Datagram<'_>> {
        let chunks = self.data.chunks(RECEIVE_BUFFER);
        chunks
            .zip(&self.metas)
            .take(count)
            .flat_map(move |(data, meta)| {
                let from = SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port());
                let local = meta.dst_ip.map(|ip| ip.to_canonical());
                let to = SocketAddr::new(local.unwrap_or(unspecified(from)), port);
                data[..meta.len]
                    .chunks(meta.stride.max(1))
                    .map(move |bytes| Datagram {
                        from,
                        to,
                        local,
                        bytes,
                    })
            })
    }
}

/// A pair of SIP-side sockets.
pub(super) struct SipPair {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    pub(super) port: u16,
    /// To be given back.
    pub(super) ports: Ports,
}

/// Binds a pair from the pool. `None`: the range is used up.
pub(super) fn bind_pair(
    pool: &mut PortPool,
    bind: IpAddr,
    family: Family,
    now: Instant,
) -> Option<SipPair> {
    let address = match (family, bind) {
        (Family::V4, IpAddr::V4(_)) | (Family::V6, IpAddr::V6(_)) => bind,
        (Family::V4, _) => Ipv4Addr::UNSPECIFIED.into(),
        (Family::V6, _) => Ipv6Addr::UNSPECIFIED.into(),
    };
    for _ in 0..BIND_TRIES {
        let ports = pool.allocate(now)?;
        match try_pair(address, ports) {
            Ok((rtp, rtcp, port)) => {
                return Some(SipPair {
                    rtp,
                    rtcp,
                    port,
                    ports,
                });
            }
            Err(error) => {
                tracing::debug!(?ports, %error, "a pair of RTP ports cannot be bound");
                pool.release(ports, now);
            }
        }
    }
    None
}

fn try_pair(address: IpAddr, ports: Ports) -> io::Result<(UdpSocket, UdpSocket, u16)> {
    let bound = |port| -> io::Result<UdpSocket> {
        let socket = open(SocketAddr::new(address, port), false)?;
        Ok(UdpSocket::from_std(socket.into()))
    };
    match ports {
        Ports::Pair { rtp } => Ok((bound(rtp)?, bound(rtp + 1)?, rtp)),
        Ports::Any => {
            let first = bound(0)?;
            let port = first.local_addr()?.port();
            // RFC 3550 §11 wants RTP on the even one.
            if port % 2 == 1 {
                return Ok((bound(port - 1)?, first, port - 1));
            }
            let rtcp = bound(port.checked_add(1).ok_or(io::ErrorKind::AddrInUse)?)?;
            Ok((first, rtcp, port))
        }
    }
}

fn open(address: SocketAddr, dual: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(!dual)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn unspecified(like: SocketAddr) -> IpAddr {
    match like {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
