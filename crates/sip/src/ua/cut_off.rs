//! A connection is gone (RFC 3261 sections 17.1.4, 18.2.2, 18.4): what depended on it goes on over a new one, or fails at
//! once with a cause.
//!
//! ```text
//!  request without any answer ─► once more as it is, over a new connection ─ gone again ─► failed
//!  INVITE that rings          ─► failed, and CANCEL over a new connection
//!  request of the peer        ─► its answer goes to the Via over a new connection
//!  binding                    ─► REGISTER again, over a new connection
//!  call that is up            ─► nothing: its next request makes a new connection
//! ```

use std::time::Instant;

use super::Ua;
use super::call::Phase;
use super::client_transactions::User;
use super::events::Event;
use super::schedule::TransactionId;
use super::types::InviteId;
use crate::cause::{Cause, Side};
use crate::resolve::Hop;

impl Ua {
    /// The connection with `hop` is gone.
    pub(crate) fn cut_off(&mut self, hop: &Hop, error: &str, now: Instant) {
        for (id, user) in self.clients_open_at(hop) {
            if !self.client_unanswered(id) {
                match user {
                    User::Invite(call) => self.ringing_cut_off(call, id, error, now),
                    _ => self.fail_client(id, error, now),
                }
            // The connection may have been dead for long before anything was sent over it. A peer that has the request
            // knows the copy by its branch (17.2.3).
            } else if !self.wanted(user, id) || !self.send_again(id) {
                self.fail_client(id, error, now);
            }
        }
        self.reroute_answers(hop);
        self.renew_bindings(hop, now);
    }

    /// An answer to this request would still change something.
    fn wanted(&mut self, user: User, id: TransactionId) -> bool {
        match user {
            User::Invite(call) => self.calls.get_mut(&call).is_some_and(|call| {
                let phase = call.phase;
                let current = call.outgoing().and_then(|out| out.current);
                // Proceeding: the answer to an earlier attempt, which was then challenged.
                matches!(phase, Phase::Calling | Phase::Proceeding) && current == Some(id)
            }),
            User::Register(_) | User::InDialog(..) | User::Message(_) | User::Cancel => true,
        }
    }

    /// The server had begun to answer. Whether it lives is not known, so nobody is kept waiting; and nothing shall go on
    /// ringing: CANCEL, and whoever answers all the same gets ACK and BYE.
    fn ringing_cut_off(
        &mut self,
        id: InviteId,
        transaction: TransactionId,
        error: &str,
        now: Instant,
    ) {
        let server = self.server_name(id);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let (phase, stage, peer) = (call.phase, call.stage(), call.peer.clone());
        let current = call.outgoing().and_then(|out| out.current);
        if current != Some(transaction) || !matches!(phase, Phase::Proceeding | Phase::Ringing) {
            return;
        }
        let text = format!(
            "The connection to the SIP server {server} broke before {peer} answered: {error}."
        );
        self.cancel_attempt(id, transaction, now);
        let cause = Cause::new(503, stage, Side::Sip, text);
        self.finish(id, Event::Refused { id, cause }, now);
    }
}
