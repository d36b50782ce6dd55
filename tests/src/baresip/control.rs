//! baresip's control connection (module `ctrl_tcp`): JSON in netstrings (`<length>:<json>,`), commands one way, answers
//! and events the other.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::process::Process;
use crate::wait;

const ANSWER: Duration = Duration::from_secs(5);

/// One connection; baresip serves one at a time.
#[derive(Debug)]
pub(super) struct Control {
    stream: TcpStream,
    heard: Arc<Mutex<Vec<Value>>>,
    /// Events before this place in `heard` were taken.
    taken: usize,
    commands: u32,
}

impl Control {
    /// Connects as soon as baresip listens.
    pub(super) fn connect(addr: SocketAddr, process: &mut Process) -> Result<Self> {
        let stream = wait::until("baresip's control port", Duration::from_secs(10), || {
            process.alive()?;
            Ok(TcpStream::connect(addr).ok())
        })?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, into) = (stream.try_clone()?, Arc::clone(&heard));
        std::thread::spawn(move || {
            let (mut buffer, mut chunk) = (Vec::new(), [0; 4096]);
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                buffer.extend_from_slice(&chunk[..length]);
                while let Some((value, used)) = netstring(&buffer) {
                    into.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .extend(value);
                    buffer.drain(..used);
                }
            }
        });
        Ok(Self {
            stream,
            heard,
            taken: 0,
            commands: 0,
        })
    }

    /// Gives a command and waits for its answer, whose text it gives.
    pub(super) fn command(&mut self, command: &str, params: &str) -> Result<String> {
        self.commands += 1;
        let token = self.commands.to_string();
        let text = json!({ "command": command, "params": params, "token": token }).to_string();
        write!(self.stream, "{}:{text},", text.len())
            .context("baresip's control connection is gone")?;
        let heard = Arc::clone(&self.heard);
        let answer = wait::until(&format!("baresip's answer to {command}"), ANSWER, || {
            let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(heard
                .iter()
                .find(|value| value["response"] == true && value["token"] == token.as_str())
                .cloned())
        })?;
        let data = answer["data"].as_str().unwrap_or_default().to_owned();
        if answer["ok"] != true {
            bail!("baresip refused {command} {params}: {data}");
        }
        Ok(data)
    }

    /// Waits for the next event of this type. Events before it are passed over.
    pub(super) fn event(&mut self, kind: &str, limit: Duration) -> Result<Value> {
        let (heard, taken) = (Arc::clone(&self.heard), self.taken);
        let (at, event) = wait::until(&format!("baresip's {kind}"), limit, || {
            let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            let mut events = heard.iter().enumerate().skip(taken);
            let event = events.find(|(_, value)| value["event"] == true && value["type"] == kind);
            Ok(event.map(|(at, value)| (at, value.clone())))
        })?;
        self.taken = at + 1;
        Ok(event)
    }
}

/// The first netstring of `buffer` (`None` inside when it is no JSON) and how many bytes it takes.
fn netstring(buffer: &[u8]) -> Option<(Option<Value>, usize)> {
    let colon = buffer.iter().position(|byte| *byte == b':')?;
    let length: usize = std::str::from_utf8(&buffer[..colon]).ok()?.parse().ok()?;
    let text = buffer.get(colon + 1..colon + 1 + length)?;
    buffer.get(colon + 1 + length)?;
    Some((serde_json::from_slice(text).ok(), colon + length + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netstrings_are_taken_one_by_one() {
        let buffer = b"8:{\"a\":1},,9:{\"b\":22},3:{x";
        let (value, used) = netstring(buffer).unwrap();
        assert_eq!((value, used), (None, 11), "eight bytes cut the JSON short");
        let buffer = b"7:{\"a\":1},8:{\"b\":22},3:{x";
        let (value, used) = netstring(buffer).unwrap();
        assert_eq!((value.unwrap()["a"].as_i64(), used), (Some(1), 10));
        let (value, used) = netstring(&buffer[10..]).unwrap();
        assert_eq!((value.unwrap()["b"].as_i64(), used), (Some(22), 11));
        assert!(netstring(&buffer[21..]).is_none());
    }
}
