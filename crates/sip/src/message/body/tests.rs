use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::*;

const SDP: &str = "v=0\r\ns=-\r\nm=audio 4000 RTP/AVP 0";

/// What the body `text` of this type holds; line ends of the test's text become CRLF.
fn read_as(kind: &str, text: &str) -> Result<Option<String>, String> {
    let mut headers = Headers::new();
    headers.push(HeaderName::ContentType, kind);
    let body = Bytes::from(text.replace("\r\n", "\n").replace('\n', "\r\n"));
    match sdp_of(&headers, &body) {
        Ok(sdp) => Ok(sdp.map(|sdp| String::from_utf8(sdp.to_vec()).unwrap())),
        Err(unknown) => Err(unknown.what),
    }
}

/// Parts as `headers|body`, between boundaries `b`.
fn parts(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        let (headers, body) = part.split_once('|').unwrap();
        text.push_str(&format!("--b\n{headers}\n\n{body}\n"));
    }
    text + "--b--\n"
}

fn mixed(list: &[&str]) -> Result<Option<String>, String> {
    read_as("multipart/mixed;boundary=b", &parts(list))
}

fn sdp() -> Result<Option<String>, String> {
    Ok(Some(SDP.to_owned()))
}

fn unknown(what: &str) -> Result<Option<String>, String> {
    Err(what.to_owned())
}

const SDP_PART: &str = "Content-Type: application/sdp|v=0\ns=-\nm=audio 4000 RTP/AVP 0";
const ISUP: &str = "Content-Type: application/ISUP;version=x\nContent-Disposition: signal;handling=optional|\x01\x02";
const ISUP_REQUIRED: &str =
    "Content-Type: application/ISUP;version=x\nContent-Disposition: signal;handling=required|\x01";

#[test]
fn a_body_alone() {
    assert_eq!(read_as("application/sdp", SDP), sdp());
    assert_eq!(read_as("Application/SDP; charset=utf-8", SDP), sdp());
    assert_eq!(read_as("application/sdp", ""), Ok(None));
    assert_eq!(read_as("text/plain", "hello"), unknown("text/plain"));
    assert_eq!(
        read_as("text", "x"),
        unknown("its Content-Type cannot be read")
    );
    let body = Bytes::from_static(b"x");
    assert_eq!(sdp_of(&Headers::new(), &Bytes::new()), Ok(None));
    assert_eq!(
        sdp_of(&Headers::new(), &body).unwrap_err().what,
        "text/plain"
    );
    let mut headers = Headers::new();
    headers.push(HeaderName::ContentType, "text/plain");
    headers.push(HeaderName::ContentDisposition, "icon; Handling=Optional");
    assert_eq!(sdp_of(&headers, &body), Ok(None));
}

#[test]
fn mixed_parts() {
    for (list, found) in [
        (&[SDP_PART][..], sdp()),
        (&[SDP_PART, ISUP], sdp()),
        (&[ISUP, SDP_PART], sdp()),
        (&[ISUP], Ok(None)),
        (&[SDP_PART, ISUP_REQUIRED], unknown("application/isup")),
        (
            &["Content-Type: application/pidf+xml|<x/>", SDP_PART],
            unknown("application/pidf+xml"),
        ),
        (&["|plain text", SDP_PART], unknown("text/plain")),
        // An empty part asks for nothing.
        (&["Content-Type: text/plain|", SDP_PART], sdp()),
        (
            &[
                "c: application/sdp|v=0\ns=-\nm=audio 4000 RTP/AVP 0",
                "Content-Type: application/sdp|v=1",
            ],
            sdp(),
        ),
        (
            &[
                "Content-Type: application/sdp\nContent-Disposition: early-session;handling=optional|v=1",
                SDP_PART,
            ],
            sdp(),
        ),
        (
            &[
                "Content-Type: application/sdp\nContent-Disposition: early-session|v=1",
                SDP_PART,
            ],
            unknown("early-session"),
        ),
        (
            &["Content-Type: application/sdp\nContent-Encoding: gzip|v=1"],
            unknown("its encoding is unknown"),
        ),
        (
            &["Content-Type: application/sdp\nContent-Transfer-Encoding: base64|dj0w"],
            unknown("its encoding is unknown"),
        ),
        (
            &[
                "Content-Type: application/sdp\nContent-Transfer-Encoding: Binary\nX: y|v=0\ns=-\nm=audio 4000 RTP/AVP 0",
            ],
            sdp(),
        ),
        (
            &["Content-Type:\n application/sdp|v=0\ns=-\nm=audio 4000 RTP/AVP 0"],
            sdp(),
        ),
    ] {
        assert_eq!(mixed(list), found, "{list:?}");
    }
    // RFC 2046 §5.1.7: an unknown subtype is treated like mixed.
    assert_eq!(
        read_as("multipart/x-new;boundary=b", &parts(&[SDP_PART])),
        sdp()
    );
}

