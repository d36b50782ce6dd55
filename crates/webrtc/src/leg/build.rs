//! The `str0m` connection of a leg: its making, and what the browser's description tells it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sdp::{Direction, MediaKind};
use str0m::crypto::Fingerprint;
use str0m::media::{MediaKind as StrMediaKind, Mid};
use str0m::rtp::{Extension, ExtensionMap};
use str0m::{Candidate, IceCreds, Rtc};

use super::{Leg, Line};
use crate::codecs::{NegotiatedFormat, configure};
use crate::config::LegConfig;
use crate::description::{Remote, Setup};
use crate::error::Error;
use crate::negotiate::{bad, receives};
use crate::write::{MID_URI, TRANSPORT_CC_URI};

/// Packets kept for a browser's NACKs (video). `str0m`'s default of 1000 costs 0.9 MB a call.
const RESEND_PACKETS: usize = 256;
/// How long they are kept. A browser that misses a packet for longer asks for a key frame instead.
const RESEND_AGE: Duration = Duration::from_secs(1);
/// `str0m` stops resending while resends are a larger share of what is sent than this (its default).
const RESEND_RATIO: Option<f32> = Some(0.15);

impl Leg {
    pub(super) fn build(
        config: &LegConfig,
        lines: Vec<(MediaKind, &str, Direction, Vec<NegotiatedFormat>)>,
        extensions: &[(u8, &'static str)],
        now: Instant,
    ) -> Result<Self, Error> {
        if config.candidates.is_empty() {
            return Err(Error::NoCandidates);
        }
        let mut map = ExtensionMap::empty();
        for (id, uri) in extensions {
            let extension = match *uri {
                MID_URI => Extension::RtpMid,
                _ => Extension::TransportSequenceNumber,
            };
            map.set(*id, extension);
        }
        let mut rtc = Rtc::builder()
            .set_ice_lite(true)
            .set_rtp_mode(true)
            .set_crypto_provider(Arc::clone(&config.identity.crypto))
            .set_dtls_cert(config.identity.certificate.clone())
            .set_send_buffer_video(RESEND_PACKETS)
            .set_stats_interval(None)
            .clear_codecs()
            .set_extension_map(map);
        for negotiated in lines.iter().flat_map(|(_, _, _, formats)| formats) {
            configure(&mut rtc, negotiated);
        }
        let mut rtc = rtc.build(now);
        for address in &config.candidates {
            if let Ok(candidate) = Candidate::host(*address, "udp") {
                rtc.add_local_candidate(candidate);
            }
        }
        let mut api = rtc.direct_api();
        api.set_ice_controlling(false);
        let with_transport_cc = extensions.iter().any(|(_, uri)| *uri == TRANSPORT_CC_URI);
        if with_transport_cc {
            api.enable_twcc_feedback();
        }
        let lines = lines
            .into_iter()
            .map(|(kind, mid, direction, formats)| {
                let mid = Mid::from(mid);
                let media = match kind {
                    MediaKind::Audio => StrMediaKind::Audio,
                    MediaKind::Video => StrMediaKind::Video,
                };
                api.declare_media(mid, media);
                let ssrc = api.new_ssrc();
                let with_rtx = formats.iter().any(|f| f.rtx.is_some());
                let rtx_ssrc = with_rtx.then(|| api.new_ssrc());
                let stream = api.declare_stream_tx(ssrc, rtx_ssrc, mid, None);
                let packets = if with_rtx { RESEND_PACKETS } else { 0 };
                stream.set_rtx_cache(packets, RESEND_AGE, RESEND_RATIO);
                Line {
                    kind,
                    mid,
                    direction,
                    formats,
                    ssrc,
                    rtx_ssrc,
                    base: None,
                }
            })
            .collect();
        let IceCreds { ufrag, pass: pwd } = api.local_ice_credentials();
        let fingerprint = api.local_dtls_fingerprint().to_string();
        Ok(Self {
            rtc,
            lines,
            candidates: config.candidates.clone(),
            ufrag,
            pwd,
            fingerprint,
            outputs: VecDeque::new(),
            timeout: now,
            now,
            connected: false,
            failed: false,
            awaits_answer: false,
        })
    }

    /// Credentials, fingerprint, expected SSRCs and DTLS role of the browser.
    pub(super) fn take_remote(&mut self, remote: &Remote, setup: Setup) -> Result<(), Error> {
        let (hash, digest) = &remote.fingerprint;
        let fingerprint: Fingerprint = format!("{hash} {digest}")
            .parse()
            .map_err(|_| bad("a=fingerprint is not a hash and a digest"))?;
        let mut api = self.rtc.direct_api();
        api.set_remote_ice_credentials(IceCreds {
            ufrag: remote.ufrag.clone(),
            pass: remote.pwd.clone(),
        });
        api.set_remote_fingerprint(fingerprint);
        for line in &self.lines {
            let theirs = remote
                .media
                .iter()
                .find(|m| Mid::from(m.mid.as_str()) == line.mid && m.kind == Some(line.kind));
            // One source per m-line: no simulcast was negotiated.
            let source = theirs.and_then(|m| m.ssrcs.first());
            if let Some((ssrc, rtx)) = source.filter(|_| receives(line.direction)) {
                let rtx = rtx.filter(|_| line.rtx_ssrc.is_some());
                let stream =
                    api.expect_stream_rx((*ssrc).into(), rtx.map(Into::into), line.mid, None);
                stream.suppress_nack(rtx.is_none());
            }
        }
        api.start_dtls(setup == Setup::Active)
            .map_err(|e| bad(&format!("DTLS cannot start: {e}")))
    }
}
