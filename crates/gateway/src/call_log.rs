//! The log of calls: one line for each thing on a call's record, at WARN what an operator should mend and at INFO the rest.

use session::{Record, SessionId, What};

/// Logs one record with the names by which its call is found in other lines, on the wire and in
/// captures.
pub(crate) fn log(record: &Record) {
    let Record {
        call,
        sessions,
        sip_call_id,
        what,
    } = record;
    let session = list(sessions);
    let sip_call_id = sip_call_id.as_deref().unwrap_or("-");
    match what {
        What::LargeDatagram { .. } => {
            tracing::warn!(call = call.0, session, sip_call_id, "{what}");
        }
        _ => tracing::info!(call = call.0, session, sip_call_id, "{what}"),
    }
}

/// `7,9`; a call that rings nowhere has none, `-`.
fn list(sessions: &[SessionId]) -> String {
    if sessions.is_empty() {
        return "-".into();
    }
    let numbers: Vec<String> = sessions
        .iter()
        .map(|session| session.0.to_string())
        .collect();
    numbers.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_of_a_call_is_named() {
        assert_eq!(list(&[]), "-");
        assert_eq!(list(&[SessionId(7)]), "7");
        assert_eq!(list(&[SessionId(7), SessionId(9)]), "7,9");
    }
}
