//! One peer connection as a browser has it: a socket of its own, real ICE, DTLS and SRTP, PCMU. It says a tone and
//! keeps what it hears.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::tone::{Loop, Tone};

/// Length of a packet of sound.
const PTIME: Duration = Duration::from_millis(20);
const PCMU: u8 = 0;

/// One certificate for all calls of a page, as browsers have it.
pub(super) struct Certificate {
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
}

impl Certificate {
    pub(super) fn generate() -> Result<Self> {
        let crypto = Arc::new(str0m::crypto::from_feature_flags());
        let certificate = crypto.dtls_provider.generate_certificate();
        Ok(Self {
            crypto,
            certificate: certificate.context("no DTLS certificate")?,
        })
    }
}

/// See the module.
pub(super) struct Peer {
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    mid: Option<Mid>,
    pending: Option<SdpPendingOffer>,
    sound: Loop,
    /// Packets sent; `None`: not connected yet.
    sent: Option<u64>,
    next: Instant,
    heard: Vec<u8>,
}

impl Peer {
    /// A peer that calls, and its offer.
    pub(super) fn offer(certificate: &Certificate, tone: Tone) -> Result<(Self, String)> {
        let mut peer = Self::new(certificate, tone)?;
        let mut api = peer.rtc.sdp_api();
        let mid = api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let (offer, pending) = api.apply().context("no offer")?;
        peer.mid = Some(mid);
        peer.pending = Some(pending);
        Ok((peer, without_candidates(&offer.to_sdp_string())))
    }

    /// A peer that is called, and its answer.
    pub(super) fn answer(
        certificate: &Certificate,
        tone: Tone,
        offer: &str,
    ) -> Result<(Self, String)> {
        let mut peer = Self::new(certificate, tone)?;
        let offer = SdpOffer::from_sdp_string(offer).context("the server's offer")?;
        let answer = peer.rtc.sdp_api().accept_offer(offer);
        let answer = answer.context("the server's offer")?;
        Ok((peer, without_candidates(&answer.to_sdp_string())))
    }

    fn new(certificate: &Certificate, tone: Tone) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let now = Instant::now();
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .set_crypto_provider(Arc::clone(&certificate.crypto))
            .set_dtls_cert(certificate.certificate.clone())
            .set_stats_interval(None)
            .clear_codecs()
            .enable_pcmu(true, false)
            .build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp")?);
        Ok(Self {
            rtc,
            socket,
            address,
            mid: None,
            pending: None,
            sound: tone.pcmu(),
            sent: None,
            next: now,
            heard: Vec::new(),
        })
    }

    pub(super) fn take_answer(&mut self, answer: &str) -> Result<()> {
        let answer = SdpAnswer::from_sdp_string(answer).context("the server's answer")?;
        // R7: once per peer connection.
        let pending = self.pending.take().context("a second setRemoteSDP")?;
        let taken = self.rtc.sdp_api().accept_answer(pending, answer);
        taken.context("the server's answer")
    }

    /// Reads and says everything there is; gives the sound that came.
    pub(super) fn turn(&mut self, now: Instant) -> Result<Vec<u8>> {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            let bytes = &buffer[..length];
            if let Ok(receive) = Receive::new(Protocol::Udp, from, self.address, bytes) {
                self.rtc.handle_input(Input::Receive(now, receive))?;
                self.drain()?;
            }
        }
        self.rtc.handle_input(Input::Timeout(now))?;
        self.drain()?;
        while self.sent.is_some() && self.next <= now {
            self.next += PTIME;
            self.say(now);
            self.drain()?;
        }
        Ok(std::mem::take(&mut self.heard))
    }

    fn say(&mut self, now: Instant) {
        let (Some(sent), Some(mid)) = (self.sent, self.mid) else {
            return;
        };
        let payload = self.sound.packet();
        let mut api = self.rtc.direct_api();
        if let Some(stream) = api.stream_tx_by_mid(mid, None) {
            let time = (sent * payload.len() as u64) as u32;
            let packet = RtpWrite::new(PCMU.into(), sent.into(), time, now, payload.as_slice());
            stream.write_rtp(packet);
            self.sent = Some(sent + 1);
        }
    }

    fn drain(&mut self) -> Result<()> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(_) => return Ok(()),
                Output::Transmit(t) => {
                    let _ = self.socket.send_to(&t.contents, t.destination);
                }
                Output::Event(Event::Connected) => {
                    self.sent = Some(0);
                    self.next = Instant::now();
                }
                Output::Event(Event::MediaAdded(media)) => self.mid = Some(media.mid),
                Output::Event(Event::RtpPacket(packet)) => {
                    self.heard.extend_from_slice(&packet.payload);
                }
                Output::Event(_) => {}
            }
        }
    }
}

/// The WebSDK does not wait for candidates: none stands in its SDP (R12).
fn without_candidates(sdp: &str) -> String {
    let kept = sdp
        .lines()
        .filter(|line| !line.starts_with("a=candidate") && *line != "a=end-of-candidates");
    kept.flat_map(|line| [line, "\r\n"]).collect()
}
