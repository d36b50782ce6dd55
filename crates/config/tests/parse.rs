//! Files and overrides in; typed settings, reports and errors out.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use config::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

#[track_caller]
fn parse(text: &str) -> (Config, Vec<Report>) {
    Config::parse(text, &[]).unwrap()
}

/// Settings of a text that must give no report.
#[track_caller]
fn quiet(text: &str) -> Config {
    let (config, reports) = parse(text);
    assert_eq!(reports, [], "{text}");
    config
}

fn reported(text: &str) -> Vec<String> {
    parse(text).1.iter().map(Report::to_string).collect()
}

#[track_caller]
fn refused(text: &str, sentence: &str) {
    let error = Config::parse(text, &[]).unwrap_err();
    assert_eq!(error.to_string(), sentence, "{text}");
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn an_existing_file_gives_reports_only() {
    let text = include_str!("flashphoner.properties");
    let (config, reports) = parse(text);
    assert_eq!(config.ip, [ip("203.0.113.10")]);
    assert_eq!(config.sip_advertise, [ip("203.0.113.10")]);
    assert_eq!(
        (config.media_port_from, config.media_port_to),
        (31001, 32000)
    );
    assert_eq!((config.ws_port, config.wss_port), (8080, 8443));
    assert_eq!(config.codecs.len(), 12);
    assert_eq!(config.codecs_exclude_sip, ["mpeg4-generic", "flv", "mpv"]);
    assert!(!config.allow_outside_codecs);
    assert_eq!(config.user_agent, "Flashphoner/1.0");
    assert_eq!(config.sip_transport, SipTransport::Tls);
    for report in &reports {
        assert_eq!(report.kind, ReportKind::NoEffect, "{report}");
        assert!(!report.to_string().contains("canary"), "{report}");
    }
    let keys: Vec<&str> = reports.iter().map(|r| r.key.as_str()).collect();
    assert!(keys.contains(&"wss.keystore.password"), "{keys:?}");
    assert!(keys.contains(&"rtp_activity_detecting"), "{keys:?}");
}

#[test]
fn without_a_file_every_setting_has_its_default() {
    let config = quiet("");
    assert_eq!(config, Config::default());
    let expected = Config {
        ip: vec![],
        ip_local: ip("0.0.0.0"),
        ws_port: 8080,
        wss_port: 8443,
        wss_cert_file: None,
        wss_key_file: None,
        ws_origins: None,
        keep_alive_server_interval: Duration::from_secs(5),
        keep_alive_probes: 10,
        sip_port: 5080,
        sip_transport: SipTransport::Udp,
        sip_use_tls: false,
        sip_advertise: vec![],
        sip_targets: None,
        sip_t1: Duration::from_millis(500),
        sip_trying_timeout: Duration::from_secs(180),
        session_expires: Duration::from_secs(1800),
        min_se: Duration::from_secs(90),
        sip_auth_after_progress: false,
        sip_busy_status: BusyStatus::Failed,
        sip_decline_code: 486,
        no_answer_timeout: Duration::from_secs(60),
        user_agent: concat!("Ringdown/", env!("CARGO_PKG_VERSION")).into(),
        codecs: [
            "opus",
            "alaw",
            "ulaw",
            "g729",
            "speex16",
            "g722",
            "mpeg4-generic",
            "telephone-event",
            "h264",
            "vp8",
            "flv",
            "mpv",
        ]
        .map(String::from)
        .into(),
        codecs_exclude_sip: ["mpeg4-generic", "flv", "mpv"].map(String::from).into(),
        allow_outside_codecs: true,
        generate_av_for_ua: vec![],
        media_port_from: 31001,
        media_port_to: 32000,
        media_advertise: vec![],
        symmetric_rtp: SymmetricRtp::Auto,
        early_buffer: Duration::from_secs(3),
        webrtc_port: 8100,
        webrtc_advertise: vec![],
        media_shards: None,
        metrics_port: None,
    };
    assert_eq!(config, expected);
    assert_eq!(
        quiet("ws.port=\nip =\ncodecs =  "),
        expected,
        "empty means default"
    );
}

#[test]
fn every_key_sets_its_own_field() {
    let base = Config::default();
    let tls = SipTransport::Tls;
    for (text, expected) in [
        (
            "ip=10.0.0.1, ::1",
            Config {
                ip: vec![ip("10.0.0.1"), ip("::1")],
                sip_advertise: vec![ip("10.0.0.1"), ip("::1")],
                media_advertise: vec![ip("10.0.0.1"), ip("::1")],
                webrtc_advertise: vec![ip("10.0.0.1"), ip("::1")],
                ..base.clone()
            },
        ),
        (
            "ip_local=[::]",
            Config {
                ip_local: ip("::"),
                ..base.clone()
            },
        ),
        (
            "sip_advertise=192.0.2.1",
            Config {
                sip_advertise: vec![ip("192.0.2.1")],
                ..base.clone()
            },
        ),
        (
            "media_advertise=192.0.2.1",
            Config {
                media_advertise: vec![ip("192.0.2.1")],
                ..base.clone()
            },
        ),
        (
            "webrtc_advertise=192.0.2.1",
            Config {
                webrtc_advertise: vec![ip("192.0.2.1")],
                ..base.clone()
            },
        ),
        (
            "ws.port=0",
            Config {
                ws_port: 0,
                ..base.clone()
            },
        ),
        (
            "wss.port=0",
            Config {
                wss_port: 0,
                ..base.clone()
            },
        ),
        (
            "sip_port=0",
            Config {
                sip_port: 0,
                ..base.clone()
            },
        ),
        (
            "sip_t1=100",
            Config {
                sip_t1: Duration::from_millis(100),
                ..base.clone()
            },
        ),
        (
            "metrics_port=0",
            Config {
                metrics_port: Some(0),
                ..base.clone()
            },
        ),
        (
            "webrtc_port=0",
            Config {
                webrtc_port: 0,
                ..base.clone()
            },
        ),
        (
            "media_port_from=0",
            Config {
                media_port_from: 0,
                ..base.clone()
            },
        ),
        (
            "media_port_from=0\nmedia_port_to=0",
            Config {
                media_port_from: 0,
                media_port_to: 0,
                ..base.clone()
            },
        ),
        (
            "media_port_to=31002",
            Config {
                media_port_to: 31002,
                ..base.clone()
            },
        ),
        (
            "wss.cert.file=/c.pem\nwss.key.file=/k.pem",
            Config {
                wss_cert_file: Some(PathBuf::from("/c.pem")),
                wss_key_file: Some(PathBuf::from("/k.pem")),
                ..base.clone()
            },
        ),
        (
            "ws.origins=https://A.example, http://localhost:8080",
            Config {
                ws_origins: Some(vec![
                    "https://a.example".into(),
                    "http://localhost:8080".into(),
                ]),
                ..base.clone()
            },
        ),
        (
            "keep_alive.server_interval=50",
            Config {
                keep_alive_server_interval: Duration::from_millis(50),
                ..base.clone()
            },
        ),
        (
            "keep_alive.probes=3",
            Config {
                keep_alive_probes: 3,
                ..base.clone()
            },
        ),
        (
            "sip_trying_timeout=20",
            Config {
                sip_trying_timeout: Duration::from_secs(20),
                ..base.clone()
            },
        ),
        (
            "session_expires=90",
            Config {
                session_expires: Duration::from_secs(90),
                ..base.clone()
            },
        ),
        (
            "session_expires=0\nmin_se=3600",
            Config {
                session_expires: Duration::ZERO,
                min_se: Duration::from_secs(3600),
                ..base.clone()
            },
        ),
        (
            "min_se=1800",
            Config {
                min_se: Duration::from_secs(1800),
                ..base.clone()
            },
        ),
        (
            "sip_auth_after_progress=TRUE",
            Config {
                sip_auth_after_progress: true,
                ..base.clone()
            },
        ),
        (
            "generate_av_for_ua= Cisco CP-7960 ,all,,ALL,baresip",
            Config {
                generate_av_for_ua: vec!["cisco cp-7960".into(), "all".into(), "baresip".into()],
                ..base.clone()
            },
        ),
        (
            "no_answer_timeout=5",
            Config {
                no_answer_timeout: Duration::from_secs(5),
                ..base.clone()
            },
        ),
        (
            "sip_transport=TCP",
            Config {
                sip_transport: SipTransport::Tcp,
                ..base.clone()
            },
        ),
        (
            "sip_use_tls=true",
            Config {
                sip_use_tls: true,
                sip_transport: tls,
                ..base.clone()
            },
        ),
        (
            "sip_targets=10.0.0.0/8,192.0.2.7 pbx.Example, fd00::/8 127.0.0.1",
            Config {
                sip_targets: Some(vec![
                    SipTarget::Net {
                        addr: ip("10.0.0.0"),
                        prefix: 8,
                    },
                    SipTarget::Net {
                        addr: ip("192.0.2.7"),
                        prefix: 32,
                    },
                    SipTarget::Name("pbx.example".into()),
                    SipTarget::Net {
                        addr: ip("fd00::"),
                        prefix: 8,
                    },
                    SipTarget::Net {
                        addr: ip("127.0.0.1"),
                        prefix: 32,
                    },
                ]),
                ..base.clone()
            },
        ),
        (
            "sip_busy_status=busy",
            Config {
                sip_busy_status: BusyStatus::Busy,
                ..base.clone()
            },
        ),
        (
            "sip_decline_code=603",
            Config {
                sip_decline_code: 603,
                ..base.clone()
            },
        ),
        (
            "user_agent=PBX 1",
            Config {
                user_agent: "PBX 1".into(),
                ..base.clone()
            },
        ),
        (
            "codecs=Opus, alaw,opus",
            Config {
                codecs: vec!["opus".into(), "alaw".into()],
                ..base.clone()
            },
        ),
        (
            "codecs_exclude_sip=g729",
            Config {
                codecs_exclude_sip: vec!["g729".into()],
                ..base.clone()
            },
        ),
        (
            "allow_outside_codecs=false",
            Config {
                allow_outside_codecs: false,
                ..base.clone()
            },
        ),
        (
            "symmetric_rtp=strict",
            Config {
                symmetric_rtp: SymmetricRtp::Strict,
                ..base.clone()
            },
        ),
        (
            "early_buffer=0",
            Config {
                early_buffer: Duration::ZERO,
                ..base.clone()
            },
        ),
        (
            "media_shards=2",
            Config {
                media_shards: NonZeroU16::new(2),
                ..base.clone()
            },
        ),
    ] {
        assert_eq!(quiet(text), expected, "{text}");
    }
}

#[test]
fn an_unknown_key_is_reported_with_the_nearest_one() {
    assert_eq!(
        reported("# x\nsip_prot=5070\nWS.PORT=1\nmedia_port_form=1\nquux.zzz=password"),
        [
            "line 2: sip_prot is not a known key; the nearest one is sip_port",
            "line 3: WS.PORT is not a known key; the nearest one is ws.port",
            "line 4: media_port_form is not a known key; the nearest one is media_port_from",
            "line 5: quux.zzz is not a known key, nor is any known one like it",
        ]
    );
    let set = [("keep_alive.probe".to_owned(), "1".to_owned())];
    let (_, reports) = Config::parse("", &set).unwrap();
    assert_eq!(
        reports[0].to_string(),
        "command line: keep_alive.probe is not a known key; the nearest one is keep_alive.probes"
    );
    assert_eq!(
        reported("a\\nb=1")[0].split(' ').nth(2),
        Some("a\\nb"),
        "one line each"
    );
}

#[test]
fn odd_things_are_reported() {
    assert_eq!(
        reported("ws.port=1\n\nws.port=2\nsip_transport=tcp\nsip_use_tls=true\nprofiles=42e01f"),
        [
            "line 3: ws.port was already given in line 1; the last one counts",
            "line 6: profiles is known, has no effect yet: H.264 profiles are compared by meaning, and pass unchanged where they are equal",
            "line 4: sip_transport has no effect: sip_use_tls=true goes before it",
        ]
    );
    assert_eq!(parse("ws.port=1\nws.port=2").0.ws_port, 2);
}

#[test]
fn overrides_go_before_the_file() {
    let set = |key: &str, value: &str| [(key.to_owned(), value.to_owned())];
    let (config, reports) = Config::parse("ws.port=1", &set("ws.port", "2")).unwrap();
    assert_eq!((config.ws_port, reports), (2, vec![]));
    let (config, _) = Config::parse("ws.port=wrong", &set("ws.port", "2")).unwrap();
    assert_eq!(config.ws_port, 2, "what is overridden is not read");
    let error = Config::parse("", &set("ws.port", "x")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "command line: ws.port=x is refused: it is not a whole number from 0 to 65535. Allowed: 0 to 65535; 0 means any free port."
    );
}

#[test]
fn a_wrong_value_is_refused_with_key_value_line_and_what_is_allowed() {
    let error = Config::parse("\nws.port = 70000", &[]).unwrap_err();
    assert_eq!(error.key, Some("ws.port"));
    assert_eq!(error.value, "70000");
    assert_eq!(error.source_of_value, Source::Line(2));
    assert_eq!(error.allowed, "0 to 65535; 0 means any free port");
    for (text, sentence) in [
        (
            "ws.port=-1",
            "line 1: ws.port=-1 is refused: it is not a whole number from 0 to 65535. Allowed: 0 to 65535; 0 means any free port.",
        ),
        (
            "ip=0.0.0.0",
            "line 1: ip=0.0.0.0 is refused: 0.0.0.0 is not an address others can send to. Allowed: IPv4 and IPv6 addresses, separated by commas.",
        ),
        (
            "ip=example.com",
            "line 1: ip=example.com is refused: \"example.com\" is not an IP address. Allowed: IPv4 and IPv6 addresses, separated by commas.",
        ),
        (
            "ip_local=1.2.3",
            "line 1: ip_local=1.2.3 is refused: \"1.2.3\" is not an IP address. Allowed: one IP address.",
        ),
        (
            "sip_transport=sctp",
            "line 1: sip_transport=sctp is refused: it is none of the words allowed. Allowed: udp, tcp, tls.",
        ),
        (
            "sip_use_tls=yes",
            "line 1: sip_use_tls=yes is refused: it is neither true nor false. Allowed: true, false.",
        ),
        (
            "sip_targets=10.0.0.0/33",
            "line 1: sip_targets=10.0.0.0/33 is refused: in \"10.0.0.0/33\" the prefix is wrong: it is not a whole number from 0 to 32. Allowed: addresses, networks such as 10.0.0.0/8, and DNS names, separated by commas.",
        ),
        (
            "sip_targets=10.0.0.256",
            "line 1: sip_targets=10.0.0.256 is refused: \"10.0.0.256\" is neither address, network nor name. Allowed: addresses, networks such as 10.0.0.0/8, and DNS names, separated by commas.",
        ),
        (
            "sip_decline_code=200",
            "line 1: sip_decline_code=200 is refused: it is not a whole number from 400 to 699. Allowed: 400 to 699.",
        ),
        (
            "session_expires=89",
            "line 1: session_expires=89 is refused: an interval is at least 90 s (RFC 4028 section 4). Allowed: 0, or 90 to 86400 (seconds), not less than min_se; 0 means none.",
        ),
        (
            "session_expires=86401",
            "line 1: session_expires=86401 is refused: it is not a whole number from 0 to 86400. Allowed: 0, or 90 to 86400 (seconds), not less than min_se; 0 means none.",
        ),
        (
            "min_se=89",
            "line 1: min_se=89 is refused: it is not a whole number from 90 to 86400. Allowed: 90 to 86400 (seconds).",
        ),
        (
            "min_se=600\nsession_expires=599",
            "line 2: session_expires=599 is refused: session_expires is 599 and min_se is 600. Allowed: 0, or 90 to 86400 (seconds), not less than min_se; 0 means none.",
        ),
        (
            "min_se=1801",
            "line 1: min_se=1801 is refused: session_expires is 1800 and min_se is 1801. Allowed: 90 to 86400 (seconds).",
        ),
        (
            "sip_trying_timeout=0",
            "line 1: sip_trying_timeout=0 is refused: it is not a whole number from 1 to 3600. Allowed: 1 to 3600 (seconds).",
        ),
        (
            "sip_auth_after_progress=1",
            "line 1: sip_auth_after_progress=1 is refused: it is neither true nor false. Allowed: true, false.",
        ),
        (
            "ws.origins=*",
            "line 1: ws.origins=* is refused: \"*\" is not an origin. Allowed: origins such as https://phone.example:8443, separated by commas.",
        ),
        (
            "ws.origins=https://x/y",
            "line 1: ws.origins=https://x/y is refused: \"https://x/y\" is not an origin. Allowed: origins such as https://phone.example:8443, separated by commas.",
        ),
        (
            "codecs=opus,mp3",
            "line 1: codecs=opus,mp3 is refused: \"mp3\" is not a codec token. Allowed: opus, alaw, ulaw, g729, speex8, speex16, g722, telephone-event, h264, vp8, mpeg4-generic, flv, mpv, separated by commas.",
        ),
        (
            "user_agent=a\\r\\nVia: x",
            "line 1: user_agent=a\\r\\nVia: x is refused: it holds a control character. Allowed: one line of text.",
        ),
        (
            "media_port_from=32000",
            "line 1: media_port_from=32000 is refused: the range 32000..32000 holds no pair of ports. Allowed: 0 to 65535; 0 means any free port.",
        ),
        (
            "media_port_to=30000",
            "line 1: media_port_to=30000 is refused: the range 31001..30000 holds no pair of ports. Allowed: 0 to 65535, above media_port_from.",
        ),
        (
            "wss.cert.file=/c",
            "line 1: wss.cert.file=/c is refused: wss.key.file is not set. Allowed: path of a PEM file; goes with wss.key.file.",
        ),
        (
            "wss.key.file=/k",
            "line 1: wss.key.file=/k is refused: wss.cert.file is not set. Allowed: path of a PEM file; goes with wss.cert.file.",
        ),
        (
            "a=\\u12",
            "line 1: Malformed \\uxxxx encoding: not enough digits. (line_number = 1)",
        ),
    ] {
        refused(text, sentence);
    }
}

#[test]
fn the_syntax_is_that_of_java_properties() {
    let text = "\u{feff}! comment \\u\n  # C:\\users \\\nws.port : 1\r\nwss.port\t2\nsip_port=\\\n   3\nuser_agent = \\u0041 b\\=c # d\n";
    let config = quiet(text);
    assert_eq!(
        (config.ws_port, config.wss_port, config.sip_port),
        (1, 2, 3)
    );
    assert_eq!(config.user_agent, "A b=c # d");
    assert_eq!(quiet("user_agent=Гудок").user_agent, "Гудок");
    let continued = quiet("user_agent=a\\\n  #b\n# no \\\nsip_port=1");
    assert_eq!(
        continued.user_agent, "a#b",
        "a continued line is no comment"
    );
    assert_eq!(continued.sip_port, 1, "a comment is never continued");
    assert_eq!(
        quiet("ws.port=1  ").ws_port,
        1,
        "Java keeps the blanks, we do not"
    );
    refused(
        "\n\nsip_port=\\\n  x\n",
        "line 3: sip_port=x is refused: it is not a whole number from 0 to 65535. Allowed: 0 to 65535; 0 means any free port.",
    );
}

#[test]
fn no_damaged_file_makes_the_reader_panic() {
    let seed = include_str!("flashphoner.properties");
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut good = 0;
    for _ in 0..2_000 {
        let mut bytes = seed.as_bytes().to_vec();
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..4) {
                0 => bytes[at] = rng.random(),
                1 => bytes[at] = b"\\\n\r#!=: ,\0"[rng.random_range(0..10)],
                2 => drop(bytes.splice(at..at, *b"\\\n\\u00")),
                _ => bytes.truncate(at.max(10)),
            }
        }
        good += usize::from(Config::parse(&String::from_utf8_lossy(&bytes), &[]).is_ok());
    }
    assert!(good > 100, "{good}");
}
