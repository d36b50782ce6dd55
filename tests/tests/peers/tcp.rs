//! A browser and a SIP phone talk to each other, and what lies between page and proxy is one TCP connection: Chromium,
//! Ringdown, a Kamailio with digest, and baresip.

use anyhow::{Result, ensure};
use tests::folder::{Folder, case};
use tests::line::{Line, Setup};
use tests::sockets;

/// One connection between server and proxy, made once and used both ways.
fn check_one_connection(line: &Line) -> Result<()> {
    let (proxy, ours) = (line.proxy.addr, line.ringdown.sip.port());
    let all = sockets::connections(line.ringdown.id())?;
    let of_sip = all
        .iter()
        .filter(|(local, remote)| *remote == proxy || local.port() == ours);
    let count = of_sip.count();
    ensure!(count == 1, "{count} SIP connections, of {all:?}");
    Ok(())
}

fn calls_both_ways(folder: &Folder, setup: Setup) -> Result<()> {
    let mut line = Line::up(folder, setup)?;
    line.page_dials()?;
    line.talk()?;
    line.check_sound()?;
    line.phone_hangs_up()?;
    check_one_connection(&line)?;
    line.phone_dials()?;
    line.talk()?;
    line.page_hangs_up()?;
    check_one_connection(&line)?;
    line.check_sound()?;
    let trace = line.trace()?;
    trace.check()?;
    trace.check_media("PCMA/8000")
}

#[test]
fn tcp_by_the_setting() {
    case(|folder| {
        let settings = &[("sip_transport", "tcp")];
        let voice = Setup::voice();
        calls_both_ways(folder, Setup { settings, ..voice })
    });
}

#[test]
fn tcp_by_the_proxy_field_of_the_page() {
    case(|folder| {
        let proxy_field = Some("sip:127.0.0.1;transport=tcp");
        let voice = Setup::voice();
        calls_both_ways(
            folder,
            Setup {
                proxy_field,
                ..voice
            },
        )
    });
}
