//! Chunks, keep-alives and the end of a connection.
use super::*;

const BYE: &str = "BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 BYE\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn two_messages_in_any_chunks() {
    let stream = format!("\r\n\r\n{BYE}\r\n{BYE}");
    for size in [1, 2, 3, 7, 100, stream.len()] {
        let mut framer = StreamFramer::new();
        let mut messages = Vec::new();
        for chunk in stream.as_bytes().chunks(size) {
            framer.push(chunk);
            messages.extend(framer.by_ref().map(Result::unwrap));
        }
        assert_eq!(messages, [BYE, BYE], "chunks of {size}");
        assert_eq!(framer.take_pings(), 1);
        assert!(!framer.is_partial());
    }
}

#[test]
fn keep_alives_are_counted_between_messages_only() {
    let mut framer = StreamFramer::new();
    framer.push(b"\r\n\r\n\r\n\r\n");
    assert!(framer.next().is_none());
    assert_eq!((framer.take_pings(), framer.take_pings()), (2, 0));
    framer.push(b"\r\n");
    assert!(framer.next().is_none());
    assert_eq!(framer.take_pings(), 0, "a pong is one line end");
    framer.push(BYE.as_bytes());
    assert!(framer.next().is_some());
    framer.push(b"\r\n");
    assert!(framer.next().is_none());
    assert_eq!(
        framer.take_pings(),
        0,
        "line ends on both sides of a message make no ping"
    );
}

/// RFC 3261 §20.14: on streams Content-Length is mandatory. Two values, a sign or a wrap are answered and end the
/// connection (t-A19).
#[test]
fn a_length_that_cannot_be_trusted_ends_the_connection() {
    for length in [
        "",
        "Content-Length: -1\r\n",
        "Content-Length: 5\r\nl: 5\r\n",
        "Content-Length: 4294967328\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "l: 0x5\r\n",
        "l:\r\n",
        "l: 5 5\r\n",
    ] {
        let mut framer = StreamFramer::new();
        framer.push(BYE.replace("Content-Length: 5\r\n", length).as_bytes());
        let error = framer.next().unwrap().unwrap_err();
        assert_eq!(
            error.header,
            Some(crate::HeaderName::ContentLength),
            "{length}"
        );
        assert_eq!(error.reply.map(|reply| reply.status), Some(400), "{length}");
        framer.push(BYE.as_bytes());
        assert!(framer.next().is_none() && !framer.is_partial());
    }
}

#[test]
fn nothing_larger_than_the_limit_is_kept() {
    let mut framer = StreamFramer::new();
    framer.push(BYE.replace(": 5", ": 65536").as_bytes());
    let error = framer.next().unwrap().unwrap_err();
    assert_eq!(error.reply.map(|reply| reply.status), Some(513));

    let mut framer = StreamFramer::with_limit(1000);
    framer.push(b"INVITE sip:");
    framer.push(&[b'a'; 900]);
    assert!(framer.next().is_none() && framer.is_partial());
    framer.push(&[b'a'; 100]);
    assert_eq!(
        framer.next().unwrap().unwrap_err().kind,
        ErrorKind::TooLarge { limit: 1000 }
    );
}

#[test]
fn a_message_of_exactly_the_limit_passes() {
    let mut framer = StreamFramer::with_limit(BYE.len());
    framer.push(BYE.as_bytes());
    assert_eq!(framer.next().unwrap().unwrap(), BYE);
    let mut framer = StreamFramer::with_limit(BYE.len() - 1);
    framer.push(BYE.as_bytes());
    assert!(framer.next().unwrap().is_err());
}

#[test]
fn a_message_that_is_cut_short_is_answered_if_its_head_is_there() {
    let mut framer = StreamFramer::new();
    framer.push(BYE.as_bytes());
    assert!(framer.next().is_some());
    assert_eq!(framer.cut_short(), None, "between messages");

    let mut framer = StreamFramer::new();
    framer.push(BYE.strip_suffix("lo").unwrap().as_bytes());
    assert!(framer.next().is_none());
    let error = framer.cut_short().unwrap();
    assert_eq!(error.reply.map(|reply| reply.status), Some(400));
    assert!(framer.next().is_none() && !framer.is_partial());

    let mut framer = StreamFramer::new();
    framer.push(b"BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c\r\n");
    assert!(framer.next().is_none());
    assert_eq!(framer.cut_short(), None, "the head is not there");
}
