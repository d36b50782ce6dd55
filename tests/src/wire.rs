//! A page without a browser: the frames of the WebSDK's wire, written and read by the test itself.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::kamailio::User;

/// How long one read waits, so that a deadline is noticed.
const PACE: Duration = Duration::from_millis(50);

/// A page's WebSocket.
#[derive(Debug)]
pub struct Wire {
    socket: WebSocket<TcpStream>,
    /// Frames that came while another was waited for.
    early: Vec<(String, Value)>,
}

impl Wire {
    /// Opens a WebSocket and sends `connection` for this account; `fields` stand beside login and password.
    pub fn connect(ws: SocketAddr, user: User, fields: &[(&str, Value)]) -> Result<Self> {
        let stream = TcpStream::connect(ws)?;
        stream.set_read_timeout(Some(PACE))?;
        let (socket, _) = tungstenite::client(format!("ws://{ws}/"), stream)
            .map_err(|error| anyhow::anyhow!("no WebSocket: {error}"))?;
        let mut wire = Self {
            socket,
            early: Vec::new(),
        };
        let mut connection = json!({
            "appKey": "defaultApp",
            "sipLogin": user.name,
            "sipAuthenticationName": user.name,
            "sipPassword": user.password,
        });
        for (key, value) in fields {
            connection[*key] = value.clone();
        }
        wire.send("connection", connection)?;
        Ok(wire)
    }

    /// Sends a frame.
    pub fn send(&mut self, message: &str, data: Value) -> Result<()> {
        let frame = json!({ "message": message, "data": [data] });
        Ok(self.socket.send(Message::text(frame.to_string()))?)
    }

    /// Waits for the next frame of this name and gives its data; the server's pings are answered meanwhile.
    pub fn next(&mut self, message: &str, limit: Duration) -> Result<Value> {
        let deadline = Instant::now() + limit;
        if let Some(at) = self.early.iter().position(|(name, _)| name == message) {
            return Ok(self.early.remove(at).1);
        }
        loop {
            if let Some((name, data)) = self.read()? {
                match name.as_str() {
                    "ping" => self.send("pong", Value::Null)?,
                    name if name == message => return Ok(data),
                    _ => self.early.push((name, data)),
                }
            }
            if Instant::now() >= deadline {
                bail!(
                    "waited {:.1} s in vain for {message}; there came {:?}",
                    limit.as_secs_f32(),
                    self.early
                );
            }
        }
    }

    fn read(&mut self) -> Result<Option<(String, Value)>> {
        let text = match self.socket.read() {
            Ok(Message::Text(text)) => text,
            Ok(_) => return Ok(None),
            Err(tungstenite::Error::Io(error))
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                return Ok(None);
            }
            Err(error) => bail!("the WebSocket ended: {error}; there came {:?}", self.early),
        };
        let frame: Value = serde_json::from_str(&text)?;
        let name = frame["message"].as_str().context("no message name")?;
        Ok(Some((name.to_owned(), frame["data"].clone())))
    }
}
