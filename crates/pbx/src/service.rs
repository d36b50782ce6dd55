//! A call the PBX answers itself: from the INVITE's offer to the lines that speak.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use media::WallClock;
use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use sdp::{Description, LocalMedia, MediaKind};

use crate::agreement::{self, Agreed};
use crate::line::Line;
use crate::number::Program;

/// One such call.
pub(crate) struct Service {
    program: Program,
    /// `None`: the caller left the offer to us.
    offer: Option<Description>,
    agreed: Vec<Agreed>,
    /// Sockets opened so far.
    local: Vec<LocalMedia>,
    /// What we described last.
    ours: Option<Description>,
    /// Empty until both sides know where media goes.
    pub(crate) lines: Vec<Line>,
}

impl Service {
    /// `None`: nothing in the offer that could be taken, 488.
    pub(crate) fn new(program: Program, offer: Option<&[u8]>) -> Option<Self> {
        let offer = match offer {
            Some(offer) => Some(read(offer)?),
            None => None,
        };
        let agreed = offer.as_ref().map(|offer| agreement::agree(program, offer));
        let agreed = agreed.unwrap_or_default();
        if offer.is_some() && agreed.is_empty() {
            return None;
        }
        Some(Self {
            program,
            offer,
            agreed,
            local: Vec::new(),
            ours: None,
            lines: Vec::new(),
        })
    }

    /// Sockets the call needs.
    pub(crate) fn kinds(&self) -> Vec<MediaKind> {
        match self.offer {
            Some(_) => self.agreed.iter().map(|agreed| agreed.kind).collect(),
            None => vec![MediaKind::Audio],
        }
    }

    /// A socket is open. With the last of them comes the SDP of the 200.
    pub(crate) fn opened(
        &mut self,
        kind: MediaKind,
        rtp: SocketAddr,
        addr: IpAddr,
        rng: &mut ChaCha20Rng,
    ) -> Option<Description> {
        let kinds = self.kinds();
        let known = self.local.iter().any(|local| local.kind == kind);
        if known || !kinds.contains(&kind) {
            return None;
        }
        self.local.push(LocalMedia { kind, rtp });
        if self.local.len() < kinds.len() {
            return None;
        }
        let origin = agreement::origin(rng.random(), addr);
        let ours = match &self.offer {
            Some(offer) => agreement::answer(offer, &self.agreed, &self.local, origin),
            None => agreement::own_offer(rtp, origin),
        };
        self.ours = Some(ours.clone());
        Some(ours)
    }

    /// A later offer of the caller, or `None` for an INVITE that wants ours: our description, with which the lines go on.
    /// `None`: nothing of it can be taken, and the call goes on as it was.
    pub(crate) fn reoffered(&mut self, offer: Option<&[u8]>) -> Option<Description> {
        let before = self.ours.clone()?;
        let Some(offer) = offer else {
            return Some(before);
        };
        let offer = read(offer)?;
        let mut agreed = agreement::agree(self.program, &offer);
        agreed.retain(|agreed| self.local.iter().any(|local| local.kind == agreed.kind));
        if agreed.is_empty() {
            return None;
        }
        let mut ours = agreement::answer(&offer, &agreed, &self.local, before.origin);
        if ours != before {
            // RFC 3264 section 8: the version grows by one when the description changes.
            ours.origin.version += 1;
        }
        for line in &mut self.lines {
            line.change(agreed.iter().find(|agreed| agreed.kind == line.local.kind));
        }
        self.agreed = agreed;
        self.ours = Some(ours.clone());
        Some(ours)
    }

    /// The lines begin to speak: right after the 200, or with the answer to our own offer.
    pub(crate) fn speak(&mut self, clock: WallClock, rng: &mut ChaCha20Rng, now: Instant) {
        if !self.lines.is_empty() {
            return;
        }
        for agreed in &self.agreed {
            let local = self.local.iter().find(|local| local.kind == agreed.kind);
            if let Some(local) = local {
                let line = Line::new(self.program, agreed, *local, clock, rng, now);
                self.lines.push(line);
            }
        }
    }

    /// The ACK's answer to our offer; false if there is none that can be used.
    pub(crate) fn answered(&mut self, answer: Option<&[u8]>) -> bool {
        if self.offer.is_some() {
            return true;
        }
        let answer = answer.and_then(read);
        self.agreed = answer.map_or_else(Vec::new, |sdp| agreement::agree(self.program, &sdp));
        !self.agreed.is_empty()
    }

    /// The line a datagram belongs to.
    pub(crate) fn line(&mut self, kind: MediaKind) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.local.kind == kind)
    }
}

fn read(body: &[u8]) -> Option<Description> {
    Description::parse(std::str::from_utf8(body).ok()?).ok()
}
