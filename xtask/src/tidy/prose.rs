//! What a source says to people: its comments and its strings, without its code.

/// One line of a source.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Prose {
    /// Text of comments. Inline code and fenced blocks in it are blank.
    pub(super) comment: String,
    /// Text of string literals.
    pub(super) string: String,
}

/// The prose of each line of a file; empty for files that are data.
pub(super) fn prose(path: &str, text: &str) -> Vec<Prose> {
    let end = path.rsplit('.').next().unwrap_or_default();
    let mut lines = match end {
        "rs" => Lexer::read(text, &RUST),
        "js" | "mjs" => Lexer::read(text, &SCRIPT),
        "md" => text.lines().map(|line| comment(line.to_owned())).collect(),
        "toml" | "yml" | "sh" | "py" | "properties" => text.lines().map(after_hash).collect(),
        _ => Vec::new(),
    };
    blank_code(&mut lines);
    lines
}

fn comment(comment: String) -> Prose {
    Prose {
        comment,
        string: String::new(),
    }
}

fn after_hash(line: &str) -> Prose {
    comment(
        line.split_once('#')
            .map_or_else(String::new, |(_, text)| text.to_owned()),
    )
}

/// Blanks fenced blocks and inline code of comments.
fn blank_code(lines: &mut [Prose]) {
    let mut fenced = false;
    for line in lines {
        let text = line.comment.trim_start_matches(['/', '!', '*', ' ', '>']);
        let is_fence = text.starts_with("```");
        if line.comment.trim().is_empty() {
            // A block ends with its comment: a fence that nobody closed reaches no further.
            fenced &= line.string.is_empty();
            continue;
        }
        if is_fence {
            fenced = !fenced;
        }
        if fenced || is_fence {
            line.comment.clear();
            continue;
        }
        // The parts at odd places stand between two backticks, but for a last one that nothing closes.
        let parts: Vec<&str> = line.comment.split('`').collect();
        let mut prose = String::new();
        for (index, part) in parts.iter().enumerate() {
            match index % 2 {
                0 => prose.push_str(part),
                _ if index + 1 == parts.len() => prose.extend(["`", part]),
                _ => prose.push_str(" ` "),
            }
        }
        line.comment = prose;
    }
}

/// How a language writes strings.
struct Language {
    /// What opens and closes a string.
    quotes: &'static [char],
    /// `r"..."`, `r#"..."#`; `'` is a character or a lifetime.
    is_rust: bool,
}

const RUST: Language = Language {
    quotes: &['"'],
    is_rust: true,
};
const SCRIPT: Language = Language {
    quotes: &['"', '\'', '`'],
    is_rust: false,
};

/// Where a lexer is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Code,
    LineComment,
    /// Depth of nesting.
    BlockComment(usize),
    /// The closing quote.
    String(char),
    /// Number of `#` that close it.
    RawString(usize),
}

struct Lexer {
    place: Place,
    line: Prose,
    lines: Vec<Prose>,
}

