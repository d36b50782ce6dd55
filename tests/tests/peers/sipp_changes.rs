//! A call changes while it lives, with a SIP peer that follows a script (SIPp): re-INVITE and UPDATE, glare, reliable
//! provisional responses, late offers, session timers, digits, and messages outside a dialog.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::audio;
use tests::bot::Manner;
use tests::folder::case;
use tests::rtp_end::RtpEnd;
use tests::server::{body, header};
use tests::sipp::Script;
use tests::sipp_line::SippLine;
use tests::tone::Tone;
use tests::wait;

const SOON: Duration = Duration::from_secs(10);
/// A script with many steps.
const LATER: Duration = Duration::from_secs(40);

/// A request of the peer within the dialog, and the status that SIPp insists on.
struct Step<'a> {
    method: &'a str,
    /// Session description of the request; `None`: it has none.
    offer: Option<&'a str>,
    /// That of the ACK, when the request has none.
    answer: Option<&'a str>,
    status: u16,
}

impl<'a> Step<'a> {
    fn re_invite(offer: &'a str, status: u16) -> Self {
        Self {
            method: "INVITE",
            offer: Some(offer),
            answer: None,
            status,
        }
    }

    fn without_offer(answer: &'a str) -> Self {
        Self {
            method: "INVITE",
            offer: None,
            answer: Some(answer),
            status: 200,
        }
    }

    fn update(offer: Option<&'a str>, status: u16) -> Self {
        Self {
            method: "UPDATE",
            offer,
            answer: None,
            status,
        }
    }

    /// The step for SIPp. `dialog` is the part that names the dialog.
    fn print(&self, dialog: &str, cseq: usize) -> String {
        let Self { method, status, .. } = self;
        let content = |sdp: Option<&str>| match sdp {
            Some(sdp) => {
                format!("Content-Type: application/sdp\nContent-Length: [len]\n\n{sdp}")
            }
            None => "@NOTHING@".to_owned(),
        };
        let mut text = format!(
            r#"<send retrans="500"><![CDATA[
                {method} [$target] SIP/2.0
                @{dialog}@
                CSeq: {cseq} {method}
                @CONTACT@
                {}
            ]]></send>
            <recv response="100" optional="true"/>
            <recv response="{status}"/>
            "#,
            content(self.offer)
        );
        if *method == "INVITE" {
            let dialog = if *status == 200 {
                format!("@{dialog}@")
            } else {
                "[last_Via:]\n[last_From:]\n[last_To:]\nMax-Forwards: 70\nCall-ID: [call_id]".into()
            };
            text += &format!(
                r#"<send><![CDATA[
                    ACK [$target] SIP/2.0
                    {dialog}
                    CSeq: {cseq} ACK
                    {}
                ]]></send>
                "#,
                content(self.answer)
            );
        }
        text + r#"<pause milliseconds="400"/>"#
    }
}

fn print(steps: &[Step<'_>], dialog: &str, cseq: usize) -> String {
    let numbered = steps.iter().zip(cseq..);
    numbered
        .map(|(step, cseq)| step.print(dialog, cseq))
        .collect()
}

/// A description of the peer's; `version` is that of its `o=` line, `address` stands in `c=`.
fn sdp(version: u32, address: &str, port: &str, direction: &str) -> String {
    format!(
        "v=0\no=peer 1 {version} IN IP4 [local_ip]\ns=-\nc=IN IP4 {address}\nt=0 0\n\
         m=audio {port} RTP/AVP 0\na=rtpmap:0 PCMU/8000\na={direction}"
    )
}

/// The value of the first line of this kind in the SDP of a message.
fn line<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    body(message).lines().find_map(|l| l.strip_prefix(start))
}

/// The direction in the SDP of a message, as RFC 3264 names it.
fn direction(message: &str) -> &str {
    let all = ["sendrecv", "sendonly", "recvonly", "inactive"];
    let mut lines = body(message).lines().filter_map(|l| l.strip_prefix("a="));
    lines.rfind(|l| all.contains(l)).unwrap_or("sendrecv")
}

