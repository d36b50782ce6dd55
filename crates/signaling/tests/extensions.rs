//! The frames of our own extensions, byte by byte and both ways, and what a faulty one is told.
#![allow(clippy::unwrap_used)]

use signaling::*;

const CALL: &str = "35823150-e70a-11f1-9f6e-4f6c457a47a1";

/// `message` is written as `frame`, is read back from it, and belongs to `feature`.
#[track_caller]
fn golden(message: ServerMessage, feature: Feature, frame: &str) {
    assert_eq!(encode(&message), frame);
    assert_eq!(decode_server(frame).unwrap(), message);
    assert_eq!(message.feature(), Some(feature));
}

#[test]
fn who_holds() {
    golden(
        ServerMessage::HoldState(HoldState {
            call_id: CALL.into(),
            local: true,
            remote: false,
        }),
        Feature::HoldState,
        r#"{"message":"holdState","data":[{"callId":"35823150-e70a-11f1-9f6e-4f6c457a47a1","local":true,"remote":false}]}"#,
    );
}

#[test]
fn a_digit() {
    golden(
        ServerMessage::Digit(Digit {
            call_id: CALL.into(),
            digit: '#',
            how: DigitHow::Info,
        }),
        Feature::Digit,
        r##"{"message":"digit","data":[{"callId":"35823150-e70a-11f1-9f6e-4f6c457a47a1","digit":"#","how":"info"}]}"##,
    );
}

#[test]
fn text_messages() {
    let message = IncomingMessage {
        from: "10005".into(),
        visible_name: "Bob 10005".into(),
        to: "10006".into(),
        content_type: "text/plain;charset=UTF-8".into(),
        body: "Coming?\r\n\"Soon\"".into(),
        call_id: None,
    };
    golden(
        ServerMessage::SipMessage(Box::new(message.clone())),
        Feature::SipMessage,
        r#"{"message":"sipMessage","data":[{"from":"10005","visibleName":"Bob 10005","to":"10006","contentType":"text/plain;charset=UTF-8","body":"Coming?\r\n\"Soon\""}]}"#,
    );
    golden(
        ServerMessage::SipMessage(Box::new(IncomingMessage {
            body: String::new(),
            call_id: Some(CALL.into()),
            ..message
        })),
        Feature::SipMessage,
        r#"{"message":"sipMessage","data":[{"from":"10005","visibleName":"Bob 10005","to":"10006","contentType":"text/plain;charset=UTF-8","body":"","callId":"35823150-e70a-11f1-9f6e-4f6c457a47a1"}]}"#,
    );
    golden(
        ServerMessage::SipMessageStatus(SipMessageStatus::accepted("m-1", 202)),
        Feature::SipMessage,
        r#"{"message":"sipMessageStatus","data":[{"operationId":"m-1","status":"ACCEPTED","sipStatus":202}]}"#,
    );
    let cause = Cause {
        sip_code: Some(480),
        reason: "Temporarily Unavailable".into(),
        q850: None,
        stage: Stage::Call,
        side: Side::Sip,
        text: "10005 is not there.".into(),
    };
    let mut failed = ServerMessage::SipMessageStatus(SipMessageStatus::failed("m-1", cause));
    golden(
        failed.clone(),
        Feature::SipMessage,
        r#"{"message":"sipMessageStatus","data":[{"operationId":"m-1","status":"FAILED","sipStatus":480,"info":"10005 is not there.","cause":{"sipCode":480,"reason":"Temporarily Unavailable","stage":"call","side":"sip","text":"10005 is not there."}}]}"#,
    );
    *failed.cause_mut().unwrap() = None;
    assert_eq!(
        encode(&failed),
        r#"{"message":"sipMessageStatus","data":[{"operationId":"m-1","status":"FAILED","sipStatus":480,"info":"10005 is not there."}]}"#,
    );
}