/// The last part that is understood counts, whatever the parts say about their handling.
#[test]
fn alternatives() {
    let read = |list: &[&str]| read_as("multipart/alternative;boundary=b", &parts(list));
    let old = "Content-Type: application/sdp\nContent-Disposition: session;handling=optional|v=1";
    assert_eq!(read(&[old, SDP_PART]), sdp());
    assert_eq!(read(&[SDP_PART, ISUP_REQUIRED]), sdp());
    assert_eq!(read(&[SDP_PART, ISUP]), sdp());
    assert_eq!(read(&[ISUP_REQUIRED, SDP_PART]), sdp());
    assert_eq!(
        read(&["Content-Type: text/html|x", ISUP]),
        unknown("text/html")
    );
}

#[test]
fn related_parts_have_a_root() {
    let first = "multipart/related;boundary=b;type=\"application/sdp\"";
    let named = "multipart/related;boundary=b;start=\"<r@x>\"";
    let other = "Content-Type: image/png|x";
    let root = "Content-ID: <r@x>\nContent-Type: application/sdp|v=0\ns=-\nm=audio 4000 RTP/AVP 0";
    assert_eq!(read_as(first, &parts(&[SDP_PART, other])), sdp());
    assert_eq!(
        read_as(first, &parts(&[other, SDP_PART])),
        unknown("image/png")
    );
    assert_eq!(read_as(named, &parts(&[other, root])), sdp());
    // A root that is not there: the first part.
    assert_eq!(read_as(named, &parts(&[SDP_PART, other])), sdp());
}

#[test]
fn nested_once() {
    let inner = "--i\nContent-Type: application/sdp\n\nv=0\ns=-\nm=audio 4000 RTP/AVP 0\n--i--";
    let nested = format!("Content-Type: multipart/alternative;boundary=i|{inner}");
    assert_eq!(mixed(&[&nested, ISUP]), sdp());
    let deep = inner.replace("application/sdp", "multipart/mixed;boundary=j");
    let deep = format!("Content-Type: multipart/mixed;boundary=i|{deep}");
    assert_eq!(
        mixed(&[&deep]),
        unknown("multipart bodies are nested too deep")
    );
    let optional = deep.replace('|', "\nContent-Disposition: render;handling=optional|");
    assert_eq!(mixed(&[&optional, SDP_PART]), sdp());
}

#[test]
fn boundaries() {
    let text = parts(&[SDP_PART]);
    for (kind, text) in [
        (
            "multipart/mixed;boundary=b",
            format!("a preamble\n{text}an epilogue\n--b\n\nx"),
        ),
        (
            "multipart/mixed;boundary=b",
            text.replace("--b\n", "--b \t\n"),
        ),
        ("multipart/mixed;boundary=b", text.replace("\n--b--\n", "")),
        (
            "multipart/mixed;boundary=b",
            text.replace("--b--\n", "--b--"),
        ),
        ("multipart/mixed;boundary=b", format!("--bc\n{text}")),
        (
            "multipart/mixed;boundary=\"=_b: (1)\"",
            text.replace("--b", "--=_b: (1)"),
        ),
    ] {
        assert_eq!(read_as(kind, &text), sdp(), "{kind} {text}");
    }
    let without = "a multipart body without a boundary";
    let long = format!("multipart/mixed;boundary={}", "b".repeat(71));
    for (kind, text, what) in [
        ("multipart/mixed", &text[..], without),
        ("multipart/mixed;boundary=\"\"", &text, without),
        ("multipart/mixed;boundary=\"b \"", &text, without),
        (&long, &text, without),
        (
            "multipart/mixed;boundary=c",
            &text,
            "a multipart body without a part",
        ),
        (
            "multipart/mixed;boundary=b",
            "--b--\n",
            "a multipart body without a part",
        ),
    ] {
        assert_eq!(read_as(kind, text), unknown(what), "{kind}");
    }
}

