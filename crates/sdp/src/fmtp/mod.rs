//! `a=fmtp` by codec: what its parameters mean, and what is written to each leg.

pub(crate) mod h264;
pub(crate) mod opus;
pub(crate) mod telephone_event;
pub(crate) mod vp8;

/// Parameters `name=value;name=value`, names in lower case, in order (RFC 4855 §3).
pub(crate) fn parameters(fmtp: &str) -> impl Iterator<Item = (String, &str)> {
    fmtp.split(';').filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        Some((name.trim().to_ascii_lowercase(), value.trim()))
    })
}

/// The known parameters among those given that have a number for a value, in order, each once;
/// `None` if there is none.
fn relayed(fmtp: Option<&str>, known: &[&str]) -> Option<String> {
    let mut relayed: Vec<(String, &str)> = Vec::new();
    for (name, value) in parameters(fmtp?) {
        let fresh = relayed.iter().all(|(other, _)| *other != name);
        if fresh && known.contains(&name.as_str()) && value.parse::<u32>().is_ok() {
            relayed.push((name, value));
        }
    }
    let text: Vec<String> = relayed
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    (!text.is_empty()).then(|| text.join(";"))
}
