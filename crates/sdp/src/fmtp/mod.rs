//! `a=fmtp` by codec: what its parameters mean, and what is written to each leg.

pub(crate) mod h264;
pub(crate) mod opus;
pub(crate) mod telephone_event;

/// Parameters `name=value;name=value`, names in lower case, in order (RFC 4855 §3).
pub(crate) fn parameters(fmtp: &str) -> impl Iterator<Item = (String, &str)> {
    fmtp.split(';').filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        Some((name.trim().to_ascii_lowercase(), value.trim()))
    })
}
