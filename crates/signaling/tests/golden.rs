//! Frames captured between the published SDK 2.0.276 in Chromium and a server it accepts:
//! a page's frames decode to the values written here, and the server's frames are produced from
//! our types byte by byte (same order of fields, same absences).
#![allow(clippy::unwrap_used)]

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use signaling::*;

const CLIENT: &str = include_str!("golden/client.jsonl");
const SERVER: &str = include_str!("golden/server.jsonl");

const CALL_OUT: &str = "35823150-e70a-11f1-9f6e-4f6c457a47a1";
const CALL_IN: &str = "ffbf12eb-faf4-4fc4-9dd4-3286194bd9fd";
const CALL_REJECTED: &str = "49f9c1e8-3413-41da-9b63-9039812577b7";
const CALL_LATER: &str = "f7d24f65-ad62-4703-bd0d-5d412514ff5f";
const TOKEN: &str = "/127.0.0.1:2429f7ec-324d-4335-986c-eeb1f9b825a0";

/// A browser's SDP: no candidates, `c=0.0.0.0`, port 9.
fn browser_sdp(session: u64, ufrag: &str, setup: &str) -> String {
    sdp(session, 9, "0.0.0.0", "", ufrag, setup)
}

/// A server's SDP: its own candidate and port.
fn server_sdp(session: u64, port: u16, foundation: u64, ufrag: &str, setup: &str) -> String {
    let candidate = format!(
        "a=candidate:{foundation} 1 udp 2122194687 127.0.0.1 {port} typ host generation 0 network-id 3 network-cost 50\r\n"
    );
    sdp(session, port, "127.0.0.1", &candidate, ufrag, setup)
}

fn sdp(session: u64, port: u16, addr: &str, candidate: &str, ufrag: &str, setup: &str) -> String {
    format!(
        "v=0\r\no=- {session} 2 IN IP4 127.0.0.1\r\na=group:BUNDLE 0\r\n\
         m=audio {port} UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 {addr}\r\n{candidate}\
         a=ice-ufrag:{ufrag}\r\na=setup:{setup}\r\na=sendrecv\r\na=rtpmap:111 opus/48000/2\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000..."
    )
}

/// What the page sent besides its account.
fn client_echo() -> Map {
    let serde_json::Value::Object(map) = json!({"appKey":"defaultApp",
        "mediaProviders":["WebRTC","MSE","WSPlayer"],"keepAlive":true,"clientVersion":"2.0",
        "clientOSVersion":"5.0 (X11; Linux x86_64)...","clientBrowserVersion":"Mozilla/5.0...",
        "msePacketizationVersion":2,"clientInfo":{}})
    else {
        unreachable!()
    };
    map
}

/// The same with the account, without its password.
fn account_echo() -> Map {
    let mut echo = client_echo();
    let serde_json::Value::Object(account) = json!({"sipLogin":"10006",
        "sipAuthenticationName":"10006","sipDomain":"yoursip.domain",
        "sipOutboundProxy":"yoursip.domain","sipPort":"5060","sipRegisterRequired":true})
    else {
        unreachable!()
    };
    echo.extend(account);
    echo
}

fn hangup(call_id: &str) -> ClientMessage {
    ClientMessage::Hangup {
        call_id: call_id.into(),
        scope: None,
    }
}

fn dtmf(kind: DtmfKind, dtmf: &str) -> ClientMessage {
    ClientMessage::SendDtmf {
        call_id: CALL_OUT.into(),
        kind,
        dtmf: dtmf.into(),
    }
}

fn answer(call_id: &str, sdp: String) -> ClientMessage {
    ClientMessage::Answer(Box::new(AnswerRequest {
        call_id: call_id.into(),
        has_audio: true,
        has_video: true,
        sdp,
        callee: Some("10006".into()),
        ..AnswerRequest::default()
    }))
}

