//! The ids of `docs/requirements.md`: which there are, who holds them, and where they are named.

use super::prose::prose;

/// A row of the document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Requirement {
    /// Line of the document, from 1.
    pub(super) line: usize,
    pub(super) id: String,
    /// The last cell: tests, and what is not built yet.
    pub(super) held_by: String,
}

/// The rows of `docs/requirements.md`: of every table, those whose first cell is an id.
pub(super) fn requirements(document: &str) -> Vec<Requirement> {
    let row = |(number, line): (usize, &str)| {
        let cells = line.strip_prefix('|')?.strip_suffix('|')?;
        let (id, _) = cells.split_once('|')?;
        let (_, held_by) = cells.rsplit_once('|')?;
        let id = id.trim();
        let named = words(id, true);
        (named == [id]).then(|| Requirement {
            line: number + 1,
            id: id.to_owned(),
            held_by: held_by.trim().to_owned(),
        })
    };
    document.lines().enumerate().filter_map(row).collect()
}

impl Requirement {
    /// The tests that hold it: (file, case).
    pub(super) fn tests(&self) -> Vec<(&str, &str)> {
        let code = self.held_by.split('`').skip(1).step_by(2);
        code.filter_map(|test| test.split_once("::")).collect()
    }

    pub(super) fn is_unbuilt(&self) -> bool {
        self.held_by.contains("not built yet")
    }
}

/// The ids that a file names in its comments and strings: (line from 1, id).
pub(super) fn named(path: &str, text: &str) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    for (index, line) in prose(path, text).into_iter().enumerate() {
        let in_strings = words(&line.string, false);
        let ids = words(&line.comment, true).into_iter().chain(in_strings);
        named.extend(ids.map(|id| (index + 1, id)));
    }
    named
}

/// The ids in a text. A letter and a number are an id only as a word of their own: `H264`, `0xA8`,
/// `%B1`, `AB:C1:D2`, `K1_x` and `a/B1` are none. Lower-case ids (`b14`) are looked for in comments
/// alone, where `behaviour 14` and `trust: A9` mean `b14` and `t-A9`, too.
fn words(text: &str, in_comment: bool) -> Vec<String> {
    let mut ids = Vec::new();
    let mut from = 0;
    let mut last_threat_ends = None;
    while let Some(start) = text[from..].find(|c: char| c.is_ascii_alphanumeric()) {
        let start = from + start;
        let word_end = text[start..]
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .map_or(text.len(), |length| start + length);
        from = word_end;
        let word = &text[start..word_end];
        let (before, after) = (&text[..start], &text[word_end..]);
        if in_comment && before.to_ascii_lowercase().ends_with("behaviour ") && is_number(word) {
            ids.push(format!("b{word}"));
            continue;
        }
        let threat = before.strip_suffix("t-").filter(|_| word.starts_with('A'));
        if !is_id(word, in_comment)
            || touches_before(threat.unwrap_or(before))
            || touches_after(after)
        {
            continue;
        }
        // "trust: A9", "trust A8, A19"
        let lower = before.to_ascii_lowercase();
        let said = lower.ends_with("trust: ") || lower.ends_with("trust ");
        let goes_on = last_threat_ends.is_some_and(|end| text[end..start] == *", ");
        let in_words = in_comment && word.starts_with('A') && (said || goes_on);
        if in_words {
            last_threat_ends = Some(word_end);
        }
        ids.push(match threat.is_some() || in_words {
            true => format!("t-{word}"),
            false => word.to_owned(),
        });
    }
    ids
}

/// The letters that ids begin with, one or two digits, and for a rule put between two others a
/// lower-case letter.
fn is_id(word: &str, in_comment: bool) -> bool {
    let Some(letter) = word.chars().next() else {
        return false;
    };
    let known = "ABCFKR".contains(letter) || (in_comment && letter == 'b');
    let digits = word[letter.len_utf8()..]
        .strip_suffix(|c: char| c.is_ascii_lowercase() && letter == 'R')
        .unwrap_or(&word[letter.len_utf8()..]);
    known && is_number(digits)
}

