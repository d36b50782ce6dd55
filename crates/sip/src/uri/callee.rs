//! What a person types or pastes into the callee field, as a URI (requirement A7, t-A8).
use super::user::first_illegal;
use super::{SipUser, Uri};
use crate::error::{FieldError, FieldProblem};

/// Most bytes taken.
const MAX: usize = 512;

/// Reads `10005`, `10005@host`, `sip:10005@host;user=phone`, `tel:+7-495-123-45-67` or a pasted
/// `+7 (495) 123-45-67` and gives the URI to call. A bare user or a number is called at `domain`.
///
/// The parts are read to a model and printed from it, so nothing typed can end a line or start a header; URI
/// headers (`?Route=..`), passwords and `maddr`, which would send the call elsewhere, are refused.
pub fn callee_uri(typed: &str, domain: &str) -> Result<Uri, FieldError> {
    let text = typed.trim_matches(is_pasted_blank);
    if text.is_empty() {
        return Err(error(FieldProblem::Empty));
    }
    if text.len() > MAX {
        return Err(error(FieldProblem::TooLong { limit: MAX }));
    }
    if let Some((index, character)) = typed.chars().enumerate().find(|(_, c)| breaks_a_line(*c)) {
        return Err(error(FieldProblem::Character {
            character,
            position: index + 1,
        }));
    }
    let scheme = text
        .split_once(':')
        .map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    match scheme {
        Some((scheme, _)) if scheme == "sip" || scheme == "sips" => sip(text, typed),
        Some((scheme, rest)) if scheme == "tel" => tel(rest, domain),
        _ if text.contains('@') => sip(&format!("sip:{text}"), typed),
        _ => user(text, typed, domain),
    }
}

fn sip(text: &str, typed: &str) -> Result<Uri, FieldError> {
    let shape = |why| Err(error(FieldProblem::Shape(why)));
    let text = text.replace('#', "%23");
    let Ok(uri) = Uri::parse(&text) else {
        let legal = |c: char| c.is_ascii_graphic() && !"<>\"\\^`{|}".contains(c);
        let (left, typed) = trimmed(typed);
        return match typed.chars().enumerate().find(|(_, c)| !legal(*c)) {
            Some((index, character)) => Err(error(FieldProblem::Character {
                character,
                position: left + index + 1,
            })),
            None => shape("is not a SIP address (user@host)"),
        };
    };
    if uri.headers.is_some() {
        return shape("may not carry headers (the part after the question mark)");
    }
    if uri.password.is_some() {
        return shape("may not carry a password (the part after the colon)");
    }
    if ["maddr", "method", "ttl"]
        .iter()
        .any(|name| uri.params.has(name))
    {
        return shape("may not carry the parameters maddr, method or ttl");
    }
    Ok(uri)
}

/// RFC 3261 §19.1.6: the number and its parameters become the user part, `user=phone` says so.
fn tel(rest: &str, domain: &str) -> Result<Uri, FieldError> {
    let compact: String = rest
        .chars()
        .filter(|c| !is_pasted_blank(*c) && !is_dash(*c))
        .collect();
    let tel = Uri::parse(&format!("tel:{compact}"))
        .map_err(|_| error(FieldProblem::Shape("is not a telephone number")))?;
    let number = tel
        .user
        .as_deref()
        .unwrap_or("")
        .replace(is_separator, "")
        .replace('#', "%23");
    let user = SipUser::parse(&format!("{number}{}", tel.params)).map_err(|e| e.in_field(FIELD))?;
    let mut uri = Uri::address_of_record(&user, domain)?;
    uri.params.set("user", "phone");
    Ok(uri)
}

fn user(text: &str, typed: &str, domain: &str) -> Result<Uri, FieldError> {
    let text = if is_written_number(text) {
        text.chars().filter(|c| !is_separator(*c)).collect()
    } else {
        text.to_owned()
    };
    let escaped = text.replace('#', "%23");
    if first_illegal(&escaped).is_some() {
        let (left, typed) = trimmed(typed);
        // A number sign is taken, so the place of another character must be found without its escape.
        let typed = typed.replace('#', "*");
        return Err(match first_illegal(&typed) {
            Some((position, character)) => error(FieldProblem::Character {
                character,
                position: position + left,
            }),
            None => error(FieldProblem::Shape("is not a SIP user")),
        });
    }
    let user = SipUser::parse(&escaped).map_err(|e| e.in_field(FIELD))?;
    Uri::address_of_record(&user, domain)
}

const FIELD: &str = "callee";

fn error(problem: FieldProblem) -> FieldError {
    FieldError::new(FIELD, problem)
}

