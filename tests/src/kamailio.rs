//! A Kamailio of our own: proxy and registrar with digest on a free port, users in memory.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::folder::Folder;
use crate::process::Process;
use crate::{netns, ports, wait};

const CONFIG: &str = include_str!("../peers/kamailio.cfg");

/// A user of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// Login and digest user name.
    pub name: &'static str,
    /// Its password.
    pub password: &'static str,
}

/// The users every proxy of the tests knows.
pub const USERS: [User; 3] = [
    User {
        name: "10005",
        password: "secret5",
    },
    User {
        name: "10006",
        password: "secret6",
    },
    User {
        name: "10007",
        password: "secret7",
    },
];

/// What the proxy does with a call beyond finding its callee.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// Whether it stays in the way of what follows the INVITE.
    pub record_route: bool,
    /// Where an rtpengine takes orders: then all RTP goes through that.
    pub relay: Option<SocketAddr>,
    /// The least session interval that it lets pass; then it also asks for a session timer where a caller does not
    /// (RFC 4028 section 8).
    pub min_se: Option<Duration>,
}

impl Default for Role {
    fn default() -> Self {
        Self {
            record_route: true,
            relay: None,
            min_se: None,
        }
    }
}

/// A running proxy.
#[derive(Debug)]
pub struct Kamailio {
    /// Where it listens, UDP and TCP.
    pub addr: SocketAddr,
    process: Process,
}

impl Kamailio {
    /// Starts it at a free port with its files in `folder` and waits until it answers OPTIONS.
    pub fn start(folder: &Folder) -> Result<Self> {
        Self::start_on(folder, SocketAddr::new(netns::address(), ports::free(2)?))
    }

    /// The same at a given address: where one has been before.
    pub fn start_on(folder: &Folder, addr: SocketAddr) -> Result<Self> {
        Self::with(folder, Role::default(), addr)
    }

    /// The same in another role.
    pub fn with(folder: &Folder, role: Role, addr: SocketAddr) -> Result<Self> {
        let inner = folder.inner("kamailio")?;
        let users = USERS
            .map(|user| format!("  $sht(password=>{})=\"{}\";", user.name, user.password))
            .join("\n");
        let config = CONFIG
            .replace("@ADDR@", &addr.to_string())
            .replace("@MODULES@", &modules()?.display().to_string())
            .replace("@USERS@", &users);
        let file = inner.join("kamailio.cfg");
        std::fs::write(&file, config)?;
        let mut command = Command::new("kamailio");
        command
            .arg("-f")
            .arg(&file)
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-Y"])
            .arg(&inner);
        if role.record_route {
            command.args(["-A", "WITH_RECORD_ROUTE"]);
        }
        if let Some(relay) = role.relay {
            command.args(["-A", "WITH_RTPENGINE"]);
            command.args(["-A", &format!("RTPENGINE_CONTROL=\"udp:{relay}\"")]);
        }
        if let Some(min_se) = role.min_se {
            command.args(["-A", "WITH_SST"]);
            command.args(["-A", &format!("MIN_SE={}", min_se.as_secs())]);
        }
        let mut proxy = Self {
            addr,
            process: Process::start("kamailio", folder, &command)?,
        };
        proxy.wait_until_it_answers()?;
        Ok(proxy)
    }

    /// Ends it as a crash would: nobody is told anything.
    pub fn kill(mut self) -> Result<()> {
        let id = self.process.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        // The first would not let the others go.
        let all =
            std::iter::once(id.to_string()).chain(children.split_whitespace().map(str::to_owned));
        let killed = Command::new("kill").arg("-KILL").args(all).status()?;
        anyhow::ensure!(killed.success(), "Kamailio cannot be killed");
        self.process.ended(Duration::from_secs(5))?;
        let taken =
            || Ok(UdpSocket::bind(self.addr).is_ok() && TcpListener::bind(self.addr).is_ok());
        wait::until_true("Kamailio's port", Duration::from_secs(5), taken)
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.tail(200)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let socket = UdpSocket::bind((self.addr.ip(), 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        let (us, them) = (socket.local_addr()?, self.addr);
        let mut number = 0;
        wait::until_true(
            "Kamailio's answer to OPTIONS",
            Duration::from_secs(20),
            || {
                self.process.alive()?;
                number += 1;
                let request = format!(
                    "OPTIONS sip:{them} SIP/2.0\r\nVia: SIP/2.0/UDP {us};rport;branch=z9hG4bKready{number}\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:ready@{us}>;tag=r{number}\r\nTo: <sip:{them}>\r\n\
                 Call-ID: ready{number}@{us}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
                );
                socket.send_to(request.as_bytes(), them)?;
                let mut answer = [0; 2048];
                Ok(socket
                    .recv(&mut answer)
                    .is_ok_and(|length| answer[..length].starts_with(b"SIP/2.0 200")))
            },
        )
    }
}

/// Debian keeps the modules in a folder named after the machine's architecture.
fn modules() -> Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib")
        .context("no /usr/lib")?
        .filter_map(Result::ok);
    let mut candidates = folders.map(|entry| entry.path().join("kamailio/modules"));
    candidates
        .find(|path| path.is_dir())
        .context("Kamailio is not installed: no /usr/lib/*/kamailio/modules")
}
