//! The WebSocket of a page: frames of `{"message": ..., "data": [...]}`, never waited for.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use tungstenite::handshake::client::generate_key;
use tungstenite::http::Request;
use tungstenite::{Error, Message, WebSocket};

/// An open WebSocket.
pub(super) struct Wire {
    socket: WebSocket<TcpStream>,
}

impl Wire {
    pub(super) fn connect(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(server)?;
        let request = Request::get(format!("ws://{server}/"))
            .header("Host", server.to_string())
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key())
            .body(())?;
        let (socket, _) = tungstenite::client(request, stream)
            .map_err(|error| anyhow!("no WebSocket at {server}: {error}"))?;
        socket.get_ref().set_nonblocking(true)?;
        Ok(Self { socket })
    }

    /// Sends a message.
    pub(super) fn say(&mut self, message: &str, data: Value) -> Result<()> {
        let text = json!({ "message": message, "data": [data] }).to_string();
        // What the kernel does not take now waits in the WebSocket and goes with the next look.
        match self.socket.send(Message::text(text)) {
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            done => done.with_context(|| format!("saying {message}")),
        }
    }

    /// The next message that is here.
    pub(super) fn hear(&mut self) -> Result<Option<(String, Vec<Value>)>> {
        match self.socket.read() {
            Ok(Message::Text(text)) => {
                let frame: Value = serde_json::from_str(&text).context("a frame is no JSON")?;
                let name = frame["message"].as_str().context("a frame has no name")?;
                let data = frame["data"].as_array().context("data is no array")?;
                Ok(Some((name.to_owned(), data.clone())))
            }
            Ok(Message::Close(frame)) => match frame {
                Some(frame) => bail!("closed with {}: {}", frame.code, frame.reason),
                None => bail!("closed"),
            },
            Ok(_) => Ok(None),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn close(&mut self) -> Result<()> {
        self.socket.get_ref().set_nonblocking(false)?;
        self.socket.close(None)?;
        Ok(self.socket.flush()?)
    }
}
