//! What SIPp scripts say again and again, under names: `@ANSWER@` and the like stand for some lines of a message.
//! Words in small letters (`@status@`) are given by the test.

use anyhow::{Result, bail};

/// In this order: a part may stand in the one before it.
const PARTS: [(&str, &str); 13] = [
    // The same INVITE each time it is said.
    (
        "AGAIN",
        "INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
    Via: SIP/2.0/UDP [local_ip]:[local_port];branch=z9hG4bK-again-[call_number]-[pid]
    Max-Forwards: 70
    From: <sip:10005@[local_ip]:[local_port]>;tag=uac[call_number]
    To: <sip:[service]@[remote_ip]:[remote_port]>
    Call-ID: [call_id]
    CSeq: 1 INVITE
    @CONTACT@
    @SDP@",
    ),
    // What every answer to an INVITE copies, kept for answers that come after other requests.
    (
        "INVITE_KEPT",
        "<action>
      <ereg regexp=\".*\" search_in=\"hdr\" header=\"Via:\" check_it=\"true\" assign_to=\"via\"/>
      <ereg regexp=\".*\" search_in=\"hdr\" header=\"From:\" check_it=\"true\" assign_to=\"from\"/>
      <ereg regexp=\".*\" search_in=\"hdr\" header=\"To:\" check_it=\"true\" assign_to=\"to\"/>
      <ereg regexp=\".*\" search_in=\"hdr\" header=\"CSeq:\" check_it=\"true\" assign_to=\"cseq\"/>
    </action>",
    ),
    // An answer to that INVITE, after its first line.
    (
        "KEPT",
        "Via:[$via]
    From:[$from]
    To:[$to];tag=uas[call_number]
    Call-ID: [call_id]
    CSeq:[$cseq]",
    ),
    // An answer to the CANCEL of that INVITE.
    (
        "CANCEL_KEPT",
        "Via:[$via]
    From:[$from]
    To:[$to];tag=uas[call_number]
    Call-ID: [call_id]
    CSeq: 1 CANCEL",
    ),
    // An INVITE of SIPp's own.
    (
        "INVITE",
        "INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
    Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
    Max-Forwards: 70
    From: <sip:10005@[local_ip]:[local_port]>;tag=uac[call_number]
    To: <sip:[service]@[remote_ip]:[remote_port]>
    Call-ID: [call_id]
    CSeq: 1 INVITE
    @CONTACT@
    @SDP@",
    ),
    // A request of the caller's in the dialog, after its first line.
    (
        "BY_CALLER",
        "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
    Max-Forwards: 70
    From: <sip:10005@[local_ip]:[local_port]>;tag=uac[call_number]
    To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
    Call-ID: [call_id]",
    ),
    // The same of the callee's; the script has done @KEEP@.
    (
        "BY_CALLEE",
        "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
    Max-Forwards: 70
    From: [$callee];tag=uas[call_number]
    To: [$caller]
    Call-ID: [call_id]",
    ),
    // The callee's answer to INVITE that makes a dialog, after its first line.
    (
        "ANSWER",
        "[last_Via:]
    [last_From:]
    [last_To:];tag=uas[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    @CONTACT@",
    ),
    // An answer to any request that has its To tag.
    (
        "SAME",
        "[last_Via:]
    [last_From:]
    [last_To:]
    [last_Call-ID:]
    [last_CSeq:]
    @NOTHING@",
    ),
    // What an INVITE says of its dialog, kept for later.
    (
        "KEEP",
        "<action>
      <ereg regexp=\"&lt;.*&gt;;tag=.*\" search_in=\"hdr\" header=\"From:\" check_it=\"true\" assign_to=\"caller\"/>
      <ereg regexp=\"&lt;.*&gt;\" search_in=\"hdr\" header=\"To:\" check_it=\"true\" assign_to=\"callee\"/>
      <ereg regexp=\"sip:[^&gt;]*\" search_in=\"hdr\" header=\"Contact:\" check_it=\"true\" assign_to=\"target\"/>
    </action>",
    ),
    ("CONTACT", "Contact: <sip:peer@[local_ip]:[local_port]>"),
    ("NOTHING", "Content-Length: 0\n"),
    (
        "SDP",
        "Content-Type: application/sdp
    Content-Length: [len]

    v=0
    o=peer 1 1 IN IP4 [local_ip]
    s=-
    c=IN IP4 [local_ip]
    t=0 0
    m=audio @audio_port@ RTP/AVP 0
    a=rtpmap:0 PCMU/8000",
    ),
];

/// The script for SIPp.
pub(super) fn print(text: &str, words: &[(&str, &str)]) -> Result<String> {
    let mut text = text.to_owned();
    // A test's words may have parts in them, and parts have words.
    for (name, lines) in words.iter().chain(&PARTS).chain(words) {
        text = text.replace(&format!("@{name}@"), lines);
    }
    let mut pieces = text.split('@').skip(1);
    let plain = |c: char| c.is_ascii_alphabetic() || c == '_';
    if let Some(unknown) = pieces.find(|p| !p.is_empty() && p.chars().all(plain)) {
        bail!("@{unknown}@ stands for nothing");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_words_are_printed_and_unknown_ones_refused() {
        let words = [("audio_port", "4000")];
        let text = print("<sip:a@[local_ip]> @INVITE@", &words).unwrap();
        assert!(text.contains("m=audio 4000 RTP/AVP 0"), "{text}");
        assert!(text.contains("Contact: <sip:peer@[local_ip]"), "{text}");
        let words = [("steps", "@CONTACT@")];
        assert!(print("@steps@", &words).unwrap().contains("sip:peer"));
        assert!(print("@INVITE@", &[]).is_err());
        assert!(print("SIP/2.0 @status@", &[]).is_err());
    }
}
