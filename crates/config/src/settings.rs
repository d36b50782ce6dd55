//! The settings as typed values, and their defaults.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use crate::Source;
use crate::table;

/// Every setting that has an effect. `docs/config.md` says what each is for. A field is named as its
/// key is, with `_` for `.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `ip`: addresses others reach this server at; empty: every interface's.
    pub ip: Vec<IpAddr>,
    /// `ip_local`: the address sockets are bound to.
    pub ip_local: IpAddr,
    /// `ws.port`: WebSocket and pages, plain. 0: any free port.
    pub ws_port: u16,
    /// `wss.port`: WebSocket and pages, TLS. 0: any free port.
    pub wss_port: u16,
    /// `wss.cert.file`: PEM chain; both files or neither.
    pub wss_cert_file: Option<PathBuf>,
    /// `wss.key.file`: PEM key.
    pub wss_key_file: Option<PathBuf>,
    /// `ws.origins`: `None`: any.
    pub ws_origins: Option<Vec<String>>,
    /// `keep_alive.server_interval`: time between our `ping`s.
    pub keep_alive_server_interval: Duration,
    /// `keep_alive.probes`: unanswered `ping`s that close the socket.
    pub keep_alive_probes: u32,
    /// `sip_port`: SIP over UDP and TCP. 0: any free port.
    pub sip_port: u16,
    /// `sip_transport`, `tls` where `sip_use_tls` is set.
    pub sip_transport: SipTransport,
    /// `sip_use_tls`.
    pub sip_use_tls: bool,
    /// `sip_advertise`, else `ip`: addresses for Via and Contact.
    pub sip_advertise: Vec<IpAddr>,
    /// `sip_targets`: `None`: the default policy.
    pub sip_targets: Option<Vec<SipTarget>>,
    /// `sip_t1`: T1 of RFC 3261.
    pub sip_t1: Duration,
    /// `sip_trying_timeout`: how long an INVITE may have no answer but 100.
    pub sip_trying_timeout: Duration,
    /// `session_expires`: session interval asked for (RFC 4028); zero: none. Otherwise at least
    /// `min_se`.
    pub session_expires: Duration,
    /// `min_se`: shortest session interval accepted (RFC 4028), at least 90 s.
    pub min_se: Duration,
    /// `sip_auth_after_progress`: whether a 407 after a 101-199 is answered with credentials.
    pub sip_auth_after_progress: bool,
    /// `sip_busy_status`: the last status of a call to a busy peer.
    pub sip_busy_status: BusyStatus,
    /// `sip_decline_code`: answer to INVITE when the user declines.
    pub sip_decline_code: u16,
    /// `no_answer_timeout`: how long a call may ring, from its first 101-199.
    pub no_answer_timeout: Duration,
    /// `user_agent`: User-Agent and Server.
    pub user_agent: String,
    /// `codecs`: tokens, lower case, in order of preference, each once.
    pub codecs: Vec<String>,
    /// `codecs_exclude_sip`: tokens that SIP never sees.
    pub codecs_exclude_sip: Vec<String>,
    /// `allow_outside_codecs`: whether codecs named by the browser alone are offered too.
    pub allow_outside_codecs: bool,
    /// `generate_av_for_ua`: parts of User-Agents, lower case, each once.
    pub generate_av_for_ua: Vec<String>,
    /// `media_port_from`: first RTP port of the SIP side. 0: any free ports.
    pub media_port_from: u16,
    /// `media_port_to`: last RTP port of the SIP side.
    pub media_port_to: u16,
    /// `media_advertise`, else `ip`: addresses for the SDP of the SIP side.
    pub media_advertise: Vec<IpAddr>,
    /// `symmetric_rtp`.
    pub symmetric_rtp: SymmetricRtp,
    /// `early_buffer`.
    pub early_buffer: Duration,
    /// `webrtc_port`: UDP port of the first media shard; shard `i` has `webrtc_port + i`. 0: any.
    pub webrtc_port: u16,
    /// `webrtc_advertise`, else `ip`: addresses of the ICE candidates.
    pub webrtc_advertise: Vec<IpAddr>,
    /// `media_shards`: threads that carry media; `None`: one per core.
    pub media_shards: Option<NonZeroU16>,
    /// `metrics_port`: figures on this port of 127.0.0.1. 0: any free port; `None`: no figures.
    pub metrics_port: Option<u16>,
}

/// Transport of SIP requests where the target names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SipTransport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

/// How RTP's source is learnt on the SIP side (RFC 4961).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SymmetricRtp {
    /// SDP's address, else what plausibly comes in its place.
    Auto,
    /// SDP's address and port only.
    Strict,
}

/// Final status of a call that met 486 or 600.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BusyStatus {
    /// `busy`, then `finish{FAILED}`.
    Failed,
    /// `busy`, then `finish{FINISH}`.
    Finish,
    /// `busy`, then `finish{BUSY}`.
    Busy,
}

/// One entry of `sip_targets`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SipTarget {
    /// A network; a single address has the full prefix.
    Net {
        /// An address in it.
        addr: IpAddr,
        /// Length of its prefix, in bits.
        prefix: u8,
    },
    /// A DNS name, lower case.
    Name(String),
}

impl Default for Config {
    /// Every default of the table.
    fn default() -> Self {
        let mut config = Self {
            ip: Vec::new(),
            ip_local: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            ws_port: 0,
            wss_port: 0,
            wss_cert_file: None,
            wss_key_file: None,
            ws_origins: None,
            keep_alive_server_interval: Duration::ZERO,
            keep_alive_probes: 0,
            sip_port: 0,
            sip_transport: SipTransport::Udp,
            sip_use_tls: false,
            sip_advertise: Vec::new(),
            sip_targets: None,
            sip_t1: Duration::ZERO,
            sip_trying_timeout: Duration::ZERO,
            session_expires: Duration::ZERO,
            min_se: Duration::ZERO,
            sip_auth_after_progress: false,
            sip_busy_status: BusyStatus::Failed,
            sip_decline_code: 0,
            no_answer_timeout: Duration::ZERO,
            user_agent: concat!("Ringdown/", env!("CARGO_PKG_VERSION")).to_owned(),
            codecs: Vec::new(),
            codecs_exclude_sip: Vec::new(),
            allow_outside_codecs: false,
            generate_av_for_ua: Vec::new(),
            media_port_from: 0,
            media_port_to: 0,
            media_advertise: Vec::new(),
            symmetric_rtp: SymmetricRtp::Auto,
            early_buffer: Duration::ZERO,
            webrtc_port: 0,
            webrtc_advertise: Vec::new(),
            media_shards: None,
            metrics_port: None,
        };
        for entry in table::ENTRIES {
            // A default that its own entry refuses is caught by the table's test.
            let _ = config.apply(entry, Source::Default, entry.default);
        }
        config
    }
}
