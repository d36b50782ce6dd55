//! `docs/config.md` is what the table says. `UPDATE_DOCS=1` writes it anew.
#![allow(clippy::unwrap_used)]

use std::path::Path;

#[test]
fn the_document_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/config.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, config::docs()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == config::docs(),
        "docs/config.md is stale: run UPDATE_DOCS=1 cargo test -p config"
    );
}
