//! Why a leg cannot be made, and why one ended.

/// The browser's SDP (or our own wish) cannot become a peer connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The browser's SDP lacks or contradicts something; the sentence says what.
    #[error("{0}")]
    BadSdp(String),
    /// The leg was made without any address for the browser to reach.
    #[error("No local address is configured for browsers to reach this server.")]
    NoCandidates,
}

/// Why a leg ended. Nothing comes out of the leg after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegFailure {
    /// No STUN request from the browser for 15 s (RFC 7675, as seen by an ICE-lite agent).
    Ice,
    /// The handshake failed, or the fingerprint did not match.
    Dtls(String),
    /// The browser closed DTLS: its page has hung up, or has gone.
    Closed,
}
