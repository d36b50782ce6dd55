//! One WebSocket: frames of the page into the control loop, frames of the Hub out. No logic.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use session::{Input, SocketId};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::control::{Control, ToPage};

/// Frames that may wait for a slow page before its socket is closed with 1013 (t-A15).
const OUT_QUEUE: usize = 256;
/// A frame must leave within this.
const READS_WITHIN: Duration = Duration::from_secs(5);
/// RFC 6455 §7.4.1.
const UNSUPPORTED_DATA: u16 = 1003;
const MESSAGE_TOO_BIG: u16 = 1009;
const TRY_AGAIN_LATER: u16 = 1013;

/// Runs until either side closes; the Hub hears `SocketOpened` first and `SocketClosed` last.
pub(super) async fn pump(mut stream: WebSocket, socket: SocketId, peer: IpAddr, control: Control) {
    let (to_page, mut from_hub) = mpsc::channel(OUT_QUEUE);
    control.socket_opened(socket, peer, to_page).await;
    let mut close = None;
    loop {
        tokio::select! {
            message = stream.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    control.input(Input::Frame { socket, text: text.to_string() }).await;
                }
                Some(Ok(Message::Binary(_))) => {
                    close = Some((UNSUPPORTED_DATA, "Frames are text.".to_owned()));
                    break;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => break,
                Some(Err(error)) => {
                    if error.to_string().to_lowercase().contains("too long")
                        || error.to_string().to_lowercase().contains("too big")
                    {
                        close = Some((MESSAGE_TOO_BIG, "A frame may have 64 KiB.".to_owned()));
                    }
                    break;
                }
            },
            message = from_hub.recv() => match message {
                Some(ToPage::Frame(text)) => {
                    // A page that does not read is gone (t-A15).
                    let sent = timeout(READS_WITHIN, stream.send(Message::Text(text.into())));
                    if !matches!(sent.await, Ok(Ok(()))) {
                        break;
                    }
                }
                Some(ToPage::Close(code, reason)) => {
                    close = Some((code, reason));
                    break;
                }
                // The queue was full: the page does not read.
                None => {
                    close = Some((TRY_AGAIN_LATER, "The page reads too slowly.".to_owned()));
                    break;
                }
            },
        }
    }
    if let Some((code, mut reason)) = close {
        // A close frame carries at most 123 bytes of reason (RFC 6455 §5.5).
        let mut end = reason.len().min(123);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        reason.truncate(end);
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let _ = timeout(READS_WITHIN, stream.send(Message::Close(Some(frame)))).await;
    }
    control.input(Input::SocketClosed { socket }).await;
}
