//! Opus parameters (RFC 7587 §6.1). They say what the writer wants to receive, so each leg is told
//! those of the other.

use super::parameters;

/// Those with a number for a value.
const KNOWN: [&str; 9] = [
    "maxplaybackrate",
    "sprop-maxcapturerate",
    "minptime",
    "maxaveragebitrate",
    "stereo",
    "sprop-stereo",
    "cbr",
    "useinbandfec",
    "usedtx",
];

/// The parameters of RFC 7587 among those given, in order, each once; `None` if there is none.
pub(crate) fn relayed(fmtp: Option<&str>) -> Option<String> {
    let mut relayed: Vec<(String, &str)> = Vec::new();
    for (name, value) in parameters(fmtp?) {
        let fresh = relayed.iter().all(|(other, _)| *other != name);
        if fresh && KNOWN.contains(&name.as_str()) && value.parse::<u32>().is_ok() {
            relayed.push((name, value));
        }
    }
    let text: Vec<String> = relayed
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    (!text.is_empty()).then(|| text.join(";"))
}

#[cfg(test)]
mod tests {
    use super::relayed;

    #[test]
    fn what_rfc_7587_names_is_relayed() {
        for (given, expected) in [
            (
                "minptime=10;useinbandfec=1",
                Some("minptime=10;useinbandfec=1"),
            ),
            (
                "maxplaybackrate=16000; Stereo=1;x-google-min-bitrate=64",
                Some("maxplaybackrate=16000;stereo=1"),
            ),
            ("usedtx=1;usedtx=0", Some("usedtx=1")),
            ("stereo=yes", None),
            ("", None),
        ] {
            assert_eq!(relayed(Some(given)).as_deref(), expected, "{given}");
        }
        assert_eq!(relayed(None), None);
    }
}
