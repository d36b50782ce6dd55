//! The TCP connections of a process, as /proc tells them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result};

/// State `TCP_ESTABLISHED` (Linux `include/net/tcp_states.h`).
const ESTABLISHED: &str = "01";

/// The established connections of a process: its own address and the other end's.
pub fn connections(process: u32) -> Result<Vec<(SocketAddr, SocketAddr)>> {
    let folder = format!("/proc/{process}");
    let own = inodes(Path::new(&folder))?;
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("{folder}/net/{table}"))?;
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, local, remote, state, .., _, _, _, _] = words.as_slice() else {
                continue;
            };
            let inode = words.get(9).copied().unwrap_or_default();
            if *state == ESTABLISHED && own.contains(inode) {
                found.push((address(local)?, address(remote)?));
            }
        }
    }
    Ok(found)
}

fn inodes(folder: &Path) -> Result<BTreeSet<String>> {
    let entries = std::fs::read_dir(folder.join("fd"))?.filter_map(Result::ok);
    let targets = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let inode = |target: std::path::PathBuf| {
        let text = target.to_string_lossy().into_owned();
        Some(text.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
    };
    Ok(targets.filter_map(inode).collect())
}

/// `0100007F:1F90`: words in the order of this machine's memory (little-endian on every machine the tests run on).
fn address(text: &str) -> Result<SocketAddr> {
    let (ip, port) = text.split_once(':').context("no port")?;
    let words = (0..ip.len() / 8).map(|n| u32::from_str_radix(&ip[n * 8..n * 8 + 8], 16));
    let bytes: Vec<u8> = words
        .collect::<Result<Vec<u32>, _>>()?
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(bytes) => IpAddr::V4(Ipv4Addr::from(bytes)),
        Err(_) => {
            let bytes = <[u8; 16]>::try_from(bytes.as_slice())?;
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
    };
    Ok(SocketAddr::new(ip, u16::from_str_radix(port, 16)?))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn finds_a_connection_of_this_process() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(host).unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let pair = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
            let all = connections(std::process::id()).unwrap();
            assert!(all.contains(&pair), "{pair:?} is not among {all:?}");
        }
    }
}
