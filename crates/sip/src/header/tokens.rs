//! Comma separated tokens: Require, Supported, Unsupported, Allow, Accept (RFC 3261 §20.32, §20.37, §20.40, §20.5,
//! §20.1).
use std::fmt;

/// The elements of one value. Empty elements are skipped; what stands there is not checked further.
pub(crate) fn tokens(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// Writes elements with a comma and a space between them.
pub(super) fn write_list<'a>(
    f: &mut fmt::Formatter<'_>,
    elements: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    for (index, element) in elements.enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{element}")?;
    }
    Ok(())
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
