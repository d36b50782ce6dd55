//! A SIP message without its secrets.

/// What stands in the place of a secret.
const MASK: &str = "***";

/// Header fields with digest credentials and challenges.
const DIGEST_FIELDS: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "www-authenticate",
    "proxy-authenticate",
    "authentication-info",
    "proxy-authentication-info",
];

/// Their parameters that may be read: all others are masked, those that we do not know included.
const OPEN_PARAMETERS: [&str; 8] = [
    "realm",
    "username",
    "uri",
    "algorithm",
    "qop",
    "nc",
    "stale",
    "domain",
];

/// Attributes of SDP whose value is a key or a password.
const SECRET_ATTRIBUTES: [&str; 3] = ["ice-pwd", "key-mgmt", "zrtp-hash"];

/// The text of a message with digest values, keys and passwords masked. Digits in INFO are masked,
/// too: they may be a PIN.
pub(super) fn masked(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = match text.split_once("\r\n\r\n") {
        Some((head, body)) => (head, Some(body)),
        None => (text.as_ref(), None),
    };
    let mut out = String::with_capacity(text.len());
    let mut digits = false;
    let mut secret_field = false;
    for (number, line) in head.split("\r\n").enumerate() {
        if number > 0 {
            out.push_str("\r\n");
        }
        // A folded line continues the field before it (RFC 3261 §7.3.1).
        if line.starts_with([' ', '\t']) && secret_field {
            out.push_str(&credentials(line));
            continue;
        }
        let name = line.split(':').next().unwrap_or_default().trim();
        let name = name.to_ascii_lowercase();
        digits |= (name == "content-type" || name == "c") && line.contains("application/dtmf");
        secret_field = number > 0 && DIGEST_FIELDS.contains(&name.as_str());
        match line.split_once(':').filter(|_| secret_field) {
            Some((field, value)) => {
                out.push_str(field);
                out.push(':');
                out.push_str(&credentials(value));
            }
            None => out.push_str(&without_uri_password(line)),
        }
    }
    if let Some(body) = body {
        out.push_str("\r\n\r\n");
        if digits && !body.trim().is_empty() {
            out.push_str(MASK);
        } else {
            mask_body(body, &mut out);
        }
    }
    out
}

/// `Digest realm="x", nonce="***"`; of another scheme nothing but its name.
fn credentials(value: &str) -> String {
    let trimmed = value.trim_start();
    let lead = &value[..value.len() - trimmed.len()];
    let (scheme, rest) = match trimmed.split_once(' ') {
        Some((scheme, rest)) if !scheme.contains('=') => (Some(scheme), rest),
        _ => (None, trimmed),
    };
    if scheme.is_some_and(|scheme| !scheme.eq_ignore_ascii_case("digest")) {
        return format!("{lead}{} {MASK}", scheme.unwrap_or_default());
    }
    let parameters: Vec<String> = parameters(rest).map(open).collect();
    let scheme = scheme.map_or_else(String::new, |scheme| format!("{scheme} "));
    format!("{lead}{scheme}{}", parameters.join(","))
}

/// Splits at commas that stand outside of quotes.
fn parameters(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c: char| {
        let split = c == ',' && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        split
    })
}

fn open(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, _))
            if !OPEN_PARAMETERS.contains(&name.trim().to_ascii_lowercase().as_str()) =>
        {
            format!("{name}=\"{MASK}\"")
        }
        Some(_) => parameter.to_owned(),
        None if parameter.trim().is_empty() => parameter.to_owned(),
        None => format!(" {MASK}"),
    }
}

/// `sip:user:secret@host`: the password of RFC 3261 §19.1.1.
fn without_uri_password(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = scheme_end(rest) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let user_info = after
            .find('@')
            .map(|end| &after[..end])
            .filter(|info| !info.contains([' ', '>', '<', '"', ',']));
        rest = after;
        if let Some((user, password)) = user_info.and_then(|info| info.split_once(':')) {
            out.push_str(user);
            out.push(':');
            out.push_str(MASK);
            rest = &after[user.len() + 1 + password.len()..];
        }
    }
    out.push_str(rest);
    out
}

