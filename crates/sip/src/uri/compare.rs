//! When two URIs are the same (RFC 3261 §19.1.4).
use super::{Uri, unescape_bytes};
use crate::lex::is_unreserved;

/// Parameters that must stand in both URIs or in none.
const SIGNIFICANT: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

pub(super) fn equivalent(a: &Uri, b: &Uri) -> bool {
    a.scheme == b.scheme
        && a.opaque == b.opaque
        && same_escaped(a.user.as_deref(), b.user.as_deref(), false)
        && same_escaped(a.password.as_deref(), b.password.as_deref(), false)
        && a.host.is_same(&b.host)
        && a.port == b.port
        && params_agree(a, b)
        && params_agree(b, a)
        && same_headers(a.headers.as_deref(), b.headers.as_deref())
}

/// Each parameter of `a` is equal in `b`, or absent there and of no significance.
fn params_agree(a: &Uri, b: &Uri) -> bool {
    a.params.iter().all(|param| {
        let name = String::from_utf8_lossy(&unescape_bytes(&param.name)).into_owned();
        match find(b, &name) {
            Some(other) => same_escaped(
                Some(param.value.as_deref().unwrap_or("")),
                Some(other),
                true,
            ),
            None => !SIGNIFICANT
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&name)),
        }
    })
}

fn find<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let same = |text: &str| unescape_bytes(text).eq_ignore_ascii_case(name.as_bytes());
    uri.params
        .iter()
        .find(|param| same(&param.name))
        .map(|param| param.value.as_deref().unwrap_or(""))
}

/// Headers are never ignored; their order is.
fn same_headers(a: Option<&str>, b: Option<&str>) -> bool {
    let sorted = |text: Option<&str>| {
        let mut list: Vec<String> = text
            .unwrap_or("")
            .split('&')
            .map(|part| normal(part, true))
            .collect();
        list.sort();
        list
    };
    sorted(a) == sorted(b)
}

fn same_escaped(a: Option<&str>, b: Option<&str>, ignore_case: bool) -> bool {
    a.map(|text| normal(text, ignore_case)) == b.map(|text| normal(text, ignore_case))
}

/// Escapes of unreserved characters decoded, all others in capitals: `%61` is `a`, `%40` is not `@`.
fn normal(text: &str, ignore_case: bool) -> String {
    let bytes = text.as_bytes();
    let mut normal = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = bytes
            .get(at..at + 3)
            .filter(|hex| byte == b'%' && hex.iter().skip(1).all(u8::is_ascii_hexdigit));
        if let Some(escape) = escape {
            let escape = String::from_utf8_lossy(escape).to_ascii_uppercase();
            match unescape_bytes(&escape).as_slice() {
                [plain] if is_unreserved(*plain) => normal.push(char::from(*plain)),
                _ => normal.push_str(&escape),
            }
            at += 3;
        } else {
            normal.push(char::from(byte));
            at += 1;
        }
    }
    if ignore_case {
        normal.to_ascii_lowercase()
    } else {
        normal
    }
}
