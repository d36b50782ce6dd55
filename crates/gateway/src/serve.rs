//! Start, ready line, stop: the life of the process.

use std::io::{IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use config::Config;
use rand::RngExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::bind::{Port, bind};
use crate::control::Control;
use crate::dns::Resolver;
use crate::http::{DemoValues, Metrics, Pages, PlainListener, TlsListener, Web};
use crate::hub_loop::{self, Performers};
use crate::shard::{self, MediaEngine, ShardSettings};
use crate::sip_net::{self, Bound};
use crate::{addresses, certificate, pbx_net, settings};

/// `serve` or `demo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For a SIP server of the operator's.
    Serve,
    /// With the built-in test PBX.
    Demo,
}

/// The command line.
#[derive(Debug)]
pub struct Options {
    /// Which.
    pub mode: Mode,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--set`, as written.
    pub set: Vec<String>,
    /// `--web`.
    pub web: Option<PathBuf>,
}

/// Settings of the demo that its user did not give.
const DEMO_SETTINGS: &[(&str, &str)] = &[("sip_targets", "127.0.0.0/8")];

/// Runs until SIGINT or SIGTERM.
pub fn run(options: Options) -> Result<()> {
    init_log();
    let config = read_config(&options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let result = runtime.block_on(serve(config, &options));
    // Tasks that still read a socket are of no more use.
    runtime.shutdown_background();
    result
}

fn init_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // What libraries trace is whole frames, passwords included.
    let filter = [
        "tungstenite=info",
        "tokio_tungstenite=info",
        "str0m=info",
        "rustls=info",
    ]
    .into_iter()
    .filter_map(|directive| directive.parse().ok())
    .fold(filter, tracing_subscriber::EnvFilter::add_directive);
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
}

fn read_config(options: &Options) -> Result<Config> {
    let text = match &options.config {
        Some(file) => {
            std::fs::read_to_string(file).with_context(|| format!("--config {}", file.display()))?
        }
        None => String::new(),
    };
    let mut overrides = Vec::new();
    if options.mode == Mode::Demo {
        overrides.extend(
            DEMO_SETTINGS
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into())),
        );
    }
    for set in &options.set {
        let (key, value) = set
            .split_once('=')
            .ok_or_else(|| anyhow!("--set {set}: write it as key=value"))?;
        overrides.push((key.trim().to_owned(), value.trim().to_owned()));
    }
    let (config, reports) = Config::parse(&text, &overrides)?;
    for report in reports {
        tracing::warn!("settings: {report}");
    }
    Ok(config)
}

async fn serve(config: Config, options: &Options) -> Result<()> {
    let demo = options.mode == Mode::Demo;
    let port = |key, number| Port {
        key,
        number,
        or_next: demo,
    };
    if config.sip_transport == config::SipTransport::Tls {
        anyhow::bail!(
            "sip_transport=tls (or sip_use_tls): this server does not speak SIP over TLS so far; udp and tcp work"
        );
    }
    let local = config.ip_local;
    let own = match (config.ip.as_slice(), local.is_unspecified()) {
        // What is bound to one address is reached at no other.
        ([], false) => vec![local],
        (configured, _) => addresses::own(configured),
    };
    tracing::info!(addresses = ?own, "reachable at");

    let families = sip_net::families(local, &own);
    // One socket of "all addresses" takes both families.
    let web = match families.as_slice() {
        [_, IpAddr::V6(all)] => IpAddr::V6(*all),
        _ => local,
    };
    let ws = bind_tcp(web, port("ws.port", config.ws_port))?;
    let wss = bind_tcp(web, port("wss.port", config.wss_port))?;
    let sip = Bound::new(&families, port("sip_port", config.sip_port))?;
    let sip_addrs = sip.locals()?;
    let sip_addr = *sip_addrs.first().context("no SIP socket")?;
    let (ws_addr, wss_addr) = (ws.local_addr()?, wss.local_addr()?);
    warn_if_public(&config, &own);

    let metrics = config.metrics_port.map(|number| {
        let local = Ipv4Addr::LOCALHOST.into();
        bind_tcp(local, port("metrics_port", number))
    });
    let metrics = metrics.transpose()?;

    let (control, queue) = Control::channel();
    let media = start_media(
        &config,
        &own,
        port("webrtc_port", config.webrtc_port),
        &control,
    )?;
    let webrtc_port = media.browser_ports().first().copied().unwrap_or_default();
    let webrtc_addr = SocketAddr::new(local, webrtc_port);
    let hub = settings::hub_config(&config, &sip_addrs, &own)?;
    let performers = Performers {
        sip: sip.start(&control)?,
        resolver: Resolver::new(control.clone()),
        media: media.handle(),
    };
    let mut seed = [0; 32];
    rand::rng().fill(&mut seed);
    let hub = tokio::spawn(hub_loop::run(queue, hub, seed, performers));

    let pbx = match options.mode {
        Mode::Serve => None,
        Mode::Demo => Some(pbx_net::start().await.context("starting the test PBX")?),
    };
    let demo_values = pbx.as_ref().map(|pbx| DemoValues {
        login: "10006".into(),
        password: "demo".into(),
        domain: pbx.addr.ip().to_string(),
        port: pbx.addr.port(),
        callee: "echo".into(),
    });
    let pages = Pages::new(options.web.clone(), demo_values);
    let web = Web::new(
        control.clone(),
        pages,
        config.ws_origins.clone().unwrap_or_default(),
    );
    let metrics_addr = match metrics {
        Some(listener) => {
            let addr = listener.local_addr()?;
            let metrics = Metrics::new(control.clone(), media.handle());
            tokio::spawn(metrics.serve(listener));
            Some(addr)
        }
        None => None,
    };
    let tls = certificate::server_config(
        config.wss_cert_file.as_deref(),
        config.wss_key_file.as_deref(),
        &state_folder(),
        &own,
    )?;
    tokio::spawn(web.clone().serve(TlsListener::start(wss, tls)?));
    tokio::spawn(web.serve(PlainListener::new(ws)));

    let shown = |addr: SocketAddr| shown(addr, &own);
    let metrics = metrics_addr.map_or_else(String::new, |addr| format!(" metrics={addr}"));
    say(&format!(
        "ringdown ready ws={} wss={} sip={} webrtc={}{metrics}",
        shown(ws_addr),
        shown(wss_addr),
        shown(sip_addr),
        shown(webrtc_addr),
    ))?;
    if let Some(pbx) = &pbx {
        say(&demo_help(ws_addr.port(), pbx.addr))?;
    }

    tokio::select! {
        told = until_told_to_stop() => told?,
        // It never ends by itself: without it nothing would be answered any more.
        _ = hub => anyhow::bail!("the control loop ended by a defect; please report it"),
    }
    tracing::info!("stopping: ending calls and registrations");
    control.stop().await;
    drop(media);
    Ok(())
}

fn start_media(
    config: &Config,
    own: &[IpAddr],
    port: Port,
    control: &Control,
) -> Result<MediaEngine> {
    let settings = ShardSettings {
        shards: config
            .media_shards
            .map_or(0, |shards| usize::from(shards.get())),
        bind: config.ip_local,
        candidates: settings::advertised(&config.webrtc_advertise, own),
        advertised: settings::advertised(&config.media_advertise, own),
        media_ports: (config.media_port_from, config.media_port_to),
        symmetric_rtp: match config.symmetric_rtp {
            config::SymmetricRtp::Auto => media::SymmetricRtp::Auto,
            config::SymmetricRtp::Strict => media::SymmetricRtp::Strict,
        },
        here: addresses::own(&[]).into(),
        early_buffer: config.early_buffer,
        ..ShardSettings::default()
    };
    let engine = bind(config.ip_local, port, |addr| {
        shard::start(
            ShardSettings {
                webrtc_port: addr.port(),
                ..settings.clone()
            },
            control.clone(),
        )
    })?;
    match engine.capacity() {
        Some(calls) => tracing::info!(pairs = calls, "RTP port pairs for the SIP side"),
        None => tracing::info!("RTP ports for the SIP side: any free ones"),
    }
    Ok(engine)
}

fn bind_tcp(ip: IpAddr, port: Port) -> Result<TcpListener> {
    let listener = bind(ip, port, |addr| {
        let domain = socket2::Domain::for_address(addr);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
        // As std has it: a port whose last connections are still closing may be bound again.
        socket.set_reuse_address(true)?;
        if addr.is_ipv6() {
            // Whatever net.ipv6.bindv6only says: one socket of all addresses takes both families.
            socket.set_only_v6(false)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        socket.listen(1024)?;
        Ok(std::net::TcpListener::from(socket))
    })?;
    Ok(TcpListener::from_std(listener)?)
}

/// t-A14, and the threat model: what an operator on a public address should know.
fn warn_if_public(config: &Config, own: &[IpAddr]) {
    let Some(public) = own.iter().find(|ip| addresses::is_public(**ip)) else {
        return;
    };
    if config.ws_origins.is_none() {
        tracing::warn!(%public, "ws.origins is not set: pages of any origin may connect");
    }
    if config.sip_targets.is_none() {
        tracing::warn!(%public, "sip_targets is not set: pages may name any public SIP server");
    }
    tracing::warn!(%public, "ws.port is not encrypted: browsers need wss (or localhost) for a microphone");
}

/// Where the self-signed certificate is kept.
fn state_folder() -> PathBuf {
    std::env::var_os("STATE_DIRECTORY")
        .or_else(|| std::env::var_os("XDG_STATE_HOME"))
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/state")))
        .unwrap_or_else(std::env::temp_dir)
        .join("ringdown")
}

/// An address a person can use: 0.0.0.0 becomes one of ours.
fn shown(addr: SocketAddr, own: &[IpAddr]) -> SocketAddr {
    if !addr.ip().is_unspecified() {
        return addr;
    }
    let ip = own
        .first()
        .copied()
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    SocketAddr::new(ip, addr.port())
}

fn demo_help(ws_port: u16, pbx: SocketAddr) -> String {
    format!(
        "\n  Open  http://localhost:{ws_port}/  choose a phone, press Connect, then Call.\n\
         \n  Dial  echo      hear and see yourself     busy      486 Busy Here\
         \n        ivr       a sweep from 300 Hz up    noanswer  rings for ever\
         \n        tone      a steady tone             reject    603 Decline\
         \n        10005, 10006, 10007                 whoever registered there\
         \n\n  The test PBX listens on {pbx} (UDP and TCP), for this machine only. Its accounts are\
         \n  10005, 10006 and 10007, password demo. It is an instrument for tests, not a PBX to use.\
         \n\n  Ctrl-C ends it.\n"
    )
}

/// The one place that writes to standard output.
fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

async fn until_told_to_stop() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
