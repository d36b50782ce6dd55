//! Why something failed, in words: SIP status -> Q.850 cause (RFC 3398 section 7.2.4.1) and a sentence a person can
//! act on; the Reason header in both directions (RFC 3326, RFC 6432).

use std::fmt;

use crate::header::Reason;

/// How far things had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Registering at the SIP server.
    Register,
    /// Looking up the SIP server's address.
    Resolve,
    /// Reaching the SIP server.
    Connect,
    /// INVITE sent, nobody rings yet.
    Invite,
    /// The far side rings.
    Ringing,
    /// The call was being answered.
    Answer,
    /// The call was up.
    Call,
    /// The call was being ended.
    Bye,
    /// Audio or video.
    Media,
    /// What the browser asked for.
    Input,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Register => "register",
            Stage::Resolve => "resolve",
            Stage::Connect => "connect",
            Stage::Invite => "invite",
            Stage::Ringing => "ringing",
            Stage::Answer => "answer",
            Stage::Call => "call",
            Stage::Bye => "bye",
            Stage::Media => "media",
            Stage::Input => "input",
        })
    }
}

/// Whose doing it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The browser or the person at it.
    Browser,
    /// This server.
    Gateway,
    /// The SIP server or the far telephone.
    Sip,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Browser => "browser",
            Side::Gateway => "gateway",
            Side::Sip => "sip",
        })
    }
}

/// The cause every failure and every end carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// SIP status code: the peer's, or the one that says the same (408 for a timeout, 503 for no route).
    pub sip_code: Option<u16>,
    /// Reason phrase, as the peer wrote it or as RFC 3261 section 21 names the code.
    pub reason: String,
    /// Q.850 cause value: the peer's Reason header, else RFC 3398.
    pub q850: Option<u8>,
    /// How far things had come.
    pub stage: Stage,
    /// Whose doing it was.
    pub side: Side,
    /// A sentence a person can act on.
    pub text: String,
}

impl Cause {
    /// A cause with this code, its standard phrase and its Q.850 value.
    pub fn new(sip_code: u16, stage: Stage, side: Side, text: impl Into<String>) -> Self {
        Self {
            sip_code: Some(sip_code),
            reason: phrase(sip_code).to_owned(),
            q850: q850(sip_code),
            stage,
            side,
            text: text.into(),
        }
    }

    /// An ordinary end: Q.850 16, no SIP code of failure.
    pub fn normal(stage: Stage, side: Side, text: impl Into<String>) -> Self {
        Self {
            sip_code: None,
            reason: "Normal call clearing".to_owned(),
            q850: Some(16),
            stage,
            side,
            text: text.into(),
        }
    }

    /// The far side refused an INVITE. `callee` is whom we called, `server` where the INVITE went.
    pub(crate) fn refused(
        status: u16,
        reason: &str,
        stage: Stage,
        callee: &str,
        server: &str,
    ) -> Self {
        let reason = if reason.trim().is_empty() {
            phrase(status)
        } else {
            reason.trim()
        };
        Self {
            sip_code: Some(status),
            reason: reason.to_owned(),
            q850: q850(status),
            stage,
            side: Side::Sip,
            text: sentence(status, reason, callee, server),
        }
    }

    /// The registrar refused a REGISTER.
    pub(crate) fn not_registered(status: u16, reason: &str, user: &str, server: &str) -> Self {
        let reason = if reason.trim().is_empty() {
            phrase(status)
        } else {
            reason.trim()
        };
        let text = match status {
            403 => format!(
                "{server} does not let {user} register (403 {reason}). Check the SIP login and domain."
            ),
            404 => format!("{server} does not know the SIP login {user} (404 {reason})."),
            423 => format!(
                "{server} asks for a longer registration than this gateway may keep (423 {reason})."
            ),
            503 => {
                format!("{server} is out of service or overloaded (503 {reason}). Try again later.")
            }
            _ => format!("{server} refused to register {user} ({status} {reason})."),
        };
        Self {
            sip_code: Some(status),
            reason: reason.to_owned(),
            q850: q850(status),
            stage: Stage::Register,
            side: Side::Sip,
            text,
        }
    }

