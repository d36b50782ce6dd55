//! Makes a description fit for a strict parser, since real devices write what RFC 8866 forbids.
//!
//! | seen | what happens |
//! |---|---|
//! | bare LF or CR, blank lines, spaces around a line, a last line without an end | cut |
//! | `o=` with spaces in the user name, or ids that are not numbers | read from the right |
//! | `m=` without formats (`stripCodecs` leaves `...SAVPF 111 63 ` or nothing at all) | kept, empty |
//! | line types that RFC 8866 does not know or we never use (`i= u= e= p= r= z= k=`) | dropped |
//! | a second `o=`, a second session-level `c=`, a `b=` that is not `<type>:<number>` | dropped |

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use crate::address::read_addr;
use crate::description::Origin;
use crate::error::Error;

/// The longest description that is read. A page's frame and a UDP datagram end here, too.
const MAX_BYTES: usize = 64 * 1024;
/// The most m-lines that are read.
const MAX_MEDIA: usize = 32;

/// A description that `sdp-types` can read.
pub(crate) struct Clean {
    /// LF lines: `v= c= b= a= m=` and no other.
    pub(crate) text: String,
    /// For each line of `text` its number in what was received, from 1.
    pub(crate) numbers: Vec<usize>,
    /// `o=`.
    pub(crate) origin: Origin,
    /// The session section's `b=` lines, then its `a=` lines.
    pub(crate) session_lines: Vec<String>,
}

impl Clean {
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::at(0, "the description is longer than 64 KiB"));
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
            Some((number, _)) => return Err(Error::at(number, "the first line is not v=0")),
            None => return Err(Error::at(0, "the description is empty")),
        }
        let mut seen = Seen::default();
        for (number, line) in lines {
            if line.chars().any(|c| c.is_control() && c != '\t') {
                return Err(Error::at(number, "the line has a control character"));
            }
            clean.take(number, line, &mut seen)?;
        }
        clean.session_lines = seen.bandwidth;
        clean.session_lines.append(&mut seen.attributes);
        Ok(clean)
    }

    /// The number of the first received line of this type that has this word; 0 if there is none.
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
            "c" if in_session && seen.connection => {}
            "c" => {
                seen.connection = true;
                self.push(number, "c", value);
            }
            "b" if in_session && is_bandwidth(value) => {
                seen.bandwidth.push(format!("b={value}"));
            }
            "a" if !value.is_empty() => {
                if in_session {
                    seen.attributes.push(format!("a={value}"));
                }
                self.push(number, "a", value);
            }
            "m" => {
                seen.media += 1;
                if seen.media > MAX_MEDIA {
                    return Err(Error::at(number, "there are more than 32 m-lines"));
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
    /// The session section's `b=` lines.
    bandwidth: Vec<String>,
    /// The session section's `a=` lines.
    attributes: Vec<String>,
}

/// The lines, whichever way they end, each with its number; only LF counts.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n')
        .enumerate()
        .flat_map(|(index, line)| line.split('\r').map(move |part| (index + 1, part.trim())))
}

/// Reads `<user> <id> <version> IN IP4 <address>` from the right, since the user name of some
/// devices has spaces.
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