/// Of the messages of ours the final responses to this method.
fn answers<'a>(received: &'a [String], method: &str) -> Vec<&'a str> {
    let to_method = |message: &&String| {
        let cseq = header(message, "CSeq").unwrap_or_default();
        let provisional = message.starts_with("SIP/2.0 1");
        message.starts_with("SIP/2.0 ") && !provisional && cseq.ends_with(method)
    };
    let found = received.iter().filter(to_method);
    found.map(String::as_str).collect()
}

/// RFC 3264 section 8: the version in `o=` grows by one when our description changes, and not else.
fn check_versions(received: &[String]) -> Result<()> {
    let ours = received.iter().filter(|m| line(m, "o=").is_some());
    let mut before: Option<(u64, String)> = None;
    for message in ours {
        let origin = line(message, "o=").context("no o=")?;
        let version = origin.split(' ').nth(2).context("no version")?.parse()?;
        let rest = body(message).replace(origin, "");
        if let Some((last, old)) = &before {
            let grown = u64::from(rest != *old);
            ensure!(
                version == last + grown,
                "version {version} after {last}, and changed is {}:\n{message}",
                rest != *old
            );
        }
        before = Some((version, rest));
    }
    ensure!(before.is_some(), "no SDP of ours");
    Ok(())
}

/// The page hears this tone from now on, clear for half a second.
fn page_hears(line: &SippLine, id: &str, tone: Tone) -> Result<()> {
    let from = line.page()?.heard(id)?.samples.len();
    wait::until_true("the tone at the page", SOON, || {
        let mut heard = line.page()?.heard(id)?;
        heard.samples.drain(..from);
        let clear = audio::longest_clear(&heard, tone, 0.060);
        Ok(clear.seconds() >= 0.5)
    })
}

/// Waits until both sides hear each other.
fn talk(line: &SippLine, id: &str) -> Result<()> {
    line.page()?.wait_for(id, "ESTABLISHED", SOON)?;
    let both = || Ok(line.both_are_heard(id).is_ok());
    wait::until_true("sound both ways", SOON, both)
}

/// The page hangs up; the script has run to its end and nothing is left.
fn hang_up(mut line: SippLine, id: &str) -> Result<()> {
    line.page()?.hang_up(id)?;
    line.page()?.wait_for(id, "FINISH", SOON)?;
    line.passed(SOON)?;
    line.over(&[id]).map(drop)
}

