//! Calls over IPv6: all the way, and with IPv6 on the browser's side alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result, ensure};
use tests::folder::case;
use tests::server::{body, header};
use tests::voice_line::VoiceLine;

/// The INVITE that the phone got from us, as it logged it.
fn invite_at_the_phone(line: &VoiceLine) -> Result<String> {
    let log = line.phone.log().replace('\r', "").replace('\n', "\r\n");
    let start = log
        .find("INVITE sip:10005")
        .context("no INVITE at the phone")?;
    let rest = log.get(start..).unwrap_or_default();
    let length = header(rest, "Content-Length").context("no length")?;
    let whole = rest.len() - body(rest).len() + length.parse::<usize>()?;
    Ok(rest.get(..whole).context("a part only")?.to_owned())
}

fn check_sdp(invite: &str, family: &str, ip: IpAddr) -> Result<()> {
    let sdp = body(invite);
    let origin = sdp
        .lines()
        .find(|line| line.starts_with("o="))
        .context("no o=")?;
    let wanted = format!("IN {family} {ip}");
    ensure!(origin.ends_with(&wanted), "{origin}");
    ensure!(
        sdp.lines().any(|line| line == format!("c={wanted}")),
        "{sdp}"
    );
    ensure!(!sdp.contains('['), "brackets are for URIs: {sdp}");
    Ok(())
}

#[test]
fn ipv6_on_both_legs() {
    case(|folder| {
        let here = IpAddr::V6(Ipv6Addr::LOCALHOST);
        let settings = [
            ("ip", "::1"),
            ("ip_local", "::1"),
            ("sip_targets", "::1/128"),
        ];
        let mut line = VoiceLine::up(folder, here, &settings, None)?;
        line.page_dials()?;
        line.talk()?;
        line.phone_hangs_up()?;
        let invite = invite_at_the_phone(&line)?;
        check_sdp(&invite, "IP6", here)?;
        let contact = header(&invite, "Contact").context("no Contact")?;
        let ours = format!("@[::1]:{}", line.ringdown.sip.port());
        ensure!(contact.contains(&ours), "{contact}");
        let vias: Vec<&str> = invite
            .lines()
            .filter(|line| line.starts_with("Via: "))
            .collect();
        let ours = format!("Via: SIP/2.0/UDP [::1]:{};", line.ringdown.sip.port());
        ensure!(
            vias.last().is_some_and(|via| via.starts_with(&ours)),
            "{vias:?}"
        );
        line.phone_dials()?;
        line.talk()?;
        line.page_hangs_up()?;
        line.page.check_no_problems()
    });
}

/// The same over TCP, by `[::1]` in the proxy field.
#[test]
fn ipv6_and_tcp_by_the_proxy_field() {
    case(|folder| {
        let here = IpAddr::V6(Ipv6Addr::LOCALHOST);
        let settings = [
            ("ip", "::1"),
            ("ip_local", "::1"),
            ("sip_targets", "::1/128"),
        ];
        let mut line = VoiceLine::up(folder, here, &settings, Some("sip:[::1];transport=tcp"))?;
        line.page_dials()?;
        line.talk()?;
        line.phone_hangs_up()?;
        line.page.check_no_problems()
    });
}

#[test]
fn an_ipv6_browser_and_an_ipv4_phone() {
    case(|folder| {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let settings = [
            ("ip", "::1,127.0.0.1"),
            ("ip_local", "::"),
            ("webrtc_advertise", "::1"),
        ];
        let mut line = VoiceLine::up(folder, here, &settings, None)?;
        line.page_dials()?;
        line.talk()?;
        line.phone_hangs_up()?;
        check_sdp(&invite_at_the_phone(&line)?, "IP4", here)?;
        let url = line.page.evaluate("location.host")?;
        ensure!(
            url.as_str().is_some_and(|host| host.starts_with("[::1]:")),
            "{url}"
        );
        line.phone_dials()?;
        line.talk()?;
        line.page_hangs_up()?;
        line.page.check_no_problems()
    });
}
