//! Hold by either side, in every form and order (RFC 3264 §8.4, RFC 6337 §5).

use sdp::{Agreement, Description, Direction};

use crate::agreed::{BROWSER, direction, incoming, outgoing, version};
use crate::samples::{parsed, sip};

/// How the peer says what it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum They {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
    /// `c=0.0.0.0`, and no direction.
    NoAddress,
}

use They::{Inactive, NoAddress, RecvOnly, SendOnly, SendRecv};

impl They {
    fn wants(self) -> Direction {
        match self {
            SendRecv => Direction::SendRecv,
            SendOnly | NoAddress => Direction::SendOnly,
            RecvOnly => Direction::RecvOnly,
            Inactive => Direction::Inactive,
        }
    }

    /// Its description, limited by our offer if it answers one (RFC 3264 §6.1).
    fn says(self, ours: Option<Direction>) -> Description {
        let said = ours.map_or(self.wants(), |ours| self.wants().and(ours.reversed()));
        let text = sip(&format!("m=audio 4000 RTP/AVP 0\na={}", said.name()));
        parsed(&match self {
            NoAddress => text
                .replace("c=IN IP4 192.0.2.9", "c=IN IP4 0.0.0.0")
                .replace("a=sendonly\n", ""),
            _ => text,
        })
    }
}

/// Who makes the next offer.
#[derive(Debug, Clone, Copy)]
enum Mover {
    /// The peer.
    They,
    /// We.
    We,
    /// We, in the 200 to their re-INVITE without SDP.
    WeAsked,
}

/// One offer and its answer; `we`: we hold.
fn moved(call: &Agreement, mover: Mover, they: They, we: bool) -> Agreement {
    let offer = match mover {
        Mover::They => return call.answer(&they.says(None), we).unwrap(),
        Mover::We => call.offer(we),
        Mover::WeAsked => call.late_offer(we),
    };
    let limit = offer.ours().media[0].direction;
    let answered = offer.answered(&they.says(Some(limit))).unwrap();
    assert_eq!(answered.ours(), offer.ours());
    answered
}

fn ours(call: &Agreement) -> Direction {
    call.ours().media[0].direction
}