impl Lexer {
    fn read(text: &str, language: &Language) -> Vec<Prose> {
        let mut lexer = Self {
            place: Place::Code,
            line: Prose::default(),
            lines: Vec::new(),
        };
        let mut before = ' ';
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let taken = lexer.step(c, before, rest, language);
            before = c;
            rest = rest.get(taken..).unwrap_or_default();
        }
        lexer.end_line(language);
        lexer.lines
    }

    /// Takes what `rest` begins with, `c` and perhaps more: the number of bytes. `before` is the
    /// character before it.
    fn step(&mut self, c: char, before: char, rest: &str, language: &Language) -> usize {
        if c == '\n' {
            self.end_line(language);
            return 1;
        }
        match self.place {
            Place::Code => return self.code(c, before, rest, language),
            Place::LineComment => self.line.comment.push(c),
            Place::BlockComment(depth) => {
                if rest.starts_with("*/") {
                    self.place = match depth {
                        1 => Place::Code,
                        _ => Place::BlockComment(depth - 1),
                    };
                    return 2;
                }
                if language.is_rust && rest.starts_with("/*") {
                    self.place = Place::BlockComment(depth + 1);
                    return 2;
                }
                self.line.comment.push(c);
            }
            Place::String(quote) => {
                if c == '\\' {
                    // An escape is one sign of data, whatever letters it has.
                    self.line.string.push('\\');
                    return 1 + rest[1..].chars().next().map_or(0, |c| match c {
                        '\n' => 0,
                        c => c.len_utf8(),
                    });
                }
                if c == quote {
                    self.place = Place::Code;
                    self.line.string.push(' ');
                } else {
                    self.line.string.push(c);
                }
            }
            Place::RawString(hashes) => {
                let close = format!("\"{}", "#".repeat(hashes));
                if rest.starts_with(&close) {
                    self.place = Place::Code;
                    self.line.string.push(' ');
                    return close.len();
                }
                self.line.string.push(c);
            }
        }
        c.len_utf8()
    }

    fn code(&mut self, c: char, before: char, rest: &str, language: &Language) -> usize {
        if rest.starts_with("//") {
            self.place = Place::LineComment;
            return 2;
        }
        if rest.starts_with("/*") {
            self.place = Place::BlockComment(1);
            return 2;
        }
        if language.is_rust {
            let in_word = before.is_alphanumeric() || before == '_';
            if c == 'r' && (!in_word || before == 'b') {
                let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
                if rest[1 + hashes..].starts_with('"') {
                    self.place = Place::RawString(hashes);
                    return 2 + hashes;
                }
            }
            if c == '\'' {
                return character(rest);
            }
        }
        if language.quotes.contains(&c) {
            self.place = Place::String(c);
        }
        c.len_utf8()
    }

    fn end_line(&mut self, language: &Language) {
        self.lines.push(std::mem::take(&mut self.line));
        let ends = match self.place {
            Place::LineComment => true,
            // Strings of a script end with their line, but for templates. A quote in a regular
            // expression is thus forgotten at the end of its line.
            Place::String(quote) => !language.is_rust && quote != '`',
            _ => false,
        };
        if ends {
            self.place = Place::Code;
        }
    }
}

/// Length of the character literal that `rest` begins with; 1 if it is a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let after = at + escaped.len_utf8();
            rest[after..].find('\'').map_or(1, |end| after + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &str, text: &str) -> Vec<(String, String)> {
        let trimmed = |text: String| text.trim().to_owned();
        prose(path, text)
            .into_iter()
            .map(|line| (trimmed(line.comment), trimmed(line.string)))
            .collect()
    }

    #[track_caller]
    fn one(path: &str, text: &str, comment: &str, string: &str) {
        assert_eq!(
            said(path, text),
            [(comment.into(), string.into())],
            "{text}"
        );
    }

    #[test]
    fn rust_has_comments_and_strings_of_all_kinds() {
        one("x.rs", "let a = B; // said", "said", "");
        one(
            "x.rs",
            "/* one /* two */ three */ four",
            "one  two  three",
            "",
        );
        one(
            "x.rs",
            r#"f("said // too \" still", a)"#,
            "",
            r"said // too \ still",
        );
        one("x.rs", r###"f(r#"a "b" c"#, d)"###, "", r#"a "b" c"#);
        one("x.rs", r#"f(br"\x" , b"y")"#, "", r"\x y");
        one("x.rs", r#"let q = '"'; let e = '\''; g("s")"#, "", "s");
        one("x.rs", "fn f<'a>(x: &'a str) {} // said", "said", "");
        one("x.rs", "let r = bar; // said", "said", "");
        let text = "f(\"first \\\n second\"); // third";
        let expected = [("", r"first \"), ("third", "second")];
        let expected = expected.map(|(comment, string)| (comment.into(), string.into()));
        assert_eq!(said("x.rs", text), expected);
    }

    #[test]
    fn scripts_have_three_quotes_and_forget_those_of_expressions() {
        one("x.js", "f('it', \"is\", `said`) // so", "so", "it is said");
        let text = "x.replace(/\"/, a)\nb // said";
        let lines = said("x.mjs", text);
        assert_eq!(lines[1], ("said".into(), String::new()));
    }

    #[test]
    fn code_in_comments_and_documents_is_blank() {
        one("x.rs", "/// see `A1` and B1", "/ see  `  and B1", "");
        one("x.rs", "// one ` backtick", "one ` backtick", "");
        let text = "before\n```text\nA1\n```\nafter";
        let lines: Vec<String> = said("x.md", text).into_iter().map(|(c, _)| c).collect();
        assert_eq!(lines, ["before", "", "", "", "after"]);
        let text = "//! ```text\n//! A1\nfn f() { g(\"x\") }\n// after";
        assert_eq!(said("x.rs", text).last().unwrap().0, "after");
    }

    #[test]
    fn files_with_hashes_and_data() {
        one("x.toml", "key = 1 # said", "said", "");
        assert_eq!(prose("x.sdp", "a=x"), []);
    }
}
