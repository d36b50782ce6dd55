//! Messages out of a byte stream (RFC 3261 §18.3, §7.5; keep-alive of RFC 5626 §4.4.1).
//!
//! ```text
//! chunk --push--> [ CRLF* | head CRLF CRLF | Content-Length bytes ]* --next--> one message, or the end
//! ```
//! After an error the boundary of the next message is unknown: the connection is to be closed.
use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use crate::Error;
use crate::error::ErrorKind;
use crate::message::{find, frame_length, parse};

/// Largest message taken from a stream, in bytes.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Cuts a TCP or TLS stream into messages; an iterator that gives `None` until more bytes are pushed.
pub struct StreamFramer {
    buffer: BytesMut,
    limit: usize,
    /// Bytes known not to hold the end of the head.
    scanned: usize,
    /// Length of head and body, once the head is there.
    frame: Option<usize>,
    /// Line ends seen between messages that make no ping yet.
    line_ends: u32,
    pings: u32,
    broken: bool,
}

impl Default for StreamFramer {
    fn default() -> Self {
        Self::with_limit(MAX_MESSAGE)
    }
}

impl StreamFramer {
    /// A framer that takes messages up to [`MAX_MESSAGE`].
    pub fn new() -> Self {
        Self::default()
    }

    /// A framer that takes messages up to `limit` bytes.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            limit,
            scanned: 0,
            frame: None,
            line_ends: 0,
            pings: 0,
            broken: false,
        }
    }

    /// Adds what was read from the connection. Nothing is kept after an error.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.broken {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Keep-alives (CRLF CRLF between messages) since the last question; each is answered with one CRLF.
    pub fn take_pings(&mut self) -> u32 {
        std::mem::take(&mut self.pings)
    }

    /// True while a message has begun and not ended: the time for a deadline to run (t-A13).
    pub fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The stream ends in the middle of a message: what is wrong with that message, if its head is
    /// there to answer (§18.3). Nothing comes out of the framer after it.
    pub fn cut_short(&mut self) -> Option<Error> {
        let error = self.frame.and_then(|_| parse(&self.buffer).err());
        self.broken = true;
        self.buffer = BytesMut::new();
        error
    }

    fn skip_line_ends(&mut self) {
        while self.buffer.starts_with(b"\r\n") {
            self.buffer.advance(2);
            self.line_ends += 1;
            if self.line_ends == 2 {
                self.line_ends = 0;
                self.pings = self.pings.saturating_add(1);
            }
        }
        if self.buffer.len() > 1 {
            self.line_ends = 0;
        }
    }

    /// Length of the message at the front, once its head is complete.
    fn frame_length(&mut self) -> Result<Option<usize>, Error> {
        if self.frame.is_none() {
            let from = self.scanned.saturating_sub(3);
            let end = self
                .buffer
                .get(from..)
                .and_then(|rest| find(rest, b"\r\n\r\n"))
                .map(|at| from + at + 4);
            self.scanned = self.buffer.len();
            if end.unwrap_or(self.buffer.len()) > self.limit {
                return Err(Error::new(ErrorKind::TooLarge { limit: self.limit }, 0));
            }
            if let Some(head) = end.and_then(|end| self.buffer.get(..end)) {
                self.frame = Some(head.len() + frame_length(head, self.limit)?);
            }
        }
        Ok(self.frame)
    }
}

/// What it holds may be credentials, so a trace shows sizes only.
impl fmt::Debug for StreamFramer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "StreamFramer({} of {:?} bytes)",
            self.buffer.len(),
            self.frame
        )
    }
}

impl Iterator for StreamFramer {
    type Item = Result<Bytes, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.broken {
            return None;
        }
        if self.frame.is_none() {
            self.skip_line_ends();
        }
        match self.frame_length() {
            Ok(Some(length)) if self.buffer.len() >= length => {
                self.frame = None;
                self.scanned = 0;
                Some(Ok(self.buffer.split_to(length).freeze()))
            }
            Ok(_) => None,
            Err(error) => {
                self.broken = true;
                self.buffer = BytesMut::new();
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests;