#[test]
fn a_mailbox() {
    golden(
        ServerMessage::MessageWaiting(MessageWaiting {
            waiting: true,
            new: Some(2),
            old: Some(8),
            urgent_new: Some(0),
            urgent_old: Some(2),
            account: Some("sip:alice@vmail.example.com".into()),
        }),
        Feature::MessageWaiting,
        r#"{"message":"messageWaiting","data":[{"waiting":true,"new":2,"old":8,"urgentNew":0,"urgentOld":2,"account":"sip:alice@vmail.example.com"}]}"#,
    );
    golden(
        ServerMessage::MessageWaiting(MessageWaiting::default()),
        Feature::MessageWaiting,
        r#"{"message":"messageWaiting","data":[{"waiting":false}]}"#,
    );
}

#[test]
fn the_state_of_a_registration() {
    golden(
        ServerMessage::RegistrationState(RegistrationReport::new(RegistrationStatus::Registered)),
        Feature::RegistrationState,
        r#"{"message":"registrationState","data":[{"state":"REGISTERED"}]}"#,
    );
    golden(
        ServerMessage::RegistrationState(RegistrationReport {
            state: RegistrationStatus::Retrying,
            sip_status: Some(404),
            info: Some("pbx.example does not know 10006.".into()),
            retry_in_ms: Some(60_000),
        }),
        Feature::RegistrationState,
        r#"{"message":"registrationState","data":[{"state":"RETRYING","sipStatus":404,"info":"pbx.example does not know 10006.","retryInMs":60000}]}"#,
    );
}

fn entry(text: &str) -> LadderEntry {
    LadderEntry {
        at_ms: 12,
        direction: LadderDirection::Out,
        transport: "UDP".into(),
        peer: "198.51.100.7:5060".into(),
        summary: "INVITE".into(),
        text: text.into(),
    }
}

fn explanation() -> Explanation {
    Explanation {
        call_id: "c-1".into(),
        sip_call_id: Some("a84b4c76e66710@ringdown".into()),
        offered: vec![Offered {
            medium: Medium::Audio,
            browser: vec!["opus/48000/2".into(), "PCMU/8000".into()],
            sip: vec!["PCMA/8000".into()],
        }],
        chosen: vec![
            Chosen {
                medium: Medium::Audio,
                browser: Some("PCMU/8000".into()),
                sip: Some("PCMA/8000".into()),
                treatment: Treatment::G711,
                reason: "The peer has no other codec.".into(),
            },
            Chosen {
                medium: Medium::Video,
                browser: None,
                sip: None,
                treatment: Treatment::Refused,
                reason: "The peer has no video.".into(),
            },
        ],
        addresses: vec![MediaAddresses {
            medium: Medium::Audio,
            local: "203.0.113.10:31000".into(),
            remote: Some("198.51.100.7:4000".into()),
        }],
        hold: Holders {
            local: false,
            remote: true,
        },
        ladder: vec![entry("INVITE sip:10005@pbx.example SIP/2.0\r\n\r\n")],
        ladder_omitted: 0,
    }
}

#[test]
fn an_explanation() {
    golden(
        ServerMessage::Explain(Box::new(explanation())),
        Feature::Explain,
        r#"{"message":"explain","data":[{"callId":"c-1","sipCallId":"a84b4c76e66710@ringdown","offered":[{"medium":"audio","browser":["opus/48000/2","PCMU/8000"],"sip":["PCMA/8000"]}],"chosen":[{"medium":"audio","browser":"PCMU/8000","sip":"PCMA/8000","treatment":"g711","reason":"The peer has no other codec."},{"medium":"video","treatment":"refused","reason":"The peer has no video."}],"addresses":[{"medium":"audio","local":"203.0.113.10:31000","remote":"198.51.100.7:4000"}],"hold":{"local":false,"remote":true},"ladder":[{"atMs":12,"direction":"out","transport":"UDP","peer":"198.51.100.7:5060","summary":"INVITE","text":"INVITE sip:10005@pbx.example SIP/2.0\r\n\r\n"}],"ladderOmitted":0}]}"#,
    );
}