#[test]
fn each_direction_of_theirs_with_and_without_our_hold() {
    use Mover::{They, We, WeAsked};
    // They, we hold, who moves: our line, theirs, the plan's direction, whether they hold us.
    for (they, we, mover, our_line, their_line, plan, held) in [
        (
            SendRecv, false, They, "sendrecv", "sendrecv", "sendrecv", false,
        ),
        (
            SendOnly, false, They, "recvonly", "sendonly", "recvonly", true,
        ),
        (
            RecvOnly, false, They, "sendonly", "recvonly", "sendonly", false,
        ),
        (
            Inactive, false, They, "inactive", "inactive", "inactive", true,
        ),
        (
            NoAddress, false, They, "recvonly", "sendonly", "recvonly", true,
        ),
        (
            SendRecv, true, They, "sendonly", "sendrecv", "sendonly", false,
        ),
        (
            SendOnly, true, They, "inactive", "sendonly", "inactive", true,
        ),
        (
            RecvOnly, true, They, "sendonly", "recvonly", "sendonly", false,
        ),
        (
            Inactive, true, They, "inactive", "inactive", "inactive", true,
        ),
        (
            NoAddress, true, They, "inactive", "sendonly", "inactive", true,
        ),
        (
            SendRecv, false, We, "sendrecv", "sendrecv", "sendrecv", false,
        ),
        (
            SendOnly, false, We, "sendrecv", "sendonly", "recvonly", true,
        ),
        (
            RecvOnly, false, We, "sendrecv", "recvonly", "sendonly", false,
        ),
        (
            Inactive, false, We, "sendrecv", "inactive", "inactive", true,
        ),
        (
            NoAddress, false, We, "sendrecv", "sendonly", "recvonly", true,
        ),
        (
            SendRecv, true, We, "sendonly", "recvonly", "sendonly", false,
        ),
        // They held us before, so we offer inactive and learn nothing new.
        (SendOnly, true, We, "inactive", "inactive", "inactive", true),
        (
            RecvOnly, true, We, "sendonly", "recvonly", "sendonly", false,
        ),
        (Inactive, true, We, "inactive", "inactive", "inactive", true),
        (
            NoAddress, true, We, "inactive", "inactive", "inactive", true,
        ),
        (
            SendRecv, false, WeAsked, "sendrecv", "sendrecv", "sendrecv", false,
        ),
        (
            SendOnly, false, WeAsked, "sendrecv", "sendonly", "recvonly", true,
        ),
        (
            RecvOnly, false, WeAsked, "sendrecv", "recvonly", "sendonly", false,
        ),
        (
            Inactive, false, WeAsked, "sendrecv", "inactive", "inactive", true,
        ),
        (
            NoAddress, false, WeAsked, "sendrecv", "sendonly", "recvonly", true,
        ),
        // What we want, and not what they said last: it may be their resume.
        (
            SendRecv, true, WeAsked, "sendonly", "recvonly", "sendonly", false,
        ),
        (
            SendOnly, true, WeAsked, "sendonly", "inactive", "inactive", true,
        ),
        (
            RecvOnly, true, WeAsked, "sendonly", "recvonly", "sendonly", false,
        ),
        (
            Inactive, true, WeAsked, "sendonly", "inactive", "inactive", true,
        ),
        (
            NoAddress, true, WeAsked, "sendonly", "inactive", "inactive", true,
        ),
    ] {
        let row = format!("they {they:?}, we hold {we}, {mover:?} moves");
        for call in [
            outgoing(BROWSER, "m=audio 4000 RTP/AVP 0"),
            incoming("m=audio 4000 RTP/AVP 0", BROWSER),
        ] {
            // They have said so before, and now the move.
            let call = call.answer(&they.says(None), false).unwrap();
            let after = moved(&call, mover, they, we);
            let their_direction = after.theirs().media[0].direction;
            assert_eq!(
                (ours(&after).name(), their_direction.name()),
                (our_line, their_line),
                "{row}"
            );
            assert_eq!(direction(&after).name(), plan, "{row}");
            assert_eq!(after.plan().held_by_peer(), held, "{row}");
            let text = after.ours().to_string();
            assert!(!text.contains("0.0.0.0"), "{row}: {text}");
            let remote = after.plan().media[0].remote;
            assert_eq!(remote.is_none(), they == NoAddress, "{row}");
        }
    }
}

#[test]
fn both_hold_and_either_resumes_first() {
    let call = || incoming("m=audio 4000 RTP/AVP 0", BROWSER);
    for held in [SendOnly, Inactive, NoAddress] {
        for we_first in [true, false] {
            for we_resume_first in [true, false] {
                for mover in [Mover::They, Mover::WeAsked] {
                    let row = format!("{held:?}, {we_first}, {we_resume_first}, {mover:?}");
                    let mut call = call();
                    let (mut they, mut we) = (SendRecv, false);
                    for we_move in [we_first, !we_first] {
                        (they, we) = if we_move { (they, true) } else { (held, we) };
                        let mover = if we_move { Mover::We } else { mover };
                        call = moved(&call, mover, they, we);
                    }
                    assert_eq!(direction(&call), Direction::Inactive, "{row}");
                    assert!(call.plan().held_by_peer(), "{row}");
                    for we_move in [we_resume_first, !we_resume_first] {
                        (they, we) = if we_move {
                            (they, false)
                        } else {
                            (SendRecv, we)
                        };
                        let mover = if we_move { Mover::We } else { mover };
                        call = moved(&call, mover, they, we);
                        assert_eq!(call.plan().held_by_peer(), they != SendRecv, "{row}");
                        // Music on hold is heard again as soon as we listen.
                        let expected = match (they, we) {
                            (SendRecv, true) => Direction::SendOnly,
                            (SendOnly | NoAddress, false) => Direction::RecvOnly,
                            (Inactive, false) => Direction::Inactive,
                            _ => Direction::SendRecv,
                        };
                        assert_eq!(direction(&call), expected, "{row}");
                    }
                    assert!(call.plan().media[0].remote.is_some(), "{row}");
                }
            }
        }
    }
}

