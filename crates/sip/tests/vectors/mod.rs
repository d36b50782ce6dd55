//! The torture messages of RFC 4475, and what holds for every accepted message.
//!
//! The vectors lie beside the repository, in `shared/vectors/rfc4475`. Without them the tests fail: a torture test
//! that saw no torture proves nothing.
#![allow(dead_code)]

use std::fs;
use std::path::PathBuf;

use sip::header::{Authorization, CSeq};
use sip::{FromTo, HeaderName, Message, Method, Route, Uri, Via, parse};

/// One row of `VERDICTS.tsv` with its message.
pub(crate) struct Vector {
    /// Clause of the RFC; empty for `test.dat`.
    pub(crate) section: String,
    pub(crate) file: String,
    /// `accept`, `reject`, `reject-body`, `either`
    pub(crate) verdict: String,
    /// What a user agent answers, in words.
    pub(crate) answer: String,
    pub(crate) size: usize,
    pub(crate) sha256: String,
    pub(crate) bytes: Vec<u8>,
}

/// All rows.
pub(crate) fn vectors() -> Vec<Vector> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/rfc4475");
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).unwrap_or_else(|error| {
            panic!(
                "the RFC 4475 vectors are missing: {}: {error}",
                path.display()
            )
        })
    };
    let table = String::from_utf8(read("VERDICTS.tsv")).expect("the table is UTF-8");
    let row = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [file, section, _class, verdict, answer, size, sha256] = columns[..] else {
            panic!("seven columns: {line}")
        };
        Vector {
            section: section.to_owned(),
            file: file.to_owned(),
            verdict: verdict.to_owned(),
            answer: answer.to_owned(),
            size: size.parse().expect("a number"),
            sha256: sha256.to_owned(),
            bytes: read(file),
        }
    };
    table.lines().skip(1).map(row).collect()
}

/// The message of one file.
pub(crate) fn vector(file: &str) -> Vec<u8> {
    vectors()
        .into_iter()
        .find(|vector| vector.file == file)
        .expect("a row of the table")
        .bytes
}

/// What was accepted prints to bytes that are read as the same message, as one message, without a stray line end;
/// so does every header by itself.
pub(crate) fn check_round_trip(message: &Message) {
    let printed = message.to_bytes();
    let again = parse(&printed)
        .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&printed)));
    assert_eq!(without_length(&again), without_length(message));
    assert_eq!(again.to_bytes(), printed, "printing is a fixed point");

    let head = printed
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .expect("an end of the head");
    assert_eq!(printed.len(), head + 4 + message.body().len());
    let text = String::from_utf8(printed[..head].to_vec()).expect("the head is UTF-8");
    let lines: Vec<&str> = text.split("\r\n").collect();
    let others = message
        .headers()
        .iter()
        .filter(|header| *header.name() != HeaderName::ContentLength)
        .count();
    assert_eq!(lines.len(), others + 2, "one line per header: {text:?}");
    assert!(
        lines.iter().all(|line| !line.starts_with([' ', '\t'])),
        "{text:?}"
    );
    assert!(
        lines
            .iter()
            .all(|line| !line.contains(|c: char| c.is_ascii_control() && c != '\t')),
        "{text:?}"
    );
    check_headers(message);
}

fn check_headers(message: &Message) {
    let headers = message.headers();
    for via in headers.vias().expect("Via passed the sanity layer") {
        assert_eq!(Via::parse_list(&via.to_string()), Ok(vec![via]));
    }
    headers.via().expect("a topmost Via");
    for end in [headers.from().expect("From"), headers.to().expect("To")] {
        assert_eq!(FromTo::parse(&end.to_string()), Ok(end.clone()));
        check_uri(&end.uri);
    }
    assert!(!headers.call_id().expect("Call-ID").is_empty());
    let cseq = headers.cseq().expect("CSeq");
    assert_eq!(CSeq::parse(&cseq.to_string()), Ok(cseq.clone()));
    for route in headers
        .routes()
        .into_iter()
        .chain(headers.record_routes())
        .flatten()
    {
        assert_eq!(Route::parse_list(&route.to_string()), Ok(vec![route]));
    }
    if let Message::Request(request) = message {
        assert_eq!(request.method, cseq.method);
        assert_eq!(
            Method::parse(request.method.as_str()).as_ref(),
            Some(&request.method)
        );
        check_uri(&request.uri);
        if let sip::Contacts::List(list) = headers.contacts().expect("Contact of a request") {
            for contact in list {
                let again = sip::Contacts::parse(&contact.to_string());
                assert_eq!(again.as_ref().map(sip::Contacts::first), Ok(Some(&contact)));
                check_uri(&contact.uri);
            }
        }
    }
    for challenge in headers.challenges() {
        let again = sip::header::Challenge::parse_list(&challenge.to_string(), challenge.proxy);
        assert_eq!(again, Ok(vec![challenge]));
    }
    for value in headers.get_all(&HeaderName::Authorization) {
        if let Ok(Some(answer)) = Authorization::parse(value) {
            assert_eq!(Authorization::parse(&answer.to_string()), Ok(Some(answer)));
        }
    }
    // Must not panic, whatever they give.
    let _ = (
        headers.max_forwards(),
        headers.expires(),
        headers.min_expires(),
        headers.content_length(),
    );
    let _ = (
        headers.content_type(),
        headers.retry_after(),
        headers.reasons(),
        headers.require(),
    );
    let _ = (headers.supported(), headers.allow(), headers.contacts());
    let _ = (headers.rseq(), headers.rack(), headers.event());
    let _ = (headers.session_expires(), headers.min_se());
    let _ = (headers.subscription_state(), headers.replaces());
    let _ = (headers.timestamp(), headers.warnings());
    let _ = headers.content_disposition();
}

/// A URI prints as it was read and is equivalent to itself.
pub(crate) fn check_uri(uri: &Uri) {
    assert_eq!(Uri::parse(&uri.to_string()).as_ref(), Ok(uri));
    assert!(uri.equivalent(uri));
    let _ = uri.user_text();
}

fn without_length(message: &Message) -> Message {
    let mut message = message.clone();
    match &mut message {
        Message::Request(request) => request.headers.remove(&HeaderName::ContentLength),
        Message::Response(response) => response.headers.remove(&HeaderName::ContentLength),
    }
    message
}