#[test]
fn re_invites_of_every_kind_are_followed_or_refused_and_the_call_lives() {
    case(|folder| {
        let (tone, _) = Tone::pick_two();
        let second = RtpEnd::start(tone)?;
        let port = second.addr.port().to_string();
        let (here, first) = ("[local_ip]", "@audio_port@");
        let talks = |version| sdp(version, here, first, "sendrecv");
        let holds = |version| sdp(version, here, first, "sendonly");
        let unchanged = talks(1);
        let moved = sdp(2, here, &port, "sendrecv");
        let t38 = "v=0\no=peer 1 12 IN IP4 [local_ip]\ns=-\nc=IN IP4 [local_ip]\nt=0 0\n\
                   m=image @audio_port@ udptl t38";
        let unknown = talks(13)
            .replace("AVP 0", "AVP 18")
            .replace("0 PCMU", "18 G729");
        let held = [
            holds(3),
            sdp(5, here, first, "inactive"),
            sdp(7, "0.0.0.0", first, "sendrecv"),
            holds(10),
        ];
        let resumed = [talks(4), talks(6), talks(8), talks(9), talks(11)];
        let before = [
            Step::re_invite(&unchanged, 200),
            Step::re_invite(&moved, 200),
        ];
        let after = [
            Step::re_invite(&held[0], 200),
            Step::re_invite(&resumed[0], 200),
            Step::re_invite(&held[1], 200),
            Step::re_invite(&resumed[1], 200),
            Step::re_invite(&held[2], 200),
            Step::re_invite(&resumed[2], 200),
            Step::without_offer(&resumed[3]),
            Step::without_offer(&held[3]),
            Step::re_invite(&resumed[4], 200),
            Step::re_invite(t38, 488),
            Step::re_invite(&unknown, 488),
        ];
        let long = r#"<pause milliseconds="1500"/>"#;
        let steps = [
            &print(&before, "BY_CALLEE", 101),
            long,
            &print(&after, "BY_CALLEE", 201),
            long,
        ]
        .concat();
        let script = Script {
            words: &[("steps", &steps)],
            ..Script::waits("uas/changes")
        };
        let mut line = SippLine::to_script(folder, &script, &[])?;
        let id = line.page()?.call("10005")?;
        line.page()?.wait_for(&id, "ESTABLISHED", SOON)?;
        page_hears(&line, &id, tone)?;
        let mut statuses = vec!["TRYING", "ESTABLISHED"];
        for _ in &held {
            statuses.extend(["HOLD", "ESTABLISHED"]);
        }
        line.page()?.wait_for_all(&id, &statuses, LATER)?;
        page_hears(&line, &id, line.peer_tone)?;
        line.page()?.wait_for(&id, "FINISH", SOON)?;
        line.passed(SOON)?;

        let at_second = second.heard();
        ensure!(
            at_second.len() == 1,
            "{} streams at the new port",
            at_second.len()
        );
        let clear = audio::longest_clear(&at_second[0], line.page_tone, 0.060);
        ensure!(
            clear.seconds() >= 0.5,
            "the page was heard for {clear:?} at the new port"
        );
        let received = line.received()?;
        check_versions(&received)?;
        let answers = answers(&received, "INVITE");
        let directions: Vec<&str> = answers.iter().map(|m| direction(m)).collect();
        let expected = [
            "sendrecv", "sendrecv", "recvonly", "sendrecv", "inactive", "sendrecv", "recvonly",
            "sendrecv", "sendrecv", "sendrecv", "sendrecv",
        ];
        ensure!(directions[..11] == expected, "{directions:?}");
        for refusal in answers.iter().filter(|m| m.starts_with("SIP/2.0 488")) {
            ensure!(
                header(refusal, "Warning").is_some(),
                "no Warning: {refusal}"
            );
        }
        let states = line.page()?.all_said("holdState", 2 * held.len())?;
        ensure!(
            states.iter().all(|state| state["local"] == false),
            "{states:?}"
        );
        line.over(&[&id]).map(drop)
    });
}

#[test]
fn a_caller_may_hold_and_resume_too() {
    case(|folder| {
        let held = sdp(2, "[local_ip]", "@audio_port@", "sendonly");
        let resumed = sdp(3, "[local_ip]", "@audio_port@", "sendrecv");
        let steps = [
            Step::re_invite(&held, 200),
            Step::re_invite(&resumed, 200),
            Step::without_offer(&resumed),
        ];
        let steps = print(&steps, "BY_CALLER", 101);
        let script = Script {
            words: &[("steps", &steps)],
            ..Script::waits("uac/changes")
        };
        let mut line = SippLine::to_page(folder, Manner::Answers, &[])?;
        line.call(folder, script)?;
        let id = line.page()?.incoming(0)?;
        line.page()?.wait_for(&id, "FINISH", LATER)?;
        let statuses = line.page()?.statuses(&id)?;
        let expected = ["RING", "ESTABLISHED", "HOLD", "ESTABLISHED", "FINISH"];
        ensure!(statuses == expected, "{statuses:?}");
        line.passed(SOON)?;
        check_versions(&line.received()?)?;
        line.over(&[&id]).map(drop)
    });
}