#[test]
fn a_long_ladder_loses_its_middle_until_it_fits_a_frame() {
    let mut short = explanation();
    short.fit();
    assert_eq!(short, explanation(), "what fits is left as it is");

    // Long texts run into the limit on bytes, short ones into the limit on entries.
    for (entries, text) in [(200, "x\r\n".repeat(500)), (MAX_LADDER + 50, "x".into())] {
        let mut long = explanation();
        long.ladder = vec![entry(&text); entries];
        long.ladder[0].summary = "first".into();
        long.ladder[entries - 1].summary = "last".into();
        long.fit();
        let frame = encode(&ServerMessage::Explain(Box::new(long.clone())));
        assert!(frame.len() <= MAX_FRAME_BYTES, "{} bytes", frame.len());
        assert!(long.ladder.len() <= MAX_LADDER);
        assert_eq!(long.ladder.len() + long.ladder_omitted, entries);
        assert_eq!(long.ladder.first().unwrap().summary, "first");
        assert_eq!(long.ladder.last().unwrap().summary, "last");
        let one_more = encode(&ServerMessage::SetRemoteSdp {
            call_id: String::new(),
            sdp: text,
        });
        assert!(
            frame.len() + one_more.len() + 200 > MAX_FRAME_BYTES || long.ladder.len() == MAX_LADDER,
            "no more goes than must"
        );
        decode_server(&frame).unwrap();
    }
}

