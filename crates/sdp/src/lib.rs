//! SDP of the SIP side: what is offered, what is answered, and which codec each leg of a call gets.
//!
//! A description is a value ([`Description`]); reading one is tolerant of what real devices and the
//! published WebSDK write (RFC 8866), writing one is compact and plain: no ICE, no header
//! extensions, no rtx, never `c=0.0.0.0`. The offer/answer model is RFC 3264; a [`Plan`] says for
//! each m-line of the browser what the bridge does and why, in words.
//!
//! Out of scope: ICE and DTLS (crate `webrtc` reads and writes those lines itself), SRTP on the SIP
//! side, and anything that needs a decoder: only codecs that pass unchanged, and G.711 between its
//! two laws by table.
#![forbid(unsafe_code)]

mod answer;
mod clean;
mod description;
mod fmtp;
mod format;
mod numbers;
mod offer;
mod pairing;
mod parse;
mod plan;
mod session_lines;
mod settings;

pub use answer::{BrowserMedia, answer_to_sip, formats_for_browser};
pub use description::{Description, Direction, Feedback, LocalMedia, Media, Origin};
pub use format::{Encoding, Format, MediaKind, PayloadType};
pub use offer::{late_offer, offer_to_sip};
pub use parse::Error;
pub use plan::{
    MediaPlan, Plan, PlanError, RemoteMedia, Route, Treatment, plan_incoming, plan_late,
    plan_outgoing,
};
pub use session_lines::{SessionLineError, check_session_lines};
pub use settings::{CodecSettings, CodecToken, UnknownCodec, parse_codec_list};