#[test]
fn update_changes_a_call_and_without_sdp_it_changes_nothing() {
    case(|folder| {
        let held = sdp(2, "[local_ip]", "@audio_port@", "sendonly");
        let resumed = sdp(3, "[local_ip]", "@audio_port@", "sendrecv");
        let unknown = resumed
            .replace("AVP 0", "AVP 18")
            .replace("0 PCMU", "18 G729");
        let steps = [
            Step::update(None, 200),
            Step::update(Some(&held), 200),
            Step::update(Some(&resumed), 200),
            Step::update(Some(&unknown), 488),
            Step::update(None, 200),
        ];
        let steps = print(&steps, "BY_CALLEE", 101);
        let script = Script {
            words: &[("steps", &steps)],
            ..Script::waits("uas/changes")
        };
        let mut line = SippLine::to_script(folder, &script, &[])?;
        let id = line.page()?.call("10005")?;
        line.page()?.wait_for(&id, "FINISH", LATER)?;
        let statuses = line.page()?.statuses(&id)?;
        let expected = ["TRYING", "ESTABLISHED", "HOLD", "ESTABLISHED", "FINISH"];
        ensure!(statuses == expected, "{statuses:?}");
        line.passed(SOON)?;
        line.both_are_heard(&id)?;
        let received = line.received()?;
        check_versions(&received)?;
        let answers = answers(&received, "UPDATE");
        let bodies: Vec<bool> = answers.iter().map(|m| !body(m).is_empty()).collect();
        ensure!(bodies == [false, true, true, false, false], "{answers:?}");
        line.over(&[&id]).map(drop)
    });
}

#[test]
fn a_hold_that_meets_one_of_the_peer_is_done_afterwards() {
    case(|folder| {
        let line = SippLine::to_script(folder, &Script::waits("uas/glare"), &[])?;
        let id = line.page()?.call("10005")?;
        talk(&line, &id)?;
        let statuses = ["TRYING", "ESTABLISHED", "HOLD", "ESTABLISHED"];
        line.page()?.hold(&id)?;
        line.page()?.wait_for_all(&id, &statuses[..3], SOON)?;
        line.page()?.unhold(&id)?;
        line.page()?.wait_for_all(&id, &statuses, SOON)?;
        hang_up(line, &id)
    });
}

#[test]
fn reliable_answers_are_acknowledged_in_order_and_once() {
    case(|folder| {
        let line = SippLine::to_script(folder, &Script::waits("uas/reliable"), &[])?;
        let id = line.page()?.call("10005")?;
        talk(&line, &id)?;
        let received = line.received()?;
        let pracks = received.iter().filter(|m| m.starts_with("PRACK"));
        let numbers: Vec<&str> = pracks
            .filter_map(|m| header(m, "RAck")?.split(' ').next())
            .collect();
        ensure!(numbers == ["7001", "7002"], "{numbers:?}");
        let statuses = line.page()?.statuses(&id)?;
        let expected = ["TRYING", "SESSION_PROGRESS", "RING", "ESTABLISHED"];
        ensure!(statuses == expected, "{statuses:?}");
        hang_up(line, &id)
    });
}

#[test]
fn a_caller_who_requires_reliable_answers_gets_them() {
    case(|folder| {
        let mut line = SippLine::to_page(folder, Manner::Rings, &[])?;
        line.call(folder, Script::waits("uac/needs_reliable"))?;
        let id = line.page()?.incoming(0)?;
        wait::until_true("the answer to PRACK", SOON, || {
            let received = line.received()?;
            Ok(answers(&received, "PRACK")
                .iter()
                .any(|m| m.starts_with("SIP/2.0 200")))
        })?;
        line.page()?.answer(&id)?;
        talk(&line, &id)?;
        hang_up(line, &id)
    });
}

#[test]
fn an_invite_without_sdp_is_answered_with_an_offer() {
    case(|folder| {
        let mut line = SippLine::to_page(folder, Manner::Answers, &[])?;
        let script = Script {
            words: &[("ack", "@SDP@")],
            ..Script::waits("uac/offerless")
        };
        line.call(folder, script)?;
        let id = line.page()?.incoming(0)?;
        talk(&line, &id)?;
        hang_up(line, &id)
    });
}

