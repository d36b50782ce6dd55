//! `docs/protocol.md` describes the wire that these types speak: every JSON block in it is a frame
//! that decodes, `encode` writes a server's frame exactly so, and no message is left out.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use signaling::*;

/// A fenced block: the line it starts at, what follows the fence, its text.
struct Block {
    line: usize,
    info: String,
    text: String,
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md");
    std::fs::read_to_string(path).unwrap()
}

fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (index, line) in document().lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(info) => {
                open = true;
                blocks.push(Block {
                    line: index + 1,
                    info: info.into(),
                    text: String::new(),
                });
            }
            None if open => {
                let text = &mut blocks.last_mut().unwrap().text;
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    assert!(!open, "a block is not closed");
    blocks
}

#[test]
fn every_json_block_is_a_frame() {
    let (mut pages, mut servers) = (0, 0);
    for Block { line, info, text } in blocks() {
        match info.as_str() {
            "json page" => {
                let message = decode(&text).unwrap_or_else(|e| panic!("line {line}: {e}"));
                let ignored = matches!(message, ClientMessage::Ignored { .. });
                assert!(!ignored, "line {line}: an unknown message");
                pages += 1;
            }
            "json page malformed" => {
                let error = decode(&text).unwrap_err();
                let answer = encode(&ServerMessage::Fail(Fail::malformed(&error)));
                let told = blocks().into_iter().find(|b| b.line > line).unwrap();
                let told: serde_json::Value = serde_json::from_str(&told.text).unwrap();
                assert_eq!(answer, told.to_string(), "line {line}");
            }
            "json server" => {
                let message = decode_server(&text).unwrap_or_else(|e| panic!("line {line}: {e}"));
                let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(encode(&message), frame.to_string(), "line {line}");
                servers += 1;
            }
            other => assert!(!other.contains("json"), "line {line}: page or server?"),
        }
    }
    assert!(pages > 15 && servers > 20, "{pages} and {servers}");
}

#[test]
fn no_message_is_left_out() {
    let names = |kind: &str| -> BTreeSet<String> {
        blocks()
            .iter()
            .filter(|block| block.info == kind)
            .map(|block| {
                let frame: serde_json::Value = serde_json::from_str(&block.text).unwrap();
                frame["message"].as_str().unwrap().to_owned()
            })
            .collect()
    };
    let pages = [
        "answer",
        "call",
        "connection",
        "explain",
        "hangup",
        "hold",
        "ping",
        "pong",
        "publishStream",
        "sendData",
        "sendDtmf",
        "sipMessage",
        "transfer",
        "unhold",
    ];
    let servers = [
        "DataStatusEvent",
        "busy",
        "digit",
        "explain",
        "fail",
        "finish",
        "getUserData",
        "hold",
        "holdState",
        "messageWaiting",
        "notifyIncomingCall",
        "notifyTransferEvent",
        "notifyTryingResponse",
        "ping",
        "pong",
        "registered",
        "registrationState",
        "ring",
        "setRemoteSDP",
        "sipMessage",
        "sipMessageStatus",
        "talk",
    ];
    assert_eq!(names("json page"), pages.map(String::from).into());
    assert_eq!(names("json server"), servers.map(String::from).into());
}

#[test]
fn limits_and_features_are_those_of_the_code() {
    let document = document();
    for told in [
        format!("{MAX_FRAME_BYTES} bytes"),
        format!("{MAX_DEPTH} levels"),
        format!("{MAX_VALUES} values"),
    ] {
        assert!(document.contains(&told), "{told} is not told");
    }
    for feature in Feature::ALL {
        let title = format!("### {}\n", feature.name());
        assert!(document.contains(&title), "{feature:?} is not told");
    }
    let served: Vec<String> = Feature::SERVED
        .iter()
        .map(|feature| format!("`{}`", feature.name()))
        .collect();
    let granted = format!("\nThis server grants {}. ", served.join(", "));
    assert!(document.contains(&granted), "{granted} is not told");
}
