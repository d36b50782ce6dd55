//! HTTP and WebSocket on the same ports: `ws.port` plain, `wss.port` over TLS. A request with
//! `Upgrade: websocket` on any path is a page's wire; any other GET is a page of ours.

mod listeners;
mod metrics;
mod pages;
mod ws;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::serve::{IncomingStream, Listener};
use session::SocketId;

pub(crate) use listeners::{PlainListener, TlsListener};
pub(crate) use metrics::Metrics;
pub(crate) use pages::{DemoValues, Pages};

use crate::control::Control;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Web {
    inner: Arc<Inner>,
}

struct Inner {
    control: Control,
    pages: Pages,
    /// `ws.origins`; empty: any.
    origins: Vec<String>,
    next_socket: AtomicU64,
}

impl Web {
    /// Handlers that hand WebSockets to `control` and serve `pages`.
    pub(crate) fn new(control: Control, pages: Pages, origins: Vec<String>) -> Self {
        let next_socket = AtomicU64::new(1);
        Self {
            inner: Arc::new(Inner {
                control,
                pages,
                origins,
                next_socket,
            }),
        }
    }

    /// Serves until the listener fails; errors of single connections are theirs.
    pub(crate) async fn serve<L>(self, listener: L)
    where
        L: Listener,
        Peer: for<'a> Connected<IncomingStream<'a, L>>,
        L::Addr: std::fmt::Debug,
    {
        let app = Router::new().fallback(any_path).with_state(self);
        let service = app.into_make_service_with_connect_info::<Peer>();
        if let Err(error) = axum::serve(listener, service).await {
            tracing::error!(%error, "the HTTP server stopped");
        }
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(SocketAddr);

impl Connected<IncomingStream<'_, PlainListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, PlainListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

async fn any_path(
    State(web): State<Web>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return web.inner.pages.serve(uri.path(), &headers);
    };
    let origin = headers
        .get(header::ORIGIN)
        .and_then(|origin| origin.to_str().ok());
    let allowed = web.inner.origins.is_empty()
        || origin.is_some_and(|origin| web.inner.origins.iter().any(|o| o == origin));
    if !allowed {
        return (
            StatusCode::FORBIDDEN,
            "This page's origin is not in ws.origins.\n",
        )
            .into_response();
    }
    let socket = SocketId(web.inner.next_socket.fetch_add(1, Ordering::Relaxed));
    let control = web.inner.control.clone();
    upgrade
        .max_message_size(signaling::MAX_FRAME_BYTES)
        .max_frame_size(signaling::MAX_FRAME_BYTES)
        .on_upgrade(move |stream| ws::pump(stream, socket, peer.ip().to_canonical(), control))
}
