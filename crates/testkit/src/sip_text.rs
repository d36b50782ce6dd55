//! SIP as text, for scripted peers: built by copying headers, with no parser of ours in between, so
//! that a defect of the parser cannot hide itself.

/// The value of a header's first line, by its full name.
pub fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    headers(message, name).next()
}

/// The values of all lines of a header.
pub fn headers<'a>(message: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let head = message.split("\r\n\r\n").next().unwrap_or_default();
    let name = name.to_owned();
    head.split("\r\n").skip(1).filter_map(move |line| {
        let (field, value) = line.split_once(':')?;
        field
            .trim()
            .eq_ignore_ascii_case(&name)
            .then_some(value.trim())
    })
}

/// What stands behind the empty line.
pub fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// The method of a request, or `None` for a response.
pub fn method(message: &str) -> Option<&str> {
    let word = message.split(' ').next()?;
    (word != "SIP/2.0").then_some(word)
}

/// The status of a response, or `None` for a request.
pub fn status(message: &str) -> Option<u16> {
    message.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

/// The Request-URI.
pub fn request_uri(message: &str) -> Option<&str> {
    method(message)?;
    message.split(' ').nth(1)
}

/// The `tag` of a From or To value.
pub fn tag(value: &str) -> Option<&str> {
    let at = value.find(";tag=")?;
    value[at + 5..].split(';').next()
}

/// A response to `request`: its Via, From, To (with `to_tag` unless it has one), Call-ID, CSeq and
/// Record-Route, then `extra` header lines, then the body.
pub fn respond(request: &str, line: &str, to_tag: &str, extra: &[&str], body: &str) -> String {
    let mut out = format!("SIP/2.0 {line}\r\n");
    for name in ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"] {
        for value in headers(request, name) {
            let add = name == "To" && tag(value).is_none() && !to_tag.is_empty();
            let suffix = if add {
                format!(";tag={to_tag}")
            } else {
                String::new()
            };
            out.push_str(&format!("{name}: {value}{suffix}\r\n"));
        }
    }
    finish(out, extra, body)
}

/// A request from its start line and header lines; `Content-Length` is added.
pub fn request(start_line: &str, lines: &[&str], body: &str) -> String {
    finish(format!("{start_line} SIP/2.0\r\n"), lines, body)
}

fn finish(mut out: String, extra: &[&str], body: &str) -> String {
    for line in extra {
        out.push_str(line);
        out.push_str("\r\n");
    }
    if !body.is_empty() {
        out.push_str("Content-Type: application/sdp\r\n");
    }
    out.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_copies_what_it_must() {
        let invite = request(
            "INVITE sip:a@b",
            &[
                "Via: SIP/2.0/UDP x;branch=z9hG4bK1",
                "From: <sip:c@b>;tag=1",
                "To: <sip:a@b>",
                "Call-ID: id",
                "CSeq: 1 INVITE",
            ],
            "v=0\r\n",
        );
        let ringing = respond(&invite, "180 Ringing", "2", &[], "");
        assert_eq!(status(&ringing), Some(180));
        assert_eq!(header(&ringing, "to"), Some("<sip:a@b>;tag=2"));
        assert_eq!(header(&ringing, "CSeq"), Some("1 INVITE"));
        assert_eq!(body(&invite), "v=0\r\n");
        assert_eq!(method(&invite), Some("INVITE"));
    }
}
