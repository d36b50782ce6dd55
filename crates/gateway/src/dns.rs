//! Names to addresses for the user agent: SRV, then A and AAAA (RFC 3263 §4.2), by the system's
//! resolver configuration.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use session::Input;
use sip::{Hop, ResolveError, ResolveId, Target, Transport};

use crate::control::Control;

/// DNS lookup timeout (F13).
const GIVE_UP_AFTER: Duration = Duration::from_secs(5);

/// Resolves in tasks; answers come as `sip::Input::Resolved`.
#[derive(Clone)]
pub(crate) struct Resolver {
    control: Control,
    dns: Option<Arc<TokioResolver>>,
}

impl Resolver {
    /// Reads the system's configuration. Without one only IP addresses are known.
    pub(crate) fn new(control: Control) -> Self {
        let dns = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        let dns = match dns {
            Ok(dns) => Some(Arc::new(dns)),
            Err(error) => {
                tracing::warn!(%error, "no DNS: only IP addresses can be called");
                None
            }
        };
        Self { control, dns }
    }

    /// Starts a look-up.
    pub(crate) fn resolve(&self, id: ResolveId, target: Target) {
        let Self { control, dns } = self.clone();
        tokio::spawn(async move {
            let result = match dns {
                None => Err("there is no DNS resolver".to_owned()),
                Some(dns) => tokio::time::timeout(GIVE_UP_AFTER, look_up(&dns, &target))
                    .await
                    .unwrap_or_else(|_| Err("the DNS did not answer within 5 s".to_owned())),
            };
            let result = result.map_err(ResolveError::Failed);
            control
                .input(Input::Sip(sip::Input::Resolved { id, result }))
                .await;
        });
    }
}

async fn look_up(dns: &TokioResolver, target: &Target) -> Result<Vec<Hop>, String> {
    let transport = target.transport.unwrap_or(Transport::Udp);
    let mut hops = Vec::new();
    if target.port.is_none() {
        for (host, port) in services(dns, &target.host, transport).await {
            if let Ok(addresses) = addresses(dns, &host).await {
                hops.extend(addresses.into_iter().map(|ip| (ip, port)));
            }
        }
    }
    if hops.is_empty() {
        let port = target.port.unwrap_or(if transport == Transport::Tls {
            5061
        } else {
            5060
        });
        hops.extend(
            addresses(dns, &target.host)
                .await?
                .into_iter()
                .map(|ip| (ip, port)),
        );
    }
    let verified_name = (transport == Transport::Tls).then(|| target.host.clone());
    let hop = |(ip, port)| Hop {
        transport,
        addr: SocketAddr::new(ip, port),
        verified_name: verified_name.clone(),
    };
    Ok(hops.into_iter().map(hop).collect())
}

/// SRV records by priority, then weight (RFC 2782; equal weights keep the server's order).
async fn services(dns: &TokioResolver, host: &str, transport: Transport) -> Vec<(String, u16)> {
    let service = match transport {
        Transport::Udp => format!("_sip._udp.{host}"),
        Transport::Tcp => format!("_sip._tcp.{host}"),
        Transport::Tls => format!("_sips._tcp.{host}"),
    };
    let Ok(found) = dns.srv_lookup(service).await else {
        return Vec::new();
    };
    let mut records: Vec<(u16, u16, String, u16)> = found
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(srv) => Some((
                srv.priority,
                u16::MAX - srv.weight,
                srv.target.to_utf8(),
                srv.port,
            )),
            _ => None,
        })
        .collect();
    records.sort();
    records
        .into_iter()
        .map(|(_, _, host, port)| (host, port))
        .collect()
}

async fn addresses(dns: &TokioResolver, host: &str) -> Result<Vec<IpAddr>, String> {
    match dns.lookup_ip(host).await {
        Ok(found) => Ok(found.iter().collect()),
        Err(error) if error.to_string().contains("no records found") => {
            Err("the name does not exist".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}