/// Where the next `sip:` or `sips:` ends.
fn scheme_end(text: &str) -> Option<usize> {
    let after = |scheme: &str| text.find(scheme).map(|at| at + scheme.len());
    match (after("sip:"), after("sips:")) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn mask_body(body: &str, out: &mut String) {
    for (number, line) in body.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        let (line, end) = match line.strip_suffix('\r') {
            Some(line) => (line, "\r"),
            None => (line, ""),
        };
        out.push_str(&sdp_line(line).unwrap_or_else(|| without_uri_password(line)));
        out.push_str(end);
    }
}

/// The line without its secret, if it is a line of SDP that has one.
fn sdp_line(line: &str) -> Option<String> {
    if let Some(value) = line.strip_prefix("k=") {
        return (!value.is_empty()).then(|| format!("k={MASK}"));
    }
    let (name, value) = line.strip_prefix("a=")?.split_once(':')?;
    if name.eq_ignore_ascii_case("crypto") {
        // Tag and suite tell what was negotiated; the rest is the key (RFC 4568 §9.1).
        let mut words = value.split(' ');
        let tag = words.next().unwrap_or_default();
        let suite = words.next().unwrap_or_default();
        return Some(format!("a={name}:{tag} {suite} {MASK}"));
    }
    let secret = SECRET_ATTRIBUTES
        .iter()
        .any(|of| name.eq_ignore_ascii_case(of));
    secret.then(|| format!("a={name}:{MASK}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(masked(text.as_bytes()), expected);
    }

    #[test]
    fn digest_values_are_masked_and_names_are_not() {
        check(
            "REGISTER sip:a SIP/2.0\r\nAuthorization: Digest username=\"bob\", realm=\"x,y\", nonce=\"s3cret\", uri=\"sip:a\", response=\"s3cret\", cnonce=\"s3cret\", opaque=\"s3cret\", nc=00000001, qop=auth\r\nCSeq: 1 REGISTER\r\n\r\n",
            "REGISTER sip:a SIP/2.0\r\nAuthorization: Digest username=\"bob\", realm=\"x,y\", nonce=\"***\", uri=\"sip:a\", response=\"***\", cnonce=\"***\", opaque=\"***\", nc=00000001, qop=auth\r\nCSeq: 1 REGISTER\r\n\r\n",
        );
        check(
            "SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"x\",\r\n nonce=\"s3cret\"\r\n\r\n",
            "SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"x\",\r\n nonce=\"***\"\r\n\r\n",
        );
        check(
            "INVITE sip:a SIP/2.0\r\nProxy-Authorization: Bearer s3cret\r\n\r\n",
            "INVITE sip:a SIP/2.0\r\nProxy-Authorization: Bearer ***\r\n\r\n",
        );
    }

    #[test]
    fn passwords_of_uris_are_masked() {
        check(
            "INVITE sip:a:s3cret@h SIP/2.0\r\nContact: <sip:b@h:5060>, <sips:c:s3cret@h>\r\n\r\n",
            "INVITE sip:a:***@h SIP/2.0\r\nContact: <sip:b@h:5060>, <sips:c:***@h>\r\n\r\n",
        );
    }

    #[test]
    fn keys_in_sdp_are_masked() {
        check(
            "SIP/2.0 200 OK\r\n\r\nv=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:s3cret|2^20\r\na=ice-pwd:s3cret\r\nk=clear:s3cret\r\na=sendrecv\r\n",
            "SIP/2.0 200 OK\r\n\r\nv=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 ***\r\na=ice-pwd:***\r\nk=***\r\na=sendrecv\r\n",
        );
    }

    #[test]
    fn digits_are_masked() {
        check(
            "INFO sip:a SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=5\r\nDuration=250\r\n",
            "INFO sip:a SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\n***",
        );
    }
}
