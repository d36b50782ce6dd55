//! Why something failed: built where it happens, said in the same words to page, log and metrics.

use sdp::PlanError;
use sip::{Cause, Side, Stage};

use crate::media::MediaFailure;

/// The page sent something that cannot become a call.
pub(crate) fn input(text: impl Into<String>) -> Cause {
    Cause {
        sip_code: None,
        reason: "Bad request".into(),
        q850: None,
        stage: Stage::Input,
        side: Side::Browser,
        text: text.into(),
    }
}

/// The two sides have no media in common; 488 is what the SIP side hears (RFC 3261 §21.4.26).
pub(crate) fn plan(error: &PlanError) -> Cause {
    Cause {
        sip_code: Some(488),
        reason: "Not Acceptable Here".into(),
        q850: Some(88),
        stage: Stage::Media,
        side: Side::Gateway,
        text: error.text(),
    }
}

/// The media side failed.
pub(crate) fn media(failure: &MediaFailure) -> Cause {
    let (sip_code, reason, side) = match failure {
        MediaFailure::NoPorts => (Some(503), "Service Unavailable", Side::Gateway),
        // RFC 3261 §20.43 calls it "incompatible network address formats" (warning 301).
        MediaFailure::NoAddress(_) => (Some(488), "Not Acceptable Here", Side::Gateway),
        MediaFailure::BadSdp(_) => (Some(488), "Not Acceptable Here", Side::Browser),
        MediaFailure::Ice => (Some(408), "Request Timeout", Side::Browser),
        MediaFailure::Dtls(_) | MediaFailure::Closed => (Some(500), "Media failed", Side::Browser),
        MediaFailure::Panicked => (Some(500), "Server Internal Error", Side::Gateway),
        MediaFailure::Gone => (Some(503), "Service Unavailable", Side::Gateway),
    };
    Cause {
        sip_code,
        reason: reason.into(),
        q850: None,
        stage: Stage::Media,
        side,
        text: failure.to_string(),
    }
}

/// An ordinary end: somebody hung up, cancelled, or answered elsewhere.
pub(crate) fn clearing(side: Side, text: impl Into<String>) -> Cause {
    Cause {
        sip_code: None,
        reason: "Normal call clearing".into(),
        q850: Some(16),
        stage: Stage::Call,
        side,
        text: text.into(),
    }
}

/// The same cause as the wire says it (feature `cause`).
pub(crate) fn to_wire(cause: &Cause) -> signaling::Cause {
    signaling::Cause {
        sip_code: cause.sip_code,
        reason: cause.reason.clone(),
        q850: cause.q850,
        stage: match cause.stage {
            Stage::Register => signaling::Stage::Register,
            Stage::Resolve => signaling::Stage::Resolve,
            Stage::Connect => signaling::Stage::Connect,
            Stage::Invite => signaling::Stage::Invite,
            Stage::Ringing => signaling::Stage::Ringing,
            Stage::Answer => signaling::Stage::Answer,
            Stage::Call => signaling::Stage::Call,
            Stage::Bye => signaling::Stage::Bye,
            Stage::Media => signaling::Stage::Media,
            Stage::Input => signaling::Stage::Input,
        },
        side: match cause.side {
            Side::Browser => signaling::Side::Browser,
            Side::Gateway => signaling::Side::Gateway,
            Side::Sip => signaling::Side::Sip,
        },
        text: cause.text.clone(),
    }
}