fn expected_from_client() -> Vec<ClientMessage> {
    let client = Connection {
        app_key: Some("defaultApp".into()),
        media_providers: ["WebRTC", "MSE", "WSPlayer"].map(String::from).into(),
        keep_alive: Some(true),
        client_version: Some("2.0".into()),
        echo: client_echo(),
        ..Connection::default()
    };
    vec![
        ClientMessage::Connection(Box::new(Connection {
            sip_login: Some("10006".into()),
            sip_authentication_name: Some("10006".into()),
            sip_password: Some(SecretString::from("secret")),
            sip_domain: Some("yoursip.domain".into()),
            sip_outbound_proxy: Some("yoursip.domain".into()),
            sip_port: Some(5060),
            sip_register_required: Some(true),
            echo: account_echo(),
            ..client.clone()
        })),
        ClientMessage::Call(Box::new(CallRequest {
            call_id: CALL_OUT.into(),
            has_audio: true,
            has_video: false,
            sdp: browser_sdp(3_885_062_018_265_434_144, "8pZZ", "actpass"),
            caller: Some("10006".into()),
            callee: "10005".into(),
            visible_name: Some("10006".into()),
            ..CallRequest::default()
        })),
        ClientMessage::Hold {
            call_id: CALL_OUT.into(),
            hold_for_transfer: false,
        },
        ClientMessage::Unhold {
            call_id: CALL_OUT.into(),
        },
        dtmf(DtmfKind::Rfc2833, "5"),
        dtmf(DtmfKind::Info, "#"),
        dtmf(DtmfKind::InfoRelay, "1"),
        ClientMessage::Hold {
            call_id: CALL_OUT.into(),
            hold_for_transfer: true,
        },
        ClientMessage::Transfer {
            call_id: CALL_OUT.into(),
            target: "10007".into(),
        },
        hangup(CALL_OUT),
        answer(
            CALL_IN,
            browser_sdp(3_819_630_489_941_336_488, "NUXk", "active"),
        ),
        ClientMessage::Pong,
        hangup(CALL_REJECTED),
        ClientMessage::Connection(Box::new(Connection {
            auth_token: Some(SecretString::from(TOKEN)),
            ..client
        })),
        answer(
            CALL_LATER,
            browser_sdp(1_818_983_762_821_251_691, "LTCL", "active"),
        ),
        hangup(CALL_LATER),
        ClientMessage::Pong,
    ]
}

fn outgoing(status: CallStatus) -> CallInfo {
    CallInfo::new(CALL_OUT, false, status, "10006", "10005")
}

fn incoming(call_id: &str, status: CallStatus) -> CallInfo {
    CallInfo::new(call_id, true, status, "10005", "10006")
}

fn named(call: CallInfo) -> CallInfo {
    CallInfo {
        visible_name: "Bob 10005".into(),
        ..call
    }
}

fn sip(call: CallInfo, status: u16) -> CallInfo {
    CallInfo {
        sip_status: Some(status),
        ..call
    }
}

fn cleared(call: CallInfo) -> CallInfo {
    CallInfo {
        info: Some("Normal call clearing".into()),
        ..call
    }
}

fn remote_sdp(call_id: &str, sdp: String) -> ServerMessage {
    ServerMessage::SetRemoteSdp {
        call_id: call_id.into(),
        sdp,
    }
}

fn transfer(status: TransferStatus) -> ServerMessage {
    ServerMessage::NotifyTransferEvent(TransferEvent {
        call_id: CALL_OUT.into(),
        incoming: false,
        status,
        target: Some("10007".into()),
        cause: None,
    })
}

