//! Why an outgoing call failed, in words for the user.

use crate::cause::{Cause, Side, Stage};
use crate::message::Response;
use crate::ua::Ua;
use crate::ua::types::InviteId;

impl Ua {
    /// The next hop as the user named it.
    pub(crate) fn server_name(&self, id: InviteId) -> String {
        let call = self.calls.get(&id);
        let target = call.and_then(|call| call.next_hop.as_ref());
        target.map_or_else(|| "the SIP server".to_owned(), ToString::to_string)
    }

    pub(super) fn silence(&self, id: InviteId) -> Cause {
        let server = self.server_name(id);
        let seconds = self.config.timers.life().as_secs();
        let size = self.size_warning(id);
        let text = format!(
            "The SIP server {server} did not answer within {seconds} s (no response to INVITE).{size}"
        );
        Cause::new(408, Stage::Invite, Side::Sip, text)
    }

    pub(super) fn refusal(&self, id: InviteId, response: &Response) -> Cause {
        let Some(call) = self.calls.get(&id) else {
            return self.silence(id);
        };
        let server = self.server_name(id);
        Cause::refused(
            response.status,
            &response.reason,
            call.stage(),
            &call.peer,
            &server,
        )
        .with_reasons(&response.headers.reasons())
    }
}

/// The transport could not deliver.
pub(crate) fn unreachable_server(server: &str, error: &str) -> Cause {
    let text = format!("The SIP server {server} cannot be reached: {error}.");
    Cause::new(503, Stage::Connect, Side::Sip, text)
}
