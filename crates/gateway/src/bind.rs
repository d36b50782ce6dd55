//! Binding a port, with an error that says which port, which key, and what to do.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use anyhow::{Result, anyhow};

/// How many ports the demo tries beyond a taken one.
const DEMO_TRIES: u16 = 50;

/// A port someone else may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Port {
    /// The setting it comes from.
    pub(crate) key: &'static str,
    /// Its number; 0 is any free one.
    pub(crate) number: u16,
    /// Whether the next free one will do (the demo).
    pub(crate) or_next: bool,
}

/// Binds with `bind`, moving on to the next port where that is allowed.
pub(crate) fn bind<T>(
    ip: IpAddr,
    port: Port,
    bind: impl Fn(SocketAddr) -> io::Result<T>,
) -> Result<T> {
    let tries = if port.or_next && port.number != 0 {
        DEMO_TRIES
    } else {
        0
    };
    for offset in 0..=tries {
        let number = port.number.saturating_add(offset);
        match bind(SocketAddr::new(ip, number)) {
            Ok(bound) => {
                if offset > 0 {
                    tracing::info!(
                        key = port.key,
                        taken = port.number,
                        using = number,
                        "port in use"
                    );
                }
                return Ok(bound);
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse && offset < tries => {}
            Err(error) => return Err(explain(ip, port, number, &error)),
        }
    }
    Err(anyhow!(
        "no free port for {} from {} on",
        port.key,
        port.number
    ))
}

fn explain(ip: IpAddr, port: Port, number: u16, error: &io::Error) -> anyhow::Error {
    let key = port.key;
    // Who binds several ports for one key says itself which one it was.
    let named = error.get_ref().is_some();
    match error.kind() {
        ErrorKind::AddrInUse if named => anyhow!(
            "{error}: in use; stop the program that has it, or set {key} to another port or to 0 for any free one"
        ),
        ErrorKind::AddrInUse => anyhow!(
            "port {number} ({key}) is in use on {ip}: stop the program that has it \
             (`ss -lptun 'sport = :{number}'` names it), or set {key} to another port or to 0 for any free one"
        ),
        ErrorKind::PermissionDenied => anyhow!(
            "port {number} ({key}) may not be opened: ports below 1024 need CAP_NET_BIND_SERVICE; \
             set {key} to a higher port"
        ),
        ErrorKind::AddrNotAvailable => anyhow!(
            "{ip} is not an address of this machine: set ip_local to one that is, or to 0.0.0.0 for all"
        ),
        _ => anyhow!("port {number} ({key}) on {ip}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_taken_port_names_port_key_and_cure() {
        let taken = UdpSocket::bind((HERE, 0)).unwrap();
        let number = taken.local_addr().unwrap().port();
        let port = Port {
            key: "sip_port",
            number,
            or_next: false,
        };
        let text = bind(HERE, port, UdpSocket::bind).unwrap_err().to_string();
        for part in [
            number.to_string().as_str(),
            "sip_port",
            "in use",
            "0 for any free one",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn the_demo_takes_the_next_free_port() {
        let taken = UdpSocket::bind((HERE, 0)).unwrap();
        let number = taken.local_addr().unwrap().port();
        let port = Port {
            key: "sip_port",
            number,
            or_next: true,
        };
        let bound = bind(HERE, port, UdpSocket::bind).unwrap();
        assert!(bound.local_addr().unwrap().port() > number);
    }
}
