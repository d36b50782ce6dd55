//! SIP over TCP against servers that the test plays itself, and a Kamailio that is killed: framing, reuse, reconnection,
//! and the size rule.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::folder::{Folder, case};
use tests::kamailio::{Kamailio, USERS, User};
use tests::ringdown::Ringdown;
use tests::server::{Link, Server, answer, body, header};
use tests::wire::Wire;

const SOON: Duration = Duration::from_secs(10);

/// What a Chromium offers, cut to what matters.
const OFFER: &str = "v=0\r\no=- 3885062018265434144 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:8pZZ\r\n\
a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 96 102\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:8pZZ\r\n\
a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
a=setup:actpass\r\na=mid:1\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:102 H264/90000\r\n\
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";

const PHONE_SDP: &str = "v=0\r\no=phone 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
m=audio 43000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

/// A page of the first user at this server; `proxy` goes into its proxy field.
fn page(ringdown: &Ringdown, server: SocketAddr, proxy: &str, register: bool) -> Result<Wire> {
    let fields = [
        ("sipDomain", json!(server.ip().to_string())),
        ("sipOutboundProxy", json!(proxy)),
        ("sipPort", json!(server.port().to_string())),
        ("sipRegisterRequired", json!(register)),
    ];
    let mut page = Wire::connect(ringdown.ws, USERS[0], &fields)?;
    page.next("getUserData", SOON)?;
    Ok(page)
}

fn over_tcp(server: &Server) -> String {
    format!("sip:{};transport=tcp", server.addr.ip())
}

/// Takes a REGISTER on a connection and grants it; gives the Contact's URI.
fn register(link: &mut Link) -> Result<String> {
    let register = link.message("REGISTER ", SOON)?;
    let contact = header(&register, "Contact").context("no Contact")?;
    link.write(&answer(
        &register,
        "200 OK",
        &[&format!("Contact: {contact}")],
        "",
    ))?;
    let uri = contact.split(['<', '>']).nth(1).context("no URI")?;
    Ok(uri.to_owned())
}

/// A server, and a page that is registered there over one connection.
struct Registered {
    server: Server,
    ringdown: Ringdown,
    page: Wire,
    link: Link,
    /// The URI of the page's Contact.
    contact: String,
}

fn registered(folder: &Folder) -> Result<Registered> {
    let server = Server::start(true)?;
    let ringdown = Ringdown::serve(folder, &[("sip_transport", "tcp")])?;
    let mut page = page(&ringdown, server.addr, "127.0.0.1", true)?;
    let mut link = server.link(SOON)?;
    let contact = register(&mut link)?;
    page.next("registered", SOON)?;
    Ok(Registered {
        server,
        ringdown,
        page,
        link,
        contact,
    })
}