#[test]
fn an_ack_that_owes_an_answer_and_has_none_ends_the_call() {
    case(|folder| {
        let mut line = SippLine::to_page(folder, Manner::Answers, &[])?;
        let script = Script {
            words: &[("ack", "@NOTHING@")],
            ..Script::waits("uac/offerless")
        };
        line.call(folder, script)?;
        let id = line.page()?.incoming(0)?;
        line.page()?.wait_for(&id, "FAILED", SOON)?;
        line.passed(SOON)?;
        let received = line.received()?;
        let bye = received.iter().find(|m| m.starts_with("BYE"));
        let reason = bye.and_then(|bye| header(bye, "Reason"));
        ensure!(reason.is_some(), "no Reason: {bye:?}");
        line.over(&[&id]).map(drop)
    });
}

#[test]
fn digits_in_info_go_both_ways() {
    case(|folder| {
        let line = SippLine::to_script(folder, &Script::waits("uas/digits"), &[])?;
        let id = line.page()?.call("10005")?;
        let digits = line.page()?.all_said("digit", 2)?;
        let expected = |digit| json!({ "callId": id, "digit": digit, "how": "info" });
        ensure!(digits == [expected("5"), expected("#")], "{digits:?}");
        for (kind, digit) in [("INFO_RELAY", "7"), ("INFO", "8")] {
            let digit = json!({ "callId": id, "type": kind, "dtmf": digit });
            line.page()?.say("sendDtmf", digit)?;
        }
        // The second digit goes out when the first has its answer; BYE would overtake them.
        wait::until_true("two INFO of ours", SOON, || {
            let received = line.received()?;
            Ok(received.iter().filter(|m| m.starts_with("INFO")).count() == 2)
        })?;
        hang_up(line, &id)
    });
}

#[test]
fn a_text_message_of_the_page_arrives() {
    case(|folder| {
        let mut line = SippLine::to_script(folder, &Script::waits("uas/takes_message"), &[])?;
        let message = json!({
            "operationId": "first", "to": "10005", "body": "Back in five minutes.",
        });
        line.page()?.say("sipMessage", message)?;
        let long = json!({ "operationId": "long", "to": "10005", "body": "x".repeat(1300) });
        line.page()?.say("sipMessage", long)?;
        let answers = line.page()?.all_said("sipMessageStatus", 2)?;
        let of = |id| answers.iter().find(|answer| answer["operationId"] == id);
        let sent = of("first").context("no answer")?;
        ensure!(
            sent["status"] == "ACCEPTED" && sent["sipStatus"] == 200,
            "{sent}"
        );
        let long = of("long").context("no answer")?;
        let info = long["info"].as_str().unwrap_or_default();
        ensure!(
            long["status"] == "FAILED" && info.contains("1300"),
            "{long}"
        );
        line.passed(SOON)?;
        line.over(&[]).map(drop)
    });
}

#[test]
fn requests_outside_a_dialog_reach_the_page_or_are_refused() {
    case(|folder| {
        let mut line = SippLine::to_page(folder, Manner::Rings, &[])?;
        line.call(folder, Script::waits("uac/asks_outside"))?;
        let text = &line.page()?.all_said("sipMessage", 1)?[0];
        ensure!(
            text["body"] == "Take your time.\r\n" && text["to"] == "10006",
            "{text}"
        );
        let mailbox = &line.page()?.all_said("messageWaiting", 1)?[0];
        let expected = json!({
            "waiting": true, "new": 2, "old": 8, "urgentNew": 0, "urgentOld": 2,
            "account": "sip:10006@voicemail.example",
        });
        ensure!(*mailbox == expected, "{mailbox}");
        line.passed(SOON)?;
        line.over(&[]).map(drop)
    });
}

#[test]
fn a_longer_session_interval_is_asked_for_after_422() {
    case(|folder| {
        let script = Script::waits("uas/wants_longer_sessions");
        let line = SippLine::to_script(folder, &script, &[])?;
        let id = line.page()?.call("10005")?;
        talk(&line, &id)?;
        hang_up(line, &id)
    });
}

#[test]
fn a_session_interval_that_is_too_short_gets_422() {
    case(|folder| {
        let mut line = SippLine::to_page(folder, Manner::Answers, &[])?;
        line.call(folder, Script::waits("uac/short_session"))?;
        let id = line.page()?.incoming(0)?;
        talk(&line, &id)?;
        hang_up(line, &id)
    });
}
