//! The one table of keys.

use crate::Config;
use crate::settings::{BusyStatus, SipTransport, SymmetricRtp};
use crate::value::{self, Fault};

/// One key.
pub(crate) struct Entry {
    /// As written in the file.
    pub(crate) name: &'static str,
    /// Text of the default; empty: none, or worked out, as `doc` says.
    pub(crate) default: &'static str,
    /// What is allowed, in words.
    pub(crate) allowed: &'static str,
    /// What it is for.
    pub(crate) doc: &'static str,
    /// Where it belongs.
    pub(crate) group: Group,
    /// What it does.
    pub(crate) effect: Effect,
}

/// What a key does.
pub(crate) enum Effect {
    /// Reads a value into the settings.
    Set(fn(&mut Config, &str) -> Result<(), Fault>),
    /// Accepted, and nothing else; for this reason.
    None(&'static str),
}

/// A chapter of the document.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Addresses,
    Pages,
    Sessions,
    Sip,
    Codecs,
    Media,
    Operation,
    WithoutEffect,
}

impl Entry {
    /// Whether the value must never be shown.
    pub(crate) fn is_secret(&self) -> bool {
        ["password", "secret"]
            .iter()
            .any(|part| self.name.contains(part))
    }
}

/// The entry of a key.
pub(crate) fn entry(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}

const ADDRESSES: &str = "IPv4 and IPv6 addresses, separated by commas";
const PORT: &str = "0 to 65535; 0 means any free port";
const FLAG: &str = "true, false";
const CODEC_TOKENS: &str = "opus, alaw, ulaw, g729, speex8, speex16, g722, telephone-event, h264, vp8, mpeg4-generic, flv, mpv, separated by commas";
const MILLISECONDS: &str = "1 to 2592000000 (milliseconds)";

/// Sets a field from a value.
macro_rules! set {
    ($field:ident, $read:expr) => {
        Effect::Set(|config, text| {
            config.$field = $read(text)?;
            Ok(())
        })
    };
}

/// A key with an effect.
macro_rules! key {
    ($group:ident, $name:literal = $default:literal, $allowed:expr, $effect:expr, $doc:literal) => {
        Entry {
            name: $name,
            default: $default,
            allowed: $allowed,
            doc: $doc,
            group: Group::$group,
            effect: $effect,
        }
    };
}

/// A key of the described product without effect here.
macro_rules! known {
    ($name:literal, $reason:literal) => {
        Entry {
            name: $name,
            default: "",
            allowed: "anything",
            doc: $reason,
            group: Group::WithoutEffect,
            effect: Effect::None($reason),
        }
    };
}

