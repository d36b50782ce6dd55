//! Calls over IPv6: all the way, and with IPv6 on the browser's side alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::folder::case;
use tests::kamailio::USERS;
use tests::line::{Line, Setup};
use tests::ports;
use tests::ringdown::Ringdown;
use tests::server::{Server, answer, body, header};
use tests::wire::Wire;

/// The INVITE that the phone got from us, as it logged it.
fn invite_at_the_phone(line: &Line) -> Result<String> {
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

/// Everything between page and phone on `::1`.
fn all_ipv6() -> Setup {
    Setup {
        proxy_at: IpAddr::V6(Ipv6Addr::LOCALHOST),
        settings: &[
            ("ip", "::1"),
            ("ip_local", "::1"),
            ("sip_targets", "::1/128"),
        ],
        ..Setup::voice()
    }
}

/// Both were heard, and tshark finds no fault.
fn check_packets(line: &mut Line) -> Result<()> {
    line.check_sound()?;
    let trace = line.trace()?;
    trace.check()?;
    trace.check_media("PCMA/8000")
}

#[test]
fn ipv6_on_both_legs() {
    case(|folder| {
        let here = IpAddr::V6(Ipv6Addr::LOCALHOST);
        let mut line = Line::up(folder, all_ipv6())?;
        line.page_dials()?;
        line.talk()?;
        line.check_sound()?;
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
        check_packets(&mut line)
    });
}

/// The same over TCP, by `[::1]` in the proxy field.
#[test]
fn ipv6_and_tcp_by_the_proxy_field() {
    case(|folder| {
        let setup = Setup {
            proxy_field: Some("sip:[::1];transport=tcp"),
            ..all_ipv6()
        };
        let mut line = Line::up(folder, setup)?;
        line.page_dials()?;
        line.talk()?;
        line.check_sound()?;
        line.phone_hangs_up()?;
        check_packets(&mut line)
    });
}

#[test]
fn an_ipv6_browser_and_an_ipv4_phone() {
    case(|folder| {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let setup = Setup {
            settings: &[
                ("ip", "::1,127.0.0.1"),
                ("ip_local", "::"),
                ("webrtc_advertise", "::1"),
            ],
            ..Setup::voice()
        };
        let mut line = Line::up(folder, setup)?;
        line.page_dials()?;
        line.talk()?;
        line.check_sound()?;
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
        check_packets(&mut line)
    });
}

/// What a server and a page read: brackets in URIs and Via, none anywhere else.
#[test]
fn the_texts_on_both_wires() {
    const SOON: Duration = Duration::from_secs(10);
    case(|folder| {
        let addr = SocketAddr::from((Ipv6Addr::LOCALHOST, ports::free(2)?));
        let server = Server::start_on(addr, false)?;
        let settings = [
            ("ip", "::1"),
            ("ip_local", "::1"),
            ("sip_targets", "::1/128"),
        ];
        let ringdown = Ringdown::serve(folder, &settings)?;
        let ours = format!("[::1]:{}", ringdown.sip.port());
        let fields = [
            ("sipDomain", json!("::1")),
            ("sipProxy", json!(format!("[::1]:{}", addr.port()))),
        ];
        let mut page = Wire::connect(ringdown.ws, USERS[0], &fields)?;
        let (register, from) = server.datagram("REGISTER sip:[::1] SIP/2.0", SOON)?;
        ensure!(from == ringdown.sip, "{from}");
        let via = header(&register, "Via").context("no Via")?;
        ensure!(via.starts_with(&format!("SIP/2.0/UDP {ours};")), "{via}");
        let to = header(&register, "To").context("no To")?;
        ensure!(to == "<sip:10005@[::1]>", "{to}");
        let contact = header(&register, "Contact").context("no Contact")?;
        ensure!(contact.contains(&format!("@{ours}>")), "{contact}");
        let ok = answer(&register, "200 OK", &[&format!("Contact: {contact}")], "");
        server.udp.send_to(ok.as_bytes(), from)?;
        page.next("registered", SOON)?;

        let uri = contact.split(['<', '>']).nth(1).context("no URI")?;
        let sdp = "v=0\r\no=phone 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\n\
                   m=audio 43000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
        let invite = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP [::1]:{port};branch=z9hG4bK6;rport\r\nMax-Forwards: 70\r\n\
             From: <sip:20001@[::1]>;tag=six\r\nTo: <sip:10005@[::1]>\r\nCall-ID: six\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:20001@[::1]:{port}>\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{sdp}",
            port = addr.port(),
            length = sdp.len(),
        );
        server.udp.send_to(invite.as_bytes(), from)?;
        let (trying, _) = server.datagram("SIP/2.0 100 ", SOON)?;
        let via = header(&trying, "Via").context("no Via")?;
        let received = format!(";rport={};received=::1", addr.port());
        ensure!(via.contains(&received), "{via}");
        let offer = page.next("setRemoteSDP", SOON)?;
        let offer = offer[1].as_str().context("no SDP")?;
        let candidate = format!(" ::1 {} typ host", ringdown.webrtc.port());
        let candidates: Vec<&str> = offer
            .lines()
            .filter(|l| l.starts_with("a=candidate:"))
            .collect();
        ensure!(
            !candidates.is_empty() && candidates.iter().all(|line| line.contains(" ::1 ")),
            "{candidates:?}"
        );
        ensure!(
            candidates.iter().any(|line| line.contains(&candidate)),
            "{candidates:?}"
        );
        ensure!(offer.lines().any(|line| line == "c=IN IP6 ::1"), "{offer}");
        ensure!(!offer.contains("[::1]"), "{offer}");
        Ok(())
    });
}
