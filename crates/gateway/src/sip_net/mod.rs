//! The sockets of the SIP side: UDP and TCP on one port number, in each address family that is used. What bytes mean is
//! the user agent's.

mod tcp;
mod udp;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Result;
use bytes::Bytes;
use session::Input;
use sip::{Hop, Transport};
use tokio::net::TcpListener;

use crate::bind::{Port, bind};
use crate::control::Control;
use crate::streams::{Limits, Streams};
use udp::Datagrams;

/// Looks for a port number that is free for all sockets, when any will do.
const TRIES: usize = 100;

/// Bound, and nothing more yet.
pub(crate) struct Bound {
    udp: Vec<std::net::UdpSocket>,
    tcp: Vec<std::net::TcpListener>,
}

/// The running sockets of the SIP side.
#[derive(Clone)]
pub(crate) struct SipSockets {
    control: Control,
    udp: Datagrams,
    tcp: Streams<Control>,
}

impl Bound {
    /// Binds UDP and TCP to one port on every address of `ips`.
    pub(crate) fn new(ips: &[IpAddr], port: Port) -> Result<Self> {
        let first = ips.first().copied();
        let first = first.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        bind(first, port, |addr| match addr.port() {
            0 => any_port(ips),
            number => all_on(ips, number),
        })
    }

    /// Where the sockets are bound.
    pub(crate) fn locals(&self) -> io::Result<Vec<SocketAddr>> {
        self.udp
            .iter()
            .map(std::net::UdpSocket::local_addr)
            .collect()
    }

    /// Starts reading. What comes, and what cannot be sent, is an input of the Hub.
    pub(crate) fn start(self, control: &Control) -> io::Result<SipSockets> {
        let listeners = self.tcp.into_iter().map(TcpListener::from_std);
        let listeners = listeners.collect::<io::Result<_>>()?;
        Ok(SipSockets {
            control: control.clone(),
            udp: Datagrams::start(self.udp, control)?,
            tcp: Streams::start(listeners, control.clone(), Limits::default())?,
        })
    }
}

impl SipSockets {
    /// Sends without waiting; what fails is an input again.
    pub(crate) fn send(&self, hop: Hop, bytes: Bytes) {
        tracing::trace!(%hop, "SIP out");
        let sent = match hop.transport {
            Transport::Udp => self.udp.send(&hop, &bytes),
            Transport::Tcp => self.tcp.send(&hop, bytes),
            Transport::Tls => Err("this server does not speak SIP over TLS so far".to_owned()),
        };
        if let Err(error) = sent {
            self.control
                .offer(Input::Sip(sip::Input::SendFailed { hop, error }));
        }
    }
}

/// The addresses to bind for `ip_local`: itself; for "all" one of each family that we have addresses of.
pub(crate) fn families(ip_local: IpAddr, own: &[IpAddr]) -> Vec<IpAddr> {
    let (v4, v6) = (Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into());
    match ip_local {
        ip if !ip.is_unspecified() => vec![ip],
        IpAddr::V4(_) if !own.iter().any(IpAddr::is_ipv6) => vec![v4],
        _ => vec![v4, v6],
    }
}

fn any_port(ips: &[IpAddr]) -> io::Result<Bound> {
    let first = *ips.first().ok_or(io::ErrorKind::AddrNotAvailable)?;
    // What turned out to be taken for another is kept until the end, so that it is not offered twice.
    let mut kept = Vec::new();
    for _ in 0..TRIES {
        let free = udp::open(SocketAddr::new(first, 0))?;
        let number = free.local_addr()?.port();
        drop(free);
        match all_on(ips, number) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                kept.extend(udp::open(SocketAddr::new(first, number)));
            }
            done => return done,
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

fn all_on(ips: &[IpAddr], port: u16) -> io::Result<Bound> {
    let mut bound = Bound {
        udp: Vec::new(),
        tcp: Vec::new(),
    };
    for ip in ips {
        let addr = SocketAddr::new(*ip, port);
        bound.udp.push(udp::open(addr)?);
        bound.tcp.push(tcp::listen(addr)?);
    }
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Port = Port {
        key: "sip_port",
        number: 0,
        or_next: false,
    };

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn one_number_for_all() {
        let bound = Bound::new(&ips(&["127.0.0.1", "::1"]), ANY).unwrap();
        let mut ports: Vec<u16> = bound
            .locals()
            .unwrap()
            .iter()
            .map(SocketAddr::port)
            .collect();
        ports.extend(bound.tcp.iter().map(|tcp| tcp.local_addr().unwrap().port()));
        assert_eq!(ports.len(), 4);
        assert!(
            ports.iter().all(|port| *port == ports[0] && *port != 0),
            "{ports:?}"
        );
    }

    #[test]
    fn a_number_that_tcp_or_the_other_family_has_is_taken() {
        for text in ["127.0.0.1", "::1"] {
            let taken = std::net::TcpListener::bind((text, 0)).unwrap();
            let port = Port {
                number: taken.local_addr().unwrap().port(),
                ..ANY
            };
            let error = Bound::new(&ips(&["127.0.0.1", "::1"]), port).err().unwrap();
            assert!(error.to_string().contains("in use"), "{text}: {error}");
        }
    }

    #[test]
    fn each_family_that_we_have_is_bound() {
        let all = |local: &str, own: &[&str]| families(local.parse().unwrap(), &ips(own));
        assert_eq!(all("0.0.0.0", &["127.0.0.1"]), ips(&["0.0.0.0"]));
        let both = ips(&["0.0.0.0", "::"]);
        assert_eq!(all("0.0.0.0", &["127.0.0.1", "2001:db8::1"]), both);
        assert_eq!(all("::", &["127.0.0.1"]), both);
        assert_eq!(all("::1", &["::1"]), ips(&["::1"]));
        assert_eq!(all("127.0.0.1", &["127.0.0.1"]), ips(&["127.0.0.1"]));
    }
}
