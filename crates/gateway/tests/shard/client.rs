//! A browser without a page: a `str0m` peer on a UDP socket of 127.0.0.1, driven by the test's thread.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc};

pub(crate) struct Client {
    rtc: Rtc,
    pub(crate) socket: UdpSocket,
    address: SocketAddr,
    mid: Mid,
    pending: Option<SdpPendingOffer>,
    pub(crate) connected: bool,
    /// Payloads heard.
    pub(crate) heard: Vec<Vec<u8>>,
    /// SSRCs heard.
    pub(crate) sources: BTreeSet<u32>,
    sent: u64,
    /// DTLS is kept from the network and put here.
    pub(crate) held_dtls: Option<Vec<u8>>,
    pub(crate) hold_dtls: bool,
}

impl Client {
    /// The client and its offer of PCMU.
    pub(crate) fn offer() -> (Self, String) {
        Self::offer_from(Ipv4Addr::LOCALHOST.into())
    }

    /// The same from another address of this machine.
    pub(crate) fn offer_from(address: IpAddr) -> (Self, String) {
        let socket = UdpSocket::bind((address, 0)).expect("a port");
        socket.set_nonblocking(true).expect("non-blocking");
        let address = socket.local_addr().expect("bound");
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_pcmu(true, false)
            .build(Instant::now());
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("a candidate"));
        let mut api = rtc.sdp_api();
        let mid = api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let (offer, pending) = api.apply().expect("an offer");
        let client = Self {
            rtc,
            socket,
            address,
            mid,
            pending: Some(pending),
            connected: false,
            heard: Vec::new(),
            sources: BTreeSet::new(),
            sent: 0,
            held_dtls: None,
            hold_dtls: false,
        };
        (client, offer.to_sdp_string())
    }

    pub(crate) fn take_answer(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).expect("an answer");
        let pending = self.pending.take().expect("one answer");
        let taken = self.rtc.sdp_api().accept_answer(pending, answer);
        taken.expect("an answer that fits");
    }

    pub(crate) fn send(&mut self, payload: &[u8]) {
        let mid = self.mid;
        let mut api = self.rtc.direct_api();
        if let Some(stream) = api.stream_tx_by_mid(mid, None) {
            let (number, now) = (self.sent.into(), Instant::now());
            let time = (self.sent * 160) as u32;
            stream.write_rtp(RtpWrite::new(0.into(), number, time, now, payload));
            self.sent += 1;
        }
    }

    /// Reads and says everything there is.
    pub(crate) fn turn(&mut self) {
        self.say();
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            let bytes = &buffer[..length];
            if let Ok(receive) = Receive::new(Protocol::Udp, from, self.address, bytes) {
                let _ = self
                    .rtc
                    .handle_input(Input::Receive(Instant::now(), receive));
                self.say();
            }
        }
        let _ = self.rtc.handle_input(Input::Timeout(Instant::now()));
        self.say();
    }

    fn say(&mut self) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(_)) | Err(_) => return,
                Ok(Output::Transmit(t)) => {
                    let is_dtls = (20..64).contains(&t.contents[0]);
                    if is_dtls && self.hold_dtls {
                        self.held_dtls = Some(t.contents.to_vec());
                    } else {
                        let _ = self.socket.send_to(&t.contents, t.destination);
                    }
                }
                Ok(Output::Event(Event::Connected)) => self.connected = true,
                Ok(Output::Event(Event::RtpPacket(packet))) => {
                    self.sources.insert(*packet.header.ssrc);
                    self.heard.push(packet.payload.to_vec());
                }
                Ok(Output::Event(_)) => {}
            }
        }
    }
}
