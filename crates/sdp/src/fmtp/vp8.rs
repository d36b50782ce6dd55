//! VP8 parameters (RFC 7741 §6.1): how much the writer can decode.

/// What one leg is told of the other's limits.
pub(crate) fn relayed(fmtp: Option<&str>) -> Option<String> {
    super::relayed(fmtp, &["max-fr", "max-fs"])
}

#[cfg(test)]
mod tests {
    use super::relayed;

    #[test]
    fn limits_are_relayed() {
        assert_eq!(
            relayed(Some("max-fs=12288;max-fr=60")).as_deref(),
            Some("max-fs=12288;max-fr=60")
        );
        assert_eq!(relayed(Some("x-google-start-bitrate=800")), None);
    }
}