/// Every key, in the order of the document.
pub(crate) const ENTRIES: &[Entry] = &[
    key!(
        Addresses,
        "ip" = "",
        ADDRESSES,
        set!(ip, value::addrs),
        "Addresses under which browsers and SIP peers reach this server: they stand in SDP, Contact and ICE candidates. Default: every interface address that is not link-local, and 127.0.0.1."
    ),
    key!(
        Addresses,
        "ip_local" = "0.0.0.0",
        "one IP address",
        set!(ip_local, value::addr),
        "The address every socket is bound to. `0.0.0.0` and `::` are all addresses, IPv6 included where we have any."
    ),
    key!(
        Addresses,
        "sip_advertise" = "",
        ADDRESSES,
        set!(sip_advertise, value::addrs),
        "Addresses for Via and Contact, where they differ from `ip`."
    ),
    key!(
        Addresses,
        "media_advertise" = "",
        ADDRESSES,
        set!(media_advertise, value::addrs),
        "Addresses for RTP in the SDP that SIP peers see, where they differ from `ip`."
    ),
    key!(
        Addresses,
        "webrtc_advertise" = "",
        ADDRESSES,
        set!(webrtc_advertise, value::addrs),
        "Addresses of the ICE candidates that browsers see, where they differ from `ip`."
    ),
    key!(
        Pages,
        "ws.port" = "8080",
        PORT,
        set!(ws_port, value::port),
        "WebSocket and pages without TLS. Browsers give microphone and camera to such a page only on localhost."
    ),
    key!(
        Pages,
        "wss.port" = "8443",
        PORT,
        set!(wss_port, value::port),
        "WebSocket and pages over TLS."
    ),
    key!(
        Pages,
        "wss.cert.file" = "",
        "path of a PEM file; goes with wss.key.file",
        set!(wss_cert_file, |text| value::path(text).map(Some)),
        "Certificate chain of `wss.port`. Default: a self-signed certificate, made at the first start."
    ),
    key!(
        Pages,
        "wss.key.file" = "",
        "path of a PEM file; goes with wss.cert.file",
        set!(wss_key_file, |text| value::path(text).map(Some)),
        "Private key of `wss.cert.file`."
    ),
    key!(
        Pages,
        "ws.origins" = "",
        "origins such as https://phone.example:8443, separated by commas",
        set!(ws_origins, |text| value::origins(text).map(Some)),
        "Pages of these origins may open a WebSocket; others get 403. Default: any origin, since published pages are served from elsewhere by design and credentials travel in messages, never in cookies."
    ),
    key!(
        Sessions,
        "keep_alive.server_interval" = "5000",
        MILLISECONDS,
        set!(keep_alive_server_interval, value::milliseconds),
        "Time between two `ping`s to a page, in milliseconds."
    ),
    key!(
        Sessions,
        "keep_alive.probes" = "10",
        "1 to 1000",
        set!(keep_alive_probes, |text| value::number(text, 1, 1000)),
        "So many `ping`s without a `pong` close the WebSocket."
    ),
    key!(
        Sessions,
        "no_answer_timeout" = "60",
        "1 to 3600 (seconds)",
        set!(no_answer_timeout, value::seconds),
        "How long a call may ring, in seconds, in either direction. For a call to the SIP side the time counts from the first provisional response after 100 Trying."
    ),
    key!(
        Sip,
        "sip_port" = "5080",
        PORT,
        set!(sip_port, value::port),
        "SIP over UDP and TCP: where requests reach us. Over UDP ours come from it, too."
    ),
    key!(
        Sip,
        "sip_transport" = "udp",
        "udp, tcp, tls",
        set!(sip_transport, |text| value::word(
            text,
            &[
                ("udp", SipTransport::Udp),
                ("tcp", SipTransport::Tcp),
                ("tls", SipTransport::Tls)
            ]
        )),
        "Transport to SIP servers that a page names without one (`sip:host;transport=tcp` names one). Incoming requests are taken over UDP and TCP alike, and an INVITE over 1300 bytes goes over TCP where the server has it. `tls` is not spoken so far; the server refuses to start with it."
    ),
    key!(
        Sip,
        "sip_use_tls" = "false",
        FLAG,
        set!(sip_use_tls, value::flag),
        "`true` is `sip_transport=tls`. The server's certificate is checked against the system's trust store."
    ),
    key!(
        Sip,
        "sip_targets" = "",
        "addresses, networks such as 10.0.0.0/8, and DNS names, separated by commas",
        set!(sip_targets, |text| value::targets(text).map(Some)),
        "Whom we send SIP to and trust as a source of it, and nobody else. Where the SIP server adds no Record-Route the networks of the phones belong here, too: ACK and BYE go to them. Default: public, RFC 1918 and ULA unicast addresses; loopback, unspecified, link-local, multicast and broadcast are refused in every form of writing."
    ),
    key!(
        Sip,
        "sip_t1" = "500",
        "10 to 5000 (milliseconds)",
        set!(sip_t1, value::round_trip),
        "T1 of RFC 3261, in milliseconds: the first interval at which a message without an answer is repeated over UDP. After 64 times T1 an answer is no longer waited for. Set less than the default only within a closed network (RFC 3261 section 17.1.1.1)."
    ),
    key!(
        Sip,
        "sip_trying_timeout" = "180",
        "1 to 3600 (seconds)",
        set!(sip_trying_timeout, value::seconds),
        "How long a SIP server may answer an INVITE with 100 Trying and nothing more, in seconds. `no_answer_timeout` begins with the next provisional response. The caller can hang up at any time."
    ),
    key!(
        Sip,
        "session_expires" = "1800",
        "0, or 90 to 86400 (seconds), not less than min_se; 0 means none",
        set!(session_expires, value::session_interval),
        "The session interval that calls ask for (RFC 4028), in seconds. A call whose peer has vanished ends within this time. `0`: calls ask for none, and keep to what the peer asks for."
    ),
    key!(
        Sip,
        "min_se" = "90",
        "90 to 86400 (seconds)",
        set!(min_se, value::min_session_interval),
        "The shortest session interval that a peer may ask for (RFC 4028), in seconds. A shorter one is refused with 422."
    ),
    key!(
        Sip,
        "sip_auth_after_progress" = "false",
        FLAG,
        set!(sip_auth_after_progress, value::flag),
        "`true`: a 407 that comes after a provisional response is answered with the password, if its realm has asked before; for servers that send 183 before they challenge. `false`: it is refused, since a callee behind the server could ask for the password in the server's name."
    ),
    key!(
        Sip,
        "sip_busy_status" = "FAILED",
        "FAILED, FINISH, BUSY",
        set!(sip_busy_status, |text| value::word(
            text,
            &[
                ("FAILED", BusyStatus::Failed),
                ("FINISH", BusyStatus::Finish),
                ("BUSY", BusyStatus::Busy)
            ]
        )),
        "Final status of a call that met 486 or 600. Published pages stay stuck on BUSY; it is for pages that listen to it."
    ),
    key!(
        Sip,
        "sip_decline_code" = "486",
        "400 to 699",
        set!(sip_decline_code, |text| value::number(text, 400, 699)),
        "Answer to INVITE when the user declines."
    ),
    key!(
        Sip,
        "user_agent" = "",
        "one line of text",
        set!(user_agent, value::line),
        "User-Agent and Server in SIP messages. Default: `Ringdown/` and the version."
    ),
    key!(
        Codecs,
        "codecs" =
            "opus,alaw,ulaw,g729,speex16,g722,mpeg4-generic,telephone-event,h264,vp8,flv,mpv",
        CODEC_TOKENS,
        set!(codecs, value::codecs),
        "What INVITE offers, in this order. `mpeg4-generic`, `flv` and `mpv` are accepted so that existing files are, and are never offered."
    ),
    key!(
        Codecs,
        "codecs_exclude_sip" = "mpeg4-generic,flv,mpv",
        CODEC_TOKENS,
        set!(codecs_exclude_sip, value::codecs),
        "Codecs of `codecs` that SIP never sees."
    ),
    key!(
        Codecs,
        "allow_outside_codecs" = "true",
        FLAG,
        set!(allow_outside_codecs, value::flag),
        "`true`: codecs the browser names beyond `codecs` are offered after them, where they can pass unchanged. `false`: they are dropped."
    ),
    key!(
        Codecs,
        "generate_av_for_ua" = "",
        "all, or parts of User-Agents, separated by commas",
        set!(generate_av_for_ua, value::user_agents),
        "Peers that are called with video and answer without it, by a part of their User-Agent or Server, whatever its case; `all`: every peer. The page is shown black pictures then, until the peer has video. Default: the page's video is refused, and it hears such a peer at once all the same. While only a provisional answer (183) has come the video is kept whoever the peer is."
    ),
    key!(
        Media,
        "media_port_from" = "31001",
        PORT,
        set!(media_port_from, value::port),
        "First RTP port of the SIP side. A call takes a pair of ports per kind of media."
    ),
    key!(
        Media,
        "media_port_to" = "32000",
        "0 to 65535, above media_port_from",
        set!(media_port_to, value::port),
        "Last RTP port of the SIP side."
    ),
    key!(
        Media,
        "symmetric_rtp" = "auto",
        "auto, strict",
        set!(symmetric_rtp, |text| value::word(
            text,
            &[
                ("auto", SymmetricRtp::Auto),
                ("strict", SymmetricRtp::Strict)
            ]
        )),
        "Where a SIP peer's RTP may come from. `auto`: the address its SDP names, or another port or the address of its SIP (where one of them is loopback: any address of this machine), when the packets fit the call. `strict`: only what its SDP names."
    ),
    key!(
        Media,
        "early_buffer" = "3000",
        "0 to 10000 (milliseconds)",
        set!(early_buffer, value::early_buffer),
        "How much of a SIP peer's media is kept until the browser can hear it, so that a greeting is heard from its first syllable. `0`: none."
    ),
    key!(
        Media,
        "webrtc_port" = "8100",
        PORT,
        set!(webrtc_port, value::port),
        "UDP port for browsers. Each media shard has one port: this one, and the numbers after it."
    ),
    key!(
        Media,
        "media_shards" = "0",
        "0 to 256; 0 means one per core",
        set!(media_shards, value::shards),
        "Threads that carry media."
    ),
    key!(
        Operation,
        "metrics_port" = "",
        PORT,
        set!(metrics_port, |text| value::port(text).map(Some)),
        "Figures for Prometheus under `/metrics`, on this port of 127.0.0.1 and on no other address. Default: none."
    ),
    known!("client_timeout", "a session ends with its page's WebSocket"),
    known!(
        "client_timeout_check_interval",
        "a session ends with its page's WebSocket"
    ),
    known!(
        "call_reattach_timeout",
        "a call ends with its page's WebSocket"
    ),
    known!("sip_srtp", "RTP to SIP peers is not encrypted"),
    known!("sip_srtp_insecure", "RTP to SIP peers is not encrypted"),
    known!(
        "rtp_activity_detecting",
        "calls are not ended for missing RTP"
    ),
    known!(
        "profiles",
        "H.264 profiles are compared by meaning, and pass unchanged where they are equal"
    ),
    known!(
        "proxy_use_h264_packetization_mode_1_only",
        "H.264 packetization modes pass unchanged where they are equal"
    ),
    known!("dtmf", "the page chooses how digits travel"),
    known!("port_from", "SIP has the one port sip_port"),
    known!("port_to", "SIP has the one port sip_port"),
    known!(
        "codecs_exclude_streaming",
        "this server connects calls; it has no streams"
    ),
    known!(
        "codecs_exclude_sip_rtmp",
        "this server connects calls; it has no streams"
    ),
    known!(
        "wss.keystore.file",
        "set wss.cert.file and wss.key.file, in PEM"
    ),
    known!(
        "wss.keystore.password",
        "set wss.cert.file and wss.key.file, in PEM"
    ),
    known!(
        "wss.cert.password",
        "set wss.cert.file and wss.key.file, in PEM"
    ),
    known!("domain", "the page names the SIP domain"),
    known!("outbound_proxy", "the page names the outbound proxy"),
    known!("outbound_port", "the page names the port"),
    known!(
        "video_enabled",
        "a call has video when the page asks for it"
    ),
    known!(
        "hold_ip_settings",
        "hold is told by direction, never by address"
    ),
    known!("balance_header", "SIP headers about balance are not shown"),
    known!("cost_header", "SIP headers about cost are not shown"),
    known!("client_log_level", "logs of pages are ignored"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_allowed_by_its_own_entry() {
        for entry in ENTRIES {
            if let Effect::Set(set) = entry.effect
                && !entry.default.is_empty()
            {
                let result = set(&mut Config::default(), entry.default);
                assert_eq!(result, Ok(()), "{}={}", entry.name, entry.default);
            }
        }
    }

    #[test]
    fn every_name_stands_once() {
        for (index, entry) in ENTRIES.iter().enumerate() {
            assert!(
                ENTRIES[index + 1..]
                    .iter()
                    .all(|other| other.name != entry.name),
                "{}",
                entry.name
            );
        }
    }

    #[test]
    fn the_codec_tokens_are_those_the_document_names() {
        let listed = CODEC_TOKENS.replace(", separated by commas", "");
        let mut listed: Vec<_> = listed.split(", ").collect();
        let mut known = value::CODECS.to_vec();
        listed.sort_unstable();
        known.sort_unstable();
        assert_eq!(listed, known);
    }
}