fn is_number(text: &str) -> bool {
    (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether what stands before makes the word a part of something longer. A range does not: "A1-A18",
/// "K1..K7".
fn touches_before(before: &str) -> bool {
    let range = before.strip_suffix("..").or(before.strip_suffix('-'));
    if range.is_some_and(|begin| begin.ends_with(|c: char| c.is_ascii_digit())) {
        return false;
    }
    before
        .chars()
        .next_back()
        .is_some_and(|c| c.is_alphanumeric() || "_-#%\\/.+$@&=:<".contains(c))
}

/// Whether what comes after makes the word a part of something longer. A sentence may go on after
/// the word, as may a range: "K1: ..", "R4, ..", "(A15)", "A1-A18".
fn touches_after(after: &str) -> bool {
    let mut chars = after.chars();
    match (chars.next(), chars.next()) {
        (Some('_' | '=' | '/' | '@' | '%' | '\\' | '>'), _) => true,
        (Some('.' | ':'), Some(next)) => next.is_alphanumeric(),
        (Some('-'), Some(next)) => !next.is_ascii_uppercase(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn comment(text: &str, ids: &[&str]) {
        assert_eq!(words(text, true), ids, "{text}");
    }

    #[test]
    fn ids_are_words_of_their_own() {
        comment(
            "K1: whatever goes wrong (A15), R4, R8b; C10.",
            &["K1", "A15", "R4", "R8b", "C10"],
        );
        comment("A1-A18 and K1..K7", &["A1", "A18", "K1", "K7"]);
        comment("as b14 says, against t-A9", &["b14", "t-A9"]);
        assert_eq!(words("R5, R8b and b14", false), ["R5", "R8b"]);
    }

    #[test]
    fn what_looks_like_an_id_and_is_none() {
        for text in [
            "H264 G722 L16 VP8 AV1 MD5 T1 V4 IP4 X11 SHA256",
            "0xA8 \\xB1 %C1 #A1B2 U+00A8 AB:C1:D2 C1:FF a/B1 B1/2 x.A1 A1.b",
            "K1_x _K1 K123 K A KK1 k1 a8 C420jpeg sub-b1 b1-x A4-paper v=A1 A1=2",
        ] {
            comment(text, &[]);
        }
    }

    #[test]
    fn threats_and_behaviours_are_known_by_their_words() {
        comment("(trust: A9) and A9", &["t-A9", "A9"]);
        comment("Trust A8, A19: one reading", &["t-A8", "t-A19"]);
        comment("(requirement A15, trust A8).", &["A15", "t-A8"]);
        comment("(behaviour 36, F2)", &["b36", "F2"]);
        comment("(K4, behaviour 14; RFC 3261)", &["K4", "b14"]);
    }

    #[test]
    fn only_comments_and_strings_name_ids() {
        let text = "enum A1 { B2 } // C3\nassert!(x, \"R4 {}\", K5);\n/// `K6`\n";
        let found = named("x.rs", text);
        assert_eq!(found, [(1, "C3".to_owned()), (2, "R4".to_owned())]);
        assert_eq!(named("x.sdp", "A1"), []);
    }

    #[test]
    fn rows_of_the_document_are_read() {
        let document = "| id | what | held by |\n|---|---|---|\n\
            | K1 | A \"b\". | `a.rs::one`, `b.mjs::two words`; not built yet: c |\n\
            | t-A9 | x | not built yet |\n| A1 browsers | x | y |\nK2 | x | y\n";
        let rows = requirements(document);
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["K1", "t-A9"]);
        assert_eq!(rows[0].line, 3);
        assert_eq!(rows[0].tests(), [("a.rs", "one"), ("b.mjs", "two words")]);
        assert!(rows.iter().all(Requirement::is_unbuilt));
        assert_eq!(rows[1].tests(), []);
    }
}
