//! What is taken out of a description before its syntax is read, because real devices write it.
//!
//! | seen | done |
//! |---|---|
//! | bare LF or CR, blank lines, spaces around a line, no end on the last line | cut |
//! | `o=` whose user name has spaces, ids that are no numbers | read from the right |
//! | `m=` without formats (`stripCodecs` leaves `...SAVPF 111 63 ` or nothing at all) | kept, empty |
//! | line types RFC 8866 does not know, and those we never use (`i= u= e= p= r= z= k=`) | dropped |
//! | a second `o=`, a second session-level `c=`, `b=` that is no `<type>:<number>` | dropped |

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use crate::description::Origin;
use crate::parse::Error;

/// Longest description that is read. A page's frame and a UDP datagram both end here.
const MAX_BYTES: usize = 64 * 1024;
/// Most m-lines that are read.
const MAX_MEDIA: usize = 32;

/// A description that `sdp-types` can read.
pub(crate) struct Clean {
    /// LF lines: `v= c= b= a= m=` and no other.
    pub(crate) text: String,
    /// For each line of `text` its number in what was received, from 1.
    pub(crate) numbers: Vec<usize>,
    /// `o=`.
    pub(crate) origin: Origin,
    /// `a=` and `b=` lines before `t=`.
    pub(crate) session_lines: Vec<String>,
}

impl Clean {
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(error(0, "the description is longer than 64 KiB"));
        }
        let mut lines = lines(text).filter(|(_, line)| !line.is_empty());
        let mut clean = Self {
            text: "v=0\n".into(),
            numbers: Vec::new(),
            origin: Origin {
                session_id: 0,
                version: 0,
                addr: Ipv4Addr::UNSPECIFIED.into(),
            },
            session_lines: Vec::new(),
        };
        match lines.next() {
            Some((number, "v=0")) => clean.numbers.push(number),
            Some((number, _)) => return Err(error(number, "the first line is not v=0")),
            None => return Err(error(0, "the description is empty")),
        }
        let mut seen = Seen::default();
        for (number, line) in lines {
            if line.chars().any(|c| c.is_control() && c != '\t') {
                return Err(error(number, "the line has a control character"));
            }
            clean.take(number, line, &mut seen)?;
        }
        Ok(clean)
    }

    /// Where a line of this type with this word was received; 0 if nowhere.
    pub(crate) fn line_of(&self, key: &str, word: &str) -> usize {
        let found = |line: &str| line.starts_with(key) && line.contains(word);
        let place = self.text.lines().position(found);
        place
            .and_then(|place| self.numbers.get(place))
            .copied()
            .unwrap_or(0)
    }

    fn take(&mut self, number: usize, line: &str, seen: &mut Seen) -> Result<(), Error> {
        let Some((key, value)) = line.split_once('=') else {
            return Ok(());
        };
        let value = value.trim();
        let in_session = seen.media == 0;
        match key {
            "o" if in_session && !seen.origin => {
                seen.origin = true;
                self.origin = read_origin(value);
            }
            "t" if in_session => self.session_lines.append(&mut seen.before_time),
            "c" if in_session && seen.connection => {}
            "c" => {
                seen.connection = true;
                self.push(number, "c", value);
            }
            "b" if in_session && is_bandwidth(value) => {
                seen.before_time.push(format!("b={value}"));
            }
            "a" if !value.is_empty() => {
                if in_session {
                    seen.before_time.push(format!("a={value}"));
                }
                self.push(number, "a", value);
            }
            "m" => {
                seen.media += 1;
                if seen.media > MAX_MEDIA {
                    return Err(error(number, "there are more than 32 m-lines"));
                }
                self.push(number, "m", &media_line(value));
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, number: usize, key: &str, value: &str) {
        self.numbers.push(number);
        let _ = writeln!(self.text, "{key}={value}");
    }
}

#[derive(Default)]
struct Seen {
    origin: bool,
    connection: bool,
    media: usize,
    /// Session-level lines so far; they count as `sipSDP` only if a `t=` follows them.
    before_time: Vec<String>,
}

/// Lines whatever ends them, with their number counted in LFs.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n')
        .enumerate()
        .flat_map(|(index, line)| line.split('\r').map(move |part| (index + 1, part.trim())))
}

/// `<user> <id> <version> IN IP4 <address>`: the user name may hold spaces, so from the right.
fn read_origin(value: &str) -> Origin {
    let mut fields = value.split_whitespace().rev();
    let addr = fields
        .next()
        .and_then(read_addr)
        .unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let mut fields = fields.skip(2).map(|field| field.parse().unwrap_or(0));
    let version = fields.next().unwrap_or(0);
    Origin {
        session_id: fields.next().unwrap_or(0),
        version,
        addr,
    }
}

/// An address, with the brackets some write around IPv6 and the TTL of multicast cut off.
pub(crate) fn read_addr(text: &str) -> Option<IpAddr> {
    let text = text.split('/').next()?;
    text.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

fn is_bandwidth(value: &str) -> bool {
    value.split_once(':').is_some_and(|(kind, number)| {
        !kind.is_empty() && !kind.contains(char::is_whitespace) && number.parse::<u64>().is_ok()
    })
}

/// One space between the fields, and one at the end where no format follows.
fn media_line(value: &str) -> String {
    let mut fields = value.split_whitespace();
    let head: Vec<&str> = fields.by_ref().take(3).collect();
    let formats: Vec<&str> = fields.collect();
    if head.len() < 3 {
        head.join(" ")
    } else {
        format!("{} {}", head.join(" "), formats.join(" "))
    }
}

pub(crate) fn error(line: usize, what: impl Into<String>) -> Error {
    Error {
        line,
        what: what.into(),
    }
}