#[test]
fn what_a_page_sends() {
    let message = decode(
        r#"{"message":"sipMessage","data":[{"operationId":"m-1","to":"10005","contentType":"text/plain ; charset=\"UTF-8\"","body":"one\r\ntwo"}]}"#,
    )
    .unwrap();
    assert_eq!(message.feature(), Some(Feature::SipMessage));
    assert_eq!(
        message,
        ClientMessage::SipMessage(Box::new(MessageRequest {
            operation_id: "m-1".into(),
            to: "10005".into(),
            content_type: "text/plain ; charset=\"UTF-8\"".into(),
            body: "one\r\ntwo".into(),
        }))
    );
    let message =
        decode(r#"{"message":"sipMessage","data":[{"operationId":1,"to":10005}]}"#).unwrap();
    assert_eq!(
        message,
        ClientMessage::SipMessage(Box::new(MessageRequest {
            operation_id: "1".into(),
            to: "10005".into(),
            content_type: "text/plain".into(),
            body: String::new(),
        }))
    );
    let message = decode(r#"{"message":"explain","data":[{"callId":"c-1"}]}"#).unwrap();
    assert_eq!(message.feature(), Some(Feature::Explain));
    let expected = ClientMessage::Explain {
        call_id: "c-1".into(),
    };
    assert_eq!(message, expected);
}

#[test]
fn what_a_page_must_not_send() {
    let message = |fields: &str| format!(r#"{{"message":"sipMessage","data":[{{{fields}}}]}}"#);
    for (frame, field, sentence) in [
        (
            message(r#""to":"10005","body":"x""#),
            "operationId",
            "sipMessage: operationId is missing or empty.",
        ),
        (
            message(r#""operationId":"m-1","body":"x""#),
            "to",
            "sipMessage: to is missing or empty.",
        ),
        (
            message(r#""operationId":"m-1","to":"1\r\nVia: x""#),
            "to",
            "sipMessage: to contains a carriage return (U+000D) at character 2.",
        ),
        (
            message(r#""operationId":"m-1","to":"1","body":["x"]"#),
            "body",
            "sipMessage: body must be a string, not a list.",
        ),
        (
            message(r#""operationId":"m-1","to":"1","body":"x\u0000""#),
            "body",
            "sipMessage: body contains a NUL character (U+0000).",
        ),
        (
            message(r#""operationId":"m-1","to":"1","contentType":"text/plain\r\nVia: x""#),
            "contentType",
            "sipMessage: contentType contains a carriage return (U+000D) at character 11.",
        ),
        (
            message(r#""operationId":"m-1","to":"1","contentType":"text""#),
            "contentType",
            "sipMessage: contentType must be a media type such as \"text/plain\", not \"text\".",
        ),
        (
            message(r#""operationId":"m-1","to":"1","contentType":"text/pl ain""#),
            "contentType",
            "sipMessage: contentType must be a media type such as \"text/plain\", not \"text/pl ain\".",
        ),
        (
            message(r#""operationId":"m-1","to":"1","contentType":"text/plain;x=é""#),
            "contentType",
            "sipMessage: contentType must be a media type such as \"text/plain\", not \"text/plain;x=é\".",
        ),
        (
            r#"{"message":"explain","data":[{}]}"#.into(),
            "callId",
            "explain: callId is missing.",
        ),
    ] {
        let error = decode(&frame).unwrap_err();
        assert_eq!(error.to_string(), sentence, "{frame}");
        assert_eq!(error.field.as_deref(), Some(field), "{frame}");
        assert!(!error.closes_socket(), "{frame}");
    }
}

#[test]
fn a_faulty_message_still_gets_its_answer() {
    let error =
        decode(r#"{"message":"sipMessage","data":[{"operationId":"m-1","to":"1\n","body":"x"}]}"#)
            .unwrap_err();
    let mut answer = ServerMessage::SipMessageStatus(SipMessageStatus::malformed(&error).unwrap());
    let cause = answer.cause_mut().unwrap().take().unwrap();
    assert_eq!((cause.stage, cause.side), (Stage::Input, Side::Browser));
    assert_eq!(
        encode(&answer),
        r#"{"message":"sipMessageStatus","data":[{"operationId":"m-1","status":"FAILED","info":"sipMessage: to contains a line feed (U+000A) at character 2."}]}"#,
    );
    for frame in [
        // An id that cannot be repeated to the page.
        r#"{"message":"sipMessage","data":[{"operationId":"m\n1","to":"1"}]}"#,
        r#"{"message":"sipMessage","data":[{"to":"1"}]}"#,
        // Another message with an `operationId` of its own.
        r#"{"message":"hold","data":[{"operationId":"m-1"}]}"#,
        r#"{"message":"sipMessage","data":[]}"#,
    ] {
        let error = decode(frame).unwrap_err();
        assert_eq!(SipMessageStatus::malformed(&error), None, "{frame}");
    }
}

#[test]
fn a_servers_frame_with_a_faulty_field_is_an_error() {
    for frame in [
        r#"{"message":"holdState","data":[{"callId":"c-1","local":1,"remote":false}]}"#,
        r#"{"message":"digit","data":[{"callId":"c-1","digit":"12","how":"info"}]}"#,
        r#"{"message":"digit","data":[{"callId":"c-1","digit":"1","how":"smoke"}]}"#,
        r#"{"message":"messageWaiting","data":[{"waiting":true,"new":-1}]}"#,
        r#"{"message":"registrationState","data":[{"state":"PERHAPS"}]}"#,
        r#"{"message":"sipMessageStatus","data":[{"operationId":"m-1"}]}"#,
        r#"{"message":"sipMessage","data":[null]}"#,
        r#"{"message":"explain","data":[]}"#,
    ] {
        assert_eq!(
            decode_server(frame).unwrap_err().kind,
            ErrorKind::Field,
            "{frame}"
        );
    }
}

#[test]
fn the_published_wire_belongs_to_no_extension() {
    for line in include_str!("golden/client.jsonl").lines() {
        assert_eq!(decode(line).unwrap().feature(), None, "{line}");
    }
    for line in include_str!("golden/server.jsonl").lines() {
        assert_eq!(decode_server(line).unwrap().feature(), None, "{line}");
    }
}
