//! What calls of both directions do once the SIP side's media is known: streams agreed, heard and
//! changed.

use sdp::Description;
use signaling::CallStatus;
use sip::{Cause, Side};

use super::sip_leg::Agreement;
use super::{Call, Effect, State};
use crate::cause;
use crate::ids::{LegId, StreamId};
use crate::media::{Family, MediaCommand, MediaFailure};
use crate::record::{self, What};

impl Call {
    /// Both sides can talk.
    pub(super) fn establish(
        &mut self,
        leg: LegId,
        sip_status: Option<u16>,
        out: &mut Vec<Effect>,
    ) {
        self.state = State::Established;
        let current = self.sip.negotiation.current();
        let why = current.map(|agreement| record::why(&agreement.plan));
        let why = why.unwrap_or_default();
        self.note(What::Answered { why }, out);
        self.tell(leg, CallStatus::Established, sip_status, out);
    }

    /// What offer and answer came to in one dialog goes to media.
    pub(super) fn agree(
        &mut self,
        stream: StreamId,
        agreement: Agreement,
        out: &mut Vec<Effect>,
    ) {
        out.push(Effect::Media(MediaCommand::ConnectSipLeg {
            call: self.id,
            stream,
            plan: agreement.plan.clone(),
            signalling: self.sip.signalling,
        }));
        self.sip.negotiation.agree(stream, agreement);
    }

    /// This dialog is heard from now on.
    pub(super) fn select(&mut self, stream: StreamId, out: &mut Vec<Effect>) {
        self.sip.negotiation.selected = Some(stream);
        out.push(Effect::Media(MediaCommand::SelectRemoteStream {
            call: self.id,
            stream,
        }));
    }

    /// Our ports are of one address family, and the peer's media must be of it, too.
    pub(super) fn same_family(&self, theirs: &Description) -> Result<(), Cause> {
        let local = self.sip.local.first();
        let local = local.map(|media| Family::of(media.rtp.ip()));
        let (Some(local), Some(remote)) = (local, family_of_media(theirs)) else {
            return Ok(());
        };
        if local == remote {
            return Ok(());
        }
        let mut cause = cause::media(&MediaFailure::NoAddress(remote));
        cause.side = Side::Sip;
        cause.text = format!(
            "The SIP side answered with an {remote} address for media, and this call goes over {local}: \
             nothing could be heard."
        );
        Err(cause)
    }
}

/// The family that a description wants media in; `None` for one on hold in the old way (`c=IN IP4 0.0.0.0`).
fn family_of_media(sdp: &Description) -> Option<Family> {
    let mut taken = sdp.media.iter().filter(|media| !media.rejected());
    let addr = taken.find_map(|media| media.addr).or(sdp.addr)?;
    (!addr.is_unspecified()).then(|| Family::of(addr.to_canonical()))
}
