//! `docs/config.md`, written from the table.

use std::fmt::Write;

use crate::table::{ENTRIES, Group};

const HEAD: &str = "\
# Settings

<!-- Written from the table in crates/config; `UPDATE_DOCS=1 cargo test -p config` writes it anew. -->

Settings stand in a file `flashphoner.properties`, one `key=value` a line, in the syntax of Java properties
(`#` and `!` begin a comment, `\\` at the end continues a line). No key is required. A key without a value has its default.

- `ringdown serve --config FILE` reads the file; `--set key=value` goes before it.
- A key that is not known is reported with the nearest one that is. Nothing else happens.
- A value that is not allowed is refused, with its key, its line and what is allowed. The server does not start.
- A key given twice counts as given the last time, and is reported.
- Every port may be 0: any free port is taken, and printed at the start.
";

/// Chapters in order.
const CHAPTERS: [(Group, &str); 7] = [
    (Group::Addresses, "Addresses"),
    (Group::Pages, "Pages and WebSocket"),
    (Group::Sessions, "Sessions and calls"),
    (Group::Sip, "SIP"),
    (Group::Codecs, "Codecs"),
    (Group::Media, "Media"),
    (Group::Operation, "Operation"),
];

/// The whole document.
pub fn docs() -> String {
    let mut text = HEAD.to_owned();
    for (group, title) in CHAPTERS {
        let _ = write!(
            text,
            "\n## {title}\n\n| key | default | allowed | what it is for |\n|---|---|---|---|\n"
        );
        for entry in ENTRIES.iter().filter(|entry| entry.group == group) {
            let default = match entry.default {
                "" => String::new(),
                default => format!("`{}`", default.replace(',', ", ")),
            };
            let _ = writeln!(
                text,
                "| `{}` | {default} | {} | {} |",
                entry.name, entry.allowed, entry.doc
            );
        }
    }
    text.push_str(
        "\n## Known, without effect yet\n\nThese keys of existing files are accepted and reported, so that no such file is refused.\n\n\
         | key | why it has no effect |\n|---|---|\n",
    );
    for entry in ENTRIES.iter().filter(|e| e.group == Group::WithoutEffect) {
        let _ = writeln!(text, "| `{}` | {} |", entry.name, entry.doc);
    }
    text
}
