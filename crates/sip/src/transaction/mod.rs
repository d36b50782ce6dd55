//! The transaction layer (RFC 3261 section 17 with RFC 6026): four machines and what they tell the layer around them.
//!
//! A machine knows no clock, no bytes and no socket: an input moves it and it answers with [`Action`]s. The user agent
//! performs them; `Start(timer)` means "fire it `after(timer)` from now".

pub(crate) mod client;
pub(crate) mod client_invite;
pub(crate) mod server;
pub(crate) mod server_invite;
pub(crate) mod timer;

#[cfg(test)]
mod tests;

use std::time::Duration;

use client::Client;
use client_invite::ClientInvite;
use server::Server;
use server_invite::ServerInvite;
use timer::{Timer, Timers};

/// What a machine wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send the request (again).
    SendRequest,
    /// Send the ACK of a non-2xx final response (again).
    SendAck,
    /// Send the latest response (again).
    SendResponse,
    /// Give the message to the transaction user.
    PassUp,
    Start(Timer),
    Stop(Timer),
    /// Tell the transaction user that time ran out.
    TimedOut,
    /// Tell the transaction user that the transport failed.
    TransportFailed,
    /// Forget the transaction.
    Terminate,
}

/// Either client machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientMachine {
    Invite(ClientInvite),
    Other(Client),
}

impl ClientMachine {
    /// `patience` is Timer F of a non-INVITE; Timer B is always 64*T1, so that a late 2xx still finds its transaction.
    pub(crate) fn new(invite: bool, reliable: bool, timers: Timers, patience: Duration) -> Self {
        if invite {
            Self::Invite(ClientInvite::new(reliable, timers))
        } else {
            Self::Other(Client::new(reliable, timers, patience))
        }
    }

    pub(crate) fn start(&self) -> &'static [Action] {
        match self {
            Self::Invite(machine) => machine.start(),
            Self::Other(machine) => machine.start(),
        }
    }

    pub(crate) fn after(&self, timer: Timer) -> Duration {
        match self {
            Self::Invite(machine) => machine.after(timer),
            Self::Other(machine) => machine.after(timer),
        }
    }

    pub(crate) fn on_response(&mut self, status: u16) -> &'static [Action] {
        match self {
            Self::Invite(machine) => machine.step(match status {
                100..=199 => client_invite::Input::Provisional,
                200..=299 => client_invite::Input::Success,
                _ => client_invite::Input::Failure,
            }),
            Self::Other(machine) => machine.step(match status {
                100..=199 => client::Input::Provisional,
                _ => client::Input::Final,
            }),
        }
    }

    pub(crate) fn on_timer(&mut self, timer: Timer) -> &'static [Action] {
        match self {
            Self::Invite(machine) => machine.step(client_invite::Input::Fired(timer)),
            Self::Other(machine) => machine.step(client::Input::Fired(timer)),
        }
    }

    pub(crate) fn on_transport_error(&mut self) -> &'static [Action] {
        match self {
            Self::Invite(machine) => machine.step(client_invite::Input::TransportError),
            Self::Other(machine) => machine.step(client::Input::TransportError),
        }
    }

    /// No response of any kind has come yet.
    pub(crate) fn unanswered(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.state() == client_invite::State::Calling,
            Self::Other(machine) => machine.state() == client::State::Trying,
        }
    }

    /// No final response has come yet.
    pub(crate) fn open(&self) -> bool {
        match self {
            Self::Invite(machine) => {
                matches!(
                    machine.state(),
                    client_invite::State::Calling | client_invite::State::Proceeding
                )
            }
            Self::Other(machine) => {
                matches!(
                    machine.state(),
                    client::State::Trying | client::State::Proceeding
                )
            }
        }
    }
}

/// Either server machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServerMachine {
    Invite(ServerInvite),
    Other(Server),
}

impl ServerMachine {
    pub(crate) fn new(invite: bool, reliable: bool, timers: Timers) -> Self {
        if invite {
            Self::Invite(ServerInvite::new(reliable, timers))
        } else {
            Self::Other(Server::new(reliable, timers))
        }
    }

    pub(crate) fn after(&self, timer: Timer) -> Duration {
        match self {
            Self::Invite(machine) => machine.after(timer),
            Self::Other(machine) => machine.after(timer),
        }
    }

    /// The request came once more.
    pub(crate) fn on_request(&mut self) -> &'static [Action] {
        match self {
            Self::Invite(machine) => machine.step(server_invite::Input::Invite),
            Self::Other(machine) => machine.step(server::Input::Request),
        }
    }

    pub(crate) fn on_ack(&mut self) -> &'static [Action] {
        match self {
            Self::Invite(machine) => machine.step(server_invite::Input::Ack),
            Self::Other(_) => &[],
        }
    }

    /// The transaction user answers.
    pub(crate) fn on_answer(&mut self, status: u16) -> &'static [Action] {
        match self {
            Self::Invite(machine) => machine.step(match status {
                100..=199 => server_invite::Input::Provisional,
                200..=299 => server_invite::Input::Success,
                _ => server_invite::Input::Failure,
            }),
            Self::Other(machine) => machine.step(match status {
                100..=199 => server::Input::Provisional,
                _ => server::Input::Final,
            }),
        }
    }

    pub(crate) fn on_timer(&mut self, timer: Timer) -> &'static [Action] {
        match self {
            Self::Invite(machine) => machine.step(server_invite::Input::Fired(timer)),
            Self::Other(machine) => machine.step(server::Input::Fired(timer)),
        }
    }

    pub(crate) fn on_transport_error(&mut self) -> &'static [Action] {
        match self {
            Self::Invite(machine) => machine.step(server_invite::Input::TransportError),
            Self::Other(machine) => machine.step(server::Input::TransportError),
        }
    }

    /// A final response has not been given yet.
    pub(crate) fn open(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.state() == server_invite::State::Proceeding,
            Self::Other(machine) => matches!(
                machine.state(),
                server::State::Trying | server::State::Proceeding
            ),
        }
    }
}
