//! The names of what the Hub owns. They stand apart from it, so that a call, a session or a timer
//! can name its neighbours without knowing the Hub.

/// A WebSocket, as the shell numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketId(pub u64);

/// A session. Its token is the only key to it from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// A call inside this process. The `callId` of the wire is another thing: it is per session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// A browser leg: one peer connection of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LegId(pub u64);

/// One remote early dialog (To-tag) of the SIP leg; forks of one INVITE share our ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub u32);
