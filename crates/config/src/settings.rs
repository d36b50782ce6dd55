//! The settings as typed values, and how a file and overrides become them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use crate::table::{self, Effect, Entry};
use crate::{Error, Report, ReportKind, Source, file};

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

impl Config {
    /// Reads the text of a settings file, then `overrides` (key and value) over it.
    ///
    /// What is odd but harmless is reported, in order; the first wrong value is the error.
    pub fn parse(text: &str, overrides: &[(String, String)]) -> Result<(Self, Vec<Report>), Error> {
        let mut reports = Vec::new();
        let mut given: BTreeMap<&'static str, (Source, String)> = BTreeMap::new();
        let from_file = file::pairs(text)?
            .into_iter()
            .map(|(line, key, value)| (Source::Line(line), key, value));
        let from_overrides = overrides
            .iter()
            .map(|(key, value)| (Source::Override, key.clone(), value.clone()));
        for (source, key, value) in from_file.chain(from_overrides) {
            let Some(entry) = table::entry(&key) else {
                reports.push(Report::unknown(source, &key));
                continue;
            };
            if let Effect::None(reason) = entry.effect {
                reports.push(Report::no_effect(source, entry.name, reason));
            }
            let before = given.insert(entry.name, (source, value.trim().to_owned()));
            if let Some((Source::Line(line), _)) = before
                && matches!(source, Source::Line(_))
            {
                reports.push(Report::repeated(source, entry.name, line));
            }
        }
        let mut config = Self::default();
        for (entry, (source, value)) in table::ENTRIES
            .iter()
            .filter_map(|entry| Some((entry, given.get(entry.name)?)))
        {
            config.apply(entry, *source, value)?;
        }
        config.settle(&given, &mut reports)?;
        Ok((config, reports))
    }

    fn apply(&mut self, entry: &Entry, source: Source, value: &str) -> Result<(), Error> {
        match entry.effect {
            Effect::Set(set) if !value.is_empty() => {
                set(self, value).map_err(|detail| Error::wrong_value(entry, source, value, detail))
            }
            _ => Ok(()),
        }
    }

    /// What one key means for another.
    fn settle(
        &mut self,
        given: &BTreeMap<&'static str, (Source, String)>,
        reports: &mut Vec<Report>,
    ) -> Result<(), Error> {
        // The first of these keys that was given is the one to blame.
        let wrong = |keys: [&'static str; 2], detail: String| {
            let blamed = keys
                .into_iter()
                .find_map(|key| Some((table::entry(key)?, given.get(key)?)));
            match blamed {
                Some((entry, (source, value))) => Error::wrong_value(entry, *source, value, detail),
                None => Error::syntax(None, detail),
            }
        };
        if self.media_port_from > 0 && self.media_port_to <= self.media_port_from {
            return Err(wrong(
                ["media_port_to", "media_port_from"],
                format!(
                    "the range {}..{} holds no pair of ports",
                    self.media_port_from, self.media_port_to
                ),
            ));
        }
        if !self.session_expires.is_zero() && self.session_expires < self.min_se {
            return Err(wrong(
                ["session_expires", "min_se"],
                format!(
                    "session_expires is {} and min_se is {}",
                    self.session_expires.as_secs(),
                    self.min_se.as_secs()
                ),
            ));
        }
        match (&self.wss_cert_file, &self.wss_key_file) {
            (Some(_), None) => {
                return Err(wrong(
                    ["wss.cert.file"; 2],
                    "wss.key.file is not set".into(),
                ));
            }
            (None, Some(_)) => {
                return Err(wrong(
                    ["wss.key.file"; 2],
                    "wss.cert.file is not set".into(),
                ));
            }
            _ => {}
        }
        if self.sip_use_tls {
            if self.sip_transport != SipTransport::Tls
                && let Some((source, _)) = given.get("sip_transport")
            {
                reports.push(Report::new(
                    ReportKind::Overruled,
                    *source,
                    "sip_transport",
                    "has no effect: sip_use_tls=true goes before it",
                ));
            }
            self.sip_transport = SipTransport::Tls;
        }
        for advertised in [
            &mut self.sip_advertise,
            &mut self.media_advertise,
            &mut self.webrtc_advertise,
        ] {
            if advertised.is_empty() {
                advertised.clone_from(&self.ip);
            }
        }
        Ok(())
    }
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
