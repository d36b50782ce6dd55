//! What `/metrics` of the server says, and that nothing is left when it should be so.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::ringdown::Ringdown;
use crate::wait;

/// What every call has; all zero as soon as the last one is over.
const OF_CALLS: [&str; 5] = [
    "ringdown_calls",
    "ringdown_call_legs",
    "ringdown_media_calls",
    "ringdown_media_legs",
    "ringdown_rtp_port_pairs{state=\"in_use\"}",
];

/// How many of [`OF_ALL`] are of calls that are over.
const OF_OVER: usize = 5;

/// What SIP transactions leave for a while (RFC 3261 table 4), deadlines that are void and wait to come up, and what
/// pages have.
const OF_ALL: [&str; 10] = [
    "ringdown_media_timers",
    "ringdown_sip_dialogs",
    "ringdown_sip_transactions{role=\"client\"}",
    "ringdown_sip_transactions{role=\"server\"}",
    "ringdown_sip_timers",
    "ringdown_registrations",
    "ringdown_session_timers",
    "ringdown_sessions",
    "ringdown_sessions_attached",
    "ringdown_websockets",
];

/// Every figure by its name with labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures(BTreeMap<String, u64>);

impl Figures {
    /// As they are now.
    pub fn of(ringdown: &Ringdown) -> Result<Self> {
        let addr = ringdown.metrics.context("metrics_port is not set")?;
        let mut stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n"
        )?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        let (head, body) = page.split_once("\r\n\r\n").context("no HTTP answer")?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{page}");
        let mut figures = BTreeMap::new();
        for line in body.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').context("no figure in a line")?;
            let before = figures.insert(name.to_owned(), value.parse()?);
            ensure!(before.is_none(), "{name} stands there twice");
        }
        Ok(Self(figures))
    }

    /// One of them; an error when there is none of this name.
    pub fn get(&self, name: &str) -> Result<u64> {
        let value = self.0.get(name).copied();
        value.with_context(|| format!("no figure {name}"))
    }

    fn not_zero(&self, names: &[&'static str]) -> Result<Vec<(&'static str, u64)>> {
        let mut found = Vec::new();
        for name in names {
            match self.get(name)? {
                0 => {}
                value => found.push((*name, value)),
            }
        }
        Ok(found)
    }
}

/// Waits until no call holds anything: no leg, no port, no timer of its media.
pub fn calls_are_over(ringdown: &Ringdown, limit: Duration) -> Result<()> {
    zero(ringdown, &OF_CALLS, limit).context("calls have left something behind")
}

/// Waits until calls have left nothing behind in SIP either, while a page that is not registered is still there.
pub fn only_pages_are_left(ringdown: &Ringdown, limit: Duration) -> Result<()> {
    let names: Vec<&'static str> = OF_CALLS.iter().chain(&OF_ALL[..OF_OVER]).copied().collect();
    zero(ringdown, &names, limit)
}

/// Waits until there is nothing at all: [`calls_are_over`], no dialog, transaction, timer, registration, session or
/// WebSocket, and as many tasks as `before`.
pub fn nothing_is_left(ringdown: &Ringdown, before: &Figures, limit: Duration) -> Result<()> {
    let all: Vec<&'static str> = OF_CALLS.iter().chain(&OF_ALL).copied().collect();
    zero(ringdown, &all, limit)?;
    let tasks = before.get("ringdown_tasks")?;
    let limit = Duration::from_secs(5);
    wait::until_true(&format!("{tasks} tasks"), limit, || {
        Ok(Figures::of(ringdown)?.get("ringdown_tasks")? <= tasks)
    })?;
    let panics = Figures::of(ringdown)?.get("ringdown_media_panics_total")?;
    if panics > 0 {
        bail!("{panics} calls ended by a panic");
    }
    Ok(())
}

fn zero(ringdown: &Ringdown, names: &[&'static str], limit: Duration) -> Result<()> {
    let mut last = Vec::new();
    let done = wait::until_true("all figures to be zero", limit, || {
        last = Figures::of(ringdown)?.not_zero(names)?;
        Ok(last.is_empty())
    });
    done.with_context(|| format!("left: {last:?}"))
}
