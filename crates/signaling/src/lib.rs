//! The wire between a page and this server: WebSDK 2.0 JSON over a WebSocket, as types.
//!
//! ```text
//! text frame ── decode ──► ClientMessage          ServerMessage ── encode ──► text frame
//! ```
//!
//! Every frame, both ways, is `{"message":"<name>","data":[...]}`. `docs/protocol.md` tells the
//! whole wire in life-cycle order; its JSON blocks are parsed by this crate's tests. Nothing else
//! is serialisable to the browser.
#![forbid(unsafe_code)]

mod cause;
mod client;
mod decode;
mod error;
mod feature;
mod server;

pub use cause::{Cause, Side, Stage};
pub use client::{
    AnswerRequest, CallRequest, ClientMessage, Connection, DtmfKind, HangupScope, MessageRequest,
    SipHeaders,
};
pub use decode::{MAX_DEPTH, MAX_FRAME_BYTES, MAX_VALUES, decode};
pub use error::{DecodeError, ErrorKind};
pub use feature::Feature;
pub use server::{
    CallInfo, CallStatus, Chosen, DataStatus, Digit, DigitHow, Explanation, Fail, HoldState,
    Holders, IncomingMessage, LadderDirection, LadderEntry, MAX_LADDER, MediaAddresses, Medium,
    MessageWaiting, Offered, RegistrationReport, RegistrationStatus, ServerMessage,
    SipMessageStatus, TransferEvent, TransferStatus, Treatment, UserData, decode_server, encode,
};

/// A JSON object whose fields keep the order in which they came.
pub type Map = serde_json::Map<String, serde_json::Value>;
