//! What may be said of messages in the log. Frames, SDP and media commands carry passwords, tokens
//! and ICE credentials, so the log names them and shows nothing of what they hold.

use std::fmt::{self, Debug, Write};

/// The name of a frame: its `message`, if that comes first as usual. Otherwise an empty text.
pub(crate) fn frame_name(text: &str) -> &str {
    let rest = text
        .trim_start()
        .strip_prefix("{\"message\":\"")
        .unwrap_or_default();
    let name = rest.split('"').next().unwrap_or_default();
    let plain = name.len() <= 32 && name.bytes().all(|b| b.is_ascii_alphanumeric());
    if plain { name } else { "" }
}

/// The name of an enum's variant. Formatting stops where the name ends.
pub(crate) fn variant(value: &impl Debug) -> String {
    let mut name = Name(String::new());
    // The error is our own: it ends the formatting.
    let _ = write!(name, "{value:?}");
    name.0
}

struct Name(String);

impl Write for Name {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = text
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(text.len());
        self.0.push_str(&text[..end]);
        if end == text.len() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_names_a_frame_and_shows_nothing_of_it() {
        let secret = r#"{"message":"connection","data":[{"sipPassword":"secret"}]}"#;
        assert_eq!(frame_name(secret), "connection");
        for odd in [
            r#"{"message": "secret"}"#,
            r#"{"sipPassword":"secret"}"#,
            r#"{"message":"a b secret"}"#,
        ] {
            assert_eq!(frame_name(odd), "", "{odd}");
        }
    }

    #[test]
    fn a_log_names_a_variant_and_shows_nothing_of_it() {
        assert_eq!(variant(&Some("secret")), "Some");
        assert_eq!(variant(&None::<u8>), "None");
        assert_eq!(variant(&("secret", 1)), "");
        #[derive(Debug)]
        enum Command {
            #[expect(dead_code, reason = "only formatted")]
            Open { password: &'static str },
        }
        let password = "secret";
        assert_eq!(variant(&Command::Open { password }), "Open");
    }
}