fn expected_from_server() -> Vec<ServerMessage> {
    use CallStatus::*;
    let user_data = || {
        ServerMessage::GetUserData(Box::new(UserData::new(
            account_echo(),
            SecretString::from(TOKEN),
        )))
    };
    vec![
        user_data(),
        ServerMessage::Registered { sip_status: 200 },
        ServerMessage::NotifyTryingResponse(sip(outgoing(Trying), 100)),
        ServerMessage::Ring(sip(outgoing(Ring), 180)),
        remote_sdp(
            CALL_OUT,
            server_sdp(
                963_453_335_391_430_657,
                52849,
                2_920_516_180,
                "iGF1",
                "active",
            ),
        ),
        ServerMessage::Talk(sip(outgoing(Established), 200)),
        ServerMessage::Hold(outgoing(Hold)),
        ServerMessage::Talk(outgoing(Established)),
        ServerMessage::Hold(CallInfo {
            hold_for_transfer: Some(true),
            ..outgoing(Hold)
        }),
        transfer(TransferStatus::Pending),
        transfer(TransferStatus::Completed),
        ServerMessage::Finish(cleared(outgoing(Finish))),
        remote_sdp(
            CALL_IN,
            server_sdp(
                5_847_752_532_188_546_924,
                42700,
                2_491_968_575,
                "4cG7",
                "actpass",
            ),
        ),
        ServerMessage::NotifyIncomingCall(named(incoming(CALL_IN, Ring))),
        ServerMessage::Ring(named(incoming(CALL_IN, Ring))),
        ServerMessage::Talk(named(incoming(CALL_IN, Established))),
        ServerMessage::Ping,
        ServerMessage::Finish(named(incoming(CALL_IN, Finish))),
        remote_sdp(
            CALL_REJECTED,
            server_sdp(
                6_224_029_619_696_870_457,
                52707,
                2_657_984_087,
                "t7Th",
                "actpass",
            ),
        ),
        ServerMessage::NotifyIncomingCall(incoming(CALL_REJECTED, Ring)),
        ServerMessage::Ring(incoming(CALL_REJECTED, Ring)),
        ServerMessage::Finish(cleared(incoming(CALL_REJECTED, Finish))),
        user_data(),
        ServerMessage::Registered { sip_status: 200 },
        remote_sdp(
            CALL_LATER,
            server_sdp(
                1_694_896_129_656_817_963,
                33526,
                1_422_206_669,
                "H8Aw",
                "actpass",
            ),
        ),
        ServerMessage::NotifyIncomingCall(incoming(CALL_LATER, Ring)),
        ServerMessage::Ring(incoming(CALL_LATER, Ring)),
        ServerMessage::Talk(incoming(CALL_LATER, Established)),
        ServerMessage::Finish(cleared(incoming(CALL_LATER, Finish))),
        ServerMessage::Ping,
    ]
}

#[test]
fn captured_client_frames_decode_to_the_expected_values() {
    let expected = expected_from_client();
    assert_eq!(CLIENT.lines().count(), expected.len());
    for (line, expected) in CLIENT.lines().zip(expected) {
        assert_eq!(decode(line).unwrap(), expected, "{line}");
    }
}

#[test]
fn captured_server_frames_are_produced_byte_by_byte() {
    let expected = expected_from_server();
    assert_eq!(SERVER.lines().count(), expected.len());
    for (line, message) in SERVER.lines().zip(expected) {
        assert_eq!(encode(&message), line);
        assert_eq!(decode_server(line).unwrap(), message, "{line}");
    }
}

#[test]
fn what_the_page_sent_comes_back_without_its_secrets() {
    let mut lines = CLIENT.lines();
    let ClientMessage::Connection(connection) = decode(lines.next().unwrap()).unwrap() else {
        panic!("the first frame is a connection");
    };
    let user_data = ServerMessage::GetUserData(Box::new(UserData::new(
        connection.echo,
        SecretString::from(TOKEN),
    )));
    assert_eq!(encode(&user_data), SERVER.lines().next().unwrap());
    let password = connection.sip_password.unwrap();
    assert!(!encode(&user_data).contains(password.expose_secret()));
    assert!(
        !format!("{user_data:?}").contains(TOKEN),
        "the token is printed"
    );
}