    /// A Reason header (RFC 3326) of theirs overrides what the status says.
    pub(crate) fn with_reasons(mut self, reasons: &[Reason]) -> Self {
        for given in reasons {
            if given.is_of("Q.850") {
                let cause = given.cause.and_then(|cause| u8::try_from(cause).ok());
                self.q850 = cause.filter(|cause| *cause < 128).or(self.q850);
            }
            let text = given
                .text
                .as_deref()
                .unwrap_or_default()
                .trim()
                .trim_end_matches('.');
            if !text.is_empty() && !self.text.contains(text) {
                self.text = format!("{} Reason given: {text}.", self.text);
            }
        }
        self
    }

    /// As a Reason header's value: Q.850 when known, else the SIP code; `None` when neither is known.
    pub(crate) fn to_reason(&self) -> Option<Reason> {
        let (protocol, cause) = match (self.q850, self.sip_code) {
            (Some(cause), _) => ("Q.850", u16::from(cause)),
            (None, Some(code)) => ("SIP", code),
            (None, None) => return None,
        };
        Some(Reason {
            protocol: protocol.to_owned(),
            cause: Some(cause),
            text: Some(self.reason.clone()),
        })
    }
}

/// Q.850 cause for a SIP status (RFC 3398 section 7.2.4.1); 3xx and unknown 4xx-6xx by their class.
#[must_use]
pub fn q850(status: u16) -> Option<u8> {
    Some(match status {
        100..=199 => return None,
        200..=299 => 16,
        300..=399 => 23,
        401 | 402 | 403 | 407 | 603 | 607 | 608 => 21,
        404 | 485 | 604 => 1,
        405 => 63,
        406 | 415 | 501 => 79,
        408 | 504 => 102,
        410 => 22,
        413 | 414 | 416 | 420 | 421 | 423 | 505 | 513 => 127,
        480 => 18,
        482 | 483 => 25,
        484 => 28,
        486 | 600 => 17,
        487 => 16,
        // RFC 3398 leaves these to the Warning header; 88 is "incompatible destination".
        488 | 606 => 88,
        502 => 38,
        _ => 41,
    })
}

/// The reason phrase RFC 3261 section 21 (or the RFC that added it) gives a status.
#[must_use]
pub fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        469 => "Bad Info Package",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        493 => "Undecipherable",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        607 => "Unwanted",
        608 => "Rejected",
        _ => match status / 100 {
            1 => "Progress",
            2 => "OK",
            3 => "Redirection",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}

