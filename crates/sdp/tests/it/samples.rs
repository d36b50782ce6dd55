//! Descriptions as browsers and devices write them, and the values the tests share.

use std::net::SocketAddr;

use sdp::{CodecSettings, Description, LocalMedia, MediaKind, Origin, Plan, parse_codec_list};

pub(crate) const CHROMIUM_AV: &str = include_str!("samples/chromium_av.sdp");
pub(crate) const CHROMIUM_AUDIO: &str = include_str!("samples/chromium_audio.sdp");
pub(crate) const FIREFOX_AV: &str = include_str!("samples/firefox_av.sdp");
/// What Firefox 153 without an H.264 codec offered.
pub(crate) const FIREFOX_153_AV: &str = include_str!("samples/firefox_153_av.sdp");
pub(crate) const BARESIP_OFFER: &str = include_str!("samples/baresip_offer.sdp");
pub(crate) const LINPHONE_OFFER: &str = include_str!("samples/linphone_offer.sdp");
pub(crate) const POLYCOM_OFFER: &str = include_str!("samples/polycom_offer.sdp");
pub(crate) const ASTERISK_ANSWER: &str = include_str!("samples/asterisk_answer.sdp");

pub(crate) const ALL: [(&str, &str); 8] = [
    ("chromium_av", CHROMIUM_AV),
    ("chromium_audio", CHROMIUM_AUDIO),
    ("firefox_av", FIREFOX_AV),
    ("firefox_153_av", FIREFOX_153_AV),
    ("baresip_offer", BARESIP_OFFER),
    ("linphone_offer", LINPHONE_OFFER),
    ("polycom_offer", POLYCOM_OFFER),
    ("asterisk_answer", ASTERISK_ANSWER),
];

#[track_caller]
pub(crate) fn parsed(text: &str) -> Description {
    Description::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(crate) fn origin() -> Origin {
    Origin {
        session_id: 7,
        version: 1,
        addr: "192.0.2.1".parse().unwrap(),
    }
}

pub(crate) fn local() -> Vec<LocalMedia> {
    let at = |kind, port| LocalMedia {
        kind,
        rtp: SocketAddr::new(origin().addr, port),
    };
    vec![at(MediaKind::Audio, 31002), at(MediaKind::Video, 31004)]
}

/// `codecs` with or without what lies outside of them.
pub(crate) fn settings(codecs: &str, allow_outside_codecs: bool) -> CodecSettings {
    CodecSettings {
        codecs: parse_codec_list(codecs).unwrap(),
        allow_outside_codecs,
        ..CodecSettings::default()
    }
}

/// A SIP peer's description: the m-lines with what belongs to them, bare LF.
pub(crate) fn sip(media: &str) -> String {
    format!("v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\n{media}\n")
}

/// A plan in a few lines: per m-line what the browser is told, the routes, direction, where to.
pub(crate) fn drawn(plan: &Plan) -> String {
    let mut text = String::new();
    for media in &plan.media {
        if !media.accepted {
            text += &format!("{}: refused, {}\n", media.kind, media.reason);
            continue;
        }
        let browser: Vec<String> = media
            .browser
            .iter()
            .map(|format| format!("{} {format}", format.payload_type))
            .collect();
        text += &format!("{}: browser {}\n", media.kind, browser.join(", "));
        for route in &media.routes {
            text += &format!(
                "  {} {} = {} send {} recv {} {:?}\n",
                route.browser.payload_type,
                route.browser,
                route.sip,
                route.sip_send,
                route.sip_recv,
                route.treatment
            );
        }
        let remote = media.remote.map_or("nowhere".to_owned(), |remote| {
            format!(
                "{} rtcp {}{}",
                remote.rtp,
                remote.rtcp,
                if remote.rtcp_mux { " mux" } else { "" }
            )
        });
        text += &format!(
            "  {} to {remote}, {} ms\n",
            media.sip_direction.name(),
            media.ptime_ms
        );
        text += &format!("  {}\n", media.reason);
    }
    text
}

/// Compares texts line by line, whatever ends the lines; prints both.
#[track_caller]
pub(crate) fn same_text(actual: &str, expected: &str) {
    let lines = |text: &str| -> Vec<String> {
        text.lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    };
    assert!(
        lines(actual) == lines(expected),
        "--- is\n{actual}\n--- should be\n{expected}"
    );
}
