//! Comma separated tokens: Require, Supported, Allow, Unsupported (RFC 3261 §20.32, §20.37, §20.5, §20.40).

/// The tokens of one value; empty elements are skipped, what stands there is not checked further.
pub(crate) fn tokens(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_skips() {
        assert_eq!(
            tokens(" 100rel , timer,,").collect::<Vec<_>>(),
            ["100rel", "timer"]
        );
        assert_eq!(tokens("").count(), 0);
    }
}
