//! RFC 4475: each torture message gets the verdict of the table, and for the right reason.

mod vectors;

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use sip::{Error, HeaderName, Message, Method, Request, Scheme, StreamFramer, parse};
use vectors::{check_round_trip, vector, vectors};

/// The rows where the RFC leaves the choice, and ours. The parser does not know these names: this table is only
/// what it is held to.
const CHOSEN: [(&str, &str, &str); 9] = [
    (
        "ltgtruri.dat",
        "reject",
        "a bracketed Request-URI is outside the grammar; nobody sends one",
    ),
    (
        "lwsstart.dat",
        "reject",
        "two parsers may cut this line differently: one space stands between its parts",
    ),
    (
        "trws.dat",
        "reject",
        "same: nothing stands behind the version",
    ),
    (
        "escruri.dat",
        "reject",
        "headers in a Request-URI are never turned into headers, so they have no meaning",
    ),
    (
        "baddate.dat",
        "accept",
        "Date is not used; an unused header is no reason to lose a call",
    ),
    (
        "regbadct.dat",
        "reject",
        "where the URI ends is ambiguous without brackets",
    ),
    ("badaspec.dat", "reject", "spaces are no part of a URI"),
    (
        "baddn.dat",
        "reject",
        "the datagram ends within the headers",
    ),
    (
        "baddn-terminated.dat",
        "reject",
        "an unquoted comma separates values; From has one",
    ),
];

#[test]
fn every_row_gets_its_verdict() {
    let mut rows = 0;
    let mut sections = BTreeSet::new();
    for vector in vectors() {
        let file = vector.file.as_str();
        assert_eq!(vector.bytes.len(), vector.size, "{file}: size");
        let hash: String = Sha256::digest(&vector.bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hash, vector.sha256, "{file}: sha256");

        let chosen = CHOSEN
            .iter()
            .find(|(name, ..)| *name == file)
            .map(|(_, verdict, _)| *verdict);
        let expected = match vector.verdict.as_str() {
            "either" => chosen.unwrap_or_else(|| panic!("{file}: no choice is written down")),
            "reject-body" => "reject",
            verdict => verdict,
        };
        let result = parse(&vector.bytes);
        assert_eq!(
            if result.is_ok() { "accept" } else { "reject" },
            expected,
            "{file}: {result:?}"
        );
        match result {
            Ok(message) => check_round_trip(&message),
            Err(error) => check_answer(file, &vector.answer, &error),
        }
        rows += 1;
        sections.insert(vector.section.clone());
    }
    sections.remove("");
    assert_eq!((sections.len(), rows), (MESSAGES, MESSAGES + 2));
}

/// The messages of the RFC, one per section; `baddn` comes in two forms, and `test.dat` is in the archive though not
/// in the text.
const MESSAGES: usize = 49;

/// The answer the parser proposes is one the table allows.
fn check_answer(file: &str, allowed: &str, error: &Error) {
    match &error.reply {
        Some(reply) => {
            assert!(
                allowed.contains(&reply.status.to_string()),
                "{file}: {} is not in {allowed:?}",
                reply.status
            );
            let head = error.request_head.as_ref().expect("a head to answer with");
            assert!(head.has(&HeaderName::Via), "{file}");
        }
        None => assert!(
            allowed.contains("discard") || allowed.contains("must not crash"),
            "{file}: no answer"
        ),
    }
}

#[track_caller]
fn reject(file: &str, words: &str) {
    let error = parse(&vector(file)).expect_err(file);
    assert!(error.to_string().contains(words), "{file}: {error}");
}

/// A message refused for the wrong reason would pass once its real fault were accepted.
#[test]
fn rejections_name_the_fault() {
    reject(
        "badinv01.dat",
        "Via: a parameter name is expected (line 7, column 24)",
    );
    reject(
        "clerr.dat",
        "9999 bytes of body are announced, 154 are there",
    );
    reject("ncl.dat", "Content-Length: a number is expected (line 10");
    reject("scalar02.dat", "CSeq: number out of range (line 5");
    reject("scalarlg.dat", "CSeq: number out of range (line 5");
    reject(
        "quotbal.dat",
        "To: a quote is not closed (line 2, column 1)",
    );
    reject("ltgtruri.dat", "a URI scheme is expected");
    reject("lwsruri.dat", "start line");
    reject("lwsstart.dat", "start line");
    reject("trws.dat", "start line");
    reject("escruri.dat", "the Request-URI carries headers");
    reject(
        "regbadct.dat",
        "Contact: a URI with a question mark needs angle brackets",
    );
    reject("badaspec.dat", "To: a URI scheme is expected");
    reject("baddn.dat", "the empty line after the headers is missing");
    reject("baddn-terminated.dat", "From: ");
    reject("badvers.dat", "SIP version is not 2.0");
    reject("mismatch01.dat", "CSeq method differs");
    reject("mismatch02.dat", "CSeq method differs");
    reject("bigcode.dat", "the status is not in 100..699");
    reject("insuf.dat", "From: mandatory header is missing");
    reject("multi01.dat", "From: header is repeated (line 12)");
    reject("mcl01.dat", "Content-Length: header is repeated (line 9)");
    reject("test.dat", "start line");
}

fn request(file: &str) -> Request {
    match parse(&vector(file)) {
        Ok(Message::Request(request)) => request,
        other => panic!("{file}: {other:?}"),
    }
}