/// What a refused INVITE means, for the person who dialled.
fn sentence(status: u16, reason: &str, callee: &str, server: &str) -> String {
    let code = format!("({status} {reason})");
    match status {
        300..=399 => {
            format!(
                "{callee} was forwarded elsewhere {code}; this gateway does not follow redirections."
            )
        }
        400 => format!("{server} found the call request malformed {code}."),
        401 | 407 => format!("{server} wants a login for this call {code}."),
        402 => format!("{server} wants payment for this call {code}."),
        403 => format!("{server} does not allow calls to {callee} {code}."),
        404 | 604 => format!("{callee} does not exist at {server} {code}. Check the number."),
        408 => format!("{callee} could not be reached in time {code}."),
        410 => format!("{callee} is no longer at this address {code}."),
        413 | 513 => format!("The call request is too large for {server} {code}."),
        415 | 488 | 606 => format!("{callee} accepts none of the offered codecs {code}."),
        416 => format!("{server} does not understand the address of {callee} {code}."),
        420 | 421 => format!("{server} wants a SIP extension this gateway does not have {code}."),
        480 => format!("{callee} is not available now {code}."),
        481 => format!("{server} has lost the call {code}."),
        482 | 483 => format!("The call to {callee} runs in a circle between SIP servers {code}."),
        484 => format!("The number {callee} is incomplete {code}."),
        485 => format!("The number {callee} is ambiguous {code}."),
        486 | 600 => format!("{callee} is busy {code}."),
        487 => format!("The call was cancelled {code}."),
        500 | 502 | 504 => format!("{server} failed to connect the call {code}."),
        501 | 405 => format!("{server} does not take calls {code}."),
        503 => format!("{server} is out of service or overloaded {code}. Try again later."),
        505 => format!("{server} does not speak SIP 2.0 {code}."),
        603 | 607 | 608 => format!("{callee} declined the call {code}."),
        _ => format!("{server} refused the call to {callee} {code}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, cause: u8, text: &str) {
        let got = Cause::refused(status, "", Stage::Invite, "10005", "pbx.example.com:5060");
        assert_eq!(
            (got.q850, got.text.as_str(), got.sip_code),
            (Some(cause), text, Some(status))
        );
    }

    #[test]
    fn a_refusal_is_a_sentence_with_its_q850_cause() {
        check(486, 17, "10005 is busy (486 Busy Here).");
        check(600, 17, "10005 is busy (600 Busy Everywhere).");
        check(603, 21, "10005 declined the call (603 Decline).");
        check(
            404,
            1,
            "10005 does not exist at pbx.example.com:5060 (404 Not Found). Check the number.",
        );
        check(
            480,
            18,
            "10005 is not available now (480 Temporarily Unavailable).",
        );
        check(
            484,
            28,
            "The number 10005 is incomplete (484 Address Incomplete).",
        );
        check(
            488,
            88,
            "10005 accepts none of the offered codecs (488 Not Acceptable Here).",
        );
        check(
            302,
            23,
            "10005 was forwarded elsewhere (302 Moved Temporarily); this gateway does not follow redirections.",
        );
        check(
            503,
            41,
            "pbx.example.com:5060 is out of service or overloaded (503 Service Unavailable). Try again later.",
        );
        check(
            499,
            41,
            "pbx.example.com:5060 refused the call to 10005 (499 Request Failure).",
        );
    }

    /// RFC 3398 section 7.2.4.1, row by row.
    #[test]
    fn q850_table_of_rfc_3398() {
        for (status, cause) in [
            (400, 41),
            (401, 21),
            (402, 21),
            (403, 21),
            (404, 1),
            (405, 63),
            (406, 79),
            (407, 21),
            (408, 102),
            (410, 22),
            (413, 127),
            (414, 127),
            (415, 79),
            (416, 127),
            (420, 127),
            (421, 127),
            (423, 127),
            (480, 18),
            (481, 41),
            (482, 25),
            (483, 25),
            (484, 28),
            (485, 1),
            (486, 17),
            (500, 41),
            (501, 79),
            (502, 38),
            (503, 41),
            (504, 102),
            (505, 127),
            (513, 127),
            (600, 17),
            (603, 21),
            (604, 1),
        ] {
            assert_eq!(q850(status), Some(cause), "{status}");
        }
        assert_eq!(q850(180), None);
    }

    #[test]
    fn the_peers_own_phrase_is_kept() {
        let cause = Cause::refused(403, "Credit exhausted", Stage::Invite, "10005", "pbx");
        assert_eq!(cause.reason, "Credit exhausted");
        assert_eq!(
            cause.text,
            "pbx does not allow calls to 10005 (403 Credit exhausted)."
        );
    }

    #[test]
    fn a_reason_header_overrides_the_table() {
        let told = |text| {
            let reasons = Reason::parse_list(text).expect("Reason");
            Cause::refused(480, "", Stage::Invite, "10005", "pbx").with_reasons(&reasons)
        };
        let cause =
            told("SIP;cause=480, Q.850 ;cause=27 ;text=\"Destination \\\"out\\\" of order.\"");
        assert_eq!(cause.q850, Some(27));
        let end = "Reason given: Destination \"out\" of order.";
        assert!(cause.text.ends_with(end), "{}", cause.text);
        assert_eq!(told("Q.850;cause=999").q850, Some(18));
        assert_eq!(told("Q.850;cause=128").q850, Some(18));
    }

    #[test]
    fn as_a_reason_header() {
        let mut cause = Cause::normal(Stage::Call, Side::Browser, "x");
        let text = |cause: &Cause| cause.to_reason().map(|reason| reason.to_string());
        let normal = "Q.850;cause=16;text=\"Normal call clearing\"";
        assert_eq!(text(&cause).as_deref(), Some(normal));
        cause.q850 = None;
        assert_eq!(text(&cause), None);
        cause.sip_code = Some(480);
        assert_eq!(
            text(&cause).as_deref(),
            Some("SIP;cause=480;text=\"Normal call clearing\"")
        );
    }
}
