use super::*;

const OUR_SIP: u16 = 5080;
const THEIR_SIP: u16 = 5060;
const OUR_RTP: u16 = 31000;
const THEIR_RTP: u16 = 41000;

fn ports() -> Ports {
    Ports {
        our_sip: vec![OUR_SIP],
        our_media: vec![OUR_RTP..=OUR_RTP + 1],
        their_sip: vec![THEIR_SIP],
        their_media: vec![THEIR_RTP..=THEIR_RTP + 1],
    }
}

/// A line of tshark's.
fn line(from: u16, to: u16, protocols: &str, columns: &[(&str, &str)]) -> String {
    let (from, to) = (from.to_string(), to.to_string());
    let column = |field: &&str| {
        let given = columns.iter().find(|(name, _)| name == field);
        match (*field, given) {
            (_, Some((_, value))) => value.replace(',', "\u{1f}"),
            ("frame.number", _) => "1".to_owned(),
            ("frame.protocols", _) => protocols.to_owned(),
            ("ip.src" | "ip.dst", _) => "192.0.2.1".to_owned(),
            ("udp.srcport", _) => from.clone(),
            ("udp.dstport", _) => to.clone(),
            _ => String::new(),
        }
    };
    FIELDS.iter().map(column).collect::<Vec<_>>().join("\t")
}

fn trace(lines: &[String]) -> Trace {
    Trace::read(&lines.join("\n"), &ports()).unwrap()
}

const SIP: &str = "eth:ip:udp:sip:sdp";
const INVITE: (&str, &str) = ("sip.Request-Line", "INVITE sip:10005@192.0.2.1 SIP/2.0");

/// The complaint about an INVITE with these columns, from us or from them.
fn complaint(from: u16, to: u16, protocols: &str, columns: &[(&str, &str)]) -> Option<String> {
    let invite = line(OUR_SIP, THEIR_SIP, SIP, &[INVITE]);
    let all = trace(&[invite, line(from, to, protocols, columns)]);
    all.check().err().map(|error| error.to_string())
}

#[test]
fn a_clean_call_is_clean() {
    let sdp = [
        INVITE,
        ("sdp.media_attr", "rtpmap:0 PCMU/8000,rtcp-mux,sendrecv"),
        ("sdp.connection_info.address", "192.0.2.1"),
    ];
    assert_eq!(complaint(OUR_SIP, THEIR_SIP, SIP, &sdp), None);
    assert_eq!(
        complaint(
            OUR_RTP,
            THEIR_RTP,
            "eth:ip:udp:rtp",
            &[("rtp.p_type", "0"), ("rtp.ssrc", "0x1")]
        ),
        None
    );
    assert_eq!(
        complaint(THEIR_RTP + 1, OUR_RTP + 1, "eth:ip:udp:rtcp", &[]),
        None
    );
}

#[test]
fn each_fault_is_told() {
    let error = ("_ws.expert.severity", "8388608");
    let warning = ("_ws.expert.severity", "6291456");
    let note = ("_ws.expert.severity", "4194304");
    let words = ("_ws.expert.message", "so it says");
    for (columns, ours, theirs) in [
        (
            vec![("_ws.malformed", "Malformed")],
            "malformed",
            "malformed",
        ),
        (vec![error, words], "so it says", "so it says"),
        (vec![warning, words], "so it says", ""),
        (
            vec![warning, ("_ws.expert.message", "[Not decoded yet]")],
            "",
            "",
        ),
        (vec![note, words], "", ""),
        (vec![("sdp.media_attr", "rtpmap:96 rtx/90000")], "rtx", ""),
        (
            vec![("sdp.media_attr", "sendrecv,ssrc:1 cname:x")],
            "ssrc",
            "",
        ),
        (
            vec![("sdp.media_attr", "candidate:1 1 UDP 1 192.0.2.1 9 typ host")],
            "candidate",
            "",
        ),
        (vec![("sdp.media_attr", "extmap:1 urn:x")], "extmap", ""),
        (vec![("sdp.session_attr", "msid-semantic: WMS")], "msid", ""),
        (vec![("sdp.session_attr", "ice-ufrag:x")], "ice-", ""),
        (
            vec![("sdp.connection_info.address", "0.0.0.0")],
            "0.0.0.0",
            "",
        ),
    ] {
        for (from, to, expected) in [(OUR_SIP, THEIR_SIP, ours), (THEIR_SIP, OUR_SIP, theirs)] {
            let told = complaint(from, to, SIP, &columns).unwrap_or_default();
            assert_eq!(told.is_empty(), expected.is_empty(), "{columns:?}: {told}");
            assert!(told.contains(expected), "{columns:?}: {told}");
        }
    }
    let unknown = complaint(OUR_RTP, THEIR_RTP, "eth:ip:udp:data", &[]).unwrap();
    assert!(unknown.contains("neither"), "{unknown}");
    let nothing = trace(&[line(OUR_RTP, THEIR_RTP, "eth:ip:udp:rtp", &[])]).check();
    assert!(nothing.unwrap_err().to_string().contains("no SIP message"));
}

