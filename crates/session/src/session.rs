//! A session: what a page that sent `connection` has here. It owns a SIP account, a share in a
//! registration and the page's calls. The page is given a token that nothing keeps yet, and a session
//! ends with its WebSocket.

use std::collections::BTreeMap;

use signaling::{Connection, Feature};
use sip::{Account, FieldError, FieldProblem, RegistrationId, SipUser, Target, Transport};

use crate::ended::EndedCalls;
use crate::ids::{CallId, LegId, SocketId};

/// What a session owns.
#[derive(Debug)]
pub(crate) struct Session {
    /// The WebSocket it is attached to now.
    pub(crate) socket: Option<SocketId>,
    /// Credentials for calls; `None` for a page that named no SIP login.
    pub(crate) account: Option<Account>,
    /// The registration it shares; `None` when `sipRegisterRequired` is false.
    pub(crate) registration: Option<RegistrationId>,
    /// `sipVisibleName`; a call without a name of its own is shown under it, else under the login.
    pub(crate) visible_name: Option<String>,
    /// Extensions of the wire that the page asked for and got.
    pub(crate) features: Vec<Feature>,
    /// The page's `callId`s.
    pub(crate) calls: BTreeMap<String, (CallId, LegId)>,
    /// What the page may still ask of calls that are over.
    pub(crate) ended: EndedCalls,
}

impl Session {
    pub(crate) fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }
}

/// The SIP account that a `connection` names, checked (K1, t-A8); `Ok(None)` when it names none.
///
/// Next hop = `sipOutboundProxy`, else `sipProxy`, else `sipDomain`; `sipPort` applies where no port
/// is given, and `transport` where no transport is.
pub(crate) fn account(
    connection: &Connection,
    transport: Option<Transport>,
) -> Result<Option<Account>, FieldError> {
    let Some(login) = filled(&connection.sip_login) else {
        return Ok(None);
    };
    let user = SipUser::parse(login).map_err(|e| e.in_field("sipLogin"))?;
    let domain = filled(&connection.sip_domain)
        .or(filled(&connection.sip_outbound_proxy))
        .or(filled(&connection.sip_proxy))
        .ok_or(FieldError {
            field: "sipDomain",
            problem: FieldProblem::Empty,
        })?;
    let next_hop = filled(&connection.sip_outbound_proxy)
        .or(filled(&connection.sip_proxy))
        .unwrap_or(domain);
    let mut target = Target::parse(next_hop).map_err(|e| e.in_field("sipOutboundProxy"))?;
    if target.port.is_none() {
        target.port = connection.sip_port;
    }
    target.transport = target.transport.or(transport);
    // The domain is a host of its own; a port or `sip:` in it is the next hop's business.
    let domain = Target::parse(domain)
        .map_err(|e| e.in_field("sipDomain"))?
        .host;
    Ok(Some(Account {
        auth_user: filled(&connection.sip_authentication_name)
            .unwrap_or(login)
            .to_owned(),
        password: connection
            .sip_password
            .clone()
            .unwrap_or_else(|| String::new().into()),
        display: filled(&connection.sip_visible_name).map(str::to_owned),
        user,
        domain,
        next_hop: target,
    }))
}

fn filled(field: &Option<String>) -> Option<&str> {
    field
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}