#[test]
fn lines_may_end_with_lf() {
    let mut headers = Headers::new();
    headers.push(HeaderName::ContentType, "multipart/mixed; boundary=b");
    let body = Bytes::from(parts(&[SDP_PART, ISUP]));
    assert_eq!(
        sdp_of(&headers, &body).unwrap().unwrap(),
        SDP.replace('\r', "")
    );
}

#[test]
fn the_number_of_parts_is_bounded() {
    let many = vec![ISUP; MAX_PARTS - 1];
    assert_eq!(mixed(&[&many[..], &[SDP_PART]].concat()), sdp());
    let many = vec![ISUP; 1000];
    assert_eq!(
        mixed(&many),
        unknown("a multipart body with too many parts")
    );
}

/// An answer with a part that is not understood is not lost: its description stands in the error.
#[test]
fn the_error_says_what_and_keeps_the_description() {
    let mut headers = Headers::new();
    headers.push(HeaderName::ContentType, "multipart/mixed;boundary=b");
    let body = Bytes::from(parts(&[SDP_PART, ISUP_REQUIRED]));
    let unknown = sdp_of(&headers, &body).unwrap_err();
    assert_eq!(
        unknown.sdp.as_deref(),
        Some(SDP.replace('\r', "").as_bytes())
    );
    assert_eq!(
        unknown.to_string(),
        "the body is not understood: application/isup"
    );
    assert_eq!(unknown.accept(), (HeaderName::Accept, ACCEPT.to_owned()));
    assert!(!format!("{unknown:?}").contains("v=0"));
    headers.push(HeaderName::ContentEncoding, "gzip");
    let unknown = sdp_of(&headers, &body).unwrap_err();
    let encoding = (HeaderName::AcceptEncoding, "identity".to_owned());
    assert_eq!(unknown.accept(), encoding);
}

/// Seeded: a failure prints the round, and the same round fails again.
#[test]
fn mutated_bodies() {
    let inner = parts(&[SDP_PART, ISUP]).replace("--b", "--i");
    let nested = format!("Content-Type: multipart/alternative;boundary=i|{inner}");
    let seeds = [
        parts(&[SDP_PART, ISUP]),
        parts(&[ISUP_REQUIRED, &nested]),
        parts(&[&nested, SDP_PART]).replace('\n', "\r\n"),
    ];
    let splinters: [&[u8]; 16] = [
        b"--b",
        b"--b--",
        b"\r\n--b\r\n",
        b"--i\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"\0",
        b"\xff",
        b":",
        b";handling=optional",
        b"Content-Type: ",
        b"multipart/mixed;boundary=b\n",
        b"-",
        b" ",
        b"",
    ];
    let kinds = ["mixed", "alternative", "related;start=x"];
    let mut found = 0;
    for round in 0..20_000 {
        let mut rng = ChaCha20Rng::seed_from_u64(round);
        let mut bytes = seeds.choose(&mut rng).unwrap().clone().into_bytes();
        for _ in 0..rng.random_range(0..6) {
            let at = rng.random_range(0..=bytes.len());
            let end = (at + rng.random_range(0..30)).min(bytes.len());
            let splinter = *splinters.choose(&mut rng).unwrap();
            bytes.splice(at..end, splinter.iter().copied());
        }
        let mut headers = Headers::new();
        let kind = kinds.choose(&mut rng).unwrap();
        headers.push(
            HeaderName::ContentType,
            format!("multipart/{kind};boundary=b"),
        );
        let body = Bytes::from(bytes);
        let result = sdp_of(&headers, &body);
        assert_eq!(result, sdp_of(&headers, &body), "round {round}");
        let sdp = result.unwrap_or_else(|unknown| unknown.sdp);
        if let Some(sdp) = sdp {
            found += 1;
            let inside = body.windows(sdp.len()).any(|window| window == sdp);
            assert!(
                inside,
                "round {round}: the description is no part of the body"
            );
        }
    }
    assert!(found > 10_000, "{found}");
}
