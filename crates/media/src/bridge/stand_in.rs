//! Who is seen in the browser: the SIP peer, or black pictures of ours until it is.
//!
//! A browser that was promised video waits for it, and keeps the sound back meanwhile (the published
//! SDK un-mutes at the first picture). So where the plan wants it, pictures of ours go out from the
//! moment the browser is up until a key frame of the peer comes, and again when the peer has no
//! video any more. A peer that merely pauses stays on the screen.

use std::time::Instant;

use crate::video_gen::{Codec, Frame, PictureIds, VideoGen};

/// The browser's payload type for pictures of ours, and their codec.
pub(super) type OurFormat = (u8, Codec);

#[derive(Debug, Default)]
pub(super) struct StandIn {
    /// None: nothing of ours is ever sent.
    format: Option<OurFormat>,
    /// A key frame of the peer went out, and whatever came after it.
    peer_is_seen: bool,
    running: Option<(u8, VideoGen)>,
    ids: PictureIds,
}

impl StandIn {
    /// What the plan of the selected stream says.
    pub(super) fn plan(&mut self, format: Option<OurFormat>, peer_has_video: bool) {
        self.format = format;
        self.peer_is_seen &= peer_has_video;
        if format.is_none() {
            self.running = None;
        }
    }

    /// What was seen of the peer is not its picture any more: another early dialog is selected.
    pub(super) fn peer_gone(&mut self) {
        self.peer_is_seen = false;
    }

    /// The browser leg is gone; the next one has seen nothing.
    pub(super) fn browser_gone(&mut self) {
        self.peer_is_seen = false;
        self.running = None;
    }

    /// The browser is up: pictures of ours, unless the peer is seen.
    pub(super) fn begin(&mut self, now: Instant) {
        if let Some((payload_type, codec)) = self.format
            && !self.peer_is_seen
            && self.running.is_none()
        {
            self.running = Some((payload_type, VideoGen::new(codec, now)));
        }
    }

    /// Whether a packet of the peer goes to the browser: from a key frame on.
    pub(super) fn admits(&mut self, key_frame: bool) -> bool {
        if self.format.is_some() && key_frame {
            self.peer_is_seen = true;
            self.running = None;
        }
        self.format.is_none() || self.peer_is_seen
    }

    /// The peer's VP8 pictures go on where ours ended.
    pub(super) fn rewrite_picture_id(&mut self, payload: &mut [u8]) {
        if self.format.is_some() {
            self.ids.rewrite(payload);
        }
    }

    pub(super) fn want_key_frame(&mut self, now: Instant) {
        if let Some((_, pictures)) = &mut self.running {
            pictures.want_key_frame(now);
        }
    }

    /// When [`StandIn::frame`] has one.
    pub(super) fn at(&self) -> Option<Instant> {
        self.running
            .as_ref()
            .map(|(_, pictures)| pictures.poll_timeout())
    }

    /// The picture that is due, and its payload type.
    pub(super) fn frame(&mut self, now: Instant) -> Option<(u8, Frame)> {
        let (payload_type, pictures) = self.running.as_mut()?;
        let frame = pictures.handle_timeout(&mut self.ids, now)?;
        Some((*payload_type, frame))
    }
}
