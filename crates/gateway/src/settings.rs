//! From settings to what the parts are configured with.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use config::{Config, SipTarget};
use session::{BusyStatus, CallRules, HubConfig};
use sip::{IpNet, TargetPolicy, Timers, Transport, UaConfig};

/// The Hub's configuration. `sip_addrs` is where the SIP sockets are bound, `own` our addresses.
pub(crate) fn hub_config(
    config: &Config,
    sip_addrs: &[SocketAddr],
    own: &[IpAddr],
) -> Result<HubConfig> {
    let listed = networks(config.sip_targets.as_deref().unwrap_or_default())?;
    let ua = UaConfig {
        contacts: contacts(&advertised(&config.sip_advertise, own), sip_addrs),
        user_agent: config.user_agent.clone(),
        timers: Timers {
            t1: config.sip_t1,
            ..Timers::default()
        },
        no_answer_timeout: config.no_answer_timeout,
        trying_timeout: config.sip_trying_timeout,
        session_expires: config.session_expires,
        min_se: config.min_se,
        auth_after_progress: config.sip_auth_after_progress,
        trusted: listed.clone(),
        targets: TargetPolicy {
            only_listed: config.sip_targets.is_some(),
            listed,
        },
        decline_code: config.sip_decline_code,
    };
    let calls = CallRules {
        codecs: sdp::CodecSettings {
            codecs: codecs(&config.codecs).context("codecs")?,
            exclude_sip: codecs(&config.codecs_exclude_sip).context("codecs_exclude_sip")?,
            allow_outside_codecs: config.allow_outside_codecs,
        },
        generate_av_for_ua: config.generate_av_for_ua.clone(),
        no_answer_timeout: config.no_answer_timeout,
        busy_status: match config.sip_busy_status {
            config::BusyStatus::Failed => BusyStatus::Failed,
            config::BusyStatus::Finish => BusyStatus::Finish,
            config::BusyStatus::Busy => BusyStatus::Busy,
        },
        decline_code: config.sip_decline_code,
        ..CallRules::default()
    };
    Ok(HubConfig {
        calls,
        ping_interval: config.keep_alive_server_interval,
        ping_probes: config.keep_alive_probes,
        // Sessions do not outlive their WebSocket yet (docs/decisions/004).
        detach_after: Duration::ZERO,
        sip_transport: match config.sip_transport {
            config::SipTransport::Udp => None,
            config::SipTransport::Tcp => Some(Transport::Tcp),
            config::SipTransport::Tls => Some(Transport::Tls),
        },
        ..HubConfig::new(ua)
    })
}

/// What peers are told, for each transport: addresses of the families that a socket is bound for.
fn contacts(advertised: &[IpAddr], bound: &[SocketAddr]) -> Vec<(Transport, SocketAddr)> {
    let mut contacts = Vec::new();
    for transport in [Transport::Udp, Transport::Tcp] {
        for ip in advertised {
            let socket = bound.iter().find(|addr| addr.is_ipv4() == ip.is_ipv4());
            if let Some(socket) = socket {
                contacts.push((transport, SocketAddr::new(*ip, socket.port())));
            }
        }
    }
    contacts
}

/// `*_advertise`, or our own addresses.
pub(crate) fn advertised(configured: &[IpAddr], own: &[IpAddr]) -> Vec<IpAddr> {
    if configured.is_empty() {
        own.to_vec()
    } else {
        configured.to_vec()
    }
}

fn codecs(tokens: &[String]) -> Result<Vec<sdp::CodecToken>> {
    Ok(sdp::parse_codec_list(&tokens.join(","))?)
}

/// `sip_targets` as networks; names are looked up once, at start.
fn networks(targets: &[SipTarget]) -> Result<Vec<IpNet>> {
    let mut found = Vec::new();
    for target in targets {
        match target {
            SipTarget::Net { addr, prefix } => found.push(IpNet::new(*addr, *prefix)?),
            SipTarget::Name(name) => {
                let addresses = std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 0))
                    .with_context(|| format!("sip_targets: the name {name} cannot be resolved"))?;
                found.extend(addresses.map(|addr| IpNet::from(addr.ip())));
            }
        }
    }
    Ok(found)
}
