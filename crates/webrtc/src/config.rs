//! What every leg of a process shares: its certificate and the addresses browsers can reach.

use std::net::SocketAddr;
use std::sync::Arc;

use str0m::config::{CryptoProvider, DtlsCert};

/// The DTLS certificate of this process (RFC 8827 §6.5), one for all its legs.
#[derive(Clone)]
pub struct Identity {
    pub(crate) crypto: Arc<CryptoProvider>,
    pub(crate) certificate: DtlsCert,
}

impl Identity {
    /// A fresh self-signed certificate, as WebRTC wants it: trusted by its fingerprint only.
    ///
    /// Returns `None` if the crypto library cannot make one.
    pub fn generate() -> Option<Self> {
        let crypto = Arc::new(str0m::crypto::from_feature_flags());
        let certificate = crypto.dtls_provider.generate_certificate()?;
        Some(Self {
            crypto,
            certificate,
        })
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

/// How a leg is made.
#[derive(Debug, Clone)]
pub struct LegConfig {
    /// Host candidates, most preferred first. All of them are the same socket.
    pub candidates: Vec<SocketAddr>,
    /// Our certificate.
    pub identity: Identity,
}