#[test]
fn wsinv_is_understood_through_its_spaces() {
    let wsinv = request("wsinv.dat");
    let headers = &wsinv.headers;
    assert_eq!(headers.max_forwards(), Some(68));
    assert_eq!(headers.cseq().unwrap().number, 9);
    assert_eq!(headers.to().unwrap().tag.as_deref(), Some("1918181833n"));
    let from = headers.from().unwrap();
    assert_eq!(
        (from.display.as_deref(), from.tag.as_deref()),
        (Some("J Rosenberg \\\""), Some("98asjd8"))
    );
    let branches: Vec<_> = headers
        .vias()
        .unwrap()
        .iter()
        .map(|via| via.branch().unwrap().to_owned())
        .collect();
    assert_eq!(branches, ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]);
    let contacts = headers.contacts().unwrap();
    let contact = contacts.first().unwrap();
    assert_eq!(contact.display.as_deref(), Some("Quoted string \"\""));
    assert_eq!(
        (contact.q(), contact.params.get("newparam")),
        (330, Some("newvalue"))
    );
    assert_eq!(headers.get(&HeaderName::Subject), Some(""));
    assert_eq!(wsinv.body.len(), 150);
    let folded = HeaderName::Other("NewFangledHeader".into());
    assert_eq!(
        headers.get(&folded),
        Some("newfangled value continued newfangled value")
    );
}

#[test]
fn escapes_stay_escapes() {
    assert_eq!(
        request("esc01.dat").uri.user.as_deref(),
        Some("sips%3Auser%40example.com")
    );
    assert_eq!(
        request("esc01.dat").uri.user_text(),
        "sips:user@example.com"
    );
    let esc02 = request("esc02.dat");
    assert_ne!(esc02.method, Method::Register);
    assert_eq!(esc02.headers.get_all(&HeaderName::Contact).count(), 2);
    assert_eq!(
        request("escnull.dat")
            .headers
            .to()
            .unwrap()
            .uri
            .user
            .as_deref(),
        Some("null-%00-null")
    );
    let regescrt = request("regescrt.dat");
    assert!(!regescrt.headers.has(&HeaderName::Route));
    let contacts = regescrt.headers.contacts().unwrap();
    assert_eq!(
        contacts.first().unwrap().uri.headers.as_deref(),
        Some("Route=%3Csip:sip.example.com%3E")
    );
}

#[test]
fn parameters_belong_where_the_brackets_say() {
    for (file, of_header) in [("cparam01.dat", true), ("cparam02.dat", false)] {
        let contacts = request(file).headers.contacts().unwrap();
        let contact = contacts.first().unwrap();
        assert_eq!(contact.params.has("unknownparam"), of_header, "{file}");
        assert_eq!(contact.uri.params.has("unknownparam"), !of_header, "{file}");
    }
}

#[test]
fn unknown_things_are_the_user_agents_to_refuse() {
    assert_eq!(
        request("unkscm.dat").uri.scheme,
        Scheme::Other("nobodyknowsthisscheme".into())
    );
    assert_eq!(
        request("novelsc.dat").uri.scheme,
        Scheme::Other("soap.beep".into())
    );
    assert_eq!(
        request("bext01.dat").headers.require().to_string(),
        "nothingSupportsThis, nothingSupportsThisEither"
    );
    assert!(
        matches!(request("intmeth.dat").method, Method::Other(name) if name.starts_with("!interesting"))
    );
    assert!(
        !request("invut.dat")
            .headers
            .content_type()
            .unwrap()
            .is_sdp()
    );
    assert_eq!(request("transports.dat").headers.vias().unwrap().len(), 5);
    assert_eq!(request("inv2543.dat").headers.via().unwrap().branch(), None);
    assert_eq!(request("zeromf.dat").headers.max_forwards(), Some(0));
}

#[test]
fn bodies_are_cut_where_content_length_says() {
    assert!(request("dblreq.dat").body.is_empty());
    assert_eq!(request("mpart01.dat").body.len(), 553);
    assert_eq!(request("inv2543.dat").body.len(), 105);
}

/// On a stream the same messages come out of the framer as they go in, or end the connection.
#[test]
fn on_a_stream() {
    for vector in vectors() {
        let file = vector.file.as_str();
        let mut framer = StreamFramer::new();
        for byte in &vector.bytes {
            framer.push(&[*byte]);
        }
        let first = framer.next();
        match file {
            // The boundary of the next message is unknown: answer and close.
            "ncl.dat" | "mcl01.dat" | "inv2543.dat" => {
                let error = first.expect("a verdict").expect_err(file);
                assert_eq!(error.reply.map(|reply| reply.status), Some(400), "{file}");
                assert!(framer.next().is_none() && !framer.is_partial(), "{file}");
            }
            // Waits for what was announced.
            "clerr.dat" | "baddn.dat" => assert!(first.is_none() && framer.is_partial(), "{file}"),
            "dblreq.dat" => {
                let first = first.expect("two messages").expect(file);
                let second = framer.next().expect("two messages").expect(file);
                assert!(first.starts_with(b"REGISTER") && second.starts_with(b"INVITE"));
            }
            _ => {
                let bytes = first.expect("a message").expect(file);
                assert_eq!(
                    parse(&bytes).is_ok(),
                    parse(&vector.bytes).is_ok(),
                    "{file}"
                );
            }
        }
    }
}