#[test]
fn a_peer_that_answers_our_hold_with_a_hold_is_released_with_us() {
    let call = outgoing(BROWSER, "m=audio 4000 RTP/AVP 0");
    let held = moved(&call, Mover::We, Inactive, true);
    assert_eq!(direction(&held), Direction::Inactive);
    let resumed = moved(&held, Mover::We, SendRecv, false);
    assert_eq!(direction(&resumed), Direction::SendRecv);
    assert!(!resumed.plan().held_by_peer());
}

#[test]
fn every_way_to_write_a_hold() {
    let head = "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\n";
    let session = "c=IN IP4 192.0.2.9\r\nt=0 0\r\n";
    let audio = "m=audio 4000 RTP/AVP 0\r\n";
    for (text, expected) in [
        (format!("{session}{audio}a=sendonly"), "recvonly"),
        (format!("{session}a=sendonly\r\n{audio}"), "recvonly"),
        (
            format!("c=IN IP4 192.0.2.9\r\na=sendonly\r\nt=0 0\r\n{audio}"),
            "recvonly",
        ),
        (format!("{session}a=inactive\r\n{audio}"), "inactive"),
        (format!("c=IN IP4 0.0.0.0\r\nt=0 0\r\n{audio}"), "recvonly"),
        (format!("c=IN IP6 ::\r\nt=0 0\r\n{audio}"), "recvonly"),
        (
            format!("{session}{audio}c=IN IP4 0.0.0.0\r\na=sendrecv"),
            "recvonly",
        ),
        (
            format!("{session}{audio}c=IN IP4 0.0.0.0\r\na=inactive"),
            "inactive",
        ),
        (
            format!("c=IN IP4 0.0.0.0\r\nt=0 0\r\na=sendonly\r\n{audio}"),
            "recvonly",
        ),
    ] {
        let call = outgoing(BROWSER, "m=audio 4000 RTP/AVP 0");
        let held = call
            .answer(&parsed(&format!("{head}{text}")), false)
            .unwrap();
        assert_eq!(ours(&held).name(), expected, "{text}");
        assert!(held.plan().held_by_peer(), "{text}");
        // The resume says nothing, or sendrecv.
        for resume in ["", "a=sendrecv\r\n"] {
            let resume = parsed(&format!("{head}{session}{audio}{resume}"));
            let resumed = held.answer(&resume, false).unwrap();
            assert_eq!(ours(&resumed).name(), "sendrecv", "{text}");
            assert!(!resumed.plan().held_by_peer(), "{text}");
            assert_eq!(version(&resumed), version(&held) + 1);
        }
    }
}

#[test]
fn a_pause_of_video_alone_is_no_hold() {
    let browser = format!("{BROWSER}{}", crate::agreed::BROWSER_VIDEO);
    let offer = "m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000";
    let call = incoming(offer, &browser);
    let paused = parsed(&sip(&format!("{offer}\na=inactive")));
    let paused = call.answer(&paused, false).unwrap();
    assert!(!paused.plan().held_by_peer());
    assert_eq!(paused.plan().media[1].sip_direction, Direction::Inactive);
    // A hold of ours stops both.
    let held = paused.offer(true);
    let directions: Vec<&str> = held
        .ours()
        .media
        .iter()
        .map(|line| line.direction.name())
        .collect();
    assert_eq!(directions, ["sendonly", "sendonly"]);
}
