//! A SIP server that the test itself plays: sockets for UDP and TCP on one port, messages as text.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{ports, wait};

/// The server.
#[derive(Debug)]
pub struct Server {
    /// Where it is.
    pub addr: SocketAddr,
    /// UDP, for messages that come that way.
    pub udp: UdpSocket,
    tcp: Option<TcpListener>,
}

/// One connection.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Server {
    /// Listens on 127.0.0.1, over TCP too if `tcp`.
    pub fn start(tcp: bool) -> Result<Self> {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], ports::free(2)?)), tcp)
    }

    /// Listens there.
    pub fn start_on(addr: SocketAddr, tcp: bool) -> Result<Self> {
        let udp = UdpSocket::bind(addr)?;
        udp.set_read_timeout(Some(Duration::from_millis(50)))?;
        let tcp = if tcp {
            let listener = TcpListener::bind(addr)?;
            listener.set_nonblocking(true)?;
            Some(listener)
        } else {
            None
        };
        Ok(Self { addr, udp, tcp })
    }

    /// The next connection that somebody makes.
    pub fn link(&self, limit: Duration) -> Result<Link> {
        wait::until("a connection to the test's server", limit, || {
            self.waiting_link()
        })
    }

    /// A connection that has been made and not yet taken.
    pub fn waiting_link(&self) -> Result<Option<Link>> {
        let tcp = self.tcp.as_ref().context("this server has no TCP")?;
        match tcp.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_millis(50)))?;
                let buffer = Vec::new();
                Ok(Some(Link { stream, buffer }))
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The next message over UDP that starts so, and whom it came from; others are passed over.
    pub fn datagram(&self, start: &str, limit: Duration) -> Result<(String, SocketAddr)> {
        let mut buffer = vec![0; 65_535];
        wait::until(&format!("{start} over UDP"), limit, || {
            let Ok((length, from)) = self.udp.recv_from(&mut buffer) else {
                return Ok(None);
            };
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            Ok(text.starts_with(start).then_some((text, from)))
        })
    }
}

impl Link {
    /// A connection of the test's own to a SIP address.
    pub fn connect(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_millis(50)))?;
        let buffer = Vec::new();
        Ok(Self { stream, buffer })
    }

    /// Our end's address.
    pub fn local(&self) -> Result<SocketAddr> {
        Ok(self.stream.local_addr()?)
    }

    /// Writes this at once.
    pub fn write(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.write_all(text.as_bytes())?)
    }

    /// Writes this one byte at a time.
    pub fn write_in_bytes(&mut self, text: &str) -> Result<()> {
        for byte in text.as_bytes() {
            self.stream.write_all(std::slice::from_ref(byte))?;
        }
        Ok(())
    }

    /// The next message, which must start so.
    pub fn message(&mut self, start: &str, limit: Duration) -> Result<String> {
        let text = wait::until(&format!("{start} over TCP"), limit, || {
            if let Some(length) = message_length(&self.buffer) {
                let message: Vec<u8> = self.buffer.drain(..length).collect();
                return Ok(Some(String::from_utf8(message)?));
            }
            self.read()?;
            Ok(None)
        })?;
        let text = text.trim_start_matches("\r\n").to_owned();
        if !text.starts_with(start) {
            bail!("{start} expected, not\n{text}");
        }
        Ok(text)
    }

    /// Waits for these bytes between messages: the answer to a keep-alive.
    pub fn line_end(&mut self, limit: Duration) -> Result<()> {
        wait::until_true("a line end", limit, || {
            self.read()?;
            Ok(self.buffer.starts_with(b"\r\n"))
        })?;
        self.buffer.drain(..2);
        Ok(())
    }

    fn read(&mut self) -> Result<()> {
        let mut chunk = [0; 8192];
        match self.stream.read(&mut chunk) {
            Ok(0) => bail!("the connection was closed"),
            Ok(length) => self.buffer.extend_from_slice(&chunk[..length]),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Waits until the other end has closed; how long that took.
    pub fn closed(&mut self, limit: Duration) -> Result<Duration> {
        let start = Instant::now();
        wait::until_true("the end of a connection", limit, || {
            Ok(self.read().is_err())
        })?;
        Ok(start.elapsed())
    }
}

/// The length of the whole message at the front, if it is whole.
fn message_length(buffer: &[u8]) -> Option<usize> {
    let skipped = buffer.chunks(2).take_while(|pair| *pair == b"\r\n").count() * 2;
    let text = String::from_utf8_lossy(buffer.get(skipped..)?).into_owned();
    let head = text.find("\r\n\r\n")? + 4;
    let length = header(text.get(..head)?, "Content-Length")?
        .parse::<usize>()
        .ok()?;
    let all = skipped + head + length;
    (buffer.len() >= all).then_some(all)
}

/// The first value of a header.
#[must_use]
pub fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = message.split("\r\n").take_while(|line| !line.is_empty());
    lines.find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The body of a message.
#[must_use]
pub fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// What answers a request: its Via, From, To (with a tag), Call-ID and CSeq, then `extra` lines, then the body.
#[must_use]
pub fn answer(request: &str, status: &str, extra: &[&str], body: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for line in request.split("\r\n").take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default();
        if ["Via", "From", "Call-ID", "CSeq"]
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own))
        {
            text.push_str(line);
            text.push_str("\r\n");
        } else if name.eq_ignore_ascii_case("To") {
            let tag = if line.contains(";tag=") {
                ""
            } else {
                ";tag=server"
            };
            text.push_str(&format!("{line}{tag}\r\n"));
        }
    }
    for line in extra {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_with_its_body() {
        let text = "\r\nOPTIONS sip:x SIP/2.0\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(message_length(text.as_bytes()), Some(text.len()));
        assert_eq!(message_length(&text.as_bytes()[..text.len() - 1]), None);
        assert_eq!(header(text.trim_start(), "content-length"), Some("2"));
        assert_eq!(body(text), "hi");
    }
}
