//! What the torture messages do not show: numbers in ranges, injection, answers to what is refused.
use super::*;
use crate::ErrorKind;
use crate::header::FromTo;

const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n";
const OK: &str = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

fn with(line: &str) -> String {
    OPTIONS.replace("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"))
}

#[track_caller]
fn refuse(text: &str, words: &str) -> crate::Error {
    let error = parse(text.as_bytes()).expect_err(text);
    assert!(error.to_string().contains(words), "{error}");
    error
}

fn request(text: &str) -> Request {
    match parse(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_mandatory_header_is_missed() {
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        for message in [OPTIONS, OK] {
            let lines: Vec<&str> = message
                .split("\r\n")
                .filter(|line| !line.starts_with(&format!("{name}:")))
                .collect();
            refuse(
                &lines.join("\r\n"),
                &format!("{name}: mandatory header is missing"),
            );
        }
    }
}

#[test]
fn each_single_header_stands_once() {
    for line in [
        "From: <sip:a@b>;tag=1",
        "t: <sip:c@d>",
        "i: x",
        "CSeq: 1 OPTIONS",
        "Max-Forwards: 70",
    ] {
        refuse(&with(line), "header is repeated (line 8)");
    }
    for line in [
        "l: 0\r\nl: 0",
        "c: a/b\r\nContent-Type: a/b",
        "Expires: 1\r\nExpires: 1",
    ] {
        refuse(&with(line), "header is repeated (line 9)");
    }
    assert!(parse(with("Via: SIP/2.0/UDP e").as_bytes()).is_ok());
}

#[test]
fn numbers_are_in_range() {
    for (line, fine) in [
        ("Expires: 4294967295", true),
        ("Expires: 4294967296", false),
        ("Expires: 1.5", false),
        ("l: 0", true),
        ("l: 1", false),
        ("l: -0", false),
        ("l: 18446744073709551616", false),
        ("l: 4294967296", false),
        ("l: 0 0", false),
        ("m: <sip:a@b>;expires=4294967296", false),
        ("m: <sip:a@b>;expires=x", false),
        ("m: *", false),
    ] {
        assert_eq!(parse(with(line).as_bytes()).is_ok(), fine, "{line}");
    }
    assert!(parse(OPTIONS.replace("70", "255").as_bytes()).is_ok());
    assert!(parse(OPTIONS.replace("70", "256").as_bytes()).is_err());
}

#[test]
fn every_typed_header_is_read() {
    for line in [
        "Route: sip:p1;lr",
        "Record-Route: <sip:p1;lr>,",
        "Contact: \"a <sip:a@b>",
        "v: SIP/2.0/UDP",
        "c: text",
    ] {
        refuse(&with(line), "(line 8");
    }
    for call_id in ["", "a b", "\u{e9}"] {
        refuse(
            &OPTIONS.replace("Call-ID: x", &format!("Call-ID: {call_id}")),
            "Call-ID: ",
        );
    }
}

/// Invariant: memory stays a small multiple of the input.
#[test]
fn no_list_is_endless() {
    for line in [
        "Via: SIP/2.0/UDP a",
        "Route: <sip:a>",
        "Record-Route: <sip:a>",
        "Contact: <sip:a>",
    ] {
        let (name, value) = line.split_once(' ').unwrap();
        let one_line = format!("{name} {}", vec![value; 199].join(","));
        assert!(parse(with(&one_line).as_bytes()).is_ok(), "{line}");
        refuse(
            &with(&format!("{one_line}\r\n{line}\r\n{line}")),
            "there are too many values",
        );
        refuse(
            &with(&format!("{name} {}", vec![value; 300].join(","))),
            "there are too many values",
        );
    }
    assert!(parse(with(&vec!["a:"; 400].join("\r\n")).as_bytes()).is_ok());
    refuse(
        &with(&vec!["a:"; 500].join("\r\n")),
        "there are too many headers",
    );
    let contacts = format!("{}\r\nContent-Length", vec!["m: <sip:a>"; 300].join("\r\n"));
    let text = OK.replace("Content-Length", &contacts);
    assert!(
        parse(text.as_bytes())
            .unwrap()
            .headers()
            .contacts()
            .is_err()
    );
}

/// A registrar repeats what other devices registered; that must not lose us the answer.
#[test]
fn a_response_is_not_refused_for_a_strange_contact() {
    let text = OK.replace(
        "Content-Length",
        "Contact: <sip:a b@c>;;\r\nExpires: never\r\nContent-Length",
    );
    let Ok(Message::Response(response)) = parse(text.as_bytes()) else {
        panic!("accepted")
    };
    assert!(response.headers.contacts().is_err());
    assert_eq!(response.headers.expires(), None);
}

/// t-A8, t-A19: one reading of every line.
#[test]
fn line_ends_and_control_characters() {
    for line in [
        "Subject: a\rVia: x",
        "Subject: a\nVia: x",
        "Subject: a\0",
        "Subject: a\x08",
        "Subject: \"a\\\n\"",
        "Sub\0ject: a",
        "X Hdr: a",
        ": a",
        "no colon",
    ] {
        let error = refuse(&with(line), "(line 8");
        assert_eq!(error.reply.map(|reply| reply.status), Some(400), "{line:?}");
    }
    let request = request(&with("X-Hdr : a\r\n\tb\r\n   c  "));
    assert_eq!(
        request.headers.get(&HeaderName::Other("x-hdr".into())),
        Some("a b c")
    );
    refuse(
        &OPTIONS.replace("OPTIONS sip", "OPTIONS\tsip"),
        "start line",
    );
    refuse(
        &OPTIONS.replace(" SIP/2.0\r\nVia", "  SIP/2.0\r\nVia"),
        "start line",
    );
}

/// RFC 4475 §3.1.1.2: legal behind a backslash, and gone before anything is printed.
#[test]
fn escaped_control_characters_are_taken_out() {
    let text = OPTIONS.replace("To: <", "To: \"NUL:\\\0 BEL:\\\x07 quote:\\\"\" <");
    let to = request(&text).headers.to().unwrap();
    assert_eq!(to.display.as_deref(), Some("NUL: BEL: quote:\""));
}

#[test]
fn keep_alives_are_no_messages() {
    for bytes in [&b""[..], b"\r\n\r\n", b"\0", b"\0\0\0\0"] {
        let error = parse(bytes).unwrap_err();
        assert_eq!((error.kind, error.reply), (ErrorKind::KeepAlive, None));
    }
    assert!(parse(format!("\r\n\r\n{OPTIONS}").as_bytes()).is_ok());
}

#[test]
fn refused_requests_know_their_answer() {
    let error = refuse(
        &OPTIONS.replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"),
        "version",
    );
    assert_eq!(error.reply.map(|reply| reply.status), Some(505));
    let head = error.request_head.unwrap();
    assert_eq!(head.len(), 5);
    assert_eq!(head.via().unwrap().branch(), Some("z9hG4bK1"));

    let error = refuse(&OPTIONS.replace("From: <", "From: \""), "quote");
    assert_eq!(error.reply.unwrap().reason, "Bad Request: From");
    // Neither an ACK nor a response is ever answered, nor a request without Via.
    assert_eq!(
        refuse(
            &OPTIONS
                .replace("OPTIONS", "ACK")
                .replace("From: <", "From: \""),
            "quote"
        )
        .reply,
        None
    );
    assert_eq!(
        refuse(&OK.replace("From: <", "From: \""), "quote").reply,
        None
    );
    assert_eq!(
        refuse("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "start line").reply,
        None
    );
}

/// Whatever a program puts into a message, one header stays one line.
#[test]
fn printing_does_not_break_lines() {
    let mut request = request(OPTIONS);
    request
        .headers
        .push(HeaderName::Subject, "a\r\nX-Evil: 1\r\n\r\nbody");
    request
        .headers
        .push(HeaderName::Other("X-A\r\nX-Evil".into()), "b\0");
    request.method = Method::Other("OPT\r\nIONS".into());
    request.headers.set(
        HeaderName::To,
        FromTo::new(request.uri.clone()).with_tag("a\r\nb"),
    );
    let text = String::from_utf8(request.to_bytes().to_vec()).unwrap();
    assert_eq!(text.matches("\r\n").count(), 1 + 8 + 1 + 1);
    assert!(!text.contains("\r\nX-Evil") && !text.contains('\0'));
}

#[test]
fn content_length_is_set_once_and_right() {
    let mut request = request(&with("l: 0\r\nc: text/plain"));
    request.headers.push(HeaderName::ContentLength, 7);
    request.body = Bytes::from_static(b"hello");
    let text = String::from_utf8(request.to_bytes().to_vec()).unwrap();
    assert_eq!(text.matches("Content-Length").count(), 1);
    assert!(text.ends_with("Content-Length: 5\r\n\r\nhello"));
    assert_eq!(parse(text.as_bytes()).unwrap().body(), &request.body);
}

#[test]
fn answers_copy_what_they_must() {
    let request = request(&with("v: SIP/2.0/UDP e\r\nSubject: x"));
    let mut response = Response::to(&request.headers, 404, "Not Found");
    let mut via = response.headers.via().unwrap();
    via.params.set("received", "192.0.2.1");
    response.headers.set_top_via(&via).unwrap();
    let text = String::from_utf8(response.to_bytes().to_vec()).unwrap();
    assert_eq!(
        text,
        "SIP/2.0 404 Not Found\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1;received=192.0.2.1\r\nVia: SIP/2.0/UDP e\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn headers_are_set_removed_and_put_first() {
    let mut headers = Headers::new();
    headers.push(HeaderName::Route, "<sip:b>");
    headers.push(HeaderName::Subject, "x");
    headers.push(HeaderName::Route, "<sip:c>");
    headers.insert_first(HeaderName::Route, "<sip:a>");
    assert_eq!(headers.routes().unwrap().len(), 3);
    headers.set(HeaderName::Route, "<sip:d>");
    assert_eq!(
        headers.get_all(&HeaderName::Route).collect::<Vec<_>>(),
        ["<sip:d>"]
    );
    assert_eq!(headers.iter().next().unwrap().name(), &HeaderName::Route);
    headers.remove(&HeaderName::Route);
    assert_eq!(headers.len(), 1);
}

#[test]
fn traces_show_no_secret() {
    let mut request = request(&with("Authorization: Digest response=\"c0ffee\""));
    request.body = Bytes::from_static(b"a=crypto:1 key");
    let trace = format!("{request:?}");
    assert!(
        !trace.contains("c0ffee") && !trace.contains("crypto"),
        "{trace}"
    );
}
