//! SDP of the SIP side: what is offered, what is answered, and which codec each leg of a call gets.
//!
//! A [`Description`] is a value. Reading one tolerates what real devices and the published WebSDK
//! write; the ones we write (RFC 8866) are compact and plain: no ICE, no header extensions, no rtx,
//! never `c=0.0.0.0`. Offers are answered as RFC 3264 says. A [`Plan`] says for each m-line of the
//! browser what the bridge does, and why.
//!
//! The first offer of a call has functions of its own: [`offer_to_sip`] and [`plan_outgoing`];
//! [`formats_for_browser`], [`plan_incoming`] and [`answer_to_sip`]; [`late_offer`] and
//! [`plan_late`] for an INVITE without SDP. Every later offer, of either side, goes through an
//! [`Agreement`].
//!
//! Out of scope: ICE and DTLS (crate `webrtc` reads and writes those lines), SRTP on the SIP side,
//! and anything that takes a decoder. Codecs pass unchanged; G.711 is converted between its two laws
//! by table.
#![forbid(unsafe_code)]

mod address;
mod agreement;
mod answer;
mod changes;
mod clean;
mod description;
mod error;
mod fmtp;
mod format;
mod numbers;
mod offer;
mod pairing;
mod parse;
mod plan;
mod planner;
mod session_lines;
mod settings;
mod words;

pub use agreement::Agreement;
pub use answer::{BrowserMedia, answer_to_sip, formats_for_browser};
pub use description::{Description, Direction, Feedback, LocalMedia, Media, Origin};
pub use error::Error;
pub use format::{Encoding, Format, MediaKind, PayloadType};
pub use offer::{early_late_offer, late_offer, offer_to_sip};
pub use plan::{MediaPlan, Plan, PlanError, RemoteMedia, Route, Treatment};
pub use planner::{plan_incoming, plan_late, plan_outgoing};
pub use session_lines::{SessionLineError, check_session_lines};
pub use settings::{CodecSettings, CodecToken, UnknownCodec, parse_codec_list};
