//! The sockets that pages connect to, plain and over TLS.
//!
//! Small frames must not wait for the page's delayed acknowledgement (Nagle's algorithm, RFC 9293
//! §3.7.4), so every accepted socket has TCP_NODELAY.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A client that does not finish its handshake within this time is disconnected (A13).
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Handshakes that are finished and wait to be served.
const READY: usize = 64;

/// Hands out connections without TLS.
pub(crate) struct PlainListener(TcpListener);

impl PlainListener {
    /// Accepts on `listener`.
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self(listener)
    }
}

impl Listener for PlainListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        accept(&mut self.0).await
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

/// Hands out connections whose TLS handshake is finished. Handshakes run beside each other and
/// never hold up the accept loop.
pub(crate) struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    addr: SocketAddr,
}

impl TlsListener {
    /// Starts accepting on `listener`.
    pub(crate) fn start(listener: TcpListener, config: Arc<ServerConfig>) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        let (done, ready) = mpsc::channel(READY);
        tokio::spawn(handshakes(listener, TlsAcceptor::from(config), done));
        Ok(Self { ready, addr })
    }
}

async fn handshakes(
    mut listener: TcpListener,
    acceptor: TlsAcceptor,
    done: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    loop {
        let (stream, peer) = accept(&mut listener).await;
        let (acceptor, done) = (acceptor.clone(), done.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let _ = done.send((stream, peer)).await;
                }
                Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "TLS handshake timed out"),
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The accepting task does not end while the receiver lives.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.addr)
    }
}

/// The next connection. `axum` sleeps through errors such as a lack of file descriptors.
async fn accept(listener: &mut TcpListener) -> (TcpStream, SocketAddr) {
    let (stream, peer) = Listener::accept(listener).await;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY cannot be set");
    }
    (stream, peer)
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use tokio_rustls::TlsConnector;

    use super::*;

    async fn bound() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        (listener, addr)
    }

    #[tokio::test]
    async fn a_plain_socket_does_not_wait_for_acknowledgements() {
        let (listener, addr) = bound().await;
        let _page = TcpStream::connect(addr).await.unwrap();
        let (accepted, _) = PlainListener::new(listener).accept().await;
        assert!(accepted.nodelay().unwrap());
    }

    #[tokio::test]
    async fn a_tls_socket_does_not_wait_for_acknowledgements() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::from(key))
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (listener, addr) = bound().await;
        let mut listener = TlsListener::start(listener, Arc::new(config)).unwrap();
        let page = TcpStream::connect(addr).await.unwrap();
        let connector = TlsConnector::from(Arc::new(client));
        let name = ServerName::try_from("localhost").unwrap();
        let _page = connector.connect(name, page).await.unwrap();
        let (accepted, _) = listener.accept().await;
        assert!(accepted.get_ref().0.nodelay().unwrap());
    }
}
