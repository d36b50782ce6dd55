//! One connection: reads, writes and clocks until either end is gone.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sip::{Hop, StreamFramer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::queue::Waiting;
use super::{Owner, Streams, Told, in_words};

/// Bytes read at once.
const CHUNK: usize = 8192;

/// RFC 5626 §4.4.1: two line ends are a ping, one is the answer.
const PING: Bytes = Bytes::from_static(b"\r\n\r\n");
const PONG: Bytes = Bytes::from_static(b"\r\n");

/// Pings of one chunk that are answered.
const MAX_PONGS: u32 = 8;

/// What a connection's two halves know.
pub(super) struct Connection<'a, O> {
    pub(super) id: u64,
    pub(super) hop: Hop,
    /// We made it.
    pub(super) ours: bool,
    /// A whole message has come.
    pub(super) heard: AtomicBool,
    pub(super) streams: &'a Streams<O>,
}

/// How reading ended.
enum End {
    /// Nothing more is to be written.
    Now(String),
    /// Answers to what came are to be written first.
    AfterAnswers(String),
}

impl<O: Owner> Connection<'_, O> {
    /// Serves it; gives why it ended.
    pub(super) async fn run(&self, mut stream: TcpStream, mut from_us: Waiting) -> String {
        let limits = &self.streams.shared.limits;
        let socket = socket2::SockRef::from(&stream);
        let _ = socket.set_tcp_nodelay(true);
        // A host that has gone without a word is noticed by the first bytes it does not acknowledge.
        #[cfg(target_os = "linux")]
        let _ = socket.set_tcp_user_timeout(Some(limits.write));
        let local = match stream.local_addr() {
            Ok(local) => local,
            Err(error) => return in_words(&error),
        };
        let why = {
            let (reader, writer) = stream.split();
            let (to_self, pongs) = mpsc::channel(MAX_PONGS as usize);
            let mut writing = pin!(self.write(writer, &mut from_us, pongs, limits.write));
            let end = tokio::select! {
                end = self.read(reader, local, to_self) => end,
                why = &mut writing => return why,
            };
            match end {
                End::Now(why) => return why,
                End::AfterAnswers(why) => {
                    let answers = async { tokio::join!(self.finish(), writing) };
                    let _ = timeout(limits.write, answers).await;
                    why
                }
            }
        };
        let _ = stream.shutdown().await;
        let _ = timeout(limits.linger, discard(&mut stream)).await;
        why
    }

    /// Takes no more messages for the peer once those that are due have been added.
    async fn finish(&self) {
        self.streams.shared.owner.acted().await;
        self.streams.table().finish(&self.hop, self.id);
    }

    async fn read(
        &self,
        mut reader: ReadHalf<'_>,
        local: SocketAddr,
        pongs: mpsc::Sender<Bytes>,
    ) -> End {
        let limits = &self.streams.shared.limits;
        let peer = peer_words(&self.hop);
        let mut framer = StreamFramer::new();
        let mut chunk = vec![0; CHUNK];
        let mut begun: Option<Instant> = None;
        // Since when nothing whole has come.
        let mut quiet = Instant::now();
        loop {
            let stranger = self.is_stranger();
            let heard = self.heard.load(Ordering::Relaxed);
            let (deadline, late) = match begun {
                Some(begun) => (begun + limits.whole_message, "did not finish its message"),
                None if stranger && !heard => (
                    quiet + limits.first_message,
                    "connected and sent no message",
                ),
                None if stranger => (quiet + limits.stranger, "got no answer and said no more"),
                None if !heard => (
                    quiet + limits.first_answer,
                    "took the connection and said nothing",
                ),
                None => (quiet + limits.idle, "has sent no message for long"),
            };
            let length = match timeout_at(deadline, reader.read(&mut chunk)).await {
                // We have spoken to it meanwhile.
                Err(_) if begun.is_none() && stranger && !self.is_stranger() => continue,
                Err(_) if begun.is_none() => return End::Now(format!("{peer} {late}")),
                Err(_) => {
                    self.cut_short(&mut framer).await;
                    return End::AfterAnswers(format!("{peer} {late}"));
                }
                // The peer may have ended its side only, and read on.
                Ok(Ok(0)) => {
                    self.cut_short(&mut framer).await;
                    return End::AfterAnswers(format!("closed by {peer}"));
                }
                Ok(Ok(length)) => length,
                Ok(Err(error)) => {
                    let error = in_words(&error);
                    return End::Now(format!("connection with {peer} broken: {error}"));
                }
            };
            framer.push(chunk.get(..length).unwrap_or_default());
            for message in framer.by_ref() {
                let bytes = match message {
                    Ok(bytes) => bytes,
                    Err(error) => {
                        let why = format!("what {peer} sent is no SIP: {error}");
                        self.unframed(error).await;
                        return End::AfterAnswers(why);
                    }
                };
                begun = None;
                quiet = Instant::now();
                self.heard.store(true, Ordering::Relaxed);
                let from = self.hop.clone();
                let told = Told::Received { from, local, bytes };
                self.streams.shared.owner.told(told).await;
            }
            if framer.is_partial() {
                begun.get_or_insert_with(Instant::now);
            } else {
                begun = None;
            }
            for _ in 0..framer.take_pings().min(MAX_PONGS) {
                // One that finds no room is one of many.
                let _ = pongs.try_send(PONG);
            }
        }
    }

    async fn cut_short(&self, framer: &mut StreamFramer) {
        if let Some(error) = framer.cut_short() {
            self.unframed(error).await;
        }
    }

    /// A message whose end cannot be found, if it deserves an answer.
    async fn unframed(&self, error: sip::Error) {
        if error.reply.is_some() {
            let from = self.hop.clone();
            let told = Told::Unframed { from, error };
            self.streams.shared.owner.told(told).await;
        }
    }

    async fn write(
        &self,
        mut writer: WriteHalf<'_>,
        from_us: &mut Waiting,
        mut pongs: mpsc::Receiver<Bytes>,
        limit: Duration,
    ) -> String {
        let peer = peer_words(&self.hop);
        loop {
            let ping = Instant::now() + self.ping_after();
            let bytes = tokio::select! {
                bytes = from_us.next() => match bytes {
                    Some(bytes) if !self.streams.table().is_given_up(self.id) => bytes,
                    _ => return format!("connection with {peer} given up"),
                },
                Some(pong) = pongs.recv() => pong,
                () = sleep_until(ping), if self.ours => PING,
            };
            match timeout(limit, writer.write_all(&bytes)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    return format!("connection with {peer} broken: {}", in_words(&error));
                }
                Err(_) => return format!("{peer} does not read what it is sent"),
            }
        }
    }

    fn is_stranger(&self) -> bool {
        self.streams.table().is_stranger(self.id)
    }

    fn ping_after(&self) -> Duration {
        let ping = self.streams.shared.limits.ping;
        ping.mul_f64(1.0 + 0.2 * rand::random::<f64>())
    }
}

/// Reads until the peer has ended its side, too.
async fn discard(stream: &mut TcpStream) {
    let mut chunk = [0; CHUNK];
    while let Ok(1..) = stream.read(&mut chunk).await {}
}

/// How a sentence names the other end.
pub(super) fn peer_words(hop: &Hop) -> String {
    format!("{} ({})", hop.addr, hop.transport)
}