/// A request of the server to a Contact, as it stands on a connection.
fn request(method: &str, contact: &str, server: SocketAddr, call: &str, body: &str) -> String {
    format!(
        "{method} {contact} SIP/2.0\r\nVia: SIP/2.0/TCP {server};branch=z9hG4bK{call}{method}\r\nMax-Forwards: 70\r\n\
         From: <sip:20001@{server}>;tag={call}\r\nTo: <sip:10005@{server}>\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:20001@{server};transport=tcp>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The INVITE of the server rings at the page, and its answers come back on this connection.
fn rings(link: &mut Link, page: &mut Wire, contact: &str, server: SocketAddr) -> Result<()> {
    link.write(&request("INVITE", contact, server, "rings", PHONE_SDP))?;
    link.message("SIP/2.0 100 ", SOON)?;
    let incoming = page.next("notifyIncomingCall", SOON)?;
    ensure!(incoming[0]["caller"] == "20001", "{incoming}");
    link.message("SIP/2.0 180 ", SOON).map(drop)
}

fn no_more_connections(server: &Server) -> Result<()> {
    ensure!(
        server.waiting_link()?.is_none(),
        "a second connection was made"
    );
    Ok(())
}

#[test]
fn messages_in_any_pieces_and_keep_alives_between_them() {
    case(|folder| {
        let server = Server::start(true)?;
        let ringdown = Ringdown::serve(folder, &[])?;
        let mut page = page(&ringdown, server.addr, &over_tcp(&server), true)?;
        let mut link = server.link(SOON)?;
        let first = link.message("REGISTER ", SOON)?;
        link.write("\r\n\r\n")?;
        link.line_end(SOON)?;
        let via = header(&first, "Via").context("no Via")?;
        let here = format!("SIP/2.0/TCP 127.0.0.1:{};", ringdown.sip.port());
        ensure!(via.starts_with(&here), "{via}");
        let challenge = "WWW-Authenticate: Digest realm=\"here\", nonce=\"n1\", algorithm=MD5";
        link.write_in_bytes(&answer(&first, "401 Unauthorized", &[challenge], ""))?;
        let second = link.message("REGISTER ", SOON)?;
        ensure!(header(&second, "Authorization").is_some(), "{second}");
        let contact = header(&second, "Contact").context("no Contact")?;
        ensure!(contact.contains(";transport=tcp>"), "{contact}");
        let uri = contact.split(['<', '>']).nth(1).context("no URI")?;
        // Two pings, the answer and a request in one piece, and one more ping.
        let granted = answer(&second, "200 OK", &[&format!("Contact: {contact}")], "");
        let options = request("OPTIONS", uri, server.addr, "asks", "");
        link.write(&format!("\r\n\r\n\r\n\r\n{granted}{options}\r\n\r\n"))?;
        page.next("registered", SOON)?;
        // Pongs may stand before it.
        link.message("SIP/2.0 200 ", SOON)?;
        rings(&mut link, &mut page, uri, server.addr)?;
        no_more_connections(&server)
    });
}

#[test]
fn a_connection_that_the_server_closes_is_made_anew_and_called_over() {
    case(|folder| {
        let Registered {
            server,
            ringdown: _ringdown,
            mut page,
            link,
            ..
        } = registered(folder)?;
        drop(link);
        let mut link = server.link(SOON)?;
        let contact = register(&mut link)?;
        rings(&mut link, &mut page, &contact, server.addr)?;
        no_more_connections(&server)
    });
}

/// A call that is up needs no connection; its BYE makes one.
#[test]
fn a_call_outlives_its_connection() {
    case(|folder| {
        let server = Server::start(true)?;
        let ringdown = Ringdown::serve(folder, &[])?;
        let mut page = page(&ringdown, server.addr, &over_tcp(&server), false)?;
        let audio = OFFER.split("m=video").next().unwrap_or_default();
        let call = json!({
            "callId": "outlives", "incoming": false, "hasVideo": false, "hasAudio": true, "status": "PENDING",
            "mediaProvider": "WebRTC", "sdp": audio.replace("BUNDLE 0 1", "BUNDLE 0"), "caller": "10005",
            "callee": "10006", "visibleName": "10005",
        });
        page.send("call", call)?;
        let mut link = server.link(SOON)?;
        let invite = link.message("INVITE ", SOON)?;
        let contact = format!("Contact: <sip:10006@{};transport=tcp>", server.addr);
        let sdp = ["Content-Type: application/sdp", contact.as_str()];
        link.write(&answer(&invite, "200 OK", &sdp, PHONE_SDP))?;
        link.message("ACK ", SOON)?;
        page.next("talk", SOON)?;
        drop(link);
        tests::wait::until_true("the end of the connection", SOON, || {
            let all = tests::sockets::connections(ringdown.id())?;
            Ok(all.iter().all(|(_, remote)| *remote != server.addr))
        })?;
        page.send("hangup", json!({ "callId": "outlives" }))?;
        let mut link = server.link(SOON)?;
        let bye = link.message("BYE ", SOON)?;
        ensure!(
            header(&bye, "Call-ID") == header(&invite, "Call-ID"),
            "{bye}"
        );
        link.write(&answer(&bye, "200 OK", &[], ""))?;
        let finish = page.next("finish", SOON)?;
        ensure!(finish[0]["status"] == "FINISH", "{finish}");
        Ok(())
    });
}

/// An answer whose connection is gone goes to where its Via says (RFC 3261 §18.2.2).
#[test]
fn an_answer_finds_its_way_when_its_connection_is_gone() {
    case(|folder| {
        let Registered {
            server,
            ringdown,
            mut page,
            mut link,
            contact,
        } = registered(folder)?;
        // The server calls over a connection of its own, as it may, and loses it.
        let mut own = Link::connect(ringdown.sip)?;
        own.write(&request("INVITE", &contact, server.addr, "lost", PHONE_SDP))?;
        own.message("SIP/2.0 100 ", SOON)?;
        own.message("SIP/2.0 180 ", SOON)?;
        let incoming = page.next("notifyIncomingCall", SOON)?;
        drop(own);
        // The connection of the registration leads to the place that the Via names.
        let answered = tests::wait::until("the end of the lost connection", SOON, || {
            let local = ringdown.sip;
            let all = tests::sockets::connections(ringdown.id())?;
            Ok((!all.iter().any(|(own, _)| *own == local)).then_some(()))
        });
        answered?;
        page.send("hangup", json!({ "callId": incoming[0]["callId"] }))?;
        let refusal = link.message("SIP/2.0 486 ", SOON)?;
        ensure!(header(&refusal, "Call-ID") == Some("lost"), "{refusal}");
        Ok(())
    });
}

#[test]
fn a_server_that_cannot_be_reached_is_named_with_its_transport() {
    case(|folder| {
        let server = Server::start(false)?;
        let ringdown = Ringdown::serve(folder, &[])?;
        let mut page = page(&ringdown, server.addr, &over_tcp(&server), true)?;
        let fail = page.next("fail", SOON)?;
        let info = fail[0]["info"].as_str().unwrap_or_default();
        let words = format!("connection refused by {} (TCP)", server.addr);
        ensure!(info.contains(&words), "{fail}");
        Ok(())
    });
}

/// Calls with so many extra lines of SDP that the INVITE is larger than 1300 bytes.
fn large_call(page: &mut Wire) -> Result<()> {
    let lines: Vec<String> = (0..20)
        .map(|n| format!("a=x-line-{n}:{}", "0123456789".repeat(6)))
        .collect();
    let call = json!({
        "callId": "large", "incoming": false, "hasVideo": true, "hasAudio": true, "status": "PENDING",
        "mediaProvider": "WebRTC", "sdp": OFFER, "sipSDP": lines, "caller": "10005", "callee": "10006",
        "visibleName": "10005",
    });
    page.send("call", call)
}

fn check_large(invite: &str) -> Result<()> {
    ensure!(invite.len() > 1300, "{} bytes", invite.len());
    let sdp = body(invite);
    ensure!(
        sdp.contains("m=video ") && sdp.contains("a=x-line-19:"),
        "{sdp}"
    );
    Ok(())
}

/// K4, RFC 3261 §18.1.1.
#[test]
fn a_large_invite_goes_over_tcp() {
    case(|folder| {
        let server = Server::start(true)?;
        let ringdown = Ringdown::serve(folder, &[])?;
        let mut page = page(&ringdown, server.addr, "127.0.0.1", false)?;
        large_call(&mut page)?;
        let mut link = server.link(SOON)?;
        let invite = link.message("INVITE ", SOON)?;
        check_large(&invite)?;
        link.write(&answer(&invite, "486 Busy Here", &[], ""))?;
        link.message("ACK ", SOON)?;
        let finish = page.next("finish", SOON)?;
        ensure!(finish[0]["sipStatus"] == 486, "{finish}");
        let udp = server.datagram("INVITE ", Duration::from_millis(100));
        ensure!(udp.is_err(), "and over UDP: {udp:?}");
        Ok(())
    });
}

#[test]
fn a_large_invite_goes_over_udp_where_there_is_no_tcp() {
    case(|folder| {
        let server = Server::start(false)?;
        let mut ringdown = Ringdown::serve(folder, &[])?;
        let mut page = page(&ringdown, server.addr, "127.0.0.1", false)?;
        large_call(&mut page)?;
        let (invite, from) = server.datagram("INVITE ", SOON)?;
        check_large(&invite)?;
        let busy = answer(&invite, "486 Busy Here", &[], "");
        server.udp.send_to(busy.as_bytes(), from)?;
        let finish = page.next("finish", SOON)?;
        ensure!(finish[0]["sipStatus"] == 486, "{finish}");
        let size = format!("an INVITE of {} bytes", invite.len());
        ringdown.line("a warning that names the size", SOON, |line| {
            line.contains("WARN") && line.contains(&size) && line.contains("sip_call_id=")
        })?;
        Ok(())
    });
}

/// The proxy is killed and comes back: whoever is called there is found again within 10 s.
#[test]
fn a_proxy_that_restarts_has_its_bindings_again() {
    case(|folder| {
        let proxy = Kamailio::start(folder)?;
        let addr = proxy.addr;
        let ringdown = Ringdown::serve(folder, &[("sip_transport", "tcp")])?;
        let mut page = page(&ringdown, addr, "127.0.0.1", true)?;
        page.next("registered", SOON)?;
        proxy.kill()?;
        // The page is told that it cannot be called for now.
        let fail = page.next("fail", SOON)?;
        let words = format!("connection refused by {addr} (TCP)");
        ensure!(fail.to_string().contains(&words), "{fail}");
        // The second one's log shall not overwrite the first's.
        let again = Folder::new()?;
        let proxy = Kamailio::start_on(&again, addr)?;
        page.next("registered", SOON)?;
        // Called through the proxy's new table.
        let mut caller = Link::connect(proxy.addr)?;
        let here = caller.local()?;
        let uri = format!("sip:{}@{addr}", USERS[0].name);
        let invite = request("INVITE", &uri, here, "back", PHONE_SDP);
        caller.write(&invite)?;
        let incoming = page.next("notifyIncomingCall", SOON)?;
        ensure!(incoming[0]["caller"] == "20001", "{incoming}");
        Ok(())
    });
}

/// t-A13. Hundreds that connect and say nothing do not keep a proxy away.
#[test]
fn silent_connections_keep_nobody_away() {
    case(|folder| {
        let Registered {
            server,
            ringdown,
            mut page,
            link: _link,
            contact,
        } = registered(folder)?;
        let mut silent = Vec::new();
        for _ in 0..300 {
            silent.push(Link::connect(ringdown.sip)?);
        }
        let mut own = Link::connect(ringdown.sip)?;
        rings(&mut own, &mut page, &contact, server.addr)?;
        let open = || -> Result<usize> {
            let all = tests::sockets::connections(ringdown.id())?;
            Ok(all.iter().filter(|(own, _)| *own == ringdown.sip).count())
        };
        tests::wait::until_true("64 connections of one address", SOON, || Ok(open()? <= 64))?;
        // What is left of them goes when it has said nothing for 10 s; the proxy's own stays.
        tests::wait::until_true("the end of the silent ones", 2 * SOON, || Ok(open()? == 1))?;
        own.write(&request("OPTIONS", &contact, server.addr, "still", ""))?;
        own.message("SIP/2.0 200 ", SOON).map(drop)
    });
}

/// The built-in test PBX speaks TCP by the same code from the other side.
#[test]
fn the_demo_rings_over_tcp() {
    case(|folder| {
        let mut ringdown = Ringdown::demo(folder, &[("sip_transport", "tcp")])?;
        let told = ringdown.line("the PBX's address", SOON, |line| {
            line.contains("test PBX listens on")
        })?;
        let pbx: SocketAddr = told
            .split_whitespace()
            .find_map(|word| word.parse().ok())
            .context("no address")?;
        let mut pages = Vec::new();
        for name in ["10005", "10006"] {
            let password = "demo";
            let fields = [
                ("sipDomain", json!(pbx.ip().to_string())),
                ("sipPort", json!(pbx.port().to_string())),
                ("sipRegisterRequired", json!(true)),
            ];
            let mut page = Wire::connect(ringdown.ws, User { name, password }, &fields)?;
            page.next("registered", SOON)?;
            pages.push(page);
        }
        let call = json!({
            "callId": "demo", "incoming": false, "hasVideo": true, "hasAudio": true, "status": "PENDING",
            "mediaProvider": "WebRTC", "sdp": OFFER, "caller": "10005", "callee": "10006", "visibleName": "10005",
        });
        pages[0].send("call", call)?;
        let incoming = pages[1].next("notifyIncomingCall", SOON)?;
        ensure!(incoming[0]["caller"] == "10005", "{incoming}");
        let all = tests::sockets::connections(ringdown.id())?;
        let to_pbx = all.iter().filter(|(_, remote)| *remote == pbx).count();
        ensure!(to_pbx == 1, "{to_pbx} connections with the PBX, of {all:?}");
        Ok(())
    });
}