#[test]
fn a_vp8_picture_may_go_on_in_the_next_packet_but_not_beyond_its_last() {
    let cut = |marker| {
        let columns = [("_ws.malformed", "Malformed"), ("rtp.marker", marker)];
        complaint(OUR_RTP, THEIR_RTP, "eth:ip:udp:rtp:vp8", &columns)
    };
    assert_eq!(cut("0"), None);
    assert!(cut("1").is_some());
}

/// Both SDPs, then `count` packets and a report each way.
fn call(our_payload_type: &str, count: usize, report: &str) -> Trace {
    let map = |payload_type: &str| format!("rtpmap:{payload_type} opus/48000/2");
    let mut lines = vec![
        line(
            OUR_SIP,
            THEIR_SIP,
            SIP,
            &[INVITE, ("sdp.media_attr", &map("111"))],
        ),
        line(
            THEIR_SIP,
            OUR_SIP,
            SIP,
            &[
                ("sip.Status-Line", "SIP/2.0 200 OK"),
                ("sdp.media_attr", &map("96")),
            ],
        ),
    ];
    for (from, to, payload_type, ssrc) in [
        (OUR_RTP, THEIR_RTP, our_payload_type, "0x1"),
        (THEIR_RTP, OUR_RTP, "111", "0x2"),
    ] {
        let packet = line(
            from,
            to,
            "eth:ip:udp:rtp",
            &[("rtp.p_type", payload_type), ("rtp.ssrc", ssrc)],
        );
        lines.extend(std::iter::repeat_n(packet, count));
        let report = [("rtcp.pt", report), ("rtcp.senderssrc", ssrc)];
        lines.push(line(from, to, "eth:ip:udp:rtcp", &report));
    }
    trace(&lines)
}

#[test]
fn media_is_what_its_receiver_asked_for() {
    call("96", 50, "200,202").check_media("opus/48000").unwrap();
    let told = |trace: Trace, codec| trace.check_media(codec).unwrap_err().to_string();
    assert!(
        told(call("111", 50, "200,202"), "opus/48000")
            .contains("Ours sent no RTP with payload type {96}")
    );
    assert!(told(call("96", 49, "200,202"), "opus/48000").contains("Ours sent no RTP"));
    assert!(told(call("96", 50, "201,202"), "opus/48000").contains("no RTCP sender report"));
    assert!(told(call("96", 50, "200,202"), "PCMU/8000").contains("nobody announced"));
}

#[test]
fn digits_are_told_apart_by_their_timestamps() {
    let digit = |event, timestamp| {
        let columns = [
            ("rtpevent.event_id", event),
            ("rtp.timestamp", timestamp),
            ("rtpevent.duration", "160"),
        ];
        line(OUR_RTP, THEIR_RTP, "eth:ip:udp:rtp:rtpevent", &columns)
    };
    let trace = trace(&[
        digit("1", "160"),
        digit("1", "160"),
        digit("1", "2000"),
        digit("5", "4000"),
    ]);
    let events: Vec<(u32, usize)> = trace
        .digits(Side::Ours)
        .iter()
        .map(|packets| (packets[0].event, packets.len()))
        .collect();
    assert_eq!(events, [(1, 2), (1, 1), (5, 1)]);
    assert!(trace.digits(Side::Theirs).is_empty());
}

#[test]
fn our_tcp_connection_comes_from_a_port_of_its_own() {
    let columns = [
        ("udp.srcport", ""),
        ("udp.dstport", ""),
        ("tcp.srcport", "49152"),
        ("tcp.dstport", "5060"),
    ];
    let trace = trace(&[line(0, 0, "eth:ip:tcp", &columns)]);
    assert_eq!(trace.packets[0].side, Side::Ours);
}
