//! A browser and a SIP phone talk to each other, and what lies between page and proxy is one TCP connection: Chromium,
//! Ringdown, a Kamailio with digest, and baresip.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Result, ensure};
use tests::folder::{Folder, case};
use tests::sockets;
use tests::voice_line::VoiceLine;

/// One connection between server and proxy, made once and used both ways.
fn check_one_connection(line: &VoiceLine) -> Result<()> {
    let (proxy, ours) = (line.proxy.addr, line.ringdown.sip.port());
    let all = sockets::connections(line.ringdown.id())?;
    let of_sip = all
        .iter()
        .filter(|(local, remote)| *remote == proxy || local.port() == ours);
    let count = of_sip.count();
    ensure!(count == 1, "{count} SIP connections, of {all:?}");
    Ok(())
}

fn calls_both_ways(folder: &Folder, settings: &[(&str, &str)], field: Option<&str>) -> Result<()> {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut line = VoiceLine::up(folder, here, settings, field)?;
    line.page_dials()?;
    line.talk()?;
    line.phone_hangs_up()?;
    check_one_connection(&line)?;
    line.phone_dials()?;
    line.talk()?;
    line.page_hangs_up()?;
    check_one_connection(&line)?;
    line.page.check_no_problems()
}

#[test]
fn tcp_by_the_setting() {
    case(|folder| calls_both_ways(folder, &[("sip_transport", "tcp")], None));
}

#[test]
fn tcp_by_the_proxy_field_of_the_page() {
    case(|folder| calls_both_ways(folder, &[], Some("sip:127.0.0.1;transport=tcp")));
}
