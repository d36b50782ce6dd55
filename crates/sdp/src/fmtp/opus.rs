//! Opus parameters (RFC 7587 §6.1). They say what the writer wants to receive, so each leg is told
//! those of the other.

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

/// What one leg is told of the other's wishes.
pub(crate) fn relayed(fmtp: Option<&str>) -> Option<String> {
    super::relayed(fmtp, &KNOWN)
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
