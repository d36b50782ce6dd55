//! Frames no page should send: each gets a sentence that names what is wrong, and harms nothing.
#![allow(clippy::unwrap_used)]

use signaling::*;

/// `data[0]` of a good `call`, with `extra` fields put in (a later field wins).
fn call(extra: &str) -> String {
    let base = r#""callId":"c-1","hasAudio":true,"sdp":"v=0\r\n","callee":"10005""#;
    format!(r#"{{"message":"call","data":[{{{base}{extra}}}]}}"#)
}

fn connection(fields: &str) -> String {
    format!(r#"{{"message":"connection","data":[{{{fields}}}]}}"#)
}

#[track_caller]
fn check(frame: &str, field: Option<&str>, sentence: &str) {
    let error = decode(frame).unwrap_err();
    assert_eq!(error.to_string(), sentence, "{frame}");
    assert_eq!(error.field.as_deref(), field, "{frame}");
    if let Some(field) = field {
        assert!(error.to_string().contains(field), "{field} is not named");
    }
    assert!(!error.closes_socket(), "{frame}");
}

#[test]
fn the_envelope() {
    for (frame, field, sentence) in [
        (
            "",
            None,
            "The frame is not JSON: EOF while parsing a value at line 1 column 0.",
        ),
        (
            "{",
            None,
            "The frame is not JSON: EOF while parsing an object at line 1 column 1.",
        ),
        (
            "[]",
            None,
            "A frame must be an object {\"message\":..,\"data\":[..]}.",
        ),
        (
            "7",
            None,
            "A frame must be an object {\"message\":..,\"data\":[..]}.",
        ),
        ("{}", Some("message"), "The frame's message is missing."),
        (
            r#"{"message":null}"#,
            Some("message"),
            "The frame's message is missing.",
        ),
        (
            r#"{"message":""}"#,
            Some("message"),
            "The frame's message is empty.",
        ),
        (
            r#"{"message":5}"#,
            Some("message"),
            "The frame's message must be a string.",
        ),
        (
            r#"{"message":"hangup"}"#,
            Some("data"),
            "hangup: data is missing.",
        ),
        (
            r#"{"message":"hangup","data":null}"#,
            Some("data"),
            "hangup: data is missing.",
        ),
        (
            r#"{"message":"hangup","data":{"callId":"x"}}"#,
            Some("data"),
            "hangup: data must be a list.",
        ),
        (
            r#"{"message":"call","data":[]}"#,
            Some("data"),
            "call: data must hold an object as its first entry.",
        ),
        (
            r#"{"message":"answer","data":[null]}"#,
            Some("data"),
            "answer: data must hold an object as its first entry.",
        ),
        (
            r#"{"message":"hold","data":["x"]}"#,
            Some("data"),
            "hold: data must hold an object as its first entry.",
        ),
    ] {
        check(frame, field, sentence);
    }
}

#[test]
fn the_fields_of_a_call() {
    let long_id = format!(r#","callId":"{}""#, "x".repeat(65));
    let long_callee = format!(r#","callee":"{}""#, "5".repeat(513));
    let long_line = format!(r#","sipSDP":["a={}"]"#, "x".repeat(255));
    let many_lines = format!(r#","sipSDP":[{}"b=AS:1"]"#, r#""b=AS:1","#.repeat(32));
    for (extra, field, sentence) in [
        (r#","callId":null"#, "callId", "call: callId is missing."),
        (
            r#","callId":7"#,
            "callId",
            "call: callId must be a string, not a number.",
        ),
        (r#","callId":"""#, "callId", "call: callId is empty."),
        (
            r#","callId":"a b""#,
            "callId",
            "call: callId contains a space (U+0020) at character 2; allowed are letters, digits and . _ : -.",
        ),
        (
            r#","callId":"é""#,
            "callId",
            "call: callId contains 'é' at character 1; allowed are letters, digits and . _ : -.",
        ),
        (
            &long_id,
            "callId",
            "call: callId is 65 characters long; at most 64 are allowed.",
        ),
        (r#","sdp":null"#, "sdp", "call: sdp is missing."),
        (r#","sdp":"\r\n""#, "sdp", "call: sdp is empty."),
        (
            r#","sdp":{}"#,
            "sdp",
            "call: sdp must be a string, not an object.",
        ),
        (
            r#","sdp":"v=0\u0000""#,
            "sdp",
            "call: sdp contains a NUL character (U+0000).",
        ),
        (
            r#","callee":null"#,
            "callee",
            "call: callee is missing or empty.",
        ),
        (
            r#","callee":"""#,
            "callee",
            "call: callee is missing or empty.",
        ),
        (
            r#","callee":-5"#,
            "callee",
            "call: callee must be a string, not a number.",
        ),
        (
            r#","callee":"1\r\nVia: x""#,
            "callee",
            "call: callee contains a carriage return (U+000D) at character 2.",
        ),
        (
            &long_callee,
            "callee",
            "call: callee is 513 bytes long; at most 512 are allowed.",
        ),
        (
            r#","visibleName":"a\nb""#,
            "visibleName",
            "call: visibleName contains a line feed (U+000A) at character 2.",
        ),
        (
            r#","visibleName":"a\u0000""#,
            "visibleName",
            "call: visibleName contains a NUL character (U+0000) at character 2.",
        ),
        (
            r#","visibleName":"\u2028""#,
            "visibleName",
            "call: visibleName contains a line separator (U+2028) at character 1.",
        ),
        (
            r#","visibleName":"\u0085""#,
            "visibleName",
            "call: visibleName contains a control character (U+0085) at character 1.",
        ),
        (
            r#","caller":["x"]"#,
            "caller",
            "call: caller must be a string, not a list.",
        ),
        (
            r#","hasVideo":1"#,
            "hasVideo",
            "call: hasVideo must be true or false, not a number.",
        ),
        (
            r#","sipSDP":"b=AS:1""#,
            "sipSDP",
            "call: sipSDP must be a list of strings, not a string.",
        ),
        (
            r#","sipSDP":[1]"#,
            "sipSDP",
            "call: sipSDP entry 1 must be a string, not a number.",
        ),
        (
            r#","sipSDP":["b=AS:1","a=x\r\nm=audio"]"#,
            "sipSDP",
            "call: sipSDP entry 2 contains a carriage return (U+000D) at character 4.",
        ),
        (
            r#","sipSDP":["m=audio 1"]"#,
            "sipSDP",
            "call: sipSDP line 1: must begin with \"a=\" or \"b=\".",
        ),
        (
            r#","sipSDP":["é=1"]"#,
            "sipSDP",
            "call: sipSDP line 1: must begin with \"a=\" or \"b=\".",
        ),
        (
            r#","sipSDP":["b="]"#,
            "sipSDP",
            "call: sipSDP line 1: is empty after \"b=\".",
        ),
        (
            r#","sipSDP":["a=:x"]"#,
            "sipSDP",
            "call: sipSDP line 1: names no attribute after \"a=\".",
        ),
        (
            r#","sipSDP":["a=Crypto:1 x"]"#,
            "sipSDP",
            "call: sipSDP line 1: \"a=crypto\" is set by the server and may not be given.",
        ),
        (
            &long_line,
            "sipSDP",
            "call: sipSDP line 1: is 257 bytes long; at most 256 are allowed.",
        ),
        (
            &many_lines,
            "sipSDP",
            "call: sipSDP has 33 lines; at most 32 are allowed.",
        ),
        (
            r#","sipHeaders":"X-A: 1""#,
            "sipHeaders",
            "call: sipHeaders must be an object of names and values, or a list of {\"name\":..,\"value\":..}.",
        ),
        (
            r#","sipHeaders":[{"name":"X-A"}]"#,
            "sipHeaders",
            "call: sipHeaders must be an object of names and values, or a list of {\"name\":..,\"value\":..}.",
        ),
        (
            r#","sipHeaders":{"X-A":"1\r\nVia: x"}"#,
            "sipHeaders",
            "call: sipHeaders X-A: the value contains a carriage return (U+000D) at character 2.",
        ),
        (
            r#","sipHeaders":{"X-A":true}"#,
            "sipHeaders",
            "call: sipHeaders X-A: the value must be a string.",
        ),
    ] {
        check(&call(extra), Some(field), sentence);
    }
}

#[test]
fn headers_that_route_are_refused_in_every_spelling() {
    for name in [
        "Via",
        "contact",
        "Content-Length",
        "X-A: b",
        "X-A ",
        "X-",
        "Subject:",
        "Route\\r\\n",
        "é-A",
        "X\\u00e9",
    ] {
        let error = decode(&call(&format!(r#","sipHeaders":{{"{name}":"1"}}"#))).unwrap_err();
        assert!(
            error.text.starts_with("call: sipHeaders may not set \""),
            "{}",
            error.text
        );
    }
}

#[test]
fn the_fields_of_the_other_messages() {
    for (frame, field, sentence) in [
        (
            connection(r#""sipPort":"5o60""#),
            "sipPort",
            "connection: sipPort must be a port from 1 to 65535, not \"5o60\".",
        ),
        (
            connection(r#""sipPort":0"#),
            "sipPort",
            "connection: sipPort must be a port from 1 to 65535, not \"0\".",
        ),
        (
            connection(r#""sipPort":65536"#),
            "sipPort",
            "connection: sipPort must be a port from 1 to 65535, not \"65536\".",
        ),
        (
            connection(r#""sipPort":true"#),
            "sipPort",
            "connection: sipPort must be a port, not true or false.",
        ),
        (
            connection(r#""sipLogin":"a\rb""#),
            "sipLogin",
            "connection: sipLogin contains a carriage return (U+000D) at character 2.",
        ),
        (
            connection(r#""sipAuthenticationName":"a\tb""#),
            "sipAuthenticationName",
            "connection: sipAuthenticationName contains a tab (U+0009) at character 2.",
        ),
        (
            connection(r#""sipDomain":"x\n y""#),
            "sipDomain",
            "connection: sipDomain contains a line feed (U+000A) at character 2.",
        ),
        (
            connection(r#""sipOutboundProxy":"x\u0000""#),
            "sipOutboundProxy",
            "connection: sipOutboundProxy contains a NUL character (U+0000) at character 2.",
        ),
        (
            connection(r#""sipPassword":{}"#),
            "sipPassword",
            "connection: sipPassword must be a string, not an object.",
        ),
        (
            connection(r#""sipRegisterRequired":"yes""#),
            "sipRegisterRequired",
            "connection: sipRegisterRequired must be true or false, not a string.",
        ),
        (
            connection(r#""features":"cause""#),
            "features",
            "connection: features must be a list of strings, not a string.",
        ),
        (
            r#"{"message":"hangup","data":[{}]}"#.into(),
            "callId",
            "hangup: callId is missing.",
        ),
        (
            r#"{"message":"hangup","data":[{"callId":"x","scope":"all"}]}"#.into(),
            "scope",
            "hangup: scope must be one of thisTab, account, not \"all\".",
        ),
        (
            r#"{"message":"sendDtmf","data":[{"callId":"x","type":"MORSE","dtmf":5}]}"#.into(),
            "type",
            "sendDtmf: type must be one of RFC2833, INFO, INFO_RELAY, not \"MORSE\".",
        ),
        (
            r#"{"message":"sendDtmf","data":[{"callId":"x"}]}"#.into(),
            "dtmf",
            "sendDtmf: dtmf is missing or empty.",
        ),
        (
            r#"{"message":"transfer","data":[{"callId":"x"}]}"#.into(),
            "target",
            "transfer: target is missing or empty.",
        ),
        (
            r#"{"message":"sendData","data":[{"payload":1}]}"#.into(),
            "operationId",
            "sendData: operationId is missing or empty.",
        ),
        (
            r#"{"message":"hold","data":[{"callId":"x","holdForTransfer":"perhaps"}]}"#.into(),
            "holdForTransfer",
            "hold: holdForTransfer must be true or false, not a string.",
        ),
    ] {
        check(&frame, Some(field), sentence);
    }
}

#[test]
fn a_faulty_call_can_still_be_ended_by_its_id() {
    let error = decode(&call(r#","callee":"a\nb""#)).unwrap_err();
    assert_eq!(error.message.as_deref(), Some("call"));
    assert_eq!(error.call_id.as_deref(), Some("c-1"));
    let fail = Fail::malformed(&error);
    assert_eq!(
        encode(&ServerMessage::Fail(fail)),
        r#"{"message":"fail","data":[{"apiMethod":"call","id":"c-1","status":"FAILED","info":"call: callee contains a line feed (U+000A) at character 2."}]}"#
    );
    let error = decode(&call(r#","callId":"a\nb""#)).unwrap_err();
    assert_eq!(error.call_id, None, "a faulty id is not repeated");
}

#[test]
fn no_error_repeats_a_secret() {
    let frame = connection(r#""sipPassword":["canary"],"authToken":"canary""#);
    let error = decode(&frame).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("canary"));
    let frame =
        connection(r#""sipPassword":"canary","authToken":"canary","rtspPassword":"canary""#);
    let message = decode(&frame).unwrap();
    assert!(!format!("{message:?}").contains("canary"));
}

#[test]
fn what_pages_really_do_is_tolerated() {
    let ClientMessage::Connection(c) = decode(&connection(
        r#""sipPort":5061,"sipLogin":10006,"sipDomain":"","sipProxy":null,"sipRegisterRequired":"false","sipPassword":"a\nb""#,
    ))
    .unwrap() else {
        panic!("not a connection");
    };
    assert_eq!(
        (c.sip_port, c.sip_login.as_deref()),
        (Some(5061), Some("10006"))
    );
    assert_eq!((c.sip_domain, c.sip_proxy), (None, None));
    assert_eq!(c.sip_register_required, Some(false));
    assert!(c.sip_password.is_some());

    let frame = call(
        r#","sipSDP":["b=AS:3000","a=x-custom:1"],"sipHeaders":{"X-Tenant":"7","Subject":5},"visibleName":"Ralf \"C\" <x>","custom":{"a":[1]}"#,
    );
    let ClientMessage::Call(call) = decode(&frame).unwrap() else {
        panic!("not a call");
    };
    assert_eq!(call.sip_sdp, ["b=AS:3000", "a=x-custom:1"]);
    let headers: Vec<_> = call.sip_headers.iter().collect();
    assert_eq!(headers, [("X-Tenant", "7"), ("Subject", "5")]);
    assert_eq!(call.visible_name.as_deref(), Some("Ralf \"C\" <x>"));

    let dtmf = decode(r##"{"message":"sendDtmf","data":[{"callId":"x","dtmf":5}]}"##).unwrap();
    let expected = ClientMessage::SendDtmf {
        call_id: "x".into(),
        kind: DtmfKind::Rfc2833,
        dtmf: "5".into(),
    };
    assert_eq!(dtmf, expected);
    let hangup = r#"{"message":"hangup","data":[{"callId":"x","scope":"thisTab"}]}"#;
    let expected = ClientMessage::Hangup {
        call_id: "x".into(),
        scope: Some(HangupScope::ThisTab),
    };
    assert_eq!(decode(hangup).unwrap(), expected);
}

#[test]
fn unknown_messages_are_ignored_and_streams_named() {
    let ignored = |name: &str| ClientMessage::Ignored { name: name.into() };
    for (frame, expected) in [
        (
            r#"{"message":"pushLogs","data":[{"logs":"x"}]}"#,
            ignored("pushLogs"),
        ),
        (
            r#"{"message":"sessionDebug","data":[{"command":"start"}]}"#,
            ignored("sessionDebug"),
        ),
        (
            r#"{"message":"submitBugReport","data":[{"mediaSessionId":"x"}]}"#,
            ignored("submitBugReport"),
        ),
        (
            r#"{"message":"submitBugReport"}"#,
            ignored("submitBugReport"),
        ),
        (r#"{"message":"brandNew","data":5}"#, ignored("brandNew")),
        (r#"{"message":"ping"}"#, ClientMessage::Ping),
        (r#"{"message":"ping","data":null}"#, ClientMessage::Ping),
        (r#"{"message":"pong","data":[]}"#, ClientMessage::Pong),
        (r#"{"message":"pong","data":{}}"#, ClientMessage::Pong),
        (
            r#"{"message":"publishStream","data":[{"mediaSessionId":"s-1","name":"x"}]}"#,
            ClientMessage::Stream {
                name: "publishStream".into(),
                media_session_id: Some("s-1".into()),
            },
        ),
        (
            r#"{"message":"availableStream","data":[{}]}"#,
            ClientMessage::Stream {
                name: "availableStream".into(),
                media_session_id: None,
            },
        ),
        (
            r#"{"message":"someStreamThing","data":[{"mediaSessionId":"s-2"}]}"#,
            ClientMessage::Stream {
                name: "someStreamThing".into(),
                media_session_id: Some("s-2".into()),
            },
        ),
    ] {
        assert_eq!(decode(frame).unwrap(), expected, "{frame}");
    }
    let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(1000));
    assert_eq!(decode(&long).unwrap(), ignored(&"x".repeat(64)));
}
