//! Media shards: threads that move the packets of calls (RFC 7983 demultiplexing, ICE-lite).
//!
//! Each shard is one thread with one `mio` poll, one UDP socket for all its browsers, the RTP and
//! RTCP sockets of its calls' SIP legs, and one timer heap. A call is placed on the least-loaded
//! shard by its `OpenSipLeg` and never moves. Each step of a call runs under `catch_unwind`: a
//! panic ends that call alone.
//!
//! ```text
//!  control loop ─ MediaHandle::send ─► Inbox ─► Worker ─► Call { Bridge, webrtc::Leg*, SIP sockets }
//!               ◄── Control: its one queue ── Events ◄─┘
//! ```

mod call;
mod demux;
mod directory;
mod engine;
mod events;
mod inbox;
mod settings;
mod sockets;
mod timers;
mod worker;

pub use engine::{MediaEngine, MediaHandle, start};
pub use inbox::Figures;
pub use settings::ShardSettings;
