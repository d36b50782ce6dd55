//! Who is at the other end, as From, To and User-Agent tell (RFC 3261 sections 20.20, 20.39, 20.41).

use super::events::RemoteIdentity;
use crate::header::HeaderName;
use crate::message::Headers;
use crate::uri::Uri;

/// Who a message is from (`to`: whom it reached, in a response).
pub(crate) fn identity(headers: &Headers, to: bool) -> RemoteIdentity {
    let end = if to { headers.to() } else { headers.from() };
    let agent = headers
        .get(&HeaderName::UserAgent)
        .or_else(|| headers.get(&HeaderName::Server));
    let user_agent = agent.map(str::to_owned);
    end.map_or_else(
        |_| RemoteIdentity::default(),
        |end| RemoteIdentity {
            user: end.uri.user.clone().unwrap_or_default(),
            display: end.display.clone(),
            uri: end.uri.to_string(),
            user_agent: user_agent.clone(),
        },
    )
}

/// How a sentence names who is behind a URI: the user, else the host.
pub(crate) fn name_of(uri: &Uri) -> String {
    uri.user.clone().unwrap_or_else(|| uri.host.to_string())
}
