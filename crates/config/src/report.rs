//! What a reader of settings says: reports for what is odd, an error for what is wrong.

use std::fmt;

use thiserror::Error as ThisError;

use crate::table::{ENTRIES, Entry};

/// Least similarity of a name that is worth suggesting, 0 to 1.
const SIMILAR: f64 = 0.5;

/// Where a key was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// This line of the file, from 1.
    Line(usize),
    /// An override, such as `--set`.
    Override,
    /// Nowhere: the default.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Override => f.write_str("command line"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Something odd that keeps nothing from starting. `Display` is one line: where, key, what. It
/// never holds a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What sort.
    pub kind: ReportKind,
    /// Where the key was given.
    pub source: Source,
    /// The key.
    pub key: String,
    /// What is odd about it, a part of a sentence.
    pub text: String,
}

/// What sort of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportKind {
    /// Not a key of this server; `nearest` is what may have been meant.
    Unknown {
        /// The most similar key, if one is similar at all.
        nearest: Option<&'static str>,
    },
    /// Known, and without effect here.
    NoEffect,
    /// Given more than once; the last counts.
    Repeated,
    /// Another key goes before it.
    Overruled,
}

impl Report {
    pub(crate) fn new(
        kind: ReportKind,
        source: Source,
        key: &str,
        text: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            source,
            key: shown(key),
            text: text.into(),
        }
    }

    pub(crate) fn unknown(source: Source, key: &str) -> Self {
        let nearest = nearest(key);
        let text = match nearest {
            Some(name) => format!("is not a known key; the nearest one is {name}"),
            None => "is not a known key, nor is any known one like it".to_owned(),
        };
        Self::new(ReportKind::Unknown { nearest }, source, key, text)
    }

    pub(crate) fn no_effect(source: Source, key: &str, reason: &str) -> Self {
        let text = format!("is known, has no effect yet: {reason}");
        Self::new(ReportKind::NoEffect, source, key, text)
    }

    pub(crate) fn repeated(source: Source, key: &str, first: usize) -> Self {
        let text = format!("was already given in line {first}; the last one counts");
        Self::new(ReportKind::Repeated, source, key, text)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.source, self.key, self.text)
    }
}

/// A setting that can't be used. `Display` names key, value, line and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("{text}")]
pub struct Error {
    /// The key; `None` where the file itself can't be read.
    pub key: Option<&'static str>,
    /// The value as given; `***` for a secret.
    pub value: String,
    /// Where it was given.
    pub source_of_value: Source,
    /// What is allowed.
    pub allowed: &'static str,
    /// All of it in a sentence.
    pub text: String,
}

impl Error {
    pub(crate) fn wrong_value(entry: &Entry, source: Source, value: &str, detail: String) -> Self {
        let value = if entry.is_secret() {
            "***".to_owned()
        } else {
            shown(value)
        };
        Self {
            key: Some(entry.name),
            source_of_value: source,
            allowed: entry.allowed,
            text: format!(
                "{source}: {}={value} is refused: {detail}. Allowed: {}.",
                entry.name, entry.allowed
            ),
            value,
        }
    }

    pub(crate) fn syntax(line: Option<usize>, detail: String) -> Self {
        let source = line.map_or(Source::Default, Source::Line);
        let place = line.map_or_else(String::new, |line| format!("line {line}: "));
        Self {
            key: None,
            value: String::new(),
            source_of_value: source,
            allowed: "key=value, one a line",
            text: format!("{place}{detail}"),
        }
    }
}

/// The known key most like `key`.
fn nearest(key: &str) -> Option<&'static str> {
    let similarity =
        |name: &str| strsim::normalized_damerau_levenshtein(&key.to_ascii_lowercase(), name);
    ENTRIES
        .iter()
        .map(|entry| (similarity(entry.name), entry.name))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// A text fit for one line of a log: control characters escaped, at most 80 characters.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == 80 {
            shown.push_str("...");
            break;
        }
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}
