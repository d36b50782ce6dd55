//! `key=value` lines as Java reads them (`java.util.Properties`), in UTF-8.

use java_properties::{LineContent, PropertiesIter};

use crate::Error;

/// Every pair with its line (from 1), in order.
pub(crate) fn pairs(text: &str) -> Result<Vec<(usize, String, String)>, Error> {
    let text = without_comments(text);
    let mut pairs = Vec::new();
    for line in PropertiesIter::new_with_encoding(text.as_bytes(), encoding_rs::UTF_8) {
        let line = line.map_err(|error| Error::syntax(error.line_number(), error.to_string()))?;
        let number = line.line_number();
        if let LineContent::KVPair(key, value) = line.consume_content() {
            pairs.push((number, key, value));
        }
    }
    Ok(pairs)
}

/// Empties comments and keeps their lines: the parser would read escapes in them, so that
/// `# C:\users` were an error.
fn without_comments(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut kept = String::with_capacity(text.len());
    let mut continued = false;
    for line in text.replace("\r\n", "\n").split(['\n', '\r']) {
        let is_comment = !continued
            && line
                .trim_start_matches([' ', '\t', '\u{c}'])
                .starts_with(['#', '!']);
        if is_comment {
            kept.push('#');
        } else {
            kept.push_str(line);
            let backslashes = line.len() - line.trim_end_matches('\\').len();
            continued = backslashes % 2 == 1;
        }
        kept.push('\n');
    }
    kept
}