/// The text without blanks at its ends, and how many characters were cut off before it.
fn trimmed(typed: &str) -> (usize, &str) {
    let left = typed.chars().take_while(|c| is_pasted_blank(*c)).count();
    (left, typed.trim_matches(is_pasted_blank))
}

/// A telephone number as people write it: digits and separators, and either a sign that it is one (a plus, a
/// space, brackets) or seven digits and more. `10-05` and `1.2` stay what they are.
fn is_written_number(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let only = text
        .chars()
        .all(|c| c.is_ascii_digit() || "+*#".contains(c) || is_separator(c));
    let telling = text.contains('+') || text.contains('(') || text.chars().any(is_pasted_blank);
    only && digits > 0 && (telling || digits >= 7)
}

fn is_separator(c: char) -> bool {
    is_pasted_blank(c) || is_dash(c) || "-.()/".contains(c)
}

/// Spaces, and the invisible marks that come along when a number is copied from a contact list.
fn is_pasted_blank(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{2007}' | '\u{2009}' | '\u{202f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn is_dash(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn breaks_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, uri: &str) {
        let called = callee_uri(typed, "example.com:5070").unwrap();
        assert_eq!(called.to_string(), uri, "{typed:?}");
        assert_eq!(Uri::parse(uri).unwrap(), called);
    }

    #[track_caller]
    fn refuse(typed: &str, words: &str) {
        let sentence = callee_uri(typed, "example.com").unwrap_err().to_string();
        assert!(
            sentence.starts_with("callee") && sentence.contains(words),
            "{typed:?}: {sentence}"
        );
    }

    #[test]
    fn users_and_addresses() {
        check("10005", "sip:10005@example.com:5070");
        check(" 10005 ", "sip:10005@example.com:5070");
        check("john.doe", "sip:john.doe@example.com:5070");
        check("10-05", "sip:10-05@example.com:5070");
        check("*21#", "sip:*21%23@example.com:5070");
        check("10005@host", "sip:10005@host");
        check(
            "10005@host:5062;transport=tcp",
            "sip:10005@host:5062;transport=tcp",
        );
        check("sip:10005@host", "sip:10005@host");
        check("SIPS:10005@[2001:db8::1]", "sips:10005@[2001:db8::1]");
        check("sip:conference.example.com", "sip:conference.example.com");
        check("10005;maddr=x", "sip:10005;maddr=x@example.com:5070");
    }

    #[test]
    fn numbers_as_people_write_them() {
        check("+7 (495) 123-45-67", "sip:+74951234567@example.com:5070");
        check(
            "\u{202a}+7\u{a0}495\u{a0}123\u{2011}45\u{2013}67\u{202c}",
            "sip:+74951234567@example.com:5070",
        );
        check("8-800-555-35-35", "sip:88005553535@example.com:5070");
        check(
            "tel:+7-495-123-45-67",
            "sip:+74951234567@example.com:5070;user=phone",
        );
        check(
            "tel:1005;phone-context=example.com",
            "sip:1005;phone-context=example.com@example.com:5070;user=phone",
        );
    }

    #[test]
    fn nothing_typed_becomes_a_header() {
        refuse("", "is empty");
        refuse("  ", "is empty");
        refuse("10005\r\nX-Evil: 1", "a line break at position 6");
        refuse("10005\r\n X-Evil: 1", "a line break at position 6");
        refuse("sip:10005@host\r\nX-Evil: 1", "a line break at position 15");
        refuse("10005\n", "a line break at position 6");
        refuse("10005\0", "a NUL character");
        refuse("10005\u{2028}", "an invisible line separator");
        refuse("10005\u{85}x", "an invisible line separator");
        refuse("sip:10005@host?Route=%3Csip:evil%3E", "headers");
        refuse("sip:10005@host;maddr=10.0.0.1", "maddr");
        refuse("sip:10005:secret@host", "password");
        refuse("10005:5060", "a colon (:) at position 6");
        refuse("Ralf C", "a space at position 5");
        refuse("<sip:10005@host>", "an opening angle bracket");
        refuse(" 1 5@host ", "a space at position 3");
        refuse("*1#1 5@host", "a space at position 5");
        refuse("10005@ho<st", "an opening angle bracket (<) at position 9");
        refuse("10005@a@b", "SIP address");
        refuse("10005@", "SIP address");
        refuse("sip:10005@host SIP/2.0", "a space at position 15");
        refuse("tel:+7x", "telephone number");
        refuse("tel:", "telephone number");
        refuse(&"1".repeat(513), "longer than 512 bytes");
        assert_eq!(
            callee_uri("1", "").unwrap_err().to_string(),
            "sipDomain is empty"
        );
    }
}
